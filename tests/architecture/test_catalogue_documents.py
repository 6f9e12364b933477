"""The tables of event types and of rules in the documents are made from the catalogue and the profile.

``python -m tests.architecture.test_catalogue_documents`` writes them anew.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ioc.adapters.profiles import load_profile
from ioc.domain.catalogue import MEASURE, PAYLOADS, RANGES
from ioc.domain.profile import Rule
from ioc.pipeline.validate import field_kinds, required_fields

DOCS = Path(__file__).resolve().parents[2] / "docs"
PROFILE = load_profile("dongnai-2023")


def event_types() -> str:
    """Type, its fields with their plausible ranges, what the rollups summarise, and how each centre calls it."""
    rows = ["| type | fields (required in bold; plausible range) | summed up | sent by |", "| --- | --- | --- | --- |"]
    for kind in sorted(PAYLOADS):
        fields = [field(kind, name) for name in field_kinds(kind) if name not in ("lon", "lat")]
        measure = f"`{MEASURE[kind]}`" if MEASURE[kind] else "counted"
        rows.append(f"| `{kind}` | {', '.join(fields)} | {measure} | {', '.join(senders(kind))} |")
    return "\n".join(rows)


def field(kind: str, name: str) -> str:
    bounds = RANGES[kind].get(name)
    shown = f"`{name}`" + (f" {bounds[0]:g}…{bounds[1]:g}" if bounds else "")
    return f"**{shown}**" if name in required_fields(kind) else shown


def senders(kind: str) -> list[str]:
    found = []
    for centre in PROFILE.centres:
        whens = [one["when"] for one in centre.format["records"] if one["type"] == kind]
        found += [f"{centre.name_en} `{next(iter(when.values()))}`" for when in whens]
    return found


def rules() -> str:
    """Rule, event type, what raises at which priority."""
    rows = ["| rule | type | raises | priority |", "| --- | --- | --- | --- |"]
    for rule in PROFILE.rules:
        levels = " · ".join(level.name for level in rule.levels) or rule.name_vi
        priorities = " · ".join(f"P{level.priority}" for level in rule.levels) or f"P{rule.priority}"
        rows.append(f"| `{rule.id}` {said(rule)} | `{rule.type}` | {levels} | {priorities} |")
    return "\n".join(rows)


def said(rule: Rule) -> str:
    return f"({rule.name_en})"


MADE = {("formats.md", "event types"): event_types, ("rules.md", "rules"): rules}


def parts(file: str, name: str) -> tuple[str, str, str]:
    """What stands before, between and after the marks of a table."""
    text = (DOCS / file).read_text(encoding="utf-8")
    before, begin, rest = text.partition(f"<!-- {name}: made from the code, see its test -->\n")
    between, end, after = rest.partition(f"\n<!-- end of {name} -->")
    assert begin, f"docs/{file} has no mark for the table of {name}"
    assert end, f"docs/{file} has no mark for the end of the table of {name}"
    return before + begin, between, end + after


@pytest.mark.parametrize(("file", "name"), sorted(MADE))
def test_the_table_of_the_document_is_the_one_of_the_code(file: str, name: str) -> None:
    assert parts(file, name)[1] == MADE[file, name](), "python -m tests.architecture.test_catalogue_documents"


def test_every_type_is_in_the_table_with_a_sender() -> None:
    rows = event_types().splitlines()[2:]
    assert len(rows) == len(PAYLOADS)
    assert all("`" in row.rsplit("|", 2)[1] for row in rows)


if __name__ == "__main__":
    for (one, table), make in MADE.items():
        head, _, tail = parts(one, table)
        (DOCS / one).write_text(head + make() + tail, encoding="utf-8")
