"""``suppression.toml``, ``duty.toml`` and ``incidents.toml`` are changed while real workers run, and over a crash."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition

from ioc.adapters.clock import now_ms
from ioc.adapters.kafka import Producer, new_reader, read_to_end
from ioc.adapters.profiles import load_profile, profile_folder
from ioc.domain.alerts import Alert, Signal, alert_key
from ioc.domain.flood import Flood
from ioc.settings import Settings
from ioc.wire import codec
from ioc.wire.topics import Topics
from tests.conftest import Stack
from tests.system import ROOT, until

pytestmark = pytest.mark.stack

WINDOW = """
[[windows]]
id = "now"
target = { rules = ["congestion"] }
hours = [{ start = "00:00", end = "24:00" }]
why_vi = "Lễ hội"
why_en = "A festival"
"""


class Place:
    """A profile folder of its own, with alerting and desk running on it."""

    def __init__(self, stack: Stack, prefix: str, folder: Path) -> None:
        self.profile = folder / "profile"
        shutil.copytree(profile_folder("dongnai-2023"), self.profile)
        self.topics = Topics(prefix, load_profile("dongnai-2023", with_rules=False).centre_ids)
        self.settings = Settings(
            kafka=stack.kafka, topic_prefix=prefix, data_dir=folder, session_timeout_s=6.0, profile=str(self.profile)
        )
        self.logs = {job: folder / f"{job}.log" for job in ("alerting", "desk")}
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

    def raise_(self, site: str) -> None:
        """Congestion at a place of its own."""
        at_ms = now_ms()
        key = alert_key("congestion", "bien-hoa", site)
        said = Signal(
            key=key, rule="congestion", state="on", centre="bien-hoa", area="731", site=site, feed="traffic",
            type="traffic.flow", priority=3, since_ms=at_ms, observed_ms=at_ms, revision=1,
            title_vi=site, title_en=site,
        )  # fmt: skip

        async def run() -> None:
            async with Producer(self.settings, self.topics) as producer:
                await producer.send("alert-inputs", key.encode(), codec.encode(said))

        asyncio.run(run())

    def newest(self, topic: str) -> dict[str, bytes]:
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

    def alert(self, site: str) -> Alert | None:
        found = [codec.decode_alert(value) for key, value in self.newest("alerts").items() if not key.startswith("@")]
        return next((one for one in found if one.site == site), None)

    def why(self, site: str) -> str:
        found = self.alert(site)
        return "" if found is None or found.explained is None else f"{found.explained.kind} {found.explained.id}"

    def flood(self) -> Flood | None:
        value = self.newest("desk").get("flood")
        return None if value is None else codec.decode_flood(value)


@pytest.fixture
def place(stack: Stack, prefix: str, tmp_path: Path) -> Iterator[Place]:
    made = Place(stack, prefix, tmp_path)
    yield made
    made.close()


def wait(what: str, condition: Any, limit_s: float = 30) -> None:
    until(what, condition, limit_s)


def test_parts_change_under_running_workers_and_a_broken_one_leaves_the_old_one_also_over_a_crash(place: Place) -> None:
    texts = {part: place.file(part).read_text(encoding="utf-8") for part in ("suppression", "duty", "incidents")}
    place.raise_("S-1")
    wait("the alert", lambda: place.alert("S-1") is not None, 60)
    assert place.why("S-1") == ""

    place.file("suppression").write_text(texts["suppression"] + WINDOW, encoding="utf-8")
    wait("the desk takes the window", lambda: place.said("desk", "windows: added now"))
    wait("the window hides", lambda: place.why("S-1") == "window now")

    place.file("suppression").write_text(texts["suppression"] + WINDOW + '\n[[windows]]\nid = "X"\n', encoding="utf-8")
    refused = f"suppression.toml refused, the old one stays: {place.file('suppression')}:"
    wait("the desk refuses", lambda: place.said("desk", refused))
    place.raise_("S-2")
    wait("the old window goes on", lambda: place.why("S-2") == "window now")

    duty = texts["duty"].replace("wait_s = 1800\n", "wait_s = 1\n", 1).replace("realarm_s", "# realarm_s", 1)
    duty = duty.replace('[handover]\nroster = "ban-truc"\n', '[handover]\nroster = "ban-truc"\nrealarm_s = 600\n', 1)
    place.file("duty").write_text(duty, encoding="utf-8")
    place.file("incidents").write_text(texts["incidents"].replace("above = 10", "above = 12", 1), encoding="utf-8")
    wait("the desk takes the chains", lambda: place.said("desk", "chains: changed thuong"))
    wait("alerting takes the time", lambda: place.said("alerting", "handover changed"))
    wait("the desk takes the limit", lambda: place.said("desk", "incidents.toml taken: flood changed"))
    wait("the new limit is shown", lambda: (shown := place.flood()) is not None and shown.above == 12)

    place.file("incidents").write_text(texts["incidents"].replace("above = 10", "above = 0", 1), encoding="utf-8")
    wait("the desk refuses it", lambda: place.said("desk", "incidents.toml refused, the old one stays"))
    place.crash()
    place.start()
    for part in ("suppression", "incidents"):
        started = f"{part}.toml broken, started with the last good one of"
        wait(f"{part}: the start says so", lambda started=started: place.said("desk", started), 60)
    place.raise_("S-3")
    wait("the last good window hides after the crash", lambda: place.why("S-3") == "window now", 60)
    shown = place.flood()
    assert shown is not None
    assert shown.above == 12

    place.file("suppression").write_text(texts["suppression"], encoding="utf-8")
    wait("the mended file is taken", lambda: place.said("desk", "windows: removed now"))
    wait("what it hid is called about by the new chain", lambda: _called(place, "S-1"), 60)
    assert all(place.why(site) == "" for site in ("S-1", "S-2", "S-3"))


def _called(place: Place, site: str) -> bool:
    found = place.alert(site)
    return found is not None and found.summons is not None and found.summons.step == 0
