"""Whatever happens, incidents and the flood are as plain words say: compared after every step, also over restarts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ioc.domain import flood, incident_commands, incident_life, incident_races
from ioc.pipeline import incident_book
from ioc.pipeline.incident_book import IncidentBook
from tests.pipeline.incident_model import STEPS, play
from tests.pipeline.small_province import MIN, S


@settings(max_examples=300, deadline=None)
@given(st.lists(STEPS, max_size=20))
def test_incidents_and_the_flood_are_as_plain_words_say(steps: list[Any]) -> None:
    play(steps)


# A comparison that finds nothing proves nothing -----------------------------------------------------------------------


def _forgets_who_was_split_off(monkeypatch: pytest.MonkeyPatch) -> None:
    load = IncidentBook.load
    monkeypatch.setattr(IncidentBook, "load", lambda s, k, v: None if "/split/" in k else load(s, k, v))


def _mixes_drills(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incident_book, "fits", lambda *_: True)


def _keeps_who_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incident_life, "update", lambda one, *_: one)


def _leaves_out_who_fits_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(IncidentBook, "_absorb", lambda *_: None)


def _forgets_what_it_collects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(IncidentBook, "_set_groups", lambda *_: None)


def _is_as_bad_as_what_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incident_life, "priority_of", lambda of: min((one.priority for one in of), default=4))


def _keeps_in_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incident_commands, "with_members", lambda one, *_: one)


def _gives_numbers_again(monkeypatch: pytest.MonkeyPatch) -> None:
    decide = incident_commands.decide
    monkeypatch.setattr(incident_commands, "decide", lambda around, *rest: decide(replace(around, number=1), *rest))


def _counts_anew_after_a_start(monkeypatch: pytest.MonkeyPatch) -> None:
    count = flood.count

    def anew(known: flood.Asking | None, *rest: Any) -> flood.Asking | None:
        found = count(None, *rest)
        return found and replace(found, at_ms=(*(known.at_ms if known else ()), *found.at_ms))

    monkeypatch.setattr(flood, "count", anew)


def _has_no_band(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flood, "in_flood", lambda was, new, limits: new > limits.above)


def _announces_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flood, "sounds", lambda *_: True)


def _takes_nothing_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flood, "take_back", lambda *_: None)


def _takes_back_what_was_long_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flood, "TAKEN_BACK_MS", MIN)


def _lets_the_last_one_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incident_races, "lost_lead", lambda *_: None)


def _forgets_since_when_one_leads(monkeypatch: pytest.MonkeyPatch) -> None:
    led_by = incident_races.led_by
    monkeypatch.setattr(
        incident_races, "led_by", lambda *a, **k: led_by(*a, **k).__class__("STALE", "OWNER", "lan", "Lan", None)
    )


def _commands_what_was_merged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incident_races, "gone", lambda *_: None)


def _says_nothing_of_who_joins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incident_life, "joined", lambda *_: [])


def _loses_the_successor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(IncidentBook, "_succeed", lambda *_: "")


def _keeps_drills_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incident_life, "drill_over", lambda *_: False)


def _ends_drills_that_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incident_life, "drill_over", lambda one, *_: one.exercise is not None)


def _does_not_see_who_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incident_book, "moved", lambda *_: False)


JAM = [("raise", n, 0, "jam", None) for n in range(4)]
SPLIT = ("split", 0, {0, 1})
RAIN = [("raise", n, 0, "rain", None) for n in (4, 5, 6)]
DRILL = [("raise", n, 0, "jam", "tập") for n in range(2)]
RACE = [("take", 0, "lan", None), ("take", 0, "minh", None)]
LATER = [("tick", 500), ("tick", 500)]


@pytest.mark.parametrize(
    ("mistake", "steps"),
    [
        (_forgets_who_was_split_off, [*JAM, ("split", 0, {0}), ("restart", False), ("ack", 0)]),
        (_mixes_drills, [*JAM, ("raise", 4, 0, "jam", "tập")]),
        (_keeps_who_closed, [*JAM, ("close", 1)]),
        (_leaves_out_who_fits_now, [("raise", 4, 0, "jam", None), ("explain", 4), *JAM]),
        (_forgets_what_it_collects, [*JAM, *RAIN, ("merge", 0, 1), ("raise", 7, 0, "rain", None)]),
        (_is_as_bad_as_what_is_hidden, [*JAM, ("priority", 1, 1), ("hide", 1)]),
        (_keeps_in_both, [*JAM, SPLIT]),
        (_gives_numbers_again, [*JAM, SPLIT]),
        (_lets_the_last_one_win, [*JAM, *RACE]),
        (_forgets_since_when_one_leads, [*JAM, *RACE]),
        (_commands_what_was_merged, [*JAM, *RAIN, ("merge", 0, 1), ("late", 0, "note")]),
        (_says_nothing_of_who_joins, JAM[:2]),
        (_loses_the_successor, [*JAM, ("tick", 40 * MIN), ("supersede", 1)]),
        (_loses_the_successor, [*JAM, ("split", 0, {1}), ("supersede", 1)]),
        (_keeps_drills_for_ever, [*DRILL, ("over", 0), ("over", 1), ("tick", MIN)]),
        (_keeps_drills_for_ever, [*DRILL, ("off", 0), ("off", 1), ("tick", 25 * MIN), ("tick", 40 * MIN)]),
        (_ends_drills_that_go_on, [*DRILL, ("over", 0), ("tick", MIN)]),
        (_does_not_see_who_moved, [*JAM, ("raise", 5, 3, "jam", None), ("move", 1, 3)]),
        (_counts_anew_after_a_start, [JAM[0], ("restart", True), *LATER]),
        (_has_no_band, [*JAM, ("tick", 5 * MIN), *RAIN, ("tick", 5 * MIN)]),
        (_announces_everything, [*JAM, *RAIN]),
        (_takes_nothing_back, [*JAM, ("explain", 1), ("explain", 2)]),
        (_takes_nothing_back, [*JAM, *RAIN, ("explain", 5)]),
        (_takes_back_what_was_long_there, [*JAM, ("tick", 5 * S), ("explain", 1)]),
    ],
)
def test_the_comparison_finds_a_planted_mistake(
    mistake: Any, steps: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    play(steps)
    mistake(monkeypatch)
    with pytest.raises((AssertionError, ValueError)):
        play(steps)
