"""``ioc dlq …`` on a real broker: a mapping is broken, mended, and what it refused goes through, exactly once."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition

from ioc.adapters.clock import now_ms
from ioc.adapters.kafka import Producer, new_reader, read_to_end
from ioc.adapters.profiles import load_profile, profile_folder
from ioc.cli import main
from ioc.domain.events import Event
from ioc.domain.measures import DeadLetter
from ioc.settings import Settings
from ioc.wire import codec, progress
from ioc.wire.topics import Topics
from simulators.formats import encode
from simulators.readings import Reading
from tests.conftest import Stack
from tests.system import ROOT, until

pytestmark = pytest.mark.stack
PROFILE = load_profile("dongnai-2023")
DAY = 86_400_000


def native(id_: str, level_m: float, time_ms: int) -> tuple[bytes, bytes]:
    """A river reading as the centre sends it."""
    reading = Reading(
        centre="bien-hoa",
        feed="hydro",
        site="BIENHOA",
        area="731",
        type="hydro.level",
        time_ms=time_ms,
        seq=1,
        data={"level_m": level_m},
        id=id_,
    )
    return encode(PROFILE, reading)


class Place:
    """One installation: its topics and its intake worker."""

    def __init__(self, stack: Stack, prefix: str, folder: Path) -> None:
        self.topics = Topics(prefix, PROFILE.centre_ids)
        self.settings = Settings(kafka=stack.kafka, topic_prefix=prefix, data_dir=folder, session_timeout_s=6.0)
        self.folder = folder

    @contextmanager
    def intake(self, profile: str) -> Iterator[None]:
        """A worker with this profile, until the block ends."""
        environ = {k: v for k, v in os.environ.items() if not k.startswith("IOC_")}
        environ |= self.settings.to_environ() | {"IOC_PROFILE": profile}
        with (self.folder / "intake.log").open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "ioc.cli", "worker", "intake"], cwd=ROOT, env=environ, stdout=log, stderr=log
            )
        try:
            yield
        finally:
            worker.terminate()
            worker.wait(30)

    def send(self, *values: tuple[bytes, bytes], topic: str = "raw.bien-hoa", partition: int | None = None) -> None:
        async def run() -> None:
            async with Producer(self.settings, self.topics) as producer:
                for key, value in values:
                    await producer.send(topic, key, value, partition=partition)

        asyncio.run(run())

    def read(self, topic: str) -> list[bytes]:
        async def run() -> list[bytes]:
            reader = new_reader(self.settings.kafka, fetch_max_wait_ms=50)
            await reader.start()
            try:
                places = [TopicPartition(self.topics.name(topic), p) for p in range(self.topics.partitions(topic))]
                found = [record async for record in read_to_end(reader, places) if record.key != progress.KEY]
                return [record.value for record in found if record.value is not None]
            finally:
                await reader.stop()

        return asyncio.run(run())

    def events(self) -> list[Event]:
        return [codec.decode_event(value) for value in self.read("events")]


def old_letter(value: bytes, at_ms: int) -> bytes:
    """A dead letter of two days ago whose original is gone from the raw topic; the sample is whole."""
    import base64

    letter = DeadLetter(
        id="raw.bien-hoa/1/900000",
        code="schema",
        path="muc_nuoc",
        detail="is missing",
        centre="bien-hoa",
        topic="raw.bien-hoa",
        partition=1,
        offset=900_000,
        received_ms=at_ms,
        refused_ms=at_ms,
        size_bytes=len(value),
        sha256=sha256(value).hexdigest(),
        key_b64=None,
        sample_b64=base64.b64encode(value).decode(),
    )
    return codec.encode(letter)


def test_a_mended_mapping_and_its_dead_letters(
    stack: Stack, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Place(stack, prefix, tmp_path)
    for name, text in place.settings.to_environ().items():
        monkeypatch.setenv(name, text)

    def ioc(*arguments: str) -> tuple[int, Any]:
        code = main(["dlq", *arguments, "--json"])
        return code, json.loads(capsys.readouterr().out)

    broken = tmp_path / "profile"
    shutil.copytree(profile_folder("dongnai-2023"), broken)
    table = broken / "centres" / "bien-hoa.toml"
    text = table.read_text()
    assert '"muc_nuoc"' in text
    table.write_text(text.replace('"muc_nuoc"', '"muc_nuoc_m"'))

    now = now_ms() // 1000 * 1000  # the format has whole seconds
    good = [native(f"h-{n}", 1.2 + n / 100, now - 1000 * n) for n in range(5)]
    ancient = native("h-old", 1.5, now - 2 * DAY)[1]
    with place.intake(str(broken)):
        place.send(*good, (b"x", b"{not json"))
        place.send((b"raw", old_letter(ancient, now - 2 * DAY + 300)), topic="dead")
        until("the dead letters", lambda: len(place.read("dead")) == 7, 60)
        assert not place.events()

    _, groups = ioc("list", "--summary")
    assert {(row["code"], row["count"]) for row in groups} == {("schema", 6), ("malformed", 1)}
    _, rows = ioc("list", "--reason", "schema", "--limit", "2")
    assert len(rows) == 2
    code, shown = ioc("show", "raw.bien-hoa/1/900000")
    assert (code, shown["offset"]) == (0, 900_000)
    assert main(["dlq", "show", "raw.bien-hoa/9/9"]) == 1

    # Not mended yet: nothing would go through, and nothing is sent.
    monkeypatch.setenv("IOC_PROFILE", str(broken))
    assert ioc("redrive", "--reason", "schema") == (
        1,
        {"kept": 7, "chosen": 6, "dry_run": False, "outcomes": {"refused again, schema": 6}, "sent": 0},
    )
    monkeypatch.delenv("IOC_PROFILE")

    assert ioc("redrive", "--all", "--dry-run") == (
        1,
        {
            "kept": 7,
            "chosen": 7,
            "dry_run": True,
            "outcomes": {"good": 6, "refused again, malformed": 1},
            "sent": 0,
        },
    )
    assert ioc("redrive", "--id", "raw.bien-hoa/1/900000", "--from", "1h")[1]["chosen"] == 0

    with place.intake("dongnai-2023"):
        for _ in range(2):
            code, said = ioc("redrive", "--reason", "schema", "--centre", "bien-hoa", "--from", "7d", "--to", "0s")
            assert (code, said["sent"]) == (0, 6)
        for partition in range(place.topics.partitions("raw.bien-hoa")):
            place.send(native(f"marker-{partition}", 1.0, now), partition=partition)
        markers = {f"marker-{partition}" for partition in range(4)}
        until("the markers", lambda: markers <= {event.id for event in place.events()}, 60)

    events = {event.id: event for event in place.events()}
    counts = Counter(event.id for event in place.events())
    assert counts == Counter({id_: 1 for id_ in [*(f"h-{n}" for n in range(5)), "h-old", *markers]})
    assert events["h-old"].recorded_ms - events["h-old"].time_ms > DAY
    assert len(place.read("dead")) == 7


def test_a_choice_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dlq", "redrive"]) == 2
    assert "--reason" in capsys.readouterr().err
    assert main(["dlq", "redrive", "--from", "yesterday"]) == 2
    assert "'yesterday'" in capsys.readouterr().err
