"""Agent of the ``intake`` job: what a centre really sends → canonical events, or ``dead`` with a reason.

Inputs are the raw topics of all centres; they share the checkpoint partitions, hence the prefix in its keys.
"""

from __future__ import annotations

from typing import Any

import faust

from ioc.adapters.clock import now_ms
from ioc.domain.profile import Profile
from ioc.pipeline.effects import Step
from stream_jobs.job import Job, JobSpec


def make_step(profile: Profile, topic: str, partition: int) -> Step:
    """The pure step of one partition of one centre's raw topic."""
    from ioc.pipeline.intake import IntakePartition

    return IntakePartition(profile, topic.removeprefix("raw."), partition)


SPEC = JobSpec(
    name="intake",
    inputs=lambda topics: tuple(topics.raw.values()),
    state_topic="checkpoints.intake",
    prefixed=True,
    make_step=make_step,
)


def attach(app: faust.App, job: Job, channel: Any) -> None:
    """Register the agent; nothing runs before the app starts."""

    @app.agent(channel, name="intake", concurrency=1)
    async def intake(batches: Any) -> None:
        async for event in batches.noack().events():
            async with job.ending_on_error():
                owned = await job.receive(event)
                if owned is not None:
                    effects = owned.step.step(owned.fresh(event.value), now_ms())
                    await job.perform(owned, event, effects)
