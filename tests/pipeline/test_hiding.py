"""Shelves, suppression by design, out of service, and what time alone does, through the step as the job runs it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ioc.domain.alerts import alert_id
from ioc.domain.handling import REVIEW_MAX_S, SHELF_DEFAULT_S, SHIFT_S
from ioc.domain.times import CLOCK_BACK_MS
from ioc.pipeline.alerting import CLOSED_KEPT_MS
from ioc.wire import codec
from tests.pipeline.life_room import HOUR, TARGET, Room, a_room, off
from tests.pipeline.small_province import MIN, S, T
from tests.pipeline.test_alerting import KEY, ack, signal


@pytest.fixture
def room() -> Room:
    return a_room()


# ---- shelves -----------------------------------------------------------------------------------------------------


def test_a_shelf_lasts_two_hours_and_then_asks_anew(room: Room) -> None:
    room.give(ack(TARGET, 1))
    assert room.do("shelve", reason="đang sửa") == "DONE"
    hidden = room.alert.hidden
    assert hidden is not None
    assert (hidden.by, hidden.reason, hidden.until_ms) == ("lan", "đang sửa", room.now_ms + SHELF_DEFAULT_S * 1000)
    assert room.where == "SHLVD+"
    assert (room.last.note, room.last.role, room.last.to_state) == ("đang sửa", "dispatcher", "SHLVD")
    room.tick(SHELF_DEFAULT_S * 1000 - 1)
    assert room.where == "SHLVD+"
    room.tick(1)
    assert (room.where, room.alert.hidden, room.alert.acked_by) == ("UNACK", None, None)
    assert (room.last.what, room.last.reason, room.last.from_state) == ("unhidden", "SHELF_OVER", "SHLVD")


def test_what_is_due_during_a_stop_happens_after_it_and_once(room: Room) -> None:
    room.do("shelve", reason="r", for_s=600)
    room.now_ms += 3 * HOUR
    room.restart()
    assert room.tick(0).emits
    assert room.where == "UNACK"
    room.restart()
    assert room.tick(1).emits == []


def test_what_is_due_happens_before_a_batch_too(room: Room) -> None:
    room.do("shelve", reason="r", for_s=600)
    room.now_ms += 601 * S
    assert room.do("unshelve") == "ALREADY"
    assert (room.where, room.last.reason, room.last.by) == ("UNACK", "NOT_SHELVED", None)


@pytest.mark.parametrize("for_s", [0, -1, SHIFT_S + 1])
def test_no_shelf_is_longer_than_a_shift(room: Room, for_s: int) -> None:
    assert room.do("shelve", reason="r", for_s=for_s) == "REFUSED"
    assert (room.last.reason, room.where) == ("BAD_DURATION", "UNACK")
    assert room.do("shelve", reason="r", for_s=SHIFT_S) == "DONE"


@pytest.mark.parametrize("once", [False, True])
def test_what_becomes_p1_ends_a_shelf(room: Room, once: bool) -> None:
    room.do("ack")
    room.do("shelve", reason="r", once=once)
    room.give(signal(revision=2, priority=1))
    assert (room.where, room.alert.priority, room.alert.hidden) == ("UNACK", 1, None)
    assert room.alert.asked_ms == room.now_ms
    assert (room.last.what, room.last.reason, room.last.from_state) == ("escalated", "SHELF_URGENT", "SHLVD")
    assert room.do("shelve", reason="biết rồi", once=once) == "DONE"  # who knows that it is P1 may
    room.give(signal(revision=3, priority=1, value=9.0), signal(revision=4, priority=2), signal(revision=5, priority=1))
    assert room.where == "SHLVD+" if not once else room.alert.state == "SHLVD"


def test_what_comes_back_as_p1_behind_a_shelf_ends_it_too(room: Room) -> None:
    room.do("shelve", reason="r")
    room.give(off(2))
    room.give(signal(revision=3, priority=1))
    assert (room.where, room.last.what, room.last.reason) == ("UNACK", "re-raised", "SHELF_URGENT")


def test_a_new_occurrence_that_is_p1_takes_no_shelf_over(room: Room) -> None:
    room.do("shelve", reason="r")
    room.give(off(2), signal(since_ms=T + MIN, revision=3, priority=1))
    new = room.step.alerts[alert_id("level", KEY, T + MIN)]
    assert (new.state, new.suppression, new.hidden) == ("UNACK", "none", None)


def test_p1_out_of_service_waits_and_what_is_explained_goes_behind_that(room: Room) -> None:
    room.do("shelve", reason="r")
    room.give(signal(revision=2, priority=1, muted_by="A-9"))
    assert (room.where, room.alert.hidden) == ("DSUPR+", None)
    room.give(signal(revision=3, priority=1))
    other = a_room()
    other.do("out_of_service", reason="r", review_ms=other.now_ms + HOUR)
    other.give(signal(revision=2, priority=1))
    assert other.where == "OOSRV+"
    other.give(signal(since_ms=T + MIN, revision=3, priority=1))
    assert other.step.alerts[alert_id("level", KEY, T + MIN)].state == "OOSRV"


def test_what_came_and_went_behind_a_shelf_closes_unasked_and_is_counted() -> None:
    room = Room()
    room.give(signal(priority=3))
    room.do("shelve", reason="r")
    room.give(signal(revision=2, priority=2), off(3), signal(revision=4), off(5))
    assert (room.where, room.alert.hidden_changes) == ("SHLVD-", 4)
    assert [e.what for e in room.log[-4:]] == ["escalated", "cleared", "re-raised", "cleared"]
    room.tick(SHELF_DEFAULT_S * 1000)
    assert (room.last.what, room.last.reason, room.last.to_state) == ("hidden-occurrence", "SHELF_OVER", "NORM")
    assert (room.where, room.alert.hidden_changes, room.alert.acked_by) == ("NORM", 4, None)


def test_unshelving_by_hand_tells_of_a_hidden_occurrence_too(room: Room) -> None:
    room.do("shelve", reason="r")
    room.give(off(2))
    assert room.do("unshelve", who="minh") == "DONE"
    assert [(e.kind, e.what) for e in room.log[-2:]] == [
        ("transition", "hidden-occurrence"),
        ("command", "unshelve"),
    ]
    assert room.where == "NORM"
    assert room.do("unshelve", who="lan") == "ALREADY"
    assert (room.last.by, room.last.by_at_ms) == ("minh", room.now_ms)


def test_what_had_gone_unseen_comes_back_as_that(room: Room) -> None:
    room.give(off(2))
    room.do("shelve", reason="r")
    assert room.alert.owed
    room.restart()
    room.tick(SHELF_DEFAULT_S * 1000)
    assert (room.where, room.alert.owed) == ("RTNUN", False)


def test_a_one_shot_shelf_ends_when_it_goes_away(room: Room) -> None:
    room.do("shelve", reason="r", once=True)
    assert room.alert.hidden is not None
    assert room.alert.hidden.until_ms == room.now_ms + SHIFT_S * 1000  # and at most a shift
    room.give(off(2))
    assert (room.where, room.last.what) == ("NORM", "hidden-occurrence")


def test_a_shelf_is_of_the_object_and_goes_on_with_a_new_occurrence(room: Room) -> None:
    room.do("shelve", reason="r")
    room.give(off(2), signal(since_ms=T + MIN, revision=3))
    new = room.step.alerts[alert_id("level", KEY, T + MIN)]
    assert (new.state, new.suppression, new.hidden_changes) == ("SHLVD", "shelved-until", 2)
    assert new.hidden is not None
    assert new.hidden.by == "lan"
    assert room.step.alerts[TARGET].closed
    assert (new.count, new.priority) == (1, 2)
    room.tick(SHELF_DEFAULT_S * 1000)
    assert room.step.alerts[new.id].state == "UNACK"


def test_a_closed_alert_can_be_shelved_ahead_but_only_the_newest(room: Room) -> None:
    room.give(ack(TARGET, 1), off(2))
    assert room.do("shelve", reason="bảo trì") == "DONE"
    assert (room.where, room.alert.closed) == ("SHLVD-", False)
    assert room.tick(CLOSED_KEPT_MS).emits  # not forgotten: its shelf ends
    room.give(signal(since_ms=T + 2 * HOUR, revision=4))
    assert room.do("shelve", reason="r") == "REFUSED"
    assert room.last.reason == "NEWER_OCCURRENCE"


def test_a_shelf_whose_end_is_lost_is_shown(room: Room) -> None:
    room.do("shelve", reason="r")
    room.topic[TARGET] = codec.encode(replace(room.alert, hidden=None))
    room.restart()
    room.tick(0)
    assert (room.where, room.last.reason) == ("UNACK", "SHELF_LOST")


def test_a_shelf_that_nobody_can_have_asked_for_is_shown(room: Room) -> None:
    room.do("shelve", reason="r", for_s=SHIFT_S)
    room.tick(-CLOCK_BACK_MS)  # a clock that was set back a little changes nothing
    assert room.where == "SHLVD+"
    room.tick(-1)
    assert (room.where, room.last.reason) == ("UNACK", "SHELF_LOST")


def test_a_shelf_made_while_the_clock_was_ahead_ends_when_it_is_right_again(room: Room) -> None:
    room.now_ms += 5 * HOUR
    room.do("shelve", reason="r")
    room.tick(-CLOCK_BACK_MS)  # a little is no reason
    assert room.where == "SHLVD+"
    room.tick(CLOCK_BACK_MS - 5 * HOUR)
    assert (room.where, room.last.what, room.last.reason) == ("UNACK", "unhidden", "SHELF_LOST")


def test_so_does_one_that_a_new_occurrence_took_over(room: Room) -> None:
    room.now_ms += HOUR
    room.do("shelve", reason="r", once=True)
    room.give(signal(since_ms=T + MIN, revision=2))
    new = alert_id("level", KEY, T + MIN)
    assert room.step.alerts[new].state == "SHLVD"
    room.restart()
    room.tick(-HOUR)
    assert (room.step.alerts[new].state, room.last.reason) == ("UNACK", "SHELF_LOST")


def test_what_is_out_of_service_stays_so_whatever_the_clock_was(room: Room) -> None:
    room.now_ms += HOUR
    room.do("out_of_service", reason="r", review_ms=room.now_ms + 24 * HOUR)
    room.tick(-HOUR)
    assert room.where == "OOSRV+"


# ---- re-alarm and the sweep after a clock was ahead ----------------------------------------------------------------


def test_what_was_acknowledged_while_the_clock_was_ahead_asks_anew_after_the_time_of_its_rule(room: Room) -> None:
    room.now_ms += 240 * HOUR
    room.give(ack(TARGET, 1))
    due_ms = room.alert.realarm_ms
    room.tick(-CLOCK_BACK_MS)
    assert room.alert.realarm_ms == due_ms
    room.tick(CLOCK_BACK_MS - 240 * HOUR)
    room.restart()
    assert (room.where, room.alert.realarm_ms) == ("ACKED", room.now_ms + 10 * MIN)
    version = room.alert.version
    room.tick(10 * MIN - 1)
    assert (room.where, room.alert.version) == ("ACKED", version)
    room.tick(1)
    assert (room.where, room.alert.realarms, room.last.reason) == ("UNACK", 1, "REALARMED")


def test_closed_alerts_leave_also_after_a_clock_was_ahead(room: Room) -> None:
    room.tick(720 * HOUR)
    room.tick(-720 * HOUR)
    room.give(ack(TARGET, 1), off(2))
    assert room.alert.closed
    room.tick(CLOSED_KEPT_MS + MIN)
    assert TARGET not in room.step.alerts


# ---- out of service ----------------------------------------------------------------------------------------------


def test_out_of_service_is_of_engineers_with_a_date_of_review(room: Room) -> None:
    review_ms = room.now_ms + 24 * HOUR
    assert room.do("out_of_service", role="dispatcher", reason="r", review_ms=review_ms) == "FORBIDDEN"
    assert room.do("out_of_service", reason="thay cảm biến", review_ms=review_ms) == "DONE"
    assert room.where == "OOSRV+"
    room.tick(24 * HOUR - 1)
    assert room.last.what == "out_of_service"
    room.restart()
    room.tick(1)
    assert (room.last.what, room.where) == ("review-due", "OOSRV+")
    assert room.alert.hidden is not None
    assert room.alert.hidden.review_told
    room.restart()
    assert room.tick(1).emits == []
    assert room.do("out_of_service", reason="r", review_ms=room.now_ms + 1) == "ALREADY"
    assert room.last.by == "lan"
    assert room.do("return_to_service") == "DONE"
    assert room.where == "UNACK"


@pytest.mark.parametrize("ahead_ms", [None, 0, -1, REVIEW_MAX_S * 1000 + 1])
def test_a_date_of_review_lies_ahead(room: Room, ahead_ms: int | None) -> None:
    review_ms = None if ahead_ms is None else room.now_ms + ahead_ms
    assert room.do("out_of_service", reason="r", review_ms=review_ms) == "REFUSED"
    assert room.last.reason == "BAD_REVIEW"


# ---- by design ---------------------------------------------------------------------------------------------------


def test_what_another_alert_explains_is_suppressed_and_then_asks_anew(room: Room) -> None:
    room.give(ack(TARGET, 1))
    room.give(signal(revision=2, muted_by="A-9"))
    assert (room.where, room.last.what, room.alert.muted_by) == ("DSUPR+", "muted", "A-9")
    assert room.do("ack") == "REFUSED"
    assert room.last.reason == "SUPPRESSED_NOW"
    room.give(signal(revision=3))
    assert (room.where, room.last.what, room.alert.acked_by) == ("UNACK", "unmuted", None)


def test_a_shelf_goes_before_and_what_explains_it_comes_after(room: Room) -> None:
    room.do("shelve", reason="r")
    room.give(signal(revision=2, muted_by="A-9"))
    assert room.where == "SHLVD+"
    assert room.do("unshelve") == "DONE"
    assert room.where == "DSUPR+"
    room.give(off(3))
    assert (room.where, room.last.what) == ("NORM", "hidden-occurrence")
