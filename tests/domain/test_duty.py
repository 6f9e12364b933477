"""Who is on duty when, whom a step reaches, and what is wrong with a file."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ioc.domain.dispatch import Names
from ioc.domain.duty import (
    DAYS,
    Chain,
    ChainStep,
    Duty,
    Person,
    Roster,
    RosterChange,
    Shift,
    called,
    chain_of,
    on_shift,
    problems,
    without_account,
)
from ioc.domain.handover_setup import HandoverSetup
from ioc.domain.times import to_ms
from tests.samples import an_alert

VN = ZoneInfo("Asia/Ho_Chi_Minh")
HOLIDAYS = frozenset({"2026-11-26"})
ROSTER = Roster(
    id="desk",
    name_vi="Bàn",
    name_en="Desk",
    shifts=(
        Shift(people=("an",), start="06:00", end="22:00", holidays="skip"),
        Shift(people=("binh",), days=("tue", "wed"), start="22:00", end="06:00"),
        Shift(people=("chi", "an"), start="06:00", end="22:00", holidays="only"),
    ),
    changes=(
        RosterChange(date="2026-11-25", people=("chi",), start="21:00", end="02:00"),
        RosterChange(date="2026-11-28", start="08:00", end="09:00"),
    ),
)
PEOPLE = (
    Person(id="an", name="An", channels=("log", "sms"), roles=("chief",)),
    Person(id="binh", name="Bình", channels=("log",)),
    Person(id="chi", name="Chi", channels=("mail",), roles=("chief", "doctor")),
)
DUTY = Duty(people=PEOPLE, rosters=(ROSTER,))


def at(text: str, zone: ZoneInfo = VN) -> int:
    return to_ms(datetime.fromisoformat(text).replace(tzinfo=zone))


@pytest.mark.parametrize(
    ("when", "who"),
    [
        ("2026-11-24 05:59", ()),  # Tuesday; the night of Monday has nobody
        ("2026-11-24 06:00", ("an",)),
        ("2026-11-24 21:59", ("an",)),
        ("2026-11-24 22:00", ("binh",)),
        ("2026-11-25 05:59", ("binh",)),  # the night that began on Tuesday
        ("2026-11-25 06:00", ("an",)),
        ("2026-11-25 20:59", ("an",)),
        ("2026-11-25 21:00", ("chi",)),  # swapped, across midnight, also instead of the night shift
        ("2026-11-26 01:59", ("chi",)),
        ("2026-11-26 02:00", ("binh",)),  # what is left of the night of Wednesday
        ("2026-11-26 06:00", ("chi", "an")),  # a holiday
        ("2026-11-26 23:00", ()),
        ("2026-11-28 07:59", ("an",)),
        ("2026-11-28 08:30", ()),  # nobody instead
        ("2026-11-28 09:00", ("an",)),
    ],
)
def test_who_is_on_shift(when: str, who: tuple[str, ...]) -> None:
    assert on_shift(ROSTER, at(when), VN, HOLIDAYS) == who


def test_local_hours_are_kept_when_the_clocks_of_a_zone_change() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    roster = Roster(id="r", name_vi="r", name_en="r", shifts=(Shift(people=("an",), start="06:00", end="22:00"),))
    for day in ("2026-03-28", "2026-03-29", "2026-10-25"):
        assert on_shift(roster, at(f"{day} 06:00", berlin), berlin, ()) == ("an",)
        assert on_shift(roster, at(f"{day} 06:00", berlin) - 1, berlin, ()) == ()
        assert on_shift(roster, at(f"{day} 22:00", berlin), berlin, ()) == ()


@given(st.integers(0, 13 * 24 * 60), st.sampled_from(DAYS), st.integers(0, 23), st.integers(1, 24))
def test_a_weekly_shift_is_the_hours_after_its_start(minute: int, day: str, start_h: int, length_h: int) -> None:
    """Seen as an interval of time and not as hours of days."""
    end = f"{(start_h + length_h) % 24:02d}:00"
    shift = Shift(people=("an",), days=(day,), start=f"{start_h:02d}:00", end=end)  # type: ignore[arg-type]
    roster = Roster(id="r", name_vi="r", name_en="r", shifts=(shift,))
    now = datetime(2026, 11, 23, tzinfo=VN) + timedelta(minutes=minute)
    on = False
    for back in range(2):
        first = now.date() - timedelta(days=back)
        begins = datetime(first.year, first.month, first.day, start_h, tzinfo=VN)
        on |= DAYS[first.weekday()] == day and begins <= now < begins + timedelta(hours=length_h)
    assert (on_shift(roster, to_ms(now), VN, ()) == ("an",)) == on


def test_whom_a_step_reaches() -> None:
    def reach(when: str, **step: Any) -> tuple[tuple[str, ...], tuple[str, ...], str]:
        found = called(DUTY, ChainStep(wait_s=0, **step), at(when), VN, HOLIDAYS)
        return found.whom, found.channels, found.reason

    day, hole = "2026-11-24 12:00", "2026-11-28 08:30"
    assert reach(day, roster="desk") == (("An",), ("log", "sms"), "")
    assert reach("2026-11-26 12:00", roster="desk") == (("Chi", "An"), ("mail", "log", "sms"), "")
    assert reach(hole, roster="desk") == ((), (), "EMPTY_ROSTER")
    assert reach(hole, person="binh") == (("Bình",), ("log",), ""), "who is named is called on any day"
    assert reach(day, role="chief") == (("An",), ("log", "sms"), "")
    assert reach("2026-11-25 22:00", role="doctor") == (("Chi",), ("mail",), "")
    assert reach(day, role="doctor") == ((), (), "EMPTY_ROSTER"), "she has the role, and is off"
    for gone in ({"person": "dung"}, {"roster": "old"}, {"role": "pilot"}):
        assert reach(day, **gone) == ((), (), "NOT_IN_PROFILE")


def test_the_first_chain_that_fits_counts() -> None:
    steps = (ChainStep(wait_s=0, person="an"),)
    river = Chain(id="river", steps=steps, rules=("hydro-level",), priorities=(1, 2))
    town = Chain(id="town", steps=steps, areas=("731",), centres=("bien-hoa",))
    alert = an_alert("A-1", 1)
    assert chain_of((river, town), alert) == river
    assert chain_of((river, town), replace(alert, priority=3)) == town
    assert chain_of((river, town), replace(alert, priority=3, area="26041")) is None
    assert chain_of((town, river), alert) == town
    assert chain_of((river, town), replace(alert, rule="rain", centre="tinh")) is None
    assert chain_of((replace(river, rules=(), priorities=()),), replace(alert, rule="x")) is not None


GOOD = Duty(
    people=PEOPLE,
    rosters=(ROSTER,),
    chains=(Chain(id="c", steps=(ChainStep(wait_s=60, role="chief"), ChainStep(wait_s=0, roster="desk"))),),
)
NAMES = Names(centres=frozenset({"tinh"}), areas=frozenset({"75"}), rules=frozenset({"rain"}), types=frozenset())


def said(duty: Duty, names: Names | None = NAMES) -> list[str]:
    return list(problems(duty, {"log", "sms", "mail"}, names))


def test_a_good_file_has_no_problem() -> None:
    assert said(GOOD) == []
    assert said(Duty()) == []


def _person(**more: Any) -> Duty:
    return replace(GOOD, people=(replace(PEOPLE[0], **more), *PEOPLE[1:]))


def _shift(**more: Any) -> Duty:
    return replace(GOOD, rosters=(replace(ROSTER, shifts=(replace(ROSTER.shifts[0], **more),)),))


def _change(**more: Any) -> Duty:
    return replace(GOOD, rosters=(replace(ROSTER, changes=(replace(ROSTER.changes[0], **more),)),))


def _hands_over(**more: Any) -> Duty:
    return replace(GOOD, handover=HandoverSetup(**({"roster": "desk"} | more)))


def _chain(**more: Any) -> Duty:
    return replace(GOOD, chains=(replace(GOOD.chains[0], **more),))


def _step(**more: Any) -> Duty:
    return _chain(steps=(replace(GOOD.chains[0].steps[0], **more),))


@pytest.mark.parametrize(
    ("duty", "sentence"),
    [
        (_person(channels=("pager",)), "people[0] (an).channels: there is no channel 'pager'"),
        (_person(channels=()), "people[0] (an).channels: must name a channel, or nobody can be called"),
        (_person(name=" "), "people[0] (an).name: must say something"),
        (replace(GOOD, people=(*PEOPLE, PEOPLE[0])), "people: 'an' occurs twice"),
        (_chain(id="Khẩn"), "chains[0] (Khẩn).id: must be 1 to 40 lower-case letters, digits and -"),
        (_shift(people=("dung",)), "rosters[0] (desk).shifts[0].people: there is no person 'dung'"),
        (_shift(people=()), "rosters[0] (desk).shifts[0].people: must name somebody"),
        (_shift(days=()), "rosters[0] (desk).shifts[0].days: without a day nobody is ever on this shift"),
        (_shift(start="24:00"), "rosters[0] (desk).shifts[0].start: a day starts at 00:00"),
        (_shift(end="9h"), "rosters[0] (desk).shifts[0].end: '9h' is not a time of day such as 07:30 or 24:00"),
        (_change(date="24/11"), "rosters[0] (desk).changes[0].date: must be a day such as 2026-01-20"),
        (_change(date="2026-02-30"), "rosters[0] (desk).changes[0].date: must be a day such as 2026-01-20"),
        (_change(people=("dung",)), "rosters[0] (desk).changes[0].people: there is no person 'dung'"),
        (_chain(steps=()), "chains[0] (c).steps: must be 1 to 20"),
        (_chain(repeat=6), "chains[0] (c).repeat: must be 0 to 5"),
        (_chain(rules=("rainn",)), "chains[0] (c).rules: there is no 'rainn'"),
        (_chain(centres=("x",)), "chains[0] (c).centres: there is no 'x'"),
        (_chain(areas=("76",)), "chains[0] (c).areas: there is no '76'"),
        (_step(wait_s=-1.0), "chains[0] (c).steps[0].wait_s: must be 0 to 86400 seconds"),
        (_step(wait_s=86_401.0), "chains[0] (c).steps[0].wait_s: must be 0 to 86400 seconds"),
        (_step(person="an"), "chains[0] (c).steps[0]: must name one of person, roster and role"),
        (_step(role=""), "chains[0] (c).steps[0]: must name one of person, roster and role"),
        (_step(role="pilot"), "chains[0] (c).steps[0].role: there is no 'pilot'"),
        (_step(role="", roster="x"), "chains[0] (c).steps[0].roster: there is no 'x'"),
        (_hands_over(roster="x"), "handover.roster: there is no 'x'"),
        (_hands_over(sign_within_s=59.0), "handover.sign_within_s: must be 60 to 14400 seconds"),
        (
            replace(GOOD, people=(replace(GOOD.people[0], account="Lan A"), *GOOD.people[1:])),
            "people[0] (an).account: must be lower-case letters, digits, - and _, a letter first, at most 32",
        ),
        (_hands_over(realarm_s=59.0), "handover.realarm_s: must be 60 to 14400 seconds"),
        (_hands_over(draft_before_s=86_401.0), "handover.draft_before_s: must be 60 to 86400 seconds"),
        (_step(role="", person="x"), "chains[0] (c).steps[0].person: there is no 'x'"),
    ],
)
def test_a_mistake_is_one_sentence_with_its_place(duty: Duty, sentence: str) -> None:
    assert said(duty) == [sentence]


def test_names_of_other_files_are_not_looked_at_when_these_are_wrong() -> None:
    assert said(_chain(rules=("rainn",)), None) == []


def test_an_account_that_cannot_sign_is_found() -> None:
    people = (replace(PEOPLE[0], account="an"), replace(PEOPLE[1], account="binh"), PEOPLE[2])
    duty = replace(DUTY, people=people)
    assert list(without_account(duty, {"an", "x"})) == [
        "people[1] (binh).account: no account 'binh' can sign for a shift",
    ]
    assert list(without_account(DUTY, set())) == []
