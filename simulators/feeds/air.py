"""Air stations."""

from __future__ import annotations

from typing import Any

from simulators.feeds.base import Place
from simulators.world import World

PERIOD_S = 10.0  # modelling choice


def quality(world: World, place: Place, t_ms: int) -> dict[str, Any]:
    """Payload of ``air.quality``: running hourly concentrations, µg/m³."""
    data: dict[str, Any] = {
        name: round(value, 1) for name, value in world.air(place.centre, place.site, place.at, t_ms).items()
    }
    data["lon"], data["lat"] = place.at
    return data
