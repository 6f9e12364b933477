"""Reads the bus into the hub, notices when it cannot, and says how far the picture is behind.

One consumer without a group reads every partition of the picture's topics and of ``alert-log``, read_committed:

========== ==============================================================================================
alerts     from the beginning (compacted: the newest state of every alert)
feeds      from the beginning (compacted)
events     from 75 minutes ago by record time: the latest reading of each site within the last hour
rollups    from 75 minutes ago: the events per minute of the last hour
alert-log  from the end: outcomes of commands; older ones are answered by alerting when a client repeats
desk       from the beginning (compacted): silences; beside the picture, no client resumes in it
========== ==============================================================================================

The 15 minutes beyond the hour are what lets a client resume at a gateway that was just started; see
:meth:`ioc.services.hub.Hub.resume`. Positions live in the hub, so a new consumer goes on exactly where the last one
ended.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from ioc.adapters import kafka
from ioc.adapters.metrics import GatewayMetrics
from ioc.adapters.websocket import Health
from ioc.domain.alerts import LogEntry
from ioc.errors import Unavailable
from ioc.ports import Clock
from ioc.services.hub import PICTURE_TOPICS, READ_BACK_MS, WINDOWED, Hub
from ioc.settings import Settings
from ioc.wire import codec, positions
from ioc.wire.topics import Topics

LOG_TOPIC = "alert-log"
DESK_TOPIC = "desk"
BATCH_RECORDS = 500  # applied between two turns of the event loop: a few milliseconds
FETCH_WAIT_MS = 250  # an idle partition answers at least so often; its silence is how an absent bus is noticed
FETCH_BYTES = 1_048_576  # per partition and fetch; memory during the first read is at most this times the partitions
BLIND_AFTER_MS = 5_000  # no answer from the bus for so long: the picture may be old
BEHIND_AFTER_S = 15.0  # a known lag beyond it is "degraded" too
LOOK_EVERY_MS = 250
BACK_OFF_S = (0.5, 1.0, 2.0, 5.0)  # between attempts to reconnect; the last one repeats

_log = logging.getLogger(__name__)


class BusReader:
    """Owns the consumer; ``open`` makes the hub, ``run`` keeps it current until cancelled."""

    def __init__(self, settings: Settings, topics: Topics, clock: Clock, metrics: GatewayMetrics) -> None:
        self.ready = asyncio.Event()  # the picture holds everything that was on the bus at the start
        self.on_alerts: Callable[[], None] = lambda: None
        self.on_log_entry: Callable[[LogEntry], None] = lambda entry: None
        self.on_desk: Callable[[bytes, bytes | None], None] = lambda key, value: None
        self._settings = settings
        self._topics = topics
        self._clock = clock
        self._metrics = metrics
        self._layout = positions.Layout(tuple((name, topics.partitions(name)) for name in PICTURE_TOPICS))
        self._places = [TopicPartition(topics.name(name), part) for name, part in self._layout.pairs()]
        self._index = {place: index for index, place in enumerate(self._places)}
        self._log_next = {
            TopicPartition(topics.name(LOG_TOPIC), part): -1 for part in range(topics.partitions(LOG_TOPIC))
        }
        self._desk_next = {TopicPartition(topics.name(DESK_TOPIC), 0): 0}
        self._ends: dict[TopicPartition, int] = {}
        self._current_ms: dict[TopicPartition, int] = {}  # up to when each partition is known to be in the picture
        self._answered_ms: int | None = None  # last time the bus answered a fetch
        self._looked_ms = 0
        self._hub: Hub | None = None
        self._producer: kafka.Producer | None = None

    async def open(self) -> Hub:
        """Ask the bus where to begin and make the hub; waits until the bus is there."""
        attempt = 0
        while True:
            try:
                self._hub = await self._begin()
                # A send that is not acknowledged fails after 15 s; the client heard UNKNOWN long before.
                self._producer = kafka.Producer(self._settings, self._topics)
                await self._producer.start()
                return self._hub
            except (Unavailable, KafkaError, OSError, TimeoutError) as exc:
                _log.warning("the bus does not answer yet: %s", exc)
                await asyncio.sleep(BACK_OFF_S[min(attempt, len(BACK_OFF_S) - 1)])
                attempt += 1

    async def run(self) -> None:
        """Read until cancelled; a broken connection is replaced, nothing is read twice or left out.

        Raises:
            OffsetOutOfRangeError: the log no longer holds what comes next (topics were deleted or made anew): the
                picture cannot be continued, the process has to start again.
        """
        attempt = 0
        while True:
            consumer = self._new_consumer()
            try:
                await consumer.start()
                self._assign(consumer)
                if not self._ends:
                    self._ends = await consumer.end_offsets(self._places)
                while True:
                    if await self._turn(consumer):
                        attempt = 0
            except (OffsetOutOfRangeError, NoOffsetForPartitionError):
                raise
            except (KafkaError, OSError, TimeoutError) as exc:
                _log.warning("reading the bus failed, connecting anew: %s: %s", type(exc).__name__, exc)
                self._metrics.reconnects.inc()
            finally:
                await consumer.stop()
            await asyncio.sleep(BACK_OFF_S[min(attempt, len(BACK_OFF_S) - 1)])
            attempt += 1

    async def send(self, logical: str, key: bytes, value: bytes | None) -> kafka.Sent:
        """Write one record to the partition of its key. Raises Unavailable: it may be stored or not."""
        assert self._producer is not None, "open() first"
        return await self._producer.send(logical, key, value)

    async def close(self) -> None:
        """Stop the producer; ``run`` ends by being cancelled."""
        if self._producer is not None:
            await self._producer.stop()

    def health(self, now_ms: int) -> Health:
        """Lag of the picture and the parts that are away, as far as the bus is concerned."""
        blind = self._answered_ms is None or now_ms - self._answered_ms > BLIND_AFTER_MS
        if blind or len(self._current_ms) < len(self._places):
            return Health(None, ["bus"])
        lag_s = max(0, now_ms - min(self._current_ms.values())) / 1000
        return Health(lag_s, ["lag"] if lag_s > BEHIND_AFTER_S else [])

    # --- inside ---

    async def _begin(self) -> Hub:
        consumer = self._new_consumer()
        try:
            await consumer.start()
            cluster = await kafka.cluster_id(self._settings.kafka)
            now_ms = self._clock()
            first = await consumer.beginning_offsets(self._places)
            self._desk_next = await consumer.beginning_offsets(list(self._desk_next))
            last = await consumer.end_offsets([*self._places, *self._log_next])
            windowed = [place for place in self._places if self._logical(place) in WINDOWED]
            found = await consumer.offsets_for_times({place: now_ms - READ_BACK_MS for place in windowed})
        finally:
            await consumer.stop()
        for place in self._log_next:
            self._log_next[place] = last[place]
        for place, hit in found.items():
            first[place] = last[place] if hit is None else hit.offset
        read_from_ms: dict[str, int | None] = {}
        for topic in WINDOWED:
            whole = all(first[place] == 0 for place in windowed if self._logical(place) == topic)
            read_from_ms[topic] = None if whole else now_ms - READ_BACK_MS
        epoch = positions.epoch(cluster, self._topics.prefix, self._layout)
        return Hub(self._layout, epoch, [first[place] for place in self._places], read_from_ms)

    def _new_consumer(self) -> AIOKafkaConsumer:
        return kafka.new_reader(
            self._settings.kafka,
            auto_offset_reset="none",
            fetch_max_wait_ms=FETCH_WAIT_MS,
            max_partition_fetch_bytes=FETCH_BYTES,
        )

    def _assign(self, consumer: AIOKafkaConsumer) -> None:
        assert self._hub is not None, "open() first"
        consumer.assign([*self._places, *self._log_next, *self._desk_next])
        for index, place in enumerate(self._places):
            consumer.seek(place, self._hub.next_offset(index))
        for place, offset in (*self._log_next.items(), *self._desk_next.items()):
            consumer.seek(place, offset)

    async def _turn(self, consumer: AIOKafkaConsumer) -> bool:
        """One fetch into the hub; true if the bus answered since the last look."""
        assert self._hub is not None
        alerts_seq = self._hub.alerts_seq
        fetched = await consumer.getmany(timeout_ms=LOOK_EVERY_MS, max_records=BATCH_RECORDS)
        for place, records in fetched.items():
            index = self._index.get(place)
            if place in self._desk_next:
                for record in records:
                    self.on_desk(record.key or b"", record.value)
                    self._desk_next[place] = record.offset + 1
                continue
            if index is None:
                self._take_log(place, records)
                continue
            for record in records:
                self._hub.apply(index, record.offset, record.key, record.value)
            self._current_ms[place] = max(self._current_ms.get(place, 0), records[-1].timestamp)
            self._metrics.records.labels(self._logical(place)).inc(len(records))
        if self._hub.alerts_seq != alerts_seq:
            self.on_alerts()
        if fetched:
            await asyncio.sleep(0)
        return await self._look(consumer)

    def _take_log(self, place: TopicPartition, records: list[object]) -> None:
        for record in records:
            try:
                entry = codec.decode_log_entry(record.value)  # type: ignore[attr-defined]
            except msgspec.MsgspecError:
                _log.error("a record of %s/%d could not be read", place.topic, place.partition)
                continue
            finally:
                self._log_next[place] = record.offset + 1  # type: ignore[attr-defined]
            self.on_log_entry(entry)
        self._metrics.records.labels(LOG_TOPIC).inc(len(records))

    async def _look(self, consumer: AIOKafkaConsumer) -> bool:
        """Compare each partition's place with its end; both are known from the answers to fetches."""
        now_ms = self._clock()
        if now_ms - self._looked_ms < LOOK_EVERY_MS:
            return False
        self._looked_ms = now_ms
        newest = self._answered_ms or 0
        missing = 0
        for place in self._places:
            at = await consumer.position(place)
            missing += at < self._ends[place]
            answered_ms = consumer.last_poll_timestamp(place)
            if answered_ms is None:
                continue
            newest = max(newest, answered_ms)
            if at >= consumer.highwater(place):
                self._current_ms[place] = max(self._current_ms.get(place, 0), answered_ms)
        fresh = newest > (self._answered_ms or 0)
        self._answered_ms = newest or None
        if not missing and not self.ready.is_set():
            assert self._hub is not None
            _log.info("the picture is complete: %s", self._hub.sizes())
            self.ready.set()
        return fresh

    def _logical(self, place: TopicPartition) -> str:
        return str(place.topic).removeprefix(self._topics.prefix)
