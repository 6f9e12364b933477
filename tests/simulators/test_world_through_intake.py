"""The simulated province and the intake agree: every reading of every centre becomes an event, and none twice."""

from __future__ import annotations

from collections import Counter

from ioc.adapters.profiles import load_profile
from ioc.pipeline.effects import InRecord
from ioc.pipeline.intake import IntakePartition
from ioc.wire.codec import decode_dead, decode_event
from simulators import scenario
from simulators.formats import encode
from simulators.programme import Programme

START_MS = 1_764_000_000_000


def test_twenty_minutes_of_the_province_without_one_dead_letter() -> None:
    profile = load_profile("dongnai-2023")
    played = scenario.load("live")
    readings = Programme(profile, played, start_ms=START_MS, seed=7, rate=20.0).between(START_MS, START_MS + 1_200_000)
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
    assert {"hydro.level", "rain.gauge", "air.quality", "traffic.flow", "service.kpi", "source.heartbeat"} <= set(kinds)
    assert sum(kinds.values()) > 10_000
