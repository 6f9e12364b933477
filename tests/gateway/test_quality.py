"""Figures of the alerts by HTTP and for Prometheus."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import Any

import pytest

from ioc.adapters import quality_loop
from ioc.adapters.http import quality as route
from ioc.adapters.metrics import GatewayMetrics
from ioc.adapters.quality_loop import watch_quality
from ioc.domain.alerts import LogEntry
from ioc.ports import DeliveryCount
from tests.gateway.harness import FakeHistory, Running, running
from tests.samples import T0_MS, an_alert


def entry(at_ms: int, what: str, alert: str = "A-1", **changes: Any) -> LogEntry:
    states = {"raised": ("NORM", "UNACK"), "ack": ("UNACK", "ACKED"), "closed": ("ACKED", "NORM")}[what]
    values = {
        "id": f"{alert}/{what}",
        "alert_id": alert,
        "key": "rule|bien-hoa|X",
        "kind": "command" if what == "ack" else "transition",
        "what": what,
        "accepted": True,
        "at_ms": at_ms,
        "priority": 2,
        "from_state": states[0],
        "to_state": states[1],
    }
    return LogEntry(**(values | changes))


def history_of(now_ms: int) -> list[LogEntry]:
    return [
        entry(now_ms - 300_000, "raised"),
        entry(now_ms - 270_000, "ack"),
        entry(now_ms - 200_000, "raised", "A-2", exercise="drill"),
        entry(now_ms - 100_000, "closed"),
    ]


async def test_the_figures_of_a_span(gateway: Running) -> None:
    now_ms = gateway.clock()
    gateway.history.entries = history_of(now_ms)
    gateway.bus.put_alert(an_alert("A-3", 1))
    query = {"from_ms": now_ms - 600_000, "to_ms": now_ms}
    found = (await gateway.http.get("/api/quality", params=query)).json()
    assert found["span"]["announced"] == 1, "the drill is not counted"
    assert found["span"]["acknowledge"]["all"] == {"n": 1, "p50_s": 30.0, "p90_s": 30.0}
    assert found["span"]["clear"]["by_centre"]["bien-hoa"]["p50_s"] == 200.0
    assert found["span"]["rate_per_10min"] == 1.0
    assert found["complete_from_ms"] == now_ms - 600_000
    assert (found["now"]["standing"], found["now"]["stale_count"]) == ({"2": 1}, 1)
    halved = (await gateway.http.get("/api/quality", params=query | {"positions": 2})).json()
    assert halved["span"]["rate_per_10min"] == 0.5


async def test_bad_questions_and_an_absent_database(gateway: Running, tmp_path: Path) -> None:
    now_ms = gateway.clock()
    good = {"from_ms": now_ms - 600_000, "to_ms": now_ms}
    for bad in ({"positions": 0}, {"positions": "two"}, {"positions": 101}, {"to_ms": 1}, {"from_ms": 0}):
        assert (await gateway.http.get("/api/quality", params=good | bad)).status_code == 400
    gateway.history.away = True
    assert (await gateway.http.get("/api/quality", params=good)).status_code == 503
    async with running(tmp_path / "closed", open_wall=False) as closed:
        assert (await closed.http.get("/api/quality", params=good)).status_code == 401


async def test_a_log_that_is_too_long_says_from_when_it_was_counted(
    gateway: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route, "LINES_MAX", 2)
    now_ms = gateway.clock()
    gateway.history.entries = history_of(now_ms)
    query = {"from_ms": now_ms - 600_000, "to_ms": now_ms}
    found = (await gateway.http.get("/api/quality", params=query)).json()
    assert found["complete_from_ms"] == found["span"]["from_ms"] == now_ms - 270_000


def value(metrics: GatewayMetrics, sample: str, /, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(sample, labels)


async def test_the_figures_for_prometheus_and_that_they_are_unknown_without_the_database() -> None:
    history, metrics = FakeHistory(), GatewayMetrics()
    history.entries = history_of(T0_MS)
    history.deliveries = [
        DeliveryCount(channel="duty", state="dead", n=3, oldest_ms=T0_MS - 9_000),
        DeliveryCount(channel="duty", state="due", n=1, oldest_ms=T0_MS - 7_000),
    ]
    alerts = [an_alert("A-1", 1), an_alert("A-2", 3)]

    async def watch() -> None:
        task = asyncio.create_task(watch_quality(lambda: alerts, history, metrics, lambda: T0_MS, every_s=60))
        await asyncio.sleep(0.2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    await watch()
    assert value(metrics, "ioc_alerts_standing", priority="2") == 2
    assert value(metrics, "ioc_alerts_standing", priority="1") == 0
    assert value(metrics, "ioc_alerts_unacknowledged") == 1
    assert value(metrics, "ioc_alert_announcements", window="24h") == 1
    assert value(metrics, "ioc_alert_announcements", window="10min") == 1
    labels = {"until": "acknowledged", "by": "centre", "name": "bien-hoa", "quantile": "0.9"}
    assert value(metrics, "ioc_alert_duration_seconds", **labels) == 30
    assert value(metrics, "ioc_notices", channel="duty", state="dead") == 3
    assert value(metrics, "ioc_notice_oldest_due_seconds") == 7
    history.away = True
    await watch()
    assert value(metrics, "ioc_notices", channel="duty", state="dead") is None
    assert math.isnan(value(metrics, "ioc_alert_announcements", window="24h") or 0)
    assert value(metrics, "ioc_alert_duration_seconds", **labels) is None
    assert value(metrics, "ioc_alerts_standing", priority="2") == 2, "the picture does not need it"
    assert quality_loop.LOG_EVERY_TURNS * quality_loop.STANDING_EVERY_S == 60


async def test_they_are_in_the_gateway_s_metrics(gateway: Running) -> None:
    gateway.bus.put_alert(an_alert("A-3", 1))
    await asyncio.sleep(0.1)
    text = (await gateway.http.get("/metrics")).text
    assert 'ioc_alerts_standing{priority="1"}' in text
    assert "ioc_alert_flood_share" in text
