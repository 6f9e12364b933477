"""The recorder as real processes on the real Kafka and TimescaleDB: killed, stopped, doubled, without a database."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from ioc.adapters.kafka import cluster_id, ensure_topics, new_producer, new_reader
from ioc.adapters.migrate import migrate
from ioc.adapters.recorder_loop import KafkaLog, recorder_places
from ioc.ports import Place
from ioc.settings import Settings
from ioc.stack.testing import LocalStack
from ioc.wire.topics import Topics
from tests.adapters.recorder_process import (
    RecorderProcess,
    expected_ids,
    fill,
    recorders,
    stored,
    stored_ids,
    until,
)
from tests.samples import event_record

pytestmark = pytest.mark.stack
Start = Callable[[], RecorderProcess]


@pytest.fixture
def start(stack: Any, prefix: str, database_url: str, tmp_path: Path) -> Iterator[Start]:
    """Starts recorders on this test's topics and database."""
    with recorders(tmp_path, stack.kafka, database_url, prefix) as starter:
        yield starter


async def test_everything_committed_is_stored_once_and_sigterm_ends_in_order(
    stack: Any, prefix: str, database_url: str, start: Start
) -> None:
    await fill(stack.kafka, prefix, 0, 3000)
    one = start()
    until("all events stored", lambda: stored(database_url) >= 3000)
    began_s = time.monotonic()
    assert one.stop() == 0
    assert time.monotonic() - began_s < 5
    assert sorted(stored_ids(database_url)) == expected_ids(3000)
    with psycopg.connect(database_url) as conn:
        assert conn.execute("SELECT id, version FROM alert").fetchall() == [("A-1", 30)]
        assert conn.execute("SELECT count(*) FROM alert_log").fetchone() == (30,)
        assert conn.execute("SELECT count(*) FROM recorder_reject").fetchone() == (0,)
        clusters = conn.execute("SELECT DISTINCT cluster FROM sink_offset").fetchall()
    assert clusters == [(await cluster_id(stack.kafka),)]


async def test_kill_9_again_and_again_while_events_flow(
    stack: Any, prefix: str, database_url: str, start: Start
) -> None:
    chance = random.Random(7)
    writing = asyncio.create_task(fill(stack.kafka, prefix, 0, 20_000))
    one = start()
    for _ in range(8):
        await asyncio.to_thread(until, "it writes", one.is_writer)
        await asyncio.sleep(chance.uniform(0.05, 0.6))
        one.kill()
        one = start()
    await writing
    await asyncio.to_thread(until, "the last one writes", one.is_writer)
    await asyncio.to_thread(until, "all events stored", lambda: stored(database_url) >= 20_000, 60)
    assert one.stop() == 0
    assert sorted(stored_ids(database_url)) == expected_ids(20_000)
    with psycopg.connect(database_url) as conn:
        assert conn.execute("SELECT version FROM alert").fetchall() == [(200,)]
        assert conn.execute("SELECT count(*), count(DISTINCT id) FROM alert_log").fetchone() == (200, 200)


async def test_a_standby_takes_over_and_a_stopped_recorder_does_no_harm(
    stack: Any, prefix: str, database_url: str, start: Start
) -> None:
    first = start()
    until("the first writes", first.is_writer)
    second = start()
    until("the second waits", lambda: "standby" in second.log.read_text())
    await fill(stack.kafka, prefix, 0, 1000)
    until("the first stores", lambda: stored(database_url) >= 1000)
    first.send(signal.SIGSTOP)
    # What the server does to a session that is silent for too long, without the wait.
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(
            "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
            " WHERE l.locktype = 'advisory' AND l.granted AND a.datname = current_database()"
        )
    until("the second writes", second.is_writer)
    await fill(stack.kafka, prefix, 1000, 1000, alert="A-2")
    until("the second stores", lambda: stored(database_url) >= 2000)
    first.send(signal.SIGCONT)
    until("the first waits", lambda: "standby" in first.log.read_text())
    await fill(stack.kafka, prefix, 2000, 1000, alert="A-3")
    until("all stored", lambda: stored(database_url) >= 3000)
    second.kill()
    await fill(stack.kafka, prefix, 3000, 500, alert="A-4")
    until("the first stores again", lambda: stored(database_url) >= 3500)
    assert first.stop() == 0
    assert sorted(stored_ids(database_url)) == expected_ids(3500)


