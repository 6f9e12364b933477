"""Reading tables: every mistake is found in one go, with its place."""

from __future__ import annotations

from typing import Literal

import pytest
from msgspec import Struct

from ioc.domain.tables import read_struct


class Leaf(Struct, frozen=True, kw_only=True):
    name: str
    size: float = 1.0


class Tree(Struct, frozen=True, kw_only=True):
    id: str
    leaves: tuple[Leaf, ...] = ()
    named: dict[str, Leaf] = {}
    best: Leaf | None = None
    tags: tuple[str, ...] = ()


def test_a_good_table_is_read() -> None:
    problems: list[str] = []
    raw = {"id": "a", "leaves": [{"name": "x", "size": 2}], "named": {"k": {"name": "y"}}, "best": {"name": "z"}}
    tree = read_struct(Tree, raw, "", problems)
    assert problems == []
    assert tree == Tree(id="a", leaves=(Leaf(name="x", size=2.0),), named={"k": Leaf(name="y")}, best=Leaf(name="z"))


def test_numbers_that_are_not_finite_are_mistakes() -> None:
    problems: list[str] = []
    raw = {"id": "a", "leaves": [{"name": "x", "size": float("inf")}, {"name": "y", "size": 10**400}]}
    assert read_struct(Tree, raw | {"best": {"name": "z", "size": float("nan")}}, "", problems) is None
    assert problems == [
        "leaves[0].size: must be a finite number",
        "leaves[1].size: must be a finite number",
        "best.size: must be a finite number",
    ]


def test_all_mistakes_are_reported_with_their_places() -> None:
    problems: list[str] = []
    raw = {
        "leaves": [{"name": 7}, {"size": "big"}, "leaf"],
        "named": {"k": {"nam": "y"}},
        "best": 3,
        "tags": ["a", 1],
        "colour": "red",
    }
    assert read_struct(Tree, raw, "tree", problems) is None
    places = {problem.split(":")[0] for problem in problems}
    assert places == {
        "tree.id",
        "tree.leaves[0].name",
        "tree.leaves[1].name",
        "tree.leaves[1].size",
        "tree.leaves[2]",
        "tree.named.k.nam",
        "tree.named.k.name",
        "tree.best",
        "tree.tags[1]",
        "tree.colour",
    }


def test_something_else_than_a_table() -> None:
    problems: list[str] = []
    assert read_struct(Tree, [], "", problems) is None
    assert problems == ["file: must be a table, not a list"]


class Worded(Struct, frozen=True, kw_only=True):
    kind: Literal["rate", "ratio"] = "rate"
    priority: Literal[1, 2, 3] | None = None
    days: tuple[Literal["mon", "tue"], ...] = ()
    looks: dict[str, Literal["a", "b"]] = {}


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"kind": "rat"}, "kind: invalid enum value 'rat'; known are rate, ratio"),
        ({"priority": 7}, "priority: invalid enum value 7; known are 1, 2, 3"),
        ({"days": ["mon", "sun"]}, "days[1]: invalid enum value 'sun'; known are mon, tue"),
        ({"looks": {"x": "c"}}, "looks[...]: invalid enum value 'c'; known are a, b"),
        ({"kind": 1}, "kind: expected str, got int"),
    ],
)
def test_a_wrong_word_is_answered_with_the_known_ones(raw: dict[str, object], said: str) -> None:
    problems: list[str] = []
    assert read_struct(Worded, raw, "", problems) is None
    assert problems == [said]
