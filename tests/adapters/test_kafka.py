"""The Kafka adapter against a real broker."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from ioc.adapters.kafka import (
    Producer,
    cluster_id,
    ensure_topics,
    log_ranges,
    new_producer,
    new_reader,
    read_to_end,
    topic_config,
    wait_ready,
)
from ioc.errors import BadSettings, Unavailable
from ioc.settings import Settings
from ioc.wire.topics import Topics, TopicSpec
from tests.conftest import Stack

NOBODY = "127.0.0.1:1"


def test_only_checkpoints_forget_deletions_soon() -> None:
    assert topic_config(TopicSpec("checkpoints.detect", 12, compacted=True))["delete.retention.ms"] == "300000"
    assert topic_config(TopicSpec("alerts", 6, compacted=True))["delete.retention.ms"] == "86400000"
    kept = topic_config(TopicSpec("alert-log", 6, retention_ms=-1))
    assert (kept["cleanup.policy"], kept["retention.ms"]) == ("delete", "-1")


@pytest.mark.parametrize("option", ["acks", "enable_idempotence", "bootstrap_servers"])
def test_a_caller_cannot_make_a_producer_unsafe(option: str) -> None:
    with pytest.raises(ValueError, match=option):
        new_producer(Settings(), **{option: 0})


async def test_a_broker_that_is_away_is_unavailable_within_the_limit() -> None:
    async with asyncio.timeout(10):
        with pytest.raises(Unavailable, match=rf"{NOBODY} did not answer within 0.5 s"):
            await wait_ready(NOBODY, 0.5)
        with pytest.raises(Unavailable):
            await cluster_id(NOBODY)
        with pytest.raises(Unavailable):
            await Producer(Settings(kafka=NOBODY), Topics("x.", [])).start()


def own_prefix() -> str:
    return f"t{uuid.uuid4().hex[:10]}."


@pytest.mark.stack
async def test_topics_are_made_once_with_their_settings(stack: Stack) -> None:
    prefix = own_prefix()
    specs = [
        TopicSpec("log", 3, retention_ms=1_234_567, max_message_bytes=70_000),
        TopicSpec("state", 2, compacted=True),
    ]
    made = await asyncio.gather(*(ensure_topics(stack.kafka, specs, prefix) for _ in range(3)))  # at once: no harm
    assert {name for names in made for name in names} == {f"{prefix}log", f"{prefix}state"}
    assert await ensure_topics(stack.kafka, specs, prefix) == []

    log, state = await configs(stack.kafka, f"{prefix}log"), await configs(stack.kafka, f"{prefix}state")
    assert (log["cleanup.policy"], log["retention.ms"], log["max.message.bytes"]) == ("delete", "1234567", "70000")
    assert (state["cleanup.policy"], state["segment.ms"], state["min.insync.replicas"]) == ("compact", "60000", "1")


async def configs(kafka: str, topic: str) -> dict[str, str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    finally:
        await admin.close()
    return {entry[0]: entry[1] for entry in answer.resources[0][4]}


@pytest.mark.stack
async def test_another_number_of_partitions_is_refused_with_both(stack: Stack) -> None:
    prefix = own_prefix()
    await ensure_topics(stack.kafka, [TopicSpec("log", 3)], prefix)
    with pytest.raises(BadSettings, match=rf"topic {prefix}log has 3 partitions, but 4 are needed"):
        await ensure_topics(stack.kafka, [TopicSpec("log", 4), TopicSpec("more", 1)], prefix)
    with pytest.raises(BadSettings):  # and nothing else was made either
        await ensure_topics(stack.kafka, [TopicSpec("log", 4)], prefix)
    assert await ensure_topics(stack.kafka, [TopicSpec("more", 1)], prefix) == [f"{prefix}more"]


@pytest.mark.stack
async def test_the_cluster_has_an_id(stack: Stack) -> None:
    await wait_ready(stack.kafka, 5)
    assert len(await cluster_id(stack.kafka)) == 22


@pytest.mark.stack
async def test_a_record_goes_to_its_keys_partition_and_is_acknowledged(stack: Stack) -> None:
    prefix = own_prefix()
    topics = Topics(prefix, ["a"])
    await ensure_topics(stack.kafka, topics.specs.values(), prefix)
    settings = Settings(kafka=stack.kafka, topic_prefix=prefix)
    async with Producer(settings, topics, linger_ms=1) as producer:
        sent = await asyncio.gather(*(producer.send("events", f"k{i}".encode(), b"v") for i in range(50)))
        fixed = await producer.send("alerts", b"k", None, partition=4, timestamp_ms=1_000)
        with pytest.raises(KeyError):
            await producer.send("nowhere", b"k", b"v")
    assert [s.partition for s in sent] == [topics.partition("events", f"k{i}".encode()) for i in range(50)]
    assert (fixed.topic, fixed.partition, fixed.offset, fixed.timestamp_ms) == (f"{prefix}alerts", 4, 0, 1_000)

    reader = new_reader(stack.kafka)
    await reader.start()
    try:
        parts = [TopicPartition(f"{prefix}events", p) for p in range(12)]
        read = {(r.partition, r.offset): r.key async for r in read_to_end(reader, parts)}
    finally:
        await reader.stop()
    assert read == {(s.partition, s.offset): f"k{i}".encode() for i, s in enumerate(sent)}


@pytest.mark.stack
async def test_a_reader_sees_committed_records_only_and_ends_behind_markers(stack: Stack) -> None:
    prefix = own_prefix()
    await ensure_topics(stack.kafka, [TopicSpec("log", 1)], prefix)
    settings, topic = Settings(kafka=stack.kafka, topic_prefix=prefix), f"{prefix}log"
    part = TopicPartition(topic, 0)
    producer = new_producer(settings, transactional_id=f"{prefix}x")
    await producer.start()
    for value, commit in [(b"1", True), (b"2", False), (b"3", True), (b"4", False)]:
        await producer.begin_transaction()
        await producer.send_and_wait(topic, value, partition=0)
        await (producer.commit_transaction() if commit else producer.abort_transaction())
    await producer.begin_transaction()
    await producer.send_and_wait(topic, b"5", partition=0)  # still open

    stable = (await log_ranges(stack.kafka, [part]))[part]
    last = (await log_ranges(stack.kafka, [part], isolation_level="read_uncommitted"))[part]
    assert (stable.first, stable.end, last.end) == (0, 8, 9)
    reader = new_reader(stack.kafka)
    await reader.start()
    try:
        async with asyncio.timeout(10):
            assert [r.value async for r in read_to_end(reader, [part])] == [b"1", b"3"]
        upto_last = asyncio.create_task(values(reader, part, last.end))
        done, _ = await asyncio.wait([upto_last], timeout=0.5)
        assert not done, "it did not wait for the open transaction"
        await producer.commit_transaction()
        async with asyncio.timeout(10):
            assert await upto_last == [b"1", b"3", b"5"]
    finally:
        await reader.stop()
        await producer.stop()


async def values(reader: object, part: TopicPartition, end: int) -> list[bytes | None]:
    return [r.value async for r in read_to_end(reader, [part], {part: end})]


@pytest.mark.stack
async def test_empty_partitions_are_read_at_once(stack: Stack) -> None:
    prefix = own_prefix()
    await ensure_topics(stack.kafka, [TopicSpec("log", 6)], prefix)
    reader = new_reader(stack.kafka)
    await reader.start()
    try:
        async with asyncio.timeout(5):
            parts = [TopicPartition(f"{prefix}log", p) for p in range(6)]
            assert [r async for r in read_to_end(reader, parts)] == []
    finally:
        await reader.stop()


@pytest.mark.stack
async def test_what_is_sent_at_once_keeps_its_order_also_to_topics_never_sent_to(stack: Stack) -> None:
    for _ in range(10):
        prefix = own_prefix()
        topics = Topics(prefix, ["a"])
        await ensure_topics(stack.kafka, topics.specs.values(), prefix)
        async with Producer(Settings(kafka=stack.kafka, topic_prefix=prefix), topics, linger_ms=1) as producer:
            sent = await asyncio.gather(*(producer.send("events", b"k", b"%d" % n) for n in range(40)))
        assert [one.offset for one in sent] == list(range(40))
