"""The recorder: batch → rows → one transaction with the positions. The log is the truth, the database follows it.

What holds: each record of the log has its effect in the database once, whatever dies when. The positions are in the
same transaction as the rows, so the database alone says where to continue; nothing is ever committed to Kafka.

::

    open ──► positions ──► gather ──► write ──► gather ──► …
     ▲                                  │ Unavailable: back off, open again; the batch is kept when the positions
     └──────────────────────────────────┘ are still those it starts from, otherwise it is read again
                                        │ BadInput: halve; a single bad record becomes a row of `recorder_reject`
                                        ▼ Fenced: somebody else writes; end

Memory is bounded by one batch and what the log has fetched in advance: while the database is away nothing is fetched.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from msgspec import Struct, field

from ioc.errors import BadInput, Unavailable
from ioc.pipeline.effects import Record
from ioc.ports import EventLog, History, Moves, Place, Tables
from ioc.services.recorder_rows import build, gap_row, reject_row

BATCH_RECORDS_MAX = 5_000  # one transaction; more gains little and makes a retry dearer
BATCH_BYTES_MAX = 8 * 1024 * 1024  # of values; a batch may exceed it by one fetch
BATCH_WAIT_S = 0.25  # longest wait of a record for its batch
IDLE_PING_S = 5.0  # a silent session is ended by the server after 30 s, see adapters.timescale
CORRECT_EVERY_S = 1.0  # pause between two looks at summaries that late readings changed: live records go first
CORRECT_PAUSE_SHARE = 4.0  # and so many times as long as the last look took: a fifth of the recorder's time at most
CORRECT_PAUSE_MAX_S = 60.0  # after failures
BACKOFF_FIRST_S = 0.2
BACKOFF_MAX_S = 5.0  # retried for ever: the log keeps what the database cannot take now
TRIES_BEFORE_HALVING = 3  # a batch that fails this often may be too big for the statement time-out

T = TypeVar("T")
Part = list[tuple[Place, Sequence[Record]]]
log = logging.getLogger("ioc.recorder")


class RecorderStats(Struct):
    """Totals since the start of this process. ``stored`` counts new or newer rows by table."""

    records: int = 0
    batches: int = 0
    stored: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    rejected: int = 0
    corrected: int = 0  # summaries made anew, because readings had come too late for them
    uncorrected: int = 0  # goes of corrections that failed, alone; they are tried again
    retries: int = 0
    rereads: int = 0
    active: bool = False  # holds the writer's place; False while standby or without a database
    last_error: str = ""
    last_write_s: float = 0.0  # duration of the last transaction, seconds


class Recorder:
    """The loop on its two ports. ``monotonic_s`` measures durations only."""

    def __init__(
        self,
        source: EventLog,
        history: History,
        places: Sequence[Place],
        prefix: str,
        monotonic_s: Callable[[], float],
        *,
        batch_records_max: int = BATCH_RECORDS_MAX,
        batch_wait_s: float = BATCH_WAIT_S,
        backoff_first_s: float = BACKOFF_FIRST_S,
    ) -> None:
        self.stats = RecorderStats()
        self._source = source
        self._history = history
        self._places = list(places)
        self._prefix = prefix
        self._monotonic_s = monotonic_s
        self._batch_records_max = batch_records_max
        self._batch_wait_s = batch_wait_s
        self._backoff_first_s = backoff_first_s
        self._positions: dict[Place, int] = {}
        self._pending: deque[Part] = deque()  # parts of one batch, in order; one, unless it had to be cut
        self._failures = 0  # of anything, in a row
        self._write_failures = 0  # of the same part, in a row
        self._correct_at_s = float("-inf")  # when summaries are looked at next
        self._correct_pause_s = CORRECT_EVERY_S  # doubled by each failure
        self._used_s = 0.0  # when the database was last spoken to
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Finish the batch in hand and return from :meth:`run`. A batch that the database cannot take now is given
        up: it is in the log."""
        self._stop.set()

    async def run(self) -> None:
        """Record until :meth:`stop`.

        Raises:
            Fenced: another recorder writes.
        """
        try:
            while not self._stop.is_set():
                try:
                    if not await self._become_active():
                        return
                    while not self._stop.is_set():
                        if not self._pending:
                            await self._gather()
                        await self._write_pending()
                except Unavailable as exc:
                    await self._back_off(exc)
        finally:
            self.stats.active = False
            await self._history.close()

    async def _become_active(self) -> bool:
        positions = await self._unless_stopped(self._history.open(self._places))
        if positions is None:
            return False
        # Different: a first start, a failed fetch, a write of unknown outcome, or another writer meanwhile.
        if dict(positions) != self._positions:
            self.stats.rereads += bool(self._pending)
            self._pending.clear()
            self._positions = {}  # nothing is known until the reader stands where the database says
            gaps = await self._source.seek(positions)
            if gaps:
                log.error("the log was deleted before it was read, history has gaps: %s", gaps)
                moves = {place: (start, end) for place, start, end in gaps}
                await self._commit({"recorder_reject": [gap_row(*gap) for gap in gaps]}, moves)
            self._positions = dict(positions) | {place: end for place, _, end in gaps}
        if not self.stats.active:
            log.info("this recorder is the writer now")
        self.stats.active = True
        self._used_s = self._monotonic_s()
        return True

    async def _gather(self) -> None:
        """Wait for a batch: full, or ``batch_wait_s`` old. May find nothing."""
        part: Part = []
        records = size = 0
        deadline_s = self._monotonic_s() + self._batch_wait_s
        try:
            while records < self._batch_records_max and size < BATCH_BYTES_MAX and not self._stop.is_set():
                left_s = deadline_s - self._monotonic_s()
                if left_s <= 0:
                    break
                for place, found in await self._source.fetch(self._batch_records_max - records, left_s):
                    part.append((place, found))
                    records += len(found)
                    size += sum(len(r.value) for r in found if r.value is not None)
        except Unavailable:
            self._positions = {}  # where the reader stands is not known any more: it is told anew, by the database
            raise
        if records:
            self._pending.append(part)

    async def _write_pending(self) -> None:
        if not self._pending and self._monotonic_s() - self._used_s > IDLE_PING_S:
            await self._history.ping()
            self._used_s = self._monotonic_s()
        while self._pending:
            part = self._pending[0]
            try:
                await self._store(part)
            except BadInput as exc:
                if count(part) == 1:
                    await self._set_aside(part, exc)
                    self._pending.popleft()
                else:
                    self._cut()
            except Unavailable:
                self._write_failures += 1
                if self._write_failures >= TRIES_BEFORE_HALVING and count(part) > 1:
                    self._cut()
                raise
            else:
                self._pending.popleft()
        await self._correct()

    async def _correct(self) -> None:
        """One go of corrections, when its time has come. It may fail alone: if the database itself is away, the next
        write or ping tells."""
        started_s = self._monotonic_s()
        if started_s < self._correct_at_s:
            return
        self._correct_at_s = started_s + self._correct_pause_s  # whatever becomes of it
        try:
            self.stats.corrected += await self._history.correct()
        except Unavailable as exc:
            self.stats.uncorrected += 1
            self._correct_pause_s = min(2 * self._correct_pause_s, CORRECT_PAUSE_MAX_S)
            log.warning("summaries are not corrected: %s; tried again in %.0f s", exc, self._correct_pause_s)
        else:
            self._correct_pause_s = CORRECT_EVERY_S
        ended_s = self._monotonic_s()
        self._correct_at_s = ended_s + max(self._correct_pause_s, CORRECT_PAUSE_SHARE * (ended_s - started_s))

    def _cut(self) -> None:
        part = self._pending.popleft()
        self._pending.extendleft(reversed(halves(part)))
        self._write_failures = 0

    async def _store(self, part: Part) -> None:
        built = build(self._prefix, part)
        await self._commit(built.tables, self._moves(part))
        self.stats.records += count(part)
        for why, n in built.skipped.items():
            self.stats.skipped[why] = self.stats.skipped.get(why, 0) + n

    async def _set_aside(self, part: Part, exc: BadInput) -> None:
        [(place, [record])] = [chunk for chunk in part if chunk[1]]
        log.warning("record %s of %s/%s is set aside: %s", record.offset, place.topic, place.partition, exc)
        table, row = reject_row(place, record, exc.code, exc.detail)
        await self._commit({table: [row]}, self._moves(part))
        self.stats.records += 1

    def _moves(self, part: Part) -> Moves:
        return {place: (self._positions[place], found[-1].offset + 1) for place, found in part if found}

    async def _commit(self, tables: Tables, moves: Moves) -> None:
        started_s = self._monotonic_s()
        stored = await self._history.write(tables, moves)
        self._positions.update({place: after for place, (_, after) in moves.items()})
        self._used_s = self._monotonic_s()
        self._failures = self._write_failures = 0
        self.stats.batches += 1
        self.stats.last_write_s = self._used_s - started_s
        self.stats.rejected += len(tables.get("recorder_reject", ()))
        for table, n in stored.items():
            self.stats.stored[table] = self.stats.stored.get(table, 0) + n

    async def _back_off(self, exc: Unavailable) -> None:
        wait_s = min(self._backoff_first_s * 2**self._failures, BACKOFF_MAX_S)
        if self._failures == 0:
            log.warning("%s; %d records wait, tried again until it works", exc, sum(map(count, self._pending)))
        self._failures = min(self._failures + 1, 16)
        self.stats.retries += 1
        self.stats.last_error = str(exc)
        self.stats.active = False
        await self._history.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), wait_s)

    async def _unless_stopped(self, work: Coroutine[Any, Any, T]) -> T | None:
        """The result, or None when :meth:`stop` came first; ``work`` is cancelled then."""
        task = asyncio.ensure_future(work)
        stopped = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            for waiting in (task, stopped):
                waiting.cancel()
            await asyncio.gather(task, stopped, return_exceptions=True)


def count(part: Part) -> int:
    """Records in a part."""
    return sum(len(found) for _, found in part)


def halves(part: Part) -> tuple[Part, Part]:
    """The part cut in two, order kept, neither empty; ``part`` holds two records or more."""
    left: Part = []
    right: Part = []
    room = count(part) // 2
    for place, found in part:
        if found[:room]:
            left.append((place, found[:room]))
        if found[room:]:
            right.append((place, found[room:]))
        room -= min(room, len(found))
    return left, right
