"""Calls to 113 (police), 114 (fire and rescue) and 115 (ambulance)."""

from __future__ import annotations

from typing import Any

from simulators.draw import choose, draw
from simulators.feeds.base import Place, make_reading
from simulators.local_time import MINUTE_MS
from simulators.model import arrivals
from simulators.parts.setting import Point
from simulators.readings import Reading
from simulators.world import World

PRIORITY = {"113": 2, "114": 1, "115": 2}
TEXTS = {  # invented examples
    "fire": "Báo cháy nhà dân",
    "forest_fire": "Báo cháy rừng, thấy khói",
    "rescue": "Cần cứu hộ, cứu nạn",
    "public_order": "Gây rối trật tự công cộng",
    "theft": "Trình báo mất tài sản",
    "traffic": "Ùn tắc, tranh chấp sau va chạm",
    "illness": "Người bệnh cần cấp cứu",
    "traffic_accident": "Tai nạn giao thông, có người bị thương",
    "injury": "Tai nạn sinh hoạt, có người bị thương",
}


class Calls:
    """``emergency.call`` of the province; callers are near one of ``towns``, centre ids with their weight."""

    def __init__(self, places: tuple[Place, ...], towns: dict[str, float], factor: float) -> None:
        self._places = places
        self._towns = towns
        self._factor = factor

    @property
    def per_second(self) -> float:
        return sum(arrivals.CALLS_PER_DAY.values()) * self._factor / 86_400

    def between(self, world: World, from_ms: int, to_ms: int) -> list[Reading]:
        found = []
        for minute in range(from_ms // MINUTE_MS, (to_ms - 1) // MINUTE_MS + 1):
            shape = arrivals.call_shape(minute * MINUTE_MS) * self._factor / 1440
            for number, per_day in arrivals.CALLS_PER_DAY.items():
                if number == "115":
                    per_day *= world.voices.illness_factor(minute * MINUTE_MS)
                for index, t_ms in enumerate(arrivals.in_minute(per_day * shape, world.seed, minute, "call", number)):
                    if from_ms <= t_ms < to_ms:
                        kind = choose(arrivals.CALL_KINDS[number], world.seed, "call/kind", number, t_ms)
                        at = self._where(world, number, t_ms)
                        found.append(self._call(number, kind, PRIORITY[number], TEXTS[kind], at, t_ms, f"C{index}"))
        for caused in world.voices.caused_calls(from_ms, to_ms):
            if self._factor >= 1 or draw(world.seed, "call/thin", caused.time_ms, caused.index) < self._factor:
                priority, text = PRIORITY[caused.number], TEXTS[caused.kind]
                found.append(
                    self._call(caused.number, caused.kind, priority, text, caused.at, caused.time_ms, caused.index)
                )
        for t_ms, suffix, call in world.scripted_calls(from_ms, to_ms):
            at = self._where(world, call.number, t_ms)
            if call.lon is not None and call.lat is not None:
                at = (call.lon, call.lat)
            text = call.text or TEXTS.get(call.what, "")
            found.append(self._call(call.number, call.what, call.priority, text, at, t_ms, suffix))
        return found

    def _where(self, world: World, number: str, t_ms: int) -> Point:
        town = choose(self._towns, world.seed, "call/town", number, t_ms)
        return world.near(town, 4.0, "call", number, t_ms)

    def _call(self, number: str, kind: str, priority: int, text: str, at: Point, t_ms: int, suffix: str) -> Reading:
        same = [place for place in self._places if number in place.site]
        place = same[0] if same else self._places[int(draw(0, number) * len(self._places))]
        data: dict[str, Any] = {
            "number": number,
            "kind": kind,
            "priority": priority,
            "text": text,
            "lon": at[0],
            "lat": at[1],
        }
        return make_reading(place, "emergency.call", t_ms, t_ms, data, f"{number}-{suffix}")
