"""The console has words for every reason code: the list that its own tests read is what this source can say."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import get_args

from ioc.domain.lifecycle import STATES, TABLE, Refusal
from ioc.domain.verdicts import Reason

ROOT = Path(__file__).resolve().parents[2]
LIST = ROOT / "dashboards" / "wall" / "tests" / "reasons.json"
# Functions that refuse a command; their last argument is the code.
REFUSING = {
    "ioc/pipeline/acknowledge.py": "_refuse",
    "ioc/wire/session.py": "_refused",
    "ioc/services/commands.py": "answer",
}


def refusals_in(file: str, function: str) -> set[str]:
    """Every code that a call of ``function`` names, also in both branches of a choice."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / file).read_text())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function):
            continue
        said = [a.value for a in node.args[:-1] if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        if function == "answer" and said != ["REFUSED"]:
            continue  # its other answers have sentences of their own
        last = node.args[-1]
        branches = [last.body, last.orelse] if isinstance(last, ast.IfExp) else [last]
        found |= {b.value for b in branches if isinstance(b, ast.Constant) and isinstance(b.value, str)}
    return found


def test_the_list_of_the_console_is_complete() -> None:
    refusals = {row.reason for state in STATES if isinstance(row := TABLE[state]["ACK"], Refusal)}
    for file, function in REFUSING.items():
        named = refusals_in(file, function)
        assert named, f"{file} refuses nothing by {function}() any more"
        refusals |= named
    expected = {"alert": list(get_args(Reason)), "refusal": sorted(refusals)}
    text = json.dumps(expected, indent=1) + "\n"
    assert LIST.read_text() == text, f"write this to {LIST.relative_to(ROOT)}, and words for what is new:\n{text}"
