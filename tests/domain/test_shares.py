from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ioc.domain.readings import Readings
from ioc.domain.shares import KEPT_MAX, per_cent, take

happenings = st.lists(st.tuples(st.integers(0, 300), st.booleans()), min_size=1, max_size=80)


@given(happenings, st.integers(1, 100))
def test_the_share_is_that_of_the_window_in_whatever_order_they_come(
    given_: list[tuple[int, bool]], within: int
) -> None:
    held = Readings()
    for time_ms, is_part in given_:
        take(held, is_part, time_ms, within)
    newest = max(time_ms for time_ms, _ in given_)
    inside = [is_part for time_ms, is_part in given_ if time_ms > newest - within]
    assert per_cent(held, 1) == 100.0 * sum(inside) / len(inside)
    assert per_cent(held, len(inside) + 1) is None
    assert held.times_ms == sorted(held.times_ms)


def test_of_many_the_newest_count() -> None:
    held = Readings()
    for n in range(2 * KEPT_MAX):
        take(held, n < KEPT_MAX, n, 10**9)
    assert len(held.times_ms) == KEPT_MAX
    assert per_cent(held, 1) == 0.0


def test_of_nothing_nothing_is_said() -> None:
    assert per_cent(Readings(), 0) is None
