"""Spec of the ``detect`` job: canonical events → rollups, and rules → signals."""

from __future__ import annotations

from ioc.domain.profile import Profile
from ioc.pipeline.effects import Step
from stream_jobs.job import JobSpec


def make_step(profile: Profile, topic: str, partition: int) -> Step:
    """The pure step of one partition of the canonical events."""
    from ioc.pipeline.detect import DetectPartition

    return DetectPartition(profile, partition, watch_intake=True)


SPEC = JobSpec(
    name="detect",
    inputs=lambda topics: ("events",),
    state_topic="checkpoints.detect",
    prefixed=True,
    make_step=make_step,
    has_rules=True,
    knows_lag=True,
    calm_s=1.0,  # rollups and state; what rules say is urgent
)
