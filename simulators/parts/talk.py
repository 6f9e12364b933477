"""What is said in public about a topic, as counts: an ordinary level, and bursts when something happens.

A topic is a site of ``social.mention``. Floods are talked about under traffic and environment, outages under public
services, injured people under traffic, smoke and dust under environment, heat under health.

Modelling choices all: levels per topic, the course of a day, what a cause adds (people talk about it some 20 minutes
after they see it), tone and reach.
"""

from __future__ import annotations

import math

from simulators.draw import normal, poisson, smooth
from simulators.local_time import DAY_MS, HOUR_MS, MINUTE_MS, hour_of_day
from simulators.model.curves import bell
from simulators.parts.fires import Fires
from simulators.parts.floods import Floods
from simulators.parts.power import Power
from simulators.parts.roads import Roads
from simulators.parts.setting import Remembered, Setting
from simulators.parts.sky import Sky
from simulators.shapes.systems import Rumour

SLOT_MS = 5 * MINUTE_MS
LATER_MS = 20 * MINUTE_MS
TOPICS_PER_HOUR = {
    "giaothong": 9.0,
    "moitruong": 3.0,
    "dichvucong": 4.0,
    "anninh": 4.0,
    "yte": 3.0,
}
OTHER_PER_HOUR = 2.0
PER_FLOODED_CM, PER_CUSTOMER, PER_INJURED, PER_SMOKE = 0.8, 1 / 60.0, 8.0, 15.0  # mentions an hour
TONE, TONE_OF_TROUBLE = 0.1, -0.65
REACH_MEDIAN, REACH_SIGMA = 260.0, 0.5  # people per mention


class Talk:
    """Mentions of every topic in the province."""

    def __init__(self, setting: Setting, sky: Sky, floods: Floods, power: Power, roads: Roads, fires: Fires) -> None:
        self._setting = setting
        self._sky = sky
        self._floods = floods
        self._power = power
        self._roads = roads
        self._fires = fires
        self._rumours = setting.all_of(Rumour)
        self._slots = Remembered(self._of_slot, 8192)

    def mentions_1h(self, site: str, t_ms: int) -> int:
        """Mentions in the hour up to the last five-minute mark."""
        return sum(sum(self._slots((site, t_ms // SLOT_MS - back))) for back in range(1, 13))

    def sentiment(self, site: str, t_ms: int) -> float:
        """Mean tone of these mentions, -1 … 1."""
        plain = trouble = 0
        for back in range(1, 13):
            slot = self._slots((site, t_ms // SLOT_MS - back))
            plain, trouble = plain + slot[0], trouble + slot[1]
        drift = 0.15 * smooth(self._setting.seed, f"tone/{site}", t_ms, 6 * HOUR_MS)
        bad = self._tone_of_trouble(site, t_ms)
        share = trouble / (plain + trouble) if plain + trouble else 0.0
        return min(1.0, max(-1.0, (1 - share) * TONE + share * bad + drift))

    def reach(self, site: str, t_ms: int) -> int:
        """People whom these mentions may have reached."""
        spread = math.exp(REACH_SIGMA * normal(self._setting.seed, "reach", site, t_ms // SLOT_MS))
        return round(self.mentions_1h(site, t_ms) * REACH_MEDIAN * spread)

    def _of_slot(self, key: tuple[str, int]) -> tuple[int, int]:
        """Ordinary mentions and those with a cause, in five minutes."""
        site, slot = key
        topic = topic_of(site)
        seed, t_ms = self._setting.seed, slot * SLOT_MS
        hour = hour_of_day(t_ms)
        shape = 0.12 + 0.9 * bell(hour, 9, 2.5) + 0.7 * bell(hour, 14, 3) + 1.35 * bell(hour, 20.5, 1.8)
        plain = TOPICS_PER_HOUR.get(topic, OTHER_PER_HOUR) * shape / 0.62
        trouble = self._caused_per_hour(topic, t_ms - LATER_MS) * (0.3 + 0.7 * min(1.0, shape))
        t_s = self._setting.since_s(t_ms)
        trouble += sum(r.weight(t_s) * r.mentions_h for r in self._rumours if r.site == site)
        return poisson(plain / 12, seed, "talk", site, slot), _many(trouble / 12, seed, site, slot)

    def _caused_per_hour(self, topic: str, t_ms: int) -> float:
        """Mentions an hour that what happens at ``t_ms`` is worth."""
        match topic:
            case "giaothong":
                return 0.4 * self._flooded(t_ms) + PER_INJURED * sum(
                    mishap.injured
                    for centre in self._setting.cities
                    for mishap in self._roads.mishaps(centre, t_ms - HOUR_MS, t_ms)
                )
            case "moitruong":
                burning = (f for f in self._fires.fires(t_ms - DAY_MS, t_ms) if f.end_ms > t_ms)
                dusty = 10.0 * (self._sky.heat(t_ms)[1] - 1)
                return 0.6 * self._flooded(t_ms) + PER_SMOKE * sum(fire.strength for fire in burning) + dusty
            case "dichvucong":
                return PER_CUSTOMER * sum(self._power.without(centre, t_ms) for centre in self._setting.cities)
            case "yte":
                return 2.0 * self._sky.heat(t_ms)[0]
            case _:
                return 0.0

    def _flooded(self, t_ms: int) -> float:
        """Mentions an hour that the water on the streets is worth, whatever the topic."""
        depths = (self._floods.depth_cm(site, t_ms) for site in self._floods.spots)
        return PER_FLOODED_CM * sum(depth for depth in depths if depth > 15)

    def _tone_of_trouble(self, site: str, t_ms: int) -> float:
        t_s = self._setting.since_s(t_ms)
        running = [r for r in self._rumours if r.site == site and r.weight(t_s) > 0]
        return running[0].sentiment if running else TONE_OF_TROUBLE


def _many(mean: float, seed: int, site: str, slot: int) -> int:
    """Poisson for any mean: in parts of at most 20, normal beyond 2,000."""
    if mean > 2000:
        return max(0, round(mean + math.sqrt(mean) * normal(seed, "talk/cause", site, slot)))
    parts = max(1, math.ceil(mean / 20))
    return sum(poisson(mean / parts, seed, "talk/cause", site, slot, part) for part in range(parts))


def topic_of(site: str) -> str:
    """The topic of a site of ``social.mention``: the last part of its id, in small letters."""
    return site.rsplit("-", 1)[-1].lower()
