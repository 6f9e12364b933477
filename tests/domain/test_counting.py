from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.domain import counting
from ioc.domain.counting import KEPT_MAX, CountLevel, CountState, lapse, observe
from ioc.domain.verdicts import REFRESH_MS, Verdict

S = 1_000
HOUR = 3_600 * S
LEVELS = (CountLevel("five", 2, 5, 4), CountLevel("ten", 1, 10, 8))
THREE = (CountLevel("three", 2, 3, 2),)


def words(said: list[Verdict]) -> list[tuple[str, str, int, int]]:
    return [(v.reason, v.level, v.observed_ms // S, v.count) for v in said]


def feed(levels: tuple[CountLevel, ...], within_ms: int, times_s: list[int], state: CountState) -> list[Verdict]:
    """Events in order; the watermark follows at once."""
    said: list[Verdict] = []
    for second in times_s:
        said += lapse(levels, within_ms, state, second * S)
        verdict = observe(levels, within_ms, state, second * S, True)
        said += [] if verdict is None else [verdict]
    return said


def test_five_within_an_hour_and_the_end_when_the_oldest_left() -> None:
    state = CountState()
    said = feed(LEVELS, HOUR, [0, 600, 1200, 1800, 2400], state)
    assert words(said) == [("COUNT_REACHED", "five", 2400, 5)]
    assert (said[0].since_ms, said[0].value, said[0].limit, said[0].priority) == (0, 5.0, 5.0, 2)
    assert lapse(LEVELS, HOUR, state, 3_599 * S) == []
    (off,) = lapse(LEVELS, HOUR, state, 3_600 * S)
    assert (off.state, off.reason, off.observed_ms, off.since_ms) == ("off", "COUNT_FELL", 3_600 * S, 0)


def test_four_in_an_hour_or_five_in_more_are_nothing() -> None:
    assert feed(LEVELS, HOUR, [0, 1, 2, 3], CountState()) == []
    assert feed(LEVELS, HOUR, [0, 1000, 2000, 3000, 3600], CountState()) == []  # the first has just left


def test_levels_rise_at_once_and_fall_through_the_milder_one() -> None:
    state = CountState()
    said = feed(LEVELS, HOUR, list(range(0, 100, 10)), state)
    assert words(said)[0] == ("COUNT_REACHED", "five", 40, 5)
    assert words(said)[-1] == ("LEVEL_ROSE", "ten", 90, 10)
    said = lapse(LEVELS, HOUR, state, 2 * HOUR)
    assert words(said) == [("LEVEL_FELL", "five", 3610, 8), ("COUNT_FELL", "five", 3650, 4)]


def test_events_in_any_order_count_by_their_own_time() -> None:
    state = CountState()
    said = feed(LEVELS, HOUR, [2400], state)
    for second in (0, 1800, 600, 1200):
        verdict = observe(LEVELS, HOUR, state, second * S, True)
        said += [] if verdict is None else [verdict]
    assert [(v.reason, v.since_ms // S) for v in said] == [("COUNT_REACHED", 0)]


def test_what_may_not_raise_counts_but_raises_nothing() -> None:
    state = CountState()
    for second in range(5):
        assert observe(LEVELS, HOUR, state, second * S, False) is None
    said = observe(LEVELS, HOUR, state, 6 * S, True)
    assert said is not None
    assert said.count == 6


def test_an_old_event_outside_the_window_is_left() -> None:
    state = CountState()
    lapse(LEVELS, HOUR, state, 2 * HOUR)
    assert observe(LEVELS, HOUR, state, HOUR, True) is None
    assert state.times_ms == []


def test_a_changed_count_is_told_at_most_every_half_minute() -> None:
    said = feed((CountLevel("one", 3, 1, 0),), HOUR, list(range(0, 100, 5)), CountState())
    assert [v.reason for v in said] == ["COUNT_REACHED", "REPEATED", "REPEATED", "REPEATED"]
    assert all(b.observed_ms - a.observed_ms >= REFRESH_MS for a, b in pairwise(said))


def test_memory_is_bounded() -> None:
    state = CountState()
    feed(LEVELS, HOUR, list(range(3_000)), state)
    assert len(state.times_ms) == KEPT_MAX


times = st.lists(st.integers(0, 40), min_size=1, max_size=30).map(
    lambda gaps: [sum(gaps[: i + 1]) for i in range(len(gaps))]
)


def by_definition(times_s: list[int], limit: int, within_s: int) -> list[tuple[int, bool]]:
    """Second by second: how many events are in ``(t − within, t]``?"""
    changes, on = [], False
    for second in range(times_s[-1] + within_s + 1):
        held = sum(1 for t in times_s if second - within_s < t <= second) >= limit
        if held != on:
            on = held
            changes.append((second, on))
    return changes


def by_machine(times_s: list[int], within_s: int) -> list[tuple[int, bool]]:
    state = CountState()
    said = feed(THREE, within_s * S, times_s, state)
    said += lapse(THREE, within_s * S, state, (times_s[-1] + within_s) * S)
    told = [v for v in said if v.reason in ("COUNT_REACHED", "COUNT_FELL")]
    pairs = [(v.observed_ms // S, v.state == "on") for v in told]
    # Off and on again in the same second is no change of the condition.
    seconds = [second for second, _ in pairs]
    return [pair for pair in pairs if seconds.count(pair[0]) == 1]


@settings(max_examples=300)
@given(times)
def test_a_count_is_what_the_definition_says(times_s: list[int]) -> None:
    assert by_machine(times_s, 60) == by_definition(times_s, 3, 60)


def test_the_definition_sees_a_window_that_is_too_long_or_an_end_that_is_missed() -> None:
    assert by_machine([0, 30, 60], 60) == by_definition([0, 30, 60], 3, 60)
    assert by_machine([0, 30, 60], 61) != by_definition([0, 30, 60], 3, 60)
    assert by_machine([0, 10, 20], 60) == by_definition([0, 10, 20], 3, 60) == [(20, True), (60, False)]
    assert by_machine([0, 10, 20], 90) != by_definition([0, 10, 20], 3, 60)


@settings(max_examples=200)
@given(times, st.lists(st.integers(0, 60), max_size=10))
def test_when_the_watermark_is_asked_makes_no_difference(times_s: list[int], asked: list[int]) -> None:
    often, seldom = CountState(), CountState()
    one, two = [], []
    for second in times_s:
        for extra in sorted(asked):
            one += lapse(THREE, 60 * S, often, max(0, second - extra) * S)
        for state, said in ((often, one), (seldom, two)):
            said += lapse(THREE, 60 * S, state, second * S)
            verdict = observe(THREE, 60 * S, state, second * S, True)
            said += [] if verdict is None else [verdict]
    assert one == two


def test_resolve_needs_one_less_at_least() -> None:
    from ioc.domain.profile import Level, Rule

    rule = Rule(
        id="c", kind="count", type="feedback.1022", group="feedback", name_vi="", name_en="", title_vi="", title_en="",
        within_s=60, levels=(Level(name="a", priority=2, limit=5), Level(name="b", priority=1, limit=9, deadband=3)),
    )  # fmt: skip
    assert [(lv.limit, lv.ends_at) for lv in counting.resolve(rule)] == [(5, 4), (9, 6)]
