"""The audit trail of a span becomes expectations of what a replay must raise, and only of what it can."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ioc.adapters.profiles import load_profile
from ioc.domain.alerts import Alert, LogEntry
from ioc.services.recorded_alerts import expectations
from tests.samples import an_alert

FROM_MS = 1_795_489_200_000
TO_MS = FROM_MS + 3_600_000
RULES = load_profile("dongnai-2023").rules
KEY = "hydro-level|bien-hoa|BIENHOA"


def line(what: str, at_s: int, version: int, **more: Any) -> LogEntry:
    at_ms = FROM_MS + at_s * 1_000
    values: dict[str, Any] = {"alert_id": "A-1", "key": KEY, "kind": "transition", "accepted": True, "priority": 3}
    values |= {"at_ms": at_ms + 700, "event_ms": at_ms, **more}
    return LogEntry(id=f"{values['alert_id']}/{version}/{what}", what=what, version=version, **values)


def alert(**more: Any) -> Alert:
    known = replace(an_alert("A-1", 4), key=KEY, rule="hydro-level", centre="bien-hoa", started_ms=FROM_MS + 60_000)
    return replace(known, **more)


def of(lines: list[LogEntry], *alerts: Alert) -> tuple[list[dict[str, Any]], dict[str, int]]:
    found, left = expectations(lines, {one.id: one for one in alerts}, RULES, FROM_MS, TO_MS, ("bien-hoa", "tinh"))
    return found, dict(left)


def test_raised_escalated_and_cleared() -> None:
    lines = [
        line("raised", 100, 1),
        line("escalated", 200, 2, priority=2),
        line("cleared", 300, 3),
        line("re-raised", 400, 4),
        line("closed", 500, 5),
    ]
    (table,), left = of([*reversed(lines), *lines], alert())
    assert table == {
        "rule": "hydro-level",
        "object": "BIENHOA",
        "centre": "bien-hoa",
        "priority": 3,
        "raised": "90000ms..110000ms",
        "steps": [{"priority": 2, "within": "190000ms..210000ms"}],
        "cleared": "490000ms..510000ms",
    }
    assert left == {}
    (open_again,), _ = of(lines[:4], alert())
    assert "cleared" not in open_again


def test_a_silence_and_an_absence_are_expected_when_the_province_knew() -> None:
    """The heartbeat that ends a silence may have been held back for all of it; an absence is told again each minute."""
    kinds = {rule.kind: rule.id for rule in RULES if rule.kind in ("silence", "absence")}
    for kind, early_s in (("silence", 0), ("absence", 60)):
        lines = [line("raised", 100, 1), line("cleared", 90, 2, at_ms=FROM_MS + 1_000_000)]
        lines = [replace(one, key=f"{kinds[kind]}|bien-hoa|bien-hoa") for one in lines]
        (table,), _ = of(lines, alert(started_ms=FROM_MS + 60_000))
        assert table["raised"] == f"{90_700 - early_s * 1_000}ms..110700ms"
        assert table["cleared"] == f"{990_000 - early_s * 1_000}ms..1010000ms"


def test_what_ended_behind_a_shelf_ended_when_the_condition_did() -> None:
    lines = [line("raised", 100, 1), line("cleared", 300, 3), line("hidden-occurrence", 900, 4, event_ms=None)]
    (table,), _ = of(lines, alert())
    assert table["cleared"] == "290000ms..310000ms"
    (table,), _ = of([line("raised", 100, 1), line("hidden-occurrence", 400, 2)], alert())  # a shelf of one occurrence
    assert table["cleared"] == "390000ms..410000ms"


def test_an_alert_that_is_forgotten_by_now_is_expected_by_its_line_alone() -> None:
    (table,), _ = of([line("raised", 100, 1)])
    assert table == {"rule": "hydro-level", "object": "BIENHOA", "raised": "90000ms..110000ms"}


def test_a_priority_that_was_taken_over_is_not_expected() -> None:
    (table,), _ = of([line("raised", 100, 1, priority=1)], alert(prior_count=2))
    assert "priority" not in table


@pytest.mark.parametrize(
    ("lines", "alerts", "left"),
    [
        ([line("raised", 100, 1, exercise="d")], [], {}),
        ([line("raised", -100, 1), line("escalated", 100, 2)], [], {}),
        ([line("raised", 3_700, 1)], [], {}),
        ([line("raised", 100, 1)], [alert(started_ms=FROM_MS - 1)], {"alerts that began before": 1}),
        ([line("raised", 5, 1)], [], {"alerts that began before": 1}),
        ([line("raised", 100, 1, key="gone|bien-hoa|X")], [], {"alerts of rules that are gone": 1}),
        ([line("raised", 100, 1, key="hydro-level|long-khanh|X")], [], {"alerts of other centres": 1}),
        ([line("ack", 100, 1, kind="command")], [], {}),
    ],
)
def test_what_a_replay_cannot_raise_is_left_out(
    lines: list[LogEntry], alerts: list[Alert], left: dict[str, int]
) -> None:
    assert of(lines, *alerts) == ([], left)


def test_rules_that_compare_with_weeks_before() -> None:
    learning = next(rule.id for rule in RULES if rule.kind == "anomaly")
    found, left = of([line("raised", 100, 1, key=f"{learning}|tinh|X")])
    assert (found, left) == ([], {"alerts that compare with weeks before": 1})
