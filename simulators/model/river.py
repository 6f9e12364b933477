"""River and reservoir levels, metres above each station's own datum.

Biên Hòa is tidal. The sum of four tidal terms is a modelling choice (``z = mean + 0.75 M2 + 0.35 S2 + 0.45 K1 +
0.30 O1``), not the harmonic constants of the station; the amplitudes are set so that spring tides cross alarm level 1
from autumn to winter. The mean is highest in mid November (0.35 m) and 0.30 m lower in mid May, as the north-east
monsoon holds the sea up (general knowledge; the size is a modelling choice). The periods are the astronomical ones. The
other bases are modelling choices in the range that press bulletins print outside floods.
"""

from __future__ import annotations

import math

from msgspec import Struct

from simulators.draw import smooth
from simulators.local_time import DAY_MS, HOUR_MS, date_of, day_number
from simulators.model.curves import gamma_wave

# All four terms crest together here: 05:00 local on lunar day 1 (Tết) of 2023, when morning crests are due at 4–6 h.
TIDE_REFERENCE_MS = 1_674_338_400_000  # 2023-01-21T22:00:00Z
TIDE_MEAN_M, TIDE_SEASON_M, TIDE_HIGHEST_DAY = 0.20, 0.15, 319  # day of the year: 15 November
YEAR_DAYS = 365.2425
TIDE_TERMS = ((0.75, 12.4206), (0.35, 12.0), (0.45, 23.9345), (0.30, 25.8193))  # amplitude m, period h


class Base(Struct, frozen=True):
    """Calm level of a station: dry-season and wet-season mean, and the size of slow wandering, metres."""

    dry_m: float
    wet_m: float
    wander_m: float


BASES = {
    "TALAI": Base(109.5, 110.5, 0.12),  # modelling choice; alarm level 1 is 112.0
    "PHUHIEP": Base(102.2, 103.3, 0.12),  # modelling choice; alarm level 1 is 104.5
    "TRIAN": Base(57.5, 60.4, 0.05),  # modelling choice; alarm level 1 is 61.4
}
TIDAL = frozenset({"BIENHOA"})


class Catchment(Struct, frozen=True):
    """Where the rain falls that reaches a station, how long its crest takes, and metres per millimetre.

    All modelling choices, the rise of 18–30 h at Tà Lài too. Gains are set so that the wettest spells of
    an ordinary year stay below alarm level 1 and a storm of 150 mm over the whole catchment passes it.
    """

    lon: float
    lat: float
    radius_km: float
    rise_h: float
    m_per_mm: float


CATCHMENTS = {
    "TALAI": Catchment(107.45, 11.50, 25.0, 24.0, 0.006),
    "PHUHIEP": Catchment(107.45, 11.20, 18.0, 18.0, 0.005),
    "TRIAN": Catchment(107.25, 11.25, 30.0, 36.0, 0.0025),
    "BIENHOA": Catchment(106.82, 10.97, 8.0, 4.0, 0.0008),
}
WAVE_DAYS = 8  # rain older than this has passed


def rain_wave_m(catchment: Catchment, rain_mm: float, hours: float) -> float:
    """Metres at the station ``hours`` after ``rain_mm`` fell over its catchment."""
    return catchment.m_per_mm * rain_mm * gamma_wave(hours, catchment.rise_h)


def tide_m(t_ms: int) -> float:
    """Tide at Biên Hòa without release or surge."""
    hours = (t_ms - TIDE_REFERENCE_MS) / HOUR_MS
    day = t_ms / DAY_MS - TIDE_HIGHEST_DAY  # of 1970, which began with a year
    mean_m = TIDE_MEAN_M + TIDE_SEASON_M * math.cos(2 * math.pi * day / YEAR_DAYS)
    return mean_m + sum(a * math.cos(2 * math.pi * hours / period) for a, period in TIDE_TERMS)


def calm_level_m(seed: int, site: str, t_ms: int) -> float:
    """Level of a station when nothing happens.

    A site that the model does not know is treated as a small stream around 1 m.
    """
    if site in TIDAL:
        return tide_m(t_ms) + 0.03 * smooth(seed, f"river/{site}", t_ms, 6 * HOUR_MS)
    base = BASES.get(site, Base(0.8, 1.2, 0.05))
    when = date_of(day_number(t_ms))
    # One yearly wave, lowest in mid April, highest in mid October: the end of the rainy season (modelling choice).
    season = 0.5 - 0.5 * math.cos(2 * math.pi * (when.timetuple().tm_yday - 105) / 365.25)
    return (
        base.dry_m
        + (base.wet_m - base.dry_m) * season
        + base.wander_m * smooth(seed, f"river/{site}", t_ms, 6 * HOUR_MS)
    )


def flood_wave(hours: float, rise_h: float, fall_h: float) -> float:
    """Share of the crest, 0…1: gamma-shaped, 1 at ``rise_h``; the fall to a tenth takes about ``fall_h``.

    Typical of Tà Lài in this model: rise 18–30 h, fall 4–6 days.
    """
    if hours <= 0:
        return 0.0
    if hours < rise_h:
        x = hours / rise_h
        return math.pow(x * math.exp(1 - x), 2.5)
    return math.exp(-2.3 * ((hours - rise_h) / fall_h))
