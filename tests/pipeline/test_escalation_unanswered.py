"""Everybody was called and nobody came: the auditor says so, and calls nobody about it itself."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ioc.domain import escalation
from ioc.domain.duty import Chain, ChainStep
from ioc.pipeline.escalation_audit import AUDIT_RULE, Said
from tests.pipeline.escalation_room import DUTY, PROVINCE, Room
from tests.pipeline.small_province import MIN, S
from tests.pipeline.test_alerting import KEY, ack, signal
from tests.pipeline.test_desk_escalation import HOUR, a_room, audit, auditors, called, wait


def a_room_with(*steps: ChainStep, priority: int = 1, repeat: int = 0) -> Room:
    chain = Chain(id="only", steps=steps, repeat=repeat)
    return a_room(priority, replace(PROVINCE, duty=replace(DUTY, chains=(chain,))))


def has_spoken(room: Room) -> bool:
    return any(versions[-1].rule == AUDIT_RULE and versions[-1].active for versions in room.history.values())


def acknowledge(room: Room) -> None:
    room.now_ms += S
    level = room.alert(KEY)
    room.give(ack(level.id, level.version))
    room.settle()


def test_who_was_called_last_has_the_wait_of_the_step_to_come() -> None:
    room = a_room_with(ChainStep(wait_s=60, person="an"), ChainStep(wait_s=300, person="binh"))
    wait(room, 6 * MIN + 30 * S)
    assert len(called(room)) == 2
    wait(room, 4 * MIN)
    assert not has_spoken(room)
    assert (audit(room).finished, audit(room).unanswered) == (1, 0)
    wait(room, MIN)
    said = auditors(room)
    assert (said.state, said.reason, said.priority) == ("UNACK", "ESCALATION_UNANSWERED", 1)
    assert "1 unacknowledged" in said.title_en
    assert "stuck" not in said.title_en
    assert "1 cảnh báo" in said.title_vi
    assert (audit(room).finished, audit(room).unanswered, audit(room).without_step) == (1, 1, 0)


def test_a_last_step_without_a_wait_leaves_a_minute() -> None:
    room = a_room_with(ChainStep(wait_s=0, person="an"))
    wait(room, 45 * S)
    assert len(called(room)) == 1
    assert not has_spoken(room)
    wait(room, MIN)
    assert has_spoken(room)


def test_that_nobody_was_reached_is_said_at_once() -> None:
    room = a_room_with(ChainStep(wait_s=60, roster="hole"), ChainStep(wait_s=600, roster="hole"))
    wait(room, 55 * S)
    assert not has_spoken(room)
    wait(room, 15 * S)
    room.settle()
    assert [one.reason for _, one in room.summonses(room.alert(KEY).id)] == ["EMPTY_ROSTER"] * 2
    assert auditors(room).reason == "ESCALATION_UNANSWERED"


@pytest.mark.parametrize(("priority", "of_auditor"), [(1, 1), (2, 2), (3, 3), (4, 3)])
def test_it_weighs_what_the_alert_weighs(priority: int, of_auditor: int) -> None:
    room = a_room_with(ChainStep(wait_s=0, roster="hole"), priority=priority)
    room.settle()
    assert auditors(room).priority == of_auditor


def test_it_is_over_when_somebody_takes_the_alert_and_it_calls_nobody_itself() -> None:
    room = a_room_with(ChainStep(wait_s=0, person="an"))
    wait(room, 3 * HOUR)
    own = auditors(room)
    assert own.active
    assert room.summonses(own.id) == []
    assert own.version == 1, "said once"
    assert own.id not in room.part.live
    assert audit(room).finished == 1, "of the alert alone"
    acknowledge(room)
    assert not auditors(room).active
    assert auditors(room).reason == "ESCALATION_RUNS"
    assert audit(room).unanswered == 0


def test_both_troubles_are_told_apart() -> None:
    chain = Chain(id="only", priorities=(1,), steps=(ChainStep(wait_s=0, roster="hole"),))
    room = a_room(1, replace(PROVINCE, duty=replace(DUTY, chains=(chain,))))
    room.give(signal(key=f"{KEY}-2", site="R2", priority=4))
    room.settle()
    said = auditors(room)
    assert (said.reason, said.value) == ("ESCALATION_STUCK", 2.0)
    assert said.title_en.count("1 unacknowledged") == 2
    acknowledge(room)
    assert (auditors(room).reason, auditors(room).value) == ("ESCALATION_STUCK", 1.0)
    assert "Everybody" not in auditors(room).title_en


def test_a_restart_does_not_forget_whom_it_reached() -> None:
    room = a_room_with(ChainStep(wait_s=60, person="an"), ChainStep(wait_s=600, roster="hole"))
    wait(room, 12 * MIN)
    before = room.part.live[room.alert(KEY).id]
    room.crash()
    wait(room, 8 * MIN)
    assert room.part.live[room.alert(KEY).id] == before
    assert not has_spoken(room), "somebody was called, and may still come"
    wait(room, 3 * MIN)
    assert has_spoken(room)


def test_a_clock_that_is_set_back_hides_it_no_longer() -> None:
    room = a_room_with(ChainStep(wait_s=60, person="an"))
    wait(room, 75 * S)
    running = room.part.live[room.alert(KEY).id]
    assert running.through_ms is not None
    assert not escalation.is_unanswered(running, running.through_ms - escalation.AHEAD_MS)
    assert escalation.is_unanswered(running, running.through_ms - escalation.AHEAD_MS - 1)


def test_giving_back_begins_the_chain_and_the_auditor_waits_again() -> None:
    room = a_room_with(ChainStep(wait_s=60, person="an"))
    wait(room, 5 * MIN)
    assert has_spoken(room)
    acknowledge(room)
    assert not has_spoken(room)
    room.now_ms += S
    level = room.alert(KEY)
    room.give(replace(ack(level.id, level.version, command_id="k2"), op="unack", role="dispatcher", reason="r"))
    room.settle()
    assert (audit(room).running, audit(room).unanswered) == (1, 0)
    wait(room, 3 * MIN)
    assert audit(room).unanswered == 1
    assert [one.step for _, one in room.summonses(room.alert(KEY).id)] == [0, 0]


def test_what_an_auditor_said_before_there_was_the_word_is_read() -> None:
    part = Room().part
    part.load("@escalation-audit", b'{"wrong":2,"priority":1,"since_ms":7,"revision":3}')
    assert part.auditor._said == Said(2, 1, 7, 3)
