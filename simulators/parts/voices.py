"""What people report and call for: the ordinary day, and what floods, outages, bursts, injuries and fires add.

The ordinary rates are in :mod:`simulators.model.arrivals`. What causes add is a modelling choice: a spot with 50 cm of
water brings a report about every ten minutes by day; an outage one per 400 customers within the first half hour; an
accident with injured people a call to 115 within four minutes; a fire a call to 114 within twelve.
"""

from __future__ import annotations

import math

from msgspec import Struct

from simulators.draw import between, choose
from simulators.local_time import HOUR_MS, MINUTE_MS, hour_of_day
from simulators.model import arrivals
from simulators.parts.fires import Fires
from simulators.parts.floods import Floods
from simulators.parts.networks import Networks
from simulators.parts.power import Power
from simulators.parts.roads import Roads
from simulators.parts.setting import Happenings, Point, Setting, beside
from simulators.parts.sky import Sky
from simulators.shapes.city import Crowd

WET_FROM_CM, PER_MINUTE_PER_CM = 15.0, 0.003
CUSTOMERS_PER_REPORT, TELL_MIN = 400.0, 15.0
REPORTS_PER_BURST = 4.0
RESCUE_FROM_CM, RESCUES_PER_MINUTE = 60.0, 1 / 40
HEAT_ILLNESS_PER_C = 0.05  # more calls to 115 per degree of a heat spell
CROWD_CALLS_PER_MINUTE = 1 / 60_000  # of each person


class Report(Struct, frozen=True):
    """A report to 1022."""

    time_ms: int
    field: str
    at: Point
    index: str  # tells apart two of the same instant


class Called(Struct, frozen=True):
    """An emergency call by chance or by cause."""

    time_ms: int
    number: str
    kind: str
    at: Point
    index: str


