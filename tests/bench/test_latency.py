"""The arithmetic of the latency figures, with the mistakes it must not make."""

from __future__ import annotations

import pytest

from ioc.bench.latency import Acked, Shown, delays_ms, percentiles


def test_an_event_is_timed_to_the_frame_that_shows_it() -> None:
    delays, unseen = delays_ms([Acked("a", 1000, 1100)], [Shown("a", 1000, 1350)])
    assert (delays, unseen) == ([250], 0)


def test_an_overtaken_event_counts_to_the_newer_reading_not_away() -> None:
    delays, unseen = delays_ms([Acked("a", 1000, 1010), Acked("a", 1100, 1110)], [Shown("a", 1100, 1300)])
    assert (sorted(delays), unseen) == ([190, 290], 0)


def test_an_older_reading_does_not_stand_for_a_newer_event() -> None:
    assert delays_ms([Acked("a", 2000, 2010)], [Shown("a", 1000, 2500)]) == ([], 1)


def test_another_key_does_not_count() -> None:
    assert delays_ms([Acked("a", 1, 1)], [Shown("b", 1, 2)]) == ([], 1)


def test_the_first_frame_counts_also_when_an_older_one_came_later() -> None:
    shown = [Shown("a", 2000, 2100), Shown("a", 1000, 2900)]
    assert delays_ms([Acked("a", 1000, 1010)], shown) == ([1090], 0)


def test_percentiles_are_of_the_nearest_rank() -> None:
    figures = percentiles(list(range(1, 101)), unseen=3)
    assert (figures.p50_ms, figures.p95_ms, figures.p99_ms, figures.max_ms) == (50, 95, 99, 100)
    assert (figures.events, figures.unseen) == (103, 3)


def test_nothing_measured_is_an_error_not_a_zero() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        percentiles([], unseen=5)
