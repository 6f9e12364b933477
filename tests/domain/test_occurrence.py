from __future__ import annotations

from ioc.domain.catalogue import EmergencyCall, TrafficIncident
from ioc.domain.occurrence import OccurrenceState, lapse, level_of, matches, observe
from ioc.domain.profile import Level, Rule
from ioc.domain.verdicts import REFRESH_MS, Verdict

HOLD = 900_000
P2 = ("", 2)


def words(said: list[Verdict]) -> list[tuple[str, int, int]]:
    return [(v.reason, v.count, v.since_ms) for v in said]


def test_an_event_raises_and_the_hold_time_ends_it() -> None:
    state = OccurrenceState()
    assert words(observe(HOLD, state, P2, 1_000, True)) == [("OCCURRED", 1, 1_000)]
    assert lapse(HOLD, state, 1_000 + HOLD - 1) == []
    (off,) = lapse(HOLD, state, 1_000 + HOLD)
    assert (off.state, off.observed_ms, off.since_ms) == ("off", 1_000 + HOLD, 1_000)
    assert lapse(HOLD, state, 10 * HOLD) == []


def test_more_of_them_are_one_episode_also_when_they_come_in_another_order() -> None:
    state = OccurrenceState()
    observe(HOLD, state, P2, 100_000, True)
    assert observe(HOLD, state, P2, 101_000, True) == []  # told within half a minute
    assert words(observe(HOLD, state, P2, 100_000 + REFRESH_MS, True)) == [("REPEATED", 3, 100_000)]
    assert observe(HOLD, state, P2, 50_000, True) == []
    assert state.count == 4
    assert state.last_ms == 100_000 + REFRESH_MS


def test_a_graver_event_has_its_own_reason() -> None:
    state = OccurrenceState()
    observe(HOLD, state, ("mild", 3), 0, True)
    (told,) = observe(HOLD, state, ("bad", 1), 1_000, True)
    assert (told.reason, told.level, told.priority, told.count) == ("LEVEL_ROSE", "bad", 1, 2)


def test_an_event_that_may_not_raise_counts_but_does_not_worsen() -> None:
    state = OccurrenceState()
    observe(HOLD, state, ("mild", 3), 700_000, True)
    assert observe(HOLD, state, ("bad", 1), 1_000, False) == []
    (told,) = observe(HOLD, state, ("bad", 1), 700_000 + REFRESH_MS, False)
    assert (told.reason, told.level, told.priority, told.count) == ("REPEATED", "mild", 3, 3)


def test_a_count_that_was_held_back_is_told_in_the_end() -> None:
    state = OccurrenceState()
    observe(HOLD, state, P2, 0, True)
    observe(HOLD, state, P2, 5_000, True)
    assert words(lapse(HOLD, state, REFRESH_MS)) == [("REPEATED", 2, 0)]
    assert lapse(HOLD, state, 2 * REFRESH_MS) == []


def test_after_the_hold_time_a_new_episode_begins() -> None:
    state = OccurrenceState()
    observe(HOLD, state, P2, 0, True)
    said = observe(HOLD, state, P2, HOLD + 1, True)
    assert [(v.state, v.since_ms) for v in said] == [("off", 0), ("on", HOLD + 1)]


def test_the_same_instant_again_is_another_episode_after_an_end() -> None:
    """The start is part of the alert's identity: two episodes must never share it."""
    state = OccurrenceState()
    observe(HOLD, state, P2, 5_000, True)
    lapse(HOLD, state, 5_000 + HOLD)
    (on,) = observe(HOLD, state, P2, 5_000, True)
    assert on.since_ms == 5_001


def test_too_late_counts_but_does_not_raise() -> None:
    state = OccurrenceState()
    assert observe(HOLD, state, P2, 0, False) == []
    observe(HOLD, state, P2, 10_000, True)
    observe(HOLD, state, P2, 9_000, False)
    assert state.count == 2


def test_a_worse_event_is_told_at_once() -> None:
    state = OccurrenceState()
    observe(HOLD, state, ("113", 2), 0, True)
    (said,) = observe(HOLD, state, ("114", 1), 1_000, True)
    assert (said.priority, said.level, said.count) == (1, "114", 2)
    assert observe(HOLD, state, ("113", 2), 2_000, True) == []
    assert state.priority == 1


def rule(**more: object) -> Rule:
    base: dict[str, object] = {
        "id": "r", "kind": "occurrence", "type": "emergency.call", "group": "emergency", "name_vi": "", "name_en": "",
        "title_vi": "", "title_en": "",
    }  # fmt: skip
    return Rule(**(base | more))  # type: ignore[arg-type]


def test_matching() -> None:
    crash = TrafficIncident(kind="accident", injured=2)
    assert matches({}, crash)
    assert matches({"injured": {"min": 1}, "kind": ["accident", "breakdown"]}, crash)
    assert not matches({"injured": {"min": 3}}, crash)
    assert not matches({"injured": {"max": 1}}, crash)
    assert not matches({"kind": "breakdown"}, crash)
    assert not matches({"lon": {"min": 0}}, crash)  # not there
    assert not matches({"kind": {"min": 1}}, crash)  # text has no order


def test_levels_by_payload() -> None:
    calls = rule(levels=(Level(name="114", priority=1, match={"number": "114"}),))
    assert level_of(calls, EmergencyCall(number="114", kind="fire")) == ("114", 1)
    assert level_of(calls, EmergencyCall(number="113", kind="theft")) is None
    assert level_of(rule(priority=2, match={"number": "113"}), EmergencyCall(number="113", kind="theft")) == ("", 2)
