"""The rule file is changed while real workers run: a broken one is refused, a good one is taken, state is kept."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import TopicPartition

from ioc.adapters.clock import now_ms
from ioc.adapters.kafka import Producer, new_reader, read_to_end
from ioc.adapters.profiles import load_profile, profile_folder
from ioc.domain.alerts import Alert
from ioc.domain.times import rfc3339
from ioc.settings import Settings
from ioc.wire import codec
from ioc.wire.topics import Topics
from tests.conftest import Stack
from tests.system import ROOT, until

pytestmark = pytest.mark.stack


class Place:
    """A profile folder of its own, with detect and alerting running on it."""

    def __init__(self, stack: Stack, prefix: str, folder: Path) -> None:
        self.profile = folder / "profile"
        shutil.copytree(profile_folder("dongnai-2023"), self.profile)
        self.rules = self.profile / "rules.toml"
        self.topics = Topics(prefix, load_profile("dongnai-2023").centre_ids)
        self.settings = Settings(
            kafka=stack.kafka,
            topic_prefix=prefix,
            data_dir=folder,
            session_timeout_s=6.0,
            profile=str(self.profile),
        )
        self.logs = {job: folder / f"{job}.log" for job in ("detect", "alerting")}
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

    def send(self, level_m: float) -> None:
        at_ms = now_ms()
        value = (
            f'{{"specversion":"1.0","id":"r-{at_ms}","source":"/bien-hoa/hydro/BIENHOA","type":"hydro.level",'
            f'"subject":"731","time":"{rfc3339(at_ms)}","recordedtime":"{rfc3339(at_ms)}","centre":"bien-hoa",'
            f'"area":"731","feed":"hydro","datacontenttype":"application/json","data":{{"level_m":{level_m}}}}}'
        ).encode()

        async def run() -> None:
            async with Producer(self.settings, self.topics) as producer:
                await producer.send("events", b"bien-hoa/731/hydro", value)

        asyncio.run(run())

    def alerts(self) -> dict[str, Alert]:
        """The newest state of each alert about the river."""

        async def run() -> dict[str, Alert]:
            reader = new_reader(self.settings.kafka, fetch_max_wait_ms=50)
            await reader.start()
            found = {}
            try:
                places = [TopicPartition(self.topics.name("alerts"), p) for p in range(6)]
                async for record in read_to_end(reader, places):
                    if record.value is not None and not (record.key or b"@").startswith(b"@"):
                        alert = codec.decode_alert(record.value)
                        if alert.rule.startswith("hydro"):
                            found[alert.id] = alert
            finally:
                await reader.stop()
            return found

        return asyncio.run(run())

    def said(self, job: str, words: str) -> bool:
        assert all(worker.poll() is None for worker in self.workers), self.logs[job].read_text()[-2000:]
        return words in self.logs[job].read_text(errors="replace")


@pytest.fixture
def place(stack: Stack, prefix: str, tmp_path: Path) -> Iterator[Place]:
    made = Place(stack, prefix, tmp_path)
    yield made
    made.close()


def test_rules_change_under_running_workers(place: Place) -> None:
    text = place.rules.read_text(encoding="utf-8")
    place.send(1.9)
    alerts = until("the alert", place.alerts, 60)
    [first] = alerts.values()
    assert (first.active, first.level, first.priority) == (True, "BĐ1", 3)

    broken = text.replace("off_delay_s = 600", "off_delay_s = -1", 1)
    place.rules.write_text(broken, encoding="utf-8")
    for job in place.logs:
        until(f"{job} refuses", lambda job=job: place.said(job, f"the old ones stay: {place.rules}:"), 20)  # type: ignore[misc]
    place.send(2.05)
    until("the old rules go on", lambda: place.alerts()[first.id].level == "BĐ2", 20)

    kept = text.replace('id = "hydro-level"', 'id = "hydro-stage"', 1)
    place.rules.write_text(kept, encoding="utf-8")
    until("detect takes them", lambda: place.said("detect", "added hydro-stage; removed hydro-level"), 20)
    until("the old alert ends", lambda: not place.alerts()[first.id].active, 20)
    assert place.alerts()[first.id].reason == "RULE_REMOVED"
    place.send(1.95)
    until("the new rule raises", lambda: len(place.alerts()) == 2, 20)
    [second] = [alert for alert in place.alerts().values() if alert.id != first.id]
    assert (second.rule, second.level, second.active) == ("hydro-stage", "BĐ1", True)


def test_a_crash_with_a_broken_rule_file_goes_on_with_the_last_good_rules(place: Place) -> None:
    text = place.rules.read_text(encoding="utf-8")
    place.send(1.9)
    until("the alert", place.alerts, 60)
    # The newest good rules are another's than those of the first start.
    place.rules.write_text(text.replace('id = "hydro-level"', 'id = "hydro-stage"', 1), encoding="utf-8")
    for job in place.logs:
        until(f"{job} takes them", lambda job=job: place.said(job, "added hydro-stage; removed hydro-level"), 20)  # type: ignore[misc]
    place.send(1.95)
    until("the new rule raises", lambda: len(place.alerts()) == 2, 20)

    place.rules.write_text(text.replace("off_delay_s = 600", "off_delay_s = -1", 1), encoding="utf-8")
    place.crash()
    place.start()
    for job in place.logs:
        until(f"{job} says so", lambda job=job: place.said(job, f"toml: {place.rules}:"), 20)  # type: ignore[misc]
        assert "rules broken, started with the last good ones" in place.logs[job].read_text(errors="replace")
    place.send(2.1)

    def levels() -> set[tuple[str, str]]:
        return {(alert.rule, alert.level) for alert in place.alerts().values() if alert.active}

    until("the last good rules judge", lambda: levels() == {("hydro-stage", "BĐ2")}, 60)

    place.rules.write_text(text, encoding="utf-8")
    until("the mended file is taken", lambda: place.said("detect", "added hydro-level; removed hydro-stage"), 20)
