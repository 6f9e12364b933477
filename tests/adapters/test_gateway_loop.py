"""The gateway's reader on a real Kafka: complete, read_committed, resumable elsewhere, and honest when it is blind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from ioc.adapters.clock import now_ms
from ioc.adapters.gateway_loop import BLIND_AFTER_MS, BusReader
from ioc.adapters.kafka import ensure_topics, new_producer
from ioc.adapters.metrics import GatewayMetrics
from ioc.domain.alerts import LogEntry
from ioc.errors import Unavailable
from ioc.services.hub import Changes, Hub
from ioc.settings import Settings
from ioc.stack.testing import LocalStack
from ioc.wire import codec
from ioc.wire.frames import Since
from ioc.wire.topics import Topics
from tests.conftest import Stack
from tests.services.hub_records import BASE_MS, alert_record, event_record, feed_record, rollup_record

pytestmark = pytest.mark.stack
CENTRES = ("bien-hoa", "long-khanh", "tinh")
MINUTES_AGO = (now_ms() - BASE_MS) // 60_000  # events are written as of now


class Reading:
    """A reader that runs."""

    def __init__(self, reader: BusReader, hub: Hub) -> None:
        self.reader = reader
        self.hub = hub
        self.entries: list[LogEntry] = []
        reader.on_log_entry = self.entries.append


@asynccontextmanager
async def reading(kafka: str, prefix: str) -> AsyncIterator[Reading]:
    settings = Settings(kafka=kafka, topic_prefix=prefix)
    reader = BusReader(settings, Topics(prefix, CENTRES), now_ms, GatewayMetrics())
    found = Reading(reader, await reader.open())
    task = asyncio.create_task(reader.run())
    try:
        async with asyncio.timeout(20):
            await reader.ready.wait()
        yield found
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await reader.close()


@asynccontextmanager
async def writing(kafka: str, **options: Any) -> AsyncIterator[AIOKafkaProducer]:
    producer = new_producer(Settings(kafka=kafka), **options)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def put(producer: AIOKafkaProducer, prefix: str, topic: str, record: tuple[bytes, bytes | None]) -> None:
    key, value = record
    partition = Topics(prefix, CENTRES).partition(topic, key)
    await producer.send_and_wait(prefix + topic, value, key, partition=partition)


async def until(found: Callable[[], bool], limit_s: float = 15.0) -> float:
    """Seconds until it is so."""
    started = time.perf_counter()
    async with asyncio.timeout(limit_s):
        while not found():  # noqa: ASYNC110 - any state is polled
            await asyncio.sleep(0.02)
    return time.perf_counter() - started


async def fill(kafka: str, prefix: str) -> None:
    """Committed and aborted transactions in every topic of the picture; ends with an aborted one."""
    async with writing(kafka, transactional_id=f"{prefix}writer") as producer:
        for number in range(3):
            async with producer.transaction():
                await put(producer, prefix, "alerts", alert_record(f"A-{number}", 1))
                await put(producer, prefix, "alerts", (b"@last/x", b"{}"))
                await put(producer, prefix, "feeds", feed_record("bien-hoa", number % 2, number))
                await put(producer, prefix, "events", event_record(f"R{number}", MINUTES_AGO, number))
                await put(producer, prefix, "rollups", rollup_record(f"rain{number}", MINUTES_AGO, 1, 5))
            await producer.begin_transaction()
            await put(producer, prefix, "alerts", alert_record(f"A-aborted{number}", 1))
            await put(producer, prefix, "alerts", alert_record(f"A-{number}", None))
            await put(producer, prefix, "events", event_record("aborted", MINUTES_AGO, number))
            await producer.abort_transaction()


async def test_what_is_committed_is_in_the_picture_and_nothing_else(stack: Stack, prefix: str) -> None:
    await fill(stack.kafka, prefix)
    async with reading(stack.kafka, prefix) as found:
        assert {alert.id for alert in found.hub.snapshot().alerts} == {"A-0", "A-1", "A-2"}
        assert {reading.site for reading in found.hub.snapshot().readings} == {"R0", "R1", "R2"}
        assert [minute.events for minute in found.hub.snapshot().minutes] == [15]
        assert not found.hub.skipped
        # At the end of every partition stands a transaction marker: it must not look like lag.
        await until(lambda: found.reader.health(now_ms()).lag_s is not None)
        await asyncio.sleep(1.0)
        health = found.reader.health(now_ms())
        assert health.degraded == []
        assert health.lag_s is not None
        assert health.lag_s < 1.0


async def test_a_record_is_in_the_picture_soon_and_an_alert_is_announced(stack: Stack, prefix: str) -> None:
    async with reading(stack.kafka, prefix) as found, writing(stack.kafka) as producer:
        announced: list[float] = []
        found.reader.on_alerts = lambda: announced.append(time.perf_counter())
        waits = []
        for version in range(1, 21):
            started = time.perf_counter()
            await put(producer, prefix, "alerts", alert_record("A-1", version))
            await until(lambda: len(announced) == version)  # noqa: B023
            waits.append(announced[-1] - started)
        assert sorted(waits)[10] < 0.15, waits
        await put(producer, prefix, "events", event_record("R1", MINUTES_AGO, 1))
        await until(lambda: found.hub.sizes()["readings"] == 1)
        assert len(announced) == 20


async def test_a_position_is_good_at_another_reader_of_the_same_bus_only(stack: Stack, prefix: str) -> None:
    await fill(stack.kafka, prefix)
    async with reading(stack.kafka, prefix) as first, writing(stack.kafka) as producer:
        since = Since(epoch=first.hub.epoch, pos=first.hub.pos)
        await put(producer, prefix, "alerts", alert_record("A-new", 1))
        await put(producer, prefix, "alerts", alert_record("A-0", None))
        async with reading(stack.kafka, prefix) as second:
            changes = second.hub.resume(since)
            assert isinstance(changes, Changes)
            assert [alert.id for alert in changes.alerts] == ["A-new"]
            assert changes.gone == {"alerts": ["A-0"]}
            assert not changes.readings
    other = "x" + prefix
    await ensure_topics(stack.kafka, Topics(other, CENTRES).specs.values(), other)
    async with reading(stack.kafka, other) as elsewhere:
        assert elsewhere.hub.resume(since) == "epoch"


async def test_outcomes_are_read_from_the_end_and_commands_reach_their_partition(stack: Stack, prefix: str) -> None:
    def entry(name: str) -> tuple[bytes, bytes]:
        found = LogEntry(id=name, alert_id="A-1", key="k", kind="command", what="ack", accepted=True, at_ms=1)
        return b"A-1", codec.encode(found)

    async with writing(stack.kafka) as producer:
        await put(producer, prefix, "alert-log", entry("old"))
        async with reading(stack.kafka, prefix) as found:
            await put(producer, prefix, "alert-log", (b"A-1", b"{"))
            await put(producer, prefix, "alert-log", entry("new"))
            await until(lambda: bool(found.entries))
            assert [one.id for one in found.entries] == ["new"]
            sent: Any = await found.reader.send("alert-inputs", b"rain|bien-hoa|R1", b"{}")
            assert sent.partition == Topics(prefix, CENTRES).partition("alert-inputs", b"rain|bien-hoa|R1")


async def test_the_bus_goes_away_and_comes_back(tmp_path: Any) -> None:
    """Killed and started again: within seconds the picture is known to be old, then it goes on without a hole."""
    async with LocalStack(tmp_path / "stack", postgres=False) as local:
        prefix = "t."
        await ensure_topics(local.kafka, Topics(prefix, CENTRES).specs.values(), prefix)
        await fill(local.kafka, prefix)
        async with reading(local.kafka, prefix) as found:
            await until(lambda: found.reader.health(now_ms()).lag_s is not None)
            before = Since(epoch=found.hub.epoch, pos=found.hub.pos)
            await asyncio.to_thread(local.kill_kafka)
            took = await until(lambda: found.reader.health(now_ms()).degraded == ["bus"], 15)
            assert took < BLIND_AFTER_MS / 1000 + 2
            assert found.reader.health(now_ms()).lag_s is None
            with pytest.raises(Unavailable):
                await found.reader.send("alert-inputs", b"k", b"{}")
            await asyncio.to_thread(local.start_kafka)
            async with writing(local.kafka) as producer:
                await put(producer, prefix, "alerts", alert_record("A-later", 1))
                took = await until(lambda: found.hub.alert("A-later") is not None, 40)
                assert took < 15, f"{took:.1f} s after the broker was back"
                changes = found.hub.resume(before)
                assert isinstance(changes, Changes)
                assert [alert.id for alert in changes.alerts] == ["A-later"]
            await until(lambda: found.reader.health(now_ms()).degraded == [], 10)
            await found.reader.send("alert-inputs", b"k", b"{}")  # the producer works again too
