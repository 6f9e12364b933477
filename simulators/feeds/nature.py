"""Danger of forest fire by district, and dengue fever by area."""

from __future__ import annotations

from typing import Any

from simulators.feeds.base import Place
from simulators.world import World

FOREST_PERIOD_S = 120.0  # modelling choice: the level is announced daily, hot spots come with each satellite
DENGUE_PERIOD_S = 120.0  # modelling choice: figures of the morning, repeated so that the age of the source shows


def forest(world: World, place: Place, t_ms: int) -> dict[str, Any]:
    """Payload of ``forest.fire_level``."""
    centre, at = world.fires.forests.get(place.site, (place.centre, place.at))
    return {
        "danger_level": world.sky.danger_level(centre, at, t_ms),
        "hotspots_24h": world.fires.hotspots_24h(place.site, t_ms),
    }


def dengue(world: World, place: Place, t_ms: int) -> dict[str, Any]:
    """Payload of ``health.dengue`` of the site's area."""
    return {
        "cases_7d": world.health.cases_7d(place.area, t_ms),
        "outbreaks": world.health.outbreaks(place.area, t_ms),
        "mosquitoes": round(world.health.mosquitoes(place.area, t_ms), 1),
    }
