"""``ioc worker | recorder | gateway | notifier | topics``: one process each, as supervisor or container start them."""

from __future__ import annotations

import asyncio
from typing import Literal

from cyclopts import App

from ioc.bootstrap import load_profile, read_settings, with_logs


def register(app: App) -> None:
    """Add the commands."""
    for function in (worker, recorder, gateway, notifier, topics):
        app.command(function)


def worker(job: Literal["intake", "detect", "alerting", "desk"], *, instance: str | None = None) -> int:
    """Run one worker of a Faust job. Any number may run, up to the partitions of its input.

    Example: `ioc worker intake`

    Exit codes: 0 stopped in order, 70 failed, 71 stuck, 72 coordinator lost, 73 another worker took over,
    74 no answer from the broker, 75 the stop took too long.

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
    from ioc.bootstrap import graces

    settings = with_logs(read_settings(database=True), "recorder")
    return run_recorder(settings, graces(settings))


def gateway() -> int:
    """Serve pages, API and the live websocket.

    Example: `ioc gateway`

    Exit codes: 0 stopped in order, 1 a port is taken.
    """
    from ioc.gateway import run_gateway

    return run_gateway(with_logs(read_settings(database=True), "gateway"))


def notifier() -> int:
    """Publish alerts in CAP and notify those whom the profile names. A second one shares the work.

    Example: `ioc notifier`

    Exit codes: 0 stopped in order, 2 the settings do not fit the profile's channels, 70 failed.
    """
    from ioc.adapters.notifier_loop import run_notifier
    from ioc.bootstrap import load_running_profile

    settings = with_logs(read_settings(database=True), "notifier")
    return run_notifier(settings, load_running_profile(settings))


def topics(*, wait_s: float = 60.0) -> int:
    """Create the Kafka topics that are missing, and let each centre write its own raw topic and nothing else.

    Example: `ioc topics`

    Exit codes: 0 all there, 2 the broker does not let us make rules, 3 Kafka is not available.

    Parameters
    ----------
    wait_s
        How long to wait for Kafka, seconds.
    """
    from ioc.adapters.kafka import ensure_topics
    from ioc.adapters.kafka_centres import ensure_rights
    from ioc.wire.topics import Topics

    settings = read_settings()
    table = Topics(settings.topic_prefix, load_profile(settings, with_rules=False).centre_ids)
    asyncio.run(ensure_topics(settings.kafka, table.specs.values(), settings.topic_prefix, wait_s=wait_s))
    print(f"{len(table.specs)} topics with prefix {settings.topic_prefix}")
    changed = asyncio.run(ensure_rights(settings.kafka, table, wait_s=wait_s))
    if changed is None:
        print("the broker has no authorizer: any sender may write the raw topic of any centre")
    else:
        print(f"{len(table.raw)} centres write their own raw topic only", end="")
        print(f" (rules: {len(changed.made)} made, {len(changed.removed)} removed)")
    return 0
