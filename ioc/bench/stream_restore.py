"""``ioc bench restore``: how long a restarted ``detect`` needs to have its state back, and to go on after ``kill -9``.

The state is real: the step itself made it from calls of that many kinds, one object and one key each, over all
partitions. Then a worker is started, killed while events flow, and started again at once, under the same instance name
(as ``ioc up`` does) and under none (a new machine: the dead member's session has to end first).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from aiokafka import TopicPartition
from msgspec import Struct, json, structs

from ioc.adapters.clock import monotonic_s, now_ms
from ioc.adapters.kafka import Producer, log_ranges, new_producer, new_reader
from ioc.adapters.profiles import load_profile, profile_folder
from ioc.bench.stream import machine, own_broker
from ioc.bench.stream_kafka import delete_topics, make_topics, own_prefix
from ioc.bench.stream_made import Text
from ioc.bench.stream_runs import RunFailed, log_tail
from ioc.domain.profile import Profile
from ioc.pipeline.board import OBJECTS_MAX
from ioc.pipeline.detect import DetectPartition
from ioc.pipeline.effects import InRecord
from ioc.pipeline.heads import ORDER_QUIET_MS
from ioc.settings import Settings
from ioc.wire.topics import Topics

TOPIC = "checkpoints.detect"
LIMIT_S = 90.0
TRICKLE_S = 0.05
CHUNK = 1_000


class Resumed(Struct, frozen=True, kw_only=True):
    """Seconds from ``kill -9`` to the first transaction of the next process."""

    same_instance_s: float
    new_instance_s: float


class Result(Struct, frozen=True, kw_only=True):
    """What is reported; ``restore`` as :class:`stream_jobs.measure.restore.Restore` says it."""

    machine: dict[str, str]
    session_timeout_s: float
    keys: int
    bytes: int
    restore: dict[str, Any]
    resumed: Resumed


async def run(keys: int, kafka: str, settings: Settings, profile: Profile) -> Result:
    """Make the state, restore it, kill and resume twice.

    Raises:
        RunFailed: a worker ended or did not go on within 90 s.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ioc-bench-")))
        topics = Topics(own_prefix(), profile.centre_ids)
        rules = 1 + (keys - 1) // (topics.partitions(TOPIC) * OBJECTS_MAX)
        profile = with_rules(settings.profile, folder / "profile", rules)
        own = structs.replace(
            settings,
            profile=str(folder / "profile"),
            kafka=kafka or await own_broker(stack, folder),
            topic_prefix=topics.prefix,
            data_dir=folder,
            log_level="warning",
        )
        try:
            await make_topics(own, topics)
            size = await _store(own, topics, profile, keys)
            async with Workers(own, folder) as workers:
                worker, restore = await workers.start("a")
                if restore["keys"] < keys:
                    raise RunFailed(f"{restore['keys']} keys came back of {keys}")
                flow = asyncio.create_task(_trickle(own, topics, profile))
                try:
                    await _next_transaction(own, topics)
                    same_s = await _killed(workers, worker, "a", own, topics)
                    new_s = await _killed(workers, workers.latest, "", own, topics)
                finally:
                    flow.cancel()
                    await asyncio.gather(flow, return_exceptions=True)
        finally:
            if kafka:
                await delete_topics(own, own.topic_prefix)
        return Result(
            machine=machine(-1),
            session_timeout_s=own.session_timeout_s,
            keys=keys,
            bytes=size,
            restore=restore,
            resumed=Resumed(same_instance_s=same_s, new_instance_s=new_s),
        )


def with_rules(name: str, folder: Path, count: int) -> Profile:
    """The profile of the settings with as many rules about calls as it takes: each keeps ``OBJECTS_MAX`` objects."""
    shutil.copytree(profile_folder(name), folder)
    words = "\n".join(f'{key} = "call"' for key in ("name_vi", "name_en", "title_vi", "title_en"))
    head = f'kind = "occurrence"\ntype = "emergency.call"\ngroup = "emergency"\npriority = 3\n{words}\n'
    rules = (f'[[rules]]\nid = "calls-{n}"\n{head}hold_s = 900\nobject = ["kind"]\n' for n in range(count))
    for name in ("suppression.toml", "incidents.toml"):  # they name rules that this profile does not have
        (folder / name).unlink(missing_ok=True)
    (folder / "rules.toml").write_text("\n".join(rules), encoding="utf-8")
    return load_profile(str(folder))


