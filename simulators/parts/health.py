"""Dengue fever by area: a seasonal, over-dispersed number of cases a week, shared out day by day.

Sourced: about 1,500 cases in the first five months of 2023 and 2,400 to mid-May 2025 in the province, of these more
than 500 in Biên Hòa (21 %). Modelling choices: negative binomial by week with mean 75 in the dry season and 250 from
September to November, k = 5, Biên Hòa 21 to 30 %, the means between, the shares of the other areas,
one outbreak (ổ dịch) for every eighth case, closed after 14 days (general knowledge), the mosquitoes of a trap.
"""

from __future__ import annotations

from collections.abc import Mapping

from simulators.draw import between, draw, generator, poisson, smooth
from simulators.local_time import DAY_MS, date_of, day_number, day_start_ms
from simulators.parts.setting import Remembered, Setting
from simulators.shapes.systems import DengueOutbreak

MEAN_BY_MONTH = (95.0, 78.0, 75.0, 75.0, 85.0, 115.0, 155.0, 205.0, 250.0, 250.0, 250.0, 165.0)
DISPERSION = 5.0
BIEN_HOA, BIEN_HOA_SHARE = "731", (0.21, 0.30)
OTHER_SHARES = {  # of what is not in Biên Hòa, by unit code
    "732": 0.08, "734": 0.08, "735": 0.08, "736": 0.11, "737": 0.15, "738": 0.08, "739": 0.07, "740": 0.13,
    "741": 0.11, "742": 0.11,
}  # fmt: skip
OUTBREAK_EVERY, OUTBREAK_DAYS = 8, 14
WEEK_DAYS = 7
WEEK_ZERO = -3  # local day number of a Monday: 1969-12-29


class Health:
    """New cases per area and local day."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._outbreaks = setting.all_of(DengueOutbreak)
        self._weeks = Remembered(self._week, 64)
        self._extra = Remembered(self._extra_cases, 2048)

    def week_total(self, week: int) -> int:
        """Cases of the province by season in a week (weeks begin on Monday, number 0 on 29 December 1969)."""
        return sum(sum(days) for days in self._weeks(week).values())

    def cases(self, area: str, day: int) -> int:
        """New cases of an area on a local day; an area that the model does not know is the whole province."""
        week, weekday = divmod(day - WEEK_ZERO, WEEK_DAYS)
        found = self._weeks(week)
        if area in found:
            return found[area][weekday] + self._extra((area, day))
        return sum(days[weekday] for days in found.values()) + sum(self._extra((a, day)) for a in found)

    def cases_7d(self, area: str, t_ms: int) -> int:
        """New cases of the seven local days before the day of ``t_ms``: what is known that morning."""
        today = day_number(t_ms)
        return sum(self.cases(area, day) for day in range(today - WEEK_DAYS, today))

    def outbreaks(self, area: str, t_ms: int) -> int:
        """Outbreaks under treatment now."""
        seed, today = self._setting.seed, day_number(t_ms)
        count = sum(
            draw(seed, "dengue/outbreak", area, day, index) < 1 / OUTBREAK_EVERY
            for day in range(today - OUTBREAK_DAYS, today)
            for index in range(self.cases(area, day))
        )
        t_s = self._setting.since_s(t_ms)
        for shape in self._outbreaks:
            if shape.area == area or area not in self._weeks(0):
                count += round(shape.weight(t_s) * shape.outbreaks)
        return count

    def mosquitoes(self, area: str, t_ms: int) -> float:
        """Aedes that one trap catches in a week."""
        season = _mean(day_number(t_ms)) / 250
        return max(0.0, 4 + 16 * season * (1 + 0.2 * smooth(self._setting.seed, f"aedes/{area}", t_ms, 7 * DAY_MS)))

    def _week(self, week: int) -> Mapping[str, tuple[int, ...]]:
        """Cases by area and weekday. Drawn case by case, so that the areas and days add up to the total."""
        seed = self._setting.seed
        monday = WEEK_ZERO + week * WEEK_DAYS
        rng = generator(seed, "dengue", week)
        mean = rng.gammavariate(DISPERSION, _mean(monday + 3) / DISPERSION)
        total = sum(poisson(mean / 10, seed, "dengue/n", week, part) for part in range(10))
        share = between(*BIEN_HOA_SHARE, seed, "dengue/share", week)
        areas = [BIEN_HOA, *OTHER_SHARES]
        weights = [share, *((1 - share) * weight for weight in OTHER_SHARES.values())]
        found = {area: [0] * WEEK_DAYS for area in areas}
        for area in rng.choices(areas, weights, k=total):
            found[area][rng.randrange(WEEK_DAYS)] += 1
        return {area: tuple(days) for area, days in found.items()}

    def _extra_cases(self, key: tuple[str, int]) -> int:
        """Cases that an outbreak of the scenario adds on a day."""
        area, day = key
        t_s = self._setting.since_s(day_start_ms(day) + DAY_MS // 2)
        factor = sum(shape.weight(t_s) * (shape.factor - 1) for shape in self._outbreaks if shape.area == area)
        if factor <= 0:
            return 0
        share = 0.255 if area == BIEN_HOA else 0.745 * OTHER_SHARES.get(area, 0.1)
        return poisson(factor * share * _mean(day) / WEEK_DAYS, self._setting.seed, "dengue/extra", area, day)


def _mean(day: int) -> float:
    """Cases a week by season; monthly means joined by straight lines between the middles of the months, but level
    within September to November and within March and April."""
    when = date_of(day)
    position = when.month - 1 + (when.day - 15.5) / 30.4
    index = int(position // 1)
    share = position - index
    return (1 - share) * MEAN_BY_MONTH[index % 12] + share * MEAN_BY_MONTH[(index + 1) % 12]
