from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.domain.baseline import HOURS_OF_WEEK, Baseline, Bucket, Hour, hour_of_week, learn, score

HOUR = 3_600_000
WEEK = 168 * HOUR
VN = 7 * HOUR
MONDAY = 1_795_366_800_000  # 2026-11-23T00:00 in Vietnam


def week_of(baseline: Baseline, hour: Hour, week: int, values: list[float]) -> None:
    """Twelve readings in one and the same hour of the week, then the next hour begins."""
    start = MONDAY + week * WEEK
    for i, value in enumerate(values):
        learn(baseline, hour, value, start + i * 300_000, f"{week}-{i}", VN, 0.1)
    learn(baseline, hour, 0.0, start + HOUR, "next", VN, 0.1)


def usual(weeks: int, values: list[float]) -> Baseline:
    baseline, hour = Baseline({}), Hour()
    for week in range(weeks):
        week_of(baseline, hour, week, values)
    return baseline


VALUES = [10.0, 12.0, 8.0, 11.0, 9.0, 10.0, 12.0, 8.0, 10.0, 11.0, 9.0, 10.0]


def test_hours_of_the_week_are_local() -> None:
    assert hour_of_week((MONDAY + VN) // HOUR) == 0
    assert hour_of_week((MONDAY - 1 + VN) // HOUR) == HOURS_OF_WEEK - 1
    assert hour_of_week(0) == 72  # 1970-01-01 was a Thursday


def test_it_speaks_only_after_enough_weeks_and_only_of_that_hour() -> None:
    for weeks, speaks in ((0, False), (2, False), (3, True)):
        found = score(usual(weeks, VALUES), 30.0, MONDAY + 5 * WEEK, VN, 3, 0.1)
        assert (found is not None) is speaks
    assert score(usual(5, VALUES), 30.0, MONDAY + 5 * WEEK + 3 * HOUR, VN, 3, 0.1) is None


def test_the_score_is_in_standard_deviations() -> None:
    baseline = usual(4, VALUES)
    assert score(baseline, 10.0, MONDAY + 5 * WEEK, VN, 3, 0.1) == pytest.approx(0.0, abs=0.1)
    apart = sum(abs(v - 10.0) for v in VALUES) / len(VALUES)
    high = score(baseline, 20.0, MONDAY + 5 * WEEK, VN, 3, 0.1)
    assert high == pytest.approx(10.0 / (apart * math.sqrt(math.pi / 2)), rel=0.15)
    low = score(baseline, 0.0, MONDAY + 5 * WEEK, VN, 3, 0.1)
    assert low is not None
    assert low < -4


def test_one_bad_week_does_not_become_the_norm() -> None:
    baseline, hour = Baseline({}), Hour()
    for week in range(4):
        week_of(baseline, hour, week, VALUES)
    week_of(baseline, hour, 4, [1000.0] * 12)
    bucket = baseline.buckets[0]
    assert bucket.mean < 13.0
    again = score(baseline, 1000.0, MONDAY + 6 * WEEK, VN, 3, 0.1)
    assert again is not None
    assert again > 4


def test_a_steady_value_has_the_least_deviation() -> None:
    found = score(usual(4, [5.0] * 12), 5.5, MONDAY + 5 * WEEK, VN, 3, 0.5)
    assert found == pytest.approx(1 / math.sqrt(math.pi / 2))


def test_an_hour_with_too_few_readings_and_older_readings_teach_nothing() -> None:
    baseline, hour = Baseline({}), Hour()
    for week in range(5):
        week_of(baseline, hour, week, [10.0, 11.0])
    assert 0 not in baseline.buckets
    assert learn(baseline, hour, 1.0, MONDAY, "zzz", VN, 0.1) is None


@settings(max_examples=50)
@given(st.lists(st.floats(-100, 100), min_size=3, max_size=12), st.integers(1, 20))
def test_the_usual_stays_among_the_readings_and_memory_is_bounded(values: list[float], weeks: int) -> None:
    baseline = usual(weeks, values)
    assert min(values) - 1e-6 <= baseline.buckets[0].mean <= max(values) + 1e-6
    assert 0 <= baseline.buckets[0].deviation <= (max(values) - min(values)) + 1e-6
    assert len(baseline.buckets) <= HOURS_OF_WEEK


def test_a_whole_week_is_as_large_as_the_documents_say() -> None:
    full = Baseline({i: Bucket(99, 1234.567890123456 + i, 98.76543210987654) for i in range(HOURS_OF_WEEK)})
    assert len(msgspec.json.encode(full)) < 8_000
