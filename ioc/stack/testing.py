"""A real Kafka and a real PostgreSQL for tests: free ports, a folder of their own, gone afterwards."""

from __future__ import annotations

import asyncio
import fcntl
import shutil
import signal
import subprocess
from collections.abc import Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from ioc.adapters.clock import monotonic_s, now_ms
from ioc.stack import processes
from ioc.stack.kafka import Kafka
from ioc.stack.plan import kafka_spec, postgres_spec
from ioc.stack.ports import free_ports
from ioc.stack.postgres import Postgres
from ioc.stack.processes import Identity, Record
from ioc.stack.spec import ProcessSpec
from ioc.stack.state import Paths, StackError

T = TypeVar("T")
READY_LIMIT_S = 60.0
TEST_HEAP_MB = (256, 512)


class LocalStack:
    """Kafka and PostgreSQL in ``folder``. Use as a context manager, or call ``start`` and ``stop``.

    Attributes:
        kafka: bootstrap address, ``127.0.0.1:<port>``.
        kafka_centres: bootstrap address where ``centres`` sign in; their passwords are in ``paths.centre_passwords``.
        database_url: address of the database ``ioc`` (empty, with the extension).
    """

    def __init__(self, folder: Path, *, kafka: bool = True, postgres: bool = True, centres: Iterable[str] = ()) -> None:
        self.paths = Paths(folder.absolute()).make()
        kafka_port, controller_port, centres_port, postgres_port = free_ports(4)
        self._broker = Kafka(self.paths, kafka_port, controller_port, centres_port, tuple(centres), TEST_HEAP_MB)
        self.postgres = Postgres(self.paths, postgres_port)
        self._specs: dict[str, ProcessSpec] = {}
        if kafka:
            self._specs["kafka"] = kafka_spec(self._broker)
        if postgres:
            self._specs["postgres"] = postgres_spec(self.postgres)
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def kafka(self) -> str:
        """Bootstrap address."""
        return self._broker.bootstrap

    @property
    def kafka_centres(self) -> str:
        """Bootstrap address of the listener for centres."""
        return f"127.0.0.1:{self._broker.centres_port}"

    @property
    def database_url(self) -> str:
        """Address of the database ``ioc``."""
        return self.postgres.url

    @property
    def admin_url(self) -> str:
        """Address for making databases."""
        return self.postgres.admin_url

    def __enter__(self) -> LocalStack:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    async def __aenter__(self) -> LocalStack:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await asyncio.to_thread(self.stop)

    def start(self) -> None:
        """Start what was asked for, both together, and wait until it serves.

        Raises:
            StackError: not ready in time, or it ended at once; the sentence has the log's path.
        """
        try:
            self._start_now(*self._specs)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop in good order and delete all files, also those outside the folder."""
        for name in list(self._running):
            self._end(name, self._specs[name].stop_signal)
        self.paths.remove()

    def start_kafka(self) -> None:
        """Start Kafka again on the same port and the same data."""
        self._start_now("kafka")

    def kill_kafka(self) -> None:
        """``kill -9`` the broker; its data stays."""
        self._end("kafka", signal.SIGKILL)

    def start_postgres(self) -> None:
        """Start PostgreSQL again on the same port and the same data."""
        self._start_now("postgres")

    def stop_postgres(self) -> None:
        """Stop PostgreSQL (fast: clients are disconnected); its data stays."""
        self._end("postgres", signal.SIGINT)

    def _start_now(self, *names: str) -> None:
        """In a thread with a loop of its own, so that it does not matter whether the caller has one."""
        in_thread(self._start_all(names))

    async def _start_all(self, names: Iterable[str]) -> None:
        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(self._start(self._specs[name]))

    async def _start(self, spec: ProcessSpec) -> None:
        if spec.prepare is not None:
            await asyncio.to_thread(spec.prepare)
        log = self.paths.logs / f"{spec.name}.log"
        # No death signal: with several test processes the one that started the stack may end first.
        argv = processes.launch_argv(spec.argv, self.paths.run, spec.name, user=spec.user)
        processes.write_record(
            self.paths.run,
            Record(
                spec.name,
                spec.role,
                processes.argv_hash(spec.argv),
                0,
                spec.stop_signal,
                spec.stop_limit_s,
                processes.boot_id(),
                now_ms(),
            ),
        )
        with log.open("ab") as output:
            running = subprocess.Popen(  # noqa: ASYNC220 - a fork takes a millisecond, and the handle outlives the loop
                argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=spec.cwd, start_new_session=True
            )
        self._running[spec.name] = running
        deadline_s = monotonic_s() + READY_LIMIT_S
        while spec.ready is not None and not await spec.ready():
            if running.poll() is not None or monotonic_s() > deadline_s:
                tail = log.read_text(errors="replace")[-1500:]
                raise StackError(f"{spec.name} is not ready (exit code {running.poll()}); log: {log}\n{tail}")
            await asyncio.sleep(0.05)

    def _end(self, name: str, signum: int) -> None:
        running = self._running.pop(name, None)
        if running is None:
            return
        running.send_signal(signum)
        try:
            running.wait(self._specs[name].stop_limit_s)
        except subprocess.TimeoutExpired:
            processes.kill_session(Identity(running.pid, 0))
            running.kill()
            running.wait()
        processes.forget(self.paths.run, name)


def in_thread(what: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in a thread with a loop of its own."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, what).result()


def create_database(admin_url: str, name: str, *, owner: str | None = None, template: str = "template0") -> None:
    """Make a database with the TimescaleDB extension; ``owner`` defaults to the administrator itself."""
    made = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
    if owner:
        made += sql.SQL(" OWNER {}").format(sql.Identifier(owner))
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(made)
    with psycopg.connect(with_database(admin_url, name), autocommit=True) as admin:
        admin.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")


def seal_template(admin_url: str, name: str) -> None:
    """Let nobody connect to a template any more: copying needs it unused, and TimescaleDB's workers visit."""
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
        admin.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", (name,))


def drop_database(admin_url: str, name: str) -> None:
    """Remove a database and end whoever is connected to it."""
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def with_database(url: str, name: str) -> str:
    """The same address with another database."""
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def run_folder(root: Path, owner_pid: int) -> Path:
    """A folder for one test run's processes, marked with the process that owns it.

    What earlier runs left under ``root`` because they were killed is ended and deleted first: its records tell
    which processes, and its mark that nobody looks after them any more. One process at a time does this.
    """
    folder = root / str(owner_pid)
    folder.mkdir(parents=True, exist_ok=True)
    owner = processes.identity(owner_pid)
    if owner is None:
        raise StackError(f"the test run's process {owner_pid} is gone")
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (folder / "owner").write_text(f"{owner.pid} {owner.started_ticks}")
        for mark in root.glob("*/owner"):
            pid, ticks = map(int, mark.read_text().split())
            if processes.identity(pid) != Identity(pid, ticks):
                discard(mark.parent)
    return folder


def discard(folder: Path) -> None:
    """End what is recorded in a test run's stack and delete the run's folder."""
    paths = Paths(folder / "stack")
    if paths.run.is_dir():
        processes.end_recorded(paths.run)
    paths.remove()
    shutil.rmtree(folder)
