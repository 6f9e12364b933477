"""Which numbers of one source came already: for feeds whose sources count their messages 1, 2, 3 … themselves.

A source is one type of one site. Its numbers form a *run*: everything up to ``high`` came, except what stands in
``holes``. A number above ``high`` is new and leaves a hole for what was jumped over; a number in a hole is new and
closes it, however late: that is the re-delivery after a lost link. Every other number came before. So an id costs
nothing, a source a few kilobytes, and nothing is forgotten after an hour.

What came before is looked at once more, because a number is a promise of the source and not of ours:

* Of the last ``RECENT`` numbers the id and the content are known, and an id is looked up among them whatever its
  number. Same id and content: ``duplicate``, and a number that is new is used up by it. Same id and other content:
  ``conflict``; its number stays free. A number of these with another id was given twice; ``unsure``, and the memory of
  ids decides.
* An older number with an event time later than everything of the run: the source began to count anew. The run goes on
  as ``previous`` for events that are not later than its last one, and a new run begins; counted as a restart.
* An older number with an event time later than the run had come to when it was at that number: not what came under
  the number then; ``unsure``. How far the run had come is kept in *marks*, one per 64 numbers and at most ``MARKS_MAX``
  of them, so it is known to 64 numbers at first, and in a long run to a part of the number itself.
* An older number with an event time earlier than everything that came under the numbers around it, in a run before
  which nothing else can have been at that time: not what came under the number then; ``unsure``. Marks keep the
  earliest event time between them, of all events, so this holds for late ones too.
* An older number otherwise: ``presumed``. Number and time fit what came before, and nothing else is known of it. It is
  dropped like a duplicate, and counted by itself, because a source that began anew may look the same.

A clock that runs ahead must not hide what comes after it is set right, up to the 2 minutes that intake lets through.
So marks leave out events that are ahead of their arrival, and intake gives the ids of these to the memory of ids: for
them, and for them only, the marks cannot tell a re-delivery from another reading. Within 70 minutes the memory does;
the same id with another content is then a conflict, never silence.

A number in a hole is a re-delivery, unless its event time is later than the run had come to behind it: then the source
began anew and its number falls in a hole of the run by chance, or its clock jumps. Such an event is *unproved*: it
moves no mark, or the marks would hide readings that share them, and its id is given to the memory of ids too. Behind
the last mark there is nothing to tell by: of two restarts into a hole there, a swapped reading may be ``presumed``.

Nearly all sources make ids that grow: what is greater than all lately is new at a glance (``top``), and is not looked
up. Ids are compared by CRC-32, which never takes ids for one that differ in up to four neighbouring letters; of random
ids, which do not grow, it takes one in 67 million for one of the 64 before it: a dead letter, not silence.

Ids from before the last ``RECENT`` numbers of a run, and those of a run before, are not kept. A source that gives one
of them to a new number that proves enough sends two events, of which the history keeps one if their times are equal.
A device that makes ids of its counter gives all of them again after a restart, and may.

Numbers that were never seen when the source first appeared are one hole from 0 on. A run keeps at most ``HOLES_MAX``
holes; the oldest is then given up, and below it all numbers are ``unsure``. Of the runs before ``previous`` nothing is
kept but the time of their end: what a source delivers again from before its last restart but one may count once more.
A device that restarts *and* sends event times at which its old run was at that number looks like a re-delivery: its
readings are ``presumed`` to be known, and its feed turns ``duplicating``.
"""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right
from typing import Literal
from zlib import crc32

import msgspec
from msgspec import Struct

Verdict = Literal["new", "duplicate", "presumed", "conflict", "unsure"]
RECENT = 64
HOLES_MAX = 256
MARKS_MAX = 32
_MASK = RECENT - 1
_RING = struct.Struct(f"<{RECENT}I")
_HIGHEST = 2**63
_NONE_MS = 2**62  # earliest event time where there was none


class _RunRecord(Struct, array_like=True, frozen=True):
    high: int
    floor: int
    newest_ms: int
    holes: list[tuple[int, int]]
    ids: bytes
    contents: bytes
    sure_ms: int = -1
    marks: list[tuple[int, ...]] = msgspec.field(default_factory=list)
    low_ms: int = -1
    tops: tuple[bytes, bytes] = (b"", b"")


class _SourceRecord(Struct, array_like=True, frozen=True):
    restarts: int
    boundary_ms: int
    run: _RunRecord
    previous: _RunRecord | None
    forgotten_ms: int = -1


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_SourceRecord).decode


