"""Rain gauges."""

from __future__ import annotations

from typing import Any

from simulators.feeds.base import Place
from simulators.local_time import DAY_MS, HOUR_MS, MINUTE_MS
from simulators.world import World

PERIOD_S = 10.0  # modelling choice


def gauge(world: World, place: Place, t_ms: int) -> dict[str, Any]:
    """Payload of ``rain.gauge``, resolution 0.1 mm."""
    ten, hour, day = (
        round(world.rain_mm(place.centre, place.at, t_ms - span, t_ms), 1) for span in (10 * MINUTE_MS, HOUR_MS, DAY_MS)
    )
    return {"mm_10min": ten, "mm_1h": hour, "mm_24h": day, "lon": place.at[0], "lat": place.at[1]}
