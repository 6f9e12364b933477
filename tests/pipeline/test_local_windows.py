"""Declared windows that begin at local midnight, through the detecting step."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ioc.domain.measures import Rollup
from ioc.domain.profile import WindowSpec
from ioc.pipeline.detect import DetectPartition
from ioc.pipeline.effects import Emit
from ioc.wire import codec
from tests.pipeline.small_province import MIN, PROFILE, S, T, records, river


def rollups(emits: list[Emit]) -> list[Rollup]:
    return [codec.decode_rollup(e.value) for e in emits if e.topic == "rollups" and e.value is not None]


@pytest.mark.parametrize("restart", [False, True])
def test_a_local_day_is_one_rollup_from_midnight_to_midnight(restart: bool) -> None:
    day = WindowSpec(type="hydro.level", size_s=86_400, align="local")
    profile = replace(PROFILE, windows=(day,))
    step = DetectPartition(profile, 0)
    midnight = T - 10 * 60 * MIN  # T is 10:00 in Việt Nam
    emits = step.step(records([river("R1", midnight - 1, 1.0), river("R1", midnight, 2.0)]), midnight + S).emits
    if restart:
        rows = step.take_dirty()
        step = DetectPartition(profile, 0)
        for key, value in rows:
            assert value is not None
            step.load(key, value)
    emits += step.step(records([river("R1", midnight + 86_400_000 - 1, 3.0)]), midnight + 86_400_000).emits
    emits += step.step(records([river("R1", midnight + 86_400_000 + 5 * S, 4.0)]), midnight + 86_400_000 + 5 * S).emits
    days = {one.window_start_ms: one for one in rollups(emits) if one.window_ms == 86_400_000}
    assert sorted(days) == [midnight - 86_400_000, midnight, midnight + 86_400_000]
    assert (days[midnight].n, days[midnight].min, days[midnight].max, days[midnight].final) == (2, 2.0, 3.0, True)


def test_a_day_that_was_of_utc_and_becomes_local_begins_anew() -> None:
    utc = WindowSpec(type="hydro.level", size_s=86_400)
    step = DetectPartition(replace(PROFILE, windows=(utc,)), 0)
    step.step(records([river("R1", T, 1.0)]), T)
    step.take_dirty()
    step.use(replace(PROFILE, windows=(replace(utc, align="local"),)), T)
    gone = [key for key, value in step.take_dirty() if value is None]
    assert gone == [f"window/north/731/river/hydro.level/{T - T % 86_400_000}/86400000"]
