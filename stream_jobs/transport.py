"""Faust transport that delivers one Faust event per fetch and partition.

The value of an event is the list of records of one fetch from one partition, as aiokafka's C reader makes them
(:class:`BareResults`): they have offset, timestamp, key, value and headers, which is all a step may look at. The offset
of its message is the *last* offset of the list, so that "acknowledged" means "everything up to here".

Behaviour:

* **Commit.** Only a contiguous prefix of acknowledged events is committed, never past an event still in work, and only
  in the generation that delivered it. The commit is a hint for the next start; the truth is ``@position`` in the
  checkpoint (:mod:`stream_jobs.checkpoint`).
* **Rebalance.** Faust stops the flow, clears its queues, waits for events in work and then for ``drain`` (open
  transactions); records of an older generation are never delivered, acknowledged or committed in a newer one.
* **Seek.** After a seek the first delivery must begin where the seek pointed; otherwise the consumer seeks once more.
  Later holes are normal: transaction markers, aborted records, compaction.
* **Broker away.** Retriable fetch errors are retried in place. Coordinator errors are consumed (aiokafka's group
  membership stands still until somebody does, and Faust does not); when the heartbeat task itself has died the process
  ends with code 72.
* **Isolation.** read_committed; Faust hard-codes the other.
* **Livelock log.** Faust's own checks compare wall clock with monotonic time; they are off, the watchdog replaces them.

Written against the versions in ``VERSIONS``. It overrides and reads private names of both libraries, all listed in
``PRIVATE_NAMES``; :func:`check_private_names` refuses to start when one is gone. Attach it before the app starts::

    app.transport = BatchTransport(app.conf.broker_consumer, app)
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from time import monotonic
from typing import Any

import aiokafka
import faust
from aiokafka.consumer.fetcher import Fetcher, FetchResult, PartitionRecords
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import TopicPartitionState
from aiokafka.errors import KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage, ack_lock
from mode.utils.futures import notify

from ioc.errors import BadSettings
from stream_jobs.exits import Exit, leave
from stream_jobs.health import Health
from stream_jobs.read_out import Answer

log = logging.getLogger(__name__)
LIFE_CYCLE = logging.getLogger("faust.batches")  # mode's "Starting…", which would carry this module's name otherwise

VERSIONS = {"faust-streaming": (faust, "0.15.3"), "aiokafka": (aiokafka, "0.14.0")}
PRIVATE_NAMES: tuple[tuple[type, tuple[str, ...]], ...] = (
    (
        driver.Consumer,
        (
            *("_wait_next_records", "_filter_tps_with_pending_acks", "_new_offset", "_add_gap", "perform_seek", "ack"),
            *("on_partitions_revoked", "wait_empty", "verify_all_partitions_active", "_new_consumer_thread"),
            *("_should_commit", "_get_active_partitions", "_method_queue", "_thread"),
            *("_unacked_messages", "_waiting_for_ack", "_read_offset", "_committed_offset", "_n_acked"),
            "_buffered_partitions",
        ),
    ),
    (
        driver.AIOKafkaConsumerThread,
        ("_create_worker_consumer", "_fetch_records", "_ensure_consumer", "_consumer"),
    ),
    (faust.App, ("_consumer",)),
    (
        aiokafka.AIOKafkaConsumer,
        ("_coordinator", "_fetcher", "_subscription", "_isolation_level", "_fetch_max_wait_ms"),
    ),
    (Fetcher, ("_isolation_level", "_records")),
    (FetchResult, ("_partition_records",)),
    (PartitionRecords, ("_consumer_record",)),
    (
        GroupCoordinator,
        (
            *("check_errors", "_do_heartbeat", "_on_join_complete", "_heartbeat_task", "_commit_refresh_task"),
            "_coordination_task",
        ),
    ),
    (TopicPartitionState, ("highwater", "lso", "timestamp", "_position")),
)
WATCH_PERIOD_S = 0.5
FULL_BUFFER_POLL_S = 0.005  # stock Faust sleeps a whole second here
FETCH_RETRY_S = 0.2
# aiokafka has one fetch per broker on its way, without the partitions whose records still wait for a slow step. If the
# others are idle the broker holds that fetch to its end, and the busy partition gets no new records meanwhile: with
# Faust's 1,500 ms an intake of long records stood still half of the time. An idle worker asks ten times a second.
FETCH_WAIT_MS = 100


def check_private_names() -> None:
    """Refuse to start on a Faust or aiokafka whose internals this module does not know.

    Raises:
        BadSettings: another version is installed, or private names are missing; names all of them.
    """
    problems = [
        f"{name} {pinned} is needed, {module.__version__} is installed"
        for name, (module, pinned) in VERSIONS.items()
        if module.__version__ != pinned
    ]
    problems += [
        f"{owner.__module__}.{owner.__qualname__} has no {name}"
        for owner, names in PRIVATE_NAMES
        for name in names
        if not _has(owner, name)
    ]
    if problems:
        raise BadSettings(problems)


def _has(owner: type, name: str) -> bool:
    """Is it a member, an annotated attribute, or set by ``__init__``?"""
    return any(
        name in vars(base) or name in getattr(base, "__annotations__", {}) or name in _used_by_init(base)
        for base in owner.__mro__
    )


def _used_by_init(owner: type) -> tuple[str, ...]:
    code = getattr(vars(owner).get("__init__"), "__code__", None)
    return code.co_names if code is not None else ()


class BareResults(OrderedDict[Any, Any]):
    """The fetcher's store of what the broker sent, which makes each result hand over the C reader's records.

    aiokafka would wrap every one into a dataclass of eleven fields; that is 0.6 µs a record, twice a step's decoding.
    """

    def __setitem__(self, key: Any, result: Any) -> None:
        if isinstance(result, FetchResult):
            result._partition_records._consumer_record = _bare
        super().__setitem__(key, result)


def _bare(_tp: Any, record: Any) -> Any:
    return record


class BatchConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread that owns the aiokafka consumer; adds error checks and the facts of :class:`Health`."""

    health: Health
    logger = LIFE_CYCLE

    def _create_worker_consumer(self, transport: driver.Transport) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # both are read when the consumer starts
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        return consumer

    async def on_start(self) -> None:
        await super().on_start()
        fetcher = self._ensure_consumer()._fetcher
        fetcher._records = BareResults(fetcher._records)
        self._stamp_heartbeats()
        self._watch_task = asyncio.ensure_future(self._watch())

    def _stamp_heartbeats(self) -> None:
        coordinator, health = self._ensure_consumer()._coordinator, self.health
        beat, joined = coordinator._do_heartbeat, coordinator._on_join_complete

        async def do_heartbeat() -> Any:
            sent = monotonic()  # the session is extended from the moment of sending at most
            accepted = await beat()
            if accepted:
                health.heartbeat_s = sent
            return accepted

        async def on_join_complete(*args: Any) -> None:
            health.heartbeat_s = monotonic()
            await joined(*args)

        coordinator._do_heartbeat, coordinator._on_join_complete = do_heartbeat, on_join_complete

    def _check_coordinator(self) -> None:
        """Consume a pending coordinator error; group membership stands still until somebody does."""
        coordinator = self._ensure_consumer()._coordinator
        try:
            coordinator.check_errors()
        except KafkaError as exc:
            self.health.coordinator_errors += 1
            # aiokafka never restarts these two; it would push the same error again for ever.
            tasks = (coordinator._heartbeat_task, coordinator._commit_refresh_task)
            died = any(t is not None and t.done() and not t.cancelled() and t.exception() for t in tasks)
            if died or not exc.retriable:
                leave(Exit.COORDINATOR, f"{exc!r} (task of the group coordinator died: {died})")
            log.warning("group coordinator: %r, retrying", exc)

    async def _watch(self) -> None:
        # Needed besides the fetch path: while the flow is stopped nobody fetches.
        while True:
            await asyncio.sleep(WATCH_PERIOD_S)
            self._check_coordinator()
            lag = 0
            for state in self.partition_states().values():
                if state.highwater is not None and state._position is not None:
                    lag += max(0, _stable_end(state) - state._position)
            now = monotonic()
            self.health.lag_records = lag
            if not lag:
                self.health.lag_since_s = None
            elif self.health.lag_since_s is None:
                self.health.lag_since_s = now
            self.health.thread_tick_s = now

    def partition_states(self) -> dict[TP, Any]:
        """aiokafka's state of every assigned partition (position, end); safe to read from another thread."""
        subscription = self._ensure_consumer()._subscription.subscription
        if subscription is None or subscription.assignment is None:
            return {}
        states = {tp: subscription.assignment.state_value(tp) for tp in subscription.assignment.tps}
        return {TP(tp.topic, tp.partition): state for tp, state in states.items() if state is not None}

    async def _fetch_records(
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,
        max_records: int | None = None,
    ) -> Any:
        self._check_coordinator()
        try:
            return await super()._fetch_records(consumer, active_partitions, timeout, max_records)
        except KafkaError as exc:
            if not exc.retriable:
                raise
            log.warning("fetch: %r, retrying", exc)
            await asyncio.sleep(FETCH_RETRY_S)
            return {}


