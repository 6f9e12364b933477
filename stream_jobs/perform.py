"""Performs the effects of a step: one flush is one Kafka transaction of the partition's own producer.

A flush holds the emits since the last one, the state that changed, and ``@position``; readers see all of it or nothing.
Order within an output partition is the order of the emits. What happened after the snapshot waits for the next flush;
one producer has one transaction at a time.

When: immediately when a step asked for it, or during a rebalance or a stop. Otherwise at once if nothing was flushed
for ``flush_s``, or ``flush_s`` after the last flush began; a job whose other outputs can wait gives them ``calm_s`` to
come together in one transaction, which is what a broker's work is made of. A tick without effects opens no transaction,
and records of which nothing came (``Effects.idle``) wait up to ``IDLE_FLUSH_S`` for others to share one with.

Errors: retriable ones before the commit abort the transaction and write the same rows again; a failed commit is never
repeated here, because its outcome is unknown: the process ends and the next owner reads the truth. Fenced → code 73.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import Awaitable, Callable, Iterable
from functools import lru_cache
from time import monotonic
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import InvalidProducerEpoch, InvalidProducerIdMapping, KafkaError, ProducerFenced
from faust.types import TP

from ioc.adapters.clock import now_ms
from ioc.errors import Fenced, IocError
from ioc.pipeline.effects import Effects, Emit, Step
from ioc.wire.topics import Topics
from stream_jobs.checkpoint import POSITION, Layout
from stream_jobs.exits import Exit, leave

log = logging.getLogger(__name__)

PENDING_RECORDS_MAX = 20_000  # input records of one partition applied but not yet written; then its input waits
PENDING_EMITS_MAX = 40_000  # the same for outputs; ticks are left out meanwhile
KEYS_REMEMBERED = 65_536  # partition of a key, least recently used goes first (about 10 MB)
RETRY_FIRST_S, RETRY_MAX_S = 0.1, 2.0
IDLE_FLUSH_S = 5.0  # records of which nothing came, and which a restart may read again, are acknowledged so late

Rows = dict[tuple[str, int], list[tuple[bytes, bytes | None]]]
Transact = Callable[[AIOKafkaProducer, Rows, int], Awaitable[None]]  # as transact(); a measurement may put its own here


class RecordTooLarge(IocError):
    """A step made a record that does not fit into a batch of 512 KiB; a bug of the step."""


class CommitUnknown(IocError):
    """A transaction's commit failed without an answer; only a new owner can find out."""


class Router:
    """Real topic and partition of an emit."""

    def __init__(self, topics: Topics) -> None:
        self._names = {logical: topics.name(logical) for logical in topics.specs}
        self._place = lru_cache(maxsize=KEYS_REMEMBERED)(
            lambda topic, key: (self._names[topic], topics.partition(topic, key))
        )

    def route(self, emit: Emit) -> tuple[str, int]:
        """Where it goes; raises KeyError for an unknown topic."""
        if emit.partition is None:
            return self._place(emit.topic, emit.key)
        return self._names[emit.topic], emit.partition

    def add(self, rows: Rows, emits: Iterable[Emit]) -> None:
        """Put emits behind the rows of their places; raises KeyError for an unknown topic."""
        known: dict[tuple[str, bytes, int | None], list[tuple[bytes, bytes | None]]] = {}
        for emit in emits:
            key = emit.key
            what = (emit.topic, key, emit.partition)
            part = known.get(what)
            if part is None:
                part = known[what] = rows.setdefault(self.route(emit), [])
            part.append((key, emit.value))


async def send_all(producer: AIOKafkaProducer, rows: Rows, timestamp_ms: int) -> None:
    """Hand the rows over in few batches and wait for the broker; order is kept within each partition."""
    await _all(_send(producer, topic, partition, part, timestamp_ms) for (topic, partition), part in rows.items())


