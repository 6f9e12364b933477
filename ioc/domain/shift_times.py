"""When the shifts of a roster begin and end: instants instead of hours of the week.

A shift of the week, or a change that stands in for it, begins and ends one; where two of them overlap, the time between
two such moments is a shift. So people who work two shifts in a row hand over between them: they are positions rather
than persons. Who is on duty is asked of :func:`ioc.domain.duty.on_shift` at the beginning.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from msgspec import Struct

from ioc.domain.duty import Roster, on_shift, shift_begins_on
from ioc.domain.times import from_ms, minute_of, to_ms

_DAY = timedelta(days=1)


class ShiftTime(Struct, frozen=True, kw_only=True):
    """One shift, its end not included. ``people``: ids, never empty."""

    start_ms: int
    end_ms: int
    people: tuple[str, ...]


def shifts_between(
    roster: Roster, from_ms_: int, to_ms_: int, zone: ZoneInfo, holidays: Collection[str]
) -> list[ShiftTime]:
    """The shifts that have a part in a span, whole, in their order; hours without anybody are left out.

    Args:
        roster: must be free of mistakes.
        from_ms_, to_ms_: the span, epoch milliseconds.
        zone: of the profile. Where its clocks leave an hour out, what begins or ends within it does so at its end.
        holidays: local dates of the profile.
    """
    first = from_ms(from_ms_).astimezone(zone).date() - 2 * _DAY
    days = [first + n * _DAY for n in range((from_ms(to_ms_).astimezone(zone).date() - first).days + 3)]
    changes = list(_changes(roster, days, zone))
    cuts = {moment for span in changes for moment in span}
    for start_ms, end_ms in _spans(roster, days, zone, holidays):
        for moment in (start_ms, end_ms):
            if not any(a < moment < b for a, b in changes):  # there the shift is not in force
                cuts.add(moment)
    ordered = sorted(cuts)
    found = (
        ShiftTime(start_ms=a, end_ms=b, people=on_shift(roster, a, zone, holidays))
        for a, b in pairwise(ordered)
        if a < to_ms_ and b > from_ms_
    )
    return [one for one in found if one.people]


def local_ms(day: date, minute: int, zone: ZoneInfo) -> int:
    """The first instant at which the clocks of a zone show a time of day or a later one.

    Args:
        day: local date.
        minute: since midnight; 1440 is the midnight after it.
        zone: of the clocks.
    """
    wall = datetime.combine(day + minute // 1440 * _DAY, time(minute % 1440 // 60, minute % 60))
    moment = to_ms(wall.replace(tzinfo=zone))
    local = from_ms(moment).astimezone(zone)
    if local.replace(tzinfo=None) == wall:
        return moment
    while from_ms(moment - 60_000).astimezone(zone).utcoffset() == local.utcoffset():
        moment -= 60_000  # the clocks left it out: the moment at which they jumped
    return moment


def _spans(roster: Roster, days: list[date], zone: ZoneInfo, holidays: Collection[str]) -> Iterator[tuple[int, int]]:
    for shift in roster.shifts:
        for day in days:
            if shift_begins_on(shift, day, holidays):
                yield _span(day, shift.start, shift.end, zone)


def _changes(roster: Roster, days: list[date], zone: ZoneInfo) -> Iterator[tuple[int, int]]:
    for change in roster.changes:
        day = date.fromisoformat(change.date)
        if day in days:
            yield _span(day, change.start, change.end, zone)


def _span(day: date, start: str, end: str, zone: ZoneInfo) -> tuple[int, int]:
    first, last = minute_of(start), minute_of(end)
    return local_ms(day, first, zone), local_ms(day + _DAY if last <= first else day, last, zone)
