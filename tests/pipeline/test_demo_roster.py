"""The roster that comes along: each handover of it needs two people, and the demo makes their accounts."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from ioc.adapters.accounts_store import DEMO_ACCOUNTS
from ioc.adapters.profiles import load_profile
from ioc.domain.duty import without_account
from ioc.domain.handover import SIGNERS, Digest, Handover
from ioc.domain.profile import Profile
from ioc.domain.times import to_ms
from ioc.pipeline.shift_calendar import Calendar
from tests.pipeline.handover_room import Room
from tests.pipeline.small_province import MIN, PROFILE
from tests.pipeline.test_alerting import signal

SHIPPED = load_profile("dongnai-2023", with_rules=False, with_parts=True)
NOTHING = Digest(at_ms=0, raised=0, ended=0, counts={}, items=())


def handovers(profile: Profile) -> list[Handover]:
    """Those of two weeks around the swap that the file names."""
    calendar = Calendar(profile)
    end_ms = to_ms(datetime(2026, 12, 3, 7, 0, tzinfo=ZoneInfo(profile.timezone)))
    return [calendar.handover(shift, NOTHING) for shift in calendar.ended(0, end_ms)]


def two_people(one: Handover) -> bool:
    """Are there accounts on both sides, and none on both?"""
    out, into = set(one.outgoing_accounts), set(one.incoming_accounts)
    return bool(out and into) and not out & into


def test_each_handover_has_accounts_on_both_sides_and_nobody_on_both() -> None:
    found = handovers(SHIPPED)
    assert len(found) >= 3 * 13
    assert [one for one in found if not two_people(one)] == []


def test_the_check_finds_a_shift_without_accounts_and_one_that_goes_on() -> None:
    people = tuple(
        replace(one, account="" if one.id in ("truc-ban-3", "truong-ca-3") else one.account)
        for one in SHIPPED.duty.people
    )
    assert not all(two_people(one) for one in handovers(replace(SHIPPED, duty=replace(SHIPPED.duty, people=people))))
    same = tuple(replace(one, account="lan") for one in SHIPPED.duty.people)
    assert not any(two_people(one) for one in handovers(replace(SHIPPED, duty=replace(SHIPPED.duty, people=same))))


def test_everybody_on_the_roster_has_an_account_of_their_own_that_the_demo_makes_and_that_may_sign() -> None:
    on_roster = {name for roster in SHIPPED.duty.rosters for shift in roster.shifts for name in shift.people}
    accounts = [one.account for one in SHIPPED.duty.people if one.id in on_roster]
    assert len(accounts) == 6
    assert all(accounts)
    assert len(set(accounts)) == len(accounts)
    assert list(without_account(SHIPPED.duty, {name for name, _, role in DEMO_ACCOUNTS if role in SIGNERS})) == []


def test_the_outgoing_dispatcher_does_not_take_alone_after_the_end_of_the_shift() -> None:
    profile = replace(PROFILE, duty=replace(SHIPPED.duty, chains=()), holidays=SHIPPED.holidays)
    room = Room(profile)
    room.now_ms = to_ms(datetime(2026, 11, 26, 9, 0, tzinfo=ZoneInfo(profile.timezone)))
    room.give(signal(since_ms=room.now_ms, observed_ms=room.now_ms))
    room.go(room.now_ms + MIN)
    end_ms = to_ms(datetime(2026, 11, 26, 14, 0, tzinfo=ZoneInfo(profile.timezone)))
    room.go(end_ms - 5 * MIN)
    room.go(end_ms + MIN)
    [name] = room.handovers()
    one = room.handover(name)
    for who in one.outgoing_accounts:
        assert room.take(who, name).reason == "NOT_ON_ROSTER"
    assert room.do("give", one.outgoing_accounts[0], name).outcome == "DONE"
    assert room.take(one.outgoing_accounts[0], name).reason == "SAME_PERSON"
    assert room.take(one.incoming_accounts[0], name).outcome == "DONE"
