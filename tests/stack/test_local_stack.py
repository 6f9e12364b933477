"""The real Kafka and PostgreSQL: start, kill, start again, stop; data stays, nothing is left."""

from __future__ import annotations

import shutil
from pathlib import Path

import psycopg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from ioc.stack import ports, processes
from ioc.stack.kafka import Kafka
from ioc.stack.postgres import Postgres
from ioc.stack.state import Paths, StackError
from ioc.stack.testing import LocalStack, create_database, in_thread, with_database
from tests.conftest import Stack

pytestmark = pytest.mark.stack


async def write(bootstrap: str, values: list[bytes]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for value in values:
            await producer.send_and_wait("kept", value)


async def read(bootstrap: str, count: int) -> list[bytes]:
    async with AIOKafkaConsumer("kept", bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
        return [bytes((await consumer.getone()).value) for _ in range(count)]


async def make_topic(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic("kept", 1, 1)])
    finally:
        await admin.close()


@pytest.mark.parametrize(("noted", "refused"), [("9.0.0", True), (None, True), ("4.2.2", False), ("3.9.1", False)])
def test_data_of_a_newer_kafka_are_refused_before_it_starts(noted: str | None, refused: bool, tmp_path: Path) -> None:
    broker = Kafka(Paths(tmp_path).make(), 1, 2)
    (broker.folder / "data").mkdir(parents=True)
    (broker.folder / "data" / "meta.properties").touch()
    note = broker.folder / "version"
    if noted is not None:
        note.write_text(noted)
    if refused:
        with pytest.raises(
            StackError, match=rf"are of Kafka {noted or '4.3.1'}, and Kafka 4.2.2 cannot .* IOC_DATA_DIR"
        ):
            broker.prepare()
    else:
        broker.prepare()
        assert note.read_text() == f"{broker.version}\n"


def test_a_database_whose_passwords_are_gone_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """So it is when a clone under /root was removed and made again: the database is kept outside of it."""
    database = Postgres(Paths(tmp_path).make(), 1)
    database.home.mkdir(parents=True)
    (database.home / "PG_VERSION").write_text("15")
    try:
        with pytest.raises(
            StackError, match=r"postgres\.secret\) are gone: put that file back, or remove .*postgres-data"
        ):
            database.prepare()
    finally:
        shutil.rmtree(database.home.parent if database.home.parent != tmp_path else database.home)


def test_kafka_keeps_acknowledged_records_over_kill_9_and_leaves_nothing(tmp_path: Path) -> None:
    with LocalStack(tmp_path / "state", postgres=False) as local:
        port = int(local.kafka.rpartition(":")[2])
        in_thread(make_topic(local.kafka))
        in_thread(write(local.kafka, [b"one", b"two"]))
        local.kill_kafka()
        assert ports.is_free(port)
        local.start_kafka()
        in_thread(write(local.kafka, [b"three"]))
        assert in_thread(read(local.kafka, 3)) == [b"one", b"two", b"three"]
        ((_, running),) = processes.recorded(local.paths.run)
        assert running is not None
    assert processes.wait_gone([running], 0.0)
    assert ports.is_free(port)
    assert not (tmp_path / "state").exists()


def test_postgres_keeps_committed_rows_over_a_restart_and_is_not_root(tmp_path: Path) -> None:
    with LocalStack(tmp_path / "state", kafka=False) as local:
        with psycopg.connect(local.database_url) as conn:
            conn.execute("CREATE TABLE kept (at timestamptz NOT NULL, v int)")
            conn.execute("SELECT create_hypertable('kept', 'at')")
            conn.execute("INSERT INTO kept VALUES (now(), 7)")
        ((_, running),) = processes.recorded(local.paths.run)
        assert running is not None
        assert Path(f"/proc/{running.pid}").stat().st_uid != 0
        home = local.postgres.home
        local.stop_postgres()
        local.start_postgres()
        with psycopg.connect(local.database_url) as conn:
            assert conn.execute("SELECT v FROM kept").fetchone() == (7,)
    assert not home.exists()


def test_a_wrong_password_is_refused_and_only_loopback_listens(stack: Stack) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(stack.database_url.replace("ioc:", "ioc:x", 1))
    with psycopg.connect(stack.database_url) as conn:
        assert conn.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)
        assert conn.execute("SHOW server_encoding").fetchone() == ("UTF8",)
        assert conn.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (False,)


def test_every_test_gets_a_migrated_database_of_its_own(stack: Stack, database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        tables = conn.execute("SELECT count(*) FROM timescaledb_information.hypertables").fetchone()
    assert tables is not None
    assert tables[0] > 0
    create_database(stack.admin_url, "ioc_test_other", owner=stack.owner)
    with psycopg.connect(with_database(stack.database_url, "ioc_test_other")) as conn:
        assert conn.execute("SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'").fetchone() == (1,)


def test_every_test_gets_topics_of_its_own(stack: Stack, prefix: str) -> None:
    async def names() -> list[str]:
        admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka)
        await admin.start()
        try:
            return [name for name in await admin.list_topics() if name.startswith(prefix)]
        finally:
            await admin.close()

    found = in_thread(names())
    assert f"{prefix}events" in found
    assert f"{prefix}dead" in found
