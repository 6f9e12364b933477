"""The tools of the parts: buckets of happenings, remembered functions, occurrences to the millisecond."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from simulators.draw import bits
from simulators.incidents import Call
from simulators.parts.setting import Happenings, Remembered, Setting, beside, distance_km, nearest


class Thing(Struct, frozen=True):
    time_ms: int
    key: str


def things(key: str, bucket: int) -> list[Thing]:
    """Up to five a bucket of 100 ms, some on its first and some on its last millisecond."""
    count = bits(3, key, bucket) % 6
    return [Thing(bucket * 100 + (0, 99, 50, bits(5, key, bucket, i) % 100, 0)[i], key) for i in range(count)]


@given(st.integers(-500, 500), st.lists(st.integers(0, 400), max_size=8), st.integers(1, 4))
def test_happenings_are_the_same_however_time_is_cut(start: int, cuts: list[int], most: int) -> None:
    asked = Happenings(100, things, most)
    edges = [start, *(start + cut for cut in sorted(cuts)), start + 400]
    joined = [thing for a, b in itertools.pairwise(edges) for thing in asked.between("k", a, b)]
    expected = [t for n in range(start // 100 - 1, (start + 400) // 100 + 1) for t in things("k", n)]
    expected = sorted((t for t in expected if start <= t.time_ms < start + 400), key=lambda t: t.time_ms)
    assert [t.time_ms for t in joined] == [t.time_ms for t in expected]
    assert asked.between("k", start, start) == []
    assert asked.between("k", start + 5, start) == []


@given(st.integers(-300, 300))
def test_every_millisecond_belongs_to_one_piece(start: int) -> None:
    """Cut at every instant at which something happens: nothing is lost and nothing comes twice."""
    asked = Happenings(100, things)
    whole = asked.between("k", start, start + 300)
    edges = sorted({start, start + 300, *(t.time_ms for t in whole)})
    assert [t for a, b in itertools.pairwise(edges) for t in asked.between("k", a, b)] == whole


def test_keys_do_not_share_their_happenings() -> None:
    asked = Happenings(100, things)
    assert {t.key for t in asked.between("a", 0, 5000)} == {"a"}
    assert {t.key for t in asked.between("b", 0, 5000)} == {"b"}


def test_what_is_remembered_is_bounded_and_right() -> None:
    made: list[int] = []

    def square(n: int) -> int:
        made.append(n)
        return n * n

    known = Remembered(square, 3)
    assert [known(n) for n in (1, 2, 3, 1, 4, 1, 2)] == [1, 4, 9, 1, 16, 1, 4]
    assert made == [1, 2, 3, 4, 1, 2], "the oldest was forgotten and made again"


@given(
    st.floats(0, 1000, allow_nan=False),
    st.floats(0.01, 50, allow_nan=False),
    st.lists(st.integers(0, 60_000), max_size=6),
    st.integers(0, 999),
)
def test_occurrences_fall_into_one_piece_each(at_s: float, every_s: float, cuts: list[int], start_ms: int) -> None:
    call = Call(at_s=at_s, every_s=every_s, number="114", what="fire")
    setting = Setting(seed=1, start_ms=start_ms, cities={}, points={}, incidents=(call,))
    first = start_ms + round(at_s * 1000) - 1
    edges = [first, *(first + cut for cut in sorted(cuts)), first + 60_000]
    whole = setting.begun(Call, edges[0], edges[-1])
    assert [x for a, b in itertools.pairwise(edges) for x in setting.begun(Call, a, b)] == whole
    exact = sorted({first, first + 60_000, *(t for t, _, _ in whole)})
    assert [x for a, b in itertools.pairwise(exact) for x in setting.begun(Call, a, b)] == whole
    assert whole[0][0] == start_ms + round(at_s * 1000)


def test_places() -> None:
    assert distance_km((107.0, 11.0), (107.0, 11.0)) == 0
    assert distance_km((107.0, 11.0), (107.01, 11.0)) == pytest.approx(1.093)
    assert nearest({"a": (107.0, 11.0), "b": (107.2, 11.0)}, (107.15, 11.05)) == "b"
    here = beside(7, (107.0, 11.0), 2.0, "x", 5)
    assert here == beside(7, (107.0, 11.0), 2.0, "x", 5) != beside(8, (107.0, 11.0), 2.0, "x", 5)
    assert distance_km(here, (107.0, 11.0)) <= 2.0 * 2**0.5 + 0.01
