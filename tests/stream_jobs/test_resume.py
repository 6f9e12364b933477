"""The measuring of standstills measures them."""

from __future__ import annotations

import pytest

from tests.stream_jobs.resume import Kill, assert_quick, longest_s, resumes_s, still_s

SEEN = {"a/0": [1.0, 2.0, 9.0], "a/1": [1.5, 2.1, 2.2]}
BOTH = frozenset(SEEN)


def test_the_slowest_source_counts() -> None:
    assert still_s(SEEN, BOTH, 1.7) == pytest.approx(0.4)
    assert still_s(SEEN, ["a/0"], 2.0) == 7.0
    assert still_s(SEEN, BOTH, 2.15) == pytest.approx(6.85)


def test_what_never_moves_again_is_endless() -> None:
    assert still_s(SEEN, BOTH, 3.0) == float("inf")
    assert still_s(SEEN, ["b/0"], 0.0) == float("inf")


def test_the_longest_pause_of_one_source() -> None:
    assert longest_s(SEEN) == 7.0


def test_a_kill_that_was_followed_by_another_is_measured_from_that_one() -> None:
    kills = [Kill("w", 2.0, frozenset({"a/0"})), Kill("v", 2.0, frozenset({"a/1"})), Kill("w", 5.0, frozenset({"a/0"}))]
    waits_s, cut_short = resumes_s(kills, SEEN)
    assert waits_s == pytest.approx([0.1, 4.0])
    assert cut_short == 1


@pytest.mark.parametrize("waits_s", [[1.0, 15.1], [float("inf")], []])
def test_a_slow_resume_fails(waits_s: list[float]) -> None:
    with pytest.raises(AssertionError):
        assert_quick("planted", waits_s)
