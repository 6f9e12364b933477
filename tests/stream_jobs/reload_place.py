"""A profile folder that tests change while real workers run on it."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from aiokafka import TopicPartition

from ioc.adapters.kafka import Producer, new_reader, read_to_end
from ioc.adapters.profiles import load_profile, profile_folder
from ioc.domain.alerts import Alert
from ioc.settings import Settings
from ioc.wire import codec
from ioc.wire.topics import Topics
from tests.conftest import Stack
from tests.system import ROOT


class Workers:
    """A copy of the profile that comes along, and the jobs that run on it; each writes a log.

    Args:
        stack: where they run.
        prefix: of their topics.
        folder: for the profile, the logs and the data folder.
        jobs: names.
    """

    def __init__(self, stack: Stack, prefix: str, folder: Path, jobs: Sequence[str]) -> None:
        self.profile = folder / "profile"
        shutil.copytree(profile_folder("dongnai-2023"), self.profile)
        self.topics = Topics(prefix, load_profile("dongnai-2023", with_rules=False).centre_ids)
        self.settings = Settings(
            kafka=stack.kafka, topic_prefix=prefix, data_dir=folder, session_timeout_s=6.0, profile=str(self.profile)
        )
        self.logs = {job: folder / f"{job}.log" for job in jobs}
        self.workers: list[subprocess.Popen[bytes]] = []
        self.start()

    def start(self) -> None:
        environ = {k: v for k, v in os.environ.items() if not k.startswith("IOC_")} | self.settings.to_environ()
        self.workers = [
            subprocess.Popen(
                [sys.executable, "-m", "ioc.cli", "worker", job],
                cwd=ROOT,
                env=environ,
                stdout=log.open("ab"),
                stderr=subprocess.STDOUT,
            )
            for job, log in self.logs.items()
        ]

    def close(self) -> None:
        for worker in self.workers:
            worker.terminate()
        for worker in self.workers:
            worker.wait(30)

    def crash(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait(30)

    def file(self, part: str) -> Path:
        return self.profile / f"{part}.toml"

    def said(self, job: str, words: str) -> bool:
        assert all(worker.poll() is None for worker in self.workers), self.logs[job].read_text()[-2000:]
        return words in self.logs[job].read_text(errors="replace")

    def send(self, topic: str, key: str, value: bytes) -> None:
        """One record; returns after the acknowledgement."""

        async def run() -> None:
            async with Producer(self.settings, self.topics) as producer:
                await producer.send(topic, key.encode(), value)

        asyncio.run(run())

    def newest(self, topic: str) -> dict[str, bytes]:
        """The newest record of each key that is not deleted."""

        async def run() -> dict[str, bytes]:
            reader = new_reader(self.settings.kafka, fetch_max_wait_ms=50)
            await reader.start()
            found: dict[str, bytes] = {}
            try:
                real = self.topics.name(topic)
                places = [TopicPartition(real, p) for p in range(self.topics.partitions(topic))]
                async for record in read_to_end(reader, places):
                    key = (record.key or b"").decode()
                    if record.value is None:
                        found.pop(key, None)
                    else:
                        found[key] = record.value
            finally:
                await reader.stop()
            return found

        return asyncio.run(run())

    def alerts(self) -> list[Alert]:
        """As they stand now."""
        return [codec.decode_alert(value) for key, value in self.newest("alerts").items() if not key.startswith("@")]
