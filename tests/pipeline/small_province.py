"""A made-up province for the tests of detecting and alerting, and its canonical events."""

from __future__ import annotations

from typing import Any

import msgspec

from ioc.domain.profile import Area, Centre, Feed, Level, Profile, Rule, Site
from ioc.domain.times import rfc3339
from ioc.pipeline.effects import InRecord

T = 1_795_489_200_000  # 2026-11-24T03:00:00Z, 10:00 in Vietnam
S = 1_000
MIN = 60_000


def _feed(name: str, *types: str, period_s: float = 10.0) -> Feed:
    """Its readings are judged as they come; tests of their order give ``order_s``."""
    return Feed(
        id=name,
        name_vi=name,
        name_en=name,
        types=types,
        expected_period_s=period_s,
        silent_after_s=60.0,
        grace_s=60.0,
        order_s=0.0,
    )


def _site(name: str, feed: str, area: str = "731", **limits: float) -> Site:
    return Site(
        id=name, feed=feed, area=area, name_vi=f"Trạm {name}", name_en=f"Site {name}", lon=1, lat=2, limits=limits
    )


NORTH = Centre(
    id="north",
    name_vi="Miền Bắc",
    name_en="North",
    kind="city",
    simulated=True,
    areas=("731",),
    feeds=(
        _feed("river", "hydro.level"),
        _feed("rain", "rain.gauge"),
        _feed("air", "air.quality", period_s=600.0),
        _feed("road", "traffic.flow", "traffic.incident"),
        _feed("calls", "emergency.call"),
        _feed("heartbeat", "source.heartbeat"),
    ),
    sites=(
        _site("R1", "river", bd1=1.8, bd2=2.0),
        _site("R2", "river", bd1=1.8, bd2=2.0, bd3=2.5),
        _site("G1", "rain"),
        _site("A1", "air"),
        _site("J1", "road"),
        _site("C114", "calls"),
        _site("NORTH", "heartbeat"),
    ),
    format={},
)


def make_rule(name: str, kind: str, type_: str, **more: Any) -> Rule:
    base = {"name_vi": name, "name_en": name, "title_vi": name, "title_en": name, "group": "river"}
    return Rule(id=name, kind=kind, type=type_, **(base | more))  # type: ignore[arg-type]


RULES = (
    make_rule(
        "level",
        "threshold",
        "hydro.level",
        field="level_m",
        unit="m",
        deadband=0.05,
        max_gap_s=60.0,
        title_vi="Mực nước {value} m, {relation} {level}",
        title_en="Level {value} m, {relation} {level}",
        levels=(
            Level(name="BĐ1", priority=3, limit_from="bd1"),
            Level(name="BĐ2", priority=2, limit_from="bd2"),
            Level(name="BĐ3", priority=1, limit_from="bd3"),
        ),
    ),
    make_rule(
        "jam",
        "threshold",
        "traffic.flow",
        field="speed_km_h",
        direction="below",
        inclusive=False,
        on_delay_s=60.0,
        off_delay_s=30.0,
        max_gap_s=30.0,
        levels=(Level(name="slow", priority=3, limit=15.0),),
    ),
    make_rule(
        "aqi",
        "aqi",
        "air.quality",
        inclusive=False,
        decimals=0,
        title_vi="VN_AQI {value}, {band}",
        levels=(Level(name="Xấu", priority=3, limit=150.0), Level(name="Rất xấu", priority=2, limit=200.0)),
    ),
    make_rule(
        "injury",
        "occurrence",
        "traffic.incident",
        priority=1,
        hold_s=300.0,
        match={"injured": {"min": 1}},
        title_vi="{kind}, {injured} người bị thương",
        words_vi={"accident": "Tai nạn"},
    ),
    make_rule(
        "call",
        "occurrence",
        "emergency.call",
        hold_s=300.0,
        object=("kind",),
        levels=(Level(name="114", priority=1, match={"number": "114"}),),
    ),
    make_rule(
        "silent", "silence", "source.heartbeat", priority=2, after_s=30.0, title_vi="{centre} im lặng từ {since}"
    ),
)
PROFILE = Profile(
    id="small",
    name_vi="Tỉnh Nhỏ",
    name_en="Small",
    title_vi="",
    title_en="",
    timezone="Asia/Ho_Chi_Minh",
    areas=(Area(code="731", name_vi="Thành Phố", name_en="City", kind="city"),),
    centres=(NORTH,),
    rules=RULES,
    targets=(),
)
TYPES = {
    "R": ("river", "hydro.level"),
    "G": ("rain", "rain.gauge"),
    "A": ("air", "air.quality"),
    "N": ("heartbeat", "source.heartbeat"),
}


def event(
    site: str,
    at_ms: int,
    data: dict[str, Any],
    *,
    type_: str | None = None,
    feed: str | None = None,
    id_: str | None = None,
    arrived_ms: int | None = None,
    exercise: str | None = None,
) -> bytes:
    """A canonical event; feed and type by the first letter of the site when not given."""
    known_feed, known_type = TYPES.get(site[0], ("", ""))
    feed, type_ = feed or known_feed, type_ or known_type
    body: dict[str, Any] = {
        "specversion": "1.0",
        "id": id_ or f"{site}-{at_ms}",
        "source": f"/north/{feed}/{site}",
        "type": type_,
        "subject": "731",
        "time": rfc3339(at_ms),
        "recordedtime": rfc3339(at_ms if arrived_ms is None else arrived_ms),
        "centre": "north",
        "area": "731",
        "feed": feed,
        "datacontenttype": "application/json",
        "data": data,
    }
    if exercise is not None:
        body["exercise"] = exercise
    return msgspec.json.encode(body)


def river(site: str, at_ms: int, level_m: float, **more: Any) -> bytes:
    """A river reading."""
    return event(site, at_ms, {"level_m": level_m}, **more)


def road(at_ms: int, speed_km_h: float, **more: Any) -> bytes:
    """A traffic reading of J1."""
    data = {"intensity_veh_h": 100.0, "speed_km_h": speed_km_h}
    return event("J1", at_ms, data, type_="traffic.flow", feed="road", **more)


def crash(at_ms: int, injured: int, **more: Any) -> bytes:
    """An accident at J1."""
    return event("J1", at_ms, {"kind": "accident", "injured": injured}, type_="traffic.incident", feed="road", **more)


def heartbeat(at_ms: int, **more: Any) -> bytes:
    """A heartbeat of the centre."""
    return event("NORTH", at_ms, {"seq": 1, "lag_s": 0.1}, **more)


def records(values: list[bytes], first: int = 0) -> list[InRecord]:
    """Values as records of one partition."""
    return [InRecord(first + i, 0, None, value) for i, value in enumerate(values)]
