"""Agent of the ``detect`` job: canonical events → rollups, and rules → signals."""

from __future__ import annotations

from typing import Any

import faust

from ioc.adapters.clock import now_ms
from ioc.domain.profile import Profile
from ioc.pipeline.effects import Step
from stream_jobs.job import Job, JobSpec


def make_step(profile: Profile, topic: str, partition: int) -> Step:
    """The pure step of one partition of the canonical events."""
    from ioc.pipeline.detect import DetectPartition

    return DetectPartition(profile, partition)


SPEC = JobSpec(
    name="detect",
    inputs=lambda topics: ("events",),
    state_topic="checkpoints.detect",
    prefixed=True,
    make_step=make_step,
    has_rules=True,
)


def attach(app: faust.App, job: Job, channel: Any) -> None:
    """Register the agent; nothing runs before the app starts."""

    @app.agent(channel, name="detect", concurrency=1)
    async def detect(batches: Any) -> None:
        async for event in batches.noack().events():
            async with job.ending_on_error():
                owned = await job.receive(event)
                if owned is not None:
                    effects = owned.step.step(owned.fresh(event.value), now_ms())
                    await job.perform(owned, event, effects)
