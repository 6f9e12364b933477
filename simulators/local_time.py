"""Local time of the field: Asia/Ho_Chi_Minh.

The offset is fixed at UTC+7: the zone has had no summer time since 1975, so no zone database is needed here.
Holidays 2022–2026 as the Python package ``holidays`` 0.109 (MIT) encodes the government's notices.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

OFFSET_MS = 7 * 3_600_000
DAY_MS = 86_400_000
HOUR_MS = 3_600_000
MINUTE_MS = 60_000
_EPOCH = date(1970, 1, 1)

_HOLIDAYS = """
    2022-01-01 2022-01-03 2022-01-31 2022-02-01 2022-02-02 2022-02-03 2022-02-04 2022-04-10 2022-04-11 2022-04-30
    2022-05-01 2022-05-02 2022-05-03 2022-09-01 2022-09-02 2023-01-01 2023-01-02 2023-01-20 2023-01-21 2023-01-22
    2023-01-23 2023-01-24 2023-01-25 2023-01-26 2023-04-29 2023-04-30 2023-05-01 2023-05-02 2023-05-03 2023-09-01
    2023-09-02 2023-09-04 2024-01-01 2024-02-08 2024-02-09 2024-02-10 2024-02-11 2024-02-12 2024-02-13 2024-02-14
    2024-04-18 2024-04-29 2024-04-30 2024-05-01 2024-09-02 2024-09-03 2025-01-01 2025-01-27 2025-01-28 2025-01-29
    2025-01-30 2025-01-31 2025-02-01 2025-04-07 2025-04-30 2025-05-01 2025-05-02 2025-09-01 2025-09-02 2026-01-01
    2026-02-16 2026-02-17 2026-02-18 2026-02-19 2026-02-20 2026-04-26 2026-04-27 2026-04-30 2026-05-01 2026-08-31
    2026-09-01 2026-09-02 2026-11-24
"""
HOLIDAYS = frozenset(date.fromisoformat(day) for day in _HOLIDAYS.split())


def day_number(t_ms: int) -> int:
    """Local days since 1970-01-01."""
    return (t_ms + OFFSET_MS) // DAY_MS


def day_start_ms(day: int) -> int:
    """Instant of local midnight at the beginning of a local day."""
    return day * DAY_MS - OFFSET_MS


def hour_of_day(t_ms: int) -> float:
    """Local hour, 0 ≤ h < 24."""
    return ((t_ms + OFFSET_MS) % DAY_MS) / HOUR_MS


@lru_cache(maxsize=2048)
def date_of(day: int) -> date:
    """The calendar date of a local day number."""
    return _EPOCH + timedelta(days=day)


@lru_cache(maxsize=2048)
def is_day_off(day: int) -> bool:
    """Saturday, Sunday or public holiday."""
    when = date_of(day)
    return when.weekday() >= 5 or when in HOLIDAYS


@lru_cache(maxsize=2048)
def is_return_day(day: int) -> bool:
    """A day off before a working day: people come back in the evening."""
    return is_day_off(day) and not is_day_off(day + 1)


@lru_cache(maxsize=2048)
def is_holiday_return(day: int) -> bool:
    """The last of at least three days off in a row: the return from a holiday, heavier than that of a Sunday."""
    return is_return_day(day) and is_day_off(day - 1) and is_day_off(day - 2)


def is_office_time(t_ms: int) -> bool:
    """Office hours 7:30–11:30 and 13:00–17:00 of a working day (general knowledge)."""
    hour = hour_of_day(t_ms)
    return not is_day_off(day_number(t_ms)) and (7.5 <= hour < 11.5 or 13 <= hour < 17)


def stamp(t_ms: int) -> str:
    """UTC instant as it stands in message ids: ``20261124T031530200Z``."""
    day, rest = divmod(t_ms, DAY_MS)
    seconds, ms = divmod(rest, 1000)
    return f"{_compact(day)}T{seconds // 3600:02d}{seconds // 60 % 60:02d}{seconds % 60:02d}{ms:03d}Z"


@lru_cache(maxsize=64)
def _compact(day: int) -> str:
    return f"{date_of(day):%Y%m%d}"
