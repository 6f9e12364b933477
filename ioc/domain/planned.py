"""Planned windows: is one open at an instant, and until when. Local times of one zone, whole minutes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from ioc.domain.hours import day_counts
from ioc.domain.suppression import PlannedWindow, local_time
from ioc.domain.times import from_ms, minute_of, to_ms

LOOK_AHEAD_DAYS = 15
"""How far an end is looked for where one time follows at once on another; beyond it none is named."""


class Opening(Struct, frozen=True):
    """A window that is open. ``until_ms``: the first instant at which it is not any more; None when it goes on for
    longer than ``LOOK_AHEAD_DAYS``."""

    window: PlannedWindow
    until_ms: int | None


class Plan:
    """All windows of a profile.

    Args:
        windows: of ``suppression.toml``, checked.
        zone: of the profile.
        holidays: local dates ``YYYY-MM-DD``.
    """

    def __init__(self, windows: Sequence[PlannedWindow], zone: ZoneInfo, holidays: Iterable[str]) -> None:
        self._windows = sorted(windows, key=lambda window: window.id)
        self._zone = zone
        self._holidays = frozenset(holidays)
        self._minute: int | None = None
        self._open: tuple[Opening, ...] = ()

    def open_at(self, time_ms: int) -> tuple[Opening, ...]:
        """The windows that are open then, by id."""
        minute = time_ms // 60_000
        if minute != self._minute:
            found = ((window, self._span_end(window, minute * 60_000)) for window in self._windows)
            self._open = tuple(Opening(window, end[0]) for window, end in found if end is not None)
            self._minute = minute
        return self._open

    def _span_end(self, window: PlannedWindow, time_ms: int) -> tuple[int | None] | None:
        """The end of the span around an instant, in a tuple; None when the window is closed then."""
        spans = sorted(self._spans(window, time_ms))
        end = None
        for start_ms, end_ms in spans:
            if end is None:
                if start_ms <= time_ms < end_ms:
                    end = end_ms
            elif start_ms <= end:
                end = max(end, end_ms)
        if end is None:
            return None
        return (None,) if window.hours and end - time_ms > (LOOK_AHEAD_DAYS - 1) * 86_400_000 else (end,)

    def _spans(self, window: PlannedWindow, time_ms: int) -> Iterator[tuple[int, int]]:
        """Times of the window that may lie around an instant or follow on it, the end not included."""
        starts, ends = local_time(window.starts), local_time(window.ends)
        if starts is not None and ends is not None:
            yield self._ms(starts), self._ms(ends)
        today = from_ms(time_ms).astimezone(self._zone).date()
        for ahead in range(-1, LOOK_AHEAD_DAYS + 1):
            day = today + timedelta(days=ahead)
            for hours in window.hours:
                if day_counts(hours, day, self._holidays):
                    start, end = minute_of(hours.start), minute_of(hours.end)
                    yield self._at(day, start), self._at(day, end if end > start else end + 1440)

    def _at(self, day: date, minute: int) -> int:
        days, rest = divmod(minute, 1440)
        return self._ms(datetime.combine(day + timedelta(days=days), time(rest // 60, rest % 60)))

    def _ms(self, local: datetime) -> int:
        return to_ms(local.replace(tzinfo=self._zone))