class Run:
    """One run of a source's counter.

    Attributes:
        ids: CRC-32 of the ids of the last numbers, by number modulo 64; ``contents`` likewise.
        top: the greatest id (the longer one, else by its letters) of the 64 numbers up to the newest multiple of 64
            and of those since; ``block_top``: of those since.
        newest_ms: latest event time.
        sure_ms: latest event time of the events that were not ahead of their arrival.
        low_ms: earliest event time under the numbers behind the last mark; -1 when it is not known.
        marks: (number, what ``sure_ms`` was when all numbers up to it had come that have come, earliest event time
            under the numbers from the mark before up to it), oldest first.
    """

    __slots__ = (
        "block_top",
        "contents",
        "floor",
        "high",
        "holes",
        "ids",
        "low_ms",
        "marks",
        "newest_ms",
        "sure_ms",
        "top",
    )

    def __init__(self) -> None:
        self.high, self.floor, self.newest_ms, self.sure_ms, self.low_ms = -1, 0, -1, -1, _NONE_MS
        self.marks: list[tuple[int, int, int]] = []
        self.holes: list[tuple[int, int]] = []
        self.ids, self.contents = [0] * RECENT, [0] * RECENT
        self.top = self.block_top = b""

    def content_of(self, event_id: bytes) -> int | None:
        """What came under an id lately; None when nothing did."""
        if _greater(event_id, self.top):
            return None
        code = crc32(event_id)
        return self.contents[self.ids.index(code)] if code in self.ids else None

    def remember(self, number: int, event_id: bytes, content: int) -> None:
        """Take note of what came under one of the last numbers."""
        slot = number & _MASK
        self.ids[slot], self.contents[slot] = crc32(event_id), content
        if _greater(event_id, self.top):
            self.top = event_id
        if _greater(event_id, self.block_top):
            self.block_top = event_id

    def jump(self, number: int) -> None:
        """Go to a number above ``high``, which leaves a hole if it is not the next."""
        if self.high >= 0 and number >> 6 != self.high >> 6:
            self.mark()
        if number != self.high + 1:
            self.holes.append((self.high + 1, number - 1))
            self._bound()
        self.high = number

    def hole_of(self, number: int) -> int:
        """Which hole a number lies in, by its place among ``holes``; -1 when it lies in none."""
        at = bisect_right(self.holes, (number, _HIGHEST)) - 1
        return at if at >= 0 and number <= self.holes[at][1] else -1

    def fill(self, number: int) -> bool:
        """Close the hole that a number lies in; False when it lies in none."""
        at = self.hole_of(number)
        if at < 0:
            return False
        first, last = self.holes[at]
        self.holes[at : at + 1] = [hole for hole in ((first, number - 1), (number + 1, last)) if hole[0] <= hole[1]]
        self._bound()
        return True

    def mark(self) -> None:
        """Remember how far time had come at ``high``; of too many marks the one between the nearest two goes.

        Near is meant in proportion: a counter that begins anew gives small numbers, so marks stand close there.
        """
        self.top, self.block_top = self.block_top, b""
        marks = self.marks
        marks.append((self.high, self.sure_ms, self.low_ms))
        self.low_ms = _NONE_MS
        if len(marks) > MARKS_MAX:
            at = min(range(1, MARKS_MAX), key=lambda at: (marks[at + 1][0] + 1) / (marks[at - 1][0] + 1))
            number, sure_ms, low_ms = marks[at + 1]
            marks[at + 1] = (number, sure_ms, min(low_ms, marks[at][2]))
            del marks[at]

    def reached(self, number: int) -> int:
        """Upper bound of the event times of what came under a number, except of events ahead of their arrival."""
        at = bisect_left(self.marks, (number, -1))
        return self.marks[at][1] if at < len(self.marks) else self.sure_ms

    def earliest(self, number: int) -> int:
        """Lower bound of the event times of what came under a number."""
        at = bisect_left(self.marks, (number, -1))
        return self.marks[at][2] if at < len(self.marks) else self.low_ms

    def unproved(self, number: int, time_ms: int) -> bool:
        """Whether a number in a hole comes with an event time that nothing around it had when its marks were set."""
        at = bisect_left(self.marks, (number, -1))
        return at < len(self.marks) and time_ms > self.marks[at][1]

    def filled(self, number: int, time_ms: int) -> None:
        """A hole was closed by an event of this time: the earliest time around it holds for it too.

        How far time had come is as before: the event is not later than that, or it is unproved.
        """
        at = bisect_left(self.marks, (number, -1))
        if at < len(self.marks):
            up_to, sure_ms, low_ms = self.marks[at]
            self.marks[at] = (up_to, sure_ms, min(low_ms, time_ms))
        else:
            self.low_ms = min(self.low_ms, time_ms)

    def _bound(self) -> None:
        while len(self.holes) > HOLES_MAX:
            self.floor = self.holes.pop(0)[1] + 1

    def record(self) -> _RunRecord:
        """For the checkpoint."""
        return _RunRecord(
            self.high,
            self.floor,
            self.newest_ms,
            self.holes,
            _RING.pack(*self.ids),
            _RING.pack(*self.contents),
            self.sure_ms,
            [*self.marks],
            self.low_ms,
            (self.top, self.block_top),
        )

    @classmethod
    def restored(cls, record: _RunRecord) -> Run:
        """From the checkpoint."""
        run = cls()
        run.high, run.floor, run.newest_ms = record.high, record.floor, record.newest_ms
        run.holes = list(record.holes)
        run.sure_ms = record.sure_ms if record.sure_ms >= 0 else record.newest_ms
        # A checkpoint of an earlier version does not know the earliest times: then nothing is earlier.
        run.marks = [(mark[0], mark[1], mark[2] if len(mark) == 3 else -1) for mark in record.marks]
        run.low_ms = record.low_ms
        run.top, run.block_top = record.tops  # of an earlier version: empty, and its ids are not looked up
        run.ids, run.contents = list(_RING.unpack(record.ids)), list(_RING.unpack(record.contents))
        return run


