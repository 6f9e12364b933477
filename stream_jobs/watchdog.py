"""Notices a worker that stands still and ends it with code 71, or 74; the supervisor starts a new one.

An OS thread, because the event loops may be what stands still. It reads single attributes and takes no lock.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer

from stream_jobs.exits import Exit, leave
from stream_jobs.health import Health
from stream_jobs.transport import BatchConsumer

if TYPE_CHECKING:
    from stream_jobs.job import Job

PERIOD_S = 1.0
STUCK_S = 60.0  # nothing moved for this long although there is work: longer than any time-out of the clients
STOP_S = 20.0  # a graceful stop, last flush included


def waiting(loop: asyncio.AbstractEventLoop) -> list[str]:
    """What each task of a loop waits for, from its outermost call to the innermost; may be called from any thread."""
    for _ in range(10):
        try:
            tasks = [task for task in asyncio.all_tasks(loop) if not task.done()]
            break
        except RuntimeError:  # a task began or ended while they were counted
            continue
    else:
        return ["the tasks could not be listed"]
    return sorted(f"{task.get_name()} waits: {' > '.join(calls(task.get_coro())) or '?'}" for task in tasks)


def calls(coroutine: Any) -> list[str]:
    """The chain of suspended calls below a coroutine, as ``file:line function``."""
    found = []
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        if frame is not None:
            code = frame.f_code
            found.append(f"{Path(code.co_filename).name}:{frame.f_lineno} {code.co_name}")
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
    return found


def exit_of(reasons: Sequence[str]) -> Exit:
    """With which code a worker ends that stands still for these reasons: was it the broker that did not answer?"""
    waits = {"start-up", "take-over", "rebalance"} & set(reasons)
    itself = {"main loop", "consumer thread"} & set(reasons)
    return Exit.UNANSWERED if waits and not itself else Exit.STUCK


class Watchdog:
    """Looks at one job once a second. ``stuck_s`` and ``stop_s`` in seconds."""

    def __init__(self, job: Job, stuck_s: float = STUCK_S, stop_s: float = STOP_S) -> None:
        self.job, self.stuck_s, self.stop_s = job, stuck_s, stop_s
        self._rebalancing_since_s: float | None = None
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch; more calls do nothing."""
        if self._thread.ident is None:
            self._thread.start()

    def _run(self) -> None:
        while True:
            time.sleep(PERIOD_S)
            if self.job.app.should_stop:  # bounded, and no other check applies any more
                time.sleep(self.stop_s)
                leave(Exit.SLOW_STOP, f"the graceful stop took more than {self.stop_s:g} s")
            reasons = self.reasons(monotonic())
            if reasons:
                for line in waiting(self.job.app.loop):
                    print(line, file=sys.stderr, flush=True)
                leave(exit_of(reasons), f"no progress for {self.stuck_s:g} s: {', '.join(reasons)}")

    def reasons(self, now_s: float) -> list[str]:
        """Everything that stands still, in words; empty when the worker is well."""
        job = self.job
        consumer = job.app._consumer  # app.consumer would create one
        inner = consumer._thread._consumer if isinstance(consumer, BatchConsumer) else None
        if not job.running or not isinstance(consumer, BatchConsumer) or inner is None:
            return ["start-up"] if now_s - job.started_s > self.stuck_s else []
        if not job.app.rebalancing:
            self._rebalancing_since_s = None
        elif self._rebalancing_since_s is None:
            self._rebalancing_since_s = now_s
        return self._facts(now_s, consumer.health, inner)

    def _facts(self, now_s: float, health: Health, inner: AIOKafkaConsumer) -> list[str]:
        job = self.job

        def too_long(since_s: float | None) -> bool:
            return since_s is not None and now_s - since_s > self.stuck_s

        writing = [owned.writer.writing_since_s for owned in list(job.owned.values())]
        stuck = {
            "main loop": too_long(job.loop_tick_s) and job.busy_since_s is None,
            "consumer thread": too_long(health.thread_tick_s),
            "group membership ended": inner._coordinator._coordination_task.done(),
            "heartbeat": too_long(health.heartbeat_s),
            "rebalance": too_long(self._rebalancing_since_s),
            "take-over": too_long(job.busy_since_s),
            "flush": any(too_long(since_s) for since_s in writing),
            "records wait": too_long(health.lag_since_s) and too_long(job.progress_s),
        }
        return [name for name, bad in stuck.items() if bad]
