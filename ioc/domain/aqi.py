"""VN_AQI, the Vietnamese air quality index, hourly form.

Source: Quyết định 1459/QĐ-TCMT of 12 November 2019 (breakpoints of table 2, bands of table 1, sections 2.2 and 2.3).
Concentrations in µg/m³, CO included. Between breakpoints the index is linear; above the last one it stays 500.

PM2.5 and PM10 enter as *NowCast* of the last 12 hourly means. The decree wants 2 of the latest 3 hours for it; until a
station has reported that long the current hourly mean stands in for it (``provisional``), because a new station in
dense smoke must not stay silent for an hour. That stand-in is this project's choice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from msgspec import Struct

from ioc.domain.windows import HOUR_MS

NOWCAST_HOURS = 12
INDEX = (0, 50, 100, 150, 200, 300, 400, 500)
BREAKPOINTS: dict[str, tuple[float, ...]] = {
    "o3_1h": (0, 160, 200, 300, 400, 800, 1000, 1200),
    "o3_8h": (0, 100, 120, 170, 210, 400),
    "co": (0, 10_000, 30_000, 45_000, 60_000, 90_000, 120_000, 150_000),
    "so2": (0, 125, 350, 550, 800, 1600, 2100, 2630),
    "no2": (0, 100, 200, 700, 1200, 2350, 3100, 3850),
    "pm10": (0, 50, 150, 250, 350, 420, 500, 600),
    "pm25": (0, 25, 50, 80, 150, 250, 350, 500),
}


class Band(Struct, frozen=True):
    """A step of the index, both ends included, with its official words."""

    least: int
    greatest: int
    name_vi: str
    name_en: str


BANDS = (
    Band(0, 50, "Tốt", "Good"),
    Band(51, 100, "Trung bình", "Moderate"),
    Band(101, 150, "Kém", "Poor"),
    Band(151, 200, "Xấu", "Bad"),
    Band(201, 300, "Rất xấu", "Very bad"),
    Band(301, 500, "Nguy hại", "Hazardous"),
)


class Aqi(Struct, frozen=True):
    """An hourly index: the greatest sub-index, which pollutant it is, and all of them."""

    index: int
    leading: str
    parts: dict[str, int]
    provisional: bool


class History(Struct):
    """The hourly means that NowCast needs: hour number (since 1970) → newest mean reported in that hour."""

    pm25: dict[int, float]
    pm10: dict[int, float]


def band(index: int) -> Band:
    """The band that holds a whole index of 0…500."""
    return next(b for b in BANDS if index <= b.greatest)


def sub_index(pollutant: str, concentration: float) -> int | None:
    """Index of one pollutant, rounded half up to a whole number.

    Returns None above the last breakpoint of a pollutant whose table ends early (O3 over 8 h has no index beyond 300).

    Raises:
        KeyError: a pollutant that the decree does not have.
        ValueError: a negative concentration.
    """
    if concentration < 0:
        raise ValueError("a concentration is not negative")
    points = BREAKPOINTS[pollutant]
    for i in range(1, len(points)):
        if concentration <= points[i]:
            low, high = points[i - 1], points[i]
            raw = (INDEX[i] - INDEX[i - 1]) / (high - low) * (concentration - low) + INDEX[i - 1]
            return math.floor(raw + 0.5)
    return INDEX[-1] if len(points) == len(INDEX) else None


def nowcast(means: Sequence[float | None]) -> float | None:
    """NowCast of hourly means, newest first, at most 12, None where an hour is missing.

    None when fewer than 2 of the latest 3 hours are there. A missing hour has the weight 0; with the weight factor at
    its floor of one half the decree's sum has no divisor, which with missing hours would understate the air by their
    share, so the weights of the hours that are there are then scaled to 1.
    """
    held = [(i, c) for i, c in enumerate(means[:NOWCAST_HOURS]) if c is not None]
    if sum(1 for i, _ in held if i < 3) < 2:
        return None
    greatest = max(c for _, c in held)
    if greatest <= 0:
        return 0.0
    w = max(min(c for _, c in held) / greatest, 0.5)
    weighted = sum(w**i * c for i, c in held)
    if w == 0.5 and len(held) == NOWCAST_HOURS:
        return weighted / 2
    return weighted / sum(w**i for i, _ in held)


def note(history: History, time_ms: int, pm25: float | None, pm10: float | None) -> None:
    """Put the particle means of a report into the history; hours more than 12 before the newest are dropped."""
    hour = time_ms // HOUR_MS
    for held, value in ((history.pm25, pm25), (history.pm10, pm10)):
        if value is None:
            continue
        known = hour in held
        held[hour] = value
        if not known:
            newest = max(held)
            for old in [h for h in held if h <= newest - NOWCAST_HOURS]:
                del held[old]


def safe_below(limit: float) -> dict[str, float]:
    """Concentrations up to which no pollutant's index reaches ``limit``: the last breakpoint that lies below it."""
    last = max(i for i, index in enumerate(INDEX) if index < limit) if limit > 0 else -1
    return {name: points[min(last, len(points) - 1)] if last >= 0 else -1.0 for name, points in BREAKPOINTS.items()}


def is_safe(history: History, time_ms: int, particles: float, coarse: float) -> bool:
    """Is the particle index of this hour known, and are all means of the last hours up to these concentrations?

    NowCast is a weighted mean of the hours, so it is not above the greatest of them.
    """
    pm25, pm10 = history.pm25, history.pm10
    hour = time_ms // HOUR_MS
    if hour not in pm25 and hour not in pm10:
        return False
    return not (pm25 and max(pm25.values()) > particles) and not (pm10 and max(pm10.values()) > coarse)


def hourly(gases: Mapping[str, float | None], history: History, time_ms: int) -> Aqi | None:
    """The index of the hour of ``time_ms``.

    Args:
        gases: ``o3_1h``, ``no2``, ``so2``, ``co``: hourly means, None or absent when not measured.
        history: particle means, the current hour included (see :func:`note`).
        time_ms: event time of the report.

    Returns:
        None when neither PM2.5 nor PM10 is there for the current hour: the decree demands one of them.
    """
    hour = time_ms // HOUR_MS
    parts: dict[str, int] = {}
    provisional = False
    for name, held in (("pm25", history.pm25), ("pm10", history.pm10)):
        current = held.get(hour)
        if current is None:
            continue
        cast = nowcast([held.get(hour - i) for i in range(NOWCAST_HOURS)])
        provisional = provisional or cast is None
        index = sub_index(name, current if cast is None else cast)
        assert index is not None
        parts[name] = index
    if not parts:
        return None
    for name, value in gases.items():
        index = None if value is None else sub_index(name, value)
        if index is not None:
            parts[name] = index
    leading = max(parts, key=lambda name: parts[name])
    return Aqi(parts[leading], leading, parts, provisional)
