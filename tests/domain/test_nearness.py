from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.domain.nearness import Point, distance_m, groups

points = st.dictionaries(
    st.sampled_from("abcdefgh"),
    st.none() | st.tuples(st.floats(106.8, 107.3), st.floats(10.8, 11.1)),
    max_size=8,
)


def test_a_degree_of_latitude_is_111_km_and_a_longitude_shrinks() -> None:
    assert distance_m((107.0, 10.0), (107.0, 11.0)) == pytest.approx(111_195, rel=1e-4)
    assert distance_m((107.0, 60.0), (108.0, 60.0)) == pytest.approx(55_597, rel=1e-3)
    assert distance_m((107.0, 10.0), (107.0, 10.0)) == 0


def test_neighbours_of_neighbours_are_together_and_who_is_nowhere_is_alone() -> None:
    places = {"a": (107.00, 10.9), "b": (107.01, 10.9), "c": (107.02, 10.9), "d": (107.10, 10.9), "e": None}
    assert groups(places, 1_200) == [["a", "b", "c"], ["d"], ["e"]]
    assert groups(places, 900) == [["a"], ["b"], ["c"], ["d"], ["e"]]


@given(points, st.floats(100, 60_000))
def test_groups_are_those_of_a_plain_search(places: dict[str, Point | None], near_m: float) -> None:
    def linked(a: str, b: str) -> bool:
        at, to = places[a], places[b]
        return a == b or (at is not None and to is not None and distance_m(at, to) <= near_m)

    wanted = []
    left = sorted(places)
    while left:
        group = {left[0]}
        while more := {b for a in group for b in places if b not in group and linked(a, b)}:
            group |= more
        wanted.append(sorted(group))
        left = [name for name in left if name not in group]
    assert groups(places, near_m) == sorted(wanted)
    assert groups(dict(reversed(places.items())), near_m) == sorted(wanted)
