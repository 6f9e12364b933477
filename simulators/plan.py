"""A scenario as values: a world, its length and rate, incidents added to it, faults on the way, alerts expected.

The grammar for people is in docs/scenarios.md; reading a file is :mod:`simulators.scenario`, whether it fits a profile
is :mod:`simulators.fit`.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from ioc.domain.times import parse_rfc3339
from simulators.expect import Bounds, Expect, Forbid
from simulators.faults import FAULTS_MAX, Fault
from simulators.incidents import Incident

DURATION_MAX_S = 31_536_000  # a year
RATE_MAX = 100_000
SEED_END = 2**31
START_MIN_MS, START_END_MS = 946_684_800_000, 4_102_444_800_000  # years 2000 to 2099, UTC


class Scenario(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One scenario file.

    Attributes:
        title_vi, title_en: what it shows.
        about_vi, about_en: what to look for, for whoever runs it.
        seed: seed of the world; None takes the installation's (``IOC_SEED``).
        centres: ids to play; None for all of the profile.
        start: ``now``, or an RFC 3339 instant that the event times begin at.
        duration_s: length in event time, seconds; None is endless.
        rate: messages per second in total; None keeps the feeds' own periods.
        feedback_factor, call_factor: scale the calibrated numbers of 1022 reports and emergency calls.
        dropouts: links of centres also fail by chance.
        incident: shapes added to the world.
        fault: what happens to messages on their way, in this order.
        expect: alerts that must appear.
        forbid: alerts that must not.
        alerts: how many there are.
    """

    title_vi: Annotated[str, Meta(min_length=1, max_length=200)]
    title_en: Annotated[str, Meta(min_length=1, max_length=200)]
    about_vi: Annotated[str, Meta(max_length=4000)] = ""
    about_en: Annotated[str, Meta(max_length=4000)] = ""
    seed: Annotated[int, Meta(ge=0, lt=SEED_END)] | None = None
    centres: Annotated[tuple[str, ...], Meta(min_length=1)] | None = None
    start: str = "now"
    duration_s: Annotated[float, Meta(gt=0, le=DURATION_MAX_S)] | None = None
    rate: Annotated[float, Meta(gt=0, le=RATE_MAX)] | None = None
    feedback_factor: Annotated[float, Meta(ge=0, le=10_000)] = 1.0
    call_factor: Annotated[float, Meta(ge=0, le=10_000)] = 1.0
    dropouts: bool = False
    incident: tuple[Incident, ...] = ()
    fault: Annotated[tuple[Fault, ...], Meta(max_length=FAULTS_MAX)] = ()
    expect: tuple[Expect, ...] = ()
    forbid: tuple[Forbid, ...] = ()
    alerts: Bounds = Bounds()

    @property
    def start_ms(self) -> int | None:
        """Fixed start in epoch milliseconds; None for ``now``."""
        return None if self.start == "now" else parse_rfc3339(self.start)

    @property
    def is_judged(self) -> bool:
        """Does it say anything about the alerts of its run?"""
        return bool(self.expect or self.forbid or self.alerts.says_something)
