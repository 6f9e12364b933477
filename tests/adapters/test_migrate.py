"""Migrations on the real TimescaleDB: once each, whoever starts when, whatever is killed."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import psycopg
import pytest

from ioc.adapters import migrate as module
from ioc.adapters.migrate import edition, migrate, migration_status, migrations
from ioc.errors import BadSettings, Unavailable
from tests.adapters.empty import empty_database

pytestmark = pytest.mark.stack


NEXT = f"{len(migrations()) + 1:04}"  # number of a migration that a test adds


@pytest.fixture
def empty_url(stack: object) -> Iterator[str]:
    """A database with the extension and nothing else."""
    with empty_database(stack) as url:
        yield url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the migrations that a test may change."""
    source = resources.files("ioc.adapters") / "migrations"
    with resources.as_file(source) as path:
        shutil.copytree(path, tmp_path / "migrations")
    return tmp_path / "migrations"


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as conn:
        return {name for (name,) in conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}


def test_all_of_them_once(empty_url: str) -> None:
    names = [m.name for m in migrations()]
    assert names[0] == "0001_history"
    assert migrate(empty_url) == names
    assert migrate(empty_url) == []
    status = migration_status(empty_url)
    assert (status.applied, status.pending, status.problems) == (names, [], [])
    assert set(status.applied_at) == set(names)
    assert {"event", "rollup", "alert", "alert_log", "dead_letter", "feed_health", "sink_offset", "account"} <= tables(
        empty_url
    )
    with psycopg.connect(empty_url) as conn:
        rows = conn.execute("SELECT hypertable_name FROM timescaledb_information.hypertables").fetchall()
        assert {name for (name,) in rows} == {"event", "rollup", "feed_health"}


def test_status_of_an_empty_database(empty_url: str) -> None:
    status = migration_status(empty_url)
    assert status.applied == []
    assert len(status.pending) == len(migrations())


def test_edition_is_named(empty_url: str) -> None:
    assert edition(empty_url) in ("apache", "timescale")


def test_a_changed_file_is_refused(empty_url: str, folder: Path) -> None:
    migrate(empty_url, folder=folder)
    file = folder / "0002_recorder.sql"
    file.write_text(file.read_text() + "\n-- changed")
    (folder / f"{NEXT}_more.sql").write_text("CREATE TABLE more ()")
    with pytest.raises(BadSettings, match="0002_recorder was changed after it had been applied"):
        migrate(empty_url, folder=folder)
    assert "more" not in tables(empty_url)
    assert migration_status(empty_url, folder=folder).problems


def test_other_line_ends_are_no_change(empty_url: str, folder: Path) -> None:
    migrate(empty_url, folder=folder)
    for file in folder.iterdir():
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert migrate(empty_url, folder=folder) == []


def test_a_newer_database_is_refused(empty_url: str, folder: Path) -> None:
    (folder / f"{NEXT}_future.sql").write_text("CREATE TABLE future ()")
    migrate(empty_url, folder=folder)
    with pytest.raises(BadSettings, match="it is newer"):
        migrate(empty_url)


@pytest.mark.parametrize(
    "name", [f"{len(migrations()) + 2:04}_hole.sql", "5_short.sql", "0003_twice.sql", f"{NEXT}_Upper.sql"]
)
def test_strange_numbers_are_refused(folder: Path, name: str) -> None:
    (folder / name).write_text("SELECT 1")
    with pytest.raises(BadSettings):
        migrations(folder)


def test_a_wrong_statement_leaves_nothing_of_its_file(empty_url: str, folder: Path) -> None:
    (folder / f"{NEXT}_wrong.sql").write_text("CREATE TABLE half (); SELECT no_such_function();")
    with pytest.raises(BadSettings, match=rf"{NEXT}_wrong failed: .*no_such_function"):
        migrate(empty_url, folder=folder)
    assert "half" not in tables(empty_url)
    assert migration_status(empty_url, folder=folder).pending == [f"{NEXT}_wrong"]


def test_without_a_transaction(empty_url: str, folder: Path) -> None:
    (folder / f"{NEXT}_index.sql").write_text(
        "-- migrate: no-transaction\nCREATE TABLE IF NOT EXISTS a (n int);\n-- migrate: next\n"
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS a_n ON a (n);\n"
    )
    assert migrate(empty_url, folder=folder)[-1] == f"{NEXT}_index"
    assert migrate(empty_url, folder=folder) == []
    with psycopg.connect(empty_url) as conn:
        assert conn.execute("SELECT to_regclass('a_n') IS NOT NULL").fetchone() == (True,)


def _start(url: str, folder: str, answers: multiprocessing.Queue[list[str]]) -> None:
    answers.put(migrate(url, folder=Path(folder)))


def test_starters_at_once_share_the_work(empty_url: str, folder: Path) -> None:
    (folder / f"{NEXT}_slow.sql").write_text("CREATE TABLE slow (); SELECT pg_sleep(0.5);")
    context = multiprocessing.get_context("spawn")
    answers: multiprocessing.Queue[list[str]] = context.Queue()
    starters = [context.Process(target=_start, args=(empty_url, str(folder), answers)) for _ in range(4)]
    for starter in starters:
        starter.start()
    applied = [answers.get(timeout=60) for _ in starters]
    for starter in starters:
        starter.join(30)
    assert sorted(map(len, applied)) == [0, 0, 0, len(migrations(folder))]


def test_killed_in_the_middle_nothing_is_left_and_the_next_one_finishes(empty_url: str, folder: Path) -> None:
    (folder / f"{NEXT}_slow.sql").write_text("CREATE TABLE slow (); SELECT pg_sleep(2); CREATE TABLE slower ();")
    context = multiprocessing.get_context("spawn")
    answers: multiprocessing.Queue[list[str]] = context.Queue()
    starter = context.Process(target=_start, args=(empty_url, str(folder), answers))
    starter.start()
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
    with psycopg.connect(empty_url, autocommit=True) as conn:
        deadline_s = time.monotonic() + 30
        while conn.execute(sleeping).fetchone() == (0,):
            assert time.monotonic() < deadline_s, "the slow step never began"
            time.sleep(0.02)
        assert starter.pid is not None
        os.kill(starter.pid, signal.SIGKILL)
        starter.join(10)
        assert conn.execute("SELECT max(version) FROM schema_version").fetchone() == (len(migrations()),)
    assert migrate(empty_url, folder=folder) == [f"{NEXT}_slow"]
    assert {"slow", "slower"} <= tables(empty_url)


def test_the_wait_for_the_lock_has_an_end(empty_url: str) -> None:
    with psycopg.connect(empty_url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [module.LOCK])
        with pytest.raises(Unavailable, match="more than 1 s"):
            migrate(empty_url, lock_wait_s=1)
    assert migrate(empty_url)


def test_no_database_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        migrate("postgresql://nobody@127.0.0.1:1/nothing")


def test_the_audit_trail_refuses_changes(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(
            "INSERT INTO alert_log (id, alert_id, at, kind, what, accepted, version, body, topic_partition,"
            " topic_offset) VALUES ('L', 'A', now(), 'transition', 'raised', true, 1, '{}', 0, 0)"
        )
        for statement in ("UPDATE alert_log SET what = 'x'", "DELETE FROM alert_log", "TRUNCATE alert_log"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(statement)
        assert conn.execute("SELECT count(*) FROM alert_log").fetchone() == (1,)
