"""Spec of the ``alerting`` job: signals and commands, in one order per alert → alerts and their log.

The topic ``alerts`` is its checkpoint as well: one input, so its keys stay as they are.
"""

from __future__ import annotations

from ioc.domain.profile import Profile
from ioc.pipeline.effects import Step
from stream_jobs.job import JobSpec


def make_step(profile: Profile, topic: str, partition: int) -> Step:
    """The pure step of one partition of the alert inputs."""
    from ioc.pipeline.alerting import AlertingPartition

    return AlertingPartition(profile, partition)


SPEC = JobSpec(
    name="alerting",
    inputs=lambda topics: ("alert-inputs",),
    state_topic="alerts",
    prefixed=False,
    make_step=make_step,
    has_rules=True,
    parts=("duty",),  # how soon the alert about a signature asks anew
)
