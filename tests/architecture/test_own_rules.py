"""The wall lets the alerts about the centre's own work sound in a flood: it knows the same rules as the source."""

from __future__ import annotations

import re
from pathlib import Path

from ioc.domain.desk import DESK_RULE, OWN_RULES

SOURCE = Path(__file__).resolve().parents[2] / "dashboards" / "wall" / "src"
RING = SOURCE / "lib" / "ring.ts"
INCIDENTS = SOURCE / "model" / "incidents.ts"


def own_rules(text: str) -> set[str]:
    """Rules of ``OWN_RULES`` in TypeScript."""
    found = re.search(r"const OWN_RULES: ReadonlySet<string> = new Set\(\[(.*?)\]\);", text, re.DOTALL)
    assert found, "ring.ts has no OWN_RULES"
    return set(re.findall(r"'([^']+)'", found[1]))


def desk_rule(text: str) -> str:
    """Rule of the alert that says that the desk is silent."""
    found = re.search(r"const DESK_RULE = '([^']+)';", text)
    assert found, "incidents.ts has no DESK_RULE"
    return found[1]


def test_the_wall_knows_the_rules_of_the_system_itself() -> None:
    assert own_rules(RING.read_text(encoding="utf-8")) == OWN_RULES
    assert desk_rule(INCIDENTS.read_text(encoding="utf-8")) == DESK_RULE


def test_a_rule_that_is_missing_or_too_many_would_be_found() -> None:
    text = RING.read_text(encoding="utf-8")
    assert own_rules(text.replace("'handover-unsigned'", "'handover'")) != OWN_RULES
    assert own_rules(text.replace(", 'handover-unsigned'", "")) != OWN_RULES
