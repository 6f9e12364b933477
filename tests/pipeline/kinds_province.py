"""The small province under rules of the other kinds, and with windows beside the minute."""

from __future__ import annotations

from typing import Any

import msgspec

from ioc.domain.catalogue import PAYLOADS
from ioc.domain.profile import Feed, Hours, Level, Member, Site, Target, WindowSpec
from tests.pipeline.made_up import table
from tests.pipeline.small_province import NORTH, PROFILE, event, make_rule

RULES = (
    make_rule(
        "rise",
        "rate",
        "hydro.level",
        field="level_m",
        span_s=60.0,
        max_gap_s=60.0,
        deadband=1.0,
        sites=("R1",),
        title_vi="Lên {value} m/giờ, hiện {measured} m",
        levels=(Level(name="fast", priority=2, limit=6.0),),
    ),
    make_rule(
        "jumpy",
        "n_of_m",
        "traffic.flow",
        field="speed_km_h",
        direction="below",
        n=2,
        of=3,
        max_gap_s=300.0,
        levels=(Level(name="slow", priority=3, limit=15.0),),
    ),
    make_rule(
        "target",
        "ratio",
        "service.kpi",
        direction="below",
        inclusive=False,
        title_vi="{measured} trên mục tiêu {goal}",
        levels=(Level(name="below", priority=4, limit=100.0),),
        max_gap_s=600.0,
    ),
    make_rule(
        "odd",
        "anomaly",
        "rain.gauge",
        field="mm_1h",
        weeks_min=2,
        deviation_min=0.5,
        max_gap_s=600.0,
        levels=(Level(name="odd", priority=3, limit=4.0),),
    ),
    make_rule(
        "surge",
        "count",
        "traffic.incident",
        scope="area",
        object=("kind",),
        within_s=600.0,
        title_vi="{count} lần {kind}",
        levels=(Level(name="three", priority=2, limit=3.0),),
    ),
    make_rule(
        "night",
        "threshold",
        "rain.gauge",
        field="mm_10min",
        schedule=(Hours(start="22:00", end="06:00"),),
        levels=(Level(name="wet", priority=3, limit=5.0),),
    ),
    make_rule(
        "wave",
        "combination",
        "hydro.level",
        scope="centre",
        priority=1,
        members=(Member(rule="rise"), Member(rule="surge")),
        title_vi="Lũ từ {since}",
    ),
)
KPI = Feed(
    id="kpi", name_vi="", name_en="", types=("service.kpi",), expected_period_s=60, silent_after_s=300, order_s=0
)
INDICATORS = tuple(Site(id=i, feed="kpi", area="731", name_vi=i, name_en=i) for i in ("USED", "RANK"))


def _record(feed: str, type_: str) -> dict[str, Any]:
    """A native record kind that could make the type: the runner wants one per type; these tests send events."""
    fields = {f.name: {"path": f.name} for f in msgspec.structs.fields(PAYLOADS[type_]) if f.required}
    if not fields:
        fields = {"pm25_ug_m3": {"path": "pm25"}}
    return {"when": {"what": type_}, "type": type_, "feed": feed, "fields": fields}


PROFILE_OF_KINDS = msgspec.structs.replace(
    PROFILE,
    centres=(
        msgspec.structs.replace(
            NORTH,
            feeds=(*NORTH.feeds, KPI),
            sites=(*NORTH.sites, *INDICATORS),
            format=table(records=[_record(feed.id, type_) for feed in (*NORTH.feeds, KPI) for type_ in feed.types]),
        ),
    ),
    rules=RULES,
    targets=(
        Target(indicator="used", pillar="government", name_vi="", name_en="", unit="%", better="higher", target=40.0),
        Target(indicator="rank", pillar="society", name_vi="", name_en="", unit="", better="lower", target=10.0),
        Target(indicator="open", pillar="society", name_vi="", name_en="", unit="", better="higher"),
    ),
    windows=(
        WindowSpec(type="hydro.level", size_s=120, hop_s=60, quantiles=(0.5,), distinct="site"),
        WindowSpec(type="traffic.flow", size_s=10),
    ),
)


def rain(at_ms: int, mm_1h: float, mm_10min: float = 0.0, **more: Any) -> bytes:
    """A reading of G1."""
    return event("G1", at_ms, {"mm_10min": mm_10min, "mm_1h": mm_1h, "mm_24h": 20.0}, **more)


def kpi(at_ms: int, indicator: str, value: float) -> bytes:
    """A value of an indicator."""
    data = {"indicator": indicator, "value": value, "unit": "%"}
    return event(indicator.upper(), at_ms, data, type_="service.kpi", feed="kpi")
