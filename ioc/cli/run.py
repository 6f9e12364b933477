"""``ioc worker | recorder | gateway | topics``: one process each, as the supervisor or a container starts them."""

from __future__ import annotations

import asyncio
from typing import Literal

from cyclopts import App

from ioc.bootstrap import load_profile, read_settings, with_logs


def register(app: App) -> None:
    """Add the commands."""
    for function in (worker, recorder, gateway, topics):
        app.command(function)


def worker(job: Literal["intake", "detect", "alerting"], *, instance: str | None = None) -> int:
    """Run one worker of a Faust job. Any number may run, up to the partitions of its input.

    Example: `ioc worker intake`

    Exit codes: 0 stopped in order, 70 failed, 71 stuck, 72 coordinator lost, 73 another worker took over,
    75 the stop took too long.

    Parameters
    ----------
    job
        Which job.
    instance
        A name that stays the same over restarts of this worker, and is used by no other: after a crash the next one
        takes its partitions back at once instead of waiting for the session time-out.
    """
    from stream_jobs.worker import run_worker

    return run_worker(job, with_logs(read_settings(), job), instance=instance)


def recorder() -> int:
    """Write the streams to TimescaleDB. A second one waits as a standby.

    Example: `ioc recorder`

    Exit codes: 0 stopped in order, 73 another recorder took over.
    """
    from ioc.adapters.recorder_loop import run_recorder

    return run_recorder(with_logs(read_settings(database=True), "recorder"))


def gateway() -> int:
    """Serve pages, API and the live websocket.

    Example: `ioc gateway`

    Exit codes: 0 stopped in order, 1 a port is taken.
    """
    from ioc.gateway import run_gateway

    return run_gateway(with_logs(read_settings(database=True), "gateway"))


def topics(*, wait_s: float = 60.0) -> int:
    """Create the Kafka topics that are missing.

    Example: `ioc topics`

    Exit codes: 0 all there, 3 Kafka is not available.

    Parameters
    ----------
    wait_s
        How long to wait for Kafka, seconds.
    """
    from ioc.adapters.kafka import ensure_topics
    from ioc.wire.topics import Topics

    settings = read_settings()
    table = Topics(settings.topic_prefix, load_profile(settings, with_rules=False).centre_ids)
    asyncio.run(ensure_topics(settings.kafka, table.specs.values(), settings.topic_prefix, wait_s=wait_s))
    print(f"{len(table.specs)} topics with prefix {settings.topic_prefix}")
    return 0
