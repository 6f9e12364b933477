"""Indicators of the three pillars: how a number that changes slowly looks at a moment.

Starting figures marked *article* are those of the source article (Báo Đồng Nai, early 2023). All others, and every
movement from there, are simulated: modelling choices, not statistics.
"""

from __future__ import annotations

from msgspec import Struct

from simulators.draw import smooth
from simulators.local_time import DAY_MS, HOUR_MS, hour_of_day


class Course(Struct, frozen=True):
    """``base`` on the reference day, change per day up to ``ceiling``, wandering of ``wander``; rounded to
    ``decimals``. ``daily`` > 0 marks a counter that starts at 0 each midnight and reaches about that by night."""

    base: float
    per_day: float = 0.0
    ceiling: float = 1e12
    wander: float = 0.0
    decimals: int = 1
    unit: str = ""
    daily: float = 0.0


DATABASES = 14  # of the province, linked and not linked; number simulated
REFERENCE_MS = 1_677_628_800_000  # 2023-03-01T00:00:00Z, the time of the article
COURSES: dict[str, Course] = {
    "dvc_online_pct": Course(36.5, 0.01, 58.0, 0.6, unit="%"),  # article has the target 40 only
    "dvc_full_online_pct": Course(24.0, 0.01, 45.0, 0.5, unit="%"),  # article has the target 30 only
    "pop_db_linked": Course(9, 0.002, 13, decimals=0),  # of 14 databases; number simulated
    "pop_db_verifications_h": Course(520, wander=60, decimals=0),
    "voso_postmart_active_pct": Course(60.7, 0.005, 75.0, 0.05, decimals=2, unit="%"),  # article: 76,300 of 125,800
    "floor_products": Course(200, 0.05, 900, decimals=0),  # article: 25 households, more than 200 products
    "floor_orders_today": Course(0, decimals=0, daily=85),
    "digital_teams_active_pct": Course(92.0, wander=1.2, unit="%"),  # article: about 1,000 teams, 6,400 members
    "dti_rank": Course(19, decimals=0),  # article: 19 of 63 in 2021
    "feedback_on_time_pct": Course(88.0, wander=2.0, unit="%"),
    "unlinked_databases": Course(5, -0.002, decimals=0),  # article: some are not linked; number simulated
}


def value(seed: int, indicator: str, t_ms: int) -> float:
    """The indicator at a moment; an unknown one wanders around 50.

    The sum ``pop_db_linked`` + ``unlinked_databases`` stays 14.
    """
    course = COURSES.get(indicator, Course(50.0, wander=2.0))
    if indicator == "unlinked_databases":
        return DATABASES - value(seed, "pop_db_linked", t_ms)
    days = max(0, t_ms - REFERENCE_MS) / DAY_MS
    if course.daily:
        hour = hour_of_day(t_ms)
        day_end = course.daily * (1 + 0.15 * smooth(seed, f"kpi/{indicator}/day", t_ms - t_ms % DAY_MS, DAY_MS))
        return float(round(day_end * min(1.0, max(0.0, (hour - 6) / 16))))
    level = min(course.base + course.per_day * days, course.ceiling)
    level += course.wander * smooth(seed, f"kpi/{indicator}", t_ms, 6 * HOUR_MS)
    if course.unit == "%":
        level = min(100.0, max(0.0, level))
    return round(level, course.decimals)
