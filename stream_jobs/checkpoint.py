"""Taking a partition over: fence the former owner, then read the state back, then go on from ``@position``.

The order is what makes a crash, a zombie and a rebalance harmless:

1. Start the partition's transactional producer. Its ``transactional.id`` is the group, the topic and the partition, so
   the broker raises its epoch: an open transaction of the former owner is aborted, and that owner can never commit
   again, however long it slept.
2. Only then read the checkpoint, read_committed, up to the high watermark as of now. The watermark and not the last
   stable offset: several inputs may share one checkpoint partition, and an open transaction of a neighbour would
   otherwise hide records that are already committed behind it.
3. Go on with the record at ``@position``; whatever Kafka delivers below it was done before.

The checkpoint lives in a compacted topic with the partition numbers of the input. Its keys are
``<input topic>|<state key>`` with logical topic names, or plain state keys where the topic has one input
(``alerts``). ``@position`` is the shell's own key: the next input offset, in decimal.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Iterable
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import RequestTimedOutError
from faust.types import TP
from msgspec import Struct, field

from ioc.adapters.kafka import LogRange, log_ranges, new_producer, new_reader, read_to_end
from ioc.errors import IocError
from ioc.settings import Settings

log = logging.getLogger(__name__)

POSITION = "@position"
# How long the broker lets a transaction stand open. An heir ends it at once by the same transactional id, so this is
# for the owner alone: longer than an outage of the broker, after which it would be fenced for nothing and start anew.
# The broker looks every 10 s only (transaction.abort.timed.out.transaction.cleanup.interval.ms).
TRANSACTION_TIMEOUT_MS = 60_000
START_AT_ONCE = 16  # producers that connect at the same time
# After a broker that stood still a client may wait for an answer that never comes. So each part of a take-over is
# given up when nothing came for so long, and the take-over begins anew with new clients. Longer than a time-out of the
# clients, so that what they mend themselves is left to them; the watchdog ends the process after a minute.
START_S = STALL_S = 15.0
STOP_S = 5.0  # for clients that are given up


class LostCheckpoint(IocError):
    """The checkpoint and the input do not fit together; going on would repeat or skip events. A person must act."""


class Layout(Struct, frozen=True):
    """Where the state of a job is kept.

    Attributes:
        topic: real name of the checkpoint topic.
        inputs: real input topic → prefix of its keys; an empty prefix leaves the keys as they are.
    """

    topic: str
    inputs: dict[str, str]

    def key(self, input_topic: str, state_key: str) -> bytes:
        """Record key of a state key."""
        return (self.inputs[input_topic] + state_key).encode()

    def split(self, key: bytes) -> tuple[str, str] | None:
        """Input topic and state key of a record key; None when it belongs to no input of this job."""
        text = key.decode("utf-8", "replace")
        for topic, prefix in self.inputs.items():
            if text.startswith(prefix):
                return topic, text[len(prefix) :]
        return None


class Restored(Struct):
    """What the checkpoint holds for one input partition. ``position`` is the next input offset to apply."""

    position: int = 0
    state: dict[str, bytes] = field(default_factory=dict)
    records: int = 0

    def apply(self, key: str, value: bytes | None) -> None:
        """One record of the log, in order; the last one of a key wins."""
        self.records += 1
        if key == POSITION:
            self.position = int(value or b"0")
        elif value is None:
            self.state.pop(key, None)
        else:
            self.state[key] = value


class TakenOver(Struct):
    """One partition after a take-over.

    Attributes:
        producer: its transactional producer, started: the fence.
        restored: its state and position.
        end: last stable offset of the input now; below it, the job is catching up.
    """

    producer: AIOKafkaProducer
    restored: Restored
    end: int


async def take_over(settings: Settings, group: str, layout: Layout, committed: dict[TP, int]) -> dict[TP, TakenOver]:
    """Take all these input partitions over in one pass. ``committed`` maps each to the group's committed offset.

    Raises:
        LostCheckpoint: position and log do not fit together.
        KafkaError: the broker refused, or nothing came for ``STALL_S``; nothing is kept.
    """
    tps = list(committed)
    inputs = {tp: TopicPartition(tp.topic, tp.partition) for tp in tps}
    checkpoints = {TopicPartition(layout.topic, tp.partition) for tp in tps}
    producers = await start_producers(settings, group, tps)
    try:
        watermarks, stable = await asyncio.gather(
            log_ranges(settings.kafka, [*inputs.values(), *checkpoints], isolation_level="read_uncommitted"),
            log_ranges(settings.kafka, inputs.values()),
        )
        restored = await _restore(settings, layout, tps, {raw: watermarks[raw].end for raw in checkpoints})
        for tp, raw in inputs.items():
            check_position(tp, restored[tp].position, committed[tp], watermarks[raw])
    except BaseException:
        await _stop(producers.values())
        raise
    return {tp: TakenOver(producers[tp], restored[tp], stable[raw].end) for tp, raw in inputs.items()}


def check_position(tp: TP, position: int, committed: int, log_range: LogRange) -> None:
    """Does the restored position fit the input's log? Records lost to retention are reported and passed over.

    Raises:
        LostCheckpoint: with the sentence for the operator.
    """
    where = f"{tp.topic}/{tp.partition}"
    if position < committed:  # commits follow checkpoints
        raise LostCheckpoint(
            f"the checkpoint of {where} has lost records: it says offset {position}, but {committed} was committed; "
            "restore the checkpoint topic, or delete the consumer group to process the input again from its start"
        )
    if position > log_range.end:
        raise LostCheckpoint(
            f"the checkpoint of {where} says offset {position}, but the log ends at {log_range.end}: the input topic "
            "was made anew; delete the checkpoint topic as well"
        )
    if 0 < position < log_range.first:
        log.error("%s: retention deleted offsets %d to %d unprocessed", where, position, log_range.first - 1)


async def start_producers(settings: Settings, group: str, tps: Iterable[TP]) -> dict[TP, AIOKafkaProducer]:
    """Start the producer of each partition, up to 16 at once. Returns when every former owner is fenced.

    Raises:
        KafkaError: one did not start, or not within ``START_S``; all are stopped.
    """
    gate = asyncio.Semaphore(START_AT_ONCE)
    made = {
        tp: new_producer(
            settings,
            transactional_id=f"{group}-{tp.topic}-{tp.partition}",
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
        )
        for tp in tps
    }

    async def start(producer: AIOKafkaProducer) -> None:
        async with gate:
            await producer.start()  # ends when the old transaction is gone

    async def start_all() -> list[BaseException | None]:
        return await asyncio.gather(*(start(producer) for producer in made.values()), return_exceptions=True)

    failed: list[BaseException]
    try:
        async with asyncio.timeout(START_S):
            failed = [result for result in await start_all() if result is not None]
    except TimeoutError:
        failed = [RequestTimedOutError(f"{len(made)} producers did not all start within {START_S:g} s")]
    if failed:
        await _stop(made.values())
        raise failed[0]
    return made


async def _stop(producers: Iterable[AIOKafkaProducer]) -> None:
    await asyncio.gather(*(_end(producer.stop()) for producer in producers), return_exceptions=True)


async def _end(stop: Coroutine[Any, Any, None]) -> None:
    """Wait for the end of a client; one that does not end within ``STOP_S`` is left to itself."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STOP_S):
            await stop


async def _restore(
    settings: Settings, layout: Layout, tps: list[TP], ends: dict[TopicPartition, int]
) -> dict[TP, Restored]:
    """The newest state of every partition, all checkpoint partitions read in one pass."""
    restored = {tp: Restored() for tp in tps}
    reader = new_reader(settings.kafka, fetch_max_wait_ms=50)
    try:
        await reader.start()
        async with asyncio.timeout(STALL_S) as limit:
            async for record in read_to_end(reader, ends, ends):
                limit.reschedule(asyncio.get_running_loop().time() + STALL_S)
                owner = layout.split(record.key or b"")
                if owner is None:
                    continue
                mine = restored.get(TP(owner[0], record.partition))
                if mine is not None:
                    mine.apply(owner[1], record.value)
    except TimeoutError:
        raise RequestTimedOutError(f"nothing came of {layout.topic} for {STALL_S:g} s") from None
    finally:
        await _end(reader.stop())
    return restored
