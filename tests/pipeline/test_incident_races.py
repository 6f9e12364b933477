"""Two people command the same incident: one wins, the other one hears what is now and by whom."""

from __future__ import annotations

from typing import Any

import pytest

from ioc.domain.alerts import LogEntry
from ioc.domain.incidents import Incident
from ioc.wire import codec
from tests.pipeline.incident_room import Room, handle
from tests.pipeline.small_province import MIN, S

MINH = {"actor": "minh", "actor_display": "Minh"}


@pytest.fixture
def room() -> Room:
    room = Room()
    for name in ("A-1", "A-2", "A-3", "A-4"):
        room.tell(name)
    for name in ("B-1", "B-2"):
        room.tell(name, area="755")
    return room


def first(room: Room) -> Incident:
    return room.incidents()[0]


def told(answer: LogEntry) -> tuple[Any, ...]:
    return answer.outcome, answer.reason, answer.by, answer.by_display, answer.by_at_ms


@pytest.mark.parametrize("saw", [None, ""])
def test_of_two_who_take_it_at_once_the_second_hears_who_has_it_and_since_when(room: Room, saw: str | None) -> None:
    name = first(room).id
    assert room.do(handle(1, "take", name, expected_owner=saw)).outcome == "DONE"
    took_ms, before = room.now_ms, first(room)
    room.now_ms += 1
    assert told(room.do(handle(2, "take", name, expected_owner=saw, **MINH))) == (
        "STALE",
        "OWNER",
        "lan",
        "Lan",
        took_ms,
    )
    assert first(room) == before
    assert (before.owner, before.owner_since_ms) == ("lan", took_ms)


def test_who_names_the_owner_that_they_saw_takes_it_over(room: Room) -> None:
    name = first(room).id
    room.do(handle(1, "take", name))
    room.now_ms += S
    assert told(room.do(handle(2, "take", name, expected_owner="lan", **MINH)))[:2] == ("DONE", "TAKEN")
    assert (first(room).owner, first(room).owner_since_ms) == ("minh", room.now_ms)
    took_ms = room.now_ms
    room.now_ms += S
    third = room.do(handle(3, "take", name, expected_owner="lan", actor="hoa", actor_display="Hoa"))
    assert told(third) == ("STALE", "OWNER", "minh", "Minh", took_ms), "the one that was seen has it no more"
    assert told(room.do(handle(4, "release", name)))[:3] == ("STALE", "OWNER", "minh")
    assert told(room.do(handle(5, "release", name, expected_owner="lan")))[:3] == ("STALE", "OWNER", "minh")
    assert room.do(handle(6, "release", name, expected_owner="minh")).reason == "RELEASED"
    assert (first(room).owner, first(room).owner_since_ms) == (None, None)
    again = room.do(handle(7, "release", name, expected_owner="minh", **MINH))
    assert told(again)[:3] == ("ALREADY", "NO_OWNER", "lan")
    assert room.do(handle(8, "take", name, expected_owner="minh", actor="hoa")).outcome == "DONE", "it is free"


def test_since_when_somebody_leads_outlives_the_timeline(room: Room) -> None:
    name = first(room).id
    room.do(handle(0, "take", name))
    took_ms = room.now_ms
    for n in range(1, 110):
        room.now_ms += S
        room.do(handle(n, "note", name, text=f"{n}"))
    assert "took" not in [line.word for line in first(room).timeline]
    assert told(room.do(handle(200, "take", name, **MINH)))[2:] == ("lan", "Lan", took_ms)
    assert told(room.do(handle(201, "take", name))) == ("ALREADY", "OWNER", "lan", "Lan", took_ms)


def test_an_incident_of_an_older_desk_has_its_owner(room: Room) -> None:
    """``owner_since_ms`` is newer than the record: the timeline says when."""
    name = first(room).id
    room.do(handle(1, "take", name))
    took_ms = room.now_ms
    key = f"incident/{name}"
    room.topic[key] = room.topic[key].replace(b'"owner_since_ms":%d,' % took_ms, b"")
    assert b"owner_since_ms" not in room.topic[key]
    room.restart()
    room.now_ms += MIN
    assert told(room.do(handle(2, "take", name, **MINH)))[2:] == ("lan", "Lan", took_ms)


def test_a_name_that_somebody_gave_meanwhile_is_not_overwritten_unseen(room: Room) -> None:
    name = first(room).id
    assert room.do(handle(1, "rename", name, text="Cầu Ghềnh", expected_title="Đường")).outcome == "DONE"
    named_ms = room.now_ms
    room.now_ms += 1
    stale = room.do(handle(2, "rename", name, text="Cầu Hóa An", expected_title="Road", **MINH))
    assert told(stale) == ("STALE", "RENAMED_SINCE", "lan", "Lan", named_ms)
    assert first(room).title_vi == "Cầu Ghềnh"
    same = room.do(handle(3, "rename", name, text="Cầu Ghềnh", expected_title="Road", **MINH))
    assert told(same)[:3] == ("ALREADY", "SAME_TITLE", "lan")
    assert room.do(handle(4, "rename", name, text="Cầu Hóa An", expected_title="Cầu Ghềnh", **MINH)).outcome == "DONE"
    assert room.do(handle(5, "rename", name, text="Ngã tư")).outcome == "DONE", "who says nothing overwrites"


