"""Escalation on the desk: when it begins, stops and begins anew, and what the auditor says."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from ioc.adapters.profiles import load_profile
from ioc.domain.alerts import AlertTold
from ioc.domain.duty import Chain, ChainStep
from ioc.domain.matcher import Matcher
from ioc.pipeline import cap_messages, desk_escalation, escalation_audit
from ioc.pipeline.desk import make_desk
from ioc.pipeline.desk_escalation import EscalationPart
from ioc.pipeline.desk_parts import Seen
from ioc.pipeline.effects import InRecord
from ioc.pipeline.escalation_audit import AUDIT_RULE, Audit
from ioc.wire import codec
from tests.pipeline.escalation_room import DUTY, PROVINCE, Room, check
from tests.pipeline.small_province import MIN, PROFILE, S, T
from tests.pipeline.test_alerting import KEY, ack, signal

HOUR = 60 * MIN


def a_room(priority: int = 2, profile: Any = PROVINCE, **more: Any) -> Room:
    room = Room(replace(profile, dispatch=replace(profile.dispatch, group_wait_s=0.0)))  # a start does not wait
    room.give(signal(priority=priority, **more))
    room.settle()
    return room


def called(room: Room) -> list[tuple[int, int, int]]:
    """Round, step, and seconds from the raising to when it fell due."""
    raised_ms = room.alert().raised_ms
    return [(one.round, one.step, (one.at_ms - raised_ms) // S) for _, one in room.summonses(room.alert().id)]


def wait(room: Room, later_ms: int) -> None:
    for _ in range(later_ms // (15 * S)):
        room.tick(15 * S)
        room.settle(turns=1)


def command(room: Room, op: str, **more: Any) -> None:
    room.now_ms += S
    alert = room.alert()
    given = replace(
        ack(alert.id, alert.version, command_id=f"k{alert.version}"), op=op, role="dispatcher", reason="r", **more
    )
    room.give(given)
    assert room.log[-1].outcome == "DONE", room.log[-1]
    room.settle()


def audit(room: Room) -> Audit:
    return msgspec.json.decode(room.topic["escalation/audit"], type=Audit)


def test_steps_are_carried_out_when_they_are_due_and_not_before() -> None:
    room = a_room()
    wait(room, 55 * S)
    assert called(room) == []
    wait(room, 30 * S)
    assert called(room) == [(0, 0, 60)]
    wait(room, 2 * MIN)
    room.settle(turns=4)
    # Nobody on the second roster and nobody with the role: the person is called at once.
    assert called(room) == [(0, 0, 60), (0, 1, 180), (0, 2, 180), (0, 3, 180)]
    first, *_, last = (one for _, one in room.summonses(room.alert().id))
    assert (first.whom, first.channels, first.reason) == (("An",), ("log",), "STEP_DUE")
    assert (last.whom, last.channels, last.reason) == (("Bình",), ("log", "mail"), "STEP_DUE")
    assert room.alert().summons == last


def test_after_all_rounds_it_is_over() -> None:
    room = a_room()
    wait(room, HOUR)
    assert [round_ for round_, step, _ in called(room) if step == 3] == [0, 1, 2]
    assert len(called(room)) == 12
    assert audit(room) == Audit(finished=1, unanswered=1, as_of_ms=audit(room).as_of_ms)


def test_an_acknowledgement_stops_and_giving_it_back_begins_anew() -> None:
    room = a_room()
    wait(room, 90 * S)
    command(room, "ack")
    assert not [key for key in room.topic if key.startswith("@escalation/")]
    wait(room, 8 * MIN)  # the rule has it ask anew after ten
    assert len(called(room)) == 1
    command(room, "unack")
    given_back_ms = room.alert().asked_ms
    wait(room, 90 * S)
    (_, one), (entry, two) = room.summonses(room.alert().id)
    assert (two.step, two.round, two.number, two.at_ms) == (0, 0, 2, (given_back_ms or 0) + MIN)
    assert two.began_ms > one.began_ms
    assert entry.to_state == "UNACK"
    check(room, settled=True)


def test_what_is_hidden_calls_nobody_and_begins_anew_when_it_shows() -> None:
    room = a_room()
    wait(room, 90 * S)
    command(room, "shelve", for_s=900)
    wait(room, 14 * MIN)
    assert len(called(room)) == 1
    wait(room, 3 * MIN)
    assert [step for _, step, _ in called(room)] == [0, 0]
    check(room, settled=True)


def test_what_went_away_calls_nobody() -> None:
    room = a_room()
    room.give(signal("off", revision=2))
    room.settle()
    assert room.alert().state == "RTNUN"
    wait(room, HOUR)
    assert called(room) == []
    assert audit(room).without_step == 0


def test_a_drill_calls_nobody() -> None:
    room = a_room(exercise="dd-1")
    wait(room, HOUR)
    assert called(room) == []
    assert audit(room) == Audit(as_of_ms=audit(room).as_of_ms)


def test_worse_goes_on_in_the_same_chain_and_begins_in_another() -> None:
    room = a_room(priority=2)
    wait(room, 90 * S)
    room.give(signal(priority=1, revision=2))
    wait(room, 2 * MIN)
    assert [step for _, step, _ in called(room)] == [0, 1, 2, 3]
    usual = a_room(priority=3)
    wait(usual, 90 * S)
    assert [one.channels for _, one in usual.summonses(usual.alert().id)] == [("log",)]
    usual.give(signal(priority=2, revision=2))
    worse_ms = usual.now_ms
    wait(usual, 90 * S)
    last = usual.summonses(usual.alert().id)[-1][1]
    assert (last.number, last.step, last.began_ms, last.at_ms) == (2, 0, worse_ms, worse_ms + MIN)
    for one in (room, usual):
        check(one, settled=True)


def test_a_chain_stays_as_it_was_when_it_began_and_rosters_are_those_of_now() -> None:
    room = a_room()
    quick = Chain(id="quick", steps=(ChainStep(wait_s=0, person="an"),))
    room.profile = replace(PROVINCE, duty=replace(DUTY, rosters=(), chains=(quick,)))
    room.crash()
    wait(room, 4 * MIN)
    found = [one for _, one in room.summonses(room.alert().id)][:4]
    # Its rosters have left the profile; so there is nobody, and the chain goes on. The role has nobody on a shift.
    assert [one.reason for one in found] == ["NOT_IN_PROFILE", "NOT_IN_PROFILE", "EMPTY_ROSTER", "STEP_DUE"]
    assert called(room)[:4] == [(0, 0, 60), (0, 1, 60), (0, 2, 60), (0, 3, 60)]


def test_a_stop_leaves_nothing_out_late_steps_say_so_and_the_next_waits_from_then_on() -> None:
    room = a_room()
    room.now_ms += 2 * HOUR
    back_ms = room.now_ms
    room.crash()
    room.settle(turns=10)
    assert called(room) == [(0, 0, 60)], "the others have not had their time to react"
    wait(room, 2 * MIN)
    room.settle(turns=4)
    lines = room.summonses(room.alert().id)
    assert [one.reason for _, one in lines] == ["STEP_LATE", "EMPTY_ROSTER", "EMPTY_ROSTER", "STEP_DUE"]
    assert {(one.at_ms - back_ms) // S for _, one in lines[1:]} == {2 * 60}
    wait(room, HOUR)
    assert [(round_, step) for round_, step, _ in called(room)] == [(r, s) for r in range(3) for s in range(4)]
    check(room, settled=True)


def test_a_short_stop_moves_no_due_time() -> None:
    room, untouched = a_room(), a_room()
    room.now_ms += 110 * S
    room.crash()
    room.settle(turns=1)
    for one in (room, untouched):
        wait(one, 8 * MIN)
    assert called(room)[:4] == called(untouched)[:4] == [(0, 0, 60), (0, 1, 180), (0, 2, 180), (0, 3, 180)]


def test_an_order_that_got_lost_is_made_again_and_one_that_comes_twice_is_one() -> None:
    room = a_room()
    room.tick(MIN)
    room.flush()
    assert len(room.orders) == 1
    room.orders.clear()
    room.tick(desk_escalation.RETRY_MS - 501)
    room.flush()
    assert room.orders == [], "too soon"
    room.tick(501)
    room.flush()
    assert len(room.orders) == 1
    room.deliver(twice=True)
    assert called(room) == [(0, 0, 60)]


def test_an_order_on_its_way_when_somebody_acknowledges_has_no_effect() -> None:
    room = a_room()
    room.tick(MIN)
    room.flush()
    room.give(ack(room.alert().id, 1))
    room.deliver()
    assert called(room) == []
    room.settle()
    command(room, "unack")
    wait(room, 90 * S)
    assert len(called(room)) == 1
    check(room, settled=True)


def test_a_clock_that_was_set_back_postpones_by_no_more_than_the_wait() -> None:
    room = a_room()
    room.now_ms -= HOUR
    wait(room, 50 * S)
    assert called(room) == []
    wait(room, 30 * S)
    assert [(round_, step) for round_, step, _ in called(room)] == [(0, 0)]
    wait(room, 2 * MIN)
    assert [(round_, step) for round_, step, _ in called(room)][:2] == [(0, 0), (0, 1)]


def test_an_alert_from_a_clock_that_was_ahead_is_called_about_in_time() -> None:
    room = Room()
    room.now_ms += 6 * HOUR
    room.give(signal())
    room.now_ms -= 6 * HOUR
    room.settle()
    wait(room, 70 * S)
    assert len(called(room)) == 1


def test_worse_after_the_last_step_begins_the_chain_again() -> None:
    room = a_room(priority=2)
    wait(room, 3 * HOUR)
    before = len(called(room))
    assert room.part.live[room.alert().id].over
    room.give(signal(priority=1, revision=2))
    wait(room, 3 * HOUR)
    assert len(called(room)) == 2 * before


def test_what_asked_long_before_the_desk_knew_begins_now_and_not_all_at_once() -> None:
    alert = replace(a_room().alert(), version=3)
    part, now_ms = EscalationPart(PROVINCE), T + 5 * HOUR
    part.seen(Seen(None, alert), {alert.id: alert}, now_ms)
    assert part.tick({alert.id: alert}, now_ms) == []
    assert part.live[alert.id].due_ms == now_ms + MIN
    fresh = EscalationPart(PROVINCE)
    fresh.seen(Seen(None, replace(alert, version=1)), {alert.id: alert}, now_ms)
    assert fresh.live[alert.id].began_ms == alert.asked_ms, "what begins to ask begins then, however late it is read"


def test_what_was_given_back_while_nobody_listened_begins_anew() -> None:
    room = a_room()
    wait(room, 90 * S)
    alert = room.alert()
    room.now_ms += S
    lost = replace(alert, version=alert.version + 2, asked_ms=room.now_ms, updated_ms=room.now_ms)
    room.desk.step([InRecord(0, 0, None, codec.encode(AlertTold(alert=lost)))], room.now_ms)
    running = room.part.live[alert.id]
    assert (running.began_ms, running.step, running.round) == (room.now_ms, 0, 0)


# Without chains ---------------------------------------------------------------------------------------------------


def test_an_installation_without_chains_calls_nobody_and_lacks_nothing() -> None:
    room = a_room(profile=PROFILE)
    wait(room, HOUR)
    assert called(room) == []
    assert audit(room) == Audit(as_of_ms=audit(room).as_of_ms)
    assert not [key for key in room.topic if key.startswith("@escalation")]


def test_chains_that_are_new_begin_for_what_asks_already() -> None:
    room = a_room(profile=PROFILE)
    room.now_ms += HOUR
    room.profile = PROVINCE
    room.crash()
    began_ms = room.now_ms
    room.settle(turns=1)
    wait(room, 90 * S)
    ((_, only),) = room.summonses(room.alert().id)
    assert (only.reason, only.at_ms) == ("STEP_DUE", began_ms + 500 + MIN)


def test_that_no_chain_fits_is_said_once_and_is_wrong() -> None:
    room = a_room(priority=4)
    wait(room, 10 * MIN)
    level = next(versions[-1] for versions in room.history.values() if versions[-1].key == KEY)
    ((_, only),) = room.summonses(level.id)
    assert (only.reason, only.whom) == ("NO_CHAIN", ())
    assert audit(room).without_step == 1
    stuck = auditors(room)
    assert (stuck.state, stuck.priority, stuck.centre) == ("UNACK", 3, "north")
    assert "1 cảnh báo" in stuck.title_vi
    assert "1 unacknowledged" in stuck.title_en
    room.now_ms += S
    room.give(ack(level.id, level.version))
    room.settle()
    assert auditors(room).state == "RTNUN"


# The auditor -----------------------------------------------------------------------------------------------------


def auditors(room: Room) -> Any:
    """The alert of the auditor."""
    (found,) = (versions[-1] for versions in room.history.values() if versions[-1].rule == AUDIT_RULE)
    return found


def test_a_step_that_is_overdue_is_an_alert_until_it_is_carried_out() -> None:
    room = a_room()
    for _ in range(5):  # orders get lost
        room.tick(15 * S)
        room.flush()
        room.orders.clear()
    assert audit(room).overdue == 0
    for _ in range(5):
        room.tick(15 * S)
        room.flush()
        room.orders = [one for one in room.orders if AUDIT_RULE.encode() in one]
        room.deliver()
        room.hear()
    assert audit(room).overdue == 1
    assert auditors(room).state == "UNACK"
    assert auditors(room).reason == "ESCALATION_STUCK"
    room.settle(turns=30)
    assert audit(room).overdue == 0
    assert auditors(room).state == "RTNUN"
    wait(room, HOUR)
    assert not any(room.summonses(name) for name, ones in room.history.items() if ones[-1].rule == AUDIT_RULE)


def test_a_desk_that_stood_still_is_not_overdue_at_once() -> None:
    room = a_room()
    room.tick(2 * MIN)  # the first step is ordered, and the order stays on its way
    assert room.part.live[room.alert().id].owed is not None
    room.tick(2 * HOUR)
    assert room.part.auditor.audit.overdue == 0
    for _ in range(7):
        room.tick(10 * S)
    assert room.part.auditor.audit.overdue == 1


def test_worse_trouble_asks_anew_though_the_milder_one_was_acknowledged() -> None:
    room = a_room(priority=4)
    room.settle()
    audit_alert = auditors(room)
    assert (audit_alert.state, audit_alert.priority) == ("UNACK", 3)
    acked = replace(ack(audit_alert.id, audit_alert.version), key=audit_alert.key)
    room.give(acked)
    room.settle()
    assert auditors(room).state == "ACKED"
    room.give(signal(priority=1, key=f"{KEY}-2", site="R2"))
    for _ in range(12):
        room.tick(15 * S)
        room.flush()
        room.orders = [one for one in room.orders if AUDIT_RULE.encode() in one]
        room.deliver()
        room.hear()
    assert (auditors(room).state, auditors(room).priority) == ("UNACK", 1)


def test_an_auditor_that_lost_its_memory_ends_what_it_had_raised() -> None:
    room = a_room(priority=4)
    room.settle()
    assert auditors(room).active
    level = next(versions[-1] for versions in room.history.values() if versions[-1].key == KEY)
    room.topic.pop("@escalation-audit")
    room.crash()
    room.give(ack(level.id, level.version))
    room.hear()
    room.settle()
    assert not auditors(room).active


def test_no_wide_silence_hides_that_escalation_is_stuck() -> None:
    room = a_room(priority=4)
    room.settle()
    stuck = auditors(room)
    assert not Matcher(centres=("north",)).may_hide(stuck)
    assert not Matcher(priority=2).may_hide(stuck)
    assert Matcher(rules=(AUDIT_RULE,)).may_hide(stuck)


def test_an_alert_whose_step_got_lost_is_found() -> None:
    room = a_room()
    del room.part.live[room.alert().id]
    room.settle()
    assert audit(room).without_step == 1
    assert auditors(room).active
    assert auditors(room).summons is None


def test_the_auditor_repeats_itself_until_it_is_heard_and_remembers_what_it_said() -> None:
    room = a_room(priority=4)
    room.settle()
    room.crash()
    room.settle()
    assert auditors(room).version == 1, "said again after a restart"
    lost = Room()
    lost.give(signal(priority=4))
    lost.hear()
    lost.tick()
    lost.flush()
    lost.orders.clear()
    lost.tick(escalation_audit.RETRY_MS)
    lost.flush()
    lost.deliver()
    assert auditors(lost).state == "UNACK"


def test_the_public_record_is_written_when_it_changes_and_once_a_minute() -> None:
    room = a_room()
    written = 0
    for _ in range(110):
        room.tick(500)
        written += any(key == "escalation/audit" for key, _ in room.desk.take_dirty())
    assert written == 0, "nothing changed, and the minute is not over"
    for _ in range(20):
        room.tick(500)
        written += any(key == "escalation/audit" for key, _ in room.desk.take_dirty())
    assert written == 1


def test_others_are_not_told_that_escalation_is_stuck() -> None:
    room = a_room(priority=4)
    room.settle()
    profile = replace(PROVINCE, dispatch=load_profile("dongnai-2023").dispatch)
    assert cap_messages.decide(auditors(room), None, profile, T) is None
    assert cap_messages.decide(room.history[next(iter(room.history))][-1], None, profile, T) is not None


def test_the_desk_has_it() -> None:
    room = Room()
    room.give(signal(priority=3))
    desk = make_desk(room.profile)
    room.desk, room.part = desk, next(p for p in desk.parts if isinstance(p, desk_escalation.EscalationPart))
    wait(room, 30 * S)
    assert called(room) == [(0, 0, 0)]
