"""Things that happen by chance: reports to 1022, emergency calls, traffic incidents, dropped links.

Non-homogeneous Poisson arrivals, minute by minute: the arrivals of a minute depend only on the seed, the stream
and that minute.
"""

from __future__ import annotations

import math

from simulators.draw import Part, draw, poisson
from simulators.local_time import HOUR_MS, MINUTE_MS, day_number, hour_of_day, is_day_off
from simulators.model.curves import bell

# Reports per day. Sourced: Huế, about 1.1 million people, 53 a day in its first three years. Scaled from
# that (modelling choice): Biên Hòa 60, Long Khánh 10.
FEEDBACK_PER_DAY = {"bien-hoa": 60.0, "long-khanh": 10.0}
FEEDBACK_PER_DAY_OTHER = 10.0
# Fields of the reports, shares sourced from Hồ Chí Minh City's 1022 (September–October 2025), rest as "khác".
FEEDBACK_FIELDS = {
    "hanh-chinh": 0.43,
    "ha-tang-do-thi": 0.18,
    "lan-chiem-tieng-on": 0.09,
    "xe-buyt": 0.075,
    "khac": 0.225,
}
RAIN_FIELDS = {**FEEDBACK_FIELDS, "ha-tang-do-thi": 0.27, "ngap-nuoc": 0.12}  # more of these on a rainy hour
FEEDBACK_SLA_DAYS = 5  # modelling choice
# Days until a report is handled: lognormal, median 3 days, σ 1.0 (modelling choice). Those that take longer than the
# term are overdue: about 30 %, between the 0.85 % that Hồ Chí Minh City and the 49 % that Huế published.
FEEDBACK_HANDLING_MEDIAN_DAYS, FEEDBACK_HANDLING_SIGMA = 3.0, 1.0
FEEDBACK_LATE_SHARE = 0.5 * math.erfc(
    math.log(FEEDBACK_SLA_DAYS / FEEDBACK_HANDLING_MEDIAN_DAYS) / (FEEDBACK_HANDLING_SIGMA * math.sqrt(2))
)

# Emergency calls per day for the whole province: no published figure was found; modelling choice.
CALLS_PER_DAY = {"113": 20.0, "114": 3.0, "115": 30.0}
CALL_KINDS: dict[str, dict[str, float]] = {
    "113": {"public_order": 0.55, "theft": 0.25, "traffic": 0.2},
    "114": {"fire": 0.7, "rescue": 0.3},
    "115": {"illness": 0.6, "traffic_accident": 0.25, "injury": 0.15},
}

# Traffic incidents per day: 0.8 in Biên Hòa, 1.8 times that in rain (modelling choice).
INCIDENTS_PER_DAY = {"bien-hoa": 0.8, "long-khanh": 0.15}
INCIDENTS_PER_DAY_OTHER = 0.15
INCIDENT_RAIN_FACTOR = 1.8
INCIDENT_KINDS = {"accident": 0.5, "breakdown": 0.4, "wrong_way": 0.1}

# Link drop-outs: exponential, mean time between failures 3 days, to repair 6 minutes (modelling choice).
DROPOUT_MEAN_BETWEEN_H = 72.0
DROPOUT_MEAN_LENGTH_MS = 6 * MINUTE_MS


def in_minute(mean: float, seed: int, minute: int, *stream: Part) -> list[int]:
    """Instants of the arrivals of one minute, ascending, when ``mean`` are expected in it."""
    count = poisson(mean, seed, "n", *stream, minute)
    start = minute * MINUTE_MS
    return sorted(start + int(draw(seed, "at", *stream, minute, i) * MINUTE_MS) for i in range(count))


def feedback_shape(t_ms: int, raining: bool) -> float:
    """Factor on the daily mean rate of reports: peaks 8–11 h and 19–21 h, day off 0.7, rain 1.5
    (modelling choice)."""
    shape = _feedback_day(hour_of_day(t_ms)) / _FEEDBACK_MEAN
    return shape * (0.7 if is_day_off(day_number(t_ms)) else 1.0) * (1.5 if raining else 1.0)


def call_shape(t_ms: int) -> float:
    """Factor on the daily mean rate of emergency calls: more by day and in the evening (modelling choice)."""
    return 1 + 0.6 * math.sin(2 * math.pi * (hour_of_day(t_ms) - 10) / 24)


def dropped_out(seed: int, centre: str, t_ms: int) -> bool:
    """Is the centre's link down by chance at this instant?"""
    hour = t_ms // HOUR_MS
    for bucket in (hour - 1, hour):
        if draw(seed, "drop", centre, bucket) < 1 / DROPOUT_MEAN_BETWEEN_H:
            start = bucket * HOUR_MS + draw(seed, "drop/at", centre, bucket) * HOUR_MS
            length = -math.log(1 - draw(seed, "drop/length", centre, bucket)) * DROPOUT_MEAN_LENGTH_MS
            if start <= t_ms < start + min(length, HOUR_MS):
                return True
    return False


def _feedback_day(hour: float) -> float:
    return 0.15 + 2.1 * bell(hour, 9.5, 1.3) + 1.7 * bell(hour, 20, 1.0) + 0.75 * bell(hour, 14.5, 2.6)


_FEEDBACK_MEAN = sum(_feedback_day(quarter / 4) for quarter in range(96)) / 96
