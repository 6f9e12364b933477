from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.domain.lifecycle import (
    EVENTS,
    NOT_RAISED,
    STATES,
    TABLE,
    Event,
    Facts,
    Move,
    Refusal,
    State,
    diagram,
    move,
    table,
)

DOCS = Path(__file__).resolve().parents[2] / "docs" / "alerts.md"
ALL = [Facts(active=a, acked=k) for a in (True, False) for k in (True, False)]


def test_every_pair_is_answered_and_has_a_reason() -> None:
    assert set(TABLE) == set(STATES)
    for state in STATES:
        assert set(TABLE[state]) == set(EVENTS)
        assert all(row.reason for row in TABLE[state].values())


def test_state_words_and_facts_are_one_to_one() -> None:
    assert sorted(facts.state for facts in ALL) == sorted(STATES)
    assert [facts.closed for facts in ALL] == [facts.state == "NORM" for facts in ALL]


@pytest.mark.parametrize("facts", ALL)
@pytest.mark.parametrize("event", EVENTS)
def test_a_refused_move_changes_nothing_and_an_allowed_one_leads_where_the_table_says(
    facts: Facts, event: Event
) -> None:
    row, step = TABLE[facts.state][event], move(facts, event)
    assert step.reason == row.reason
    if isinstance(row, Refusal):
        assert (step.accepted, step.facts) == (False, facts)
    else:
        assert (step.accepted, step.facts.state) == (True, row.to)


@pytest.mark.parametrize(
    ("state", "event", "to"),
    [
        ("NORM", "RAISE", "UNACK"),
        ("RTNUN", "RAISE", "UNACK"),
        ("UNACK", "RETURN", "RTNUN"),
        ("ACKED", "RETURN", "NORM"),
        ("UNACK", "ACK", "ACKED"),
        ("RTNUN", "ACK", "NORM"),
        ("ACKED", "WORSEN", "UNACK"),
    ],
)
def test_moves_of_the_alarm_model(state: State, event: Event, to: State) -> None:
    row = TABLE[state][event]
    assert isinstance(row, Move)
    assert row.to == to


@given(st.lists(st.sampled_from(EVENTS), max_size=30))
def test_no_road_leads_to_acknowledged_without_a_person(events: list[Event]) -> None:
    facts = NOT_RAISED
    acked_since_raised = False
    for event in events:
        step = move(facts, event)
        if step.accepted:
            acked_since_raised = event == "ACK" or (acked_since_raised and event not in ("RAISE", "WORSEN"))
        facts = step.facts
        if facts.state == "ACKED":
            assert acked_since_raised


@pytest.mark.parametrize("made", [diagram(), table()])
def test_the_document_shows_the_table(made: str) -> None:
    assert made in DOCS.read_text(), "docs/alerts.md does not show ioc.domain.lifecycle; it has to read:\n" + made


def test_the_check_of_the_document_sees_another_table() -> None:
    assert diagram().replace("UNACK --> RTNUN", "UNACK --> NORM") not in DOCS.read_text()
