"""The list of reasons is closed and printed."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from ioc.domain.reasons import REASONS

ROOT = Path(__file__).resolve().parents[2]


def test_the_document_says_what_the_table_says() -> None:
    text = (ROOT / "docs" / "dead-letters.md").read_text(encoding="utf-8")
    assert dict(re.findall(r"^\| `([a-z_]+)` \| (.+) \|$", text, re.MULTILINE)) == REASONS


def test_the_pipeline_uses_only_listed_reasons() -> None:
    used = set()
    for file in (ROOT / "ioc" / "pipeline").glob("*.py"):
        if not file.name.startswith(("intake", "mapping", "validate")):
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="BadInput"), args=[ast.Constant(value=code), *_]):
                    used.add(code)
    assert used <= set(REASONS)
    assert len(used) > 15
