"""When an object chatters, and how long it is held."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.domain import chatter
from ioc.domain.chatter import FORGOTTEN_MS, MAX_DELAY_S, Past, came, passed, went
from ioc.domain.times import CLOCK_BACK_MS

S = 1000
HOUR = 3_600_000
T = 1_800_000_000_000


def flap(times: int, every_ms: int = 10 * S, *, event_every_ms: int | None = None) -> Past:
    """It came and went so many times, and is away."""
    found = Past()
    for i in range(times):
        step = every_ms if event_every_ms is None else event_every_ms
        found = went(came(found, T + i * every_ms, T + i * step), T + i * every_ms, T + i * step)
    return found


@pytest.mark.parametrize(
    ("times", "every_ms", "held"),
    [(1, S, False), (2, S, False), (3, S, True), (3, 30 * S, True), (3, 30 * S + 1, False), (9, 31 * S, False)],
)
def test_three_times_in_a_minute(times: int, every_ms: int, held: bool) -> None:
    found = flap(times, every_ms)
    assert found.held is held
    assert found.times == times
    assert (found.shown is not None) is held


def test_the_first_hold_is_a_minute_from_the_third_time_on() -> None:
    found = flap(3)
    assert found.shown == chatter.Chatter(
        times=3, off_delay_s=60, since_ms=T + 20 * S, returns_at_ms=T + 80 * S
    )  # fmt: skip


def test_what_only_arrives_together_does_not_chatter() -> None:
    assert not flap(3, S, event_every_ms=60 * S).held, "a backlog, or a drill at sixty times the speed"
    assert not flap(3, 60 * S, event_every_ms=S).held


def test_each_time_it_comes_back_in_a_hold_the_next_one_is_twice_as_long() -> None:
    found, delays = flap(3), []
    for i in range(8):
        found = came(found, T + (30 + i) * S, T + 30 * S)
        assert not found.held
        assert found.shown is not None
        assert found.shown.returns_at_ms is None
        found = went(found, T + (30 + i) * S, T + 30 * S)
        assert found.until_ms is not None
        delays.append((found.until_ms - T) // S - 30 - i)
    assert delays == [120, 240, 480, 960, 1800, 1800, 1800, 1800]
    assert found.times == 11


def test_away_for_the_whole_delay_is_over_and_the_delay_is_remembered() -> None:
    found = went(came(flap(3), T + 30 * S, T), T + 30 * S, T)
    assert passed(found, T + 150 * S - 1) == found
    over = passed(found, T + 150 * S)
    assert (over.held, over.shown, over.off_delay_s) == (False, None, 120)
    once = went(came(over, T + 400 * S, T + 400 * S), T + 400 * S, T + 400 * S)
    assert not once.held, "it has to chatter again"
    again = once
    for i in range(41, 43):
        again = went(came(again, T + 10 * i * S, T + 10 * i * S), T + 10 * i * S, T + 10 * i * S)
    assert again.held
    assert again.off_delay_s == 120


def test_an_hour_without_a_change_is_forgotten() -> None:
    there = came(flap(3), T + 30 * S, T)
    assert passed(there, T + 30 * S + FORGOTTEN_MS - 1) == there
    assert passed(there, T + 30 * S + FORGOTTEN_MS) == Past()
    late = went(there, T + 30 * S + FORGOTTEN_MS, T)
    assert (late.times, late.held) == (1, False)


def test_event_time_ends_a_hold_that_arrival_does_not() -> None:
    found = flap(3)  # it went away at T + 20 s, and is held for a minute
    assert passed(found, T + 21 * S, T + 80 * S - 1) == found
    over = passed(found, T + 21 * S, T + 80 * S)
    assert (over.held, over.shown, over.times) == (False, None, 3)
    assert passed(found, T + 21 * S, T - HOUR) == found, "what is older says nothing"


def test_an_hour_of_event_time_without_a_change_is_forgotten() -> None:
    there = came(flap(3), T + 30 * S, T + 30 * S)
    assert went(there, T + 31 * S, T + 30 * S + FORGOTTEN_MS - 1).held
    late = went(there, T + 31 * S, T + 30 * S + FORGOTTEN_MS)
    assert (late.held, late.times) == (False, 1)
    assert passed(there, T + 31 * S, T + 30 * S + FORGOTTEN_MS) == Past()


def test_what_nobody_is_asked_about_is_remembered_and_not_held() -> None:
    found = went(went(flap(3), T + 30 * S, T), T + 31 * S, T, may_hold=False)
    assert (found.held, found.shown, found.times) == (False, None, 5)


def test_a_clock_that_was_set_back_holds_nothing_for_long() -> None:
    found = flap(3)
    assert found.until_ms is not None
    little = found.until_ms - 60 * S - CLOCK_BACK_MS
    assert passed(found, little) == found
    assert passed(found, little - 1).until_ms == little - 1 + 60 * S
    assert passed(came(found, T + 21 * S, T), T - FORGOTTEN_MS) == Past()


STEPS = st.lists(st.tuples(st.booleans(), st.integers(-3_000_000, 3_000_000)), max_size=60)


@given(STEPS)
def test_a_hold_is_bounded_whatever_the_clock_does(steps: list[tuple[bool, int]]) -> None:
    past, now_ms, there = Past(), T, False
    for turn, later_ms in steps:
        now_ms += later_ms
        past = passed(past, now_ms)
        if turn:
            past = went(past, now_ms, now_ms) if there else came(past, now_ms, now_ms)
            there = not there
        assert past.off_delay_s <= MAX_DELAY_S
        assert past.held <= (past.since_ms is not None)
        if past.until_ms is not None:
            assert not there
            assert past.until_ms - now_ms <= past.off_delay_s * S + CLOCK_BACK_MS
