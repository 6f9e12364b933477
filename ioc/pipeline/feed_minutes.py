"""What happened to one feed in the last hour, counted by minute of arrival, so that old minutes simply fall out.

Closed minutes go into the checkpoint once each, under the number of their place in the hour; the running minute is
part of the feed's own small record. So a flush writes little, and a restart forgets nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Struct

MINUTE_MS = 60_000
HOUR_MIN = 60  # the running minute and the 59 before it; full minutes are looked at for 60
AHEAD_MS = 10_000  # an event later than its arrival by more than this comes from a clock that runs ahead
NO_LAG_MS = 2**62


class Minute(Struct, array_like=True):
    """Counters of one minute of arrival (epoch minutes)."""

    minute: int = -1
    accepted: int = 0
    by_chance: int = 0  # of the accepted: types that do not come by the clock
    rejected: int = 0
    duplicates: int = 0
    conflicts: int = 0  # of the rejected
    future: int = 0  # of the rejected
    flagged: int = 0  # of the accepted
    ahead: int = 0  # of the accepted: clock ahead by more than AHEAD_MS
    lag_sum_ms: int = 0
    lag_min_ms: int = NO_LAG_MS
    late: int = 0  # of the accepted: their minute was final, and is corrected
    too_late: int = 0  # of the accepted: their minute is gone
    presumed: int = 0  # of the duplicates: known by number and time alone, see the sequences
    unkeyed: int = 0  # of the accepted: not in the partition of their site's native id

    @property
    def arrived(self) -> int:
        """Signs of life: the link works, whether the content was new or not."""
        return self.accepted + self.duplicates


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Minute).decode


class Minutes:
    """The running minute and the closed ones of the hour before it."""

    def __init__(self) -> None:
        self.now = Minute()
        self.end_ms = -1  # end of the running minute
        self._closed: dict[int, Minute] = {}  # place in the hour → minute
        self._dirty: set[int] = set()

    def turn(self, arrival_ms: int) -> None:
        """Go on to the minute of this arrival. What arrived earlier counts for the running minute."""
        minute = arrival_ms // MINUTE_MS
        if minute <= self.now.minute:
            return
        if self.now.minute >= 0:
            place = self.now.minute % HOUR_MIN
            self._closed[place] = self.now
            self._dirty.add(place)
        self.start(Minute(minute))

    def start(self, minute: Minute) -> None:
        """Make this the running minute."""
        self.now = minute
        self.end_ms = (minute.minute + 1) * MINUTE_MS if minute.minute >= 0 else -1

    def between(self, first: int, end: int) -> Iterator[Minute]:
        """Minutes that were counted, ``first <= minute < end``."""
        for minute in (*self._closed.values(), self.now):
            if first <= minute.minute < end:
                yield minute

    def take_dirty(self) -> list[tuple[str, bytes]]:
        """Minutes that were closed since the last call: place in the hour and content."""
        out = [(str(place), _encode(self._closed[place])) for place in sorted(self._dirty)]
        self._dirty.clear()
        return out

    def load(self, place: str, value: bytes) -> None:
        """A closed minute from the checkpoint."""
        self._closed[int(place)] = _decode(value)
