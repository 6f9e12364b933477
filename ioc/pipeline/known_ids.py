"""Which event ids one partition has seen lately: duplicates are dropped, conflicts are noticed.

An id is remembered for 70 minutes of arrival time (Kafka's timestamp of its record), which covers at least an hour
of event time because an event may be at most 2 minutes ahead of its arrival. Where an event could still be counted
after that (a feed with a window of a day), ids are kept on a *long* shelf, for as long as :func:`horizon_min` says.
Arrival time, not the wall clock, decides, so that the same records give the same answer after a restart and in any
batches. Beyond the horizon the database's unique key is the second net.

Memory: 16 bytes per id (8 of BLAKE2b over the id, 4 of CRC-32 over the content, 4 of the minute), kept in small
byte strings, about 22 bytes with their overhead, for at most two periods: a feed with 1 id/s and a window of a day
(25.5 h) holds at most 4 MB. At most ``IDS_MAX`` ids together, then the oldest period is forgotten early and counted.
Two different ids share their 8 bytes with a chance of 1 in 2⁶⁴ per pair.

Checkpoint: keys ``ids/<period>/<n>`` and ``ids/<minutes>.<period>/<n>`` of the long shelf, each a run of entries. A
short run is rewritten until it holds 64 entries, then a new one begins: at 25 ids/s and ten flushes a second that is
about 5 kB/s.
"""

from __future__ import annotations

import math
import struct
from hashlib import blake2b
from typing import Literal

Verdict = Literal["new", "duplicate", "conflict"]

HORIZON_MIN = 70
IDS_MAX = 4_000_000
SLOTS = 16_384
RUN_ENTRIES = 64  # a shorter run is still open
RUN_ENTRIES_MAX = 4096  # 64 KiB per checkpoint record
LATE_MIN = 10  # events of a feed may come this late by habit, and its watermark with them
_ENTRY = struct.Struct(">8sII")
_SIZE = _ENTRY.size


class _Period:
    """Ids first seen within one stretch of time, as long as their shelf keeps them."""

    __slots__ = ("count", "number", "pending", "run", "run_bytes", "slots")

    def __init__(self, number: int) -> None:
        self.number = number
        self.slots: list[bytes] = [b""] * SLOTS
        self.count = 0
        self.run = 0  # number of the open run
        self.run_bytes = b""  # what the open run already holds in the checkpoint
        self.pending: list[bytes] = []  # entries since the last flush

    def put(self, entry: bytes) -> None:
        slot = (entry[0] << 6) | (entry[1] >> 2)
        self.slots[slot] += entry
        self.count += 1


class _Shelf:
    """Periods of one length; the newest two of them are kept."""

    __slots__ = ("minutes", "newest", "periods", "prefix")

    def __init__(self, minutes: int, prefix: str) -> None:
        self.minutes, self.prefix = minutes, prefix  # ``ids/`` and what tells the length
        self.periods: dict[int, _Period] = {}
        self.newest = -1

    def period(self, number: int) -> _Period:
        """One of the checkpoint."""
        found = self.periods.get(number)
        if found is None:
            found = self.periods[number] = _Period(number)
            self.newest = max(self.newest, number)
        return found

    def key(self, number: int, run: int) -> str:
        return f"{self.prefix}{number}/{run}"


def _place(event_id: str) -> tuple[bytes, int]:
    """The digest of an id, and the slot that it stands in."""
    digest = blake2b(event_id.encode(), digest_size=8).digest()
    return digest, (digest[0] << 6) | (digest[1] >> 2)


def horizon_min(window_s: float, grace_s: float) -> int:
    """How long the ids of a feed must be known, in minutes of arrival: as long as a window can count its events.

    A window is open until the watermark is ``grace_s`` beyond its end. The watermark of an idle feed follows another
    ``grace_s`` behind the arrivals, and an event may be 2 minutes ahead of its own.

    Args:
        window_s: longest window that counts the feed's events.
        grace_s: its allowed lateness.
    """
    return max(HORIZON_MIN, math.ceil((window_s + 2 * grace_s + 120) / 60) + LATE_MIN)


