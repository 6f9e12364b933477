"""Sums of rolling amounts, compared with the rain that really fell."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.domain.readings import Readings
from ioc.domain.sums import COVERS_MAX, POINTS_PER_COVER, take, total

MIN = 60_000
HOUR = 60 * MIN


def rolling(rain_per_min: list[float], minute: int, covers_min: int = 60) -> float:
    """What the gauge says at the end of a minute: the rain of the minutes before it."""
    return sum(rain_per_min[max(0, minute - covers_min + 1) : minute + 1])


def play(rain_per_min: list[float], minutes: list[int], longest_ms: int) -> Readings:
    held = Readings()
    for minute in minutes:
        assert take(held, rolling(rain_per_min, minute), minute * MIN, "a", HOUR, longest_ms)
    return held


def test_steady_rain_adds_up_to_what_fell() -> None:
    rain = [0.2] * 800
    held = play(rain, list(range(800)), 12 * HOUR)
    assert total(held, 3 * HOUR, HOUR) == (pytest.approx(36.0), True)
    assert total(held, 12 * HOUR, HOUR) == (pytest.approx(144.0), True)
    assert total(held, HOUR, HOUR) == (pytest.approx(12.0), True)


def test_before_the_window_is_covered_the_sum_is_at_least_what_is_known() -> None:
    rain = [1.0] * 90
    held = play(rain, list(range(90)), 12 * HOUR)
    found, complete = total(held, 3 * HOUR, HOUR)
    assert not complete
    assert 59.0 <= found <= 90.0


def test_nothing_is_lost_in_a_gap_that_a_reading_covers_and_a_longer_one_is_said() -> None:
    rain = [0.5] * 240
    short = play(rain, [m for m in range(240) if not 100 < m < 155], 3 * HOUR)
    assert total(short, 3 * HOUR, HOUR) == (pytest.approx(90.0), True)
    long = play(rain, [m for m in range(240) if not 100 < m < 175], 3 * HOUR)
    found, complete = total(long, 3 * HOUR, HOUR)
    assert not complete
    assert found <= 90.0


def test_an_older_reading_moves_nothing() -> None:
    held = play([1.0] * 10, list(range(10)), 3 * HOUR)
    before = (list(held.times_ms), list(held.values))
    assert not take(held, 99.0, 9 * MIN, "a", HOUR, 3 * HOUR)
    assert not take(held, 99.0, 3 * MIN, "b", HOUR, 3 * HOUR)
    assert (held.times_ms, held.values) == before


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 90), st.sampled_from([0.0, 0.1, 0.5, 2.0])), min_size=1, max_size=12),
    st.integers(1, 12),
    st.integers(1, 7),
)
def test_the_sum_is_near_what_fell_and_the_memory_is_bounded(
    showers: list[tuple[int, float]], hours: int, every_min: int
) -> None:
    rain = [mm for length, mm in showers for _ in range(length)]
    held = play(rain, list(range(0, len(rain), every_min)), hours * HOUR)
    assert len(held.times_ms) == len(held.values) <= hours * POINTS_PER_COVER + 3
    last = held.times_ms[-1] // MIN
    found, complete = total(held, hours * HOUR, HOUR)
    fell = sum(rain[max(0, last - hours * 60 + 1) : last + 1])
    # Between points at most 5 + 7 minutes apart the line is off by less than what falls in a quarter of that time.
    slack = hours * 0.25 * 12 * 2.0
    assert found <= fell + slack + 1e-9
    if complete:
        assert found == pytest.approx(fell, abs=slack)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 200), st.integers(0, 40)), min_size=1, max_size=80), st.integers(1, COVERS_MAX)
)
def test_any_times_give_a_sum_of_known_readings(steps: list[tuple[int, int]], covers: int) -> None:
    held, at = Readings(), 0
    for step, amount in steps:
        at += step * MIN
        take(held, float(amount), at, "a", HOUR, covers * HOUR)
        found, _ = total(held, covers * HOUR, HOUR)
        assert 0.0 <= found <= covers * 40.0
