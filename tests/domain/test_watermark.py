from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ioc.domain.watermark import DISORDER_MS, IDLE_AFTER_MS, SKEW_MS, EventClock

T = 1_795_489_200_000
offsets = st.integers(-600_000, 600_000)


@given(st.lists(st.tuples(offsets, offsets, st.booleans()), max_size=40))
def test_it_never_moves_backwards_and_never_beyond_arrival_and_skew(moves: list[tuple[int, int, bool]]) -> None:
    clock = EventClock()
    newest_arrival = 0
    for event, arrival, idle in moves:
        before = clock.mark_ms
        if idle:
            clock.idle(T + arrival, 60_000)
            newest_arrival = max(newest_arrival, T + arrival)
        else:
            clock.observe(T + event, T + arrival)
            newest_arrival = max(newest_arrival, T + arrival)
        if before is not None:
            assert clock.mark_ms is not None
            assert clock.mark_ms >= before
        if clock.mark_ms is not None:
            assert clock.mark_ms <= newest_arrival + SKEW_MS


def test_a_future_reading_does_not_make_others_late() -> None:
    clock = EventClock()
    clock.observe(T + 3_600_000, T)
    assert clock.mark_ms == T + SKEW_MS - DISORDER_MS
    assert clock.lateness(T + 60_000, 60_000) == "in_time"


def test_three_classes() -> None:
    clock = EventClock()
    assert clock.lateness(T, 60_000) == "in_time"
    clock.observe(T + DISORDER_MS, T + DISORDER_MS)
    assert clock.mark_ms == T
    assert clock.lateness(T + 1, 60_000) == "in_time"
    assert clock.lateness(T, 60_000) == "late"
    assert clock.lateness(T - 59_999, 60_000) == "late"
    assert clock.lateness(T - 60_000, 60_000) == "too_late"


def test_an_idle_feed_follows_the_bus_less_its_grace() -> None:
    clock = EventClock()
    assert not clock.idle(T, 60_000)  # never heard: nothing to follow
    clock.observe(T, T)
    assert not clock.idle(T + IDLE_AFTER_MS - 1, 1_000)
    assert clock.idle(T + IDLE_AFTER_MS, 1_000)
    assert clock.mark_ms == T + IDLE_AFTER_MS - 1_000


def test_a_drill_flows_on_from_its_own_time() -> None:
    clock = EventClock()
    past = T - 30 * 86_400_000
    clock.observe(past, T)
    clock.idle(T + 120_000, 60_000, exercise=True)
    assert clock.mark_ms == past + 60_000
