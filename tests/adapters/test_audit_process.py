"""The audit chain while recorders are killed: one chain, each line once, and anchors that fit."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ioc.adapters.anchors import AnchorFile, read_topic
from ioc.adapters.audit_store import verify
from ioc.adapters.kafka import new_producer
from ioc.settings import Settings
from ioc.wire.topics import Topics
from tests.adapters.recorder_process import recorders, until
from tests.samples import log_record

pytestmark = pytest.mark.stack

LINES = 6_000


async def fill(kafka: str, prefix: str) -> None:
    """Lines of many alerts in all partitions, some of them twice, as after a lost answer."""
    topics = Topics(prefix, ())
    async with new_producer(Settings(kafka=kafka), linger_ms=2) as producer:
        for n in range(LINES):
            alert = f"A-{n % 97}"
            for _ in range(2 if n % 10 == 0 else 1):
                place = topics.partition("alert-log", alert.encode())
                value = log_record(f"L{n}", alert)
                await producer.send(topics.name("alert-log"), value, alert.encode(), partition=place)
            if n % 100 == 0:
                await asyncio.sleep(0.02)
        await producer.flush()


def count(url: str, table: str) -> int:
    with psycopg.connect(url) as conn:
        row = conn.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    return int(row[0]) if row else 0


async def test_kill_9_with_a_standby_leaves_one_chain(
    stack: Any, prefix: str, database_url: str, tmp_path: Path
) -> None:
    chance = random.Random(11)

    async def wait(what: str, condition: Callable[[], Any], limit_s: float = 60.0) -> None:
        await asyncio.to_thread(until, what, condition, limit_s)

    with recorders(tmp_path, stack.kafka, database_url, prefix) as start:
        writing = asyncio.create_task(fill(stack.kafka, prefix))
        one, other = start(), start()
        for _ in range(6):
            await wait("one writes", lambda a=one, b=other: a.is_writer() or b.is_writer())
            writer, waiting = (one, other) if one.is_writer() else (other, one)
            await asyncio.sleep(chance.uniform(0.1, 0.6))
            writer.kill()
            one, other = waiting, start()
        await writing
        await wait("every line is stored", lambda: count(database_url, "alert_log") >= LINES)
        path = tmp_path / "audit" / "anchors.jsonl"
        await wait("the head is noted", path.exists)
        assert one.stop() == other.stop() == 0
    anchors, problem = AnchorFile(path).read()
    assert problem is None
    on_bus, problem = await read_topic(
        Settings(kafka=stack.kafka, database_url=database_url, topic_prefix=prefix, data_dir=tmp_path)
    )
    assert problem is None
    report = verify(database_url, [*anchors, *on_bus])
    assert report.finding is None
    assert report.rows == report.head == LINES == count(database_url, "audit_chain")
    assert report.anchored > 0