class KnownIds:
    """The memory of one partition.

    Args:
        ids_max: most ids that are kept.
        long_min: minutes that the long shelf keeps an id; at least ``HORIZON_MIN``.
        kind: first part of the checkpoint keys, where a partition has more than one memory.
    """

    def __init__(self, ids_max: int = IDS_MAX, long_min: int = HORIZON_MIN, kind: str = "ids") -> None:
        self._kind = kind
        self._long_min = max(long_min, HORIZON_MIN)
        self._shelves = {False: _Shelf(HORIZON_MIN, f"{kind}/"), True: self._long_shelf()}
        self._ids_max = ids_max
        self._count = 0
        self._gone: list[str] = []  # checkpoint keys to delete
        self.forgotten = 0  # ids dropped before their time because the memory was full

    def keep_for(self, long_min: int) -> None:
        """Keep the ids of the long shelf for another time from now on; what is known goes on the shelf of that length.

        Args:
            long_min: minutes; at least ``HORIZON_MIN``. What a longer time would still know and a shorter one dropped
                stays dropped.
        """
        minutes, old = max(long_min, HORIZON_MIN), self._shelves[True]
        if minutes == old.minutes:
            return
        self._long_min = minutes
        shelf = self._shelves[True] = self._long_shelf()
        for number, before in old.periods.items():
            self._gone += [old.key(number, run) for run in range(before.run + 1)]
            for slot in before.slots:
                for at in range(0, len(slot), _SIZE):
                    entry = slot[at : at + _SIZE]
                    period = shelf.period(_ENTRY.unpack(entry)[2] // minutes)
                    period.put(entry)
                    period.pending.append(entry)

    def _long_shelf(self) -> _Shelf:
        return _Shelf(self._long_min, f"{self._kind}/{self._long_min}.")

    def __len__(self) -> int:
        return self._count

    def see(self, event_id: str, content: int, arrival_ms: int, long: bool = False) -> Verdict:
        """Say whether an id is new, and remember it.

        Args:
            event_id: the source's id, ASCII; with ``drill|`` before it in a drill, whose ids are their own.
            content: CRC-32 over everything that makes two deliveries the same event.
            arrival_ms: Kafka's timestamp of the record.
            long: a new id goes on the long shelf. Known ids are found on both.
        """
        minute = arrival_ms // 60_000
        digest, slot = _place(event_id)
        known = self._known(digest, slot, content, minute)
        if known is not None:
            return known
        shelf = self._shelves[long]
        number = minute // shelf.minutes
        here = shelf.periods.get(number) or self._open(shelf, number)
        entry = _ENTRY.pack(digest, content, minute)
        here.slots[slot] += entry
        here.count += 1
        here.pending.append(entry)
        self._count += 1
        if self._count > self._ids_max:
            self._make_room(shelf, number)
        return "new"

    def find(self, event_id: str, content: int, arrival_ms: int) -> Verdict:
        """What :meth:`see` would say; nothing is remembered."""
        return self._known(*_place(event_id), content, arrival_ms // 60_000) or "new"

    def _known(self, digest: bytes, slot: int, content: int, minute: int) -> Literal["duplicate", "conflict"] | None:
        for shelf in self._shelves.values():
            for period in shelf.periods.values():
                found = period.slots[slot]
                at = found.find(digest)
                while at >= 0:
                    if at % _SIZE == 0:
                        _, known, seen = _ENTRY.unpack_from(found, at)
                        if abs(minute - seen) <= shelf.minutes:
                            return "duplicate" if known == content else "conflict"
                    at = found.find(digest, at + 1)
        return None

    def _open(self, shelf: _Shelf, number: int) -> _Period:
        shelf.newest = max(shelf.newest, number)
        for old in [n for n in shelf.periods if n < shelf.newest - 1]:
            self._drop(shelf, old)
        shelf.periods[number] = period = _Period(number)
        return period

    def _drop(self, shelf: _Shelf, number: int) -> None:
        period = shelf.periods.pop(number)
        self._count -= period.count
        self._gone += [shelf.key(number, run) for run in range(period.run + 1)]

    def _make_room(self, shelf: _Shelf, number: int) -> None:
        full = [(n * one.minutes, one.minutes, one, n) for one in self._shelves.values() for n in one.periods]
        _, _, oldest, oldest_number = min(full, key=lambda found: found[:2])
        self.forgotten += oldest.periods[oldest_number].count
        self._drop(oldest, oldest_number)
        if oldest is shelf and oldest_number == number:
            # Its runs begin at 0 again; in the flush the deletions come first, the new run wins.
            self._open(shelf, number)

    def load(self, key: str, value: bytes) -> None:
        """Take a run of the checkpoint back; one of a long shelf of another length is sorted in anew."""
        _, number_text, run_text = key.split("/")
        minutes_text, dot, rest = number_text.rpartition(".")
        shelf, run = self._shelves[bool(dot)], int(run_text)
        self._count += len(value) // _SIZE
        if dot and int(minutes_text) != shelf.minutes:
            self._gone.append(key)
            for at in range(0, len(value), _SIZE):
                entry = value[at : at + _SIZE]
                period = shelf.period(_ENTRY.unpack(entry)[2] // shelf.minutes)
                period.put(entry)
                period.pending.append(entry)
            return
        period = shelf.period(int(rest))
        for at in range(0, len(value), _SIZE):
            period.put(value[at : at + _SIZE])
        if run >= period.run:
            period.run, period.run_bytes = run, value

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        """Runs that changed and runs that are no longer needed."""
        out: list[tuple[str, bytes | None]] = [(key, None) for key in self._gone]
        self._gone = []
        for shelf in self._shelves.values():
            for period in shelf.periods.values():
                entries, period.pending = period.pending, []
                while entries:
                    if len(period.run_bytes) >= RUN_ENTRIES * _SIZE:
                        period.run, period.run_bytes = period.run + 1, b""
                    part, entries = entries[:RUN_ENTRIES_MAX], entries[RUN_ENTRIES_MAX:]
                    period.run_bytes += b"".join(part)
                    out.append((shelf.key(period.number, period.run), period.run_bytes))
        return out
