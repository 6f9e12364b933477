from __future__ import annotations

import math
from collections.abc import Callable

from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from ioc.domain.summaries import Summary

values = st.one_of(st.none(), st.floats(-1e9, 1e9, allow_nan=False))
events = st.lists(st.tuples(values, st.integers(0, 5), st.integers(0, 10**6)), max_size=12, unique_by=lambda e: e[2])
Event = tuple[float | None, int, int]


def summarise(items: list[Event]) -> Summary:
    summary = Summary()
    for value, time_ms, number in items:
        summary.add(value, time_ms, f"{number:07d}")
    return summary


def independent_of_order(items: list[Event], of: Callable[[list[Event]], object]) -> bool:
    return of(items) == of(items[::-1]) == of(sorted(items, key=repr))


@given(events)
def test_order_makes_no_difference(items: list[Event]) -> None:
    assert independent_of_order(items, summarise)


def test_the_check_sees_a_float_sum_and_a_last_by_arrival() -> None:
    search = settings(max_examples=2000, derandomize=True, phases=[Phase.generate])
    for faulty in (lambda e: sum(v for v, _, _ in e if v is not None), lambda e: e[-1] if e else None):
        find(events, lambda items, of=faulty: not independent_of_order(items, of), settings=search)


@given(events, events, events)
def test_merge_is_associative_and_the_same_as_adding(a: list[Event], b: list[Event], c: list[Event]) -> None:
    items = [(v, t, i * 3 + part) for part, group in enumerate((a, b, c)) for v, t, i in group]
    parts = [summarise([e for e in items if e[2] % 3 == part]) for part in range(3)]
    left = parts[0].merge(parts[1]).merge(parts[2])
    right = parts[0].merge(parts[1].merge(parts[2]))
    assert left == right == summarise(items)


@given(events)
def test_the_sum_is_right_to_a_millionth_per_value(items: list[Event]) -> None:
    summary = summarise(items)
    numbers = [v for v, _, _ in items if v is not None]
    assert summary.n == len(items)
    assert summary.values == len(numbers)
    if not numbers:
        assert summary.total is None
        return
    assert summary.total is not None
    assert math.isclose(summary.total, math.fsum(numbers), rel_tol=1e-12, abs_tol=1e-6 * len(numbers))
    assert (summary.least, summary.greatest) == (min(numbers), max(numbers))


def test_last_is_by_event_time_then_id() -> None:
    summary = Summary()
    summary.add(3.0, 20, "b")
    summary.add(1.0, 10, "z")
    summary.add(2.0, 20, "a")
    assert summary.last == 3.0
    summary.add(4.0, 20, "c")
    assert summary.last == 4.0
