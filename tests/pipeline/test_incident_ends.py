"""Members that are superseded, move or stay behind when a drill is over; an incident goes on, or ends."""

from __future__ import annotations

from typing import Any

import pytest

from ioc.domain import incident_grouping
from ioc.domain.drills import DRILL_OVER_MS
from ioc.pipeline.alerting import AlertingPartition
from ioc.pipeline.effects import InRecord
from ioc.wire import codec
from tests.pipeline.incident_room import Room, handle, homes_by
from tests.pipeline.small_province import MIN, PROFILE, S
from tests.pipeline.test_alerting import signal

AWAY: dict[str, Any] = {"active": False, "state": "RTNUN"}


@pytest.fixture
def room() -> Room:
    return Room()


def supersede(room: Room, name: str, successor: str, **more: Any) -> None:
    """A new occurrence of the object of an alert that is still open, as alerting tells it."""
    known = room.alerts[name]
    room.tell(name, active=False, acked=True, state="NORM", closed=True)
    room.tell(successor, key=known.key, rule=known.rule, exercise=known.exercise, **more)


# A new occurrence of the same object ----------------------------------------------------------------------------------


def test_the_successor_of_a_superseded_alert_takes_its_place_however_late(room: Room) -> None:
    room.tell("A-1")
    room.tell("A-2")
    room.now_ms += 120 * MIN
    supersede(room, "A-1", "A-1b", area="far")
    room.tick()
    [one] = room.incidents()
    assert (one.state, [member.alert_id for member in one.members]) == ("open", ["A-1b", "A-2"])
    assert homes_by(room.log)["A-1b"] == one.id
    assert (room.log[-1].what, room.log[-1].reason) == ("incident-joined", "SUCCEEDS")


def test_the_last_open_alert_may_be_superseded_and_the_incident_goes_on(room: Room) -> None:
    room.tell("A-1")
    room.tell("A-2")
    name = room.incidents()[0].id
    room.do(handle(1, "take", name))
    room.end("A-2")
    room.tick()
    room.tell("A-1", **AWAY)
    room.now_ms += 120 * MIN
    supersede(room, "A-1", "A-1b")
    room.tick()
    [one] = room.incidents()
    assert (one.state, one.owner) == ("open", "lan")
    assert "incident-closed" not in room.said()
    room.restart()
    room.tell_again("A-1b")
    assert room.names() == [(1, ["A-1b"])]
    room.end("A-1b")
    room.tick()
    assert room.incidents()[0].state == "closed"


def test_a_start_between_the_last_alert_and_the_end_of_an_incident_ends_it(room: Room) -> None:
    for name in ("A-1", "A-2"):
        room.tell(name)
    for name in ("A-1", "A-2"):
        room.tell(name, active=False, acked=True, state="NORM", closed=True)
    assert room.incidents()[0].state == "open"
    room.restart()
    assert room.incidents()[0].state == "closed"
    assert room.said().count("incident-closed") == 1


def test_who_flaps_for_days_does_not_fill_an_incident(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incident_grouping, "MEMBERS_MAX", 3)
    room.tell("A-1")
    room.tell("F-0")
    for n in range(20):
        room.now_ms += MIN
        supersede(room, f"F-{n}", f"F-{n + 1}")
        room.tick()
    room.tell("A-2")
    assert room.names() == [(1, ["A-1", "F-20", "A-2"])]
    assert len(room.incidents()[0].members) == 3


def test_what_was_merged_and_then_superseded_stays_where_it_was_merged(room: Room) -> None:
    for name in ("A-1", "A-2"):
        room.tell(name)
    for name in ("B-1", "B-2"):
        room.tell(name, area="755")
    one, two = (incident.id for incident in room.incidents())
    room.do(handle(1, "merge", one, other=two))
    room.now_ms += 120 * MIN
    supersede(room, "B-1", "B-1b", area="755")
    room.tick()
    assert room.names() == [(1, ["A-1", "A-2", "B-1b", "B-2"])]


@pytest.mark.parametrize("names", [("A-1",), ("A-1", "A-2")])
def test_the_successor_of_what_was_split_off_does_not_come_back_either(room: Room, names: tuple[str, ...]) -> None:
    for name in ("A-1", "A-2", "A-3", "A-4"):
        room.tell(name)
    room.do(handle(1, "split", room.incidents()[0].id, alert_ids=names))
    before = len(room.names())
    supersede(room, "A-1", "A-1b")
    room.tick()
    room.restart()
    room.tell("A-1b", value=2.0)
    room.tick()
    assert len(room.names()) == before
    assert "A-1b" not in room.names()[0][1]
    if len(names) > 1:
        assert room.names()[1] == (2, ["A-1b", "A-2"])


def test_a_new_alert_of_an_object_that_had_ended_succeeds_to_nothing(room: Room) -> None:
    room.tell("A-1")
    room.tell("A-2")
    room.end("A-1")
    room.now_ms += 120 * MIN
    room.tell("A-1b", key=room.alerts["A-1"].key)
    room.tick()
    assert room.names() == [(1, ["A-2"])]


# Another place --------------------------------------------------------------------------------------------------------


def test_a_member_that_moves_brings_in_what_it_is_near_to_now_and_stays(room: Room) -> None:
    room.tell("A-1", area="a", lon=106.0, lat=10.0)
    room.tell("A-2", area="a", lon=106.0, lat=10.0)
    room.tell("W-1", area="w", lon=106.0, lat=10.5)
    assert room.names() == [(1, ["A-1", "A-2"])]
    room.tell("A-2", lat=10.49)
    assert room.names() == [(1, ["A-1", "A-2", "W-1"])]
    room.tell("A-2", lat=20.0)
    assert room.names() == [(1, ["A-1", "A-2", "W-1"])]
    room.tell("V-1", area="v", lon=106.0, lat=20.0)
    assert room.names() == [(1, ["A-1", "A-2", "W-1", "V-1"])]


