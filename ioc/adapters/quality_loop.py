"""The figures of :mod:`ioc.domain.alarm_quality` in ``/metrics``: of the picture often, of the log once a minute."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from ioc.adapters.metrics import GatewayMetrics
from ioc.domain.alarm_quality import LOOK_BACK_MS, SLOT_MS, Durations, Line, Quality, Times, measure, standing
from ioc.domain.alerts import Alert
from ioc.errors import Unavailable
from ioc.ports import Clock, DeliveryCount, HistoryQueries

STANDING_EVERY_S = 5.0
LOG_EVERY_TURNS = 12
DAY_MS = 86_400_000
LINES_MAX = 20_000  # of the log; of a busier day the newest count
UNKNOWN = float("nan")

_log = logging.getLogger(__name__)


async def watch_quality(
    alerts: Callable[[], Sequence[Alert]],
    history: HistoryQueries,
    metrics: GatewayMetrics,
    clock: Clock,
    *,
    every_s: float = STANDING_EVERY_S,
) -> None:
    """Show the figures until cancelled; without the database those of the log are NaN."""
    turn = 0
    while True:
        show_standing(alerts(), metrics, clock())
        if turn % LOG_EVERY_TURNS == 0:
            await _show_log(history, metrics, clock())
        turn += 1
        await asyncio.sleep(every_s)


def show_standing(alerts: Sequence[Alert], metrics: GatewayMetrics, now_ms: int) -> None:
    """Figures of the alerts as they stand."""
    found = standing(alerts, now_ms)
    for priority in ("1", "2", "3", "4"):
        metrics.standing.labels(priority).set(found.standing.get(priority, 0))
    metrics.unacknowledged.set(found.unacknowledged)
    metrics.stale.set(found.stale_count)
    metrics.hidden.clear()
    for state, count in found.hidden.items():
        metrics.hidden.labels(state).set(count)


async def _show_log(history: HistoryQueries, metrics: GatewayMetrics, now_ms: int) -> None:
    try:
        lines = await history.log_lines(now_ms - DAY_MS - LOOK_BACK_MS, now_ms, LINES_MAX)
        day, slot = await asyncio.to_thread(_measured, lines, now_ms)
        deliveries = await history.delivery_counts(now_ms - DAY_MS)
    except Unavailable:
        _unknown(metrics)
    except Exception:  # noqa: BLE001 - whatever the database does, a missing table too: the wall goes on
        _unknown(metrics)
        _log.exception("the figures of the alert log could not be read")
    else:
        show_log(day, slot, metrics)
        show_deliveries(deliveries, metrics, now_ms)


def _measured(lines: Sequence[Line], now_ms: int) -> tuple[Quality, int]:
    return measure(lines, now_ms - DAY_MS, now_ms), measure(lines, now_ms - SLOT_MS, now_ms).announced


def show_log(day: Quality, last_slot: int, metrics: GatewayMetrics) -> None:
    """Figures of the last day, and announcements of the last ten minutes."""
    metrics.announced.labels("10min").set(last_slot)
    metrics.announced.labels("24h").set(day.announced)
    metrics.flood_share.set(day.flood_share)
    metrics.chattering.set(len(day.chattering))
    metrics.bad_actor_share.set(day.bad_actors_share)
    metrics.answer_s.clear()
    for until, durations in (("acknowledged", day.acknowledge), ("over", day.clear)):
        for by, name, times in _flat(durations):
            for quantile, seconds in (("0.5", times.p50_s), ("0.9", times.p90_s)):
                if seconds is not None:
                    metrics.answer_s.labels(until, by, name, quantile).set(seconds)


def show_deliveries(counts: Sequence[DeliveryCount], metrics: GatewayMetrics, now_ms: int) -> None:
    """How notices got on; 0 seconds when none waits."""
    metrics.deliveries.clear()
    for count in counts:
        metrics.deliveries.labels(count.channel, count.state).set(count.n)
    oldest_ms = min((count.oldest_ms for count in counts if count.state == "due"), default=now_ms)
    metrics.notice_waits_s.set(max(0, now_ms - oldest_ms) / 1000)


def _flat(durations: Durations) -> list[tuple[str, str, Times]]:
    return [
        ("all", "", durations.all),
        *(("priority", name, times) for name, times in durations.by_priority.items()),
        *(("centre", name, times) for name, times in durations.by_centre.items()),
    ]


def _unknown(metrics: GatewayMetrics) -> None:
    for window in ("10min", "24h"):
        metrics.announced.labels(window).set(UNKNOWN)
    for gauge in (metrics.flood_share, metrics.chattering, metrics.bad_actor_share, metrics.notice_waits_s):
        gauge.set(UNKNOWN)
    metrics.deliveries.clear()
    metrics.answer_s.clear()
