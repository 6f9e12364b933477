"""An occurrence takes the place of an open one: whose it was and who was sent go on in it, and it says so."""

from __future__ import annotations

import pytest

from ioc.domain.alerts import Alert, alert_id
from tests.pipeline.life_room import TARGET, Room, a_room, off
from tests.pipeline.small_province import MIN, T
from tests.pipeline.test_alerting import KEY, signal

NEXT = alert_id("level", KEY, T + 5 * MIN)
LAST = alert_id("level", KEY, T + 9 * MIN)


@pytest.fixture
def room() -> Room:
    """Binh has it, sent the fire brigade and did a step; then it went away and came anew."""
    found = a_room()
    for _ in range(3):
        found.do("comment", note="để phiên bản lớn lên")
    assert found.do("assign", assignee="binh") == "DONE"
    assert found.do("dispatch", agency="114") == "DONE"
    assert found.do("step", item="call") == "DONE"
    found.give(off(2))
    again(found, 5)
    return found


def again(room: Room, minutes: int) -> None:
    room.give(signal(since_ms=T + minutes * MIN, observed_ms=T + minutes * MIN, revision=minutes))


def new(room: Room, name: str = NEXT) -> Alert:
    return room.step.alerts[name]


def test_the_next_occurrence_has_what_was_done_and_says_of_which_it_is(room: Room) -> None:
    former, now = room.step.alerts[TARGET], new(room)
    assert former.closed
    assert former.dispatched[0].earlier == former.steps[0].earlier == ""
    (sent,), (step,) = now.dispatched, now.steps
    assert (sent.what, sent.by, sent.at_ms, sent.earlier) == ("114", "lan", former.dispatched[0].at_ms, TARGET)
    assert (step.what, step.by, step.at_ms, step.earlier) == ("call", "lan", former.steps[0].at_ms, TARGET)
    assert former.assigned is not None
    assert now.assigned is not None
    assert (now.assigned.to, now.assigned.at_ms, now.assigned.earlier) == ("binh", former.assigned.at_ms, TARGET)
    assert (now.acked, now.comments, now.result) == (False, 0, None), "taking notice, and words, are of one occurrence"


def test_whose_it_is_counts_from_the_first_version(room: Room) -> None:
    """Who saw the new occurrence saw whose it is: it can be taken over with any version of it."""
    assert new(room).assigned is not None
    assert new(room).assigned.version == 1  # type: ignore[union-attr]
    assert room.do("take", version=0, alert_id=NEXT) == "ALREADY"
    assert (room.last.reason, room.last.by) == ("ASSIGNED_SINCE", "binh")
    assert room.do("take", version=1, alert_id=NEXT) == "DONE"
    assert (new(room).assigned.to, new(room).assigned.earlier) == ("lan", "")  # type: ignore[union-attr]


def test_who_has_it_already_hears_so(room: Room) -> None:
    assert room.do("take", version=1, alert_id=NEXT, who="binh") == "ALREADY"
    assert room.last.reason == "ASSIGNED_TO_THEM"


@pytest.mark.parametrize(("op", "field", "more"), [("dispatch", "dispatched", "agency"), ("step", "steps", "item")])
def test_what_was_done_before_can_be_done_again_once(room: Room, op: str, field: str, more: str) -> None:
    """Another car for another fire: the mark of the former one gives way."""
    said = {more: "114" if op == "dispatch" else "call"}
    assert room.do(op, version=1, alert_id=NEXT, who="binh", **said) == "DONE"
    (done,) = getattr(new(room), field)
    assert (done.by, done.at_ms, done.earlier) == ("binh", room.now_ms, "")
    assert room.do(op, version=1, alert_id=NEXT, **said) == "ALREADY"
    assert room.last.by == "binh"


def test_it_goes_on_through_several_and_names_where_it_was_done(room: Room) -> None:
    again(room, 9)
    assert new(room, LAST).dispatched[0].earlier == TARGET
    assert new(room, LAST).assigned.earlier == TARGET  # type: ignore[union-attr]
    assert new(room, LAST).assigned.version == 1  # type: ignore[union-attr]


def test_what_is_closed_leaves_nothing_to_the_next(room: Room) -> None:
    assert room.do("close", version=1, alert_id=NEXT, result="handled") == "DONE"
    room.give(signal("off", since_ms=T + 5 * MIN, observed_ms=T + 6 * MIN, revision=6))
    assert new(room).closed
    again(room, 9)
    fresh = new(room, LAST)
    assert (fresh.assigned, fresh.dispatched, fresh.steps) == (None, (), ())
