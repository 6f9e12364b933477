"""Makes the Faust app of a job. The only module besides the command line that knows settings, adapters and steps.

For Faust's own command line there is a module-level ``app``, made from the environment when it is first asked for
(``IOC_JOB`` names the job)::

    IOC_JOB=detect faust -A stream_jobs.app worker --without-web

``ioc worker detect`` does the same in-process and is what the supervisor runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import faust

from ioc.domain.profile import Profile
from ioc.errors import BadSettings
from ioc.settings import Settings
from ioc.wire.topics import Topics
from stream_jobs import alerting, desk, detect, intake
from stream_jobs.agent import attach
from stream_jobs.job import Job, JobSpec
from stream_jobs.transport import BatchTransport, check_private_names

Attach = Callable[[faust.App, Job, Any], None]
JOBS: dict[str, tuple[JobSpec, Attach]] = {
    "intake": (intake.SPEC, attach),
    "detect": (detect.SPEC, attach),
    "alerting": (alerting.SPEC, attach),
    "desk": (desk.SPEC, attach),
}

CHUNKS_BUFFERED = 32  # chunks per agent; when full, Faust stops fetching the partition
# Records per chunk. The main loop stands still during a step, and the consumer's thread holds the interpreter while it
# unpacks: flushes and heartbeats wait that long. 1,000 would cost 5 % more CPU, 4,000 would save 2 %.
CHUNK_RECORDS_MAX = 2_000
FETCH_BYTES_PER_PARTITION = 2 * 1024 * 1024
COMMIT_PERIOD_S = 1.0  # the commit is a hint; the truth is in the checkpoint
REBALANCE_S = 30.0  # time to finish open work before the broker gives the partitions away


def group_id(job: str, settings: Settings) -> str:
    """Consumer group of a job: prefix without its dot, a hyphen, the job."""
    return f"{settings.topic_prefix.removesuffix('.')}-{job}"


def make_app(job: str, settings: Settings, profile: Profile, *, instance: str | None = None) -> faust.App:
    """The Faust app of a job; nothing is connected before it starts (its data folder is made).

    Args:
        job: ``intake``, ``detect``, ``alerting`` or ``desk``.
        instance: static membership: a restart under the same name gets its partitions back at once instead of after
            the session time-out. The caller guarantees that the former process of that name is dead.

    Raises:
        BadSettings: unknown job, or libraries that the transport does not know.
    """
    if job not in JOBS:
        raise BadSettings([f"{job!r} is no job; choose {', '.join(JOBS)}"])
    return build(*JOBS[job], settings, profile, instance=instance).app


def build(
    spec: JobSpec,
    attach: Attach,
    settings: Settings,
    profile: Profile,
    *,
    instance: str | None = None,
    topics: Topics | None = None,
) -> Job:
    """As :func:`make_app`, for any job; the app is ``.app`` of the result.

    Args:
        topics: where each logical topic is; default: all of them under the prefix of the settings.
    """
    check_private_names()
    session_s = settings.session_timeout_s
    datadir = settings.data_dir.absolute() / "faust" / spec.name
    datadir.mkdir(parents=True, exist_ok=True)  # Faust makes the last folder only
    app = faust.App(
        group_id(spec.name, settings),
        broker=[f"kafka://{server}" for server in settings.kafka.split(",")],
        datadir=str(datadir),
        origin=None,
        autodiscover=False,
        key_serializer="raw",
        value_serializer="raw",
        processing_guarantee="at_least_once",  # exactness is our own, see stream_jobs.checkpoint
        store="memory://",
        table_standby_replicas=0,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        worker_redirect_stdouts=False,
        stream_wait_empty=True,
        stream_buffer_maxsize=CHUNKS_BUFFERED,
        broker_max_poll_records=CHUNK_RECORDS_MAX,
        consumer_max_fetch_size=FETCH_BYTES_PER_PARTITION,
        broker_commit_interval=COMMIT_PERIOD_S,
        broker_max_poll_interval=86_400.0,  # with idle partitions aiokafka would leave the group; the watchdog looks
        broker_session_timeout=session_s,
        broker_heartbeat_interval=session_s / 5,
        broker_request_timeout=max(12.0, session_s + 1.0),  # Faust insists on more than the session
        broker_rebalance_timeout=REBALANCE_S,
        producer_request_timeout=15.0,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=instance,
    )
    app.transport = BatchTransport(app.conf.broker_consumer, app)
    job = Job(spec, settings, profile, app, topics)
    attach(app, job, app.topic(*job.inputs, key_type=None, value_type=None))

    app.task(job.run)
    return job


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(name)
    from ioc.bootstrap import load_running_profile, read_settings

    settings = read_settings()
    made = make_app(os.environ.get("IOC_JOB", ""), settings, load_running_profile(settings))
    globals()["app"] = made
    return made
