"""Distribution feeders of the power company."""

from __future__ import annotations

from typing import Any

from ioc.domain.times import rfc3339
from simulators.feeds.base import Place
from simulators.world import World

PERIOD_S = 30.0  # modelling choice


def feeder(world: World, place: Place, t_ms: int) -> dict[str, Any]:
    """Payload of ``power.outage``: how many customers of the feeder are without power now."""
    supply = world.power.supply(place.centre, place.site, t_ms)
    data: dict[str, Any] = {
        "feeder": place.name,
        "unplanned_customers": supply.unplanned,
        "planned_customers": supply.planned,
        "lon": place.at[0],
        "lat": place.at[1],
    }
    if supply.cause is not None:
        data["cause"] = supply.cause
    if supply.restore_ms is not None:
        data["restore_at"] = rfc3339(supply.restore_ms)
    return data
