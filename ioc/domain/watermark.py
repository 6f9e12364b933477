"""Event-time progress of one feed in one partition.

The *watermark* says: what is older has most probably arrived. It moves by readings (the newest event time seen, minus
``DISORDER_MS`` for neighbours that swap places) and, when a feed is idle, with the arrival time of whatever else is
on the bus. It never moves backwards, and a reading from the future cannot push it beyond the time of arrival plus
``SKEW_MS``: one fast clock must not make everybody else late.

Every quantity comes from the records themselves, so that a replay moves the watermark in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

Lateness = Literal["in_time", "late", "too_late"]

# Neighbouring readings of one feed may swap places by this much without a correction; this project's choice.
DISORDER_MS = 2_000
# Clocks of good sources differ by less; intake quarantines what is further ahead. This project's choice.
SKEW_MS = 5_000
# A feed that sent nothing for this long, while time went on, is idle: its watermark follows the clock.
IDLE_AFTER_MS = 15_000


class Frontier(Struct):
    """Event time up to which the readings of a feed were judged, epoch milliseconds; None before the first.

    It is behind the watermark by what the feed's readings wait for their neighbours, and never goes backwards.
    """

    mark_ms: int | None = None

    def raise_to(self, mark_ms: int) -> None:
        """Everything of this event time or older was judged."""
        if self.mark_ms is None or mark_ms > self.mark_ms:
            self.mark_ms = mark_ms


class EventClock(Struct, kw_only=True):
    """The watermark of one feed. All fields in epoch milliseconds; None before the first reading.

    Attributes:
        seen_ms: newest event time seen, cut at arrival + ``SKEW_MS``.
        mark_ms: the watermark.
        arrived_ms: when the newest reading arrived (``recordedtime``).
    """

    seen_ms: int | None = None
    mark_ms: int | None = None
    arrived_ms: int | None = None

    def observe(self, event_ms: int, arrived_ms: int) -> bool:
        """Take a reading in; True when the watermark moved."""
        if self.arrived_ms is None or arrived_ms > self.arrived_ms:
            self.arrived_ms = arrived_ms
        limit_ms = arrived_ms + SKEW_MS
        time_ms = event_ms if event_ms < limit_ms else limit_ms
        if self.seen_ms is not None and time_ms <= self.seen_ms:
            return False
        self.seen_ms = time_ms
        return self._raise_to(time_ms - DISORDER_MS)

    def observe_all(self, events_ms: Sequence[int], arrived_ms: int, size_ms: int, grace_ms: int) -> tuple[int, int]:
        """Take readings in, one after the other, none of which is later than its arrival; not the first of the feed.

        Args:
            events_ms: event times, in order of arrival.
            arrived_ms: when the newest arrived.
            size_ms, grace_ms: of the windows that readings may be late for.

        Raises:
            ValueError: the clock knows no reading yet.

        Returns:
            How many came late, and how many too late, as :meth:`lateness` says before each is taken in.
        """
        if self.seen_ms is None or self.mark_ms is None or self.arrived_ms is None:
            raise ValueError("nothing of the feed was taken in before")
        seen_ms, mark_ms, late, too_late = self.seen_ms, self.mark_ms, 0, 0
        for event_ms in events_ms:
            if event_ms < mark_ms:
                end_ms = event_ms - event_ms % size_ms + size_ms
                late += end_ms <= mark_ms < end_ms + grace_ms
                too_late += end_ms + grace_ms <= mark_ms
            if event_ms > seen_ms:
                seen_ms = event_ms
                if event_ms - DISORDER_MS > mark_ms:
                    mark_ms = event_ms - DISORDER_MS
        self.seen_ms, self.mark_ms = seen_ms, mark_ms
        if arrived_ms > self.arrived_ms:
            self.arrived_ms = arrived_ms
        return late, too_late

    def idle(self, head_ms: int, grace_ms: int, exercise: bool = False) -> bool:
        """Let an idle feed's watermark follow; True when it moved.

        Args:
            head_ms: arrival time up to which the partition is known to have been read.
            grace_ms: the feed's allowed lateness: a reading that arrives next may be that old and still be in time.
            exercise: a drill has its own clock: then time flows on from the drill's newest reading, not from now.
        """
        if self.arrived_ms is None or head_ms - self.arrived_ms < IDLE_AFTER_MS:
            return False
        if exercise:
            assert self.seen_ms is not None
            return self._raise_to(self.seen_ms + (head_ms - self.arrived_ms) - grace_ms)
        return self._raise_to(head_ms - grace_ms)

    def lateness(self, end_ms: int, grace_ms: int) -> Lateness:
        """Class of a reading whose window ends at ``end_ms``: the window is open, was final, or is gone."""
        if self.mark_ms is None or self.mark_ms < end_ms:
            return "in_time"
        return "late" if self.mark_ms < end_ms + grace_ms else "too_late"

    def _raise_to(self, mark_ms: int) -> bool:
        if self.mark_ms is not None and mark_ms <= self.mark_ms:
            return False
        self.mark_ms = mark_ms
        return True
