"""Times a process from inside, from the moment it is ready to the end of the last write.

A *gate* holds the first fetch back until start-up is over (connections, partitions, state), so that neither the
figures of time nor those of CPU hold any of it. The process is measured as a whole: all its threads, also those that
fetch and unpack while the step works.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from aiokafka.consumer.fetcher import Fetcher
from msgspec import Struct, json, msgpack

from ioc.pipeline.effects import Effects, Record, Step
from stream_jobs.checkpoint import POSITION
from stream_jobs.perform import Rows, Transact

GATE_POLL_S = 0.05
TELL_EVERY_S = 0.2  # progress for the reading process


class Figures(Struct, kw_only=True):
    """What one run measured. Times of a step are per fetched chunk, times of a flush per transaction."""

    records: int
    wall_s: float
    cpu_s: float
    step_cpu_s: float
    rss_max_mb: float
    step_ms: list[float]
    flush_ms: list[float]
    emits: int
    state_rows: int
    collections: int
    ready_s: float


class Meter:
    """Counts records until all ``expected`` are written (or only applied, when there is nothing to write)."""

    def __init__(self, expected: int, report: Path) -> None:
        self.expected, self._report = expected, report
        self._born_s = time.monotonic()
        self._began_s = self._began_cpu_s = 0.0
        self._began_collections = 0
        self.applied = 0
        self._written: dict[str, int] = {}  # position of each input partition, as it was last written
        self._step_ms: list[float] = []
        self._step_cpu_s = 0.0
        self._flush_ms: list[float] = []
        self._emits = self._state_rows = 0
        self._told_s = 0.0
        self.done = False

    # -- the gate -----------------------------------------------------------------------------------------------

    def hold_fetches(self, topics: set[str], ready: Callable[[], bool]) -> None:
        """Let nobody fetch records of these topics before ``ready()``; then the clock starts."""
        fetch = Fetcher.fetched_records

        async def fetched_records(
            fetcher: Any, partitions: Any, timeout: float = 0, max_records: int | None = None
        ) -> Any:
            if not self._began_s and (not partitions or any(tp.topic in topics for tp in partitions)):
                if not ready():
                    await asyncio.sleep(GATE_POLL_S)
                    return {}
                self.begin()
            return await fetch(fetcher, partitions, timeout, max_records)

        Fetcher.fetched_records = fetched_records

    def begin(self) -> None:
        """Start-up is over."""
        self._began_collections = sum(generation["collections"] for generation in gc.get_stats())
        self._began_s, self._began_cpu_s = time.monotonic(), time.process_time()

    # -- what happens -------------------------------------------------------------------------------------------

    def stepped(self, records: int, took_s: float, cpu_s: float) -> None:
        """A chunk was applied."""
        self.applied += records
        self._step_cpu_s += cpu_s
        self._step_ms.append(took_s * 1000)
        now_s = time.monotonic()
        if now_s - self._told_s >= TELL_EVERY_S:
            self._told_s = now_s
            print(f"p {self.applied}", flush=True)

    def wrote(self, tp: tuple[str, int], position: int, rows: Rows, took_s: float) -> None:
        """The effects of an input partition up to ``position`` are in the outputs."""
        self._written[f"{tp[0]}/{tp[1]}"] = position
        self._flush_ms.append(took_s * 1000)
        if not self.done:
            state = sum(len(part) for (topic, _), part in rows.items() if "checkpoints." in topic)
            self._state_rows += state
            self._emits += sum(map(len, rows.values())) - state
        self.look()

    def look(self) -> None:
        """Is everything done?"""
        if not self.done and sum(self._written.values()) >= self.expected:
            self.finish()

    def finish(self) -> None:
        """Take the figures and write the report."""
        if self.done:
            return
        self.done = True
        wall_s, cpu_s = time.monotonic() - self._began_s, time.process_time() - self._began_cpu_s
        collections = sum(generation["collections"] for generation in gc.get_stats()) - self._began_collections
        figures = Figures(
            records=self.applied,
            wall_s=wall_s,
            cpu_s=cpu_s,
            step_cpu_s=self._step_cpu_s,
            rss_max_mb=resident_max_mb(),
            step_ms=self._step_ms,
            flush_ms=self._flush_ms,
            emits=self._emits,
            state_rows=self._state_rows,
            collections=collections,
            ready_s=self._began_s - self._born_s,
        )
        replace(self._report, json.encode(figures))
        print(f"p {self.applied}\ndone", flush=True)


class MeteredStep:
    """A step that tells the meter how long each chunk took."""

    def __init__(self, inner: Step, meter: Meter) -> None:
        self._inner, self._meter = inner, meter

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def step(self, records: Sequence[Record], now_ms: int) -> Effects:
        """As the step."""
        began_s, began_cpu_s = time.perf_counter(), time.thread_time()
        effects = self._inner.step(records, now_ms)
        self._meter.stepped(len(records), time.perf_counter() - began_s, time.thread_time() - began_cpu_s)
        return effects


class Kept:
    """The sink that only counts: keeps references to what would have been written, for the oracle."""

    def __init__(self, dump: Path) -> None:
        self._dump = dump
        self._rows: dict[tuple[str, int], list[list[tuple[bytes, bytes | None]]]] = {}

    async def write(self, _producer: object, rows: Rows, _timestamp_ms: int) -> None:
        """In the place of a transaction."""
        for place, part in rows.items():
            self._rows.setdefault(place, []).append(part)

    def dump(self, *_signal: object) -> None:
        """Write everything kept so far to a file; asked for by SIGHUP."""
        kept: dict[str, list[tuple[int, bytes, bytes | None]]] = {}
        for (topic, partition), parts in self._rows.items():
            kept.setdefault(topic, []).extend((partition, key, value) for part in parts for key, value in part)
        replace(self._dump, msgpack.encode(kept))


def metered(write: Transact, meter: Meter) -> Transact:
    """A ``transact`` that tells the meter; the input position is the last row of the checkpoint's part."""
    mark = POSITION.encode()

    async def timed(producer: Any, rows: Rows, timestamp_ms: int) -> None:
        began_s = time.perf_counter()
        await write(producer, rows, timestamp_ms)
        took_s = time.perf_counter() - began_s
        for (topic, partition), part in rows.items():
            key, value = part[-1]
            if key.endswith(mark):
                meter.wrote((topic + key.decode(), partition), int(value or b"0"), rows, took_s)

    return timed


def resident_max_mb() -> float:
    """Largest resident size of this process so far, MB. (``getrusage`` would count the process that started it.)"""
    lines = Path("/proc/self/status").read_text().splitlines()
    kib = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return kib * 1024 / 1e6


def replace(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees all of it or nothing."""
    part = path.with_suffix(".part")
    part.write_bytes(content)
    part.replace(path)
