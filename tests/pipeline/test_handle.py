"""Commands of people beside the acknowledgement, through the step as the job runs it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import astuple, replace

from ioc.domain.alerts import Command, alert_id
from ioc.domain.desk_commands import COMMAND_OLD_MS
from ioc.domain.handling import OPS, may
from ioc.domain.plain_text import is_plain
from ioc.pipeline import handle
from tests.pipeline.life_room import FIRE, HOUR, TARGET, Room, a_room, off
from tests.pipeline.small_province import S, T
from tests.pipeline.test_alerting import KEY, ack, signal


@pytest.fixture
def room() -> Room:
    return a_room()


# ---- giving back, re-alarm, latching, closing, opening ----------------------------------------------------------


def test_given_back_asks_anew_and_needs_a_reason(room: Room) -> None:
    assert room.do("unack", reason="r") == "ALREADY"
    room.do("ack")
    assert room.do("unack") == "REFUSED"
    assert room.last.reason == "NO_REASON"
    assert room.do("unack", reason="nhầm", who="minh") == "DONE"
    assert (room.where, room.alert.acked_by) == ("UNACK", None)
    assert room.do("unack", reason="r") == "ALREADY"
    assert room.last.by == "minh"


def test_who_gives_back_what_was_taken_since_is_stale(room: Room) -> None:
    room.do("ack")
    seen = room.alert.version
    room.do("unack", reason="r")
    room.do("ack", who="minh")
    assert room.do("unack", reason="r", version=seen) == "STALE"
    assert room.alert.acked_by == "minh"


def test_still_there_after_the_time_of_the_rule_it_asks_anew(room: Room) -> None:
    room.do("ack")
    assert room.alert.realarm_ms == room.now_ms + 600 * S
    room.restart()
    room.tick(600 * S)
    assert (room.where, room.last.what, room.alert.realarms) == ("UNACK", "re-alarmed", 1)
    room.do("ack")
    room.give(off(2))
    assert (room.where, room.alert.realarm_ms) == ("NORM", None)
    assert room.tick(HOUR).emits == []


def test_a_latched_alert_waits_for_its_reset() -> None:
    room = Room()
    target = alert_id("fire", FIRE, T)
    room.give(signal(key=FIRE, rule="fire"))
    of_fire: dict[str, Any] = {"key": FIRE, "alert_id": target}

    def do(op: str, **more: Any) -> str:
        return room.do(op, version=room.alert.version, **of_fire, **more)

    assert do("reset") == "REFUSED"
    assert do("ack") == "DONE"
    room.give(off(2, key=FIRE, rule="fire"))
    assert (room.where, room.alert.state, room.alert.closed) == ("LATCHED", "ACKED", False)
    assert do("ack") == "ALREADY_ACKED"
    assert do("reset", who="minh") == "DONE"
    assert room.where == "NORM"
    assert do("reset") == "ALREADY"
    assert room.last.by == "minh"


def test_closing_what_is_still_there_acknowledges_it_and_closes_when_it_goes(room: Room) -> None:
    assert room.do("close") == "REFUSED"
    assert room.do("close", result="false_alarm", note="hơi nước") == "DONE"
    assert (room.where, room.alert.closed, room.alert.acked_by, room.alert.realarm_ms) == ("ACKED", False, "lan", None)
    assert (room.last.detail, room.last.note) == ("false_alarm", "hơi nước")
    assert room.do("close", result="handled", who="minh") == "ALREADY"
    assert room.last.by == "lan"
    room.give(off(2))
    assert room.alert.closed
    assert room.alert.result is not None
    assert room.alert.result.code == "false_alarm"


def test_what_becomes_worse_after_a_result_asks_anew_without_it(room: Room) -> None:
    room.do("close", result="handled")
    room.give(signal(revision=2, priority=1))
    assert (room.where, room.alert.result) == ("UNACK", None)


def test_a_result_is_recorded_after_the_end_too_once(room: Room) -> None:
    room.give(ack(TARGET, 1), off(2))
    assert room.do("close", result="handled", version=1) == "CLEARED_ALREADY"
    assert room.alert.result is not None
    assert room.do("close", result="test") == "ALREADY"


def test_opened_again_it_is_listed_as_gone_and_unseen(room: Room) -> None:
    assert room.do("reopen", reason="r") == "ALREADY"
    room.give(off(2))
    assert room.do("close", result="handled") == "DONE"
    assert room.where == "NORM"
    room.restart()
    assert room.do("reopen", reason="chưa xong") == "DONE"
    assert (room.where, room.alert.result, room.alert.acked_by) == ("RTNUN", None, None)
    room.give(signal(revision=3))
    assert (room.where, room.last.what) == ("UNACK", "re-raised")


# ---- what does not move it ---------------------------------------------------------------------------------------


def test_notes_never_make_anybody_stale(room: Room) -> None:
    assert room.do("comment", note="đã gọi", version=1) == "DONE"
    assert room.do("comment", note="đã gọi lại", version=1) == "DONE"
    assert room.do("dispatch", agency="114", version=1) == "DONE"
    assert room.do("step", item="call", version=1) == "DONE"
    assert (room.alert.comments, room.alert.version, room.where) == (2, 5, "UNACK")
    assert room.do("ack", version=1) == "DONE"


def test_an_agency_and_a_step_are_of_the_lists_and_done_once(room: Room) -> None:
    assert room.do("dispatch", agency="116") == "REFUSED"
    assert room.last.reason == "UNKNOWN_AGENCY"
    assert room.do("step", item="dance") == "REFUSED"
    assert room.last.reason == "UNKNOWN_STEP"
    assert room.do("comment", note="  ") == "REFUSED"
    for op, more in (("dispatch", {"agency": "114"}), ("step", {"item": "call"})):
        assert room.do(op, **more) == "DONE"
        at_ms = room.now_ms
        room.now_ms += S
        assert room.do(op, who="minh", **more) == "ALREADY"
        assert (room.last.by, room.last.by_at_ms) == ("lan", at_ms)


def test_of_two_who_take_it_one_has_it(room: Room) -> None:
    assert room.do("take", version=1) == "DONE"
    assert room.do("take", version=1, who="minh") == "ALREADY"
    assert (room.last.by, room.last.reason) == ("lan", "ASSIGNED_SINCE")
    assert room.do("take") == "ALREADY"
    assert room.do("assign", assignee="minh") == "DONE"  # knowing whose it is
    assert room.alert.assigned is not None
    assert (room.alert.assigned.to, room.alert.assigned.by) == ("minh", "lan")
    assert not room.alert.acked  # taking notice is another fact
    assert room.do("assign") == "REFUSED"


def test_of_a_closed_alert_only_comments(room: Room) -> None:
    room.give(ack(TARGET, 1), off(2))
    assert room.do("comment", note="xong") == "DONE"
    for op, more in (("take", {}), ("dispatch", {"agency": "114"}), ("step", {"item": "call"})):
        assert room.do(op, **more) == "CLEARED_ALREADY"


# ---- every command -----------------------------------------------------------------------------------------------

COMPLETE: dict[str, dict[str, Any]] = {
    "unack": {"reason": "r"},
    "assign": {"assignee": "minh"},
    "dispatch": {"agency": "114"},
    "comment": {"note": "n"},
    "step": {"item": "call"},
    "shelve": {"reason": "r"},
    "out_of_service": {"reason": "r", "review_ms": T + HOUR},
    "close": {"result": "handled"},
    "reopen": {"reason": "r"},
}


@pytest.mark.parametrize("op", OPS)
def test_every_operation_of_an_unknown_alert_or_a_version_never_shown(room: Room, op: str) -> None:
    more = COMPLETE.get(op, {})
    assert room.do(op, alert_id="A-none", version=1, **more) == "NOT_FOUND"
    assert room.do(op, version=99, **more) == "REFUSED"
    assert room.last.reason == "VERSION_NEVER_SHOWN"
    assert room.do(op, who="", **more) == "REFUSED"


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("role", ["wall", "viewer", "operator", "dispatcher", "engineer", "admin", "someone"])
def test_rights(room: Room, op: str, role: str) -> None:
    before = room.alert
    outcome = room.do(op, role=role, **COMPLETE.get(op, {}))
    assert (outcome == "FORBIDDEN") == (not may(role, op))  # type: ignore[arg-type]
    if outcome == "FORBIDDEN":
        assert (room.alert, room.last.reason) == (before, "forbidden")


@pytest.mark.parametrize("op", OPS)
def test_the_same_command_again_has_the_same_answer_and_one_effect(room: Room, op: str) -> None:
    command = room.command(op, **COMPLETE.get(op, {}))
    room.give(command)
    entry, alert = room.last, room.alert
    room.restart()
    room.now_ms += S
    room.give(replace(command, station="bàn 9", sent_ms=5))
    assert (room.last, room.alert) == (entry, alert)
    room.give(replace(command, note="khác"))
    assert (room.last.outcome, room.last.reason, room.alert) == ("MISMATCH", "idempotency_mismatch", alert)
    assert room.last.id != entry.id
    room.now_ms += S
    room.give(replace(command, note="khác"), command)
    assert room.log[-2].outcome == "MISMATCH"
    assert room.log[-2].at_ms == room.now_ms
    assert room.last == entry


def test_an_id_used_for_another_alert_is_a_mismatch(room: Room) -> None:
    other = KEY.replace("R1", "R2")
    room.give(signal(key=other, site="R2"))
    command = room.command("comment", note="n", version=1)
    room.give(command)
    elsewhere = replace(command, key=other, alert_id=alert_id("level", other, T))
    room.restart()
    room.give(elsewhere)
    assert room.last.outcome == "MISMATCH"


# ---- the checks can fail -----------------------------------------------------------------------------------------


def test_seen_commands_without_roles(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handle, "may", lambda role, op: True)
    assert room.do("shelve", role="viewer", reason="r") == "DONE"


def test_the_digest_tells_every_argument_apart_and_nothing_else() -> None:
    plain = Command(
        key=KEY, command_id="c", op="shelve", alert_id="A", expected_version=1, actor="lan", actor_display="Lan"
    )
    more: dict[str, Any] = {"note": "n", "reason": "r", "assignee": "a", "agency": "g", "item": "i", "for_s": 5}
    more |= {"once": True, "review_ms": 5, "result": "test", "op": "close", "alert_id": "B", "expected_version": 2}
    more |= {"actor": "minh"}
    digests = {replace(plain, **{name: value}).digest for name, value in more.items()}
    assert len(digests | {plain.digest}) == len(more) + 1
    aside = {"station": "b", "role": "admin", "sent_ms": 9, "actor_display": "L", "command_id": "d", "key": "k"}
    assert replace(plain, **aside).digest == plain.digest
    assert set(plain.__struct_fields__) == {*more, *aside}


# ---- text --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op", "field", "text"),
    [
        ("comment", "note", "a\x00b"),
        ("comment", "note", "a\rb"),
        ("ack", "note", "\x00"),
        ("shelve", "reason", "\x1b[2J"),
        ("assign", "assignee", "mi\nnh"),
        ("dispatch", "agency", "114\x00"),
        ("step", "item", "\x7f"),
        ("ack", "station", "bàn\x00"),
        ("ack", "actor_display", "L\x00n"),
        ("ack", "command_id", "k\x00"),
    ],
)
def test_control_characters_are_refused_and_the_line_can_be_kept(room: Room, op: str, field: str, text: str) -> None:
    version = room.alert.version
    command = room.command(op, **{field: text})
    room.give(command)
    assert (room.last.outcome, room.last.reason, room.alert.version) == ("REFUSED", "BAD_TEXT", version)
    assert not [value for value in astuple(room.last) if isinstance(value, str) and not is_plain(value, lines=True)]
    first = room.last
    room.give(command)
    assert room.last == first, "a repeat has the same answer"


def test_the_line_of_a_mismatch_can_be_kept_too(room: Room) -> None:
    room.give(room.command("comment", note="n", command_id="k1"))
    room.give(room.command("comment", note="n\x00", command_id="k1"))
    assert (room.last.outcome, room.last.note) == ("MISMATCH", "n\ufffd")


def test_notes_and_reasons_may_have_lines(room: Room) -> None:
    assert room.do("comment", note="một\n\thai") == "DONE"
    assert room.last.note == "một\n\thai"
    assert room.do("shelve", reason="một\nhai") == "DONE"


# ---- commands that were under way for too long ---------------------------------------------------------------------


@pytest.mark.parametrize("op", OPS)
def test_what_was_asked_long_ago_changes_nothing(room: Room, op: str) -> None:
    before = room.alert
    command = replace(room.command(op, **COMPLETE.get(op, {})), sent_ms=room.now_ms - COMMAND_OLD_MS - 1)
    room.give(command)
    late = room.last
    assert (room.alert, late.accepted) == (before, False)
    room.give(replace(command, sent_ms=room.now_ms))
    assert room.last == late, "that is the answer to its id"
    just = replace(command, command_id="just", sent_ms=room.now_ms - COMMAND_OLD_MS)
    room.give(just)
    if room.alert == before:
        assert room.last.reason == late.reason  # it would have changed nothing anyway
    else:
        assert (late.outcome, late.reason, late.to_state) == ("REFUSED", "TOO_OLD", before.state)


def test_an_old_one_still_hears_who_was_faster(room: Room) -> None:
    room.do("ack", who="minh")
    room.give(replace(room.command("ack"), sent_ms=room.now_ms - COMMAND_OLD_MS - 1))
    assert (room.last.outcome, room.last.by) == ("ALREADY_ACKED", "minh")


def test_a_command_of_which_nobody_knows_when_it_was_asked_goes_as_ever(room: Room) -> None:
    assert room.command("ack").sent_ms == 0
    assert room.do("ack") == "DONE"
