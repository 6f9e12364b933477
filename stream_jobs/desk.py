"""Spec of the ``desk`` job: every change of an alert → orders about alerts.

The topic ``desk`` is its checkpoint as well: one input of one partition, so its keys stay as they are. A second worker
stands by.
"""

from __future__ import annotations

from ioc.domain.profile import Profile
from ioc.pipeline.effects import Step
from stream_jobs.job import JobSpec


def make_step(profile: Profile, topic: str, partition: int) -> Step:
    """The pure step; there is one partition."""
    from ioc.pipeline.desk import make_desk

    return make_desk(profile)


SPEC = JobSpec(
    name="desk",
    inputs=lambda topics: ("desk-inputs",),
    state_topic="desk",
    prefixed=False,
    make_step=make_step,
    has_rules=True,
    parts=("suppression", "incidents", "duty"),
)
