"""The alerts of a span as expectations: lines of the audit trail in, tables of ``[[expect]]`` out. Pure.

Times are event times, counted from the beginning of the span, with ``SLACK_MS`` to both sides: a replay finds the same
ones, and the slack is for formats that know whole seconds only. A silence or an absence has no event: there the moment
counts when the province knew, as a replay knows it by the arrivals that it repeats.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ioc.domain.absence import RETELL_MS
from ioc.domain.alerts import Alert, LogEntry
from ioc.domain.profile import Rule

SLACK_MS = 10_000
CLEARED = ("cleared", "closed", "hidden-occurrence")
# What they say depends on weeks before, which no span holds.
LEARNING_KINDS = frozenset({"anomaly"})
# Kinds that ask when something arrived, and by how much earlier a replay may know it, whose clock judges each step: the
# live picture is told of what is absent again only so often.
BY_ARRIVAL_MS = {"silence": 0, "absence": RETELL_MS}


def expectations(
    entries: Iterable[LogEntry],
    alerts: Mapping[str, Alert],
    rules: Collection[Rule],
    from_ms: int,
    to_ms: int,
    centres: Collection[str],
) -> tuple[list[dict[str, Any]], Counter[str]]:
    """What must come of a replay of ``[from_ms, to_ms)``.

    Args:
        entries: lines of the audit trail, in any order; repeats do no harm.
        alerts: newest state of the alerts that are still known.
        rules: of the profile.
        from_ms, to_ms: the span, epoch milliseconds.
        centres: whose traffic the recording holds.

    Returns:
        The expectations in the order of their times, and how many alerts of the span were left out, by reason.
    """
    kinds = {rule.id: rule.kind for rule in rules}
    courses: dict[str, dict[str, LogEntry]] = {}
    for entry in entries:
        if entry.exercise is None and entry.kind == "transition":
            courses.setdefault(entry.alert_id, {})[entry.id] = entry
    found: list[tuple[int, str, dict[str, Any]]] = []
    left: Counter[str] = Counter()
    for id_, course in courses.items():
        lines = sorted(course.values(), key=lambda one: one.version)
        first, alert = lines[0], alerts.get(id_)
        if first.what != "raised" or not from_ms <= first.at_ms < to_ms or first.event_ms is None:
            continue
        rule, _, rest = first.key.partition("|")
        centre = rest.partition("|")[0]
        since_ms = alert.started_ms if alert is not None else first.event_ms
        if rule not in kinds:
            left["alerts of rules that are gone"] += 1
        elif kinds[rule] in LEARNING_KINDS:
            left["alerts that compare with weeks before"] += 1
        elif min(since_ms, first.event_ms - SLACK_MS) < from_ms:
            left["alerts that began before"] += 1
        elif (alert.centre if alert is not None else centre) not in centres:
            left["alerts of other centres"] += 1
        else:
            found.append((first.event_ms, id_, _expectation(kinds[rule], first.key, lines, alert, from_ms, to_ms)))
    return [table for _, _, table in sorted(found, key=lambda one: one[:2])], left


def _expectation(
    kind: str, key: str, lines: list[LogEntry], alert: Alert | None, from_ms: int, to_ms: int
) -> dict[str, Any]:
    early_ms = BY_ARRIVAL_MS.get(kind)

    def span(line: LogEntry) -> str:
        assert line.event_ms is not None
        at_ms = (line.event_ms if early_ms is None else line.at_ms) - from_ms
        return f"{max(0, at_ms - SLACK_MS - (early_ms or 0))}ms..{at_ms + SLACK_MS}ms"

    first, (rule, _, obj) = lines[0], key.split("|", 2)
    table: dict[str, Any] = {"rule": rule, "object": obj, "raised": span(first)}
    if alert is not None:
        table["centre"] = alert.centre
        if alert.prior_count == 0:  # else it took over the priority of the one before, which may lie outside
            table["priority"] = first.priority
    steps = [
        {"priority": one.priority, "within": span(one)}
        for one in lines
        if one.what == "escalated" and one.event_ms is not None and one.at_ms < to_ms
    ]
    if steps:
        table["steps"] = steps
    # Without a time of the event it is not the condition that ended, but what had hidden it.
    ends = [one for one in lines if one.what in (*CLEARED, "re-raised") and one.event_ms is not None]
    if ends and (last := ends[-1]).what in CLEARED and last.event_ms is not None and last.at_ms < to_ms:
        table["cleared"] = span(last)
    return table
