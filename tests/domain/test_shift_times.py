"""When shifts begin and end: over midnight, where clocks change, on holidays, with changes and gaps."""

from __future__ import annotations

from datetime import date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ioc.domain.duty import Roster, RosterChange, Shift, on_shift
from ioc.domain.shift_times import local_ms, shifts_between
from ioc.domain.times import from_ms, to_ms

VN = ZoneInfo("Asia/Ho_Chi_Minh")
BERLIN = ZoneInfo("Europe/Berlin")
DAY = Shift(people=("an",), start="06:00", end="18:00")
NIGHT = Shift(people=("binh",), start="18:00", end="06:00")
ROSTER = Roster(id="r", name_vi="r", name_en="r", shifts=(DAY, NIGHT))


def at(text: str, zone: ZoneInfo = VN) -> int:
    return to_ms(datetime.fromisoformat(text).replace(tzinfo=zone))


def said(
    roster: Roster, start: str, end: str, zone: ZoneInfo = VN, holidays: tuple[str, ...] = ()
) -> list[tuple[str, str, str]]:
    found = shifts_between(roster, at(start, zone), at(end, zone), zone, holidays)
    local = [(from_ms(one.start_ms).astimezone(zone), from_ms(one.end_ms).astimezone(zone), one) for one in found]
    return [(f"{a:%d %H:%M}", f"{b:%d %H:%M}", ",".join(one.people)) for a, b, one in local]


def test_a_night_ends_on_the_next_day_and_shifts_are_whole() -> None:
    assert said(ROSTER, "2026-11-24 20:00", "2026-11-25 07:00") == [
        ("24 18:00", "25 06:00", "binh"),
        ("25 06:00", "25 18:00", "an"),
    ]


def test_what_only_touches_the_span_is_not_in_it() -> None:
    assert said(ROSTER, "2026-11-24 06:00", "2026-11-24 18:00") == [("24 06:00", "24 18:00", "an")]


def test_a_swap_stands_in_for_a_shift_and_may_cut_one() -> None:
    swap = RosterChange(date="2026-11-24", people=("chi",), start="18:00", end="06:00")
    assert said(replace(ROSTER, changes=(swap,)), "2026-11-24 20:00", "2026-11-24 21:00") == [
        ("24 18:00", "25 06:00", "chi")
    ]
    hour = RosterChange(date="2026-11-24", people=("chi",), start="17:30", end="19:00")
    assert said(replace(ROSTER, changes=(hour,)), "2026-11-24 12:00", "2026-11-24 20:00") == [
        ("24 06:00", "24 17:30", "an"),
        ("24 17:30", "24 19:00", "chi"),
        ("24 19:00", "25 06:00", "binh"),
    ]


def test_a_change_of_nobody_is_a_gap() -> None:
    nobody = RosterChange(date="2026-11-24", start="08:00", end="09:00")
    assert said(replace(ROSTER, changes=(nobody,)), "2026-11-24 07:00", "2026-11-24 10:00") == [
        ("24 06:00", "24 08:00", "an"),
        ("24 09:00", "24 18:00", "an"),
    ]


def test_holidays_and_days_of_the_week_leave_gaps() -> None:
    roster = replace(ROSTER, shifts=(replace(DAY, days=("mon", "tue", "wed", "thu", "fri"), holidays="skip"),))
    found = said(roster, "2026-11-25 00:00", "2026-11-30 23:00", holidays=("2026-11-26",))
    assert [start for start, _, _ in found] == ["25 06:00", "27 06:00", "30 06:00"]
    only = replace(ROSTER, shifts=(replace(DAY, holidays="skip"), replace(DAY, people=("chi",), holidays="only")))
    assert [who for _, _, who in said(only, "2026-11-25 07:00", "2026-11-27 07:00", holidays=("2026-11-26",))] == [
        "an", "chi", "an",
    ]  # fmt: skip


def test_the_same_people_twice_hand_over_between_their_shifts_and_overlaps_are_shifts() -> None:
    twice = replace(ROSTER, shifts=(DAY, replace(NIGHT, people=("an",))))
    assert len(said(twice, "2026-11-24 10:00", "2026-11-24 20:00")) == 2
    overlap = replace(ROSTER, shifts=(DAY, Shift(people=("chi",), start="10:00", end="20:00")))
    assert said(overlap, "2026-11-24 07:00", "2026-11-24 23:00") == [
        ("24 06:00", "24 10:00", "an"),
        ("24 10:00", "24 18:00", "an,chi"),
        ("24 18:00", "24 20:00", "chi"),
    ]


def test_midnight_as_an_end() -> None:
    roster = replace(ROSTER, shifts=(Shift(people=("an",)),))
    assert said(roster, "2026-11-24 10:00", "2026-11-24 11:00") == [("24 00:00", "25 00:00", "an")]


@pytest.mark.parametrize(("day", "hours"), [("2026-03-28", 11), ("2026-10-24", 13), ("2026-06-01", 12)])
def test_where_clocks_change_local_hours_are_kept(day: str, hours: int) -> None:
    [night] = shifts_between(ROSTER, at(f"{day} 20:00", BERLIN), at(f"{day} 21:00", BERLIN), BERLIN, ())
    assert night.end_ms - night.start_ms == hours * 3_600_000
    assert f"{from_ms(night.end_ms).astimezone(BERLIN):%H:%M}" == "06:00"


def test_an_hour_that_clocks_leave_out_is_the_moment_at_which_they_jump() -> None:
    jump = at("2026-03-29 03:00", BERLIN)
    assert [local_ms(date(2026, 3, 29), minute, BERLIN) for minute in (120, 150, 180)] == [jump, jump, jump]
    assert local_ms(date(2026, 10, 25), 150, BERLIN) == at("2026-10-25 02:30", BERLIN)  # the first of two
    assert local_ms(date(2026, 11, 24), 1440, VN) == at("2026-11-25 00:00")


CLOCK = st.integers(0, 47).map(lambda n: f"{n // 2:02}:{n % 2 * 30:02}")
WHO = st.sampled_from([("an",), ("binh",), ("an", "chi")])
SHIFTS = st.builds(Shift, people=WHO, start=CLOCK, end=CLOCK, holidays=st.sampled_from(["ignore", "skip", "only"]))
CHANGES = st.builds(
    RosterChange, date=st.sampled_from(["2026-11-24", "2026-11-25"]), people=st.one_of(WHO, st.just(())), start=CLOCK,
    end=CLOCK,
)  # fmt: skip


@given(st.lists(SHIFTS, max_size=4), st.lists(CHANGES, max_size=2), st.sampled_from([VN, ZoneInfo("UTC")]))
def test_at_every_half_hour_the_shift_has_those_who_are_on_duty(
    shifts: list[Shift], changes: list[RosterChange], zone: ZoneInfo
) -> None:
    roster = replace(ROSTER, shifts=tuple(shifts), changes=tuple(changes))
    holidays = frozenset({"2026-11-25"})
    start_ms, end_ms = at("2026-11-23 00:00", zone), at("2026-11-27 00:00", zone)
    found = shifts_between(roster, start_ms, end_ms, zone, holidays)
    assert all(a.end_ms <= b.start_ms for a, b in pairwise(found))
    for time_ms in range(start_ms, end_ms, 1_800_000):
        here = [one.people for one in found if one.start_ms <= time_ms < one.end_ms]
        on_duty = on_shift(roster, time_ms, zone, holidays)
        assert here == ([on_duty] if on_duty else []), from_ms(time_ms)
