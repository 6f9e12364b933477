"""The simulated world: what is true at a place at an instant.

Pure: built from a seed, the middles of the cities and a list of incidents; reads no clock, keeps no history. Any
instant can be asked for, in any order, with the same answer (the caches only save work).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from msgspec import Struct

from simulators.draw import between, choose, draw, smooth
from simulators.incidents import Accident, Call, FloodWave, Incident, Jam, RiverSurge, SourceLoss, StormCell
from simulators.local_time import DAY_MS, HOUR_MS, MINUTE_MS, day_number
from simulators.model import air, arrivals, indicators, traffic
from simulators.model.rain import KM_PER_DEG_LAT, KM_PER_DEG_LON, Cell, cells_of_day
from simulators.model.river import calm_level_m

K = TypeVar("K")
V = TypeVar("V")
Point = tuple[float, float]  # lon, lat
CACHE_MAX = 512  # entries per cache; cleared when full, which costs only recomputation


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


class World:
    """Model of the cities and the province.

    Args:
        seed: the same seed is the same world.
        cities: middle of the area of each centre, (lon, lat).
        roads: traffic sites of each centre with their printed names, centre → {site: name}.
        start_ms: start of the scenario, which the times of ``incidents`` count from.
        incidents: shapes added to the world.
        dropouts: whether links of centres fail by chance.
    """

    def __init__(
        self,
        seed: int,
        cities: Mapping[str, Point],
        roads: Mapping[str, Mapping[str, str]] | None = None,
        *,
        start_ms: int = 0,
        incidents: Sequence[Incident] = (),
        dropouts: bool = False,
    ) -> None:
        self.seed = seed
        self.cities = dict(cities)
        self.start_ms = start_ms
        self.dropouts = dropouts
        self._roads = {
            centre: {site: traffic.road_of(seed, site, name) for site, name in sorted(sites.items())}
            for centre, sites in (roads or {}).items()
        }
        self._surges = [i for i in incidents if isinstance(i, RiverSurge)]
        self._waves = [i for i in incidents if isinstance(i, FloodWave)]
        self._storms = [i for i in incidents if isinstance(i, StormCell)]
        self._slow = [i for i in incidents if isinstance(i, Jam | Accident)]
        self._accidents = [i for i in incidents if isinstance(i, Accident)]
        self._calls = [i for i in incidents if isinstance(i, Call)]
        self._losses = [i for i in incidents if isinstance(i, SourceLoss)]
        self._mishaps: dict[tuple[str, int], tuple[Mishap, ...]] = {}
        self._cells: dict[tuple[str, int], tuple[Cell, ...]] = {}

    # rain

    def rain_mm(self, centre: str, at: Point, from_ms: int, to_ms: int) -> float:
        """Rain on a point in ``[from_ms, to_ms)``, millimetres; ``to_ms - from_ms`` at most one day."""
        lon, lat = at
        total = 0.0
        for day in range(day_number(from_ms) - 1, day_number(to_ms) + 1):
            for cell in self._cells_of(centre, day):
                if cell.start_ms < to_ms and cell.start_ms + cell.duration_ms > from_ms:
                    total += cell.fallen_mm(lon, lat, to_ms) - cell.fallen_mm(lon, lat, from_ms)
        return total

    def rain_mm_h(self, centre: str, at: Point, t_ms: int) -> float:
        """Rain intensity over the last five minutes, mm/h."""
        return 12 * self.rain_mm(centre, at, t_ms - 5 * MINUTE_MS, t_ms)

    def _cells_of(self, centre: str, day: int) -> tuple[Cell, ...]:
        key = (centre, day)
        cells = self._cells.get(key)
        if cells is None:
            lon, lat = self.cities[centre]
            cells = cells_of_day(self.seed, centre, lon, lat, day) + self._storm_cells(day)
            _remember(self._cells, key, cells)
        return cells

    def _storm_cells(self, day: int) -> tuple[Cell, ...]:
        """Cells of the scenario that begin on a local day."""
        day_from_s = self._since_s(day * DAY_MS - 7 * HOUR_MS)
        return tuple(
            storm.cell(self.start_ms + round(begin_s * 1000))
            for storm in self._storms
            for _, begin_s in storm.begins(day_from_s, day_from_s + DAY_MS / 1000)
        )

    # water

    def level_m(self, site: str, t_ms: int) -> float:
        """Stage of a river or reservoir station, metres above its datum."""
        level = calm_level_m(self.seed, site, t_ms)
        t_s = self._since_s(t_ms)
        for surge in self._surges:
            if surge.site == site and surge.level_m > level:
                level += surge.weight(t_s) * (surge.level_m - level)
        for wave in self._waves:
            if wave.site == site and wave.crest_m > level:
                level += wave.weight(t_s) * (wave.crest_m - level)
        return level

    # roads

    def flow(self, centre: str, site: str, at: Point, t_ms: int) -> traffic.Flow:
        """Traffic at a counting place; the slowest of all causes wins."""
        road = self._roads[centre][site]
        share = traffic.demand(self.seed, site, road, t_ms)
        jam, jam_km_h = 0.0, 60.0
        t_s = self._since_s(t_ms)
        for shape in self._slow:
            if shape.site == site and (weight := shape.weight(t_s)) > 0 and shape.speed_km_h < jam_km_h:
                jam, jam_km_h = weight, shape.speed_km_h
        for mishap in self.mishaps(centre, t_ms - HOUR_MS, t_ms + 1):
            if mishap.site == site and t_ms < mishap.time_ms + mishap.slow_ms and mishap.speed_km_h < jam_km_h:
                jam, jam_km_h = 1.0, mishap.speed_km_h
        if jam:  # stop-and-go: the speed inside a jam wavers by about a tenth
            jam_km_h *= 1 + 0.1 * smooth(self.seed, f"jam/{site}", t_ms, MINUTE_MS)
        return traffic.flow(road, share, self.rain_mm_h(centre, at, t_ms), jam, max(1.0, jam_km_h))

    def mishaps(self, centre: str, from_ms: int, to_ms: int) -> list[Mishap]:
        """Traffic incidents of a centre in ``[from_ms, to_ms)``, by time."""
        found = [
            mishap
            for hour in range(from_ms // HOUR_MS, (to_ms - 1) // HOUR_MS + 1)
            for mishap in self._mishaps_of_hour(centre, hour)
            if from_ms <= mishap.time_ms < to_ms
        ]
        for index, accident in enumerate(self._accidents):
            if accident.site not in self._roads.get(centre, ()):
                continue
            for number, begin_s in accident.begins(self._since_s(from_ms), self._since_s(to_ms)):
                found.append(
                    Mishap(
                        self.start_ms + round(begin_s * 1000),
                        f"S{index}-{number}",
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

    def _mishaps_of_hour(self, centre: str, hour: int) -> tuple[Mishap, ...]:
        key = (centre, hour)
        known = self._mishaps.get(key)
        if known is None:
            known = tuple(self._chance_mishaps(centre, hour)) if self._roads.get(centre) else ()
            _remember(self._mishaps, key, known)
        return known

    def _chance_mishaps(self, centre: str, hour: int) -> list[Mishap]:
        from_ms = hour * HOUR_MS
        raining = self.rain_mm(centre, self.cities[centre], from_ms, from_ms + HOUR_MS) > 0.5
        mean = arrivals.INCIDENTS_PER_DAY.get(centre, arrivals.INCIDENTS_PER_DAY_OTHER) / 24
        mean *= arrivals.INCIDENT_RAIN_FACTOR if raining else 1.0
        sites = list(self._roads[centre])
        found = []
        for minute in range(hour * 60, hour * 60 + 60):
            for t_ms in arrivals.in_minute(mean / 60, self.seed, minute, "mishap", centre):
                what = choose(arrivals.INCIDENT_KINDS, self.seed, "mishap/kind", centre, t_ms)
                hurt = what == "accident" and draw(self.seed, "mishap/hurt", centre, t_ms) < 0.35  # modelling choice
                found.append(
                    Mishap(
                        t_ms,
                        "C",
                        sites[int(draw(self.seed, "mishap/site", centre, t_ms) * len(sites))],
                        what,
                        1 if what != "wrong_way" else 0,
                        1 + int(draw(self.seed, "mishap/injured", centre, t_ms) * 3) if hurt else 0,
                        "",
                        round(between(10, 45, self.seed, "mishap/slow", centre, t_ms)) * MINUTE_MS,
                        between(10, 22, self.seed, "mishap/speed", centre, t_ms),
                    )
                )
        return found

    # air, indicators, calls, links

    def air(self, centre: str, site: str, at: Point, t_ms: int) -> dict[str, float]:
        """Concentrations at a station, fields of ``air.quality``."""
        rain_2h_mm = self.rain_mm(centre, at, t_ms - 2 * HOUR_MS, t_ms)
        return air.concentrations(self.seed, centre, site, t_ms, rain_2h_mm)

    def indicator(self, indicator: str, t_ms: int) -> float:
        """Value of an indicator of the three pillars."""
        return indicators.value(self.seed, indicator, t_ms)

    def scripted_calls(self, from_ms: int, to_ms: int) -> list[tuple[int, str, Call]]:
        """Emergency calls of the scenario in ``[from_ms, to_ms)``: time, number that tells them apart, shape."""
        found = [
            (self.start_ms + round(begin_s * 1000), f"S{index}-{number}", call)
            for index, call in enumerate(self._calls)
            for number, begin_s in call.begins(self._since_s(from_ms), self._since_s(to_ms))
        ]
        return sorted(found, key=lambda item: item[:2])

    def arrives(self, centre: str, feed: str, t_ms: int) -> bool:
        """False when what the feed sends at ``t_ms`` is lost: its source is cut off, by the scenario or by chance."""
        t_s = self._since_s(t_ms)
        if any(loss.silences(centre, feed, t_s) for loss in self._losses):
            return False
        return not (self.dropouts and arrivals.dropped_out(self.seed, centre, t_ms))

    def near(self, centre: str, spread_km: float, *what: str | int) -> Point:
        """A random point around the middle of a centre's area, fixed by ``what``."""
        lon, lat = self.cities[centre]
        east = spread_km * (2 * draw(self.seed, "lon", centre, *what) - 1)
        north = spread_km * (2 * draw(self.seed, "lat", centre, *what) - 1)
        return round(lon + east / KM_PER_DEG_LON, 5), round(lat + north / KM_PER_DEG_LAT, 5)

    def _since_s(self, t_ms: int) -> float:
        return (t_ms - self.start_ms) / 1000


def _remember(cache: dict[K, V], key: K, value: V) -> None:
    if len(cache) >= CACHE_MAX:
        cache.clear()
    cache[key] = value
