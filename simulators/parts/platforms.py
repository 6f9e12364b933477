"""Electronic platforms: the three e-commerce floors and the links to the national population database.

Figures of the source article (Báo Đồng Nai, early 2023): provincial floor with 25 households and more than 200
products; Vỏ Sò and Postmart together about 125,800 household accounts, more than 76,300 active, nearly 1,100 products;
link to the population database since 2022, some databases not linked yet. Modelling choices: the split between Vỏ Sò
and Postmart, orders, growth, outages by chance (one in three weeks, a quarter of an hour), verifications by office
hours, latency.
"""

from __future__ import annotations

import math
from datetime import date

from msgspec import Struct

from simulators.draw import between, bits, draw, normal, poisson, smooth
from simulators.local_time import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    date_of,
    day_number,
    day_start_ms,
    hour_of_day,
    is_office_time,
)
from simulators.model import indicators
from simulators.model.curves import bell
from simulators.parts.setting import Happenings, Remembered, Setting
from simulators.shapes.systems import PlatformOutage

ARTICLE_DAY = (date(2023, 3, 1) - date(1970, 1, 1)).days
FAILS_EVERY_D, FAILS_FOR_MIN, FAILS_MAX_MIN = 21.0, 15.0, 120.0
CHECK_SPAN_MS, CHECK_EVERY_MS = 5 * MINUTE_MS, 30_000
ORDER_SLOT_MS = 10 * MINUTE_MS
CALM_FAILURES, LATENCY_MS, LATENCY_SIGMA = 0.004, 280.0, 0.25
BIG_DAYS = frozenset({(9, 9), (10, 10), (11, 11), (12, 12)})  # sales days, three times the orders (modelling choice)


class Floor(Struct, frozen=True):
    """What a floor starts from in March 2023, and its growth per day."""

    accounts: int
    active: int
    listings: int
    listings_per_day: float
    orders_per_day: float


FLOORS = {
    "VOSO": Floor(69_200, 42_000, 600, 0.25, 420.0),
    "POSTMART": Floor(56_600, 34_300, 495, 0.2, 310.0),
    "PROVINCE": Floor(25, 25, 202, 0.05, 85.0),
}


class FloorState(Struct, frozen=True):
    """A floor at a moment."""

    available_ratio: float
    orders_today: int
    listings: int
    accounts: int
    active_accounts: int


class LinkState(Struct, frozen=True):
    """A link to the population database at a moment; latency None when nothing is asked."""

    verifications_h: float
    latency_ms: float | None
    failure_ratio: float | None


class Failure(Struct, frozen=True):
    """A platform that does not answer from ``time_ms`` to ``end_ms``."""

    time_ms: int
    end_ms: int


