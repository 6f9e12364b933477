"""The floor: a bare aiokafka loop with the same pure step and the same transactions.

One consumer without a group reads all partitions with the product's fetch sizes (read_committed); each fetch of a
partition goes through the step; each partition writes one transaction per flush interval with its own producer, in a
task of its own, with the product's :func:`stream_jobs.perform.transact`, codecs, partitioning and limits. What it
lacks is what the product has beyond that: Faust, the group, rebalancing, fencing, restoring, the watchdog.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from faust.types import TP

from ioc.adapters.clock import now_ms
from ioc.adapters.kafka import log_ranges, new_reader
from ioc.pipeline.effects import Effects, Record
from stream_jobs.app import CHUNK_RECORDS_MAX, FETCH_BYTES_PER_PARTITION
from stream_jobs.checkpoint import POSITION, Layout, start_producers
from stream_jobs.job import TICK_S
from stream_jobs.measure.meter import MeteredStep
from stream_jobs.measure.task import Parts
from stream_jobs.perform import PENDING_RECORDS_MAX, Router, Rows, Transact
from stream_jobs.transport import FETCH_WAIT_MS
from stream_jobs.worker import calm_collector, quieten

WAIT_MS = 100


class Lane:
    """One partition: its step, its producer, what it has not written yet."""

    def __init__(self, tp: TP, step: MeteredStep, producer: AIOKafkaProducer, layout: Layout, router: Router) -> None:
        self.tp, self.step, self.producer, self.layout, self.router = tp, step, producer, layout, router
        self.position = self.pending = 0
        self.rows: Rows = {}
        self.next_s = 0.0
        self.writing: asyncio.Task[None] | None = None

    def apply(self, records: Sequence[Record]) -> None:
        """Records of one fetch."""
        effects = self.step.step(records, now_ms())
        self.position = records[-1].offset + 1
        self.pending += len(records)
        self.keep(effects)

    def keep(self, effects: Effects) -> None:
        """Remember what to write."""
        self.router.add(self.rows, effects.emits)

    def take(self) -> Rows:
        """What one transaction holds."""
        rows, self.rows, self.pending = self.rows, {}, 0
        key = self.layout.key
        state = [(key(self.tp.topic, name), value) for name, value in self.step.take_dirty()]
        state.append((key(self.tp.topic, POSITION), str(self.position).encode()))
        rows[self.layout.topic, self.tp.partition] = state
        return rows


def run(parts: Parts) -> int:
    """Run until a signal ends the process."""
    quieten(parts.settings.log_level)
    calm_collector()
    asyncio.run(_run(parts))
    return 0


async def _run(parts: Parts) -> None:
    settings, meter = parts.settings, parts.meter
    layout = Layout(parts.topics.name(parts.spec.state_topic), {r: f"{n}|" for r, n in parts.inputs.items()})
    router = Router(parts.topics)
    tps = [TP(*tp) for tp in parts.partitions]
    producers = await start_producers(settings, f"{settings.topic_prefix}floor", tps)
    lanes = {
        tp: Lane(
            tp,
            MeteredStep(parts.spec.make_step(parts.profile, parts.inputs[tp.topic], tp.partition), meter),
            producers[tp],
            layout,
            router,
        )
        for tp in tps
    }
    reader: Any = new_reader(
        settings.kafka, max_partition_fetch_bytes=FETCH_BYTES_PER_PARTITION, fetch_max_wait_ms=FETCH_WAIT_MS
    )
    await reader.start()
    inputs = [TopicPartition(*tp) for tp in tps]
    ends = {TP(*raw): part.end for raw, part in (await log_ranges(settings.kafka, inputs)).items()}
    reader.assign(inputs)
    meter.hold_fetches(set(parts.inputs), lambda: True)
    next_tick_s = 0.0
    while True:
        fetched = await reader.getmany(timeout_ms=WAIT_MS, max_records=CHUNK_RECORDS_MAX)
        for raw, records in fetched.items():
            lanes[TP(*raw)].apply(records)
        now_s = monotonic()
        if now_s >= next_tick_s:
            next_tick_s = now_s + TICK_S
            for tp, lane in lanes.items():
                if lane.position >= ends[tp]:
                    lane.keep(lane.step.tick(now_ms()))
        for lane in lanes.values():
            await _flush(lane, now_s, settings.flush_s, parts.write)


async def _flush(lane: Lane, now_s: float, flush_s: float, write: Transact) -> None:
    if lane.writing is not None:
        if not lane.writing.done() and lane.pending < PENDING_RECORDS_MAX:
            return
        await lane.writing  # raises what went wrong
        lane.writing = None
    if (lane.rows or lane.pending) and (now_s >= lane.next_s or lane.pending >= PENDING_RECORDS_MAX):
        lane.next_s = now_s + flush_s
        lane.writing = asyncio.create_task(write(lane.producer, lane.take(), now_ms()))  # type: ignore[arg-type]
