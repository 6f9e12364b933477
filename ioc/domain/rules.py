"""What is wrong with a rule: the check that runs before rules are used, one plain sentence per problem.

The deciding code of each kind is in :mod:`ioc.domain.threshold` (also for ``aqi``), :mod:`ioc.domain.occurrence` and
:mod:`ioc.domain.silence`; what they answer is in :mod:`ioc.domain.verdicts`.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ioc.domain import titles
from ioc.domain.catalogue import PAYLOADS
from ioc.domain.profile import Rule

GROUPS = frozenset(
    {
        "emergency",
        "traffic",
        "rain",
        "river",
        "utilities",
        "environment",
        "feedback",
        "service",
        "cyber",
        "source",
    }
)


def problems(rules: Iterable[Rule]) -> list[str]:
    """Every problem of a rule file together; empty when it is good."""
    found: list[str] = []
    seen: set[str] = set()
    for rule in rules:
        if rule.id in seen:
            found.append(f"rule {rule.id}: the id is used twice")
        seen.add(rule.id)
        found += [f"rule {rule.id}: {text}" for text in _problems(rule)]
    return found


def payload_fields(type_: str) -> frozenset[str]:
    """Field names of a type's payload; empty for an unknown type."""
    payload = PAYLOADS.get(type_)
    return frozenset(f.name for f in msgspec.structs.fields(payload)) if payload else frozenset()


def _numbers(values: Iterable[object]) -> bool:
    return all(isinstance(value, int | float) for value in values)


def _problems(rule: Rule) -> list[str]:
    found: list[str] = []
    fields = payload_fields(rule.type)
    if not rule.id or "|" in rule.id:
        found.append("the id must not be empty and not contain '|'")
    if not fields:
        found.append(f"type {rule.type!r} is not in the catalogue")
    if rule.group not in GROUPS:
        found.append(f"group {rule.group!r} is not one of {', '.join(sorted(GROUPS))}")
    seconds = (rule.on_delay_s, rule.off_delay_s, rule.max_gap_s, rule.hold_s, rule.after_s, rule.deadband)
    if any(s < 0 for s in seconds):
        found.append("delays, gaps and deadbands are not negative")
    templates = [rule.title_vi, rule.title_en, *(t for lv in rule.levels for t in (lv.title_vi, lv.title_en) if t)]
    found += titles.problems(templates, fields)
    if len({level.name for level in rule.levels}) < len(rule.levels):
        found.append("two levels have the same name")
    wanted = {*rule.match, *(name for level in rule.levels for name in level.match)}
    wanted |= set(rule.object) - {"area"}
    found += [f"field {name!r} is not in the payload of {rule.type}" for name in sorted(wanted - fields)]
    for match in (rule.match, *(level.match for level in rule.levels)):
        for name, want in match.items():
            if isinstance(want, dict) and not (want and set(want) <= {"min", "max"} and _numbers(want.values())):
                found.append(f"match of {name!r} must be a value, a list, or min and max as numbers")
    if rule.kind == "threshold":
        used = {level.field or rule.field for level in rule.levels}
        found += [f"field {name!r} is not in the payload of {rule.type}" for name in sorted(used - fields)]
    if rule.kind in ("threshold", "aqi"):
        if not rule.levels:
            found.append("a threshold without levels never fires")
        found += [
            f"level {level.name!r} needs exactly one of limit and limit_from"
            for level in rule.levels
            if (level.limit is None) == (level.limit_from is None)
        ]
    if rule.kind == "occurrence" and rule.hold_s <= 0:
        found.append("an occurrence needs hold_s, otherwise it never ends")
    if rule.kind == "silence" and rule.after_s <= 0:
        found.append("a silence needs after_s")
    return found
