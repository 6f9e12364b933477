from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from ioc.domain.hours import Calendar, minute_of, problems, review_after
from ioc.domain.profile import Hours
from ioc.domain.times import to_ms

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
HOLIDAYS = ("2026-11-25",)  # a Wednesday
OFFICE = Hours(days=("mon", "tue", "wed", "thu", "fri"), start="07:30", end="17:00", holidays="skip")
NIGHT = Hours(days=("fri",), start="22:00", end="06:00")


def open_at(local: str, *hours: Hours) -> bool:
    moment = datetime.fromisoformat(local).replace(tzinfo=ZONE)
    return Calendar(hours, ZONE, HOLIDAYS).open_at(to_ms(moment))


@pytest.mark.parametrize(
    ("local", "is_open"),
    [
        ("2026-11-24T07:29:59", False),
        ("2026-11-24T07:30:00", True),
        ("2026-11-24T16:59:59", True),
        ("2026-11-24T17:00:00", False),
        ("2026-11-25T10:00:00", False),  # holiday
        ("2026-11-28T10:00:00", False),  # Saturday
    ],
)
def test_office_hours(local: str, is_open: bool) -> None:
    assert open_at(local, OFFICE) is is_open


@pytest.mark.parametrize(
    ("local", "is_open"),
    [
        ("2026-11-27T21:59:00", False),
        ("2026-11-27T22:00:00", True),  # Friday night …
        ("2026-11-28T05:59:00", True),  # … goes on into Saturday and belongs to Friday
        ("2026-11-28T06:00:00", False),
        ("2026-11-27T05:00:00", False),  # the night before belongs to Thursday
        ("2026-11-28T22:30:00", False),
    ],
)
def test_a_night_belongs_to_the_day_on_which_it_began(local: str, is_open: bool) -> None:
    assert open_at(local, NIGHT) is is_open


def test_a_night_that_began_on_a_holiday_is_one() -> None:
    only = Hours(start="22:00", end="06:00", holidays="only")
    assert open_at("2026-11-26T05:00:00", only)
    assert not open_at("2026-11-25T05:00:00", only)
    skip = Hours(start="22:00", end="06:00", holidays="skip")
    assert not open_at("2026-11-26T05:00:00", skip)
    assert open_at("2026-11-25T05:00:00", skip)


def test_whole_days_and_no_hours_at_all() -> None:
    assert open_at("2026-11-24T00:00:00", Hours())
    assert open_at("2026-11-24T23:59:59", Hours())
    assert open_at("2026-11-24T12:00:00")
    assert open_at("2026-11-28T10:00:00", OFFICE, Hours(days=("sat",)))


def test_mistakes_are_named() -> None:
    assert problems([OFFICE, NIGHT, Hours()]) == []
    assert any("'7:30'" in text for text in problems([Hours(start="7:30")]))
    assert any("'25:00'" in text for text in problems([Hours(end="25:00")]))
    assert any("starts at 00:00" in text for text in problems([Hours(start="24:00")]))
    assert any("never raises" in text for text in problems([Hours(days=())]))
    with pytest.raises(ValueError, match="not a time of day"):
        minute_of("24:01")


@pytest.mark.parametrize(
    ("out", "review"),
    [
        ("2026-11-23T07:59:59", "2026-11-23T08:00:00"),  # Monday before the day begins
        ("2026-11-23T08:00:00", "2026-11-25T08:00:00"),  # the 24th is a holiday
        ("2026-11-27T17:30:00", "2026-11-30T08:00:00"),  # over a weekend
        ("2026-11-28T03:00:00", "2026-11-30T08:00:00"),
    ],
)
def test_what_is_out_of_service_is_reviewed_on_the_next_working_day(out: str, review: str) -> None:
    zone = ZoneInfo("Asia/Ho_Chi_Minh")

    def ms(text: str) -> int:
        return to_ms(datetime.fromisoformat(text).replace(tzinfo=zone))

    assert review_after(ms(out), zone, {"2026-11-24"}) == ms(review)
