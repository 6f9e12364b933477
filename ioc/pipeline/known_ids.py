"""Which event ids one partition has seen lately: duplicates are dropped, conflicts are noticed.

An id is remembered for 70 minutes of arrival time (Kafka's timestamp of its record), which covers at least an hour
of event time because an event may be at most 2 minutes ahead of its arrival. Arrival time, not the wall clock,
decides, so that the same records give the same answer after a restart and in any batches. Beyond that horizon the
database's unique key is the second net.

Memory: 16 bytes per id (8 of BLAKE2b over the id, 4 of CRC-32 over the content, 4 of the minute), kept in small
byte strings, about 22 bytes with their overhead, for at most two periods; at most ``IDS_MAX`` ids, then the older
period is forgotten early and counted. Two different ids share their 8 bytes with a chance of 1 in 2⁶⁴ per pair.

Checkpoint: keys ``ids/<period>/<n>``, each a run of entries. A short run is rewritten until it holds 64 entries,
then a new one begins: at 25 ids/s and ten flushes a second that is about 5 kB/s.
"""

from __future__ import annotations

import struct
from hashlib import blake2b
from typing import Literal

Verdict = Literal["new", "duplicate", "conflict"]

HORIZON_MIN = 70
IDS_MAX = 4_000_000
SLOTS = 16_384
RUN_ENTRIES = 64  # a shorter run is still open
RUN_ENTRIES_MAX = 4096  # 64 KiB per checkpoint record
_ENTRY = struct.Struct(">8sII")
_SIZE = _ENTRY.size


class _Period:
    """Ids first seen within one stretch of 70 minutes."""

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


class KnownIds:
    """The memory of one partition."""

    def __init__(self, ids_max: int = IDS_MAX) -> None:
        self._periods: dict[int, _Period] = {}
        self._newest = -1
        self._ids_max = ids_max
        self._count = 0
        self._gone: list[str] = []  # checkpoint keys to delete
        self.forgotten = 0  # ids dropped before their time because the memory was full

    def __len__(self) -> int:
        return self._count

    def see(self, event_id: str, content: int, arrival_ms: int) -> Verdict:
        """Say whether an id is new, and remember it.

        Args:
            event_id: the source's id, ASCII; with ``drill|`` before it in a drill, whose ids are their own.
            content: CRC-32 over everything that makes two deliveries the same event.
            arrival_ms: Kafka's timestamp of the record.
        """
        minute = arrival_ms // 60_000
        digest = blake2b(event_id.encode(), digest_size=8).digest()
        slot = (digest[0] << 6) | (digest[1] >> 2)
        for period in self._periods.values():
            found = period.slots[slot]
            at = found.find(digest)
            while at >= 0:
                if at % _SIZE == 0:
                    _, known, seen = _ENTRY.unpack_from(found, at)
                    if abs(minute - seen) <= HORIZON_MIN:
                        return "duplicate" if known == content else "conflict"
                at = found.find(digest, at + 1)
        number = minute // HORIZON_MIN
        here = self._periods.get(number)
        if here is None:
            here = self._open(number)
        entry = _ENTRY.pack(digest, content, minute)
        here.slots[slot] += entry
        here.count += 1
        here.pending.append(entry)
        self._count += 1
        if self._count > self._ids_max:
            self._make_room(number)
        return "new"

    def _open(self, number: int) -> _Period:
        self._newest = max(self._newest, number)
        for old in [n for n in self._periods if n < self._newest - 1]:
            self._drop(old)
        self._periods[number] = period = _Period(number)
        return period

    def _drop(self, number: int) -> None:
        period = self._periods.pop(number)
        self._count -= period.count
        self._gone += [_key(number, run) for run in range(period.run + 1)]

    def _make_room(self, number: int) -> None:
        oldest = min(self._periods)
        self.forgotten += self._periods[oldest].count
        self._drop(oldest)
        if oldest == number:  # its runs begin at 0 again; in the flush the deletions come first, the new run wins
            self._open(number)

    def load(self, key: str, value: bytes) -> None:
        """Take a run of the checkpoint back."""
        _, number_text, run_text = key.split("/")
        number, run = int(number_text), int(run_text)
        period = self._periods.get(number)
        if period is None:
            period = self._periods[number] = _Period(number)
            self._newest = max(self._newest, number)
        for at in range(0, len(value), _SIZE):
            period.put(value[at : at + _SIZE])
        self._count += len(value) // _SIZE
        if run >= period.run:
            period.run, period.run_bytes = run, value

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        """Runs that changed and runs that are no longer needed."""
        out: list[tuple[str, bytes | None]] = [(key, None) for key in self._gone]
        self._gone = []
        for period in self._periods.values():
            if not period.pending:
                continue
            entries, period.pending = period.pending, []
            while entries:
                if len(period.run_bytes) >= RUN_ENTRIES * _SIZE:
                    period.run, period.run_bytes = period.run + 1, b""
                part, entries = entries[:RUN_ENTRIES_MAX], entries[RUN_ENTRIES_MAX:]
                period.run_bytes += b"".join(part)
                out.append((_key(period.number, period.run), period.run_bytes))
        return out


def _key(number: int, run: int) -> str:
    return f"ids/{number}/{run}"