class Platforms:
    """Floors and links by site id."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._scripted = setting.all_of(PlatformOutage)
        self._failures: Happenings[str, Failure] = Happenings(DAY_MS, self._of_day, 512)
        self._links = tuple(site for sites in setting.points.get("population.link", {}).values() for site in sites)
        self._floors = tuple(site for sites in setting.points.get("ecommerce.kpi", {}).values() for site in sites)
        self._orders = Remembered(self._orders_of_day, 64)

    def answers(self, site: str, t_ms: int) -> float:
        """Share of what is asked of a platform that is answered now: 1 sound, 0 down."""
        if any(f.end_ms > t_ms for f in self._failures.between(site, t_ms - 2 * HOUR_MS, t_ms + 1)):
            return 0.0
        t_s = self._setting.since_s(t_ms)
        running = [s.answered for s in self._scripted if s.site == site and s.phase_s(t_s) is not None]
        return min(running, default=1.0)

    def floor(self, site: str, t_ms: int) -> FloorState:
        """An e-commerce floor, by the checks of the last five minutes."""
        figures = FLOORS[floor_of(site)]
        checks = [self.answers(site, t_ms - back) for back in range(0, CHECK_SPAN_MS, CHECK_EVERY_MS)]
        day = day_number(t_ms)
        since = max(0, day - ARTICLE_DAY)
        slot = min(len(self._orders((site, day))) - 1, (t_ms - day_start_ms(day)) // ORDER_SLOT_MS)
        return FloorState(
            sum(checks) / len(checks),
            self._orders((site, day))[slot],
            figures.listings + int(figures.listings_per_day * since),
            figures.accounts + int(figures.accounts * 0.00008 * since),
            figures.active + int(figures.active * 0.0001 * since),
        )

    def indicator(self, name: str, t_ms: int) -> float | None:
        """An indicator of the three pillars that is the sum of what floors or links report; None where nothing does."""
        own = [site for site in self._floors if floor_of(site) == "PROVINCE"]
        national = [self.floor(site, t_ms) for site in self._floors if floor_of(site) != "PROVINCE"]
        match name:
            case "floor_products" if own:
                return float(sum(self.floor(site, t_ms).listings for site in own))
            case "floor_orders_today" if own:
                return float(sum(self.floor(site, t_ms).orders_today for site in own))
            case "voso_postmart_active_pct" if len(national) == 2:
                active, accounts = sum(f.active_accounts for f in national), sum(f.accounts for f in national)
                return round(100 * active / accounts, 2)
            case "pop_db_verifications_h" if self._links:
                asked = (self.link(site, t_ms).verifications_h for site in self._links if self.linked(site, t_ms))
                return float(round(sum(asked)))
            case _:
                return None

    def linked(self, site: str, t_ms: int) -> bool:
        """Is a database linked to the national one yet? As many are as the indicator says; those of procedures and of
        land come last, as the article says that they are not."""
        sites = sorted(self._links, key=lambda name: (_last(name), bits(0, "link/order", name)))
        if site not in sites:
            return True
        share = indicators.value(self._setting.seed, "pop_db_linked", t_ms) / indicators.DATABASES
        return sites.index(site) < round(share * len(sites))

    def link(self, site: str, t_ms: int) -> LinkState:
        """A linked database: verifications an hour, median answer time and failed calls of the last minute."""
        seed, hour = self._setting.seed, hour_of_day(t_ms)
        busy = bell(hour, 9.2, 1.2) + 0.85 * bell(hour, 14.8, 1.3) if is_office_time(t_ms) else 0.0
        shape = 0.04 + busy + (0.10 if 17 <= hour < 22 else 0.0)  # fully online services in the evening
        asked_h = between(40, 160, seed, "link/volume", site) * shape
        asked_h *= 1 + 0.08 * smooth(seed, f"link/{site}", t_ms, 10 * MINUTE_MS)
        answered = self.answers(site, t_ms)
        load = 1 + 0.35 * min(1.0, busy)
        latency = LATENCY_MS * load * math.exp(LATENCY_SIGMA * normal(seed, "link/ms", site, t_ms // MINUTE_MS))
        if answered < 1:
            latency *= 8  # what is answered at all is slow
        failed = CALM_FAILURES * math.exp(0.6 * smooth(seed, f"link/fail/{site}", t_ms, 15 * MINUTE_MS))
        return LinkState(
            max(0.0, asked_h * answered),
            latency if answered > 0 else None,
            min(1.0, 1 - answered * (1 - min(0.05, failed))),
        )

    def _orders_of_day(self, key: tuple[str, int]) -> tuple[int, ...]:
        """Orders since midnight at the end of every ten minutes; a floor that is down takes none."""
        site, day = key
        when = date_of(day)
        per_day = FLOORS[floor_of(site)].orders_per_day * (3.0 if (when.month, when.day) in BIG_DAYS else 1.0)
        per_day *= 1 + 0.12 * smooth(self._setting.seed, f"orders/{site}", day * DAY_MS, DAY_MS)
        total, found = 0, []
        for slot in range(DAY_MS // ORDER_SLOT_MS):
            hour = (slot + 0.5) / 6
            shape = 0.05 + 0.8 * bell(hour, 11.5, 2) + 1.2 * bell(hour, 20.5, 1.8) + 0.4 * bell(hour, 15, 3)
            at_ms = day_start_ms(day) + slot * ORDER_SLOT_MS + ORDER_SLOT_MS // 2
            mean = per_day * shape / _ORDER_SHAPE_SUM * self.answers(site, at_ms)
            total += poisson(mean, self._setting.seed, "order", site, day, slot)
            found.append(total)
        return (0, *found[:-1])

    def _of_day(self, site: str, bucket: int) -> list[Failure]:
        seed = self._setting.seed
        if draw(seed, "platform/fails", site, bucket) >= 1 / FAILS_EVERY_D:
            return []
        begin_ms = bucket * DAY_MS + int(draw(seed, "platform/at", site, bucket) * DAY_MS)
        minutes = -math.log(1 - draw(seed, "platform/for", site, bucket)) * FAILS_FOR_MIN
        return [Failure(begin_ms, begin_ms + round(min(FAILS_MAX_MIN, max(2.0, minutes)) * MINUTE_MS))]


def _last(site: str) -> int:
    return next((rank for rank, word in ((2, "DATDAI"), (1, "THUTUC")) if word in site.upper()), 0)


def floor_of(site: str) -> str:
    """Which floor's figures a site has: by its id; what is neither Vỏ Sò nor Postmart is the provincial floor."""
    name = site.upper().replace("-", "").replace("_", "")
    return next((floor for floor in ("VOSO", "POSTMART") if floor in name), "PROVINCE")


_ORDER_SHAPE_SUM = sum(
    0.05 + 0.8 * bell(h, 11.5, 2) + 1.2 * bell(h, 20.5, 1.8) + 0.4 * bell(h, 15, 3)
    for h in ((slot + 0.5) / 6 for slot in range(144))
)
