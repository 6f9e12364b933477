"""Oracle of ``intake``: which readings become events, which are duplicates, which are refused and why.

The rules it repeats, for the three formats of the made streams: the bytes must be UTF-8 and JSON; the record must name
its own centre, a known kind, a registered site and a moment from 24 h before to 120 s after its arrival; its main
value must be there and within the plausible range of the catalogue. The same id of a centre again is a duplicate when
everything is the same, and a conflict otherwise; the first one stays. A refused record is not remembered.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from ioc.bench.stream_made import Made
from ioc.bench.stream_oracle import Outputs
from ioc.domain.profile import Profile
from ioc.wire import progress

FUTURE_MAX_MS = 120_000
PAST_MAX_MS = 86_400_000
HANOI = timezone(timedelta(hours=7))

# canonical type → main field and its plausible range
MAIN = {
    "hydro.level": ("level_m", -5.0, 150.0),
    "rain.gauge": ("mm_1h", 0.0, 300.0),
    "air.quality": ("pm25_ug_m3", 0.0, 1500.0),
    "traffic.flow": ("speed_km_h", 0.0, 200.0),
    "service.kpi": ("value", -1e9, 1e12),
    "source.heartbeat": ("lag_s", 0.0, 86_400.0),
}


class Seen(NamedTuple):
    """What a native record says, as far as the oracle looks."""

    centre: str
    id: str
    type: str
    site: str
    time_ms: int
    value: float | None


class Event(NamedTuple):
    """What must stand in the canonical event."""

    type: str
    site: str
    time_ms: int
    value: float


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _comma(body: dict[str, Any], name: str) -> float | None:
    return None if name not in body else float(body[name].replace(",", "."))


def _bien_hoa(body: dict[str, Any]) -> Seen:
    names = {
        "giao_thong": ("traffic.flow", "toc_do"),
        "mua": ("rain.gauge", "mua_1g"),
        "thuy_van": ("hydro.level", "muc_nuoc"),
        "khong_khi": ("air.quality", "bui_pm25"),
        "nhip_tim": ("source.heartbeat", "tre_giay"),
    }
    type_, name = names.get(body["he_thong"], ("", ""))
    moment = datetime.strptime(body["thoi_gian"], "%d/%m/%Y %H:%M:%S").replace(tzinfo=HANOI)
    centre = "bien-hoa" if body["don_vi"] == "IOC-BH" else ""
    return Seen(centre, body["ma_ban_tin"], type_, body["ma_tram"], _ms(moment), _comma(body, name))


def _long_khanh(body: dict[str, Any]) -> Seen:
    names = {
        "TrafficFlowObserved": ("traffic.flow", "averageVehicleSpeed"),
        "WeatherObserved": ("rain.gauge", "precipitation"),
        "AirQualityObserved": ("air.quality", "pm25"),
        "Device": ("source.heartbeat", "value"),
    }
    type_, name = names.get(body["type"], ("", ""))
    _, _, _, centre, id_ = body["id"].split(":", 4)
    moment = body["dateLastValueReported" if "dateLastValueReported" in body else "dateObserved"]["value"]["@value"]
    value = body[name]["value"] if name in body else None
    if isinstance(value, list):
        value = value[1]
    site = body["refDevice"]["object"].rsplit(":", 1)[1]
    return Seen(centre, id_, type_, site, _ms(datetime.fromisoformat(moment)), value)


def _tinh(body: dict[str, Any]) -> Seen:
    names = {
        "vn.dongnai.thuyvan.mucnuoc": ("hydro.level", "mucNuocCm", 100.0),
        "vn.dongnai.chisoso.chitieu": ("service.kpi", "giaTri", 1.0),
        "vn.dongnai.hethong.nhiptim": ("source.heartbeat", "treMs", 1000.0),
    }
    type_, name, divisor = names.get(body["type"], ("", "", 1.0))
    _, centre, _, site = body["source"].split("/")
    value = body["data"][name] / divisor if name in body["data"] else None
    return Seen(centre, body["id"], type_, site, _ms(datetime.fromisoformat(body["time"])), value)


READ: dict[str, Callable[[dict[str, Any]], Seen]] = {
    "bien-hoa": _bien_hoa,
    "long-khanh": _long_khanh,
    "tinh": _tinh,
}


class IntakeTruth:
    """See :class:`ioc.bench.stream_oracle.Oracle`."""

    outputs = ("events", "dead", "checkpoints.intake")

    def __init__(self, profile: Profile) -> None:
        self._sites = {
            (centre.id, type_, site.native_id or site.id): site.id
            for centre in profile.centres
            for feed in centre.feeds
            for type_ in feed.types
            for site in centre.sites
            if site.feed == feed.id
        }
        self._offsets: Counter[tuple[str, int]] = Counter()
        self._known: dict[tuple[str, int, str], bytes] = {}
        self.events: dict[tuple[str, str], Event] = {}
        self.dead: dict[str, str] = {}
        self.duplicates = 0

    @property
    def counts(self) -> dict[str, int]:
        """For the report's head."""
        return {"events": len(self.events), "duplicates": self.duplicates, **Counter(self.dead.values())}

    def see(self, made: Made, partition: int) -> None:
        """One record of a raw topic."""
        centre = made.topic.removeprefix("raw.")
        offset = self._offsets[made.topic, partition]
        self._offsets[made.topic, partition] += 1
        code = self._judge(made, centre, partition)
        if code == "duplicate":
            self.duplicates += 1
        elif code:
            self.dead[f"{made.topic}/{partition}/{offset}"] = code

    def _judge(self, made: Made, centre: str, partition: int) -> str | None:
        try:
            body = json.loads(made.value.decode("utf-8"))
        except UnicodeDecodeError as exc:
            # A text cut inside a letter is not valid UTF-8 either, and that is what is said first.
            return "encoding" if exc.start >= 0 else None
        except ValueError:
            return "malformed"
        seen = READ[centre](body)
        if seen.centre != centre:
            return "centre_mismatch"
        if not seen.type:
            return "unknown_type"
        if seen.time_ms > made.arrival_ms + FUTURE_MAX_MS:
            return "future"
        if seen.time_ms < made.arrival_ms - PAST_MAX_MS:
            return "ancient"
        site = self._sites.get((centre, seen.type, seen.site))
        if site is None:
            return "unknown_source"
        _, low, high = MAIN[seen.type]
        if seen.value is None:
            return "schema"
        if not low <= seen.value <= high:
            return "range"
        before = self._known.setdefault((centre, partition, seen.id), made.value)
        if (centre, seen.id) in self.events:
            return "duplicate" if before == made.value else "id_conflict"
        self.events[centre, seen.id] = Event(seen.type, site, seen.time_ms, seen.value)
        return None

    def differences(self, outputs: Outputs) -> list[str]:
        """Each event once and as it was sent, each refusal once with its code, the duplicates counted."""
        said: list[str] = []
        times: Counter[tuple[str, str]] = Counter()
        for _, key, value in outputs["events"]:
            if key == progress.KEY:
                continue
            event = json.loads(value or b"{}")
            name = event["centre"], event["id"]
            times[name] += 1
            wanted = self.events.get(name)
            if wanted is None:
                said.append(f"event {'/'.join(name)} should not be there")
                continue
            field = MAIN[wanted.type][0]
            site, moment = event["source"].rsplit("/", 1)[1], _ms(datetime.fromisoformat(event["time"]))
            got = Event(event["type"], site, moment, event["data"].get(field))
            if got[:3] != wanted[:3] or got.value is None or abs(got.value - wanted.value) > 1e-9:
                said.append(f"event {'/'.join(name)} is {tuple(got)}, must be {tuple(wanted)}")
        said += [f"event {'/'.join(name)} came {count} times" for name, count in times.items() if count > 1]
        said += [f"event {'/'.join(name)} is missing" for name in self.events if name not in times]
        return said + self._dead(outputs) + self._duplicates(outputs)

    def _dead(self, outputs: Outputs) -> list[str]:
        said: list[str] = []
        found: Counter[str] = Counter()
        for _, _, value in outputs["dead"]:
            letter = json.loads(value or b"{}")
            found[letter["id"]] += 1
            wanted = self.dead.get(letter["id"])
            if wanted != letter["code"]:
                said.append(
                    f"dead letter {letter['id']} has the code {letter['code']}, must be {wanted or 'no letter'}"
                )
        said += [f"dead letter {name} came {count} times" for name, count in found.items() if count > 1]
        return said + [f"dead letter {name} ({code}) is missing" for name, code in self.dead.items() if not found[name]]

    def _duplicates(self, outputs: Outputs) -> list[str]:
        """By the counters that the job keeps with its state, one record per input partition; the newest holds."""
        rows = outputs["checkpoints.intake"]
        newest = {(partition, key): value for partition, key, value in rows if key.endswith(b"|totals")}
        counted = sum(json.loads(value or b"{}")["duplicates"] for value in newest.values())
        return [] if counted == self.duplicates else [f"{counted} duplicates were counted, must be {self.duplicates}"]
