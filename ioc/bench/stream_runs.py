"""One measured process: start it, follow it, check with the oracle what it put out, end it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct, json, msgpack

from ioc.adapters.clock import monotonic_s
from ioc.bench.stream_kafka import delete_topics, make_topics, read_topics
from ioc.bench.stream_oracle import SHOWN, Oracle, Row
from ioc.errors import IocError
from ioc.settings import Settings
from ioc.wire.topics import Topics

START_LIMIT_S = 60.0  # without any progress; interpreter, imports, take-over of all partitions
SETTLE_LIMIT_S = 20.0  # what timers put off is told within seconds
LOOK_EVERY_S = 0.5
STOP_LIMIT_S = 25.0


class RunFailed(IocError):
    """A measured process did not do its work; there is no number."""


class OracleFailed(RunFailed):
    """What came out is not what must come out.

    Attributes:
        differences: all of them, one sentence each.
    """

    def __init__(self, name: str, differences: list[str]) -> None:
        shown = "".join(f"\n  {text}" for text in differences[:SHOWN])
        more = f"\n  … and {len(differences) - SHOWN} more" if len(differences) > SHOWN else ""
        super().__init__(f"{name}: the output is wrong, so there is no number.{shown}{more}")
        self.differences = differences


class Kind(Struct, frozen=True):
    """A row of the report: which program and which sink; ``share`` of the records it works off."""

    name: str
    program: str
    sink: str
    share: float = 1.0


class Shared(Struct, frozen=True, kw_only=True):
    """What all runs of one invocation have in common. ``core`` -1: not pinned."""

    job: str
    settings: Settings
    centres: tuple[str, ...]
    inputs: str
    records: int
    core: int
    folder: Path


async def measure(
    shared: Shared, kind: Kind, oracle: Oracle, tell: Callable[[int], None], number: int
) -> dict[str, Any]:
    """Run one kind once; its figures, after the oracle agreed (``stock`` has no output to check).

    Raises:
        OracleFailed: the output is wrong.
        RunFailed: the process ended or stood still.
    """
    folder = shared.folder / f"run-{number}"
    folder.mkdir(parents=True)
    prefix = f"{shared.inputs.removesuffix('.')}-r{number}."
    settings = Settings(
        **{field: getattr(shared.settings, field) for field in ("kafka", "profile", "flush_s", "session_timeout_s")},
        topic_prefix=prefix,
        data_dir=folder,
        log_level="warning",
    )
    topics = Topics(prefix, shared.centres)
    if kind.program != "stock":
        await make_topics(settings, topics)
    task = {
        "kind": kind.program,
        "job": shared.job,
        "sink": kind.sink,
        "inputs": shared.inputs,
        "records": round(shared.records * kind.share),
        "core": shared.core,
        "folder": str(folder),
    }
    log = (folder / "log").open("w+b")
    environ = {k: v for k, v in os.environ.items() if not k.startswith("IOC_")} | settings.to_environ()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "stream_jobs.measure", json.encode(task).decode()),
        env=environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=log,
    )
    try:
        await _follow(process, kind, tell, folder / "log")
        if kind.program != "stock":
            await _agree(process, kind, oracle, settings, topics, folder)
    finally:
        await _end(process)
        log.close()
    if kind.program != "stock":
        await delete_topics(settings, prefix)
    figures: dict[str, Any] = json.decode((folder / "report.json").read_bytes())
    return figures


async def _follow(process: asyncio.subprocess.Process, kind: Kind, tell: Callable[[int], None], log: Path) -> None:
    assert process.stdout is not None
    while True:
        try:
            line = await asyncio.wait_for(process.stdout.readline(), START_LIMIT_S)
        except TimeoutError:
            raise RunFailed(f"{kind.name}: no progress for {START_LIMIT_S:g} s; its log:\n{log_tail(log)}") from None
        if line == b"done\n":
            return
        if not line:
            raise RunFailed(f"{kind.name}: ended with code {await process.wait()}; its log:\n{log_tail(log)}")
        if line.startswith(b"p "):
            tell(int(line[2:]))


async def _agree(
    process: asyncio.subprocess.Process, kind: Kind, oracle: Oracle, settings: Settings, topics: Topics, folder: Path
) -> None:
    """Wait until the output is right, or the limit is over."""
    deadline_s = monotonic_s() + SETTLE_LIMIT_S
    while True:
        outputs = await _outputs(process, kind, oracle, settings, topics, folder)
        differences = await asyncio.to_thread(oracle.differences, outputs)
        if not differences:
            return
        if monotonic_s() > deadline_s or process.returncode is not None:
            raise OracleFailed(kind.name, differences)
        await asyncio.sleep(LOOK_EVERY_S)


async def _outputs(
    process: asyncio.subprocess.Process, kind: Kind, oracle: Oracle, settings: Settings, topics: Topics, folder: Path
) -> dict[str, list[Row]]:
    if kind.sink == "kafka":
        return await read_topics(settings, topics, oracle.outputs)
    kept = folder / "kept.msgpack"
    kept.unlink(missing_ok=True)
    process.send_signal(signal.SIGHUP)
    deadline_s = monotonic_s() + START_LIMIT_S
    while not kept.exists():
        if process.returncode is not None or monotonic_s() > deadline_s:
            raise RunFailed(f"{kind.name}: did not say what it kept; its log:\n{log_tail(folder / 'log')}")
        await asyncio.sleep(0.05)
    found = msgpack.decode(kept.read_bytes(), type=dict[str, list[tuple[int, bytes, bytes | None]]])
    return {logical: found.get(topics.name(logical), []) for logical in oracle.outputs}


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_LIMIT_S)
        except TimeoutError:
            process.kill()
            await process.wait()


def log_tail(log: Path) -> str:
    """The end of a log, for an error's text."""
    return log.read_text(errors="replace")[-2000:]
