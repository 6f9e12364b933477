"""The console has words for every reason code: the list that its own tests read is what this source can say."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import get_args

from ioc.domain import escalation
from ioc.domain.cap import Category, Certainty, Severity, Urgency
from ioc.domain.chatter import ChatterReason
from ioc.domain.lifecycle import PLACES, TABLE, Refusal
from ioc.domain.verdicts import Reason
from ioc.pipeline.desk_handover import HandoverReason
from ioc.pipeline.escalation_audit import AuditReason
from ioc.pipeline.handle import EVENT_OF

ROOT = Path(__file__).resolve().parents[2]
LIST = ROOT / "dashboards" / "wall" / "tests" / "reasons.json"
# Functions that refuse a command; their last argument is the code.
REFUSING = {
    "ioc/pipeline/acknowledge.py": "refuse",
    "ioc/pipeline/alerting.py": "refuse",
    "ioc/pipeline/handle.py": "refuse",
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
        if function == "answer" and not set(said) <= {"REFUSED", "FORBIDDEN", "MISMATCH"}:
            continue  # its other answers have sentences of their own
        last = node.args[-1]
        branches = [last.body, last.orelse] if isinstance(last, ast.IfExp) else [last]
        found |= {b.value for b in branches if isinstance(b, ast.Constant) and isinstance(b.value, str)}
    return found


def lacks() -> set[str]:
    """What a command may lack, by the function that says so."""
    tree = ast.parse((ROOT / "ioc/pipeline/handle.py").read_text())
    [function] = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == "_lacking"]
    values = [n.value for n in ast.walk(function) if isinstance(n, ast.Constant)]
    found = {v for v in values if isinstance(v, str) and re.fullmatch(r"[A-Z_]{4,}", v)}
    assert len(found) > 5
    return found


def test_the_list_of_the_console_is_complete() -> None:
    events = {*EVENT_OF.values(), "SHELVE_ONCE"}
    cells = [TABLE[place][event] for place in PLACES for event in sorted(events)]
    refusals = {cell.reason for cell in cells if isinstance(cell, Refusal)} | lacks()
    for file, function in REFUSING.items():
        named = refusals_in(file, function)
        assert named, f"{file} refuses nothing by {function}() any more"
        refusals |= named
    axes = {"category": Category, "urgency": Urgency, "severity": Severity, "certainty": Certainty}
    cap = {axis: list(get_args(words)) for axis, words in axes.items()}
    alert = [*get_args(Reason), *get_args(AuditReason), *get_args(ChatterReason), *get_args(HandoverReason)]
    alert += [
        TABLE["SHLVD+"][event].reason for event in ("LOST", "URGENT")
    ]  # a shelf that ended by neither time nor hand
    summons = list(get_args(escalation.Reason))
    expected = {"alert": alert, "refusal": sorted(refusals), "summons": summons, "cap": cap}
    text = json.dumps(expected, indent=1) + "\n"
    assert LIST.read_text() == text, f"write this to {LIST.relative_to(ROOT)}, and words for what is new:\n{text}"
