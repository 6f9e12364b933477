"""The job as ``ioc worker`` runs it: same app, transport, writer and settings; a meter at its two ends."""

from __future__ import annotations

from msgspec import structs

from ioc.domain.profile import Profile
from ioc.pipeline.effects import Step
from stream_jobs.app import JOBS, build
from stream_jobs.measure.meter import MeteredStep
from stream_jobs.measure.task import Parts
from stream_jobs.worker import run_job


def run(parts: Parts) -> int:
    """Run until a signal."""
    spec, attach = JOBS[parts.task.job]
    make = spec.make_step

    def make_step(profile: Profile, topic: str, partition: int) -> Step:
        return MeteredStep(make(profile, topic, partition), parts.meter)

    job = build(structs.replace(spec, make_step=make_step), attach, parts.settings, parts.profile, topics=parts.topics)
    job.write = parts.write
    parts.meter.hold_fetches(set(parts.inputs), lambda: len(job.owned) == len(parts.partitions))
    return run_job(job)
