"""What every incident shape is made of: units with their ranges, when it begins, whether it comes again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct

Seconds = Annotated[float, Meta(ge=0, le=31_536_000)]
Length = Annotated[float, Meta(gt=0, le=31_536_000)]
Lon = Annotated[float, Meta(ge=-180, le=180)]
Lat = Annotated[float, Meta(ge=-90, le=90)]


class Reference(Struct, frozen=True):
    """A name that a shape takes from the profile: in which of its fields, and what it must be there.

    ``to`` holds event types (a site that reports one of them is meant), or ``("centre",)``, or ``("area",)``.
    """

    field: str
    to: tuple[str, ...]
    name: str


class Shape(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What all incidents share: when they begin, and whether they come again."""

    at_s: Seconds
    every_s: Length | None = None

    @property
    def length_s(self) -> float:
        """From the beginning until nothing of it is left, seconds."""
        return 0.0

    def refers(self) -> tuple[Reference, ...]:
        """What of the profile it names; a scenario that names what is not there is refused."""
        return ()

    def phase_s(self, t_s: float) -> float | None:
        """Seconds into the running occurrence at ``t_s`` after the scenario's start, None between occurrences."""
        since = t_s - self.at_s
        if since < 0:
            return None
        if self.every_s is not None:
            since %= self.every_s
        return since if since <= self.length_s else None

    def begins(self, from_s: float, to_s: float) -> Iterator[tuple[int, float]]:
        """Number and begin of the occurrences that begin in ``[from_s, to_s)``."""
        if self.every_s is None:
            if from_s <= self.at_s < to_s:
                yield 0, self.at_s
            return
        number = max(0, int((from_s - self.at_s) // self.every_s) - 1)  # one early: division may round up
        while (begin := self.at_s + number * self.every_s) < to_s:
            if begin >= from_s:
                yield number, begin
            number += 1

    def ramped(self, t_s: float, ramp_s: float) -> float:
        """0 outside, 1 inside, with a smooth rise and fall of ``ramp_s`` (at most half the length) at the ends."""
        phase = self.phase_s(t_s)
        if phase is None:
            return 0.0
        ramp_s = min(ramp_s, self.length_s / 2)
        if ramp_s <= 0:
            return 1.0
        return smoothstep(min(phase, self.length_s - phase) / ramp_s)


def smoothstep(x: float) -> float:
    """0 below 0, 1 above 1, smooth between."""
    x = min(1.0, max(0.0, x))
    return x * x * (3 - 2 * x)
