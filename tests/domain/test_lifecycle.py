"""The life cycle's table: every pair of facts and event, against the rules written down a second time."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ioc.domain import lifecycle
from ioc.domain.lifecycle import (
    EVENTS,
    MEANING,
    NOT_RAISED,
    PLACES,
    STATES,
    TABLE,
    Event,
    Facts,
    Move,
    State,
    all_facts,
    move,
)
from ioc.domain.lifecycle_text import diagram, events, table

DOCS = Path(__file__).resolve().parents[2] / "docs" / "alerts.md"
ALL = list(all_facts())
SHELVES = ("shelved-until", "shelved-oneshot")
HIDE = {"SHELVE": SHELVES[0], "SHELVE_ONCE": SHELVES[1], "OUT": "out-of-service", "SUPPRESS": "by-design"}
UNHIDE = {
    "SHELF_END": SHELVES,
    "LOST": SHELVES,
    "UNSHELVE": SHELVES,
    "BACK": ("out-of-service",),
    "UNSUPPRESS": ("by-design",),
}


def letter(f: Facts) -> State:
    """The derivation of the reference, in its order."""
    if f.suppression == "out-of-service":
        return "OOSRV"
    if f.suppression == "by-design":
        return "DSUPR"
    if f.suppression in SHELVES:
        return "SHLVD"
    if f.active:
        return "ACKED" if f.acked else "UNACK"
    if not f.acked:
        return "RTNUN"
    return "ACKED" if f.latched else "NORM"


def look_again(f: Facts) -> Facts:
    """End of hiding."""
    shown = replace(f, suppression="none", owed=False)
    if f.active:
        return replace(shown, acked=False)
    return replace(shown, acked=not f.owed)


def rules(f: Facts, event: Event, latching: bool) -> Facts | None:
    """What the event does to the facts by the rules in words; None: refused."""
    hidden, closed = f.suppression != "none", letter(f) == "NORM"
    match event:
        case "RAISE":
            return None if f.active else replace(f, active=True, acked=False, latched=latching)
        case "WORSEN":
            return replace(f, acked=False) if f.active else None
        case "RETURN" if f.active:
            gone = replace(f, active=False)
            return look_again(gone) if f.suppression == "shelved-oneshot" else gone
        case "SUPERSEDE":
            return None if closed else NOT_RAISED
        case "DRILL_END":
            return None if closed or f.active else NOT_RAISED
        case "REALARM":
            return replace(f, acked=False) if f.active and f.acked and not hidden else None
        case "ACK":
            return None if hidden or f.acked else replace(f, acked=True)
        case "UNACK":
            return None if hidden or closed or not f.acked else replace(f, acked=False)
        case "SHELVE" | "SHELVE_ONCE" | "OUT" | "SUPPRESS":
            owed = not f.active and not f.acked
            return None if hidden else replace(f, suppression=HIDE[event], owed=owed)  # type: ignore[arg-type]
        case "SHELF_END" | "LOST" | "UNSHELVE" | "BACK" | "UNSUPPRESS":
            return look_again(f) if f.suppression in UNHIDE[event] else None
        case "URGENT":
            return look_again(f) if f.active and f.suppression in SHELVES else None
        case "RESET":
            return replace(f, latched=False) if f.acked and f.latched and not f.active and not hidden else None
        case "CLOSE":
            return None if hidden else replace(f, acked=True, latched=False)
        case "REOPEN":
            return replace(f, acked=False) if closed else None
    return None  # EASE, and RETURN of what is not there


def differences() -> list[tuple[Facts, Event]]:
    """Pairs in which the table and the rules in words disagree."""
    found = []
    for facts in ALL:
        for event in EVENTS:
            for latching in (False, True):
                wanted, step = rules(facts, event, latching), move(facts, event, latching=latching)
                if step.facts != (facts if wanted is None else wanted) or step.accepted != (wanted is not None):
                    found.append((facts, event))
    return found


def test_every_pair_does_what_the_rules_say() -> None:
    assert len(ALL) == 8 + 4 * 16
    assert differences() == []


def test_every_pair_is_answered_and_has_a_reason() -> None:
    assert set(TABLE) == set(PLACES)
    for place in PLACES:
        assert set(TABLE[place]) == set(EVENTS)
        assert all(cell.reason for cell in TABLE[place].values())
    assert set(MEANING) == set(EVENTS)


@pytest.mark.parametrize("facts", ALL)
def test_the_letter_follows_the_facts(facts: Facts) -> None:
    assert facts.state == letter(facts)
    assert facts.closed == (facts.state == "NORM")
    assert facts.hidden == (facts.state in ("SHLVD", "DSUPR", "OOSRV"))


def test_all_letters_occur() -> None:
    assert {facts.state for facts in ALL} == set(STATES)


UNACK, ACKED, RTNUN = Facts(True, False), Facts(True, True), Facts(False, False)
LATCHED = Facts(False, True, latched=True)


@pytest.mark.parametrize(
    ("number", "facts", "event", "to"),
    [
        (1, NOT_RAISED, "RAISE", "UNACK"),
        (2, RTNUN, "RAISE", "UNACK"),
        (3, UNACK, "RETURN", "RTNUN"),
        (4, ACKED, "RETURN", "NORM"),
        (4, Facts(True, True, latched=True), "RETURN", "ACKED"),
        (5, UNACK, "ACK", "ACKED"),
        (6, RTNUN, "ACK", "NORM"),
        (6, Facts(False, False, latched=True), "ACK", "ACKED"),
        (6, LATCHED, "RESET", "NORM"),
        (7, ACKED, "UNACK", "UNACK"),
        (8, ACKED, "WORSEN", "UNACK"),
        (9, ACKED, "EASE", "ACKED"),
        (10, ACKED, "REALARM", "UNACK"),
        (11, NOT_RAISED, "SHELVE", "SHLVD"),
        (11, UNACK, "SHELVE", "SHLVD"),
        (11, ACKED, "SHELVE_ONCE", "SHLVD"),
        (11, RTNUN, "SHELVE", "SHLVD"),
        (12, Facts(True, False, suppression="shelved-oneshot"), "RETURN", "NORM"),
        (13, Facts(True, True, suppression="shelved-until"), "SHELF_END", "UNACK"),
        (13, Facts(False, False, suppression="shelved-until"), "SHELF_END", "NORM"),
        (13, Facts(False, False, suppression="shelved-until", owed=True), "SHELF_END", "RTNUN"),
        (14, Facts(True, True, suppression="shelved-until"), "LOST", "UNACK"),
        (14, Facts(True, True, suppression="shelved-until"), "URGENT", "UNACK"),
        (15, ACKED, "SUPPRESS", "DSUPR"),
        (15, Facts(True, True, suppression="by-design"), "UNSUPPRESS", "UNACK"),
        (15, Facts(False, False, suppression="by-design"), "UNSUPPRESS", "NORM"),
        (16, UNACK, "OUT", "OOSRV"),
        (16, Facts(False, False, suppression="out-of-service"), "BACK", "NORM"),
        (17, Facts(False, True, suppression="out-of-service"), "RAISE", "OOSRV"),
        (17, Facts(True, False, suppression="shelved-until"), "RETURN", "SHLVD"),
        (18, NOT_RAISED, "ACK", "NORM"),
    ],
)
def test_rows_of_the_alarm_model(number: int, facts: Facts, event: Event, to: State) -> None:
    assert move(facts, event).facts.state == to, f"row {number}"


@given(st.lists(st.sampled_from(EVENTS), max_size=40))
def test_no_road_leads_to_acknowledged_without_a_person(events: list[Event]) -> None:
    facts = NOT_RAISED
    person = False
    for event in events:
        step = move(facts, event)
        if step.accepted:
            person = event in ("ACK", "CLOSE") or (person and event not in ("RAISE", "WORSEN"))
        facts = step.facts
        if facts.place == "ACKED":
            assert person


@given(st.lists(st.tuples(st.sampled_from(EVENTS), st.booleans()), max_size=40))
def test_what_is_there_is_never_closed_and_hiding_loses_nothing(moves: list[tuple[Event, bool]]) -> None:
    facts, there = NOT_RAISED, False
    for event, latching in moves:
        step = move(facts, event, latching=latching)
        if step.accepted and event in ("RAISE", "RETURN", "SUPERSEDE"):
            there = event == "RAISE"
        facts = step.facts
        assert facts.active == there
        assert not (facts.active and facts.closed)
        if step.accepted and event in UNHIDE:
            assert facts.place != "ACKED"  # look again


@pytest.mark.parametrize("made", [diagram(), table(), events()])
def test_the_document_shows_the_table(made: str) -> None:
    assert made in DOCS.read_text(), "docs/alerts.md does not show ioc.domain.lifecycle; it has to read:\n" + made


# ---- the checks can fail -----------------------------------------------------------------------------------------


def test_the_check_of_the_document_sees_another_table() -> None:
    assert diagram().replace("UNACK --> RTNUN", "UNACK --> NORM") not in DOCS.read_text()


@pytest.mark.parametrize(
    ("event", "wrong"),
    [
        ("UNSHELVE", lambda f: replace(f, suppression="none", owed=False)),  # what is there would stay acknowledged
        ("URGENT", lambda f: f),  # a P1 that stays behind a shelf
        ("SHELVE", lambda f: replace(f, suppression="shelved-until", acked=True)),  # a shelf that acknowledges
        ("RETURN", lambda f: replace(f, active=False, acked=True)),  # gone and never seen
        ("CLOSE", lambda f: replace(f, active=False, acked=True)),  # closes what is still there
    ],
)
def test_a_wrong_effect_would_be_found(event: Event, wrong: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(lifecycle._EFFECTS, event, wrong)  # type: ignore[arg-type]
    assert {pair[1] for pair in differences()} == {event}


def test_a_wrong_cell_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TABLE["OOSRV+"], "ACK", Move("ACKNOWLEDGED"))
    assert {(facts.place, event) for facts, event in differences()} == {("OOSRV+", "ACK")}
