"""The simulated province and the intake agree: every reading of every centre becomes an event, and none twice."""

from __future__ import annotations

from collections import Counter

from ioc.adapters.profiles import load_profile
from ioc.domain.catalogue import PAYLOADS
from ioc.pipeline.effects import InRecord
from ioc.pipeline.intake import IntakePartition
from ioc.wire.codec import decode_dead, decode_event
from simulators import fit, scenario
from simulators.formats import encode
from simulators.local_time import day_start_ms
from simulators.plan import Scenario
from simulators.programme import Programme

START_MS = 1_764_000_000_000
STORMY = """
title_vi = "x"
title_en = "x"
rate = 12
[[incident]]
kind = "storm_cell"
at_s = 60
lon = 106.89
lat = 10.92
depth_mm = 110
minutes = 30
radius_km = 7
[[incident]]
kind = "crowd"
at_s = 0
lon = 106.89918
lat = 10.86219
minutes = 60
[[incident]]
kind = "platform_outage"
at_s = 120
site = "POP-DVC"
minutes = 5
[[incident]]
kind = "cyber_attack"
at_s = 30
[[incident]]
kind = "accident"
at_s = 90
site = "CAM-BH-003"
injured = 1
[[incident]]
kind = "power_cut"
at_s = 200
site = "PWR-LK-002"
"""


def through_intake(plan: Scenario, start_ms: int, length_ms: int, rate: float | None) -> Counter[str]:
    """Kinds of the events that come out; anything that is not an event, or has lost its name, fails."""
    profile = load_profile("dongnai-2023")
    fit.check(plan, profile, scenario.Page("", "test"))
    readings = Programme(profile, plan, start_ms=start_ms, seed=7, rate=rate).between(start_ms, start_ms + length_ms)
    steps = {centre: IntakePartition(profile, centre, 0) for centre in profile.centre_ids}
    kinds: Counter[str] = Counter()
    for offset, reading in enumerate(readings):
        key, value = encode(profile, reading)
        arrival_ms = reading.time_ms + 300
        (emit,) = steps[reading.centre].step([InRecord(offset, arrival_ms, key, value)], arrival_ms).emits
        assert emit.topic == "events", decode_dead(emit.value or b"")
        event = decode_event(emit.value or b"")
        assert (event.id, event.site) == (reading.id, reading.site)
        kinds[reading.type] += 1
    return kinds


def test_twenty_minutes_of_the_province_without_one_dead_letter() -> None:
    kinds = through_intake(scenario.load("live"), START_MS, 1_200_000, 20.0)
    assert {"hydro.level", "rain.gauge", "air.quality", "traffic.flow", "service.kpi", "source.heartbeat"} <= set(kinds)
    assert sum(kinds.values()) > 10_000


def test_a_storm_in_office_hours_brings_every_type_and_no_dead_letter() -> None:
    at_ten_ms = day_start_ms(19_358 + 45) + 10 * 3_600_000
    kinds = through_intake(scenario.parse(STORMY, "stormy.toml"), at_ten_ms, 3_000_000, None)
    assert set(kinds) == set(PAYLOADS)
