"""River and reservoir stations."""

from __future__ import annotations

from typing import Any

from simulators.feeds.base import Place
from simulators.local_time import HOUR_MS
from simulators.world import World

PERIOD_S = 5.0  # modelling choice: real stations send every 5–10 minutes; a demo shall move


def level(world: World, place: Place, t_ms: int) -> dict[str, Any]:
    """Payload of ``hydro.level``, resolution 1 cm; the trend is over the last hour."""
    now_m = world.level_m(place.site, t_ms)
    trend_m_h = now_m - world.level_m(place.site, t_ms - HOUR_MS)
    return {"level_m": round(now_m, 2), "trend_m_h": round(trend_m_h, 2), "lon": place.at[0], "lat": place.at[1]}