class Workers:
    """Worker processes of this measurement."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings, self._folder = settings, folder
        self._all: list[asyncio.subprocess.Process] = []

    async def __aenter__(self) -> Workers:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        for process in self._all:
            if process.returncode is None:
                process.kill()
                await process.wait()

    @property
    def latest(self) -> asyncio.subprocess.Process:
        """The one started last."""
        return self._all[-1]

    async def spawn(self, instance: str) -> asyncio.subprocess.Process:
        """Start one; it is not ready yet."""
        task = {
            "kind": "restore",
            "job": "detect",
            "sink": "kafka",
            "inputs": self._settings.topic_prefix,
            "records": 0,
            "core": -1,
            "folder": str(self._folder),
            "instance": instance,
        }
        environ = {k: v for k, v in os.environ.items() if not k.startswith("IOC_")} | self._settings.to_environ()
        with (self._folder / f"log-{len(self._all)}").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "stream_jobs.measure", json.encode(task).decode()),
                env=environ,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        self._all.append(process)
        return process

    async def start(self, instance: str) -> tuple[asyncio.subprocess.Process, dict[str, Any]]:
        """Start one and wait until it owns everything; also its figures."""
        process = await self.spawn(instance)
        assert process.stdout is not None
        try:
            line = await asyncio.wait_for(process.stdout.readline(), LIMIT_S)
        except TimeoutError:
            line = b""
        if not line:
            raise RunFailed(
                f"the worker is not ready; its log:\n{log_tail(self._folder / f'log-{len(self._all) - 1}')}"
            )
        return process, json.decode(line)


def state(profile: Profile, partition: int, keys: int) -> Iterator[tuple[str, bytes | None]]:
    """Checkpoint rows of one partition with at least ``keys`` objects, made by the step from calls."""
    step, text, at_ms = DetectPartition(profile, partition), Text(), now_ms()
    centre, area, feed, site = next(
        (centre.id, site.area, feed.id, site.id)
        for centre in profile.centres
        for feed in centre.feeds
        if "emergency.call" in feed.types
        for site in centre.sites
        if site.feed == feed.id
    )
    key, moment = f"{centre}/{area}/{feed}".encode(), text(at_ms)
    calls = -(-keys // len(profile.rules))  # each is an object of every rule
    for first in range(0, calls, CHUNK):
        records = [
            InRecord(
                i,
                at_ms,
                key,
                (
                    f'{{"specversion":"1.0","id":"r{partition}-{i}","source":"/{centre}/{feed}/{site}",'
                    f'"type":"emergency.call","subject":"{area}","time":"{moment}","recordedtime":"{moment}",'
                    f'"centre":"{centre}","area":"{area}","feed":"{feed}","data":{{"number":"114",'
                    f'"kind":"k{partition}-{i}"}}}}'
                ).encode(),
            )
            for i in range(first, min(first + CHUNK, calls))
        ]
        step.step(records, at_ms)
    step.tick(at_ms + 2 * ORDER_QUIET_MS)  # nothing waits for its turn any more
    yield from step.take_dirty()


async def _store(settings: Settings, topics: Topics, profile: Profile, keys: int) -> int:
    """Write the state as a worker would; the bytes of its keys and values."""
    producer = new_producer(settings)
    await producer.start()
    size = 0
    try:
        partitions = topics.partitions(TOPIC)
        for partition in range(partitions):
            part = keys // partitions + (partition < keys % partitions)
            rows = [(f"events|{key}".encode(), value) for key, value in state(profile, partition, part)]
            rows.append((b"events|@position", b"0"))
            sent = []
            batch = producer.create_batch()
            for key, value in rows:
                size += len(key) + len(value or b"")
                if batch.append(key=key, value=value, timestamp=now_ms()) is None:
                    sent.append(await producer.send_batch(batch, topics.name(TOPIC), partition=partition))
                    batch = producer.create_batch()
                    batch.append(key=key, value=value, timestamp=now_ms())
            sent.append(await producer.send_batch(batch, topics.name(TOPIC), partition=partition))
            await asyncio.gather(*sent)
    finally:
        await producer.stop()
    return size


async def _trickle(settings: Settings, topics: Topics, profile: Profile) -> None:
    """An event every 50 ms of a feed that the killed worker owns."""
    text, number = Text(), 0
    centre = profile.centres[0]
    feed = next(feed for feed in centre.feeds if "traffic.flow" in feed.types)
    site = next(site for site in centre.sites if site.feed == feed.id)
    async with Producer(settings, topics) as producer:
        while True:
            moment = text(now_ms())
            value = (
                f'{{"specversion":"1.0","id":"t{number}","source":"/{centre.id}/{feed.id}/{site.id}","type":"traffic.flow",'
                f'"subject":"{site.area}","time":"{moment}","recordedtime":"{moment}","centre":"{centre.id}",'
                f'"area":"{site.area}","feed":"{feed.id}","data":{{"intensity_veh_h":600,"speed_km_h":40}}}}'
            ).encode()
            await producer.send("events", f"{centre.id}/{site.area}/{feed.id}".encode(), value)
            number += 1
            await asyncio.sleep(TRICKLE_S)


async def _killed(
    workers: Workers, worker: asyncio.subprocess.Process, instance: str, settings: Settings, topics: Topics
) -> float:
    """Kill the worker, start the next at once; seconds until a transaction of the next one is visible."""
    worker.kill()
    began_s = monotonic_s()
    await worker.wait()
    next_one = asyncio.create_task(workers.start(instance))
    try:
        await _next_transaction(settings, topics)
        took_s = monotonic_s() - began_s
        await next_one
    finally:
        next_one.cancel()
        await asyncio.gather(next_one, return_exceptions=True)
    return took_s


async def _next_transaction(settings: Settings, topics: Topics) -> None:
    """Wait until a position is committed that was not there at the call."""
    places = [TopicPartition(topics.name(TOPIC), p) for p in range(topics.partitions(TOPIC))]
    # The high watermark: a transaction that the killed worker had open counts for nobody.
    ends = await log_ranges(settings.kafka, places, isolation_level="read_uncommitted")
    reader = new_reader(settings.kafka, fetch_max_wait_ms=20)
    await reader.start()
    try:
        reader.assign(places)
        for place, part in ends.items():
            reader.seek(place, part.end)
        deadline_s = monotonic_s() + LIMIT_S
        while monotonic_s() < deadline_s:
            for records in (await reader.getmany(timeout_ms=50)).values():
                if any((record.key or b"").endswith(b"|@position") for record in records):
                    return
    finally:
        await reader.stop()
    raise RunFailed(f"no transaction within {LIMIT_S:g} s")
