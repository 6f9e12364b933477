from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.domain.profile import Level, Rule
from ioc.domain.threshold import LevelSpec, Spec, ThresholdState, adopt, is_calm, lapse, late, observe, resolve
from ioc.domain.verdicts import REFRESH_MS, Verdict

S = 1_000


def spec(on_s: int = 0, off_s: int = 0, gap_s: int = 60, deadband: float = 0.0) -> Spec:
    levels = (
        LevelSpec("one", 3, "x", 10.0, deadband),
        LevelSpec("two", 2, "x", 20.0, deadband),
        LevelSpec("three", 1, "x", 30.0, deadband),
    )
    return Spec(levels, True, True, on_s * S, off_s * S, gap_s * S)


def feed(given_spec: Spec, readings: list[tuple[int, float]], state: ThresholdState | None = None) -> list[Verdict]:
    """Readings as (second, value) → what the rule says."""
    state = state or ThresholdState()
    said = []
    for number, (second, value) in enumerate(readings):
        verdict = observe(given_spec, state, [value] * len(given_spec.levels), second * S, f"{number:04d}", True)
        if verdict is not None:
            said.append(verdict)
    return said


def words(said: list[Verdict]) -> list[tuple[str, str, int]]:
    """What changed; refreshes of the figures have their own test."""
    return [(v.reason, v.level, v.observed_ms // S) for v in said if v.reason != "VALUE_CHANGED"]


def test_levels_of_one_episode() -> None:
    said = feed(spec(), [(0, 5), (10, 12), (20, 25), (30, 31), (40, 15), (50, 5), (60, 12)])
    assert words(said) == [
        ("LIMIT_REACHED", "one", 10),
        ("LEVEL_ROSE", "two", 20),
        ("LEVEL_ROSE", "three", 30),
        ("LEVEL_FELL", "one", 40),
        ("BACK_TO_NORMAL", "one", 50),
        ("LIMIT_REACHED", "one", 60),
    ]
    assert [v.since_ms // S for v in said] == [10, 10, 10, 10, 10, 60]
    assert [v.priority for v in said] == [3, 2, 1, 3, 3, 3]


def test_deadband_holds_a_level_until_the_value_is_well_below() -> None:
    said = feed(spec(deadband=0.5), [(0, 10.0), (10, 9.8), (20, 9.5), (30, 10.1), (40, 9.49)])
    assert words(said) == [("LIMIT_REACHED", "one", 0), ("BACK_TO_NORMAL", "one", 40)]


def test_on_delay_needs_readings_that_cover_it() -> None:
    assert not feed(spec(on_s=30), [(0, 12), (20, 12), (29, 12)])
    said = feed(spec(on_s=30), [(0, 12), (20, 12), (30, 12)])
    assert words(said) == [("LIMIT_REACHED", "one", 30)]
    assert said[0].since_ms == 0
    assert not feed(spec(on_s=30), [(0, 12), (15, 9), (20, 12), (45, 12)])


def test_a_gap_starts_the_delay_anew_and_nothing_fires_inside_it() -> None:
    assert not feed(spec(on_s=30, gap_s=60), [(0, 12), (61, 12), (80, 12)])
    assert words(feed(spec(on_s=30, gap_s=60), [(0, 12), (61, 12), (80, 12), (91, 12)])) == [
        ("LIMIT_REACHED", "one", 91)
    ]
    state = ThresholdState()
    feed(spec(on_s=30), [(0, 12)], state)
    assert lapse(spec(on_s=30), state, 10_000 * S) is None


def test_off_delay_is_judged_in_the_same_way() -> None:
    said = feed(spec(off_s=30), [(0, 12), (10, 5), (20, 5), (30, 5), (40, 5)])
    assert words(said) == [("LIMIT_REACHED", "one", 0), ("BACK_TO_NORMAL", "one", 40)]
    said = feed(spec(off_s=30, gap_s=60), [(0, 12), (10, 5), (71, 5), (100, 5)])
    assert words(said) == [("LIMIT_REACHED", "one", 0)]  # not cleared across the gap
    assert said[-1].state == "on"


def test_blind_neither_fires_nor_clears_and_ends_with_the_next_reading() -> None:
    state = ThresholdState()
    rule = spec(off_s=30)
    feed(rule, [(0, 12)], state)
    assert lapse(rule, state, 60 * S) is None
    blind = lapse(rule, state, 60 * S + 1)
    assert blind is not None
    assert (blind.state, blind.reason, blind.since_ms, blind.observed_ms) == ("blind", "NO_READINGS", 0, 60 * S)
    assert lapse(rule, state, 500 * S) is None
    again = observe(rule, state, [5.0] * 3, 600 * S, "x", True)
    assert again is not None
    assert (again.state, again.reason, again.value, again.since_ms) == ("on", "SEEN_AGAIN", 5.0, 0)


def test_an_older_reading_moves_nothing() -> None:
    state = ThresholdState()
    feed(spec(), [(100, 5)], state)
    assert observe(spec(), state, [99.0] * 3, 99 * S, "zzz", True) is None
    assert observe(spec(), state, [99.0] * 3, 100 * S, "0000", True) is None  # same time, not a newer id
    assert not state.level


def test_a_danger_that_comes_late_is_told_and_ends_with_the_next_reading() -> None:
    state = ThresholdState()
    feed(spec(), [(90, 5), (100, 5)], state)
    on = late(spec(), state, [25.0] * 3, 95 * S, "late")
    assert on is not None
    assert (on.state, on.reason, on.level, on.priority) == ("on", "LIMIT_REACHED", "two", 2)
    assert (on.since_ms, on.observed_ms, on.value) == (95 * S, 95 * S, 25.0)
    assert late(spec(), state, [25.0] * 3, 96 * S, "more") is None, "told once"
    assert not is_calm(state)
    off = observe(spec(), state, [5.0] * 3, 110 * S, "0110", True)
    assert off is not None
    assert (off.state, off.since_ms) == ("off", 95 * S)
    assert is_calm(state)


def test_a_late_reading_of_an_episode_that_was_told_raises_it_only_when_it_is_worse() -> None:
    state = ThresholdState()
    feed(spec(), [(80, 5), (90, 12), (100, 25), (110, 5)], state)
    assert late(spec(), state, [25.0] * 3, 105 * S, "a") is None
    assert late(spec(), state, [12.0] * 3, 85 * S, "b") is None, "nor what was shortly before it"
    assert late(spec(), state, [9.0] * 3, 105 * S, "c") is None
    worse = late(spec(), state, [31.0] * 3, 105 * S, "d")
    assert worse is not None
    assert (worse.level, worse.since_ms, worse.observed_ms) == ("three", 105 * S, 105 * S)
    assert late(spec(), state, [31.0] * 3, 104 * S, "e") is None


def test_a_late_reading_makes_a_running_episode_worse_and_the_next_one_milder() -> None:
    state = ThresholdState()
    feed(spec(), [(90, 12), (100, 12)], state)
    rose = late(spec(), state, [31.0] * 3, 95 * S, "a")
    assert rose is not None
    assert (rose.reason, rose.priority, rose.since_ms) == ("LEVEL_ROSE", 1, 90 * S)
    fell = observe(spec(), state, [12.0] * 3, 110 * S, "b", True)
    assert fell is not None
    assert (fell.reason, fell.priority) == ("LEVEL_FELL", 3)


def test_after_a_calm_time_a_late_danger_is_not_blind() -> None:
    state = ThresholdState()
    feed(spec(), [(second, 5) for second in range(0, 1000, 10)], state)
    state.runs.clear()  # as a quiet object has it: only the newest time is kept
    assert late(spec(), state, [25.0] * 3, 980 * S, "late") is not None
    assert lapse(spec(), state, 990 * S + 60 * S) is None
    blind = lapse(spec(), state, 990 * S + 60 * S + 1)
    assert blind is not None, "only when nothing comes any more"


def test_of_one_episode_a_late_reading_rises_once() -> None:
    state = ThresholdState()
    feed(spec(), [(0, 31), (10, 12), (20, 12)], state)
    assert late(spec(), state, [31.0] * 3, 5 * S, "a") is None, "the episode was as bad before it fell"
    rose = late(spec(), state, [31.0] * 3, 15 * S, "b")
    assert rose is not None
    assert (rose.reason, rose.priority) == ("LEVEL_ROSE", 1), "a second time, which nobody was told of"
    assert words(feed(spec(), [(30, 12)], state)) == [("LEVEL_FELL", "one", 30)]
    assert late(spec(), state, [31.0] * 3, 16 * S, "c") is None
    assert late(spec(), state, [31.0] * 3, 25 * S, "d") is None, "it was told of up to 30 s"


def test_what_a_late_reading_started_does_not_escalate_by_the_calm_after_it() -> None:
    state = ThresholdState()
    rule = escalating(60)
    feed(rule, [(100, 5)], state)
    assert late(rule, state, [12.0], 10 * S, "a") is not None
    assert words(feed(rule, [(110, 12), (159, 12)], state)) == []
    assert words(feed(rule, [(161, 12)], state)) == [("HELD_LONG", "one", 161)]


def test_a_late_reading_holds_all_levels_that_it_reaches() -> None:
    rule, state = spec(deadband=5), ThresholdState()
    feed(rule, [(100, 9)], state)
    assert late(rule, state, [31.0] * 3, 90 * S, "a") is not None
    assert words(feed(rule, [(110, 8)], state)) == [("LEVEL_FELL", "one", 110)], "as it would be in order"


def test_where_one_reading_is_not_enough_a_late_one_moves_nothing() -> None:
    state = ThresholdState()
    feed(spec(on_s=30), [(100, 5)], state)
    assert late(spec(on_s=30), state, [99.0] * 3, 99 * S, "a") is None
    feed(spec(), [(110, 5), (120, 31)], state)
    assert late(spec(), state, [31.0] * 3, 120 * S, "0001") is None, "the newest itself, once more"


@given(st.lists(st.tuples(st.sampled_from([5.0, 9.8, 12.0, 25.0, 31.0]), st.integers(0, 40)), max_size=30))
def test_whatever_the_order_every_danger_was_told_as_soon_as_it_came(readings: list[tuple[float, int]]) -> None:
    rule, state = spec(deadband=0.5), ThresholdState()
    came = sorted((5 * number + delay_s, number, value) for number, (value, delay_s) in enumerate(readings))
    worst_told: list[tuple[int, int, int]] = []  # of each episode: start, end as far as told, worst priority
    for _, number, value in came:
        time_ms, id_ = 5 * number * S, f"{number:04d}"
        newest = (time_ms, id_) > (state.last_ms, state.last_id)
        if newest:
            verdict = observe(rule, state, [value] * 3, time_ms, id_, True)
        else:
            verdict = late(rule, state, [value] * 3, time_ms, id_)
        if verdict is not None:
            if not worst_told or worst_told[-1][0] != verdict.since_ms:
                assert not worst_told or verdict.since_ms > worst_told[-1][0]
                worst_told.append((verdict.since_ms, verdict.observed_ms, 4))
            start, end, worst = worst_told[-1]
            worst_told[-1] = start, max(end, verdict.observed_ms), min(worst, verdict.priority)
        if value >= 10:
            priority = 3 if value < 20 else 2 if value < 30 else 1
            assert worst_told[-1][2] <= priority or any(
                worst <= priority and time_ms <= max(end, start) for start, end, worst in worst_told
            )


def test_a_reading_that_came_too_late_raises_nothing_but_may_clear() -> None:
    state = ThresholdState()
    assert observe(spec(), state, [12.0] * 3, 0, "a", False) is None
    first = observe(spec(), state, [12.0] * 3, 10 * S, "b", True)
    assert first is not None
    assert first.since_ms == 0  # it began out there when the late reading says
    assert observe(spec(), state, [35.0] * 3, 20 * S, "c", False) is None
    assert state.level == "one"
    off = observe(spec(), state, [5.0] * 3, 30 * S, "d", False)
    assert off is not None
    assert off.state == "off"


def test_refresh_at_most_every_half_minute() -> None:
    readings = [(second, 12 + second / 1000) for second in range(0, 100, 5)]
    said = feed(spec(), readings)
    assert [v.reason for v in said] == ["LIMIT_REACHED", *["VALUE_CHANGED"] * 3]
    gaps = [b.observed_ms - a.observed_ms for a, b in pairwise(said)]
    assert all(gap >= REFRESH_MS for gap in gaps)
    assert len(feed(spec(), [(second, 12) for second in range(0, 100, 5)])) == 1


def escalating(escalate_s: int, gap_s: int = 60) -> Spec:
    return Spec((LevelSpec("one", 3, "x", 10.0, 0.5, escalate_s * S),), True, True, 0, 0, gap_s * S)


def test_a_level_held_for_long_speaks_with_a_higher_priority_until_it_ends() -> None:
    said = feed(escalating(60), [(0, 12), (50, 12), (60, 12), (80, 9.6), (120, 5), (130, 12)])
    assert [(v.reason, v.priority, v.observed_ms // S) for v in said] == [
        ("LIMIT_REACHED", 3, 0),
        ("HELD_LONG", 2, 60),
        ("BACK_TO_NORMAL", 2, 120),
        ("LIMIT_REACHED", 3, 130),
    ]


def test_what_nobody_saw_does_not_escalate_and_what_escalated_stays_so() -> None:
    said = feed(escalating(60), [(0, 12), (50, 12), (111, 12), (170, 12), (171, 12)])
    assert [(v.reason, v.observed_ms // S) for v in said] == [("LIMIT_REACHED", 0), ("HELD_LONG", 171)]
    said = feed(escalating(60), [(0, 12), (60, 12), (200, 12)])
    assert [v.priority for v in said] == [3, 2]


def test_a_reading_that_may_not_raise_does_not_escalate() -> None:
    state = ThresholdState()
    feed(escalating(60), [(0, 12)], state)
    assert observe(escalating(60), state, [12.0], 60 * S, "b", False) is None
    said = observe(escalating(60), state, [12.0], 70 * S, "c", True)
    assert said is not None
    assert said.priority == 2


def test_a_reading_without_a_number_is_no_reading() -> None:
    state, rule = ThresholdState(), spec(gap_s=60)
    feed(rule, [(0, 12)], state)
    assert observe(rule, state, [None] * 3, 50 * S, "b", True) is None
    blind = lapse(rule, state, 61 * S)
    assert blind is not None
    assert observe(rule, state, [None] * 3, 70 * S, "c", True) is None
    assert state.blind


def test_below_and_not_inclusive() -> None:
    rule = Rule(
        id="slow", kind="threshold", type="traffic.flow", group="traffic",
        name_vi="", name_en="", title_vi="", title_en="",
        field="speed_km_h", direction="below", inclusive=False, deadband=3.0,
        levels=(Level(name="slow", priority=3, limit=15.0),),
    )  # fmt: skip
    found = resolve(rule, {}, 10.0)
    said = feed(found, [(0, 15.0), (10, 14.9), (20, 17.9), (30, 18.0)])
    assert words(said) == [("LIMIT_REACHED", "slow", 10), ("BACK_TO_NORMAL", "slow", 30)]


def test_limits_of_the_site_and_the_gap_of_its_feed() -> None:
    rule = Rule(
        id="river", kind="threshold", type="hydro.level", group="river",
        name_vi="", name_en="", title_vi="", title_en="",
        field="level_m", max_gap_s=300,
        levels=(
            Level(name="BĐ1", priority=3, limit_from="bd1"),
            Level(name="BĐ2", priority=2, limit_from="bd2"),
            Level(name="BĐ3", priority=1, limit_from="bd3"),
        ),
    )  # fmt: skip
    found = resolve(rule, {"bd1": 1.8, "bd2": 2.0}, 600.0)
    assert [(level.name, level.limit) for level in found.levels] == [("BĐ1", 1.8), ("BĐ2", 2.0)]
    assert found.max_gap_ms == 1_800_000  # three periods, not the rule's five minutes


# ---- against the definition, word by word ------------------------------------------------------------------------

Readings = list[tuple[int, float]]
readings_of_one_site = st.lists(
    st.tuples(st.integers(1, 40), st.sampled_from([5.0, 9.0, 9.6, 10.0, 12.0])), min_size=1, max_size=25
).map(lambda steps: [(sum(s for s, _ in steps[: i + 1]), value) for i, (_, value) in enumerate(steps)])


def by_definition(on_s: int, off_s: int, gap_s: int, deadband: float, readings: Readings) -> list[tuple[int, bool]]:
    """When the condition changes, straight from the text: search back for a run that covers the delay."""

    def covered(upto: int, ok: Callable[[float], bool], span_s: int) -> bool:
        for begin in range(upto, -1, -1):
            if not ok(readings[begin][1]) or (begin < upto and readings[begin + 1][0] - readings[begin][0] > gap_s):
                return False
            if readings[upto][0] - readings[begin][0] >= span_s:
                return True
        return False

    on, changes = False, []
    for i, (second, _) in enumerate(readings):
        if not on and covered(i, lambda v: v >= 10.0, on_s):
            on = True
            changes.append((second, on))
        elif on and covered(i, lambda v: v < 10.0 - deadband, off_s):
            on = False
            changes.append((second, on))
    return changes


def by_machine(machine: Spec, readings: Readings) -> list[tuple[int, bool]]:
    told = [(v.observed_ms // S, v.state == "on", v.reason) for v in feed(machine, readings)]
    return [(second, on) for second, on, reason in told if reason in ("LIMIT_REACHED", "BACK_TO_NORMAL")]


def one_level(on_s: int, off_s: int, gap_s: int, deadband: float) -> Spec:
    return Spec((LevelSpec("one", 3, "x", 10.0, deadband),), True, True, on_s * S, off_s * S, gap_s * S)


@settings(max_examples=300)
@given(readings_of_one_site, st.sampled_from([0, 20, 60]), st.sampled_from([0, 30]), st.sampled_from([15, 30, 100]))
def test_safe_duration_is_what_the_definition_says(readings: Readings, on_s: int, off_s: int, gap_s: int) -> None:
    assert by_machine(one_level(on_s, off_s, gap_s, 0.5), readings) == by_definition(on_s, off_s, gap_s, 0.5, readings)


def test_the_definition_sees_a_machine_that_ignores_gaps_or_deadband_or_delay() -> None:
    def differs(machine: Spec, readings: Readings) -> bool:
        return by_machine(machine, readings) != by_definition(20, 0, 30, 0.5, readings)

    gap = [(0, 12.0), (40, 12.0)]
    deadband = [(0, 12.0), (20, 12.0), (30, 9.6)]
    delay = [(0, 12.0), (10, 12.0)]
    honest = one_level(20, 0, 30, 0.5)
    assert not any(differs(honest, readings) for readings in (gap, deadband, delay))
    assert differs(one_level(20, 0, 10**6, 0.5), gap)
    assert differs(one_level(20, 0, 30, 0.0), deadband)
    assert differs(one_level(5, 0, 30, 0.5), delay)


@given(readings_of_one_site)
def test_episodes_of_an_object_start_one_after_the_other(readings: Readings) -> None:
    said = feed(one_level(0, 0, 15, 0.0), readings)
    starts = [v.since_ms for v in said if v.reason == "LIMIT_REACHED"]
    assert starts == sorted(set(starts))


def two_fields() -> Spec:
    levels = (LevelSpec("a", 3, "a", 100.0, 0.0), LevelSpec("b", 2, "b", 50.0, 0.0))
    return Spec(levels, True, True, 600 * S, 600 * S, 180 * S)


def test_a_field_that_was_not_seen_does_not_fire_by_the_readings_of_another() -> None:
    state = ThresholdState()
    for minute in range(121):
        value_b = 60.0 if minute in (0, 120) else None
        assert observe(two_fields(), state, [1.0, value_b], minute * 60 * S, f"{minute:04d}", True) is None


def test_a_field_that_is_missing_makes_its_level_blind() -> None:
    given_spec, state, said = two_fields(), ThresholdState(), []
    for minute in range(60):
        at_ms = minute * 60 * S
        said += [v for v in [lapse(given_spec, state, at_ms - 2 * S)] if v is not None]
        value_b = 60.0 if minute <= 10 else 61.0 if minute == 50 else None
        verdict = observe(given_spec, state, [1.0, value_b], at_ms, f"{minute:04d}", True)
        said += [v for v in [verdict] if v is not None]
    assert [(v.reason, v.state, v.observed_ms // S) for v in said] == [
        ("LIMIT_REACHED", "on", 600),
        ("NO_READINGS", "blind", 780),
        ("SEEN_AGAIN", "on", 3000),
        ("NO_READINGS", "blind", 3180),
    ]


def test_a_graver_level_that_is_seen_speaks_beside_one_that_is_not() -> None:
    given_spec, state = two_fields(), ThresholdState()
    for minute in range(11):
        observe(given_spec, state, [101.0, None], minute * 60 * S, f"{minute:04d}", True)
    assert (state.level, state.blind) == ("a", False)
    assert lapse(given_spec, state, 781 * S) is not None
    for minute in range(11, 22):
        verdict = observe(given_spec, state, [None, 60.0], minute * 60 * S, f"{minute:04d}", True)
    assert verdict is not None
    assert (verdict.reason, verdict.level, verdict.state, state.blind) == ("LEVEL_ROSE", "b", "on", False)


def test_a_level_that_is_gone_goes_on_under_the_nearest_that_is_not_graver() -> None:
    state = ThresholdState()
    feed(spec(), [(0, 25.0)], state)
    adopt(Spec(spec().levels[:1], True, True, 0, 0, 60 * S), state)
    assert (state.level, list(state.runs)) == ("one", ["one"])
    below = ThresholdState()
    feed(spec(), [(0, 15.0)], below)
    graver = Spec(spec().levels[2:], True, True, 0, 0, 60 * S)
    adopt(graver, below)
    assert words(feed(graver, [(10, 15.0)], below)) == [("LEVEL_REMOVED", "one", 10)]
    assert is_calm(below)


def test_a_milder_level_that_holds_keeps_its_run_under_another_name() -> None:
    given_spec = spec(on_s=30)
    state = ThresholdState()
    feed(given_spec, [(0, 25.0), (30, 25.0)], state)
    levels = (LevelSpec("eins", 3, "x", 10.0, 0.0), *given_spec.levels[1:])
    renamed = Spec(levels, True, True, 30 * S, 0, 60 * S)
    adopt(renamed, state)
    assert words(feed(renamed, [(40, 15.0)], state)) == [("LEVEL_FELL", "eins", 40)]
