"""Which processes make up the running system: plain data, so that tests can supervise toys."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

from ioc.bootstrap import load_profile
from ioc.settings import Settings
from ioc.stack import probes
from ioc.stack.kafka import Kafka
from ioc.stack.postgres import Postgres
from ioc.stack.spec import ProcessSpec
from ioc.stack.state import PROJECT, Paths, uses_local_database, uses_local_kafka

UNANSWERED = 74  # exit code of a worker that gets no answer from the broker: stream_jobs.exits.Exit.UNANSWERED
JOBS = ("intake", "detect", "alerting", "desk")


def system(settings: Settings, paths: Paths, *, demo: bool) -> tuple[ProcessSpec, ...]:
    """The whole system for effective settings; Kafka and PostgreSQL only where they are ours.

    Raises:
        BadSettings: the local Kafka has to know the profile's centres, and its files have mistakes.
    """
    env = settings.to_environ() | {"PYTHONUNBUFFERED": "1"}
    specs: list[ProcessSpec] = []
    if uses_local_kafka(settings):
        centres = tuple(load_profile(settings, with_rules=False).centre_ids)
        kafka = Kafka(paths, settings.kafka_port, settings.controller_port, settings.centres_port, centres)
        specs.append(kafka_spec(kafka))
    if uses_local_database(settings):
        specs.append(postgres_spec(Postgres(paths, settings.postgres_port)))
    own = {spec.name for spec in specs}

    def python(name: str, role: str, *args: str, needs: tuple[str, ...], **more: Any) -> ProcessSpec:
        known = tuple(need for need in needs if need in own)
        own.add(name)
        argv = (sys.executable, "-m", "ioc.cli", *args)
        return ProcessSpec(name, argv, role, depends_on=known, env=env, cwd=PROJECT, **more)

    specs += [
        python("topics", "creates Kafka topics", "topics", needs=("kafka",), kind="task"),
        python("migrations", "creates tables", "db", "migrate", needs=("postgres",), kind="task"),
    ]
    group = settings.topic_prefix.removesuffix(".")
    for job in JOBS:
        joined = probes.GroupMember(settings.kafka, f"{group}-{job}")
        specs.append(
            python(
                job,
                f"Faust worker {job}",
                "worker",
                job,
                "--instance",
                f"{job}-1",  # a restart takes its partitions back at once; the old process is surely gone
                needs=("topics",),
                prepare=joined.forget,
                ready=joined,
                stop_limit_s=8.0,
                ready_limit_s=90.0,  # the worker's own watchdog speaks after 60 s, and says why
                blames={UNANSWERED: "kafka"},
            )
        )
    specs.append(
        python(
            "recorder",
            "streams to TimescaleDB",
            "recorder",
            needs=("topics", "migrations"),
            ready=probes.recorder_holds_lock(settings.database_url),
        )
    )
    specs.append(
        python(
            "gateway",
            "pages, API, live websocket",
            "gateway",
            needs=("topics", "migrations"),
            ready=probes.http_ok(f"http://{settings.http_host}:{settings.http_port}/healthz"),
        )
    )
    specs.append(python("notifier", "CAP, webhooks and e-mail", "notifier", needs=("migrations",), stop_limit_s=5.0))
    if demo:
        needs = (*JOBS, "recorder", "gateway")
        specs.append(python("simulator", "simulated feeds", "sim", "run", "live", needs=needs, stop_limit_s=4.0))
    return tuple(specs)


def kafka_spec(kafka: Kafka) -> ProcessSpec:
    """Kafka as a process of the plan."""
    return ProcessSpec(
        "kafka",
        kafka.argv,
        "Apache Kafka, KRaft",
        cwd=kafka.folder,
        prepare=kafka.prepare,
        ready=kafka.answers,
        stop_limit_s=9.0,
    )


def postgres_spec(postgres: Postgres) -> ProcessSpec:
    """PostgreSQL as a process of the plan. SIGINT is its fast shutdown: it does not wait for clients."""
    return ProcessSpec(
        "postgres",
        postgres.argv,
        "PostgreSQL with TimescaleDB",
        cwd=Path("/"),
        prepare=postgres.prepare,
        ready=postgres.answers,
        stop_signal=signal.SIGINT,
        stop_limit_s=9.0,
        death_signal=signal.SIGINT,
        user=postgres.user,
    )
