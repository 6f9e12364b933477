"""Toy processes for the supervisor: real ones, in a shell, that end within milliseconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ioc.stack.spec import ProcessSpec
from ioc.stack.supervisor import Backoff, Supervisor

QUICK = Backoff(first_s=0.05, longest_s=0.2, reset_after_s=60.0, give_up_after=3)


def shell(name: str, script: str, **more: Any) -> ProcessSpec:
    """A toy that runs a shell script; it is ready when it has made the file ``<name>.ready``, if asked to."""
    return ProcessSpec(name, ("/bin/sh", "-c", script), **{"cwd": Path("/"), "stop_limit_s": 3.0, **more})


def made(path: Path) -> Callable[[], Any]:
    """Probe: the file exists."""

    async def probe() -> bool:
        return path.exists()  # noqa: ASYNC240 - a stat of a local file

    return probe


class Run:
    """A supervisor in a task, with its lines."""

    def __init__(
        self,
        folder: Path,
        *specs: ProcessSpec,
        backoff: Backoff = QUICK,
        report: Callable[[str], None] | None = None,
    ) -> None:
        self.lines: list[str] = []
        self.ready = asyncio.Event()
        self.supervisor = Supervisor(
            specs, folder / "run", folder / "logs", report or self.lines.append, backoff=backoff
        )
        self._task: asyncio.Task[int] | None = None

    async def __aenter__(self) -> Run:
        async def announce() -> None:
            self.ready.set()

        self._task = asyncio.create_task(self.supervisor.run(announce))
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.stop()

    async def stop(self) -> int:
        """Stop in order; returns the exit code."""
        assert self._task is not None
        self.supervisor.request_stop()
        return await self._task

    async def wait(self) -> int:
        """Wait for it to end by itself."""
        assert self._task is not None
        return await asyncio.wait_for(self._task, 20)

    def state(self, name: str) -> str:
        """State of one process."""
        return next(item.state for item in self.supervisor.snapshot() if item.name == name)

    def pid(self, name: str) -> int:
        """Pid of one process, which must have one."""
        pid = next(item.pid for item in self.supervisor.snapshot() if item.name == name)
        assert pid is not None
        return pid

    def restarts(self, name: str) -> int:
        """How often it was started again."""
        return next(item.restarts for item in self.supervisor.snapshot() if item.name == name)


async def until(condition: Callable[[], Any], limit_s: float = 10.0) -> None:
    """Wait for a condition, at most ``limit_s``."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(0.01)