async def test_poison_in_the_log_stops_nothing(stack: Any, prefix: str, database_url: str, start: Start) -> None:
    producer = new_producer(Settings(kafka=stack.kafka))
    await producer.start()
    poison = [
        b"",
        b"\x00\xff",
        b"null",
        event_record("nul\\u0000"),
        event_record("far", time_ms=221_845_392_000_000),
        event_record("huge", data='{"n":1e999999}'),
        event_record("deep", data="[" * 900 + "]" * 900),
        None,
    ]
    for n, value in enumerate(poison):
        await producer.send_and_wait(f"{prefix}events", value, b"k", partition=n % 12)
        await producer.send_and_wait(f"{prefix}dead", value, b"k", partition=n % 3)
        await producer.send_and_wait(f"{prefix}alerts", value, b"k", partition=n % 6)
    await producer.stop()
    await fill(stack.kafka, prefix, 0, 200)
    one = start()
    until("good events stored", lambda: stored(database_url) >= 202)
    assert one.stop() == 0
    with psycopg.connect(database_url) as conn:
        found = conn.execute(
            "SELECT reason, count(*) FROM recorder_reject WHERE topic = %s GROUP BY 1 ORDER BY 1", [f"{prefix}events"]
        ).fetchall()
    assert found == [("malformed", 2), ("nul_character", 1), ("refused_by_database", 1), ("wrong_shape", 1)]
    assert set(stored_ids(database_url)) == {*expected_ids(200), "far", "deep"}


async def test_the_database_restarts_under_load(stack: Any, prefix: str, tmp_path: Path) -> None:
    async with LocalStack(tmp_path / "own", kafka=False) as local:
        migrate(local.database_url)
        with recorders(tmp_path, stack.kafka, local.database_url, prefix) as start:
            one = start()
            writing = asyncio.create_task(fill(stack.kafka, prefix, 0, 20_000))
            for _ in range(3):
                goal = stored(local.database_url) + 500
                await asyncio.to_thread(until, "it stores", lambda goal=goal: stored(local.database_url) >= goal)
                await asyncio.to_thread(local.stop_postgres)
                memory_mb = one.rss_mb()
                await asyncio.sleep(1.0)  # away for a while, with events coming in
                assert one.rss_mb() < memory_mb + 60, "nothing piles up while the database is away"
                await asyncio.to_thread(local.start_postgres)
            await writing
            await asyncio.to_thread(until, "all stored", lambda: stored(local.database_url) >= 20_000, 60)
            assert one.stop() == 0
            assert sorted(stored_ids(local.database_url)) == expected_ids(20_000)


async def test_kafka_is_killed_and_comes_back(database_url: str, tmp_path: Path) -> None:
    async with LocalStack(tmp_path / "own", postgres=False) as local:
        prefix = "own."
        await ensure_topics(local.kafka, Topics(prefix, ()).specs.values(), prefix)
        with recorders(tmp_path, local.kafka, database_url, prefix) as start:
            one = start()
            await fill(local.kafka, prefix, 0, 1000)
            await asyncio.to_thread(until, "stored", lambda: stored(database_url) >= 1000)
            await asyncio.to_thread(local.kill_kafka)
            await asyncio.to_thread(local.start_kafka)
            await fill(local.kafka, prefix, 1000, 1000, alert="A-2")
            await asyncio.to_thread(until, "stored again", lambda: stored(database_url) >= 2000, 60)
            assert one.stop() == 0
    assert sorted(stored_ids(database_url)) == expected_ids(2000)


