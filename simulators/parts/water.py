"""Rivers, the reservoir and the tide: rain upstream comes down with a lag, gates open, records are followed."""

from __future__ import annotations

from simulators.incidents import FloodWave, RiverSurge
from simulators.local_time import DAY_MS, HOUR_MS, day_number, day_start_ms
from simulators.model import release
from simulators.model.rain import cells_of_day
from simulators.model.river import CATCHMENTS, WAVE_DAYS, calm_level_m, rain_wave_m, tide_m
from simulators.parts.setting import Remembered, Setting
from simulators.parts.sky import Sky
from simulators.shapes.water import RecordedLevels, ReservoirRelease

GRID_MS = 600_000  # the slow wave of rain is computed every ten minutes, with straight lines between


class Water:
    """Levels of the stations, metres above each station's datum."""

    def __init__(self, setting: Setting, sky: Sky) -> None:
        self._setting = setting
        self._sky = sky
        self._surges = setting.all_of(RiverSurge)
        self._waves = setting.all_of(FloodWave)
        self._records = setting.all_of(RecordedLevels)
        self._releases = setting.all_of(ReservoirRelease)
        self._daily = Remembered(self._catchment_mm, 1024)
        self._crest = Remembered(_highest, 256)
        self._wave = Remembered(self._wave_at, 4096)

    def level_m(self, site: str, t_ms: int) -> float:
        """Stage of a station: calm course, rain upstream and releases; then what the scenario prescribes."""
        level = calm_level_m(self._setting.seed, site, t_ms) + self.rain_wave_m(site, t_ms) + self.release_m(site, t_ms)
        t_s = self._setting.since_s(t_ms)
        for surge in self._surges:
            if surge.site == site and surge.level_m > level:
                level += surge.weight(t_s) * (surge.level_m - level)
        for wave in self._waves:
            if wave.site == site and wave.crest_m > level:
                level += wave.weight(t_s) * (wave.crest_m - level)
        for record in self._records:
            if record.site == site:
                weight, recorded_m = record.blend(t_s)
                level += weight * (recorded_m - level)
        return level

    def predicted_m(self, t_ms: int) -> float:
        """Tide of the tables at the tidal station, without weather and without releases."""
        return tide_m(t_ms)

    def crest(self, t_ms: int) -> tuple[float, int]:
        """Highest water that the tide table has for the next 24 hours, metres, and when; on a grid of ten minutes."""
        return self._crest(t_ms // GRID_MS)

    def observed_m(self, site: str, t_ms: int) -> float:
        """The same water as it is: the level of the tidal station ``site``."""
        return self.level_m(site, t_ms)

    def release_m(self, site: str, t_ms: int) -> float:
        """Metres that spills of the reservoir add at the station below, or take from the reservoir itself."""
        t_s = self._setting.since_s(t_ms)
        metres = 0.0
        for spill in self._releases:
            if spill.station == site:
                lags_h = (release.TRAVEL_H - 2, release.TRAVEL_H, release.TRAVEL_H + 2)
                metres += release.rise_m(sum(spill.spill(t_s - lag * 3600) for lag in lags_h) / len(lags_h))
            if spill.reservoir == site:
                since_s = t_s - spill.at_s
                if spill.every_s is not None and since_s > 0:
                    since_s %= spill.every_s
                metres -= release.fall_m(spill.spill_m3_s, since_s / 3600, spill.hours, spill.ramp_h)
        return metres

    def spill_m3_s(self, reservoir: str, t_ms: int) -> float:
        """What goes over the gates of a reservoir now, m³/s."""
        t_s = self._setting.since_s(t_ms)
        return sum(spill.spill(t_s) for spill in self._releases if spill.reservoir == reservoir)

    def rain_wave_m(self, site: str, t_ms: int) -> float:
        """Metres that the rain of the last days over the catchment adds, by its unit hydrograph."""
        number, rest = divmod(t_ms, GRID_MS)
        share = rest / GRID_MS
        return (1 - share) * self._wave((site, number)) + share * self._wave((site, number + 1))

    def _wave_at(self, key: tuple[str, int]) -> float:
        site, number = key
        catchment = CATCHMENTS.get(site)
        if catchment is None:
            return 0.0
        t_ms = number * GRID_MS
        today = day_number(t_ms)
        return sum(
            rain_wave_m(catchment, self._daily((site, day)), (t_ms - day_start_ms(day)) / HOUR_MS - 18)
            for day in range(today - WAVE_DAYS, today + 1)
        )

    def _catchment_mm(self, key: tuple[str, int]) -> float:
        """Rain of a local day over a catchment: what falls widely there, of chance and of scenario storms."""
        site, day = key
        catchment = CATCHMENTS[site]
        from_ms, to_ms = day_start_ms(day), day_start_ms(day + 1)
        cells = cells_of_day(self._setting.seed, f"catchment/{site}", catchment.lon, catchment.lat, day)
        wide = (cell for cell in cells if cell.radius_km > 20 and not self._sky.spell(cell.start_ms))
        chance = sum(cell.depth_mm for cell in wide)
        scripted = self._sky.scripted_mm((catchment.lon, catchment.lat), catchment.radius_km, from_ms, to_ms)
        return chance + scripted


def _highest(number: int) -> tuple[float, int]:
    return max((tide_m(n * GRID_MS), n * GRID_MS) for n in range(number + 1, number + 1 + DAY_MS // GRID_MS))
