"""What the centres really send, for ``intake``: three native formats, and what goes wrong with them.

The bytes are written by hand after the formats as the centres document them, not after the profile's tables. Of a
hundred records about ninety are good; the others are delivered twice, contradict an earlier one, come a day late or
from the future, are cut off, or break one rule of their format.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from datetime import timedelta

from ioc.bench.stream_made import BASE_MS, EVENTS_PER_S, Made, Stream, Text
from ioc.domain.profile import Profile
from ioc.domain.times import from_ms

LOCAL = timedelta(hours=7)
LATE = 0.03  # still accepted: intake knows no lateness below a day
TROUBLE = (  # share of each kind of trouble
    ("duplicate", 0.02),
    ("conflict", 0.002),
    ("ancient", 0.005),
    ("future", 0.005),
    ("cut", 0.01),
    ("encoding", 0.003),
    ("stranger", 0.005),
    ("kind", 0.005),
    ("range", 0.005),
    ("missing", 0.005),
    ("centre", 0.002),
)
MEMORY = 500  # a second delivery follows within so many records of its topic
BATCH = 50  # records that came together and share the broker's stamp, as in a raw topic
CONTRADICTED = 60  # within what a source's numbers are remembered with their content; older ones pass as duplicates
# native kind → canonical type and share, per centre
KINDS = {
    "bien-hoa": {
        "giao_thong": ("traffic.flow", 70),
        "mua": ("rain.gauge", 10),
        "thuy_van": ("hydro.level", 5),
        "khong_khi": ("air.quality", 10),
        "nhip_tim": ("source.heartbeat", 5),
    },
    "long-khanh": {
        "TrafficFlowObserved": ("traffic.flow", 70),
        "WeatherObserved": ("rain.gauge", 12),
        "AirQualityObserved": ("air.quality", 12),
        "Device": ("source.heartbeat", 6),
    },
    "tinh": {
        "vn.dongnai.thuyvan.mucnuoc": ("hydro.level", 50),
        "vn.dongnai.chisoso.chitieu": ("service.kpi", 40),
        "vn.dongnai.hethong.nhiptim": ("source.heartbeat", 10),
    },
}
CENTRE_SHARES = {"bien-hoa": 55, "long-khanh": 35, "tinh": 10}


class Draft:
    """A record before it is written: enough to break one thing at a time."""

    def __init__(self, kind: str, site: str, id_: str, time_ms: int, sequence: int) -> None:
        self.kind, self.site, self.id, self.time_ms, self.sequence = kind, site, id_, time_ms, sequence
        self.value: float | None = None  # main value; None: the field is left out
        self.centre = ""  # another centre's name


def native(profile: Profile, count: int, seed: int) -> Stream:
    """``count`` records of the raw topics, in the order of their arrival."""
    rnd = random.Random(f"native {seed}")
    write = Writer()
    centres = [c for c in CENTRE_SHARES if any(c == known.id for known in profile.centres)]
    sites = {
        (centre.id, kind): [s.native_id or s.id for s in centre.sites if s.feed in _feeds(centre.feeds, type_)]
        for centre in profile.centres
        for kind, (type_, _) in KINDS.get(centre.id, {}).items()
    }
    kinds = {c: [k for k, (_, share) in KINDS[c].items() if sites[c, k] for _ in range(share)] for c in centres}
    weighted = [centre for centre in centres for _ in range(CENTRE_SHARES[centre])]
    sequences: dict[tuple[str, str], int] = {}
    recent: dict[str, deque[tuple[Draft, bytes]]] = {centre: deque(maxlen=MEMORY) for centre in centres}
    for i in range(count):
        centre = rnd.choice(weighted)
        arrival_ms = BASE_MS + i // BATCH * BATCH * 1000 // EVENTS_PER_S
        trouble = _trouble(rnd.random())
        if trouble in ("duplicate", "conflict") and recent[centre]:
            back = len(recent[centre]) if trouble == "duplicate" else min(CONTRADICTED, len(recent[centre]))
            draft, value = recent[centre][-rnd.randint(1, back)]
            if trouble == "conflict":
                other = Draft(draft.kind, draft.site, draft.id, draft.time_ms, draft.sequence)
                other.value = _value(rnd, draft.kind)
                value = write(centre, other)
            yield Made(f"raw.{centre}", draft.site.encode(), value, arrival_ms)
            continue
        kind = rnd.choice(kinds[centre])
        site = rnd.choice(sites[centre, kind])
        sequence = sequences[centre, site] = sequences.get((centre, site), 0) + 1
        delay_ms = rnd.randrange(30_000, 900_000) if rnd.random() < LATE else rnd.randrange(1_500)
        draft = Draft(kind, site, f"{site}-{i}", arrival_ms - delay_ms, sequence)
        draft.value = _value(rnd, kind)
        good = trouble in (None, "duplicate", "conflict")
        if good:
            value = write(centre, draft)
            recent[centre].append((draft, value))
        else:
            value = _break(rnd, write, centre, draft, trouble or "")
        yield Made(f"raw.{centre}", site.encode(), value, arrival_ms)


def _feeds(feeds: tuple[object, ...], type_: str) -> set[str]:
    return {feed.id for feed in feeds if type_ in feed.types}  # type: ignore[attr-defined]


def _trouble(share: float) -> str | None:
    for name, part in TROUBLE:
        if share < part:
            return name
        share -= part
    return None


def _break(rnd: random.Random, write: Writer, centre: str, draft: Draft, trouble: str) -> bytes:
    match trouble:
        case "ancient":
            draft.time_ms -= 25 * 3_600_000
        case "future":
            draft.time_ms += rnd.randrange(180_000, 3_600_000)
        case "stranger":
            draft.site = f"NOBODY-{rnd.randrange(50)}"
        case "kind":
            draft.kind = "chưa-biết"
        case "range":
            draft.value = 123_456.5
        case "missing":
            draft.value = None
        case "centre":
            draft.centre = "elsewhere"
    value = write(centre, draft)
    if trouble == "cut":
        return value[: rnd.randrange(1, len(value) - 1)]
    if trouble == "encoding":
        return value[:-1] + b',"x":"\xff"}'
    return value


def _value(rnd: random.Random, kind: str) -> float:
    """Main value in the unit of the format, two decimals at most."""
    if kind == "vn.dongnai.thuyvan.mucnuoc":
        return float(rnd.randrange(9_000, 11_000))  # cm
    if kind == "vn.dongnai.hethong.nhiptim":
        return float(rnd.randrange(3_000))  # ms
    return rnd.randrange(100, 6_000) / 100


class Writer:
    """Draft → native bytes."""

    def __init__(self) -> None:
        self._text = Text()
        self._local: dict[int, str] = {}
        self._write: dict[str, Callable[[Draft], str]] = {
            "bien-hoa": self._bien_hoa,
            "long-khanh": self._long_khanh,
            "tinh": self._tinh,
        }

    def __call__(self, centre: str, draft: Draft) -> bytes:
        """The record as the centre sends it."""
        return self._write[centre](draft).encode()

    def _bien_hoa(self, d: Draft) -> str:
        value = None if d.value is None else f"{d.value:.2f}".replace(".", ",")
        body = {
            "giao_thong": ("toc_do", '"luu_luong":"612,5","chiem_dung_pt":"23,4","un_tac":"K"'),
            "mua": ("mua_1g", '"mua_10p":"0,4","mua_24g":"61,5"'),
            "thuy_van": ("muc_nuoc", '"xu_the_cm_gio":"-1,5"'),
            "khong_khi": ("bui_pm25", '"bui_pm10":"48,5","o3":"61","no2":"20,25","co_mg":"0,6"'),
            "nhip_tim": ("tre_giay", f'"dem":{d.sequence}'),
        }.get(d.kind, ("gia_tri", '"x":1'))
        main = "" if value is None else f',"{body[0]}":"{value}"'
        extra = body[1]
        if value is None and d.kind == "nhip_tim":
            extra = '"ghi_chu":""'  # its counter is what it must have
        if value is None and d.kind == "khong_khi":
            extra = '"ghi_chu":""'  # no pollutant at all
        second = d.time_ms // 1000
        local = self._local.get(second)
        if local is None:
            local = self._local[second] = f"{from_ms(second * 1000) + LOCAL:%d/%m/%Y %H:%M:%S}"
        return (
            f'{{"don_vi":"{d.centre or "IOC-BH"}","phien_ban":"1.1","ma_ban_tin":"{d.id}","he_thong":"{d.kind}",'
            f'"ma_tram":"{d.site}","thoi_gian":"{local}","so_thu_tu":{d.sequence},{extra}{main},'
            '"kinh_do":"106,89918","vi_do":"10,86219"}'
        )

    def _long_khanh(self, d: Draft) -> str:
        when = "dateLastValueReported" if d.kind == "Device" else "dateObserved"
        main = {
            "TrafficFlowObserved": ("averageVehicleSpeed", {"intensity": 612.5, "occupancy": 0.23}),
            "WeatherObserved": ("precipitation", {"precipitation10Min": 0.4, "precipitation24h": 61.5}),
            "AirQualityObserved": ("pm25", {} if d.value is None else {"pm10": 48.5}),
        }.get(d.kind, ("value", {}))
        parts = [f'"{name}":{{"type":"Property","value":{value}}}' for name, value in main[1].items()]
        if d.value is not None:
            value = f"[{d.sequence},{d.value}]" if d.kind == "Device" else f"{d.value}"
            parts.append(f'"{main[0]}":{{"type":"Property","value":{value}}}')
        parts.append('"x":1')
        return (
            f'{{"id":"urn:ngsi-ld:{d.kind}:{d.centre or "long-khanh"}:{d.id}","type":"{d.kind}",'
            f'"{when}":{{"type":"Property","value":{{"@type":"DateTime","@value":"{self._text(d.time_ms)}"}}}},'
            f'{",".join(parts)},"location":{{"type":"GeoProperty","value":{{"type":"Point","coordinates":'
            f'[107.24,10.93]}}}},"refDevice":{{"type":"Relationship","object":"urn:ngsi-ld:Device:{d.site}"}},'
            f'"sequenceNumber":{{"type":"Property","value":{d.sequence}}},'
            '"@context":["https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld"]}'
        )

    def _tinh(self, d: Draft) -> str:
        data = {
            "vn.dongnai.thuyvan.mucnuoc": '"mucNuocCm":%s,"xuTheCmGio":-1.5',
            "vn.dongnai.chisoso.chitieu": f'"chiTieu":"{d.site.lower()}","giaTri":%s,"donVi":"%%"',
            "vn.dongnai.hethong.nhiptim": f'"thuTu":{d.sequence},"treMs":%s',
        }.get(d.kind, '"x":%s')
        body = data % d.value if d.value is not None else '"x":1'
        return (
            f'{{"specversion":"1.0","id":"{d.id}","source":"/{d.centre or "tinh"}/he-thong/{d.site}","type":"{d.kind}",'
            f'"time":"{self._text(d.time_ms)}","sequence":"{d.sequence:012d}","datacontenttype":"application/json",'
            f'"data":{{{body}}}}}'
        )