async def test_what_kafka_deleted_unread_is_written_down(
    stack: Any, prefix: str, database_url: str, start: Start
) -> None:
    await fill(stack.kafka, prefix, 0, 2000)
    one = start()
    until("all stored", lambda: stored(database_url) >= 2000)
    one.send(signal.SIGSTOP)
    await fill(stack.kafka, prefix, 2000, 5000, alert="A-2")
    ends = await delete_all(stack.kafka, f"{prefix}events", 12)
    one.send(signal.SIGCONT)
    await fill(stack.kafka, prefix, 7000, 500, alert="A-3")
    last = set(expected_ids(500, 7000))
    until("the last ones are stored", lambda: last <= set(stored_ids(database_url)), 60)
    assert one.stop() == 0
    ids = stored_ids(database_url)
    assert len(ids) == len(set(ids))
    with psycopg.connect(database_url) as conn:
        gaps = conn.execute(
            "SELECT partition, record_offset, detail FROM recorder_reject WHERE reason = 'gap' ORDER BY partition"
        ).fetchall()
    assert gaps, "the stopped recorder cannot have read them all"
    for partition, start_offset, detail in gaps:
        assert detail.startswith(f"offsets {start_offset} to {ends[partition] - 1} were deleted")


async def delete_all(kafka: str, topic: str, partitions: int) -> dict[int, int]:
    """Delete every record of a topic up to now, as retention does; where each partition begins then."""
    reader = new_reader(kafka)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await reader.start()
    await admin.start()
    try:
        ends = await reader.end_offsets([TopicPartition(topic, p) for p in range(partitions)])
        await admin.delete_records({tp: RecordsToDelete(before_offset=end) for tp, end in ends.items()})
    finally:
        await admin.close()
        await reader.stop()
    return {tp.partition: end for tp, end in ends.items()}


async def test_sigterm_without_kafka_or_database_ends_in_order(stack: Any, prefix: str, tmp_path: Path) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    for kafka, says in (("127.0.0.1:1", "kafka is not available"), (stack.kafka, "database is not available")):
        folder = tmp_path / kafka
        folder.mkdir()
        with recorders(folder, kafka, nowhere, prefix) as start:
            one = start()
            until("it says what is missing", lambda one=one, says=says: says in one.log.read_text())
            assert one.stop() == 0


async def test_the_log_gives_each_record_once_from_where_it_is_told(stack: Any, prefix: str) -> None:
    await fill(stack.kafka, prefix, 0, 300)
    log = KafkaLog(stack.kafka, recorder_places(prefix))
    await log.start()
    try:
        assert await log.seek(dict.fromkeys(log.places, 0)) == []
        seen = await read_all(log)
        events = {p: rs for p, rs in seen.items() if p.topic == f"{prefix}events"}
        assert sum(map(len, events.values())) == 300 + 30
        assert not any(b"aborted" in r.value for rs in events.values() for r in rs)
        place, records = max(events.items(), key=lambda item: len(item[1]))
        half = len(records) // 2
        # A position beyond the end (a topic made anew) is read from the beginning.
        ends = {p: rs[-1].offset + 1 for p, rs in seen.items() if rs}
        positions = dict.fromkeys(log.places, 0) | ends | {place: records[half].offset}
        await log.seek(positions)
        again = await read_all(log)
        assert {p for p, rs in again.items() if rs} == {place}
        assert [r.offset for r in again[place]] == [r.offset for r in records[half:]]
        await log.seek(positions | {place: 10**9})
        assert [r.offset for r in (await read_all(log))[place]] == [r.offset for r in records]
        behind, end = await log.behind()
        assert behind == 0
        assert end > 300
    finally:
        await log.stop()


async def read_all(log: KafkaLog) -> dict[Place, list[Any]]:
    found: dict[Place, list[Any]] = {}
    deadline_s = time.monotonic() + 20
    while (await log.behind())[0] > 0:
        assert time.monotonic() < deadline_s
        for place, records in await log.fetch(50, 0.2):
            assert len(records) <= 50
            found.setdefault(place, []).extend(records)
    return found
