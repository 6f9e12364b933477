"""Tide at the tidal station: the table, the gauge, and the next crest."""

from __future__ import annotations

from typing import Any

from ioc.domain.times import rfc3339
from simulators.feeds.base import Place
from simulators.world import World

PERIOD_S = 60.0  # modelling choice


def tide(world: World, place: Place, t_ms: int) -> dict[str, Any]:
    """Payload of ``hydro.tide``, resolution 1 cm."""
    crest_m, crest_ms = world.water.crest(t_ms)
    return {
        "predicted_m": round(world.water.predicted_m(t_ms), 2),
        "observed_m": round(world.water.observed_m(place.site, t_ms), 2),
        "crest_m": round(crest_m, 2),
        "crest_at": rfc3339(crest_ms),
        "lon": place.at[0],
        "lat": place.at[1],
    }
