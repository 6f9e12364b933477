"""The simulated world: what is true at a place at an instant.

Pure: built from a seed, the middles of the cities and a list of incidents; reads no clock, keeps no history. Any
instant can be asked for, in any order, with the same answer (the caches only save work).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simulators.incidents import Call, Incident, SourceLoss
from simulators.local_time import HOUR_MS
from simulators.model import air, arrivals, indicators, traffic
from simulators.parts.cameras import Cameras
from simulators.parts.cyber import Cyber
from simulators.parts.fires import SMOKE_PM25_UG_M3, Fires
from simulators.parts.floods import Floods
from simulators.parts.health import Health
from simulators.parts.networks import Networks
from simulators.parts.offices import Offices
from simulators.parts.platforms import Platforms
from simulators.parts.power import Power
from simulators.parts.roads import Mishap, Roads
from simulators.parts.setting import Point, Setting
from simulators.parts.sky import Sky
from simulators.parts.talk import Talk
from simulators.parts.voices import Voices
from simulators.parts.water import Water


class World:
    """Model of the cities and the province.

    Args:
        seed: the same seed is the same world.
        cities: middle of the area of each centre, (lon, lat).
        roads: traffic sites of each centre with their printed names, centre → {site: name}.
        start_ms: start of the scenario, which the times of ``incidents`` count from.
        incidents: shapes added to the world.
        dropouts: whether links of centres fail by chance.
        points: where the sites are, event type → centre → {site: point}; without them only what happens by the
            clock or by chance at no particular site is in the world.
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
        points: Mapping[str, Mapping[str, Mapping[str, Point]]] | None = None,
    ) -> None:
        self.seed = seed
        self.cities = dict(cities)
        self.setting = Setting(
            seed=seed, start_ms=start_ms, cities=self.cities, points=points or {}, incidents=tuple(incidents)
        )
        self.sky = Sky(self.setting)
        self.water = Water(self.setting, self.sky)
        self.start_ms = start_ms
        self.dropouts = dropouts
        self.floods = Floods(self.setting, self.sky, self.water)
        self.power = Power(self.setting, self.sky, self.floods)
        self.networks = Networks(self.setting, self.power)
        self.roads = Roads(self.setting, self.sky, self.floods, self.power, roads or {})
        self.fires = Fires(self.setting, self.sky)
        self.cameras = Cameras(self.setting, self.roads, self.fires)
        self.voices = Voices(self.setting, self.sky, self.floods, self.power, self.networks, self.roads, self.fires)
        self._losses = [i for i in incidents if isinstance(i, SourceLoss)]
        self.health = Health(self.setting)
        self.cyber = Cyber(self.setting)
        self.talk = Talk(self.setting, self.sky, self.floods, self.power, self.roads, self.fires)
        self.offices = Offices(self.setting)
        self.platforms = Platforms(self.setting)

    # what older feeds ask

    def rain_mm(self, centre: str, at: Point, from_ms: int, to_ms: int) -> float:
        """Rain on a point in ``[from_ms, to_ms)``, millimetres; ``to_ms - from_ms`` at most one day."""
        return self.sky.rain_mm(centre, at, from_ms, to_ms)

    def rain_mm_h(self, centre: str, at: Point, t_ms: int) -> float:
        """Rain intensity over the last five minutes, mm/h."""
        return self.sky.rain_mm_h(centre, at, t_ms)

    def level_m(self, site: str, t_ms: int) -> float:
        """Stage of a river or reservoir station, metres above its datum."""
        return self.water.level_m(site, t_ms)

    def flow(self, centre: str, site: str, at: Point, t_ms: int) -> traffic.Flow:
        """Traffic at a counting place; the slowest of all causes wins."""
        return self.roads.flow(centre, site, at, t_ms)

    def mishaps(self, centre: str, from_ms: int, to_ms: int) -> list[Mishap]:
        """Traffic incidents of a centre in ``[from_ms, to_ms)``, by time."""
        return self.roads.mishaps(centre, from_ms, to_ms)

    # air, indicators, calls, links

    def air(self, centre: str, site: str, at: Point, t_ms: int) -> dict[str, float]:
        """Concentrations at a station, fields of ``air.quality``."""
        rain_2h_mm = self.rain_mm(centre, at, t_ms - 2 * HOUR_MS, t_ms)
        plus_c, pm_factor = self.sky.heat(t_ms)
        smoke_ug_m3 = SMOKE_PM25_UG_M3 * self.fires.smoke(at, t_ms)
        return air.concentrations(self.seed, centre, site, t_ms, rain_2h_mm, plus_c, pm_factor, smoke_ug_m3)

    def indicator(self, indicator: str, t_ms: int) -> float:
        """Value of an indicator of the three pillars; what floors and links report themselves is taken from there."""
        reported = self.platforms.indicator(indicator, t_ms)
        return indicators.value(self.seed, indicator, t_ms) if reported is None else reported

    def scripted_calls(self, from_ms: int, to_ms: int) -> list[tuple[int, str, Call]]:
        """Emergency calls of the scenario in ``[from_ms, to_ms)``: time, number that tells them apart, shape."""
        return sorted(self.setting.begun(Call, from_ms, to_ms), key=lambda item: item[:2])

    def arrives(self, centre: str, feed: str, t_ms: int) -> bool:
        """False when what the feed sends at ``t_ms`` is lost: its source is cut off, by the scenario or by chance."""
        t_s = self._since_s(t_ms)
        if any(loss.silences(centre, feed, t_s) for loss in self._losses):
            return False
        return not (self.dropouts and arrivals.dropped_out(self.seed, centre, t_ms))

    def near(self, centre: str, spread_km: float, *what: str | int) -> Point:
        """A random point around the middle of a centre's area, fixed by ``what``."""
        return self.setting.near(centre, spread_km, *what)

    def _since_s(self, t_ms: int) -> float:
        return (t_ms - self.start_ms) / 1000
