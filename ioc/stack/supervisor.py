"""Starts a plan of processes in order, watches them, restarts what dies, stops all in reverse.

Knows nothing of Kafka or of this product: the plan is data (spec.py). One asyncio task keeps each process::

    waiting ──(what it depends on is ready)──► starting ──(probe)──► running ──(exit)──► backing off ─┐
                                                  ▲───────────────────────────────────────────────────┘

Every death and restart is one line with exit code and log. Restarts wait 0.5 s, doubled each time up to 20 s,
and begin at 0.5 s again after 60 s of life. One that others blame for their deaths is restarted too (cures.py).
A process that has never been ready and fails five times ends the whole run with its last words: then the
configuration is wrong, and repeating does not help.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from ioc.adapters.clock import monotonic_s, now_ms
from ioc.stack import processes
from ioc.stack.cures import Blame
from ioc.stack.processes import Identity, Record
from ioc.stack.spec import ProcessSpec, levels
from ioc.stack.state import StackError, write_json

State = Literal["waiting", "starting", "running", "backing off", "done", "stopped"]
LOG_BYTES_MAX = 20_000_000  # a larger log is put aside as .1 at the next start of its process
PROBE_EVERY_S = 0.1
KILL_LIMIT_S = 3.0


@dataclass(frozen=True)
class Backoff:
    """Waits between restarts, seconds; ``give_up_after`` failures without ever having been ready."""

    first_s: float = 0.5
    longest_s: float = 20.0
    reset_after_s: float = 60.0
    give_up_after: int = 5


@dataclass
class Watched:
    """One process and how it fares."""

    spec: ProcessSpec
    order: int
    log: Path
    state: State = "waiting"
    restarts: int = 0
    since_ms: int = 0
    last_exit: str = ""
    process: asyncio.subprocess.Process | None = None
    identity: Identity | None = None
    exited: asyncio.Task[int] | None = None
    first_ready: asyncio.Event = field(default_factory=asyncio.Event)
    up_since_s: float | None = None
    blame: Blame = field(default_factory=Blame)


@dataclass(frozen=True)
class Summary:
    """What `ioc status` reads of one process."""

    name: str
    role: str
    kind: str
    state: str
    pid: int | None
    started_ticks: int | None
    restarts: int
    since_ms: int
    last_exit: str
    log: str


class Supervisor:
    """Runs a plan until it is asked to stop."""

    def __init__(
        self,
        specs: tuple[ProcessSpec, ...],
        run_dir: Path,
        logs_dir: Path,
        report: Callable[[str], None],
        *,
        backoff: Backoff | None = None,
    ) -> None:
        self._levels = levels(specs)
        self._run_dir, self._logs_dir, self._report = run_dir, logs_dir, report
        self._backoff = backoff or Backoff()
        self._watched = {
            spec.name: Watched(spec, order, logs_dir / f"{spec.name}.log")
            for order, level in enumerate(self._levels)
            for spec in level
        }
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._failure: str | None = None

    def request_stop(self, why: str = "") -> None:
        """Stop in order; asked a second time, kill at once."""
        first = not self._stopping.is_set()
        self._stopping.set()
        if not first:
            self._hurry.set()
        elif why:
            self._report(why)

    def snapshot(self) -> list[Summary]:
        """All processes as they are now, in start order."""
        return [
            Summary(
                w.spec.name,
                w.spec.role,
                w.spec.kind,
                w.state,
                w.identity.pid if w.identity else None,
                w.identity.started_ticks if w.identity else None,
                w.restarts,
                w.since_ms,
                w.last_exit,
                str(w.log),
            )
            for w in self._watched.values()
        ]

    async def run(self, when_ready: Callable[[], Awaitable[None]] | None = None) -> int:
        """Run until stopped; ``when_ready`` is awaited once, after every process was ready.

        Returns:
            0 stopped on request, 1 gave up.
        """
        for folder in (self._run_dir, self._logs_dir):
            folder.mkdir(parents=True, exist_ok=True)
        keepers = [asyncio.create_task(self._keep(w)) for w in self._watched.values()]
        announcer = asyncio.create_task(self._announce(when_ready))
        guard = asyncio.create_task(self._guard([*keepers, announcer]))
        try:
            await self._stopping.wait()
            await self._stop_all()
            await asyncio.gather(*keepers, return_exceptions=True)
        finally:
            for task in (*keepers, guard, announcer):
                task.cancel()
            await asyncio.gather(*keepers, guard, announcer, return_exceptions=True)
            await self._stop_all()
        if self._failure:
            self._report(self._failure)
            return 1
        return 0

    async def _guard(self, tasks: list[asyncio.Task[None]]) -> None:
        """A bug in a keeper must not leave its process unwatched: it stops the run, loudly."""
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            if not task.cancelled() and (error := task.exception()) is not None:
                self._give_up(f"the supervisor itself failed: {type(error).__name__}: {error}")

    async def _announce(self, when_ready: Callable[[], Awaitable[None]] | None) -> None:
        for watched in self._watched.values():
            await watched.first_ready.wait()
        if when_ready is None:
            return
        try:
            await when_ready()
        except StackError as exc:
            self._give_up(str(exc))

    def _give_up(self, why: str) -> None:
        self._failure = self._failure or why
        self._stopping.set()

    # -- keeping one process ------------------------------------------------------------------------------

    async def _keep(self, w: Watched) -> None:
        for need in w.spec.depends_on:
            if not await self._wait_unless_stopping(self._watched[need].first_ready.wait()):
                return self._note(w, "stopped")
        wait_s = self._backoff.first_s
        failures = 0
        while not self._stopping.is_set():
            began_s = monotonic_s()
            outcome = await self._one_life(w)
            if self._stopping.is_set():
                break
            if w.spec.kind == "task" and outcome == "exit code 0":
                w.first_ready.set()
                return self._note(w, "done")
            lived_s = monotonic_s() - began_s
            w.last_exit = outcome
            if not w.first_ready.is_set():
                failures += 1
                if failures >= self._backoff.give_up_after:
                    return self._give_up(
                        f"{w.spec.name} failed {failures} times ({outcome}); log: {w.log}{_last_words(w.log)}"
                    )
            if lived_s >= self._backoff.reset_after_s:
                wait_s = self._backoff.first_s
            self._report(
                f"{w.spec.name} ended after {lived_s:.1f} s ({outcome}); starts again in {wait_s:g} s; log: {w.log}"
            )
            self._note(w, "backing off")
            await self._wait_unless_stopping(asyncio.sleep(wait_s))
            wait_s = min(wait_s * 2, self._backoff.longest_s)
            w.restarts += 1
        self._note(w, "stopped")

    async def _one_life(self, w: Watched) -> str:
        """Start it, wait until it serves, wait until it ends; returns how it ended."""
        self._note(w, "starting")
        began_s = monotonic_s()
        try:
            if w.spec.prepare is not None:
                await asyncio.to_thread(w.spec.prepare)
            if self._stopping.is_set():
                return "not started"
            exited = await self._spawn(w)
        except (StackError, OSError) as exc:
            return str(exc)
        try:
            if await self._becomes_ready(w, exited):
                if w.spec.kind == "service":
                    self._report(f"{w.spec.name} is up ({monotonic_s() - began_s:.1f} s)")
                    w.first_ready.set()
                self._note(w, "running")
                w.up_since_s = monotonic_s()
            elif not exited.done() and not self._stopping.is_set():
                await self._end(w)
                return f"not ready within {w.spec.ready_limit_s:g} s"
            code = await asyncio.shield(exited)
        finally:
            w.up_since_s = None
            if exited.done():
                self._bury(w)
        await self._blame(w, code)
        return _how(code)

    async def _blame(self, w: Watched, code: int) -> None:
        """Restart the one that is at fault for this death, when it is; its keeper starts it again."""
        at_fault = self._watched.get(w.spec.blames.get(code, ""))
        if at_fault is None or not at_fault.blame.died(monotonic_s(), at_fault.up_since_s):
            return
        self._report(f"{at_fault.spec.name} is restarted: {w.spec.name} and others get no answer from it")
        await self._end(at_fault)

    async def _spawn(self, w: Watched) -> asyncio.Task[int]:
        spec = w.spec
        record = Record(
            spec.name, spec.role, processes.argv_hash(spec.argv), w.order, spec.stop_signal, spec.stop_limit_s,
            processes.boot_id(), now_ms(),
        )  # fmt: skip
        argv = processes.launch_argv(
            spec.argv, self._run_dir, spec.name, user=spec.user, death_signal=spec.death_signal
        )
        if w.log.exists() and w.log.stat().st_size > LOG_BYTES_MAX:
            w.log.replace(w.log.with_name(w.log.name + ".1"))
        with w.log.open("ab") as log:
            processes.write_record(self._run_dir, record)
            w.process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=spec.cwd,
                env={**os.environ, **spec.env},
                start_new_session=True,  # Ctrl-C in the terminal reaches the supervisor only
            )
        w.identity = processes.identity(w.process.pid)
        w.exited = asyncio.create_task(w.process.wait())
        self._note(w, "starting")
        return w.exited

    async def _becomes_ready(self, w: Watched, exited: asyncio.Task[int]) -> bool:
        if w.spec.kind == "task":
            return True
        if w.spec.ready is None:
            return not exited.done()
        deadline_s = monotonic_s() + w.spec.ready_limit_s
        while not exited.done() and not self._stopping.is_set() and monotonic_s() < deadline_s:
            try:
                if await w.spec.ready() and not exited.done():
                    return True
            except TimeoutError:
                pass  # no answer in time is "not yet"; the deadline above ends it
            await asyncio.wait({exited}, timeout=PROBE_EVERY_S)
        return False

    def _bury(self, w: Watched) -> None:
        if w.identity is not None:
            for member in processes.session_members(w.identity):  # a helper that outlived its parent
                processes.send(member, signal.SIGKILL)
        processes.forget(self._run_dir, w.spec.name)
        w.process = w.identity = w.exited = None

    # -- stopping -----------------------------------------------------------------------------------------

    async def _stop_all(self) -> None:
        for level in reversed(self._levels):
            await asyncio.gather(*(self._end(self._watched[spec.name]) for spec in level))

    async def _end(self, w: Watched) -> None:
        """Ask it to stop; after its limit, or when in a hurry, kill it and all that it started."""
        process, who, exited = w.process, w.identity, w.exited
        if process is None or exited is None or exited.done():
            return
        began_s = monotonic_s()
        if not self._hurry.is_set():
            with suppress(ProcessLookupError):
                process.send_signal(w.spec.stop_signal)
            hurry = asyncio.create_task(self._hurry.wait())
            await asyncio.wait({exited, hurry}, timeout=w.spec.stop_limit_s, return_when=asyncio.FIRST_COMPLETED)
            hurry.cancel()
        if not exited.done():
            self._report(f"{w.spec.name} did not stop within {monotonic_s() - began_s:.1f} s: killed")
            if who is not None:
                processes.kill_session(who)
            with suppress(ProcessLookupError):
                process.kill()
            await asyncio.wait({exited}, timeout=KILL_LIMIT_S)
        elif self._stopping.is_set():
            self._report(f"{w.spec.name} stopped ({monotonic_s() - began_s:.1f} s)")

    async def _wait_unless_stopping(self, what: Awaitable[object]) -> bool:
        """True when ``what`` came first."""
        waiting = asyncio.ensure_future(what)
        stop = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({waiting, stop}, return_when=asyncio.FIRST_COMPLETED)
            return waiting.done() and not self._stopping.is_set()
        finally:
            waiting.cancel()
            stop.cancel()

    def _note(self, w: Watched, state: State) -> None:
        w.state, w.since_ms = state, now_ms()
        write_json(self._run_dir / "summary.json", [asdict(item) for item in self.snapshot()])


def _how(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _last_words(log: Path, lines: int = 8) -> str:
    """The end of a log, indented, for the one line that says why nothing runs."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4000))
        tail = file.read().decode(errors="replace").strip().splitlines()[-lines:]
    return "".join(f"\n    {line[:300]}" for line in tail)
