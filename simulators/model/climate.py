"""Heat, humidity and the danger of forest fire.

Sourced: monthly means of temperature and humidity (WMO normals of Hồ Chí Minh City, a proxy about 30 km away); the
five danger levels by number and their daily announcement from IV on (Nghị định 156/2018, article 46). Modelling
choices: the course of a day, cooling by rain, and the bounds between the levels in dry days weighted by heat: the
decree's own table was not at hand. The outcome is the season of December to April that is published for Vĩnh Cửu.
"""

from __future__ import annotations

import math

from simulators.draw import smooth
from simulators.local_time import HOUR_MS, date_of, day_number, hour_of_day

MEAN_TEMP_C = (26.4, 27.7, 29.2, 30.2, 29.6, 28.5, 28.2, 28.1, 27.9, 27.6, 26.9, 26.1)
MEAN_HUMIDITY_PCT = (69.0, 68.0, 68.0, 70.0, 76.0, 80.0, 80.0, 81.0, 82.0, 83.0, 78.0, 73.0)
DAY_SWING_C = 4.2  # half of the range of a day
WARMEST_HOUR = 13.5
COOLING_C, COOLING_FULL_MM = 4.0, 10.0  # by the rain of the last two hours
DRY_BELOW_MM = 5.0  # a day with less counts as dry
DRY_DAYS_MAX = 150  # how far back it is looked; the longest dry spells here are shorter
LEVEL_FROM_DRY_DAYS = (0.0, 5.0, 10.0, 16.0, 28.0)  # levels I … V, in dry days weighted by heat


def temp_c(seed: int, centre: str, t_ms: int, rain_2h_mm: float, plus_c: float = 0.0) -> float:
    """Air temperature, °C; ``plus_c`` is what a heat spell adds."""
    swing = DAY_SWING_C * math.cos(2 * math.pi * (hour_of_day(t_ms) - WARMEST_HOUR) / 24)
    cooling = COOLING_C * min(1.0, rain_2h_mm / COOLING_FULL_MM)
    return (
        _season(MEAN_TEMP_C, t_ms) + swing + 0.8 * smooth(seed, f"temp/{centre}", t_ms, 12 * HOUR_MS) - cooling + plus_c
    )


def humidity_pct(t_ms: int, temperature_c: float, rain_2h_mm: float) -> float:
    """Relative humidity, 20…100 %: about 4 points less per degree above the month's mean, near 95 in rain."""
    dry = _season(MEAN_HUMIDITY_PCT, t_ms) - 4.0 * (temperature_c - _season(MEAN_TEMP_C, t_ms))
    wet = min(1.0, rain_2h_mm / COOLING_FULL_MM)
    return min(100.0, max(20.0, dry + wet * max(0.0, 95 - dry)))


def danger_level(dry_days: float, noon_temp_c: float) -> int:
    """Danger of forest fire 1…5 (I…V); days weigh more when noon is hotter than 33 °C, less when it is cooler."""
    weighted = dry_days * min(1.6, max(0.5, 1 + (noon_temp_c - 33) / 10))
    return sum(weighted >= bound for bound in LEVEL_FROM_DRY_DAYS)


def _season(monthly: tuple[float, ...], t_ms: int) -> float:
    """Monthly means joined by straight lines between the middles of the months."""
    when = date_of(day_number(t_ms))
    position = when.month - 1 + (when.day - 0.5 + hour_of_day(t_ms) / 24 - 0.5) / 30.4 - 0.5
    index = math.floor(position)
    share = position - index
    return (1 - share) * monthly[index % 12] + share * monthly[(index + 1) % 12]
