"""What a gateway knows of the desk beside what its screens get: how the escalation stands."""

from __future__ import annotations

import math

from ioc.adapters.metrics import GatewayMetrics
from ioc.pipeline.escalation_audit import Audit
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