def test_what_waits_and_moves_is_looked_for_anew(room: Room) -> None:
    room.tell("W-1", area="w", lon=106.0, lat=10.5)
    room.tell("W-2", area="v", lon=106.0, lat=11.5)
    room.tell("W-1", lat=11.49)
    assert room.names() == [(1, ["W-1", "W-2"])]


# Drills ---------------------------------------------------------------------------------------------------------------


def test_an_incident_of_a_drill_closes_when_the_drill_is_over_though_nobody_acknowledged(room: Room) -> None:
    for name in ("D-1", "D-2"):
        room.tell(name, exercise="tập")
    for name in ("A-1", "A-2"):
        room.tell(name)
    for name in ("D-1", "D-2", "A-1", "A-2"):
        assert [one.state for one in room.incidents()] == ["open", "open"]
        room.tell(name, **AWAY, reason="DRILL_OVER")
    room.tick(MIN)
    drill, real = sorted(room.incidents(), key=lambda one: one.exercise is None)
    assert (drill.state, real.state) == ("closed", "open"), "the real one waits for somebody"
    assert all(member.left_ms == room.now_ms for member in drill.members)
    assert (room.log[-1].reason, room.log[-1].exercise) == ("DRILL_OVER", "tập")
    before = room.incidents()
    for name in ("D-1", "D-2"):
        room.tell(name, value=1.0)
    room.restart()
    room.tick(MIN)
    assert room.incidents() == before


def test_what_went_away_before_the_end_of_a_drill_counts_an_hour(room: Room) -> None:
    room.tell("D-1", exercise="tập")
    room.tell("D-2", exercise="tập")
    room.tick(10 * MIN)
    room.tell("D-1", **AWAY)
    gone_ms = room.now_ms
    room.tick(59 * MIN)
    room.tell("D-2", **AWAY, reason="DRILL_OVER")
    room.tick(30 * S)
    assert [one.state for one in room.incidents()] == ["open"]
    while room.now_ms - gone_ms < DRILL_OVER_MS + MIN:
        room.tick(30 * S)
    assert [one.state for one in room.incidents()] == ["closed"]


def test_a_drill_that_goes_on_keeps_its_incident_and_one_that_begins_again_has_another(room: Room) -> None:
    room.tell("D-1", exercise="tập")
    room.tell("D-2", exercise="tập")
    room.tell("D-1", **AWAY, reason="DRILL_OVER")
    for _ in range(130):
        room.tick(MIN)
    assert [one.state for one in room.incidents()] == ["open"], "one is there"
    room.tell("D-2", **AWAY, reason="DRILL_OVER")
    room.tick(MIN)
    assert [one.state for one in room.incidents()] == ["closed"]
    for name in ("D-1", "D-2"):
        room.tell(name, active=True, state="UNACK", reason="", raised_ms=room.now_ms)
    assert room.names() == [(2, ["D-1", "D-2"])]


def test_a_drill_every_day_leaves_nothing(room: Room) -> None:
    for day in range(30):
        for n in range(3):
            room.tell(f"D-{day}.{n}", exercise=f"tập {day}", area=f"{n // 2}")
        for n in range(3):
            room.tell(f"D-{day}.{n}", **AWAY, reason="DRILL_OVER")
        room.tick(MIN)
        room.tick(1440 * MIN)
    room.tick(1440 * MIN)
    assert room.names() == []
    assert [key for key in room.topic if "incident" in key] == ["@incident/drill-number"]
    assert (len(room.part.book.waiting), len(room.part.book.incidents)) == (0, 0)


# As alerting itself tells it ------------------------------------------------------------------------------------------


def told(room: Room, alerting: AlertingPartition, **more: Any) -> None:
    """A signal goes to alerting, and what that tells goes to the desk."""
    base = {"since_ms": room.now_ms, "observed_ms": room.now_ms, "revision": room.now_ms}
    record = InRecord(0, 0, None, codec.encode(signal(**(base | more))))
    effects = alerting.step([record], room.now_ms)
    for emit in effects.emits:
        if emit.topic == "desk-inputs":
            room.give(emit.value)


def rivers(room: Room, alerting: AlertingPartition, **more: Any) -> list[str]:
    """Three objects of one group rise; their keys."""
    keys = [f"level|north|R{n}" for n in range(3)]
    for key in keys:
        told(room, alerting, key=key, **more)
    assert len(room.names()) == 1
    return keys


def test_what_alerting_supersedes_goes_on_in_its_incident(room: Room) -> None:
    alerting = AlertingPartition(PROFILE, 4)
    keys = rivers(room, alerting)
    began_ms = room.now_ms
    room.tick(120 * MIN)
    for key in keys:
        told(room, alerting, key=key, state="off", since_ms=began_ms)
        room.tick(MIN)
        told(room, alerting, key=key)
        room.tick()
    [one] = room.incidents()
    assert (one.state, len(one.members), len({member.alert_id for member in one.members})) == ("open", 3, 3)
    assert all(member.left_ms is None and member.raised_ms > began_ms for member in one.members)


def test_the_end_of_a_drill_as_alerting_tells_it_closes_its_incident(room: Room) -> None:
    alerting = AlertingPartition(PROFILE, 4)
    began_ms = room.now_ms
    keys = rivers(room, alerting, exercise="tập")
    room.tick(MIN)
    for key in keys:
        told(room, alerting, key=key, exercise="tập", state="off", since_ms=began_ms, reason="DRILL_OVER")
    room.tick(MIN)
    [one] = room.incidents()
    assert (one.state, room.log[-1].reason) == ("closed", "DRILL_OVER")
