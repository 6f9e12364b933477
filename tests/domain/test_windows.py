from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.domain.windows import MINUTE_MS, holds, rollup_key, start_of

instants = st.integers(-(10**15), 10**15)
sizes = st.integers(1, 86_400_000)


@given(instants, sizes)
def test_an_instant_is_in_its_window_and_in_no_neighbour(time_ms: int, size_ms: int) -> None:
    start = start_of(time_ms, size_ms)
    assert start % size_ms == 0
    assert holds(start, size_ms, time_ms)
    assert not holds(start - size_ms, size_ms, time_ms)
    assert not holds(start + size_ms, size_ms, time_ms)


def test_the_start_is_inside_and_the_end_is_not() -> None:
    assert start_of(120_000, MINUTE_MS) == 120_000
    assert start_of(119_999, MINUTE_MS) == 60_000
    assert holds(60_000, MINUTE_MS, 60_000)
    assert not holds(60_000, MINUTE_MS, 120_000)


def test_a_window_without_length_is_refused() -> None:
    with pytest.raises(ValueError, match="holds nothing"):
        start_of(1, 0)


def test_a_drill_has_its_own_key() -> None:
    live = rollup_key("c", "1", "f", "t", 0, MINUTE_MS, None)
    assert live == "c/1/f/t/0/60000"
    assert rollup_key("c", "1", "f", "t", 0, MINUTE_MS, "drill-7") == live + "/drill-7"
