"""What the watchdog calls stuck. Facts are planted; the clock is an argument."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ioc.settings import Settings
from stream_jobs import intake
from stream_jobs.agent import attach
from stream_jobs.app import build
from stream_jobs.exits import Exit
from stream_jobs.job import Job
from stream_jobs.watchdog import STUCK_S, Watchdog, exit_of, waiting
from tests.stream_jobs.toy_worker import toy_profile

LATER_S = STUCK_S + 1


@pytest.fixture
async def job(tmp_path: Path) -> Job:
    """A job that looks as if it ran well at this moment."""
    made = build(intake.SPEC, attach, Settings(data_dir=tmp_path), toy_profile())
    coordinator = SimpleNamespace(_coordination_task=SimpleNamespace(done=lambda: False))
    made.consumer._thread._consumer = SimpleNamespace(_coordinator=coordinator)
    made.running = True
    return made


def fresh(job: Job, now_s: float) -> Watchdog:
    """Every stamp set to now."""
    health = job.consumer.health
    job.loop_tick_s = job.progress_s = health.thread_tick_s = health.heartbeat_s = now_s
    return Watchdog(job)


def test_a_worker_that_works_is_left_alone(job: Job) -> None:
    now_s = job.started_s + 1_000
    assert fresh(job, now_s).reasons(now_s) == []


def test_idle_for_hours_is_not_stuck_when_a_record_comes(job: Job) -> None:
    now_s = job.started_s + 10_000
    watchdog = fresh(job, now_s)
    job.progress_s = job.started_s
    job.consumer.health.lag_records, job.consumer.health.lag_since_s = 1, now_s - 0.5
    assert watchdog.reasons(now_s) == []


def hang_main_loop(job: Job, then_s: float) -> None:
    job.loop_tick_s = then_s


def hang_thread(job: Job, then_s: float) -> None:
    job.consumer.health.thread_tick_s = then_s


def lose_heartbeat(job: Job, then_s: float) -> None:
    job.consumer.health.heartbeat_s = then_s


def let_records_wait(job: Job, then_s: float) -> None:
    job.consumer.health.lag_records, job.consumer.health.lag_since_s, job.progress_s = 5, then_s, then_s


def end_coordination(job: Job, then_s: float) -> None:
    inner: Any = job.consumer._thread._consumer
    inner._coordinator._coordination_task.done = lambda: True


def hang_take_over(job: Job, then_s: float) -> None:
    job.busy_since_s = job.loop_tick_s = then_s


def hang_flush(job: Job, then_s: float) -> None:
    owned: Any = SimpleNamespace(writer=SimpleNamespace(writing_since_s=then_s))
    job.owned = {intake: owned}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("plant", "reason"),
    [
        (hang_main_loop, "main loop"),
        (hang_thread, "consumer thread"),
        (lose_heartbeat, "heartbeat"),
        (let_records_wait, "records wait"),
        (end_coordination, "group membership ended"),
        (hang_take_over, "take-over"),
        (hang_flush, "flush"),
    ],
)
def test_what_stands_still_is_named(job: Job, plant: Callable[[Job, float], None], reason: str) -> None:
    now_s = job.started_s + 1_000
    watchdog = fresh(job, now_s)
    plant(job, now_s - LATER_S)
    assert watchdog.reasons(now_s) == [reason]


def test_a_rebalance_without_an_end_is_stuck(job: Job) -> None:
    now_s = job.started_s + 1_000
    watchdog = fresh(job, now_s)
    job.app.rebalancing = True
    assert watchdog.reasons(now_s) == []
    fresh(job, now_s + LATER_S)
    assert watchdog.reasons(now_s + LATER_S) == ["rebalance"]
    job.app.rebalancing = False
    assert watchdog.reasons(now_s + LATER_S) == []


def test_a_start_that_takes_too_long_is_stuck(job: Job) -> None:
    job.running = False
    assert Watchdog(job).reasons(job.started_s + STUCK_S - 1) == []
    assert Watchdog(job).reasons(job.started_s + LATER_S) == ["start-up"]


async def test_what_the_tasks_wait_for_is_said_before_the_end() -> None:
    async def inner() -> None:
        await asyncio.Event().wait()

    async def outer() -> None:
        await inner()

    task = asyncio.create_task(outer(), name="take-over")
    await asyncio.sleep(0)
    said = await asyncio.to_thread(waiting, asyncio.get_running_loop())
    (line,) = [line for line in said if line.startswith("take-over waits: ")]
    assert [call.split()[1] for call in line.partition(": ")[2].split(" > ")] == ["outer", "inner", "wait"]
    assert "test_watchdog.py:" in line
    task.cancel()


@pytest.mark.parametrize(
    ("reasons", "code"),
    [
        (["take-over"], Exit.UNANSWERED),
        (["take-over", "records wait"], Exit.UNANSWERED),
        (["start-up"], Exit.UNANSWERED),
        (["rebalance", "heartbeat"], Exit.UNANSWERED),
        (["records wait"], Exit.STUCK),
        (["flush"], Exit.STUCK),
        (["main loop", "rebalance"], Exit.STUCK),
        (["consumer thread", "take-over"], Exit.STUCK),
    ],
)
def test_the_exit_code_says_whether_the_broker_may_be_at_fault(reasons: list[str], code: Exit) -> None:
    assert exit_of(reasons) is code
