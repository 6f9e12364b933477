"""Rain, thunder, heat and dry spells over every centre: the first cause of most other things."""

from __future__ import annotations

from simulators.incidents import StormCell
from simulators.local_time import DAY_MS, HOUR_MS, MINUTE_MS, day_number, day_start_ms
from simulators.model import climate
from simulators.model.rain import Cell, cells_of_day
from simulators.parts.setting import Point, Remembered, Setting, distance_km
from simulators.shapes.weather import HeatSpell

THUNDER_MM_H = 8.0  # an hour with this much rain on a place counts as a thunderstorm there; modelling choice


class Sky:
    """What falls and how hot it is, anywhere, at any instant."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._heat = setting.all_of(HeatSpell)
        self._cells = Remembered(self._cells_of)
        self._daily = Remembered(self._daily_mm, 4096)
        self._dry = Remembered(self._dry_days, 1024)

    def rain_mm(self, centre: str, at: Point, from_ms: int, to_ms: int) -> float:
        """Rain on a point in ``[from_ms, to_ms)``, millimetres; ``to_ms - from_ms`` at most one day."""
        lon, lat = at
        total = 0.0
        for day in range(day_number(from_ms) - 1, day_number(to_ms) + 1):
            for cell in self._cells((centre, day)):
                if cell.start_ms < to_ms and cell.start_ms + cell.duration_ms > from_ms:
                    total += cell.fallen_mm(lon, lat, to_ms) - cell.fallen_mm(lon, lat, from_ms)
        return total

    def rain_mm_h(self, centre: str, at: Point, t_ms: int) -> float:
        """Rain intensity over the last five minutes, mm/h."""
        return 12 * self.rain_mm(centre, at, t_ms - 5 * MINUTE_MS, t_ms)

    def rains(self, centre: str, from_ms: int, to_ms: int) -> bool:
        """May any place of the centre have rain in ``[from_ms, to_ms)``? A cheap question before dear ones."""
        return any(
            cell.start_ms < to_ms and cell.start_ms + cell.duration_ms > from_ms
            for day in range(day_number(from_ms) - 1, day_number(to_ms) + 1)
            for cell in self._cells((centre, day))
        )

    def thunder(self, centre: str, at: Point, hour: int) -> bool:
        """Is there a thunderstorm on the place in this hour since 1970?"""
        from_ms = hour * HOUR_MS
        return self.rains(centre, from_ms, from_ms + HOUR_MS) and (
            self.rain_mm(centre, at, from_ms, from_ms + HOUR_MS) >= THUNDER_MM_H
        )

    def scripted_mm(self, at: Point, radius_km: float, from_ms: int, to_ms: int) -> float:
        """Mean depth over a circle of what the scenario's storms drop that begin in ``[from_ms, to_ms)``.

        A cell with the radius r holds depth · 2πr² of water at rest; what lies over the circle counts.
        """
        total = 0.0
        for _, _, storm in self._setting.begun(StormCell, from_ms, to_ms):
            away_km = distance_km((storm.lon, storm.lat), at)
            share = min(1.0, 2 * storm.radius_km**2 / radius_km**2)
            reach_km = radius_km + storm.radius_km
            total += storm.depth_mm * share * max(0.0, 1 - max(0.0, away_km - radius_km) / reach_km)
        return total

    def spell(self, t_ms: int) -> bool:
        """Is there a heat spell, in which nothing rains by chance?"""
        return any(spell.phase_s(self._setting.since_s(t_ms)) is not None for spell in self._heat)

    def heat(self, t_ms: int) -> tuple[float, float]:
        """Degrees that heat spells add, and the factor on fine dust."""
        plus_c, pm = 0.0, 1.0
        for spell in self._heat:
            weight = spell.weight(self._setting.since_s(t_ms))
            plus_c = max(plus_c, weight * spell.plus_c)
            pm = max(pm, 1 + weight * (spell.pm_factor - 1))
        return plus_c, pm

    def temp_c(self, centre: str, at: Point, t_ms: int) -> float:
        """Air temperature, °C."""
        rain_mm = self.rain_mm(centre, at, t_ms - 2 * HOUR_MS, t_ms)
        return climate.temp_c(self._setting.seed, centre, t_ms, rain_mm, self.heat(t_ms)[0])

    def humidity_pct(self, centre: str, at: Point, t_ms: int) -> float:
        """Relative humidity, percent."""
        rain_mm = self.rain_mm(centre, at, t_ms - 2 * HOUR_MS, t_ms)
        return climate.humidity_pct(t_ms, self.temp_c(centre, at, t_ms), rain_mm)

    def dry_days(self, centre: str, at: Point, t_ms: int) -> int:
        """Whole local days without rain worth the name before the day of ``t_ms``; at most 150, or what a heat spell
        brings along."""
        return self._dry((centre, at, day_number(t_ms)))

    def danger_level(self, centre: str, at: Point, t_ms: int) -> int:
        """Danger of forest fire 1…5 at a place, one value per local day, as it is announced."""
        day = day_number(t_ms)
        noon_ms = day_start_ms(day) + round(climate.WARMEST_HOUR * HOUR_MS)
        noon_c = climate.temp_c(self._setting.seed, centre, noon_ms, 0.0, self.heat(noon_ms)[0])
        return climate.danger_level(self.dry_days(centre, at, t_ms), noon_c)

    def _dry_days(self, key: tuple[str, Point, int]) -> int:
        centre, at, today = key
        count = 0
        while count < climate.DRY_DAYS_MAX and self._daily((centre, at, today - 1 - count)) < climate.DRY_BELOW_MM:
            count += 1
        for spell in self._heat:
            since = spell.phase_s(self._setting.since_s(day_start_ms(today)))
            if since is not None:
                count = max(count, spell.dry_days + int(since // 86_400))
        return count

    def _daily_mm(self, key: tuple[str, Point, int]) -> float:
        centre, at, day = key
        return self.rain_mm(centre, at, day_start_ms(day), day_start_ms(day + 1))

    def _cells_of(self, key: tuple[str, int]) -> tuple[Cell, ...]:
        centre, day = key
        lon, lat = self._setting.cities[centre]
        by_chance = cells_of_day(self._setting.seed, centre, lon, lat, day)
        if self._heat:
            by_chance = tuple(cell for cell in by_chance if not self.spell(cell.start_ms))
        storms = self._setting.begun(StormCell, day_start_ms(day), day_start_ms(day) + DAY_MS)
        return by_chance + tuple(storm.cell(begin_ms) for begin_ms, _, storm in storms)
