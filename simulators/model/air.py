"""Air quality: hourly concentrations in µg/m³.

All modelling choices. PM2.5 lognormal with median 32 in the dry and 18 in the wet
season, sigma 0.45, +40 % around 7 h and 19 h, washed out to 0.6 by rain. The other pollutants follow simple
ratios and daily shapes of their own (modelling choices).
"""

from __future__ import annotations

import math

from simulators.draw import smooth
from simulators.local_time import HOUR_MS, date_of, day_number, hour_of_day
from simulators.model.curves import bell

DRY_MONTHS = frozenset({12, 1, 2, 3, 4})
PM25_MEDIAN = {"dry": 32.0, "wet": 18.0}
SIGMA_CITY, SIGMA_SITE = 0.40, 0.20  # together 0.45: most of the variation is common to a city
WASHOUT = 0.6
WASHOUT_FULL_MM = 5.0  # rain of the last two hours that washes out fully


def concentrations(
    seed: int,
    centre: str,
    site: str,
    t_ms: int,
    rain_2h_mm: float,
    plus_c: float = 0.0,
    pm_factor: float = 1.0,
    smoke_ug_m3: float = 0.0,
) -> dict[str, float]:
    """The six pollutants of one station, in the field names of ``air.quality``.

    Args:
        rain_2h_mm: rain there in the last two hours.
        plus_c: degrees that a heat spell adds; 6 % more ozone for each (modelling choice).
        pm_factor: factor on fine dust of still air.
        smoke_ug_m3: PM2.5 that the smoke of fires adds.
    """
    hour, month = hour_of_day(t_ms), date_of(day_number(t_ms)).month
    season = "dry" if month in DRY_MONTHS else "wet"
    city = smooth(seed, f"air/{centre}", t_ms, 9 * HOUR_MS)
    own = smooth(seed, f"air/{centre}/{site}", t_ms, 3 * HOUR_MS)
    rush = bell(hour, 7, 1.5) + bell(hour, 19, 1.8)
    clean = 1 - (1 - WASHOUT) * min(1.0, rain_2h_mm / WASHOUT_FULL_MM)
    pm25 = PM25_MEDIAN[season] * math.exp(SIGMA_CITY * city + SIGMA_SITE * own) * (1 + 0.4 * rush) * clean
    pm25 = pm25 * pm_factor + smoke_ug_m3
    sun = max(0.0, math.sin(math.pi * (hour - 6) / 12.5)) if 6 <= hour <= 18.5 else 0.0
    return {
        "pm25_ug_m3": pm25,
        "pm10_ug_m3": pm25 * (1.55 + 0.1 * own),
        "o3_ug_m3": max(2.0, 18 + 75 * sun * clean * (1 + 0.06 * plus_c) + 6 * own),
        "no2_ug_m3": max(1.0, (16 + 22 * rush) * math.exp(0.2 * own)),
        "so2_ug_m3": max(1.0, 9 * math.exp(0.3 * city)),
        "co_ug_m3": max(100.0, (650 + 700 * rush) * math.exp(0.15 * city)),
    }
