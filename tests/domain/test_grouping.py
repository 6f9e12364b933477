"""``incidents.toml`` as values: each mistake gives its place."""

from __future__ import annotations

from typing import Any

import pytest

from ioc.domain.flood import FloodLimits
from ioc.domain.grouping import Group, Grouping, problems

USUAL = FloodLimits()
RULES = frozenset({"rain", "river", "jam"})


def group(name: str = "water", **more: Any) -> Group:
    base: dict[str, Any] = {"id": name, "title_vi": "Nước", "title_en": "Water", "rules": ("rain", "river")}
    return Group(**(base | more))


def said(*groups: Group, flood: FloodLimits = USUAL) -> list[str]:
    return list(problems(Grouping(groups=groups, flood=flood), RULES))


def test_what_is_right_says_nothing() -> None:
    assert said() == []
    assert said(group(), group("road", rules=("jam",), within_m=500.0)) == []
    assert said(flood=FloodLimits(above=1, below=1, always=("jam", "escalation-audit", "desk-silent"))) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"id": "Nước"}, "id: must be 1 to 40 lower-case letters, digits and -"),
        ({"title_vi": " "}, "title_vi: must say something"),
        ({"title_en": "x" * 121}, "title_en: at most 120 characters"),
        ({"rules": ()}, "rules: names no rule"),
        ({"rules": ("rain", "snow")}, "rules: there is no rule 'snow'"),
        ({"within_m": -1.0}, "within_m: must be 0 to 100000 metres"),
        ({"within_m": float("nan")}, "within_m: must be 0 to 100000 metres"),
        ({"within_m": 10.0, "near": "centre"}, 'within_m: is read only with near = "area"'),
        ({"within_m": 10.0, "near": "all"}, 'within_m: is read only with near = "area"'),
        ({"within_s": 0.0}, "within_s: must be more than 0 and at most 86400 seconds"),
        ({"within_s": 86_401.0}, "within_s: must be more than 0 and at most 86400 seconds"),
        ({"alerts_min": 1}, "alerts_min: must be 2 to 100"),
        ({"alerts_min": 101}, "alerts_min: must be 2 to 100"),
    ],
)
def test_a_mistake_of_a_group_has_its_place(change: dict[str, Any], sentence: str) -> None:
    wrong = group(**change)
    assert said(group("road", rules=("jam",)), wrong) == [f"groups[1] ({wrong.id}).{sentence}"]


def test_a_rule_and_an_id_are_there_once() -> None:
    assert said(group(), group(rules=("jam", "rain"))) == [
        "groups[1] (water).id: 'water' is there already",
        "groups[1] (water).rules: 'rain' is in groups[0] (water) already",
    ]
    assert "groups[0] (water).rules: 'rain' stands there twice" in said(group(rules=("rain", "rain")))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"above": 0, "below": 0}, "flood.above: must be 1 to 10000"),
        ({"above": 10, "below": 11}, "flood.below: must be at least 1 and at most above"),
        ({"below": 0}, "flood.below: must be at least 1 and at most above"),
        ({"window_s": 0.0}, "flood.window_s: must be more than 0 and at most 3600 seconds"),
        ({"positions": 0}, "flood.positions: must be 1 to 100"),
        ({"always": ("snow",)}, "flood.always: there is no rule 'snow'"),
        ({"always": ("jam", "jam")}, "flood.always: 'jam' stands there twice"),
    ],
)
def test_a_mistake_of_the_flood_has_its_place(change: dict[str, Any], sentence: str) -> None:
    assert sentence in said(flood=FloodLimits(**change))


def test_names_are_not_looked_at_where_the_rules_are_not_known() -> None:
    assert list(problems(Grouping(groups=(group(rules=("snow",)),), flood=FloodLimits(always=("hail",))), None)) == []
