"""What a gateway knows of the desk beside what its screens get: how the escalation stands."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from ioc.adapters.metrics import GatewayMetrics
from ioc.domain.incidents import Incident, Line, Member
from ioc.pipeline.escalation_audit import Audit
from ioc.services import desk_view
from ioc.services.desk_view import DeskView
from ioc.wire.codec import encode
from tests.samples import T0_MS

AUDIT = Audit(running=3, finished=1, without_step=2, overdue=1, as_of_ms=T0_MS - 5_000)


def value(metrics: GatewayMetrics, state: str) -> float:
    found = metrics.registry.get_sample_value("ioc_escalation_alerts", {"state": state})
    assert found is not None
    return found


def test_the_last_audit_is_kept_and_changes_no_frame() -> None:
    view = DeskView()
    assert view.audit is None
    view.take(b"escalation/audit", encode(AUDIT))
    assert (view.audit, view.version) == (AUDIT, 0)
    view.take(b"escalation/audit", b"?")
    view.take(b"@escalation/A-1", b"{}")
    view.take(b"escalation/other", b"{}")
    assert view.audit == AUDIT
    view.take(b"escalation/audit", None)
    assert view.audit is None


def test_the_gauges_say_how_it_stands_and_when_nobody_knows() -> None:
    metrics = GatewayMetrics()
    metrics.show_escalation(AUDIT, T0_MS)
    states = ("running", "finished", "without_step", "overdue")
    assert [value(metrics, state) for state in states] == [3, 1, 2, 1]
    assert metrics.registry.get_sample_value("ioc_escalation_audit_age_seconds") == 5
    assert b'ioc_escalation_alerts{state="overdue"} 1.0' in metrics.text()
    metrics.show_escalation(AUDIT, T0_MS - 60_000)
    assert metrics.registry.get_sample_value("ioc_escalation_audit_age_seconds") == 0, "the clocks differ"
    metrics.show_escalation(None, T0_MS)
    assert all(math.isnan(value(metrics, state)) for state in states)
    assert math.isnan(metrics.registry.get_sample_value("ioc_escalation_audit_age_seconds") or 0)


def test_a_desk_that_says_nothing_any_more_is_silent() -> None:
    """It says how it stands every minute; from two and a half on nobody can rely on what it said."""
    view = DeskView()
    assert not view.silent(T0_MS), "a centre without a desk lacks none"
    view.take(b"escalation/audit", encode(AUDIT))
    assert not view.silent(AUDIT.as_of_ms - 60_000), "the clocks differ"
    assert not view.silent(AUDIT.as_of_ms + 150_000)
    assert view.silent(AUDIT.as_of_ms + 150_001)


def test_the_frame_of_very_many_incidents_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_view, "FRAME_MEMBERS_MAX", 5)
    view = DeskView()
    for number, members in ((1, 3), (2, 4), (3, 2)):
        made = incident(number, members)
        view.take(b"incident/" + made.id.encode(), encode(made))
    frame = decode_frame(view.frame())
    assert [(one["number"], len(one["members"])) for one in frame["incidents"]] == [(3, 2), (1, 3)]
    assert len(frame["incidents"][0]["timeline"]) == 20
    assert len(view.all_incidents()) == 3, "the list by HTTP has all"


def incident(number: int, members: int) -> Incident:
    member = Member(
        alert_id="A", key="r|c|o", rule="r", centre="c", area="731", priority=2, acked=False, hidden=False,
        title_vi="", title_en="", raised_ms=1, joined_ms=1,
    )  # fmt: skip
    return Incident(
        id=f"I-{number}", number=number, group="g", title_vi="", title_en="", priority=2,
        members=(member,) * members, opened_ms=number * 1000, changed_ms=1,
        timeline=tuple(Line(at_ms=i, word="noted") for i in range(100)),
    )  # fmt: skip


def decode_frame(data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(data)
    return found
