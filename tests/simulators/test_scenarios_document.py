"""docs/scenarios.md says every key of the grammar, every fault and every word of the verdict."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest

from simulators import scenario
from simulators.expect import Bounds, Expect, Forbid
from simulators.faults import Fault, Shape
from simulators.plan import Scenario
from simulators.verdict import Kind

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "scenarios.md").read_text(encoding="utf-8")
TABLES = {"incident", "fault", "expect", "forbid", "alerts"}


@pytest.mark.parametrize(
    ("form", "but"), [(Scenario, TABLES), (Expect, set()), (Forbid, set()), (Bounds, set()), (Shape, set())]
)
def test_every_key_is_explained(form: type, but: set[str]) -> None:
    missing = [key for key in form.__struct_fields__ if key not in but and not re.search(rf"\b{key}\b", PAGE)]  # type: ignore[attr-defined]
    assert not missing


@pytest.mark.parametrize("fault", get_args(Fault))
def test_every_fault_has_its_row(fault: type) -> None:
    own = set(fault.__struct_fields__) - set(Shape.__struct_fields__)  # type: ignore[attr-defined]
    (row,) = re.findall(rf"^\| `{fault.__struct_config__.tag}` \|([^|]*)\|", PAGE, re.MULTILINE)  # type: ignore[attr-defined]
    assert own <= set(re.findall(r"`(\w+)`", row))


def test_every_word_of_the_verdict_is_explained() -> None:
    said = PAGE.partition("## How to read a verdict")[2].partition("##")[0]
    assert not [kind for kind in get_args(Kind) if kind not in said]


def test_every_scenario_is_listed() -> None:
    listed = set(re.findall(r"^\| `([a-z0-9-]+)` \| (?:\d|endless)", PAGE, re.MULTILINE))
    assert listed == set(scenario.names())


def test_the_examples_are_good() -> None:
    """The blocks of the grammar together are a scenario."""
    blocks = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 3
    head, expect, rest = blocks
    plan = scenario.parse(f"{head}\n{expect}\n{rest}", "docs.toml")
    assert len(plan.expect) == len(plan.forbid) == 1
    assert tomllib.loads(rest)["alerts"]["others"] == "refused"
