"""Pressure points of the water supply and cabinets of the street lights."""

from __future__ import annotations

from typing import Any

from simulators.feeds.base import Place
from simulators.world import World

PRESSURE_PERIOD_S = 30.0  # modelling choice
CABINET_PERIOD_S = 30.0  # modelling choice


def pressure(world: World, place: Place, t_ms: int) -> dict[str, Any]:
    """Payload of ``water.pressure``, resolution 0.01 bar and 0.1 m³/h."""
    now = world.networks.pressure(place.centre, place.site, place.at, t_ms)
    return {
        "pressure_bar": round(now.bar, 2),
        "flow_m3_h": round(now.flow_m3_h, 1),
        "burst": now.burst,
        "lon": place.at[0],
        "lat": place.at[1],
    }


def cabinet(world: World, place: Place, t_ms: int) -> dict[str, Any]:
    """Payload of ``lighting.cabinet``."""
    now = world.networks.cabinet(place.centre, place.site, place.at, t_ms)
    return {
        "on": now.on,
        "off_ratio": round(now.off_ratio, 3),
        "faults": now.faults,
        "lon": place.at[0],
        "lat": place.at[1],
    }
