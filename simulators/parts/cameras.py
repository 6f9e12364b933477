"""What cameras report: things seen by their software, and violations at the counting places.

Modelling choices all: rates per camera and day, confidences, shares of the rules. Violations follow the flow of
vehicles; a jam leaves nothing to speed with. A plate is never made: the hash is one of random bits.
"""

from __future__ import annotations

from hashlib import sha256

from msgspec import Struct

from simulators.draw import bits, choose, draw, normal
from simulators.local_time import MINUTE_MS, day_number, hour_of_day, is_day_off
from simulators.model import arrivals
from simulators.model.sun import night
from simulators.model.traffic import CONGESTED_BELOW
from simulators.parts.fires import Fires
from simulators.parts.roads import Roads
from simulators.parts.setting import Happenings, Point, Setting, distance_km
from simulators.shapes.city import Crowd

INTRUSIONS_PER_NIGHT = 0.12
LITTERING_PER_DAY = 0.35
CROWDS_PER_DAY, HOLIDAY_CROWDS_PER_DAY = 0.04, 0.8
FALSE_SMOKE_PER_DAY = 0.04
SMOKE_FROM, SMOKE_PER_MINUTE = 0.05, 0.25
CROWD_PER_MINUTE = 0.2
VIOLATIONS_PER_VEHICLE = 1 / 3000.0
RULES = {
    "speeding": 0.45,
    "red_light": 0.22,
    "wrong_lane": 0.2,
    "no_stopping": 0.09,
    "forbidden_zone": 0.03,
    "wrong_way": 0.01,
}
LIMIT_CITY_KM_H, LIMIT_HIGHWAY_KM_H = 50.0, 60.0


class Sighting(Struct, frozen=True):
    """Something a camera's software believes to see."""

    time_ms: int
    site: str
    kind: str
    confidence: float
    people: int | None
    index: str


class Violation(Struct, frozen=True):
    """A violation at a counting place; speeds where the rule is about speed."""

    time_ms: int
    site: str
    rule: str
    speed_km_h: float | None
    limit_km_h: float | None
    plate_hash: str
    index: str


class Cameras:
    """The cameras of every centre (sites of ``cctv.analytics``) and the enforcement at ``traffic.violation`` sites."""

    def __init__(self, setting: Setting, roads: Roads, fires: Fires) -> None:
        self._setting = setting
        self._roads = roads
        self._fires = fires
        self._crowds = setting.all_of(Crowd)
        self._cameras = setting.points.get("cctv.analytics", {})
        self._enforced = setting.points.get("traffic.violation", setting.points.get("traffic.flow", {}))
        self._seen: Happenings[str, Sighting] = Happenings(MINUTE_MS, self._sightings_of, 2048)
        self._caught: Happenings[str, Violation] = Happenings(MINUTE_MS, self._violations_of, 2048)

    def sightings(self, centre: str, from_ms: int, to_ms: int) -> list[Sighting]:
        """What the cameras of a centre report in ``[from_ms, to_ms)``, by time."""
        return self._seen.between(centre, from_ms, to_ms)

    def violations(self, centre: str, from_ms: int, to_ms: int) -> list[Violation]:
        """Violations of a centre in ``[from_ms, to_ms)``, by time."""
        return self._caught.between(centre, from_ms, to_ms)

    def _sightings_of(self, centre: str, minute: int) -> list[Sighting]:
        return [seen for site, at in self._cameras.get(centre, {}).items() for seen in self._by(site, at, minute)]

    def _by(self, site: str, at: Point, minute: int) -> list[Sighting]:
        seed, t_ms = self._setting.seed, minute * MINUTE_MS
        hour, day_off = hour_of_day(t_ms), is_day_off(day_number(t_ms))
        means = {"littering": LITTERING_PER_DAY / 960 if 6 <= hour < 22 else 0.0, "false": FALSE_SMOKE_PER_DAY / 1440}
        if hour >= 22 or hour < 5:
            means["intrusion"] = INTRUSIONS_PER_NIGHT / 420
        if 17 <= hour < 22:
            means["crowd"] = (HOLIDAY_CROWDS_PER_DAY if day_off else CROWDS_PER_DAY) / 300
        smoke = self._fires.smoke(at, t_ms)
        if smoke > SMOKE_FROM:
            means["smoke"] = SMOKE_PER_MINUTE * min(1.0, smoke * 2)
        gathered = 0
        t_s = self._setting.since_s(t_ms)
        for crowd in self._crowds:
            weight = crowd.weight(t_s)
            if weight > 0 and distance_km((crowd.lon, crowd.lat), at) <= crowd.radius_km:
                gathered += round(weight * crowd.people)
        if gathered:
            means["gathered"] = CROWD_PER_MINUTE
        found = []
        for what, mean in means.items():
            for index, at_ms in enumerate(arrivals.in_minute(mean, seed, minute, "camera", what, site)):
                found.append(self._sighting(what, site, at_ms, smoke, gathered, f"{what[:2]}{index}"))
        return found

    def _sighting(self, what: str, site: str, at_ms: int, smoke: float, gathered: int, index: str) -> Sighting:
        seed = self._setting.seed
        u = draw(seed, "camera/sure", what, site, at_ms)
        match what:
            case "false":  # steam, dust, headlights: never sure
                return Sighting(at_ms, site, "smoke", 0.3 + 0.35 * u, None, index)
            case "smoke":
                kind = "fire" if smoke > 1.5 and night(at_ms) else "smoke"
                return Sighting(at_ms, site, kind, min(0.99, 0.5 + 0.5 * min(1.0, smoke) - 0.1 * u), None, index)
            case "gathered":
                return Sighting(at_ms, site, "crowd", 0.75 + 0.24 * u, max(1, round(gathered * (0.8 + 0.3 * u))), index)
            case "crowd":
                return Sighting(at_ms, site, "crowd", 0.5 + 0.45 * u, 30 + round(170 * u * u), index)
            case _:
                return Sighting(at_ms, site, what, 0.45 + 0.5 * u, None, index)

    def _violations_of(self, centre: str, minute: int) -> list[Violation]:
        seed, t_ms, found = self._setting.seed, minute * MINUTE_MS, []
        for site, at in self._enforced.get(centre, {}).items():
            if not self._roads.counts(centre, site):
                continue
            flow = self._roads.flow(centre, site, at, t_ms)
            mean = flow.intensity_veh_h / 60 * VIOLATIONS_PER_VEHICLE
            road = self._roads.road(centre, site)
            for index, at_ms in enumerate(arrivals.in_minute(mean, seed, minute, "violation", site)):
                rule = choose(RULES, seed, "violation/rule", site, at_ms)
                if rule == "speeding" and flow.speed_km_h < 2 * CONGESTED_BELOW * road.free_km_h:
                    rule = "wrong_lane"
                limit = LIMIT_HIGHWAY_KM_H if road.carries_return else LIMIT_CITY_KM_H
                over = 6 + 9 * abs(normal(seed, "violation/over", site, at_ms))
                speeding = rule == "speeding"
                found.append(
                    Violation(
                        at_ms,
                        site,
                        rule,
                        min(180.0, limit + over) if speeding else None,
                        limit if speeding else None,
                        _hash(bits(seed, "violation/plate", site, at_ms)),
                        f"V{index}",
                    )
                )
        return found


def _hash(value: int) -> str:
    return sha256(value.to_bytes(8, "big")).hexdigest()
