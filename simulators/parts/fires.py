"""Forest fires, hot spots and smoke: what the danger level makes likely.

Modelling choices all: fires and burning of fields per forest and day by danger level, at the warm hours; smoke fades to
a third within 4 km.
"""

from __future__ import annotations

import math

from msgspec import Struct

from simulators.draw import between, normal, poisson
from simulators.local_time import DAY_MS, HOUR_MS, MINUTE_MS, day_number, day_start_ms
from simulators.parts.setting import Happenings, Point, Setting, beside, distance_km, nearest
from simulators.parts.sky import Sky
from simulators.shapes.weather import ForestFire

FIRES_PER_DAY = (0.0, 0.001, 0.004, 0.012, 0.03)  # of one forest, by danger level I … V
HOTSPOTS_PER_DAY = (0.0, 0.005, 0.02, 0.06, 0.12)  # in the forest, beside its fires: burning at the edge
MEDIAN_MIN, SIGMA, LONGEST_MIN = 150.0, 0.7, 1440.0
FOREST_KM = 6.0  # how far from its point things happen in a forest
WATCHED_KM = 30.0  # a fire of the scenario counts for the nearest forest within this distance
SMOKE_KM = 4.0
SMOKE_PM25_UG_M3 = 70.0  # at a fire of strength 1, on the spot


class Fire(Struct, frozen=True):
    """A fire in a forest; strength as in :class:`~simulators.shapes.weather.ForestFire`."""

    time_ms: int
    end_ms: int
    at: Point
    strength: float
    number: str


class Hotspot(Struct, frozen=True):
    """A place of heat that a satellite sees."""

    time_ms: int
    at: Point


class Fires:
    """The forests of the setting (sites of ``forest.fire_level``)."""

    def __init__(self, setting: Setting, sky: Sky) -> None:
        self._setting = setting
        self._sky = sky
        self.forests = {
            site: (centre, at)
            for centre, sites in setting.points.get("forest.fire_level", {}).items()
            for site, at in sites.items()
        }
        self._middles = {site: at for site, (_, at) in self.forests.items()}
        self._scripted = setting.all_of(ForestFire)
        self._fires: Happenings[str, Fire] = Happenings(DAY_MS, self._fires_of_day, 1024)
        self._heat: Happenings[str, Hotspot] = Happenings(DAY_MS, self._hotspots_of_day, 1024)

    def fires(self, from_ms: int, to_ms: int) -> list[Fire]:
        """Fires that break out in ``[from_ms, to_ms)``, by chance and by the scenario, by time."""
        found = [fire for site in self.forests for fire in self._fires.between(site, from_ms, to_ms)]
        for begin_ms, number, shape in self._setting.begun(ForestFire, from_ms, to_ms):
            end_ms = begin_ms + round(shape.length_s * 1000)
            found.append(Fire(begin_ms, end_ms, (shape.lon, shape.lat), shape.strength, number))
        return sorted(found, key=lambda fire: (fire.time_ms, fire.at, fire.number))

    def hotspots_24h(self, site: str, t_ms: int) -> int:
        """Places of heat seen in a forest within 24 hours; a fire counts as many as its strength, rounded up."""
        from_ms = t_ms - DAY_MS
        count = len(self._heat.between(site, from_ms, t_ms))
        count += sum(math.ceil(fire.strength) for fire in self._fires.between(site, from_ms, t_ms))
        for _, _, shape in self._setting.begun(ForestFire, from_ms, t_ms):
            at = (shape.lon, shape.lat)
            owner = nearest(self._middles, at)
            if owner == site and distance_km(self._middles[owner], at) <= WATCHED_KM:
                count += math.ceil(shape.strength)
        return count

    def smoke(self, at: Point, t_ms: int) -> float:
        """Smoke at a place: the sum of strengths, fading with distance; above 0.3 a camera cannot miss it."""
        total = 0.0
        t_s = self._setting.since_s(t_ms)
        for shape in self._scripted:
            weight = shape.weight(t_s)
            if weight > 0:
                total += weight * _seen(shape.strength, (shape.lon, shape.lat), at)
        for site, (_, middle) in self.forests.items():
            if distance_km(middle, at) < FOREST_KM + 8 * SMOKE_KM:
                for fire in self._fires.between(site, t_ms - DAY_MS, t_ms + 1):
                    if fire.end_ms > t_ms:
                        edge_ms = min(t_ms - fire.time_ms, fire.end_ms - t_ms)
                        total += min(1.0, edge_ms / (30 * MINUTE_MS)) * _seen(fire.strength, fire.at, at)
        return total

    def _fires_of_day(self, site: str, bucket: int) -> list[Fire]:
        seed, found = self._setting.seed, []
        centre, middle = self.forests[site]
        level = self._sky.danger_level(centre, middle, bucket * DAY_MS)
        for index in range(poisson(FIRES_PER_DAY[level - 1], seed, "fire", site, bucket)):
            what = (site, bucket, index)
            minutes = min(LONGEST_MIN, MEDIAN_MIN * math.exp(SIGMA * normal(seed, "fire/for", *what)))
            begin_ms = self._warm_hour(bucket, "fire/at", *what)
            strength = between(1, 4, seed, "fire/strength", *what)
            at = beside(seed, middle, FOREST_KM, "fire", *what)
            found.append(Fire(begin_ms, begin_ms + round(minutes * MINUTE_MS), at, strength, f"C{index}"))
        return found

    def _hotspots_of_day(self, site: str, bucket: int) -> list[Hotspot]:
        seed = self._setting.seed
        centre, middle = self.forests[site]
        mean = HOTSPOTS_PER_DAY[self._sky.danger_level(centre, middle, bucket * DAY_MS) - 1]
        return [
            Hotspot(
                self._warm_hour(bucket, "hotspot/at", site, bucket, index),
                beside(seed, middle, FOREST_KM, "hotspot", site, bucket, index),
            )
            for index in range(poisson(mean, seed, "hotspot", site, bucket))
        ]

    def _warm_hour(self, bucket: int, *what: str | int) -> int:
        """An instant between 9 and 17 h local of the day that begins in a bucket of UTC."""
        local_ms = day_start_ms(day_number(bucket * DAY_MS)) + round(
            between(9, 17, self._setting.seed, *what) * HOUR_MS
        )
        return min(max(local_ms, bucket * DAY_MS), (bucket + 1) * DAY_MS - 1)


def _seen(strength: float, fire: Point, at: Point) -> float:
    return strength * math.exp(-distance_km(fire, at) / SMOKE_KM)
