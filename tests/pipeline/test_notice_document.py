"""``docs/dispatch.md`` names every field of a notice, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from ioc.domain.notice import NoticeAlert, NoticeBody

DOCUMENT = Path(__file__).parents[2] / "docs" / "dispatch.md"


def documented(text: str, head: str) -> set[str]:
    """Names in the first column of the table with this head."""
    lines = text[text.index(f"| {head} | is |") :].split("\n\n")[0].splitlines()[2:]
    return {name for line in lines for name in re.findall(r"`(\w+)`", line.split("|")[1])}


@pytest.mark.parametrize(("struct", "head"), [(NoticeBody, "field"), (NoticeAlert, "field of `alert`")])
def test_every_field_is_in_the_document(struct: type[msgspec.Struct], head: str) -> None:
    fields = {field.encode_name for field in msgspec.structs.fields(struct)}
    text = DOCUMENT.read_text()
    assert documented(text, head) == fields
    planted = text.replace("| `gone` |", "| gone |").replace("| `lon`, `lat` |", "| `lon` |")
    assert documented(planted, head) != fields, "the checker sees what is left out"
