"""Absence: what one part says by its clock, and what all parts together with the centre's silence make of it."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ioc.domain.absence import (
    AbsenceState,
    CentreHeard,
    Part,
    Standing,
    after_ms,
    covers,
    hear,
    judge,
    speaks_of,
    word_of,
)  # fmt: skip
from ioc.domain.alerts import PartWord
from ioc.domain.profile import Feed
from ioc.domain.rules import problems
from tests.pipeline.small_province import NORTH, make_rule

RULE = make_rule("absent", "absence", "*", scope="feed", after_s=300.0, priority=3)
AFTER, OUT = 300_000, 86_400_000


def word(part: Part, head_ms: int, base_ms: int = 0, expected: bool = True) -> PartWord:
    return word_of(part, AFTER, OUT, head_ms, base_ms, expected)


def test_a_part_is_absent_after_the_time_out_of_service_after_a_day_and_heard_with_the_next_event() -> None:
    part = Part()
    hear(part, 1_000, 2_000)
    assert word(part, 2_000 + AFTER - 1) == "heard"
    assert word(part, 2_000 + AFTER) == "absent"
    part.told, part.lost_ms = "absent", part.arrived_ms
    assert word(part, 2_000 + OUT - 1) == "absent"
    assert word(part, 2_000 + OUT) == "out"
    part.told = "out"
    assert word(part, 2_000 + 10 * OUT) == "out"
    hear(part, 3_000, 2_000 + 11 * OUT)
    assert word(part, 2_001 + 11 * OUT) == "heard"


def test_a_pause_of_the_job_proves_no_new_absence_and_forgets_no_known_one() -> None:
    part = Part()
    hear(part, 0, 0)
    assert word(part, 2 * AFTER, base_ms=2 * AFTER - 1_000) == "heard"
    part.told, part.lost_ms = "absent", 0
    assert word(part, 2 * AFTER, base_ms=2 * AFTER - 1_000) == "absent"
    # A job that just started has read nothing yet: what it knew still holds.
    assert word(part, -1, base_ms=2 * AFTER) == "absent"


def test_what_the_registry_has_no_more_is_gone() -> None:
    part = Part()
    hear(part, 0, 0)
    assert word(part, 2 * AFTER, expected=False) == "gone"


def state_of(*words: PartWord, at_ms: int = AFTER) -> AbsenceState:
    return AbsenceState(parts={str(i): Standing(one, 1_000 + i, at_ms) for i, one in enumerate(words)})


def test_all_parts_must_be_absent_and_the_episode_begins_with_the_last_event_of_any() -> None:
    assert judge(RULE, state_of("absent", "heard"), CentreHeard(), AFTER) is None
    assert judge(RULE, state_of(), CentreHeard(), AFTER) is None
    state = state_of("absent", "out", "absent")
    verdict = judge(RULE, state, CentreHeard(), AFTER)
    assert verdict is not None
    assert (verdict.state, verdict.reason, verdict.since_ms, verdict.limit) == ("on", "NOTHING_SENT", 1_002, 300)
    assert judge(RULE, state, CentreHeard(), AFTER) is None  # said once


@pytest.mark.parametrize(
    ("words", "reason"),
    [(("heard", "absent"), "HEARD_AGAIN"), (("out", "out"), "OUT_OF_SERVICE"), ((), "SITE_REMOVED")],
)
def test_it_ends_with_its_reason_and_the_next_one_begins_later(words: tuple[PartWord, ...], reason: str) -> None:
    state = state_of("absent", "absent")
    first = judge(RULE, state, CentreHeard(), AFTER)
    state.parts = state_of(*words).parts
    verdict = judge(RULE, state, CentreHeard(), AFTER)
    assert verdict is not None
    assert (verdict.state, verdict.reason) == ("off", reason)
    state.parts = state_of("absent", "absent").parts
    again = judge(RULE, state, CentreHeard(), AFTER)
    assert first is not None
    assert again is not None
    assert again.since_ms > first.since_ms


def test_while_the_centre_is_silent_nothing_is_raised_and_what_stands_is_muted() -> None:
    silent = CentreHeard(silent={"silence": "A-1"})
    state = state_of("absent")
    assert judge(RULE, state, silent, AFTER) is None
    assert judge(RULE, state, CentreHeard(), AFTER) is not None
    muted = judge(RULE, state, silent, AFTER)
    assert muted is not None
    assert (muted.state, muted.reason, state.muted_by) == ("on", "CENTRE_SILENT", "A-1")
    assert judge(RULE, state, silent, AFTER) is None
    back = judge(RULE, state, CentreHeard(back_ms=AFTER), AFTER)
    assert back is not None
    assert (back.state, back.reason, state.muted_by) == ("on", "CENTRE_BACK", "")


def test_after_the_centre_came_back_a_feed_has_its_whole_time_again() -> None:
    back = CentreHeard(back_ms=1_000_000)
    assert judge(RULE, state_of("absent", at_ms=1_000_000 + AFTER - 1), back, AFTER) is None
    assert judge(RULE, state_of("absent", at_ms=1_000_000 + AFTER), back, AFTER) is not None


WORDS: st.SearchStrategy[PartWord] = st.sampled_from(("heard", "absent", "out", "gone"))
MOVES = st.lists(
    st.one_of(st.tuples(st.just("part"), st.sampled_from("abc"), WORDS), st.tuples(st.just("centre"), st.booleans())),
    max_size=60,
)


@given(MOVES)
def test_whatever_comes_the_alert_is_on_when_and_only_when_it_should_be(moves: list[tuple[Any, ...]]) -> None:
    """An independent reading of the rule beside it: on begins when all are absent and the centre is heard; it stays
    while all are absent, muted exactly while the centre is silent."""
    state, centre = AbsenceState(), CentreHeard()
    words: dict[str, PartWord] = {}
    on, last_since, at_ms = False, -1, 1_000_000
    for move in moves:
        at_ms += AFTER  # far enough from the last return of the centre
        if move[0] == "centre":
            centre.silent = {"silence": "A-1"} if move[1] else {}
        elif move[2] == "gone":
            words.pop(move[1], None)
            state.parts.pop(move[1], None)
        else:
            words[move[1]] = move[2]
            state.parts[move[1]] = Standing(move[2], at_ms - AFTER, at_ms)
        verdict = judge(RULE, state, centre, AFTER)
        absent = bool(words) and "heard" not in words.values() and "absent" in words.values()
        was, on = on, absent and (on or not centre.silent)
        assert state.on == on
        assert bool(state.muted_by) == (on and bool(centre.silent))
        if verdict is not None and verdict.state == "on" and not was:
            assert verdict.since_ms > last_since
            last_since = verdict.since_ms
        said: Literal["on", "off"] | None = None if verdict is None else verdict.state  # type: ignore[assignment]
        assert (said == "off") == (was and not on)


def feed(**more: Any) -> Feed:
    base: dict[str, Any] = {"id": "f", "name_vi": "f", "name_en": "f", "types": ("rain.gauge",)}
    return Feed(**(base | {"expected_period_s": 10.0, "silent_after_s": 60.0} | more))


def test_it_never_speaks_of_what_comes_by_chance_nor_of_the_heartbeat() -> None:
    assert speaks_of(RULE, feed())
    assert not speaks_of(RULE, feed(sporadic=True))
    assert not speaks_of(RULE, feed(sporadic_types=("rain.gauge",)))
    assert not speaks_of(RULE, feed(types=("source.heartbeat",)))
    assert not speaks_of(make_rule("absent", "absence", "*", feeds=("g",)), feed())
    assert not speaks_of(make_rule("absent", "absence", "hydro.level"), feed())


def test_the_silence_of_the_centre_is_known_first() -> None:
    silence = make_rule("silent", "silence", "source.heartbeat", after_s=30.0)
    quick = make_rule("absent", "absence", "*", after_s=10.0)
    assert after_ms(quick, feed(), (silence, quick)) == 65_000  # 2 periods, the silence, 15 s
    assert after_ms(quick, feed(silent_after_s=180.0), (silence, quick)) == 180_000  # what the wall calls silent
    assert after_ms(RULE, feed(), (silence, RULE)) == 300_000


def test_what_a_rule_covers() -> None:
    sites = make_rule("absent", "absence", "*", scope="site", sites=("R1",))
    assert covers(RULE, NORTH, "river", "")
    assert not covers(RULE, NORTH, "river", "R1")
    assert not covers(RULE, NORTH, "heartbeat", "")
    assert not covers(RULE, None, "river", "")
    assert covers(sites, NORTH, "river", "R1")
    assert not covers(sites, NORTH, "river", "R2")
    assert not covers(sites, NORTH, "rain", "R1")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"after_s": 0.0}, "needs after_s"),
        ({"scope": "centre"}, "scope site or feed"),
        ({"sites": ("R1",)}, 'sites are for the scope "site"'),
        ({"type": "no.type"}, "not in the catalogue"),
        ({"type": "source.heartbeat"}, "not about heartbeats"),
        ({"hold_s": 5.0}, "no meaning for the kind absence"),
        ({"title_vi": "{level_m}"}, "uses {level_m}"),
    ],
)
def test_every_mistake_has_a_sentence(change: dict[str, Any], said: str) -> None:
    assert [text for text in problems([replace(RULE, **change)]) if said in text]


def test_a_good_rule_has_none() -> None:
    assert problems([RULE]) == []
