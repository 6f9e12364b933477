from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.domain.readings import RATE_POINTS, Readings, nth, rate, take

S = 1_000
MIN = 60 * S

steps = st.lists(st.tuples(st.integers(1, 40), st.integers(-20, 20)), min_size=1, max_size=60)


def timeline(given_steps: list[tuple[int, int]]) -> list[tuple[int, float]]:
    at, made = 0, []
    for step, value in given_steps:
        at += step * S
        made.append((at, value / 4))
    return made


def test_a_rate_is_the_change_over_the_span_per_hour() -> None:
    held, told = Readings(), []
    for i in range(61):
        assert take(held, 1.0 + i * 0.01, i * MIN, f"{i:03d}", 5 * MIN)
        told.append(rate(held, 30 * MIN, 60 * MIN))
    assert told[:30] == [None] * 30
    assert all(found == pytest.approx(0.6) for found in told[30:] if found is not None)
    assert None not in told[30:]


def test_a_gap_forgets_and_an_older_reading_is_refused() -> None:
    held = Readings()
    for i in range(40):
        take(held, 1.0, i * MIN, "a", 5 * MIN)
        rate(held, 30 * MIN, 60 * MIN)
    assert not take(held, 9.0, 39 * MIN, "a", 5 * MIN)
    assert not take(held, 9.0, 38 * MIN, "z", 5 * MIN)
    assert rate(held, 30 * MIN, 60 * MIN) == 0.0
    assert take(held, 9.0, 45 * MIN, "a", 5 * MIN)
    assert rate(held, 30 * MIN, 60 * MIN) is None
    assert len(held.times_ms) == 1


@settings(max_examples=200)
@given(steps, st.sampled_from([60, 200, 900]))
def test_a_rate_is_between_two_readings_that_cover_the_span(given_steps: list[tuple[int, int]], span_s: int) -> None:
    held, seen = Readings(), timeline(given_steps)
    for i, (at, value) in enumerate(seen):
        take(held, value, at, f"{i:03d}", 10**9)
        found = rate(held, span_s * S, 3600 * S)
        assert len(held.times_ms) <= RATE_POINTS + 3 + span_s // 20
        bases = [(t, v) for t, v in seen[: i + 1] if at - t >= span_s * S]
        if not bases:
            assert found is None
            continue
        # The newest reading old enough, or one that the thinning left instead: a step and a period older at most.
        slack = span_s * S // RATE_POINTS + 41 * S
        allowed = [(value - v) * 3600 * S / (at - t) for t, v in bases if t >= bases[-1][0] - slack]
        assert any(found == pytest.approx(one) for one in allowed)


def test_memory_of_a_rate_is_bounded_however_often_it_reports() -> None:
    held = Readings()
    for i in range(20_000):
        take(held, 1.0, i * 500, f"{i:06d}", MIN)
        rate(held, 3600 * S, 3600 * S)
    assert len(held.times_ms) <= RATE_POINTS + 3


def by_counting(values: list[float], n: int, of: int, limit: float) -> bool:
    return sum(1 for value in values[-of:] if value >= limit) >= n


def agrees(given_steps: list[tuple[int, int]], n: int, of: int, of_machine: Callable[[Readings], float | None]) -> bool:
    held, values = Readings(), []
    for i, (at, value) in enumerate(timeline(given_steps)):
        take(held, value, at, f"{i:03d}", 10**9)
        values.append(value)
        found = of_machine(held)
        for limit in (-1.0, 0.0, 2.5):
            if (found is not None and found >= limit) != by_counting(values, n, of, limit):
                return False
    return True


@settings(max_examples=200)
@given(steps, st.integers(1, 4), st.integers(0, 4))
def test_the_nth_greatest_is_beyond_a_limit_when_n_readings_are(
    given_steps: list[tuple[int, int]], n: int, more: int
) -> None:
    assert agrees(given_steps, n, n + more, lambda held: nth(held, n, n + more, 0, True))


def test_the_check_sees_an_nth_that_is_one_off_or_forgets_too_late() -> None:
    high_once = [(1, 0), (1, 20), (1, 0)]
    assert agrees(high_once, 2, 3, lambda held: nth(held, 2, 3, 0, True))
    assert not agrees(high_once, 2, 3, lambda held: nth(held, 1, 3, 0, True))
    old = [(1, 20), (1, 20), (1, -20), (1, -20)]
    assert agrees(old, 2, 3, lambda held: nth(held, 2, 3, 0, True))
    assert not agrees(old, 2, 3, lambda held: nth(held, 2, 4, 0, True))


def test_below_is_the_nth_least_and_old_readings_do_not_count() -> None:
    held = Readings()
    for i, value in enumerate((5.0, 1.0, 3.0)):
        take(held, value, i * MIN, "a", 10**9)
    assert nth(held, 2, 3, 0, False) == 3.0
    assert nth(held, 2, 3, 2 * MIN, False) == 3.0  # the first is exactly two minutes old: outside
    assert len(held.values) == 2
    assert nth(held, 3, 3, 0, False) is None