async def _send(
    producer: AIOKafkaProducer, topic: str, partition: int, rows: list[tuple[bytes, bytes | None]], timestamp_ms: int
) -> None:
    sent, batch = [], producer.create_batch()
    for key, value in rows:
        if batch.append(key=key, value=value, timestamp=timestamp_ms) is None:
            sent.append(await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
            if batch.append(key=key, value=value, timestamp=timestamp_ms) is None:
                raise RecordTooLarge(f"{len(value or b'')} bytes for {topic}, key {key[:80]!r}")
    sent.append(await producer.send_batch(batch, topic, partition=partition))
    await _all(sent)


async def _all(work: Iterable[Awaitable[Any]]) -> None:
    """Wait for all, then raise the first error: nothing of a failed try is left running."""
    for result in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


async def transact(producer: AIOKafkaProducer, rows: Rows, timestamp_ms: int) -> None:
    """Write the rows in one transaction.

    Raises:
        Fenced: another process owns the partition now.
        CommitUnknown: the commit, or the abort after a failure, got no good answer.
        KafkaError: nothing was written; ``retriable`` says whether to try again.
    """
    try:
        await producer.begin_transaction()
        try:
            await send_all(producer, rows, timestamp_ms)
        except KafkaError as exc:
            if not exc.retriable:
                raise
            try:
                await producer.abort_transaction()
            except KafkaError as second:
                raise second if _fenced(second) else CommitUnknown(f"abort after {exc!r}: {second!r}") from exc
            raise
        try:
            await producer.commit_transaction()
        except KafkaError as exc:
            raise exc if _fenced(exc) else CommitUnknown(f"commit: {exc!r}") from exc
    except KafkaError as exc:
        if _fenced(exc):
            raise Fenced(repr(exc)) from exc
        raise


def _fenced(exc: KafkaError) -> bool:
    return isinstance(exc, ProducerFenced | InvalidProducerEpoch | InvalidProducerIdMapping)


class Writer:
    """Outbox of one owned partition, with its own task.

    ``written_ms`` is the arrival time of the newest record whose effects are written, -1 when this process wrote none.
    ``add`` and ``add_tick`` are synchronous, so a flush never sees half of a step. Faust's events are acknowledged
    after the transaction that holds their effects.
    """

    def __init__(
        self,
        tp: TP,
        step: Step,
        position: int,
        producer: AIOKafkaProducer,
        layout: Layout,
        router: Router,
        flush_s: float,
        write: Transact = transact,
        calm_s: float = 0.0,
    ) -> None:
        self.tp, self.step, self.position, self.producer = tp, step, position, producer
        self.writing_since_s: float | None = None  # for the watchdog
        self.transactions = 0
        self._layout, self._router, self._flush_s, self._write = layout, router, flush_s, write
        self._emits: list[Emit] = []
        self._state: dict[str, bytes | None] = {}
        self._events: list[Any] = []
        self._records = 0
        self._not_before_s = 0.0
        self._calm_s = calm_s
        self._due_s = math.inf  # when what is pending has to be flushed
        self._newest_ms = self.written_ms = -1
        self._work, self._hurry, self._changed = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._sooner = asyncio.Event()  # the due time moved, or there is a hurry
        self._task = asyncio.create_task(self._run(), name=f"writer {tp.topic}/{tp.partition}")

    # -- in -----------------------------------------------------------------------------------------------------

    def add(self, event: Any, records: int, position: int, effects: Effects, newest_ms: int = -1) -> None:
        """Effects of one chunk, whose next offset is ``position`` and newest arrival ``newest_ms``; ``event`` is
        acknowledged when they are written."""
        self._events.append(event)
        self._records += records
        self.position = max(self.position, position)
        self._newest_ms = max(self._newest_ms, newest_ms)
        self._emits += effects.emits
        self._wake(IDLE_FLUSH_S if effects.idle else self._calm_s, effects.urgent)

    def add_tick(self, effects: Effects) -> None:
        """Effects of time passing; nothing happens if there are none and no state changed."""
        self._state.update(self.step.take_dirty())
        self._emits += effects.emits
        if self._emits or self._state:
            self._wake(self._calm_s, effects.urgent)

    @property
    def full(self) -> bool:
        """The bound of pending work is reached."""
        return self._records >= PENDING_RECORDS_MAX or len(self._emits) >= PENDING_EMITS_MAX

    async def room(self) -> None:
        """Back-pressure: wait until pending work is below its bound."""
        while self.full and not self._task.done():
            self._hurry_up()
            await self._change()

    def hurry(self) -> None:
        """Flush what is pending without waiting for ``flush_s``."""
        if self._work.is_set():
            self._hurry_up()

    async def drained(self) -> None:
        """Flush, and wait until nothing is pending and no transaction is open."""
        while self.pending and not self._task.done():
            self.hurry()
            await self._change()

    async def close(self) -> list[Any]:
        """Drop what is pending, wait for an open transaction, stop the producer; returns the events given up."""
        given_up, self._events = self._events, []
        self._emits, self._state, self._records, self._due_s = [], {}, 0, math.inf
        self._work.clear()
        while self.writing_since_s is not None and not self._task.done():
            await self._change()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._changed.set()  # for whoever waits in drained() or room()
        await self.producer.stop()
        return given_up

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    @property
    def pending(self) -> bool:
        """Is anything applied and not yet written?"""
        return self._work.is_set() or self.writing_since_s is not None

    def _wake(self, wait_s: float, urgent: bool) -> None:
        due_s = monotonic() + wait_s
        if due_s < self._due_s:
            self._due_s = due_s
            self._sooner.set()
        self._work.set()
        if urgent:
            self._hurry_up()

    def _hurry_up(self) -> None:
        self._hurry.set()
        self._sooner.set()

    # -- out ----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            await self._work.wait()
            await self._due()
            if not self._work.is_set():
                continue  # dropped meanwhile
            self.writing_since_s = monotonic()
            self._not_before_s = self.writing_since_s + self._flush_s
            try:
                await self._flush()
            except Fenced as exc:
                leave(Exit.FENCED, f"{self.tp.topic}/{self.tp.partition} belongs to another worker now: {exc}")
            except Exception as exc:
                log.exception("flush of %s/%d", self.tp.topic, self.tp.partition)
                leave(Exit.FAILED, f"flush of {self.tp.topic}/{self.tp.partition}: {exc!r}")
            self.writing_since_s = None
            self._changed.set()

    async def _due(self) -> None:
        """Wait until what is pending is to be flushed, or was dropped."""
        while self._work.is_set() and not self._hurry.is_set():
            wait_s = max(self._not_before_s, self._due_s) - monotonic()
            if wait_s <= 0:
                return
            self._sooner.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._sooner.wait(), wait_s)

    async def _flush(self) -> None:
        newest_ms = self._newest_ms
        rows, events = self._snapshot()
        delay_s = RETRY_FIRST_S
        while True:
            try:
                await self._write(self.producer, rows, now_ms())
                break
            except KafkaError as exc:
                if not exc.retriable:
                    raise
                log.warning("flush of %s/%d: %r, retrying", self.tp.topic, self.tp.partition, exc)
                await asyncio.sleep(delay_s)
                delay_s = min(2 * delay_s, RETRY_MAX_S)
        self.transactions += 1
        self.written_ms = newest_ms
        for event in events:  # only now may Faust commit
            event.ack()

    def _snapshot(self) -> tuple[Rows, list[Any]]:
        """Take everything pending, in one go without awaiting."""
        rows: Rows = {}
        self._router.add(rows, self._emits)
        self._state.update(self.step.take_dirty())
        state = rows.setdefault((self._layout.topic, self.tp.partition), [])
        state += ((self._layout.key(self.tp.topic, key), value) for key, value in self._state.items())
        state.append((self._layout.key(self.tp.topic, POSITION), str(self.position).encode()))
        events = self._events
        self._emits, self._state, self._events, self._records = [], {}, [], 0
        self._due_s = math.inf
        self._work.clear()
        self._hurry.clear()
        return rows, events