def _stable_end(state: Any) -> int:
    """Where a read_committed consumer must stop: the last stable offset, or the high watermark when it is unknown."""
    return int(state.highwater if state.lso is None or state.lso < 0 else state.lso)


class BatchConsumer(driver.Consumer):
    """Faust consumer that delivers chunks. Runs on the main loop; only ``_thread`` lives elsewhere."""

    _thread: BatchConsumerThread
    logger = LIFE_CYCLE

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.health = Health()
        self.drain: Callable[[], Awaitable[None]] | None = None  # awaited before partitions are given away
        self.data_gaps = 0
        self._in_flight: dict[TP, deque[Any]] = defaultdict(deque)  # delivered messages, oldest first
        self._committable: dict[TP, int] = {}  # next offset to commit
        self._expected: dict[TP, int] = {}  # next offset to deliver
        self._handing_over: set[TP] = set()  # fetched, and not given to the agent's queue yet
        self._proven: set[TP] = set()  # delivered something since the last seek
        self._sought_again: dict[TP, int] = {}
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> BatchConsumerThread:
        thread = BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)
        thread.health = self.health
        return thread

    async def verify_all_partitions_active(self) -> None:
        """Nothing: see "Livelock log" in the module's docstring."""

    # -- facts for the job --------------------------------------------------------------------------------------

    def committed(self, tp: TP) -> int:
        """The group's committed offset as of the last seek, 0 when there is none."""
        return self._committed_offset[tp] or 0

    def fetched(self, tp: TP) -> int | None:
        """Offset up to which the partition was fetched, markers included; None before the first position."""
        state = self._thread.partition_states().get(tp)
        return None if state is None else state._position

    def answer(self, tp: TP) -> Answer | None:
        """What the broker said last of a partition; None before that, and while something fetched is not delivered."""
        state = None if tp in self._handing_over else self._thread.partition_states().get(tp)
        if state is None or state.highwater is None or state._position is None or state.timestamp is None:
            return None
        # The time is read first: what moves meanwhile makes the answer older, not younger.
        return Answer(int(state.timestamp), int(state.highwater), _stable_end(state), state._position)

    def read_out(self, tp: TP) -> int | None:
        """When the broker last said where the partition ends, epoch ms, if it was fetched and delivered up to there;
        else None. Open transactions do not count."""
        answer = self.answer(tp)
        return None if answer is None or answer.position < answer.stable_end else answer.at_ms

    def delivered(self, tp: TP) -> int:
        """Next offset to deliver; everything below was handed to the agent. 0 when unknown."""
        return self._expected.get(tp, 0)

    # -- fetching -----------------------------------------------------------------------------------------------

    async def _wait_next_records(self, timeout: float) -> tuple[Any, Any]:
        while self.flow_active and not self._get_active_partitions() and not self.should_stop:
            if not self._buffered_partitions:
                break  # nothing is assigned
            await asyncio.sleep(FULL_BUFFER_POLL_S)
        return await super()._wait_next_records(timeout)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:
        """One message per partition of one fetch; its value is the list of records."""
        records, active = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        if records is None or self.should_stop:
            return
        if not self.flow_active:
            # What was fetched is dropped here; the seek of the coming resume (or this one) brings it back.
            try:
                await self.perform_seek()
            except (KafkaError, TimeoutError) as exc:
                log.warning("seek while the flow is stopped: %r; the resume seeks again", exc)
            return
        self._handing_over = {TP(raw_tp.topic, raw_tp.partition) for raw_tp in records}
        try:
            async for tp, message in self._messages(records, active, generation):
                self._handing_over.discard(tp)
                yield tp, message
        finally:
            self._handing_over = set()

    async def _messages(self, records: Any, active: Any, generation: int) -> AsyncIterator[tuple[TP, Any]]:
        for raw_tp, batch in records.items():
            if not self._flows(generation):
                return
            tp = TP(raw_tp.topic, raw_tp.partition)
            if not (active is None or tp in active or tp in self._buffered_partitions):
                continue
            batch = await self._contiguous(tp, batch)
            if not batch:
                self._handing_over.discard(tp)
                continue
            if not self._flows(generation):
                return  # the await above may have straddled a rebalance
            last = batch[-1]
            message: Any = ConsumerMessage(
                tp.topic,
                tp.partition,
                last.offset,
                last.timestamp / 1000,
                last.timestamp_type,
                headers=None,
                key=None,
                value=batch,  # type: ignore[arg-type]
                checksum=None,
                tp=tp,
                generation_id=generation,
            )
            self._expected[tp] = batch[-1].offset + 1
            self._proven.add(tp)
            self._in_flight[tp].append(message)
            yield tp, message

    def _flows(self, generation: int) -> bool:
        return self.flow_active and self.app.consumer_generation_id == generation

    async def _contiguous(self, tp: TP, batch: Sequence[Any]) -> Sequence[Any]:
        """Drop what was delivered already; if the first batch after a seek leaves a hole, go back once.

        A fetch that straddles a rebalance may be older or newer than the position that the resume seeks to.
        """
        expected = self._expected.get(tp)
        if expected is None or batch[0].offset == expected:
            return batch
        if batch[0].offset < expected:
            return [record for record in batch if record.offset >= expected]
        if tp in self._proven:
            return batch
        if self._sought_again.get(tp) != expected:
            self._sought_again[tp] = expected
            await self.seek_wait({tp: expected})
            return []
        self.data_gaps += 1
        log.warning("hole in %s/%d: expected offset %d, got %d", tp.topic, tp.partition, expected, batch[0].offset)
        return batch

    async def perform_seek(self) -> None:
        """Seek to the committed offsets and deliver from there."""
        await super().perform_seek()
        self._proven.clear()
        self._sought_again.clear()
        for tp, offset in self._read_offset.items():
            if offset is None:
                self._expected.pop(tp, None)
            else:
                self._expected[tp] = offset

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Nothing: message offsets are last offsets of chunks, so the stock arithmetic of gaps does not apply."""

    # -- acknowledging and committing ---------------------------------------------------------------------------

    def ack(self, message: Any) -> bool:
        """Mark a chunk as done. Reached through ``Event.ack()`` on a ``noack()`` stream only."""
        with ack_lock:
            if message.acked:
                return False
            message.acked = True
            self._unacked_messages.discard(message)
            if message.generation_id == self.app.consumer_generation_id:
                pending = self._in_flight[message.tp]
                while pending and pending[0].acked:  # contiguous prefix only
                    self._committable[message.tp] = pending.popleft().offset + 1
                self._n_acked += 1
            notify(self._waiting_for_ack)
            return True

    def abandon(self, message: Any) -> None:
        """Give a chunk up without ever committing past it, so that ``wait_empty`` can end."""
        with ack_lock:
            self._unacked_messages.discard(message)
            notify(self._waiting_for_ack)

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Any:
        return [tp for tp in self._committable if topics is None or tp in topics or tp.topic in topics]

    def _new_offset(self, tp: TP) -> int | None:
        return self._committable.get(tp)  # _should_commit() drops what is committed already

    async def wait_empty(self) -> None:
        """Wait for chunks in work, then for ``drain``: a rebalance or a stop must not cut a transaction."""
        await super().wait_empty()
        if self.drain is not None:
            await self.drain()

    async def on_partitions_revoked(self, revoked: Iterable[TP]) -> None:
        """Let Faust stop and commit, then forget the old generation."""
        revoked = set(revoked)
        await super().on_partitions_revoked(revoked)
        for tp in revoked:
            self._in_flight.pop(tp, None)
            self._committable.pop(tp, None)
            self._expected.pop(tp, None)


class BatchTransport(driver.Transport):
    """aiokafka transport with :class:`BatchConsumer`."""

    Consumer = BatchConsumer
