"""Which numbers of one source came already: for feeds whose sources count their messages 1, 2, 3 … themselves.

A source is one type of one site. Its numbers form a *run*: everything up to ``high`` came, except what stands in
``holes``. A number above ``high`` is new and leaves a hole for what was jumped over; a number in a hole is new and
closes it, however late: that is the re-delivery after a lost link. Every other number came before. So an id costs
nothing, a source a few kilobytes, and nothing is forgotten after an hour.

What came before is looked at once more, because a number is a promise of the source and not of ours:

* Among the last ``RECENT`` numbers the id and the content are known. Same id and content: ``duplicate``. Same id and
  other content: ``conflict``. Another id: the number was given twice; ``unsure``, and the memory of ids decides.
* An older number with an event time later than everything of the run: the source began to count anew. The run goes on
  as ``previous`` for events that are not later than its last one, and a new run begins; counted as a restart.
* An older number otherwise: ``duplicate``.

Numbers that were never seen when the source first appeared are one hole from 0 on. A run keeps at most ``HOLES_MAX``
holes; the oldest is then given up, and below it all numbers are ``unsure``. A device that restarts *and* sends event
times of the past hour looks like a re-delivery and is dropped: its feed turns ``duplicating``.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from typing import Literal

import msgspec
from msgspec import Struct

Verdict = Literal["new", "duplicate", "conflict", "unsure"]
RECENT = 64
HOLES_MAX = 256
_MASK = RECENT - 1
_RING = struct.Struct(f"<{RECENT}I")
_HIGHEST = 2**63


class _RunRecord(Struct, array_like=True, frozen=True):
    high: int
    floor: int
    newest_ms: int
    holes: list[tuple[int, int]]
    ids: bytes
    contents: bytes


class _SourceRecord(Struct, array_like=True, frozen=True):
    restarts: int
    boundary_ms: int
    run: _RunRecord
    previous: _RunRecord | None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_SourceRecord).decode


class Run:
    """One run of a source's counter. ``ids`` and ``contents`` are CRC-32 of the last numbers, by number modulo 64."""

    __slots__ = ("contents", "floor", "high", "holes", "ids", "newest_ms")

    def __init__(self) -> None:
        self.high, self.floor, self.newest_ms = -1, 0, -1
        self.holes: list[tuple[int, int]] = []
        self.ids, self.contents = [0] * RECENT, [0] * RECENT

    def jump(self, number: int) -> None:
        """Go to a number above ``high``, which leaves a hole if it is not the next."""
        if number != self.high + 1:
            self.holes.append((self.high + 1, number - 1))
            self._bound()
        self.high = number

    def fill(self, number: int) -> bool:
        """Close the hole that a number lies in; False when it lies in none."""
        at = bisect_right(self.holes, (number, _HIGHEST)) - 1
        if at < 0:
            return False
        first, last = self.holes[at]
        if number > last:
            return False
        self.holes[at : at + 1] = [hole for hole in ((first, number - 1), (number + 1, last)) if hole[0] <= hole[1]]
        self._bound()
        return True

    def _bound(self) -> None:
        while len(self.holes) > HOLES_MAX:
            self.floor = self.holes.pop(0)[1] + 1

    def record(self) -> _RunRecord:
        """For the checkpoint."""
        return _RunRecord(
            self.high, self.floor, self.newest_ms, self.holes, _RING.pack(*self.ids), _RING.pack(*self.contents)
        )

    @classmethod
    def restored(cls, record: _RunRecord) -> Run:
        """From the checkpoint."""
        run = cls()
        run.high, run.floor, run.newest_ms = record.high, record.floor, record.newest_ms
        run.holes = list(record.holes)
        run.ids, run.contents = list(_RING.unpack(record.ids)), list(_RING.unpack(record.contents))
        return run


class Source:
    """The numbers of one source; ``key`` is its place in the checkpoint."""

    __slots__ = ("boundary_ms", "key", "previous", "restarts", "run")

    def __init__(self, key: str) -> None:
        self.key = key
        self.run, self.restarts = Run(), 0
        self.previous: Run | None = None
        self.boundary_ms = -1  # event times up to this belong to the previous run

    def see(self, number: int, event_id: int, content: int, time_ms: int) -> Verdict:
        """Say whether a number is new, and remember it.

        Args:
            number: 0 to 2⁵³.
            event_id: CRC-32 of the id.
            content: CRC-32 over everything that makes two deliveries the same event.
            time_ms: when the event happened.
        """
        run = self.run
        if time_ms <= self.boundary_ms and self.previous is not None:
            run = self.previous
        high = run.high
        if number == high + 1:
            run.high = number
        elif number > high:
            run.jump(number)
        elif number < run.floor:
            return "unsure"
        elif not run.fill(number):
            if number > high - RECENT:
                if run.ids[number & _MASK] != event_id:
                    return "unsure"
                return "duplicate" if run.contents[number & _MASK] == content else "conflict"
            if time_ms <= run.newest_ms:
                return "duplicate"
            self.restarts += 1
            self.previous, self.boundary_ms = run, run.newest_ms
            run = self.run = Run()
            run.jump(number)
        if number > run.high - RECENT:
            slot = number & _MASK
            run.ids[slot], run.contents[slot] = event_id, content
        if time_ms > run.newest_ms:
            run.newest_ms = time_ms
        return "new"

    def dump(self) -> bytes:
        """For the checkpoint, about 550 bytes per run."""
        previous = self.previous.record() if self.previous is not None else None
        return _encode(_SourceRecord(self.restarts, self.boundary_ms, self.run.record(), previous))

    def load(self, value: bytes) -> None:
        """From the checkpoint."""
        record = _decode(value)
        self.restarts, self.boundary_ms = record.restarts, record.boundary_ms
        self.run = Run.restored(record.run)
        self.previous = Run.restored(record.previous) if record.previous is not None else None
