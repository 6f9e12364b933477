"""Alarms of the security operations centre."""

from __future__ import annotations

from simulators.feeds.base import Found
from simulators.parts.cyber import CLUSTER_MEAN, CLUSTERS_PER_HOUR, SINGLES_PER_HOUR
from simulators.world import World

ALARMS_PER_DAY = 24 * (SINGLES_PER_HOUR + CLUSTERS_PER_HOUR * CLUSTER_MEAN)


def alarms(world: World, centre: str, from_ms: int, to_ms: int) -> list[Found]:
    """Payloads of ``cyber.soc``, at the first site of the centre that reports them."""
    sites = sorted(world.setting.points.get("cyber.soc", {}).get(centre, {}))
    return [
        (
            sites[0],
            alarm.time_ms,
            alarm.index,
            {
                "kind": alarm.kind,
                "rule": alarm.rule,
                "asset": alarm.asset,
                "severity": alarm.severity,
                "blocked": alarm.blocked,
            },
        )
        for alarm in (world.cyber.alarms(from_ms, to_ms) if sites else ())
    ]
