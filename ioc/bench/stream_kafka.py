"""The broker's side of ``ioc bench stream``: topics of its own, quick filling, reading the outputs back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from msgspec import structs

from ioc.adapters.kafka import ensure_topics, new_producer, new_reader, read_to_end
from ioc.bench.stream_made import Stream
from ioc.bench.stream_oracle import Oracle, Row
from ioc.settings import Settings
from ioc.wire.topics import Topics

TELL_EVERY = 5_000
SENDS_OPEN_MAX = 16  # batches without an answer


async def make_topics(settings: Settings, topics: Topics, logical: Iterable[str] | None = None) -> None:
    """Topics with the product's partitions, whose records keep the made timestamps for ever."""
    wanted = topics.specs.keys() if logical is None else logical
    specs = [
        structs.replace(topics.specs[name], stamped_on_arrival=False, retention_ms=-1, max_message_bytes=1_048_576)
        for name in wanted
    ]
    await ensure_topics(settings.kafka, specs, topics.prefix)


def own_prefix() -> str:
    """Of topics and groups that nobody else has."""
    return f"bench-{uuid4().hex[:10]}."


async def delete_topics(settings: Settings, prefix: str) -> None:
    """Delete every topic whose name begins so; a measurement leaves nothing on a broker that is not its own."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    await admin.start()
    try:
        names = [name for name in await admin.list_topics() if name.startswith(prefix)]
        if names:
            await admin.delete_topics(names)
    finally:
        await admin.close()


async def fill(settings: Settings, topics: Topics, made: Stream, oracle: Oracle, tell: Callable[[int], None]) -> int:
    """Store a made stream, in few large batches, and show each record to the oracle; the number of records."""
    producer = new_producer(settings)
    await producer.start()
    sender = _Sender(producer)
    places: dict[tuple[str, bytes], tuple[str, int]] = {}
    count = 0
    try:
        for record in made:
            place = places.get(record[:2])
            if place is None:
                where = topics.partition(record.topic, record.key)
                place = places[record[:2]] = (topics.name(record.topic), where)
            oracle.see(record, place[1])
            await sender.send(place, record.key, record.value, record.arrival_ms)
            count += 1
            if count % TELL_EVERY == 0:
                tell(count)
        await sender.flush()
    finally:
        await producer.stop()
    tell(count)
    return count


class _Sender:
    """Builds one batch per partition and keeps a few on the way."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self._batches: dict[tuple[str, int], Any] = {}
        self._open: list[asyncio.Future[object]] = []

    async def send(self, place: tuple[str, int], key: bytes, value: bytes, timestamp_ms: int) -> None:
        batch = self._batches.get(place)
        if batch is None or batch.append(key=key, value=value, timestamp=timestamp_ms) is None:
            if batch is not None:
                await self._hand_over(place, batch)
            batch = self._batches[place] = self._producer.create_batch()
            batch.append(key=key, value=value, timestamp=timestamp_ms)

    async def flush(self) -> None:
        for place, batch in self._batches.items():
            await self._hand_over(place, batch)
        await asyncio.gather(*self._open)

    async def _hand_over(self, place: tuple[str, int], batch: Any) -> None:
        self._open.append(await self._producer.send_batch(batch, place[0], partition=place[1]))
        while len(self._open) > SENDS_OPEN_MAX:
            await self._open.pop(0)


async def read_topics(settings: Settings, topics: Topics, logical: Iterable[str]) -> dict[str, list[Row]]:
    """Every committed record of these topics."""
    names = {topics.name(name): name for name in logical}
    found: dict[str, list[Row]] = {name: [] for name in names.values()}
    places = [TopicPartition(real, p) for real, name in names.items() for p in range(topics.partitions(name))]
    reader = new_reader(settings.kafka, fetch_max_wait_ms=50)
    await reader.start()
    try:
        async for record in read_to_end(reader, places):
            found[names[record.topic]].append((record.partition, record.key or b"", record.value))
    finally:
        await reader.stop()
    return found
