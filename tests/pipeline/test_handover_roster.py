"""Who signs for a shift: the accounts of its people, and who stands in for them with a reason."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ioc.domain import handover_signing
from ioc.domain.duty import Duty, RosterChange
from ioc.domain.handover_digest import digest_hash
from ioc.domain.profile import Profile
from tests.pipeline.handover_room import DUTY, END, FIRST, PROVINCE, SHIFT_MS, Room, name_of
from tests.pipeline.small_province import MIN, T
from tests.pipeline.test_alerting import signal

ACCOUNTS = {"an": "lan", "binh": "hung", "chi": ""}


def linked(duty: Duty = DUTY, **accounts: str) -> Profile:
    people = tuple(replace(one, account=(ACCOUNTS | accounts)[one.id]) for one in duty.people)
    return replace(PROVINCE, duty=replace(duty, people=people))


def at_the_end(profile: Profile | None = None) -> Room:
    room = Room(linked() if profile is None else profile)
    room.give(signal())
    room.go(T + MIN)
    room.go(END - 10 * MIN)
    return room


def said(room: Room, op: str, who: str, of: str = FIRST, **more: Any) -> tuple[str | None, str]:
    entry = room.do(op, who, of, **({"digest_hash": room.handover(of).digest_hash} | more))
    return entry.outcome, entry.reason


def test_the_people_of_the_two_shifts_sign_as_ever() -> None:
    room = at_the_end()
    one = room.handover()
    assert (one.outgoing_accounts, one.incoming_accounts) == (("lan",), ("hung",))
    assert said(room, "give", "lan") == ("DONE", "GIVEN")
    assert said(room, "take", "hung", standing_in=True, reason="x") == ("DONE", "TAKEN")
    one = room.handover()
    assert one.taken is not None
    assert one.taken.standing_in == "", "who is on the roster stands in for nobody"


@pytest.mark.parametrize("who", ["minh", "hung"])
def test_another_one_gives_only_as_standing_in_with_a_reason(who: str) -> None:
    room = at_the_end()
    assert said(room, "give", who) == ("REFUSED", "NOT_ON_ROSTER")
    assert said(room, "give", who, reason="lan ốm") == ("REFUSED", "NOT_ON_ROSTER"), "it has to be said"
    assert said(room, "give", who, standing_in=True) == ("REFUSED", "NO_REASON")
    assert said(room, "give", who, standing_in=True, reason="x" * 501) == ("REFUSED", "LONG_REASON")
    assert said(room, "give", who, standing_in=True, reason="a\x00b") == ("REFUSED", "BAD_TEXT")
    before = room.handover()
    entry = room.do("give", who, standing_in=True, reason=" lan ốm ")
    one = room.handover()
    assert one.given is not None
    assert (entry.outcome, entry.note, one.given.standing_in) == ("DONE", "lan ốm", "lan ốm")
    assert entry.detail == f"digest={before.digest_hash} standing_in"
    assert one.digest_hash == digest_hash(one.digest, one.notes, one.addendum, one.given), (
        "the incoming one signs for it"
    )
    other = replace(one.given, standing_in="")
    assert one.digest_hash != digest_hash(one.digest, one.notes, one.addendum, other)


def test_the_outgoing_shift_does_not_sign_for_the_incoming_one_without_saying_so() -> None:
    room = at_the_end()
    room.go(END + MIN)
    assert said(room, "take", "lan") == ("REFUSED", "NOT_ON_ROSTER")
    assert said(room, "take", "minh") == ("REFUSED", "NOT_ON_ROSTER")
    assert said(room, "take", "lan", standing_in=True, reason="hung đến muộn") == ("DONE", "TAKEN")
    one = room.handover()
    assert one.taken is not None
    assert one.taken.standing_in == "hung đến muộn"


def test_a_shift_none_of_whose_people_has_an_account_is_signed_for_by_anybody() -> None:
    room = at_the_end()
    room.go(END + SHIFT_MS - 10 * MIN)
    second = room.handover(name_of(1))
    assert (second.outgoing_accounts, second.incoming_accounts) == (("hung",), ())
    assert said(room, "give", "hung", name_of(1)) == ("DONE", "GIVEN")
    assert said(room, "take", "minh", name_of(1)) == ("DONE", "TAKEN")


def test_without_accounts_all_is_as_it_was_and_who_stands_in_may_say_so() -> None:
    room = at_the_end(PROVINCE)
    assert said(room, "give", "minh") == ("DONE", "GIVEN")
    assert said(room, "take", "hung", standing_in=True) == ("REFUSED", "NO_REASON")
    assert said(room, "take", "hung", standing_in=True, reason="a\x00b") == ("REFUSED", "BAD_TEXT")
    assert said(room, "take", "hung", standing_in=True, reason="thay bình") == ("DONE", "TAKEN")
    one = room.handover()
    assert (one.given and one.given.standing_in, one.taken and one.taken.standing_in) == ("", "thay bình")


def test_notes_are_of_everybody() -> None:
    room = at_the_end()
    assert room.do("note", "minh", text="x").outcome == "DONE"


@pytest.mark.parametrize("restart", [False, True])
def test_a_swap_counts_until_the_signature(restart: bool) -> None:
    room = at_the_end()
    assert said(room, "give", "lan") == ("DONE", "GIVEN")
    given = room.handover()
    day = RosterChange(date="2026-11-24", people=("chi",), start="14:00", end="22:00")
    room.profile = linked(replace(DUTY, rosters=(replace(DUTY.rosters[0], changes=(day,)),)), chi="mai", an="khac")
    if restart:
        room.flush()
        room.crash()
    else:
        room.desk.use(room.profile, room.now_ms)
    room.go(room.now_ms + MIN)
    one = room.handover()
    assert (one.incoming, one.incoming_accounts) == (("Chi",), ("mai",))
    assert (one.outgoing_accounts, one.digest_hash) == (("lan",), given.digest_hash), "that was signed"
    assert said(room, "take", "hung") == ("REFUSED", "NOT_ON_ROSTER")
    assert said(room, "take", "mai") == ("DONE", "TAKEN")


def test_a_repeat_has_the_same_answer_and_another_reason_is_another_command() -> None:
    room = at_the_end()
    first = room.do("give", "minh", command_id="c-9", standing_in=True, reason="lan ốm")
    room.flush()
    room.crash()
    assert room.do("give", "minh", command_id="c-9", standing_in=True, reason="lan ốm") == first
    assert room.do("give", "minh", command_id="c-9", standing_in=True, reason="khác").outcome == "MISMATCH"
    assert room.do("give", "minh", command_id="c-9").outcome == "MISMATCH"


def test_a_field_that_came_later_changes_no_digest_of_before() -> None:
    command = handover_signing.HandoverCommand(
        command_id="c", actor="lan", actor_display="Lan", op="give", handover_id="H-1"
    )
    assert command.asked == ("give", "H-1", "", "")


@pytest.mark.parametrize("test", [test_the_outgoing_shift_does_not_sign_for_the_incoming_one_without_saying_so])
def test_a_planted_mistake_is_found(test: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover_signing, "_off_roster", lambda *_: None)
    with pytest.raises(AssertionError):
        test()
