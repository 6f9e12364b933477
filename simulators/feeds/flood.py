"""Depth sensors at low spots of the streets."""

from __future__ import annotations

from typing import Any

from simulators.feeds.base import Place
from simulators.local_time import MINUTE_MS
from simulators.world import World

PERIOD_S = 20.0  # modelling choice


def spot(world: World, place: Place, t_ms: int) -> dict[str, Any]:
    """Payload of ``flood.spot``, resolution 0.5 cm; the trend is over the last half hour."""
    depth_cm = world.floods.depth_cm(place.site, t_ms)
    before_cm = world.floods.depth_cm(place.site, t_ms - 30 * MINUTE_MS)
    return {
        "depth_cm": round(2 * depth_cm) / 2,
        "trend_cm_h": round(2 * (depth_cm - before_cm), 1),
        "lon": place.at[0],
        "lat": place.at[1],
    }