def _greater(one: bytes, other: bytes) -> bool:
    return len(one) > len(other) or (len(one) == len(other) and one > other)


class Source:
    """The numbers of one source; ``key`` is its place in the checkpoint."""

    __slots__ = ("boundary_ms", "forgotten_ms", "key", "previous", "restarts", "run")

    def __init__(self, key: str) -> None:
        self.key = key
        self.run, self.restarts = Run(), 0
        self.previous: Run | None = None
        self.boundary_ms = -1  # event times up to this belong to the previous run
        self.forgotten_ms = -1  # event times up to this may belong to runs of which nothing is kept

    def unproved(self, number: int, time_ms: int) -> bool:
        """Whether a number would be new, but its event can be told from a re-delivery by its id only.

        Args:
            number, time_ms: as for :meth:`see`, which is called next.
        """
        run = self.run
        if time_ms <= self.boundary_ms and self.previous is not None:
            run = self.previous
        return run.floor <= number < run.high and run.unproved(number, time_ms) and run.hole_of(number) >= 0

    def follows(self, number: int, event_id: bytes, content: int, time_ms: int) -> bool:
        """Remember the number after the newest one of the run, as :meth:`see` does.

        False for any other number, and for an id that came lately; nothing is remembered then.

        Args:
            number, event_id, content: as for :meth:`see`.
            time_ms: when the event happened, not after its record arrived.
        """
        run = self.run
        if number != run.high + 1 or (time_ms <= self.boundary_ms and self.previous is not None):
            return False
        slot, top = number & _MASK, run.top
        if slot and event_id > top and len(event_id) == len(top):  # as nearly always
            run.top = run.block_top = event_id
            run.high, run.ids[slot], run.contents[slot] = number, crc32(event_id), content
        else:
            if run.content_of(event_id) is not None:
                return False
            if not slot and number:
                run.mark()
            run.high = number
            run.remember(number, event_id, content)
        if time_ms < run.low_ms:
            run.low_ms = time_ms
        if time_ms > run.newest_ms:
            run.newest_ms = time_ms
        if time_ms > run.sure_ms:
            run.sure_ms = time_ms
        return True

    def see(self, number: int, event_id: bytes, content: int, time_ms: int, arrival_ms: int) -> Verdict:
        """Say whether a number is new, and remember it.

        Args:
            number: 0 to 2⁵³.
            event_id: the id, ASCII.
            content: CRC-32 over everything that makes two deliveries the same event.
            time_ms: when the event happened.
            arrival_ms: when its record arrived, by the broker's stamp.
        """
        run = self.run
        if time_ms <= self.boundary_ms and self.previous is not None:
            run = self.previous
        high, filled, known = run.high, False, run.content_of(event_id)
        if known is not None and known != content:
            return "conflict"
        if number == high + 1:
            if not number & _MASK and number:
                run.mark()
            run.high = number
        elif number > high:
            run.jump(number)
        elif number < run.floor:
            return "unsure" if known is None else "duplicate"
        elif run.fill(number):
            run.filled(number, time_ms)
            filled = True
        elif known is not None:
            return "duplicate"
        else:
            if number > high - RECENT:
                if run.ids[number & _MASK] != crc32(event_id):
                    return "unsure"
                return "duplicate" if run.contents[number & _MASK] == content else "conflict"
            if time_ms <= run.newest_ms:
                if time_ms > run.reached(number) or self.forgotten_ms < time_ms < run.earliest(number):
                    return "unsure"
                return "presumed"
            self.restarts += 1
            self.forgotten_ms = self.boundary_ms
            self.previous, self.boundary_ms = run, run.newest_ms
            run = self.run = Run()
            run.jump(number)
        if number > run.high - RECENT:
            run.remember(number, event_id, content)
        if time_ms < run.low_ms and not filled:
            run.low_ms = time_ms
        if time_ms > run.newest_ms:
            run.newest_ms = time_ms
        if run.sure_ms < time_ms <= arrival_ms:
            run.sure_ms = time_ms
        return "new" if known is None else "duplicate"

    def dump(self) -> bytes:
        """For the checkpoint, about 1 kB per run."""
        previous = self.previous.record() if self.previous is not None else None
        return _encode(_SourceRecord(self.restarts, self.boundary_ms, self.run.record(), previous, self.forgotten_ms))

    def load(self, value: bytes) -> None:
        """From the checkpoint."""
        record = _decode(value)
        self.restarts, self.boundary_ms, self.forgotten_ms = record.restarts, record.boundary_ms, record.forgotten_ms
        self.run = Run.restored(record.run)
        self.previous = Run.restored(record.previous) if record.previous is not None else None
