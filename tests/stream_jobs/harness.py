"""Worker processes, load and log reading for the tests on a real broker."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord

from ioc.adapters.kafka import Producer, ensure_topics, log_ranges, new_reader, read_to_end
from ioc.settings import Settings
from ioc.wire import progress
from ioc.wire.topics import RAW_PARTITIONS, Topics
from stream_jobs.checkpoint import Layout, Restored
from tests.stream_jobs.broker_view import open_transactions
from tests.stream_jobs.toy import DEAD, NOTICE, OUT, Log, decode_tally, encode
from tests.stream_jobs.toy_worker import CENTRES

ROOT = Path(__file__).resolve().parents[2]
SESSION_S = 6.0
POISON_SHARE = 0.02


class Bench:
    """One installation, of the toy job as a rule: its topics, its workers, its logs."""

    def __init__(self, kafka: str, prefix: str, folder: Path, centres: Sequence[str] = CENTRES) -> None:
        self.kafka, self.folder = kafka, folder
        self.topics = Topics(prefix, centres)
        self.settings = Settings(kafka=kafka, topic_prefix=prefix, data_dir=folder, session_timeout_s=SESSION_S)
        self.workers: list[Worker] = []

    @property
    def sources(self) -> list[tuple[str, int]]:
        """Logical input topics and their partitions."""
        return [(raw, p) for raw in self.topics.raw.values() for p in range(RAW_PARTITIONS)]

    async def make_topics(self) -> None:
        await ensure_topics(self.kafka, self.topics.specs.values(), self.topics.prefix)

    def worker(self, **environ: str) -> Worker:
        """Start one more worker process."""
        worker = Worker(f"w{len(self.workers)}", self.settings, self.folder, environ)
        self.workers.append(worker)
        return worker.start()

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()

    async def produce(self, count: int, seed: int, rate_s: float = 0.0, keys: int = 40) -> None:
        """``count`` items to all raw topics, 2 % of them poison; waits for every acknowledgement."""
        rnd = random.Random(seed)
        pending: set[asyncio.Task[Any]] = set()
        async with Producer(self.settings, self.topics, linger_ms=2) as producer:
            began = time.monotonic()
            for i in range(count):
                raw = rnd.choice(list(self.topics.raw.values()))
                key = f"k{rnd.randrange(keys)}".encode()
                value = b"{poison" if rnd.random() < POISON_SHARE else encode({"v": rnd.randrange(1000)})
                pending.add(asyncio.create_task(producer.send(raw, key, value)))
                if rate_s:
                    await asyncio.sleep(max(0.0, began + (i + 1) / rate_s - time.monotonic()))
                elif len(pending) >= 500:
                    await asyncio.gather(*pending)
                    pending.clear()
            await asyncio.gather(*pending)

    async def read(
        self, *logical: str, isolation_level: str = "read_committed", private: bool = False
    ) -> list[ConsumerRecord[Any, Any]]:
        """Everything in these topics, without what intake says of itself between the events."""
        reader = new_reader(self.kafka, fetch_max_wait_ms=50, isolation_level=isolation_level)
        await reader.start()
        try:
            parts = [
                TopicPartition(self.topics.name(name), p)
                for name in logical
                for p in range(self.topics.partitions(name))
            ]
            found = [record async for record in read_to_end(reader, parts)]
        finally:
            await reader.stop()
        return [record for record in found if private or record.key != progress.KEY]

    async def restored(self) -> dict[str, Restored]:
        """The checkpoint as a new owner would see it, per source."""
        layout = Layout(
            self.topics.name("checkpoints.intake"), {self.topics.name(raw): f"{raw}|" for raw, _ in self.sources}
        )
        found = {f"{raw}/{p}": Restored() for raw, p in self.sources}
        for record in await self.read("checkpoints.intake"):
            owner = layout.split(record.key)
            assert owner is not None, record.key
            found[f"{self.logical(owner[0])}/{record.partition}"].apply(owner[1], record.value)
        return found

    def logical(self, real: str) -> str:
        return real.removeprefix(self.topics.prefix)

    async def log(self) -> Log:
        """All that the checker wants."""
        inputs: dict[str, list[tuple[int, str, bytes]]] = {}
        for record in await self.read(*self.topics.raw.values()):
            source = f"{self.logical(record.topic)}/{record.partition}"
            inputs.setdefault(source, []).append((record.offset, record.key.decode(), record.value))
        outputs = await self.read(OUT)
        restored = await self.restored()
        return Log(
            inputs=inputs,
            outputs=[decode_tally(r.value) for r in outputs],
            output_keys=[r.key.decode() for r in outputs],
            dead=[decode_json(r.value) for r in await self.read(DEAD)],
            state={source: {k: decode_tally(v) for k, v in r.state.items()} for source, r in restored.items()},
            positions={source: r.position for source, r in restored.items()},
        )

    async def processed(self, limit_s: float = 60.0) -> None:
        """Wait until the checkpoint holds everything that is in the inputs; restart workers that left meanwhile."""
        reader = new_reader(self.kafka)
        await reader.start()
        try:
            ends = await reader.end_offsets([TopicPartition(self.topics.name(raw), p) for raw, p in self.sources])
        finally:
            await reader.stop()

        async def done() -> bool:
            self.supervise()
            restored = await self.restored()
            return all(restored[f"{self.logical(tp.topic)}/{tp.partition}"].position >= end for tp, end in ends.items())

        await until(done, "everything processed", limit_s, 0.3)
        await self.visible()

    async def visible(self, *logical: str, limit_s: float = 90.0) -> None:
        """Wait until readers see what is committed: the broker ends a transaction partition by partition, and after its
        restart the outputs may follow the checkpoint by seconds. A worker that leaves meanwhile is started again, as
        always: its successor ends what it left open. The limit is longer than the broker lets a transaction stand
        open; more than ten seconds are worth a warning."""
        began_s = time.monotonic()
        places = [
            TopicPartition(self.topics.name(name), p)
            for name in logical or (OUT, DEAD, NOTICE)
            for p in range(self.topics.partitions(name))
        ]
        written = await log_ranges(self.kafka, places, isolation_level="read_uncommitted")

        async def hidden() -> list[str]:
            stable = await log_ranges(self.kafka, places)
            return [
                f"{tp.topic}/{tp.partition} {stable[tp].end} of {found.end}"
                for tp, found in written.items()
                if stable[tp].end < found.end
            ]

        async def seen() -> bool:
            self.supervise()
            return not await hidden()

        try:
            await until(seen, "what is written is committed", limit_s, 0.2)
        except AssertionError as exc:
            codes = {worker.name: worker.codes for worker in self.workers}
            stuck, transactions = await hidden(), await open_transactions(self.kafka)
            raise AssertionError(f"{exc}; hidden: {stuck}; open: {transactions}; exit codes: {codes}") from None
        if (took_s := time.monotonic() - began_s) > 10:
            warnings.warn(f"what was written was committed after {took_s:.1f} s only", stacklevel=2)

    def supervise(self) -> None:
        """Start again what left by itself."""
        for worker in self.workers:
            if worker.wanted and worker.process.poll() is not None:
                worker.codes.append(worker.process.returncode)
                worker.start()

    async def notices(self) -> list[str]:
        """Sources whose clock ticked, in the order of the log."""
        return [r.key.decode() for r in await self.read(NOTICE)]


def decode_json(value: bytes) -> dict[str, Any]:
    import json

    found: dict[str, Any] = json.loads(value)
    return found


class Worker:
    """One process of the toy job, or of another module's."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        folder: Path,
        environ: dict[str, str],
        module: Sequence[str] = ("tests.stream_jobs.toy_worker",),
    ) -> None:
        self.name, self.log_file, self.module = name, folder / f"{name}.log", module
        self.environ = {
            **{k: v for k, v in os.environ.items() if not k.startswith("IOC_")},
            "IOC_KAFKA": settings.kafka,
            "IOC_TOPIC_PREFIX": settings.topic_prefix,
            "IOC_DATA_DIR": str(settings.data_dir),
            "IOC_PROFILE": settings.profile,
            "IOC_FLUSH_S": str(settings.flush_s),
            "IOC_SESSION_TIMEOUT_S": str(settings.session_timeout_s),
            **environ,
        }
        self.codes: list[int] = []
        self.wanted = False

    def start(self) -> Worker:
        self.wanted = True
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *self.module],
                cwd=ROOT,
                env=self.environ,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """kill -9, and do not start it again."""
        self.wanted = False
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.wanted = False
        self.signal(signal.SIGTERM)
        return await asyncio.to_thread(self.process.wait, 30)

    async def exit_code(self, limit_s: float) -> int:
        return await asyncio.to_thread(self.process.wait, limit_s)

    @property
    def stopped(self) -> bool:
        """Was it stopped by SIGSTOP?"""
        return Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"

    @property
    def text(self) -> str:
        return self.log_file.read_text(errors="replace")

    @property
    def sources(self) -> set[str]:
        """What it took over in its newest life that got so far; to be asked while no partition moves."""
        lines, last = self.text.splitlines(), set[str]()
        for number, line in enumerate(lines):
            if line.startswith("took "):
                before = number and lines[number - 1].startswith("took ")
                last = (last if before else set()) | {line.removeprefix("took ")}
        return last

    async def owns(self, partitions: int, limit_s: float = 30.0) -> None:
        """Wait until its newest take-over was of so many partitions."""

        async def enough() -> bool:
            assert self.process.poll() is None, self.text[-2000:]
            lines = [line for line in self.text.splitlines() if " more partitions in generation " in line]
            return bool(lines) and f"owns {partitions} more" in lines[-1]

        await until(enough, f"{self.name} owns {partitions} partitions\n{self.text[-1500:]}", limit_s, 0.1)


async def until(condition: Callable[[], Awaitable[bool]], what: str, limit_s: float, pause_s: float = 0.1) -> None:
    """Wait for a condition with a limit."""
    deadline = time.monotonic() + limit_s
    while not await condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {limit_s:g} s: {what}")
        await asyncio.sleep(pause_s)


def assert_exact(problems: Sequence[str], workers: Sequence[Worker]) -> None:
    """No problem; otherwise the first ten and the ends of the workers' logs."""
    tails = "\n".join(f"--- {w.name} {w.codes}\n{w.text[-800:]}" for w in workers)
    assert not problems, "\n".join(problems[:10]) + f"\n{len(problems)} problems\n{tails}"
