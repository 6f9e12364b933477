"""Rain as storm cells that drift over a city.

Sourced: chance of a wet day and mean depth per wet day by month (WMO normals of Hồ Chí Minh City, about 30 km
away, used as a proxy); onset mostly in the afternoon and evening (triangular 13–19 h, mode 16 h, 75 %).
Modelling choices: persistence of the day-to-day chain, gamma shape 0.7, 20–90 min bursts, radius 2–4 km, drift
to the north-east at 6–14 km/h, 0.6 of the depth as wide-spread rain.
"""

from __future__ import annotations

import math
from functools import lru_cache

from msgspec import Struct

from simulators.draw import between, draw, generator
from simulators.local_time import HOUR_MS, MINUTE_MS, date_of, day_start_ms

RAIN_MM_BY_MONTH = (13.8, 4.1, 10.5, 50.4, 218.4, 311.7, 293.7, 269.8, 327.1, 266.7, 116.5, 48.3)
RAINY_DAYS_BY_MONTH = (2.4, 1.0, 1.9, 5.4, 17.8, 19.0, 22.9, 22.4, 23.1, 20.9, 12.1, 6.7)
DAYS_BY_MONTH = (31, 28.25, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
PERSISTENCE = 0.3  # correlation of neighbouring days; modelling choice
GAMMA_SHAPE = 0.7
AFTERNOON_SHARE = 0.75
WIDE_SHARE = 0.6  # part of a day's depth that falls everywhere in the city
COVERAGE = (
    0.22  # mean share of a cell's depth caught within CELL_SPREAD_KM of the middle; from 2,000 cells of this model
)
CELL_SPREAD_KM = 8.0  # cells pass within this distance of the city's middle
KM_PER_DEG_LAT = 110.6
KM_PER_DEG_LON = 109.3  # at 10.95° N


class Cell(Struct, frozen=True):
    """One patch of rain: Gaussian in space, sine-squared in time, drifting at a constant speed.

    ``depth_mm`` is what falls in total on the point (``lon``, ``lat``) that its centre crosses half way.
    """

    start_ms: int
    duration_ms: int
    lon: float
    lat: float
    east_km_h: float
    north_km_h: float
    radius_km: float
    depth_mm: float

    def fallen_mm(self, lon: float, lat: float, t_ms: int) -> float:
        """Rain on a point from the beginning of the cell until ``t_ms``, millimetres; 0 before, constant after."""
        if t_ms <= self.start_ms:
            return 0.0
        sums = _cumulative(self, lon, lat)
        position = (t_ms - self.start_ms) / MINUTE_MS
        index = int(position)
        if index >= len(sums) - 1:
            return sums[-1]
        return sums[index] + (position - index) * (sums[index + 1] - sums[index])


@lru_cache(maxsize=4096)  # cells of three days × gauges; about 100 floats each
def _cumulative(cell: Cell, lon: float, lat: float) -> tuple[float, ...]:
    """Rain on a point at every whole minute of the cell's life, the last value being the total."""
    minutes = max(1, round(cell.duration_ms / MINUTE_MS))
    x_km = (lon - cell.lon) * KM_PER_DEG_LON
    y_km = (lat - cell.lat) * KM_PER_DEG_LAT
    here, middle = 0.0, 0.0
    sums = [0.0]
    for minute in range(minutes):
        phase = (minute + 0.5) / minutes
        hours = (phase - 0.5) * minutes / 60
        cx, cy = cell.east_km_h * hours, cell.north_km_h * hours
        swell = math.sin(math.pi * phase) ** 2
        scale = 2 * cell.radius_km**2
        here += swell * math.exp(-((x_km - cx) ** 2 + (y_km - cy) ** 2) / scale)
        middle += swell * math.exp(-(cx * cx + cy * cy) / scale)
        sums.append(here)
    return tuple(value * cell.depth_mm / middle for value in sums)


@lru_cache(maxsize=4096)
def wet_day(seed: int, day: int) -> bool:
    """Does it rain in the region on this local day? A two-state chain that begins anew with each month, so that
    any day can be computed alone."""
    when = date_of(day)
    p_wet = RAINY_DAYS_BY_MONTH[when.month - 1] / DAYS_BY_MONTH[when.month - 1]
    chance = p_wet
    if when.day > 1:
        chance = p_wet + PERSISTENCE * ((1 - p_wet) if wet_day(seed, day - 1) else -p_wet)
    return draw(seed, "wet", day) < chance


@lru_cache(maxsize=1024)
def cells_of_day(seed: int, city: str, lon: float, lat: float, day: int) -> tuple[Cell, ...]:
    """The cells that begin on a local day over the city whose middle is (``lon``, ``lat``)."""
    if not wet_day(seed, day):
        return ()
    month = date_of(day).month - 1
    mean_mm = RAIN_MM_BY_MONTH[month] / RAINY_DAYS_BY_MONTH[month]
    rng = generator(seed, "cells", city, day)
    total_mm = rng.gammavariate(GAMMA_SHAPE, mean_mm / GAMMA_SHAPE)
    cells = []
    count = rng.choice((1, 1, 2, 3))
    for _ in range(count):
        afternoon = rng.random() < AFTERNOON_SHARE
        hour = rng.triangular(13, 19, 16) if afternoon else rng.uniform(19, 30) % 24
        start_ms = day_start_ms(day) + round(hour * HOUR_MS)
        duration_ms = round(rng.uniform(20, 90)) * MINUTE_MS
        away_km, angle = CELL_SPREAD_KM * math.sqrt(rng.random()), rng.uniform(0, 2 * math.pi)
        speed, heading = rng.uniform(6, 14), math.radians(rng.uniform(25, 65))
        share_mm = total_mm / count
        cells.append(
            Cell(
                start_ms,
                duration_ms,
                lon + away_km * math.cos(angle) / KM_PER_DEG_LON,
                lat + away_km * math.sin(angle) / KM_PER_DEG_LAT,
                speed * math.sin(heading),
                speed * math.cos(heading),
                rng.uniform(2, 4),
                share_mm * (1 - WIDE_SHARE) / COVERAGE,
            )
        )
        cells.append(Cell(start_ms, duration_ms + HOUR_MS, lon, lat, 0.0, 0.0, 60.0, share_mm * WIDE_SHARE))
    return tuple(cells)


def thunder_heading(seed: int, name: str) -> tuple[float, float]:
    """Drift of an added cell, km/h to the east and to the north: from the south-west, as cells here mostly do."""
    heading = math.radians(between(30, 60, seed, "heading", name))
    return 8 * math.sin(heading), 8 * math.cos(heading)
