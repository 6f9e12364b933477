"""Incidents on the desk: they open, grow, close and are forgotten; people lead, name, merge and split them."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ioc.domain import incident_commands, incident_grouping
from ioc.domain.grouping import Grouping
from ioc.pipeline import desk_incidents
from ioc.pipeline.desk import make_desk
from ioc.pipeline.desk_incidents import IncidentPart
from ioc.pipeline.incident_book import KEPT_MS, LOST_MS
from tests.pipeline.incident_room import GROUPS, PROVINCE, Room, handle
from tests.pipeline.small_province import MIN, S, T

HOUR = 60 * MIN


@pytest.fixture
def room() -> Room:
    return Room()


def opened(room: Room, *names: str, **more: Any) -> str:
    """Alerts that make an incident; its id."""
    for name in names:
        room.tell(name, **more)
    return room.incidents()[-1].id


def test_the_desk_has_the_part() -> None:
    assert IncidentPart in [type(part) for part in make_desk(PROVINCE).parts]


# They come and go by themselves ---------------------------------------------------------------------------------------


def test_enough_alerts_that_belong_together_open_an_incident(room: Room) -> None:
    room.tell("A-1", priority=3, place_vi="Ngã tư", lon=106.8, lat=10.9)
    assert room.incidents() == []
    room.now_ms += MIN
    room.tell("A-2", rule="crash", priority=1)
    [one] = room.incidents()
    assert (one.number, one.group, one.title_vi, one.title_en, one.state) == (1, "road", "Đường", "Road", "open")
    assert (one.priority, one.owner, one.opened_ms, one.changed_ms) == (1, None, T + MIN, T + MIN)
    assert [(m.alert_id, m.raised_ms, m.joined_ms) for m in one.members] == [
        ("A-1", T, T + MIN),
        ("A-2", T + MIN, T + MIN),
    ]
    assert (one.members[0].place_vi, one.members[0].lon) == ("Ngã tư", 106.8)
    line, joined = room.log
    assert (line.what, line.kind, line.key, line.alert_id) == (
        "incident-opened",
        "transition",
        f"incident|{one.id}",
        one.id,
    )
    assert line.detail == "number=1 group=road alerts=2"
    assert (joined.what, joined.reason, joined.detail) == ("incident-joined", "GROUPED", "part=1/1 alerts=A-1,A-2")
    assert (joined.kind, joined.key, joined.alert_id) == ("transition", line.key, one.id)


@pytest.mark.parametrize(
    "other",
    [
        {"area": "755"},
        {"exercise": "tập"},
        {"rule": "lag"},
        {"rule": "no group"},
        {"raised_ms": T + 31 * MIN},
        {"muted_by": "W", "suppression": "by-design", "state": "DSUPR"},
        {"suppression": "out-of-service", "state": "OOSRV"},
        {"active": False, "state": "RTNUN"},
    ],
)
def test_what_does_not_belong_together_opens_none(room: Room, other: dict[str, Any]) -> None:
    room.tell("A-1")
    room.tell("A-2", **other)
    room.tick()
    assert room.incidents() == []


def test_who_is_hidden_joins_when_there_is_an_incident(room: Room) -> None:
    room.tell("A-h", muted_by="W", suppression="by-design", state="DSUPR")
    opened(room, "A-1", "A-2")
    assert room.names() == [(1, ["A-1", "A-2", "A-h"])]
    assert [m.hidden for m in room.incidents()[0].members] == [False, False, True]


def test_it_grows_changes_and_closes(room: Room) -> None:
    opened(room, "A-1", "A-2", priority=3)
    room.now_ms += 20 * MIN
    room.tell("A-3", priority=2)
    room.tell("A-3", acked=True, state="ACKED")
    [one] = room.incidents()
    assert (one.priority, one.members[2].acked) == (2, True)
    assert [line.word for line in one.timeline] == ["opened", "joined", "worsened"]
    for name in ("A-1", "A-3", "A-2"):
        assert room.incidents()[0].state == "open"
        room.now_ms += S
        room.end(name)
    [one] = room.incidents()
    assert (one.state, one.closed_ms, [m.left_ms is None for m in one.members]) == ("closed", room.now_ms, [False] * 3)
    assert room.said() == ["incident-opened", "incident-joined", "incident-joined", "incident-closed"]
    assert [line.reason for line in room.log] == ["GROUPED", "GROUPED", "FITS", "ALL_CLOSED"]
    room.tick(KEPT_MS - 1)
    assert len(room.incidents()) == 1
    room.tick(1)
    assert [key for key in room.topic if "incident" in key] == ["@incident/number"]


def test_an_incident_that_needs_three(room: Room) -> None:
    room.tell("R-1", rule="rain")
    room.tell("R-2", rule="rain", area="755", centre="south")
    assert room.names() == []
    room.tell("R-3", rule="level", area="756")
    assert room.names() == [(1, ["R-1", "R-2", "R-3"])]


def test_what_lies_between_brings_both_sides_together(room: Room) -> None:
    room.tell("A-1", area="a", lon=106.0, lat=10.0)
    room.tell("A-3", area="c", lon=106.0, lat=10.03)
    assert room.names() == []
    room.tell("A-2", area="b", lon=106.0, lat=10.015)
    assert room.names() == [(1, ["A-1", "A-2", "A-3"])]


def test_an_alert_that_fits_two_goes_to_the_older_and_two_stay_two(room: Room) -> None:
    opened(room, "A-1", "A-2", area="a", lon=106.0, lat=10.0)
    opened(room, "B-1", "B-2", area="b", lon=106.0, lat=10.03)
    room.tell("C-1", area="c", lon=106.0, lat=10.015)
    assert room.names() == [(1, ["A-1", "A-2", "C-1"]), (2, ["B-1", "B-2"])]


def test_the_numbers_go_on_and_the_same_alerts_again_are_another_incident(room: Room) -> None:
    first = opened(room, "A-1", "A-2")
    room.end("A-1")
    room.end("A-2")
    room.tell("A-1", active=True, acked=False, state="UNACK", closed=False)  # reopened by hand
    assert room.names() == []
    room.tell("A-2", active=True, acked=False, state="UNACK", closed=False)
    assert room.names() == [(2, ["A-1", "A-2"])]
    assert room.incidents()[1].id != first


def test_one_that_was_reopened_is_in_its_incident_again(room: Room) -> None:
    opened(room, "A-1", "A-2")
    room.end("A-1")
    room.tell("A-1", active=True, acked=False, state="UNACK", closed=False)
    [one] = room.incidents()
    assert [line.word for line in one.timeline] == ["opened", "left", "joined"]
    assert room.names() == [(1, ["A-1", "A-2"])]


def test_members_and_incidents_are_bounded(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incident_grouping, "MEMBERS_MAX", 3)
    monkeypatch.setattr(incident_commands, "INCIDENTS_MAX", 2)
    for n in range(7):
        room.tell(f"A-{n}")
    assert room.names() == [(1, ["A-0", "A-1", "A-2"]), (2, ["A-3", "A-4", "A-5"])]
    room.tell("A-7")
    assert len(room.names()) == 2, "no more incidents, the alerts stay single"
    for name in ("A-0", "A-1", "A-2"):
        room.end(name)
    room.tick()
    assert room.names() == [(2, ["A-3", "A-4", "A-5"]), (3, ["A-6", "A-7"])]


def test_an_alert_that_nobody_tells_any_more_leaves(room: Room) -> None:
    opened(room, "A-1", "A-2")
    room.restart(forgetting="@alert/")
    room.tick(MIN)
    room.tell_again("A-1")
    room.tick(LOST_MS - 2 * MIN)
    assert room.names() == [(1, ["A-1", "A-2"])]
    room.tick(3 * MIN)
    assert room.names() == [(1, ["A-1"])]


# Starts and other profiles --------------------------------------------------------------------------------------------


def test_a_restart_changes_nothing_and_what_waited_waits(room: Room) -> None:
    opened(room, "A-1", "A-2")
    room.tell("B-1", area="755")
    before, said = room.incidents(), len(room.log)
    room.restart()
    room.written.clear()
    for name in ("A-1", "A-2", "B-1"):
        room.tell_again(name)
    room.tick()
    assert (room.incidents(), len(room.log)) == (before, said)
    assert [key for key, _ in room.written if "incident" in key] == []
    room.tell("B-2", area="755")
    assert room.names()[1] == (2, ["B-1", "B-2"])


def test_other_groups_hold_from_the_next_tick(room: Room) -> None:
    room.tell("A-1", rule="other")
    room.tell("A-2", rule="other")
    opened(room, "B-1", "B-2")
    others = (replace(GROUPS[0], id="new", rules=("other",)),)
    room.desk.use(replace(PROVINCE, grouping=Grouping(groups=others)), room.now_ms)
    room.tick()
    assert room.names() == [(1, ["B-1", "B-2"]), (2, ["A-1", "A-2"])]
    room.tell("B-3")
    assert room.names()[0] == (1, ["B-1", "B-2"]), "its group is gone: it takes no more"
    room.end("B-1")
    room.end("B-2")
    assert [number for number, _ in room.names()] == [2]


# What people do -------------------------------------------------------------------------------------------------------


def test_one_leads_and_another_takes_over(room: Room) -> None:
    name = opened(room, "A-1", "A-2")
    assert room.do(handle(0, "release", name)).outcome == "ALREADY"
    answer = room.do(handle(1, "take", name))
    assert (answer.outcome, answer.reason, answer.what, answer.key) == (
        "DONE",
        "TAKEN",
        "incident-take",
        f"incident|{name}",
    )
    took_ms = room.now_ms
    room.now_ms += S
    again = room.do(handle(2, "take", name))
    assert (again.outcome, again.reason, again.by, again.by_at_ms) == ("ALREADY", "OWNER", "lan", took_ms)
    assert room.do(handle(3, "take", name, expected_owner="lan", actor="minh", actor_display="Minh")).outcome == "DONE"
    [one] = room.incidents()
    assert (one.owner, one.owner_display) == ("minh", "Minh")
    assert [(line.word, line.actor, line.text) for line in one.timeline[1:]] == [
        ("took", "lan", ""),
        ("took", "minh", "Lan"),
    ]
    assert room.do(handle(4, "release", name, expected_owner="minh")).reason == "RELEASED"
    [one] = room.incidents()
    assert (one.owner, one.owner_display, one.timeline[-1].word) == (None, None, "released")


def test_a_name_and_a_note(room: Room) -> None:
    name = opened(room, "A-1", "A-2")
    assert room.do(handle(1, "rename", name, text=" Cầu Ghềnh ")).reason == "RENAMED"
    again = room.do(handle(2, "rename", name, text="Cầu Ghềnh"))
    assert (again.outcome, again.by) == ("ALREADY", "lan")
    answer = room.do(handle(3, "note", name, text="đã gọi 113\nđang chờ"))
    assert (answer.outcome, answer.note) == ("DONE", "đã gọi 113\nđang chờ")
    room.end("A-1")
    room.end("A-2")
    assert room.do(handle(4, "note", name, text="xong")).outcome == "DONE", "also when it is over"
    [one] = room.incidents()
    assert (one.title_vi, one.title_en, one.timeline[-1].text) == ("Cầu Ghềnh", "Cầu Ghềnh", "xong")


def test_lines_about_a_drill_say_so(room: Room) -> None:
    name = opened(room, "D-1", "D-2", exercise="tập")
    assert room.do(handle(1, "take", name)).exercise == "tập"
    assert [line.exercise for line in room.log] == ["tập"] * 3
    assert room.incidents()[0].exercise == "tập"


def test_merged_members_move_and_the_survivor_collects_for_both(room: Room) -> None:
    road = opened(room, "A-1", "A-2", priority=3)
    rain = opened(room, "R-1", "R-2", "R-3", rule="rain", priority=2)
    room.do(handle(1, "take", rain))
    answer = room.do(handle(2, "merge", road, other=rain))
    assert (answer.outcome, answer.reason, answer.detail) == ("DONE", "MERGED", f"other={rain} owner=lan")
    assert room.names() == [(1, ["A-1", "A-2", "R-1", "R-2", "R-3"])]
    one, gone = room.incidents()
    assert (one.priority, one.owner) == (2, "lan")
    assert [line.word for line in one.timeline] == ["opened", "merged", "worsened"]
    assert (gone.state, gone.merged_into, gone.members, gone.closed_ms) == ("closed", road, (), room.now_ms)
    assert [(line.what, line.reason) for line in room.log[-2:]] == [
        ("incident-closed", "MERGED"),
        ("incident-joined", "MERGED"),
    ]
    room.restart()
    room.tell("R-4", rule="level")
    room.tell("A-3")
    assert room.names() == [(1, ["A-1", "A-2", "R-1", "R-2", "R-3", "R-4", "A-3"])]
    again = room.do(handle(3, "merge", road, other=rain))
    assert (again.outcome, again.by) == ("ALREADY", "lan")
    for alert in ("A-1", "A-2", "R-1", "R-2", "R-3", "R-4", "A-3"):
        room.end(alert)
    room.tick(KEPT_MS)
    assert not [key for key in room.topic if key.startswith("@incident/groups/")]


def test_what_is_split_off_is_an_incident_of_its_own_or_single_and_does_not_come_back(room: Room) -> None:
    name = opened(room, "A-1", "A-2", "A-3", "A-4", priority=2)
    answer = room.do(handle(1, "split", name, alert_ids=("A-2", "A-3", "A-2")))
    assert (answer.outcome, answer.reason) == ("DONE", "SPLIT")
    made = room.incidents()[1]
    assert answer.detail == f"into={made.id} alerts=A-2,A-3,A-2"
    assert (made.number, made.group, made.priority, made.title_vi) == (2, "", 2, "Đường")
    assert room.names() == [(1, ["A-1", "A-4"]), (2, ["A-2", "A-3"])]
    assert [(line.what, line.reason) for line in room.log[-2:]] == [
        ("incident-opened", "SPLIT"),
        ("incident-joined", "SPLIT"),
    ]
    assert room.do(handle(2, "split", name, alert_ids=("A-4",))).detail == "into=A-4 alerts=A-4"
    for again in (False, True):
        if again:
            room.restart()
        for alert in ("A-2", "A-4"):
            room.tell(alert, value=1.0)
        room.tick()
        assert room.names() == [(1, ["A-1"]), (2, ["A-2", "A-3"])]
    room.tell("A-5")
    assert room.names() == [(1, ["A-1", "A-5"]), (2, ["A-2", "A-3"])], "what was made by hand collects nothing"
    room.end("A-4")
    room.tell("A-4", active=True, state="UNACK", closed=False)
    assert room.names()[0] == (1, ["A-1", "A-5"]), "not even when it is reopened"
    room.end("A-4")
    room.tick(KEPT_MS)
    room.tick(MIN)
    marks = sorted(key for key in room.topic if key.startswith("@incident/split/"))
    assert marks == ["@incident/split/A-2", "@incident/split/A-3"]
    assert room.do(handle(9, "merge", name, other=made.id)).outcome == "DONE"
    assert room.names() == [(1, ["A-1", "A-5", "A-2", "A-3"])], "by hand it does"


@pytest.mark.parametrize(
    ("op", "more", "outcome", "reason"),
    [
        ("take", {"actor": ""}, "REFUSED", "NO_ACTOR"),
        ("take", {"command_id": ""}, "REFUSED", "NO_COMMAND_ID"),
        ("take", {"role": "operator"}, "FORBIDDEN", "forbidden"),
        ("take", {"incident_id": "I-none"}, "NOT_FOUND", "UNKNOWN_INCIDENT"),
        ("take", {"sent_ms": T - 6 * MIN}, "REFUSED", "TOO_OLD"),
        ("rename", {"text": " "}, "REFUSED", "NO_TEXT"),
        ("rename", {"text": "x" * 121}, "REFUSED", "LONG_TEXT"),
        ("rename", {"text": "a\nb"}, "REFUSED", "BAD_TEXT"),
        ("note", {"text": ""}, "REFUSED", "NO_TEXT"),
        ("note", {"text": "x" * 501}, "REFUSED", "LONG_TEXT"),
        ("note", {"text": "a\0b"}, "REFUSED", "BAD_TEXT"),
        ("merge", {}, "NOT_FOUND", "UNKNOWN_INCIDENT"),
        ("merge", {"other": "itself"}, "REFUSED", "SAME"),
        ("merge", {"other": "drill"}, "REFUSED", "OTHER_DRILL"),
        ("split", {}, "REFUSED", "NO_ALERTS"),
        ("split", {"alert_ids": ("A-1", "B-1")}, "REFUSED", "NOT_MEMBER"),
        ("split", {"alert_ids": ("A-gone",)}, "REFUSED", "NOT_MEMBER"),
        ("split", {"alert_ids": ("A-1", "A-2")}, "REFUSED", "ALL"),
    ],
)
def test_what_is_refused_changes_nothing(room: Room, op: str, more: dict[str, Any], outcome: str, reason: str) -> None:
    name = opened(room, "A-1", "A-2", "A-gone")
    room.end("A-gone")
    drill = opened(room, "B-1", "B-2", exercise="tập")
    before = room.incidents()
    other = {"itself": name, "drill": drill}.get(more.get("other", ""), "")
    answer = room.do(handle(1, op, **({"incident_id": name} | more | {"other": other})))
    assert (answer.outcome, answer.reason, answer.accepted) == (outcome, reason, False)
    assert room.incidents() == before


def test_what_is_over_or_full_is_refused(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    name, other = opened(room, "A-1", "A-2", "A-3"), opened(room, "B-1", "B-2", area="755")
    monkeypatch.setattr(incident_commands, "MEMBERS_MAX", 4)
    assert room.do(handle(1, "merge", name, other=other)).reason == "TOO_MANY"
    monkeypatch.setattr(incident_commands, "INCIDENTS_MAX", 2)
    assert room.do(handle(2, "split", name, alert_ids=("A-1", "A-2"))).reason == "TOO_MANY"
    room.end("B-1")
    room.end("B-2")
    assert room.do(handle(3, "merge", name, other=other)).reason == "CLOSED"
    for op in ("take", "release", "rename", "merge", "split"):
        assert room.do(handle(4, op, other, command_id=op, text="x")).reason == "CLOSED"


def test_a_command_that_comes_again_has_its_answer_and_no_other_content(room: Room) -> None:
    name = opened(room, "A-1", "A-2", "A-3")
    asked = handle(1, "split", name, alert_ids=("A-1", "A-2"), sent_ms=T)
    first = room.do(asked)
    room.now_ms += 10 * MIN
    assert room.do(asked) == first
    room.restart()
    assert room.do(replace(asked, station="bàn 2")) == first
    assert len(room.incidents()) == 2
    other = room.do(handle(1, "take", name))
    assert (other.outcome, other.reason) == ("MISMATCH", "idempotency_mismatch")


# Nothing grows, nobody is forgotten -----------------------------------------------------------------------------------


def test_nothing_is_kept_of_what_waits_no_more(room: Room) -> None:
    waiting = room.part.book.waiting
    for n in range(20):
        room.tell(f"A-{n}", area=f"{n}")
        room.tell(f"D-{n}", exercise=f"tập {n}")
    assert (len(waiting), waiting.kinds) == (40, 21)
    room.tell("A-0b", area="0")
    assert len(waiting) == 39, "these are an incident"
    room.tell("A-1", active=False, state="RTNUN")
    assert len(waiting) == 38
    for name in room.alerts:
        room.end(name)
    assert (len(waiting), waiting.kinds) == (0, 0)
    for n in range(20):  # what never waited leaves nothing either
        room.tell(f"E-{n}", exercise=f"tập {n}", active=False, state="RTNUN")
        room.end(f"E-{n}")
    assert (len(waiting), waiting.kinds) == (0, 0)


def test_the_newest_that_wait_have_their_turn_though_others_have_a_reason_every_time(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incident_commands, "INCIDENTS_MAX", 2)
    monkeypatch.setattr(desk_incidents, "LOOK_MAX", 2)
    name = opened(room, *(f"A-{n}" for n in range(20)))
    opened(room, "B-1", "B-2", area="755")
    for n in range(6):
        room.tell(f"O-{n}", area=f"old {n}")
    room.tell("Z-1", area="756")
    room.tell("Z-2", area="756")
    assert len(room.names()) == 2, "no room"
    room.end("B-1")
    room.end("B-2")
    for n in range(9):
        assert room.do(handle(n, "split", name, alert_ids=(f"A-{n}",))).outcome == "DONE"
        room.tick()
    assert (3, ["Z-1", "Z-2"]) in room.names()
