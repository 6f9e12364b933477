"""How often a distribution feeder fails, and for how long.

Sourced: the power company of the south, first half of 2022: SAIDI 123.33 min, SAIFI 1.09, MAIFI 0.53, so that a
customer had 2.2 sustained and 1.1 short interruptions a year of about 113 minutes on average. Modelling choices: four
times as many faults during thunderstorms, up to 40 times in heavier cells (squalls); lognormal durations with median
75 min and the sigma that makes their mean 113 min; one announced interruption per feeder and year; the customers;
a feeder that stands in deep water is switched off.
"""

from __future__ import annotations

import math

from simulators.draw import between, draw, normal
from simulators.local_time import MINUTE_MS

SUSTAINED_PER_YEAR = 2.2
SHORT_PER_YEAR = 1.1
PLANNED_PER_YEAR = 1.0
HOURS_PER_YEAR = 8766.0
MEDIAN_MIN = 75.0
MEAN_MIN = 113.0
SIGMA = math.sqrt(2 * math.log(MEAN_MIN / MEDIAN_MIN))
LONGEST_MIN = 1440.0  # longer ones are cut: the quantile is 0.9995
THUNDER_FACTOR = 4.0  # from THUNDER_MM on
SQUALL_FACTOR, SQUALL_MM = 40.0, 50.0
THUNDER_MM = 8.0
DEEP_CM, DEEP_KM, DEEP_AFTER_MS = 50.0, 0.8, 60 * MINUTE_MS  # switched off in deep water, until an hour after it
STORM_CAUSES = {"storm": 0.6, "tree": 0.25, "equipment": 0.15}
FAIR_CAUSES = {"equipment": 0.45, "overload": 0.2, "vehicle": 0.1, "tree": 0.1, "unknown": 0.15}


def storm_factor(mm_in_hour: float) -> float:
    """How many times more faults in an hour with this much rain on the feeder."""
    if mm_in_hour < THUNDER_MM:
        return 1.0
    share = min(1.0, (mm_in_hour - THUNDER_MM) / (SQUALL_MM - THUNDER_MM))
    return THUNDER_FACTOR + share * (SQUALL_FACTOR - THUNDER_FACTOR)


def duration_ms(seed: int, *what: str | int) -> int:
    """Length of a sustained interruption."""
    minutes = MEDIAN_MIN * math.exp(SIGMA * normal(seed, "power/length", *what))
    return round(min(LONGEST_MIN, max(5.0, minutes)) * MINUTE_MS)


def customers_of(seed: int, feeder: str) -> int:
    """Customers on a feeder, 800 to 4,000."""
    return round(between(800, 4000, seed, "power/customers", feeder))


def cut_off(seed: int, customers: int, *what: str | int) -> int:
    """How many of them lose power by a fault: switches on the line save some, in half of the cases nobody."""
    share = 1.0 if draw(seed, "power/whole", *what) < 0.5 else between(0.2, 0.9, seed, "power/part", *what)
    return max(1, round(customers * share))
