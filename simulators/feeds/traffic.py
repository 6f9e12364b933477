"""Traffic: flow by the clock at every counting place, and incidents when they happen."""

from __future__ import annotations

from typing import Any

from simulators.feeds.base import Place, make_reading
from simulators.readings import Reading
from simulators.world import World

FLOW_PERIOD_S = 2.0  # modelling choice: camera counters report often

TEXTS = {
    "accident": "Va chạm giao thông",
    "breakdown": "Xe hỏng giữa đường",
    "wrong_way": "Xe đi ngược chiều",
    "road_closed": "Đường tạm đóng",
}


def flow(world: World, place: Place, t_ms: int) -> dict[str, Any]:
    """Payload of ``traffic.flow``."""
    now = world.flow(place.centre, place.site, place.at, t_ms)
    return {
        "intensity_veh_h": float(round(now.intensity_veh_h)),
        "occupancy_ratio": round(now.occupancy_ratio, 3),
        "speed_km_h": round(now.speed_km_h, 1),
        "congested": now.congested,
        "lon": place.at[0],
        "lat": place.at[1],
    }


class Incidents:
    """``traffic.incident`` of one centre."""

    def __init__(self, places: tuple[Place, ...], per_day: float) -> None:
        self._places = {place.site: place for place in places}
        self._per_day = per_day

    @property
    def per_second(self) -> float:
        return self._per_day / 86_400

    def between(self, world: World, from_ms: int, to_ms: int) -> list[Reading]:
        found = []
        for centre in sorted({place.centre for place in self._places.values()}):
            for mishap in world.mishaps(centre, from_ms, to_ms):
                place = self._places.get(mishap.site)
                if place is None:  # the site is left out of this run
                    continue
                data: dict[str, Any] = {
                    "kind": mishap.kind,
                    "lanes_blocked": mishap.lanes_blocked,
                    "injured": mishap.injured,
                    "text": mishap.text or f"{TEXTS[mishap.kind]} tại {place.name}",
                    "lon": place.at[0],
                    "lat": place.at[1],
                }
                found.append(
                    make_reading(place, "traffic.incident", mishap.time_ms, mishap.time_ms, data, mishap.number)
                )
        return found