def test_who_merges_two_the_other_way_round_hears_that_they_are_one(room: Room) -> None:
    one, two = (incident.id for incident in room.incidents())
    room.do(handle(1, "merge", one, other=two))
    merged_ms, before = room.now_ms, room.incidents()
    room.now_ms += 1
    for n, (op, more) in enumerate([("merge", {"other": one}), ("merge", {"other": two})]):
        at = two if n == 0 else one
        answer = room.do(handle(2 + n, op, at, **more, **MINH))
        assert told(answer) == ("ALREADY", "MERGED", "lan", "Lan", merged_ms)
        assert f"into={one}" in answer.detail
    assert room.incidents() == before


@pytest.mark.parametrize(
    ("op", "more"),
    [
        ("take", {}),
        ("release", {}),
        ("rename", {"text": "x"}),
        ("note", {"text": "x"}),
        ("split", {"alert_ids": ("B-1",)}),
    ],
)
def test_a_command_to_what_was_merged_away_hears_where_it_is_now(room: Room, op: str, more: dict[str, Any]) -> None:
    for name in ("C-1", "C-2"):
        room.tell(name, area="756")
    one, two, three = (incident.id for incident in room.incidents())
    room.do(handle(1, "merge", two, other=three))
    room.do(handle(2, "merge", one, other=two))
    before = room.incidents()
    for n, gone in enumerate((two, three)):
        answer = room.do(handle(3 + n, op, gone, **more, **MINH))
        assert told(answer)[:4] == ("STALE", "MERGED", "lan", "Lan")
        assert f"into={one}" in answer.detail, "where it is in the end"
    assert room.incidents() == before


def test_who_merges_what_went_elsewhere_hears_where(room: Room) -> None:
    for name in ("C-1", "C-2"):
        room.tell(name, area="756")
    one, two, three = (incident.id for incident in room.incidents())
    room.do(handle(1, "merge", one, other=two))
    for n, (at, other) in enumerate([(three, two), (two, three)]):
        answer = room.do(handle(2 + n, "merge", at, other=other, **MINH))
        assert told(answer)[:3] == ("STALE", "MERGED", "lan")
        assert f"into={one}" in answer.detail


def test_of_two_who_split_the_same_alerts_the_second_hears_where_they_are(room: Room) -> None:
    one = first(room).id
    made = room.do(handle(1, "split", one, alert_ids=("A-1", "A-2")))
    split_ms, before = room.now_ms, room.incidents()
    into = before[2].id
    assert f"into={into}" in made.detail
    room.now_ms += 1
    same = room.do(handle(2, "split", one, alert_ids=("A-2", "A-1"), **MINH))
    assert told(same) == ("ALREADY", "SPLIT", "lan", "Lan", split_ms)
    assert f"into={into}" in same.detail
    for n, names in enumerate([("A-1",), ("A-1", "A-3"), ("A-1", "A-2", "A-3")]):
        stale = room.do(handle(3 + n, "split", one, alert_ids=names, **MINH))
        assert told(stale) == ("STALE", "MOVED", "lan", "Lan", split_ms)
        assert f"into={into}" in stale.detail
    assert room.incidents() == before


def test_of_two_who_split_one_off_the_second_hears_it_is_single(room: Room) -> None:
    one = first(room).id
    room.do(handle(1, "split", one, alert_ids=("A-1",)))
    split_ms = room.now_ms
    room.restart()
    room.now_ms += 1
    same = room.do(handle(2, "split", one, alert_ids=("A-1",), **MINH))
    assert told(same) == ("ALREADY", "SPLIT", "lan", "Lan", split_ms)
    assert "into=A-1" in same.detail
    assert told(room.do(handle(3, "split", one, alert_ids=("A-1", "A-2"), **MINH)))[:2] == ("STALE", "MOVED")
    assert room.do(handle(4, "split", one, alert_ids=("A-none",))).reason == "NOT_MEMBER"
    room.end("A-2")
    assert room.do(handle(5, "split", one, alert_ids=("A-2",))).reason == "NOT_MEMBER", "it closed"


def test_what_was_not_said_changes_no_digest() -> None:
    """A command of before, repeated after an upgrade, has its answer."""
    old = handle(1, "take", "I-1")
    assert old.digest == "f505f8c82b4c61b1"
    given = [
        handle(1, "take", "I-1", **more)
        for more in ({"expected_owner": ""}, {"expected_owner": "lan"}, {"expected_title": "x"})
    ]
    assert len({old.digest, *(one.digest for one in given)}) == 4
    assert codec.decode_desk_input(codec.encode(old)) == old
