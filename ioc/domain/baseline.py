"""What is usual for this hour of the week, per object, and how far a reading is from it.

168 buckets, one per hour of the local week. While an hour runs its readings are added up beside the baseline; when the
first reading of another hour comes, the hour is folded into its bucket with the weight ``1 / weeks``, at least 1/8, so
that the usual follows the seasons. Robust: a reading counts at most ``CLIP`` deviations away from the usual, so that
one bad day does not become the norm; the deviation is the mean of the absolute differences.

A bucket speaks when it has seen its hour in enough weeks, and an hour counts as seen with ``SAMPLES_MIN`` readings.
"""

from __future__ import annotations

from math import pi, sqrt

from msgspec import Struct

HOURS_OF_WEEK = 168
SAMPLES_MIN = 3  # readings without which an hour is not folded
WEEKS_FULL = 8  # weeks after which an old week weighs less than a new one
CLIP = 6.0  # deviations beyond which a reading counts no further
# For a normal distribution the standard deviation is this much greater than the mean absolute deviation.
_TO_SIGMA = sqrt(pi / 2)


class Bucket(Struct, array_like=True):
    """One hour of the week: weeks seen, usual value, usual absolute deviation."""

    weeks: int = 0
    mean: float = 0.0
    deviation: float = 0.0


class Baseline(Struct):
    """The usual week of one object, at most 168 buckets: about 8 KB in the checkpoint, written once per hour."""

    buckets: dict[int, Bucket]


class Hour(Struct, kw_only=True, tag="hour"):
    """The hour that runs: which one, and what came so far. About 120 bytes."""

    number: int = -1  # local hours since 1970-01-01
    n: int = 0
    total: float = 0.0
    apart: float = 0.0  # sum of absolute differences from the usual, or from the mean of the hour so far
    last_ms: int = -1
    last_id: str = ""


def hour_of_week(number: int) -> int:
    """0 is Monday from 00:00; 1970-01-01 was a Thursday."""
    return (number + 72) % HOURS_OF_WEEK


def learn(
    baseline: Baseline, hour: Hour, value: float, time_ms: int, id_: str, offset_ms: int, deviation_min: float
) -> bool | None:
    """Take one reading in.

    Args:
        baseline: changed when an hour is complete.
        hour: changed always.
        value: of the reading.
        time_ms: event time.
        id_: of the reading; with the time it tells which of two is newer.
        offset_ms: local time minus UTC at that instant.
        deviation_min: the usual deviation counts as at least this.

    Returns:
        None for a reading that is not newer than the newest, which is left; else whether the baseline changed.
    """
    if time_ms < hour.last_ms or (time_ms == hour.last_ms and id_ <= hour.last_id):
        return None
    hour.last_ms, hour.last_id = time_ms, id_
    number = (time_ms + offset_ms) // 3_600_000
    folded = False
    if number != hour.number:
        folded = _fold(baseline, hour)
        hour.number, hour.n, hour.total, hour.apart = number, 0, 0.0, 0.0
    bucket = baseline.buckets.get(hour_of_week(number))
    if bucket is not None:
        reach = CLIP * max(bucket.deviation, deviation_min)
        value = min(max(value, bucket.mean - reach), bucket.mean + reach)
        usual = bucket.mean
    else:
        usual = (hour.total + value) / (hour.n + 1)
    hour.n += 1
    hour.total += value
    hour.apart += abs(value - usual)
    return folded


def score(baseline: Baseline, value: float, time_ms: int, offset_ms: int, weeks: int, least: float) -> float | None:
    """How many standard deviations a value is above (negative: below) the usual of its hour of the week.

    Args:
        baseline: what is usual.
        value: to be judged.
        time_ms: its event time.
        offset_ms: local time minus UTC at that instant.
        weeks: how often the hour must have been seen, otherwise None.
        least: the usual deviation counts as at least this; greater than 0.
    """
    bucket = baseline.buckets.get(hour_of_week((time_ms + offset_ms) // 3_600_000))
    if bucket is None or bucket.weeks < weeks:
        return None
    return (value - bucket.mean) / (_TO_SIGMA * max(bucket.deviation, least))


def _fold(baseline: Baseline, hour: Hour) -> bool:
    if hour.n < SAMPLES_MIN:
        return False
    bucket = baseline.buckets.setdefault(hour_of_week(hour.number), Bucket())
    bucket.weeks += 1
    weight = 1 / min(bucket.weeks, WEEKS_FULL)
    bucket.mean += weight * (hour.total / hour.n - bucket.mean)
    bucket.deviation += weight * (hour.apart / hour.n - bucket.deviation)
    return True
