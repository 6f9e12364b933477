"""Traffic at the counting places, slowed by whatever happens near them, and traffic incidents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from simulators.draw import between, choose, draw, smooth
from simulators.incidents import Accident, Jam
from simulators.local_time import HOUR_MS, MINUTE_MS
from simulators.model import arrivals, traffic
from simulators.model.places import on_ql51
from simulators.parts.floods import Floods
from simulators.parts.power import Power
from simulators.parts.setting import Happenings, Point, Remembered, Setting, distance_km
from simulators.parts.sky import Sky
from simulators.shapes.city import Crowd, ReturnTraffic

# Modelling choices: water of 15 cm begins to slow traffic within 0.8 km, 40 cm stops it but for a crawl; dark signals
# and crowds slow it, too.
WADE_FROM_CM, WADE_FULL_CM, WADE_KM, WADE_KM_H = 15.0, 40.0, 0.8, 6.0
DARK_SHARE, DARK_KM_H = 0.5, 18.0
CROWD_KM_H = 8.0
FLOOD_INCIDENT_FACTOR = 1.5  # on top of rain, while a spot of the centre is deeper than 20 cm


class Mishap(Struct, frozen=True):
    """A traffic incident, by chance or from the scenario, and how it slows its place."""

    time_ms: int
    number: str  # tells apart two of the same instant
    site: str
    kind: str
    lanes_blocked: int
    injured: int
    text: str
    slow_ms: int  # how long it slows traffic by chance; 0 when the scenario's shape does it
    speed_km_h: float


class Roads:
    """The counting places of every centre (sites of ``traffic.flow``)."""

    def __init__(
        self, setting: Setting, sky: Sky, floods: Floods, power: Power, roads: Mapping[str, Mapping[str, str]]
    ) -> None:
        self._setting = setting
        self._sky = sky
        self._floods = floods
        self._power = power
        points = setting.points.get("traffic.flow", {})
        self._roads = {
            centre: {
                site: traffic.road_of(setting.seed, site, name, _highway(points.get(centre, {}).get(site)))
                for site, name in sorted(sites.items())
            }
            for centre, sites in roads.items()
        }
        self._jams = setting.all_of(Jam)
        self._accidents = setting.all_of(Accident)
        self._crowds = setting.all_of(Crowd)
        self._returns = setting.all_of(ReturnTraffic)
        self._spots: Remembered[tuple[str, Point], tuple[str, ...]] = Remembered(
            lambda key: floods.near(key[0], key[1], WADE_KM), 1024
        )
        self._chance: Happenings[str, Mishap] = Happenings(HOUR_MS, self._chance_mishaps)

    def counts(self, centre: str, site: str) -> bool:
        """Is it a counting place of the centre?"""
        return site in self._roads.get(centre, ())

    def road(self, centre: str, site: str) -> traffic.Road:
        """Fixed properties of a counting place."""
        return self._roads[centre][site]

    def flow(self, centre: str, site: str, at: Point, t_ms: int) -> traffic.Flow:
        """Traffic at a counting place; the slowest of all causes wins."""
        road = self._roads[centre][site]
        seed, t_s = self._setting.seed, self._setting.since_s(t_ms)
        extra = sum(
            wave.share * wave.weight(t_s)
            for wave in self._returns
            if (site in wave.sites if wave.sites else road.carries_return)
        )
        share = traffic.demand(seed, site, road, t_ms, extra)
        weight, km_h = 0.0, road.free_km_h
        for cause, cause_km_h in self._slowed(centre, site, at, t_ms, t_s):
            if cause * (road.free_km_h - cause_km_h) > weight * (road.free_km_h - km_h):
                weight, km_h = cause, cause_km_h
        if weight:  # stop-and-go: the speed inside a jam wavers by about a tenth
            km_h *= 1 + 0.1 * smooth(seed, f"jam/{site}", t_ms, MINUTE_MS)
        return traffic.flow(road, share, self._sky.rain_mm_h(centre, at, t_ms), weight, max(1.0, km_h))

    def _slowed(self, centre: str, site: str, at: Point, t_ms: int, t_s: float) -> Iterator[tuple[float, float]]:
        """Every cause that slows a place now: weight 0…1 and the speed when it is fully there."""
        for jam in self._jams:
            if jam.site == site:
                yield jam.weight(t_s), jam.speed_km_h
        for accident in self._accidents:
            if accident.site == site:
                yield accident.weight(t_s), accident.speed_km_h
        for mishap in self._chance.between(centre, t_ms - HOUR_MS, t_ms + 1) if centre in self._roads else ():
            if mishap.site == site and t_ms < mishap.time_ms + mishap.slow_ms:
                yield 1.0, mishap.speed_km_h
        spots = self._spots((centre, at))
        if spots:
            depth_cm = self._floods.deepest_cm(spots, t_ms)
            if depth_cm > WADE_FROM_CM:
                yield min(1.0, (depth_cm - WADE_FROM_CM) / (WADE_FULL_CM - WADE_FROM_CM)), WADE_KM_H
        if self._power.dark(centre, at, t_ms):
            yield DARK_SHARE, DARK_KM_H
        for crowd in self._crowds:
            if distance_km((crowd.lon, crowd.lat), at) <= crowd.radius_km:
                yield crowd.weight(t_s), CROWD_KM_H

    def mishaps(self, centre: str, from_ms: int, to_ms: int) -> list[Mishap]:
        """Traffic incidents of a centre in ``[from_ms, to_ms)``, by time."""
        if not self._roads.get(centre):
            return []
        found = self._chance.between(centre, from_ms, to_ms)
        for begin_ms, number, accident in self._setting.begun(Accident, from_ms, to_ms):
            if accident.site in self._roads[centre]:
                found.append(
                    Mishap(
                        begin_ms,
                        number,
                        accident.site,
                        accident.what,
                        accident.lanes_blocked,
                        accident.injured,
                        accident.text,
                        0,
                        accident.speed_km_h,
                    )
                )
        return sorted(found, key=lambda m: (m.time_ms, m.number))

    def _chance_mishaps(self, centre: str, hour: int) -> list[Mishap]:
        seed, from_ms = self._setting.seed, hour * HOUR_MS
        middle = self._setting.cities[centre]
        raining = self._sky.rain_mm(centre, middle, from_ms, from_ms + HOUR_MS) > 0.5
        mean = arrivals.INCIDENTS_PER_DAY.get(centre, arrivals.INCIDENTS_PER_DAY_OTHER) / 24
        mean *= arrivals.INCIDENT_RAIN_FACTOR if raining else 1.0
        if raining and self._floods.deepest_cm(self._floods.of(centre), from_ms + HOUR_MS) > 20:
            mean *= FLOOD_INCIDENT_FACTOR
        sites = list(self._roads[centre])
        found = []
        for minute in range(hour * 60, hour * 60 + 60):
            for t_ms in arrivals.in_minute(mean / 60, seed, minute, "mishap", centre):
                what = choose(arrivals.INCIDENT_KINDS, seed, "mishap/kind", centre, t_ms)
                hurt = what == "accident" and draw(seed, "mishap/hurt", centre, t_ms) < 0.35  # modelling choice
                found.append(
                    Mishap(
                        t_ms,
                        "C",
                        sites[int(draw(seed, "mishap/site", centre, t_ms) * len(sites))],
                        what,
                        1 if what != "wrong_way" else 0,
                        1 + int(draw(seed, "mishap/injured", centre, t_ms) * 3) if hurt else 0,
                        "",
                        round(between(10, 45, seed, "mishap/slow", centre, t_ms)) * MINUTE_MS,
                        between(10, 22, seed, "mishap/speed", centre, t_ms),
                    )
                )
        return found


def _highway(at: Point | None) -> bool:
    return at is not None and on_ql51(at)
