"""The pages have words and a matrix row for every event type, and the rules of the pack stand in that row."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ioc.adapters.profiles import load_profile
from ioc.domain.absence import ANY_TYPE
from ioc.domain.catalogue import PAYLOADS
from ioc.domain.rules import GROUPS

WALL = Path(__file__).resolve().parents[2] / "dashboards" / "wall" / "src"
WORD = re.compile(r"^  'what_([a-z0-9_.]+)': '([^']+)',$", re.MULTILINE)
ROW = re.compile(r"^  '([a-z0-9_.]+)': '([a-z]+)',$", re.MULTILINE)


def words(language: str) -> dict[str, str]:
    return dict(WORD.findall((WALL / "lib" / f"words_{language}.ts").read_text(encoding="utf-8")))


def rows() -> dict[str, str]:
    text = (WALL / "model" / "profile.ts").read_text(encoding="utf-8")
    table = text[text.index("const GROUP_OF_TYPE") :]
    return dict(ROW.findall(table[: table.index("};")]))


@pytest.mark.parametrize("language", ["vi", "en"])
def test_every_type_has_words(language: str) -> None:
    assert set(words(language)) == set(PAYLOADS)
    assert len(set(words(language).values())) == len(PAYLOADS), "two types have the same words"


def test_every_type_has_a_row_of_the_matrix() -> None:
    assert set(rows()) == set(PAYLOADS)
    assert set(rows().values()) <= GROUPS


def test_a_rule_stands_in_the_row_of_its_type() -> None:
    """Otherwise the wall calls a row unwatched in which alerts appear."""
    row_of = {**rows(), ANY_TYPE: "source"}  # that a feed sends nothing is a matter of its source, whatever it sends
    astray = {rule.id for rule in load_profile("dongnai-2023").rules if rule.group != row_of[rule.type]}
    assert not astray


def test_a_missing_word_would_be_seen() -> None:
    assert WORD.findall("  'what_flood.spot': 'Điểm ngập',\n  what: 'x',\n") == [("flood.spot", "Điểm ngập")]
