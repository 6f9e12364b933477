"""The alert about a signature that is owed: nobody silences it for ever, and a signature closes it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ioc.domain.alerts import Command
from ioc.domain.duty import Chain, ChainStep
from ioc.domain.handover_setup import HandoverSetup
from ioc.pipeline import own_alerts
from ioc.pipeline.desk import DeskPartition
from ioc.pipeline.desk_escalation import EscalationPart
from ioc.pipeline.desk_handover import HandoverPart
from tests.pipeline.handover_room import DUTY, END, PROVINCE, SHIFT_MS, Room, name_of
from tests.pipeline.small_province import MIN, S, T
from tests.pipeline.test_alerting import signal

DUE = END + 10 * MIN
REALARM = 15 * MIN
CHAIN = Chain(id="all", steps=(ChainStep(wait_s=60, person="an"), ChainStep(wait_s=120, person="binh")))


class BothRoom(Room):
    """With escalation beside the handover."""

    def _new_desk(self) -> DeskPartition:
        self.hand = HandoverPart(self.profile, lambda _: self.in_force)
        desk = DeskPartition(self.profile, [EscalationPart(self.profile), self.hand])
        for key, value in self.topic.items():
            desk.load(key, value)
        return desk


@pytest.fixture
def room() -> Room:
    """The handover of the first shift is due and unsigned."""
    room = BothRoom(replace(PROVINCE, duty=replace(DUTY, chains=(CHAIN,))))
    room.give(signal())
    room.go(T + MIN)
    room.go(DUE + S)
    return room


def does(room: Room, op: str, **more: Any) -> None:
    """Somebody does something to the alert about the signature."""
    [one] = room.unsigned()
    base: dict[str, Any] = {
        "key": one.key, "command_id": f"c-{room.now_ms}", "op": op, "alert_id": one.id, "expected_version": one.version,
        "actor": "lan", "actor_display": "Lan", "role": "dispatcher", "reason": "x",
    }  # fmt: skip
    room.give(Command(**(base | more)))
    room.hear()


@pytest.mark.parametrize("op", ["ack", "close"])
def test_who_acknowledges_it_stops_it_for_a_time_only(room: Room, op: str) -> None:
    does(room, op, result="no_action" if op == "close" else None)
    [one] = room.unsigned()
    taken_ms = room.now_ms
    assert one.state == "ACKED"
    room.go(taken_ms + REALARM - S)
    [one] = room.unsigned()
    assert (one.state, room.summonses(one.id)) == ("ACKED", [])
    room.go(taken_ms + REALARM + S)
    [one] = room.unsigned()
    assert (one.state, one.realarms) == ("UNACK", 1)
    room.go(room.now_ms + MIN)
    room.go(room.now_ms + 2 * MIN)
    assert [said.whom for _, said in room.summonses(one.id)] == [("An",), ("Binh",)], "people are called again"
    does(room, "ack")
    room.go(room.now_ms + REALARM + S)
    assert [one.realarms for one in room.unsigned()] == [2]


def test_acknowledged_again_and_again_it_goes_on_until_the_signature(room: Room) -> None:
    for turn in range(4):
        does(room, "ack")
        room.go(room.now_ms + REALARM + S)
        assert [(one.state, one.realarms) for one in room.unsigned()] == [("UNACK", turn + 1)]
    does(room, "ack")
    assert room.take().outcome == "DONE"
    room.go(room.now_ms + S)
    room.go(room.now_ms + REALARM + S)
    assert room.unsigned() == []


def test_the_time_is_of_the_profile(room: Room) -> None:
    setup = HandoverSetup(roster="ban", realarm_s=60.0)
    room.alerting.use(replace(PROVINCE, duty=replace(DUTY, handover=setup)), room.now_ms)
    does(room, "ack")
    room.go(room.now_ms + MIN + S)
    assert [one.state for one in room.unsigned()] == ["UNACK"]


def test_a_late_signature_is_the_look_and_closes_it(room: Room) -> None:
    [one] = room.unsigned()
    assert one.state == "UNACK"
    signed = room.take()
    room.go(room.now_ms + S)
    after = room.history[one.id][-1]
    assert (after.state, after.closed, after.acked_by, after.acked_ms) == ("NORM", True, "hung", signed.at_ms)
    [line] = [entry for entry in room.log if entry.alert_id == one.id and entry.what == "closed"]
    assert (line.reason, line.by, line.by_display, line.by_at_ms) == ("HANDOVER_SIGNED", "hung", "Hung", signed.at_ms)
    assert (line.from_state, line.to_state) == ("UNACK", "NORM")
    room.crash()
    room.go(room.now_ms + MIN)
    assert room.history[one.id][-1] == after, "said once"


def test_the_night_is_named_by_the_day_on_which_it_began() -> None:
    room = Room()
    room.give(signal())
    room.go(T + MIN)
    room.go(DUE + 2 * SHIFT_MS + S)
    [one] = room.unsigned()
    assert one.title_en == "Nobody has signed for the shift 22:00–06:00 24/11 (Desk)"
    assert room.handover(name_of(2)).outgoing == ("Chi",)


def test_a_restart_between_the_signatures_changes_nothing_and_a_repeat_signs_once(room: Room) -> None:
    given = room.do("give", command_id="c-give")
    room.flush()
    room.crash()
    room.tick()
    assert room.do("give", command_id="c-give") == given
    read = room.handover().digest_hash
    taken = room.do("take", "hung", command_id="c-take", digest_hash=read)
    assert taken.outcome == "DONE"
    room.flush()
    room.crash()
    room.tick()
    before = room.handover()
    assert room.do("take", "hung", command_id="c-take", digest_hash=read) == taken
    assert room.do("take", "minh", command_id="c-take", digest_hash=read).outcome == "MISMATCH"
    assert room.handover() == before


def test_who_acknowledged_it_before_the_signature_stays_who_did(room: Room) -> None:
    does(room, "ack", actor="minh", actor_display="Minh")
    [one] = room.unsigned()
    room.take()
    room.go(room.now_ms + S)
    after = room.history[one.id][-1]
    assert (after.closed, after.acked_by, after.reason) == (True, "minh", "HANDOVER_SIGNED")
    [line] = [entry for entry in room.log if entry.alert_id == one.id and entry.what == "closed"]
    assert line.by is None


def test_on_a_shelf_the_signature_leaves_nothing_to_ask(room: Room) -> None:
    does(room, "shelve", for_s=3600)
    [one] = room.unsigned()
    room.take()
    room.go(room.now_ms + S)
    room.go(room.now_ms + 61 * MIN)
    assert room.history[one.id][-1].closed


def test_what_was_missed_stays_until_somebody_looks(room: Room) -> None:
    [one] = room.unsigned()
    room.go(DUE + SHIFT_MS + S)
    after = room.history[one.id][-1]
    assert (after.state, after.reason) == ("RTNUN", "HANDOVER_OVER")


@pytest.mark.parametrize("mistake", ["never", "close"])
def test_a_planted_mistake_is_found(room: Room, mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    op = "ack"
    if mistake == "never":
        monkeypatch.setattr("ioc.pipeline.alerting.own_realarm_s", lambda *_: 0.0)
    else:
        op = mistake
        monkeypatch.setattr("ioc.pipeline.alerting.UNSIGNED_RULE", "")
    with pytest.raises(AssertionError):
        test_who_acknowledges_it_stops_it_for_a_time_only(room, op)
    assert own_alerts.own_realarm_s("handover-unsigned", PROVINCE) == REALARM / 1000
