"""The alert log in the database against the one on the bus: also a chain that was written anew, whole and good."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import psycopg
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from ioc.adapters.audit_bus import CannotCompare, compare
from ioc.adapters.audit_store import verify
from ioc.adapters.kafka import cluster_id, new_producer
from ioc.adapters.timescale import Timescale
from ioc.cli import main
from ioc.domain.audit import Finding
from ioc.settings import Settings
from ioc.wire.topics import Topics
from tests.adapters.recorder_process import fill, recorders, until
from tests.samples import log_record

pytestmark = pytest.mark.stack

INSERT = (
    "INSERT INTO alert_log (id, alert_id, at, kind, what, accepted, version, body, topic_partition, topic_offset)"
    " SELECT 'forged', alert_id, at, kind, what, accepted, version, jsonb_set(body, '{{id}}', '\"forged\"'),"
    " topic_partition, {offset} FROM alert_log WHERE id = 'L-A-1-7'"
)


class Trail:
    """A database that a recorder filled from the bus, to be spoilt with good links."""

    def __init__(self, settings: Settings, cluster: str) -> None:
        self.settings = settings
        self.cluster = cluster

    async def rewrite(self, *statements: str) -> None:
        """As who has the password and this software: change rows, then seal all of them anew."""
        with psycopg.connect(self.settings.database_url) as conn:
            for table in ("alert_log", "audit_chain"):
                conn.execute(f"GRANT UPDATE, DELETE, TRUNCATE ON {table} TO CURRENT_USER".encode())
                conn.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
            for statement in (*statements, "TRUNCATE audit_chain"):
                conn.execute(statement.encode())
            conn.execute("UPDATE audit_head SET position = 0, hash = NULL, adopted = 0, adopt_to = NULL")
        writer = Timescale(self.settings.database_url, cluster=self.cluster, name="x.")
        await writer.open([])
        await writer.close()
        assert verify(self.settings.database_url).finding is None, "the chain itself is good"

    async def found(self) -> Finding:
        finding = (await compare(self.settings))[1]
        assert finding is not None
        return finding


@pytest.fixture
async def trail(stack: Any, prefix: str, database_url: str, tmp_path: Path) -> Trail:
    """Thirty lines, a repeated one, one that no table takes, and some that are not stored yet."""
    settings = Settings(kafka=stack.kafka, database_url=database_url, topic_prefix=prefix, data_dir=tmp_path)
    topics = Topics(prefix, ())

    async def send(*values: bytes) -> None:
        async with new_producer(settings) as producer:
            for value in values:
                place = topics.partition("alert-log", b"A-1")
                await producer.send_and_wait(topics.name("alert-log"), value, b"A-1", partition=place)

    await fill(stack.kafka, prefix, 0, 3000)
    await send(log_record("L-A-1-3", "A-1"), b"no json", b'{"id":"odd"}', log_record("last", "A-1"))

    def stored() -> bool:
        with psycopg.connect(database_url) as conn:
            return conn.execute("SELECT count(*) FROM alert_log").fetchone() == (31,)

    with recorders(tmp_path, stack.kafka, database_url, prefix) as start:
        one = start()
        await asyncio.to_thread(until, "all stored", stored)
        assert one.stop() == 0
    await send(log_record("later", "A-1"))
    return Trail(settings, await cluster_id(stack.kafka))


async def test_an_honest_database_is_what_the_log_says(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await compare(trail.settings) == (34, None)
    await trail.rewrite()
    assert await compare(trail.settings) == (34, None)
    monkeypatch.delenv("IOC_SCHEMAS_DIR", raising=False)  # of tests, no setting
    for name, value in trail.settings.to_environ().items():
        monkeypatch.setenv(name, value)
    (trail.settings.data_dir / "audit" / "anchors.jsonl").unlink(missing_ok=True)
    assert await asyncio.to_thread(main, ["audit", "verify", "--no-kafka", "--log", "--from", "1", "--to", "31"]) == 0


@pytest.mark.parametrize("offset", ["topic_offset + 1000", "topic_offset", "topic_offset + 1"])
async def test_a_row_appended_with_a_good_link_is_found(trail: Trail, offset: str) -> None:
    await trail.rewrite(INSERT.format(offset=offset))
    finding = await trail.found()
    assert finding.fault in ("inserted", "changed")
    assert (finding.id == "forged") == (finding.fault == "inserted") or offset == "topic_offset + 1"


@pytest.mark.parametrize(
    "change", ["jsonb_set(body, '{actor}', '\"nobody\"')", "jsonb_set(body, '{id}', '\"other\"')", "'{}'", "'[]'"]
)
async def test_a_changed_row_is_found_though_all_was_sealed_anew(trail: Trail, change: str) -> None:
    await trail.rewrite(f"UPDATE alert_log SET body = {change} WHERE id = 'L-A-1-9'")
    finding = await trail.found()
    assert (finding.fault, finding.id, finding.position) == ("changed", "L-A-1-9", 10)


@pytest.mark.parametrize("name", ["L-A-1-0", "L-A-1-9", "last"])
async def test_a_deleted_row_is_found_though_all_was_sealed_anew(
    trail: Trail, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await trail.rewrite(f"DELETE FROM alert_log WHERE id = '{name}'")
    finding = await trail.found()
    assert (finding.fault, finding.id) == ("missing", name)
    monkeypatch.delenv("IOC_SCHEMAS_DIR", raising=False)
    for variable, value in trail.settings.to_environ().items():
        monkeypatch.setenv(variable, value)
    (trail.settings.data_dir / "audit" / "anchors.jsonl").unlink(missing_ok=True)
    assert await asyncio.to_thread(main, ["audit", "verify", "--no-kafka", "--log"]) == 1
    assert name in capsys.readouterr().out


async def test_what_does_not_belong_together_is_not_compared(trail: Trail, stack: Any) -> None:
    with psycopg.connect(trail.settings.database_url) as conn:
        conn.execute(
            "INSERT INTO sink_offset (cluster, topic, partition, next_offset) VALUES ('c', 'x.alert-log', 0, 1)"
        )
    with pytest.raises(CannotCompare, match=r"x\.alert-log"):
        await compare(trail.settings)
    with psycopg.connect(trail.settings.database_url) as conn:
        conn.execute(
            "UPDATE sink_offset SET topic = %s WHERE cluster = 'c'", [f"{trail.settings.topic_prefix}alert-log"]
        )
    with pytest.raises(CannotCompare, match="another cluster"):
        await compare(trail.settings)
    with psycopg.connect(trail.settings.database_url) as conn:
        conn.execute("DELETE FROM sink_offset WHERE cluster = 'c'")
    topics = Topics(trail.settings.topic_prefix, ())
    place = TopicPartition(topics.name("alert-log"), topics.partition("alert-log", b"A-1"))
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka)
    await admin.start()
    try:
        await admin.delete_records({place: RecordsToDelete(before_offset=3)})
    finally:
        await admin.close()
    with pytest.raises(CannotCompare, match="deleted"):
        await compare(trail.settings)
