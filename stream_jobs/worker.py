"""Runs a job in this process: a real Faust worker with its web server off.

SIGTERM and SIGINT stop it gracefully: no new records, the last transaction, the commit, leave the group. The exit code
says why it ended (:mod:`stream_jobs.exits`); a supervisor with back-off starts it again, also while Kafka is away.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from typing import TYPE_CHECKING

from faust.worker import Worker

from ioc.errors import BadSettings, Unavailable
from stream_jobs.exits import Exit

if TYPE_CHECKING:
    from ioc.settings import Settings
    from stream_jobs.job import Job

KAFKA_WAIT_S = 30.0  # Faust itself gives up at once when no broker answers
LOG_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
LIBRARIES = ("faust", "mode", "aiokafka", "asyncio")  # shown from warning on
# Records and events are freed by their reference counts; the collector only looks for cycles, and with Python's own
# thresholds (700, 10, 10) it looks at every chunk in work several times, a tenth to a fifth of all CPU. A cycle is
# found after at most this many new containers, some tens of megabytes.
GC_THRESHOLDS = (50_000, 20, 50)
CHATTER = "aiokafka.consumer.group_coordinator"  # warns at every rebalance; the transport reports its errors


def run_worker(job: str, settings: Settings, *, instance: str | None = None) -> int:
    """Run a job until a signal or an error; the exit code of the process.

    Args:
        job: ``intake``, ``detect`` or ``alerting``.
        instance: name for static membership, see :func:`stream_jobs.app.make_app`.

    Raises:
        BadSettings: unknown job, wrong profile, or libraries that the transport does not know.
    """
    from ioc.bootstrap import load_running_profile
    from stream_jobs.app import JOBS, build

    if job not in JOBS:
        raise BadSettings([f"{job!r} is no job; choose {', '.join(JOBS)}"])
    return run_job(build(*JOBS[job], settings, load_running_profile(settings), instance=instance))


def run_job(job: Job) -> int:
    """Run a built job until a signal or an error; the exit code of the process."""
    from ioc.adapters.kafka import wait_ready

    quieten(job.settings.log_level)
    calm_collector()
    job.watchdog.start()
    try:
        asyncio.run(wait_ready(job.settings.kafka, KAFKA_WAIT_S))
    except Unavailable as exc:
        print(f"worker {job.spec.name}: {exc}", file=sys.stderr)
        return Exit.UNANSWERED
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    worker = Worker(job.app, loop=loop, quiet=True, loglevel="WARN", override_logging=False, redirect_stdouts=False)
    worker.spinner = None
    try:
        worker.execute_from_commandline()
    except SystemExit as exc:
        return Exit.OK if exc.code in (0, None) else Exit.FAILED


def calm_collector() -> None:
    """Leave what exists now (modules, profile, rules) out of garbage collection, and collect less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def quieten(level: str) -> None:
    """Our own log at ``level`` on standard error; the libraries from warning on."""
    if not logging.getLogger().handlers:
        logging.basicConfig(level=level.upper(), format=LOG_FORMAT)
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
    logging.getLogger(CHATTER).setLevel(logging.ERROR)
