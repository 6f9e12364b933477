"""Spec of the ``intake`` job: what a centre really sends → canonical events, or ``dead`` with a reason.

Inputs are the raw topics of all centres; they share the checkpoint partitions, hence the prefix in its keys.
"""

from __future__ import annotations

from ioc.domain.profile import Profile
from ioc.pipeline.effects import Step
from stream_jobs.job import JobSpec


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
    has_rules=True,
    tells_progress=True,
)