class Voices:
    """Reports and calls of a setting."""

    def __init__(
        self, setting: Setting, sky: Sky, floods: Floods, power: Power, networks: Networks, roads: Roads, fires: Fires
    ) -> None:
        self._setting = setting
        self._sky = sky
        self._floods = floods
        self._power = power
        self._networks = networks
        self._roads = roads
        self._fires = fires
        self._crowds = setting.all_of(Crowd)
        self._pipes = setting.points.get("water.pressure", {})
        self._places = setting.points.get("traffic.flow", {})
        self._caused: Happenings[str, Report] = Happenings(MINUTE_MS, self._caused_reports, 2048)
        self._calls: Happenings[str, Called] = Happenings(MINUTE_MS, self._caused_calls, 2048)

    def caused_reports(self, centre: str, from_ms: int, to_ms: int) -> list[Report]:
        """Reports of a centre that have a cause in the world, in ``[from_ms, to_ms)``, by time."""
        return self._caused.between(centre, from_ms, to_ms)

    def caused_calls(self, from_ms: int, to_ms: int) -> list[Called]:
        """Emergency calls of the whole province that have a cause, in ``[from_ms, to_ms)``, by time."""
        return self._calls.between("", from_ms, to_ms)

    def illness_factor(self, t_ms: int) -> float:
        """How many times more ordinary calls to 115: heat makes ill."""
        return 1 + HEAT_ILLNESS_PER_C * self._sky.heat(t_ms)[0]

    def _caused_reports(self, centre: str, minute: int) -> list[Report]:
        seed, t_ms = self._setting.seed, minute * MINUTE_MS
        awake = 0.15 if hour_of_day(t_ms) < 5 else 1.0
        sources: list[tuple[str, str, Point, float]] = []  # stream, field, where, mean of this minute
        for site in self._floods.of(centre):
            depth_cm = self._floods.depth_cm(site, t_ms)
            if depth_cm > WET_FROM_CM:
                mean = (depth_cm - WET_FROM_CM) * PER_MINUTE_PER_CM
                sources.append((f"flood/{site}", "ngap-nuoc", self._floods.spots[site].at, mean))
        for outage in self._power.outages(centre, t_ms - 90 * MINUTE_MS, t_ms):
            if not outage.planned and outage.end_ms > t_ms:
                age_min = (t_ms - outage.time_ms) / MINUTE_MS
                mean = outage.customers / CUSTOMERS_PER_REPORT / TELL_MIN * math.exp(-age_min / TELL_MIN)
                at = self._power.feeders[centre][outage.feeder]
                sources.append((f"power/{outage.feeder}/{outage.time_ms}", "mat-dien", at, mean))
        for site, at in self._pipes.get(centre, {}).items():
            since_ms = self._networks.told_since_ms(site, t_ms)
            if since_ms is not None:
                age_min = (t_ms - since_ms) / MINUTE_MS
                sources.append((f"pipe/{site}", "mat-nuoc", at, REPORTS_PER_BURST / 30 * math.exp(-age_min / 30)))
        return [
            Report(at_ms, field, beside(seed, at, 0.6, "voice", stream, at_ms), f"W{number}-{index}")
            for number, (stream, field, at, mean) in enumerate(sources)
            for index, at_ms in enumerate(arrivals.in_minute(mean * awake, seed, minute, "voice", stream))
        ]

    def _caused_calls(self, _: str, minute: int) -> list[Called]:
        seed, from_ms = self._setting.seed, minute * MINUTE_MS
        found: list[Called] = []
        for centre in self._setting.cities:
            found += self._of_injured(centre, minute)
            for site in self._floods.of(centre):
                if self._floods.depth_cm(site, from_ms) >= RESCUE_FROM_CM:
                    at = self._floods.spots[site].at
                    for at_ms in arrivals.in_minute(RESCUES_PER_MINUTE, seed, minute, "rescue", site):
                        found.append(Called(at_ms, "114", "rescue", beside(seed, at, 0.5, "rescue", site, at_ms), site))
        for number, fire in enumerate(self._fires.fires(from_ms - 12 * MINUTE_MS, from_ms + MINUTE_MS)):
            at_ms = fire.time_ms + round(between(2, 12, seed, "fire/call", fire.time_ms, number) * MINUTE_MS)
            if from_ms <= at_ms < from_ms + MINUTE_MS:
                found.append(Called(at_ms, "114", "forest_fire", fire.at, f"F{fire.number}"))
        t_s = self._setting.since_s(from_ms)
        for number, crowd in enumerate(self._crowds):
            mean = crowd.weight(t_s) * crowd.people * CROWD_CALLS_PER_MINUTE
            for at_ms in arrivals.in_minute(mean, seed, minute, "crowd/call", number):
                at = beside(seed, (crowd.lon, crowd.lat), crowd.radius_km / 2, "crowd/call", at_ms)
                found.append(Called(at_ms, "113", "public_order", at, f"P{number}"))
        return found

    def _of_injured(self, centre: str, minute: int) -> list[Called]:
        """Calls to 115 (and now and then 113) after accidents with injured people."""
        seed, from_ms, found = self._setting.seed, minute * MINUTE_MS, []
        for mishap in self._roads.mishaps(centre, from_ms - 4 * MINUTE_MS, from_ms + MINUTE_MS):
            if mishap.injured == 0:
                continue
            what = (centre, mishap.site, mishap.time_ms, mishap.number)
            at_ms = mishap.time_ms + round(between(0.5, 4, seed, "injured/call", *what) * MINUTE_MS)
            if not from_ms <= at_ms < from_ms + MINUTE_MS:
                continue
            at = self._places.get(centre, {}).get(mishap.site, self._setting.cities[centre])
            number = choose({"115": 0.85, "113": 0.15}, seed, "injured/number", *what)
            kind = "traffic_accident" if number == "115" else "traffic"
            found.append(Called(at_ms, number, kind, at, f"A{mishap.site}-{mishap.number}"))
        return found

    def ordinary_reports(self, centre: str, per_day: float, from_ms: int, to_ms: int) -> list[Report]:
        """Reports of a centre without a particular cause; rain makes people report more."""
        seed, found = self._setting.seed, []
        middle = self._setting.cities[centre]
        for minute in range(from_ms // MINUTE_MS, (to_ms - 1) // MINUTE_MS + 1):
            start_ms = minute * MINUTE_MS
            raining = self._sky.rain_mm(centre, middle, start_ms - HOUR_MS, start_ms) > 0.5
            mean = per_day / 1440 * arrivals.feedback_shape(start_ms, raining)
            fields = arrivals.RAIN_FIELDS if raining else arrivals.FEEDBACK_FIELDS
            for index, t_ms in enumerate(arrivals.in_minute(mean, seed, minute, "1022", centre)):
                if from_ms <= t_ms < to_ms:
                    what = (centre, t_ms, index)
                    field = choose(fields, seed, "1022/field", *what)
                    at = beside(seed, middle, 4.0, centre, "1022", *what)
                    found.append(Report(t_ms, field, at, f"C{index}"))
        return found
