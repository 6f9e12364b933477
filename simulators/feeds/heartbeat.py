"""Signs of life of a centre's link."""

from __future__ import annotations

from typing import Any

from simulators.draw import between
from simulators.feeds.base import Place
from simulators.world import World

PERIOD_S = 10.0  # as the profile expects: three missing ones are a silence


def beat(world: World, place: Place, t_ms: int) -> dict[str, Any]:
    """Payload of ``source.heartbeat``; the counter is set by the feed."""
    return {"seq": 0, "lag_s": round(between(0.05, 0.4, world.seed, "lag", place.site, t_ms), 3)}
