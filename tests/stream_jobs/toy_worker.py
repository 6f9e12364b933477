"""A worker process that runs the toy step under the job ``intake``: raw topics of all centres → ``events``.

Run as ``python -m tests.stream_jobs.toy_worker``. ``TOY_BUG`` plants a bug that the checker must find.
``TOY_STOP_FLAG`` names a file: when it exists the process stops itself (SIGSTOP) between the outputs and the commit of
a transaction.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import aiokafka
from faust.types import TP

from ioc.adapters.kafka import log_ranges
from ioc.domain.profile import Centre, Profile
from ioc.settings import Settings
from stream_jobs import checkpoint, intake, perform
from stream_jobs.agent import attach
from stream_jobs.app import build
from stream_jobs.checkpoint import TakenOver
from stream_jobs.job import Job, JobSpec, Owned
from stream_jobs.worker import run_job
from tests.stream_jobs.toy import OUT, ToyStep

CENTRES = ("alpha", "beta", "gamma")


def toy_profile() -> Profile:
    """A profile with nothing but centres."""
    names = {"name_vi": "", "name_en": ""}
    centres = tuple(
        Centre(id=c, kind="city", simulated=True, areas=(), feeds=(), sites=(), format={}, **names) for c in CENTRES
    )
    titles = {"title_vi": "", "title_en": ""}
    return Profile(id="toy", timezone="UTC", areas=(), centres=centres, rules=(), targets=(), **names, **titles)


SPEC = JobSpec(
    name="intake",
    inputs=intake.SPEC.inputs,
    state_topic="checkpoints.intake",
    prefixed=True,
    make_step=lambda profile, topic, partition: ToyStep(topic, partition),
)


def stop_once(flag: Path) -> None:
    """Stop this process if the flag is there."""
    if flag.exists():
        flag.unlink()
        os.kill(os.getpid(), signal.SIGSTOP)


def stop_before_commit(flag: Path) -> None:
    """Between "outputs sent" and "committed", once per flag file; a transaction without outputs goes on."""
    send, commit = perform.send_all, aiokafka.AIOKafkaProducer.commit_transaction
    with_outputs: set[Any] = set()

    async def send_all(producer: Any, rows: perform.Rows, timestamp_ms: int) -> None:
        if any(topic.endswith(OUT) for topic, _ in rows):
            with_outputs.add(producer)
        await send(producer, rows, timestamp_ms)

    async def commit_transaction(self: Any) -> None:
        if self in with_outputs:
            with_outputs.discard(self)
            stop_once(flag)
        await commit(self)

    perform.send_all = send_all
    aiokafka.AIOKafkaProducer.commit_transaction = commit_transaction


def tell_partitions(job: Job) -> None:
    """Say on standard error which partition this process takes over."""
    honest = job._own

    def own(tp: TP, generation: int, part: TakenOver) -> Owned:
        print(f"took {job.inputs[tp.topic]}/{tp.partition}", file=sys.stderr, flush=True)
        return honest(tp, generation, part)

    job._own = own  # type: ignore[method-assign]


def plant(bug: str) -> None:
    """Break one link of the chain."""
    if bug == "no fence":
        make = checkpoint.new_producer

        def new_producer(settings: Settings, **options: Any) -> Any:
            options["transactional_id"] += f"-{os.getpid()}"
            options["transaction_timeout_ms"] = 120_000  # the broker would end the sleeper's transaction meanwhile
            return make(settings, **options)

        async def stable_ranges(*args: Any, **options: Any) -> Any:
            return await log_ranges(*args)  # not up to the high watermark: it would wait for the sleeper as well

        checkpoint.new_producer, checkpoint.log_ranges = new_producer, stable_ranges
    elif bug:
        raise ValueError(bug)


def main() -> int:
    """Run until a signal."""
    plant(os.environ.get("TOY_BUG", ""))
    if flag := os.environ.get("TOY_STOP_FLAG"):
        stop_before_commit(Path(flag))
    settings = Settings.from_environ({k: v for k, v in os.environ.items() if k.startswith("IOC_")})
    job = build(SPEC, attach, settings, toy_profile(), instance=os.environ.get("TOY_INSTANCE"))
    tell_partitions(job)
    return run_job(job)


if __name__ == "__main__":
    sys.exit(main())
