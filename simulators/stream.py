"""What a scenario sends, in the order of sending: readings, put through the faults, in the format of their centre.

Pure but for how far it has been taken: however time is cut, the pieces joined are the whole.
"""

from __future__ import annotations

import heapq

from ioc.domain.profile import Profile
from simulators import formats
from simulators.faults import Chain, Fault, Parcel, damaged
from simulators.programme import Programme


class Stream:
    """The messages of a programme.

    Args:
        programme: the readings.
        faults: what happens to them on their way.
        seed: fixes whom the faults hit.
        from_ms: what would be sent before is left out; None begins at the start of the programme.
    """

    def __init__(
        self, programme: Programme, faults: tuple[Fault, ...] = (), *, seed: int = 0, from_ms: int | None = None
    ) -> None:
        self.programme = programme
        self.chain = Chain(faults, seed, programme.start_ms)
        self.start_ms = programme.start_ms if from_ms is None else from_ms
        self.end_ms = programme.end_ms
        self.made = 0  # readings so far, as the instruments made them
        self.taken = 0  # messages given out so far
        self.skipped = 0  # messages before ``from_ms``
        # What was held back across the beginning still comes.
        self._cursor_ms = max(programme.start_ms, self.start_ms - self.chain.most_ms)
        self._waiting: list[tuple[tuple[int, int, str, int], int, Parcel]] = []
        self._pushed = 0

    @property
    def over(self) -> bool:
        """Everything has been given out."""
        return self.end_ms is not None and self._cursor_ms >= self.end_ms and not self._waiting

    @property
    def waiting(self) -> int:
        """Messages that are held back now."""
        return len(self._waiting)

    @property
    def last_ms(self) -> int | None:
        """When the last message can be sent at the latest; None for an endless programme."""
        return None if self.end_ms is None else self.end_ms + self.chain.most_ms

    def take(self, upto_ms: int) -> list[Parcel]:
        """Messages that are sent before ``upto_ms`` and were not given out yet, in the order of sending."""
        read_ms = upto_ms if self.end_ms is None else min(upto_ms, self.end_ms)
        if read_ms > self._cursor_ms:
            for reading in self.programme.between(self._cursor_ms, read_ms):
                self.made += 1
                for parcel in self.chain(Parcel(reading.time_ms, reading, reading.centre)):
                    self._pushed += 1  # parcels cannot be compared
                    heapq.heappush(self._waiting, (parcel.order, self._pushed, parcel))
            self._cursor_ms = read_ms
        found = []
        while self._waiting and self._waiting[0][0][0] < upto_ms:
            parcel = heapq.heappop(self._waiting)[2]
            if parcel.send_ms < self.start_ms:
                self.skipped += 1
            else:
                found.append(parcel)
        self.taken += len(found)
        return found


def encode(profile: Profile, parcel: Parcel, exercise: str | None = None) -> tuple[bytes, bytes]:
    """Record key and native bytes of a message, marked as of a drill when ``exercise`` is given.

    Raises:
        BadInput: nobody knows the native format of the centre, or the profile has no such site.
    """
    key, value = formats.encode(profile, parcel.reading)
    if exercise is not None:
        value = formats.mark(parcel.reading.centre, value, exercise)
    return key, value if parcel.damage is None else damaged(value, parcel.damage)
