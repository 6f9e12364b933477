"""What happens twice at the same time and place: two incidents, or two faults, of one kind that overlap.

Of two such shapes nobody can say what comes out: which level a river has that is to stand at two, or whether a camera
is slowed twice. So a scenario with them is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import gcd

from msgspec import Struct

from simulators import faults
from simulators.faults import Fault
from simulators.incidents import Incident

# Which fields of a kind say where it is. An empty value is everywhere, a list every one of its entries.
_WHERE: dict[str, tuple[str, ...]] = {
    "river_surge": ("site",),
    "flood_wave": ("site",),
    "recorded_levels": ("site",),
    "storm_cell": ("lon", "lat"),
    "jam": ("site",),
    "accident": ("site",),
    "call": (),  # has no length: never two at a time
    "source_loss": ("centre", "feeds"),
    "reservoir_release": ("reservoir", "station"),
    "pipe_burst": ("site",),
    "heat_spell": (),  # the whole province
    "forest_fire": ("lon", "lat"),
    "power_cut": ("site",),
    "crowd": ("lon", "lat"),
    "return_traffic": ("sites",),
    "cyber_attack": ("what", "asset"),
    "platform_outage": ("site",),
    "late_cases": ("centre",),
    "dengue_outbreak": ("area",),
    "rumour": ("site",),
}
_FAULT_WHERE = ("centre", "feeds", "sites")
_FAULT_MORE = {"unit_mixup": ("field",), "wrong_centre": ("to",)}
# Repetitions that are compared one by one; of more, it is asked whether they ever meet, also after the end.
COMPARED_MAX = 20_000
ENDLESS_MS = 10**15  # about 30,000 years


class Times(Struct, frozen=True):
    """When something is: milliseconds from the start of the scenario, ``every_ms`` 0 for once."""

    at_ms: int
    length_ms: int
    every_ms: int = 0


def overlapping(first: Times, second: Times, end_ms: int | None) -> bool:
    """Do two things overlap before ``end_ms`` (None: ever)? What ends where the other begins does not."""
    if not first.length_ms or not second.length_ms:
        return False
    seldom, often = sorted((first, second), key=lambda one: one.every_ms or 10**18, reverse=True)
    if not seldom.every_ms:
        return _meets(seldom.at_ms, seldom.length_ms, often, end_ms)
    if end_ms is not None and (end_ms - seldom.at_ms) // seldom.every_ms < COMPARED_MAX:
        return any(
            _meets(at_ms, seldom.length_ms, often, end_ms) for at_ms in range(seldom.at_ms, end_ms, seldom.every_ms)
        )
    step_ms = gcd(seldom.every_ms, often.every_ms)  # in the long run every distance modulo this one occurs
    apart_ms = (often.at_ms - seldom.at_ms) % step_ms
    return apart_ms < seldom.length_ms or step_ms - apart_ms < often.length_ms


def _meets(at_ms: int, length_ms: int, other: Times, end_ms: int | None) -> bool:
    """Does one stretch overlap a thing that may come again?"""
    upto_ms = at_ms + length_ms if end_ms is None else min(at_ms + length_ms, end_ms)
    if upto_ms <= at_ms:
        return False
    begin_ms = other.at_ms
    if other.every_ms and at_ms > begin_ms:
        begin_ms += (at_ms - begin_ms) // other.every_ms * other.every_ms  # the last one that begins not after it
    return (begin_ms < upto_ms and begin_ms + other.length_ms > at_ms) or bool(
        other.every_ms and begin_ms + other.every_ms < upto_ms
    )


def clashes(shapes: Sequence[Incident] | Sequence[Fault], end_ms: int | None) -> Iterator[tuple[int, int]]:
    """Numbers of two incidents, or of two faults, that are of one kind and overlap in time and place.

    Args:
        shapes: incidents, or faults, of one scenario.
        end_ms: the scenario's length; None is endless.
    """
    for (a, one), (b, two) in combinations(enumerate(shapes), 2):
        kind = str(one.__struct_config__.tag)
        if kind != two.__struct_config__.tag or not _same_place(kind, one, two):
            continue
        if overlapping(_times(one, end_ms), _times(two, end_ms), end_ms):
            yield a, b


def _same_place(kind: str, one: Incident | Fault, two: Incident | Fault) -> bool:
    fields = _WHERE.get(kind, (*_FAULT_WHERE, *_FAULT_MORE.get(kind, ())))
    for field in fields:
        here, there = getattr(one, field), getattr(two, field)
        if here in (None, "", ()) or there in (None, "", ()):
            continue
        if isinstance(here, tuple):
            if not set(here) & set(there):
                return False
        elif here != there:
            return False
    return True


def _times(shape: Incident | Fault, end_ms: int | None) -> Times:
    at_ms = round(shape.at_s * 1000)
    if isinstance(shape, faults.Shape):  # without for_s it lasts to the end
        to_end_ms = ENDLESS_MS if end_ms is None else end_ms
        return Times(at_ms, to_end_ms if shape.for_s is None else round(shape.for_s * 1000))
    return Times(at_ms, round(shape.length_s * 1000), round((shape.every_s or 0) * 1000))
