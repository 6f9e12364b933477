"""When a rule may raise: days and local hours, holidays, and nights that belong to the day on which they began."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from ioc.domain.schedule import Hours
from ioc.domain.times import from_ms, minute_of, to_ms

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
REVIEW_AT = time(8)  # local time at which what is out of service is looked at again
_MINUTES_KEPT = 64  # answers remembered; a stream stays close to one minute


class Calendar:
    """One rule's hours in one zone. An instant is judged by its whole local minute."""

    def __init__(self, hours: Sequence[Hours], zone: ZoneInfo, holidays: Iterable[str]) -> None:
        self._hours = [(h, minute_of(h.start), minute_of(h.end)) for h in hours]
        self._zone = zone
        self._holidays = frozenset(holidays)
        self._known: dict[int, bool] = {}

    def open_at(self, time_ms: int) -> bool:
        """May the rule raise at this instant? Without hours: always."""
        if not self._hours:
            return True
        minute = time_ms // 60_000
        known = self._known.get(minute)
        if known is None:
            if len(self._known) >= _MINUTES_KEPT:
                self._known.clear()
            known = self._known[minute] = self._judge(minute * 60_000)
        return known

    def _judge(self, time_ms: int) -> bool:
        local = from_ms(time_ms).astimezone(self._zone)
        minute, today = local.hour * 60 + local.minute, local.date()
        for hours, start, end in self._hours:
            overnight = end <= start
            since_today = start <= minute and (overnight or minute < end)
            since_yesterday = overnight and minute < end
            if since_today and day_counts(hours, today, self._holidays):
                return True
            if since_yesterday and day_counts(hours, today - timedelta(days=1), self._holidays):
                return True
        return False


def day_counts(hours: Hours, day: date, holidays: Collection[str]) -> bool:
    """May the hours start on a local day?"""
    if hours.holidays != "ignore" and (day.isoformat() in holidays) == (hours.holidays == "skip"):
        return False
    return hours.holidays == "only" or DAYS[day.weekday()] in hours.days


def review_after(time_ms: int, zone: ZoneInfo, holidays: Collection[str]) -> int:
    """The first start of a working day after an instant: 08:00 local, Monday to Friday, no holiday; epoch ms.

    The hour is this project's choice. A profile whose holidays are every day has no such day: then it is a year later.
    """
    day = from_ms(time_ms).astimezone(zone).date()
    for _ in range(366):
        start_ms = to_ms(datetime.combine(day, REVIEW_AT, zone))
        if start_ms > time_ms and day.weekday() < 5 and day.isoformat() not in holidays:
            break
        day += timedelta(days=1)
    return start_ms


def problems(hours: Iterable[Hours]) -> list[str]:
    """One sentence per mistake."""
    found = []
    for one in hours:
        for name, clock in (("start", one.start), ("end", one.end)):
            try:
                minute_of(clock)
            except ValueError as exc:
                found.append(f"schedule {name}: {exc}")
        if one.start == "24:00":
            found.append("schedule start: a day starts at 00:00")
        if not one.days:
            found.append("schedule days: without a day it never raises")
    return found
