"""The memory of ids: nothing forgotten inside an hour, bounded, and the same after a restart."""

from __future__ import annotations

import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.pipeline.known_ids import HORIZON_MIN, RUN_ENTRIES_MAX, KnownIds, horizon_min

MINUTE = 60_000
T0 = 29_400_000 * MINUTE


def kept(state: dict[str, bytes], ids: KnownIds) -> None:
    for key, value in ids.take_dirty():
        if value is None:
            state.pop(key, None)
        else:
            state[key] = value


def test_new_duplicate_conflict() -> None:
    ids = KnownIds()
    assert ids.see("a", 1, T0) == "new"
    assert ids.see("a", 1, T0 + 5) == "duplicate"
    assert ids.see("a", 2, T0 + 5) == "conflict"
    assert ids.see("b", 1, T0) == "new"


def test_an_hour_is_remembered_and_a_day_is_not() -> None:
    ids = KnownIds()
    ids.see("a", 1, T0)
    assert ids.see("a", 1, T0 + HORIZON_MIN * MINUTE) == "duplicate"
    assert ids.see("a", 1, T0 + 24 * 60 * MINUTE) == "new"


ARRIVALS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 2), st.integers(0, 300)), max_size=120)


@settings(max_examples=60)
@given(ARRIVALS, st.sets(st.integers(0, 120)))
def test_equals_a_plain_dictionary_whenever_it_is_restarted(
    arrivals: list[tuple[int, int, int]], restarts: set[int]
) -> None:
    ids, state = KnownIds(), {}
    model: dict[str, tuple[int, int]] = {}
    minute = T0 // MINUTE
    for number, (name, content, later) in enumerate(arrivals):
        minute += later // 30  # up to ten minutes between two
        event_id = f"id-{name}"
        known = model.get(event_id)
        if known is not None and minute - known[1] <= HORIZON_MIN:
            expected = "duplicate" if known[0] == content else "conflict"
        else:
            expected, model[event_id] = "new", (content, minute)
        assert ids.see(event_id, content, minute * MINUTE) == expected
        if number in restarts:
            kept(state, ids)
            ids = KnownIds()
            for key in reversed(sorted(state)):  # the checkpoint comes back in any order
                ids.load(key, state[key])


def test_old_runs_are_deleted_from_the_checkpoint() -> None:
    ids, state = KnownIds(), {}
    for number in range(500):
        ids.see(f"id-{number}", 0, T0 + number * MINUTE)
        if number % 7 == 0:
            kept(state, ids)
    kept(state, ids)
    entries = sum(map(len, state.values())) // 16
    assert HORIZON_MIN <= entries <= 2 * HORIZON_MIN
    assert entries == len(ids)


def test_a_flush_writes_little_when_little_came() -> None:
    ids = KnownIds()
    for number in range(10_000):
        ids.see(f"id-{number}", 0, T0)
    first = ids.take_dirty()
    assert all(len(value or b"") <= RUN_ENTRIES_MAX * 16 for _, value in first)
    ids.see("one-more", 0, T0)
    assert sum(len(value or b"") for _, value in ids.take_dirty()) <= 16
    assert ids.take_dirty() == []


def test_memory_is_bounded_and_what_was_forgotten_is_counted() -> None:
    ids, state = KnownIds(ids_max=1000), {}
    for number in range(5000):
        assert ids.see(f"id-{number}", 0, T0 + number) == "new"
        if number % 100 == 0:
            kept(state, ids)
    kept(state, ids)
    assert len(ids) <= 1000
    assert ids.forgotten == 5000 - len(ids)
    assert sum(map(len, state.values())) // 16 == len(ids)


def test_an_id_costs_less_than_64_bytes() -> None:
    ids = KnownIds()
    count = 200_000
    for number in range(count):
        ids.see(f"id-{number}", 0, T0)
    ids.take_dirty()
    (period,) = ids._shelves[False].periods.values()
    used = sys.getsizeof(period.slots) + sum(map(sys.getsizeof, period.slots))
    assert used / count < 64


DAY_S = 86_400.0


def test_the_long_shelf_outlasts_a_window_of_a_day_and_a_change_of_its_length() -> None:
    long_min, state = horizon_min(DAY_S, 60.0), {}
    assert long_min > 24 * 60 + 2
    ids = KnownIds(long_min=long_min)
    assert ids.see("a", 1, T0, long=True) == "new"
    assert ids.see("b", 1, T0) == "new"
    kept(state, ids)
    for length_min in (long_min, long_min + 300):
        ids = KnownIds(long_min=length_min)
        for key, value in state.items():
            ids.load(key, value)
        assert ids.see("a", 1, T0 + 24 * 60 * MINUTE, long=True) == "duplicate"
        assert ids.see("a", 2, T0 + 24 * 60 * MINUTE) == "conflict"
        kept(state, ids)
        assert (len(ids), len(state)) == (2, 2)
    assert ids.see("b", 1, T0 + 24 * 60 * MINUTE) == "new"


def test_a_full_memory_forgets_the_oldest_of_both_shelves() -> None:
    ids, at_ms = KnownIds(ids_max=2, long_min=1500), T0 + 700 * MINUTE
    assert ids.see("a", 1, T0, long=True) == "new"
    assert ids.see("b", 1, at_ms) == "new"
    assert (len(ids), ids.forgotten) == (2, 0)
    assert ids.see("c", 1, at_ms) == "new"
    assert (len(ids), ids.forgotten) == (2, 1)
    assert ids.see("b", 1, at_ms) == "duplicate"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 20)), min_size=1, max_size=60),
    st.lists(st.sampled_from([HORIZON_MIN, 200, 1_600, 3_000]), min_size=1, max_size=4),
    st.booleans(),
)
def test_ids_are_known_over_every_change_of_the_time_they_are_kept_for(
    arrivals: list[tuple[int, int]], lengths: list[int], restarted: bool
) -> None:
    ids, state = KnownIds(long_min=3_000), {}
    minute, seen = T0 // MINUTE, {}
    for number, (name, later) in enumerate(arrivals):
        minute += later
        if ids.see(f"id-{name}", 1, minute * MINUTE, long=True) == "new":
            seen[f"id-{name}"] = minute
        if number % 15 == 14:
            length = lengths[number // 15 % len(lengths)]
            ids.keep_for(length)
            if restarted:
                kept(state, ids)
                ids = KnownIds(long_min=length)
                for key, value in state.items():
                    ids.load(key, value)
    least = min([*lengths, 3_000]) if len(arrivals) >= 15 else 3_000
    for name, at in seen.items():
        if minute - at <= least:
            assert ids.see(name, 1, minute * MINUTE, long=True) == "duplicate"
    assert len(ids) <= 2 * len(arrivals) + len(seen)
