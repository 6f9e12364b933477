"""The recorder as a real process, and a log for it to read."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from ioc.adapters.kafka import new_producer
from ioc.settings import Settings
from ioc.wire.topics import Topics
from tests.samples import alert_record, event_record, log_record

ROOT = Path(__file__).resolve().parents[2]
_MAIN = (
    "import os, sys; from ioc.settings import Settings; from ioc.adapters.recorder_loop import run_recorder;"
    " sys.exit(run_recorder(Settings.from_environ(os.environ)))"
)


def until(what: str, condition: Callable[[], Any], limit_s: float = 30.0) -> Any:
    """Wait for something true; say what was missing when it does not come."""
    deadline_s = time.monotonic() + limit_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline_s, f"{what}: not within {limit_s} s"
        time.sleep(0.03)


class RecorderProcess:
    """One recorder process; its log is kept in ``log``."""

    def __init__(self, log: Path, kafka: str, database_url: str, prefix: str, **more: str) -> None:
        environ = {k: v for k, v in os.environ.items() if not k.startswith("IOC_")}
        environ |= {"IOC_KAFKA": kafka, "IOC_DATABASE_URL": database_url, "IOC_TOPIC_PREFIX": prefix}
        environ |= {"IOC_DATA_DIR": str(log.parent)}  # the anchors of a test's chain are no others'
        environ |= more
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _MAIN], cwd=ROOT, env=environ, stdout=output, stderr=output
            )

    def is_writer(self) -> bool:
        """Whether it has said that it writes."""
        assert self.process.poll() is None, self.log.read_text()
        return "is the writer now" in self.log.read_text()

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """``kill -9``."""
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.send(signal.SIGTERM)
        return self.process.wait(20)

    def rss_mb(self) -> float:
        """Resident memory, MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        [line] = [line for line in status.splitlines() if line.startswith("VmRSS")]
        return int(line.split()[1]) / 1024


@contextmanager
def recorders(folder: Path, kafka: str, database_url: str, prefix: str) -> Iterator[Callable[..., RecorderProcess]]:
    """Gives a function that starts recorders, with more settings; what still runs at the end is killed."""
    started: list[RecorderProcess] = []

    def start(**more: str) -> RecorderProcess:
        started.append(RecorderProcess(folder / f"recorder{len(started)}.log", kafka, database_url, prefix, **more))
        return started[-1]

    try:
        yield start
    finally:
        for one in started:
            if one.process.poll() is None:
                one.kill()


async def fill(kafka: str, prefix: str, first: int, n: int, *, alert: str = "A-1") -> None:
    """Write as the jobs do: transactions over several topics, every fifth aborted, some events twice.

    Events ``e<first> … e<first+n-1>`` are committed; ids that begin with ``aborted`` must never be seen.
    """
    topics = Topics(prefix, ())
    producer = new_producer(
        Settings(kafka=kafka), transactional_id=f"{prefix}fill-{first}", linger_ms=2, transaction_timeout_ms=10_000
    )
    await producer.start()

    async def send(topic: str, key: str, value: bytes) -> None:
        place = topics.partition(topic, key.encode())
        await producer.send(topics.name(topic), value, key.encode(), partition=place)

    try:
        for turn, start in enumerate(range(first, first + n, 100)):
            ids = range(start, min(start + 100, first + n))
            await producer.begin_transaction()
            for i in ids:
                await send("events", f"k{i % 40}", event_record(f"e{i}"))
                if i % 10 == 0:
                    await send("events", f"k{i % 40}", event_record(f"e{i}"))
            await send("alerts", alert, alert_record(alert, turn + 1))
            await send("alerts", "@position", b"17")
            await send("alert-log", alert, log_record(f"L-{alert}-{turn}", alert))
            await producer.commit_transaction()
            if turn % 5 == 0:
                await producer.begin_transaction()
                await send("events", "k1", event_record(f"aborted{start}"))
                await producer.abort_transaction()
    finally:
        await producer.stop()


def stored_ids(url: str) -> list[str]:
    """Ids of all stored events, a row each."""
    with psycopg.connect(url) as conn:
        return [i for (i,) in conn.execute("SELECT id FROM event").fetchall()]


def stored(url: str) -> int:
    """Stored events."""
    with psycopg.connect(url) as conn:
        row = conn.execute("SELECT count(*) FROM event").fetchone()
    return int(row[0]) if row else 0


def expected_ids(n: int, first: int = 0) -> Sequence[str]:
    """What :func:`fill` committed, sorted as text."""
    return sorted(f"e{i}" for i in range(first, first + n))
