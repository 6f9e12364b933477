"""What all feeds share: a place that reports, a feed that reports by the clock, and message ids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from msgspec import Struct

from simulators.draw import bits
from simulators.local_time import stamp
from simulators.readings import Reading
from simulators.world import Point, World

TYPE_CODES = {
    "traffic.flow": "TRF",
    "traffic.incident": "INC",
    "rain.gauge": "RAI",
    "hydro.level": "HYD",
    "air.quality": "AIR",
    "feedback.1022": "FBK",
    "emergency.call": "EMG",
    "service.kpi": "KPI",
    "source.heartbeat": "HBT",
}


class Place(Struct, frozen=True, kw_only=True):
    """A site of the profile as the feeds need it; ``at`` is (lon, lat)."""

    centre: str
    feed: str
    site: str
    area: str
    name: str
    at: Point
    target: float | None = None  # of an indicator
    unit: str = ""


class Source(Protocol):
    """One kind of message of one feed."""

    @property
    def per_second(self) -> float:
        """Messages per second on average."""
        ...

    def between(self, world: World, from_ms: int, to_ms: int) -> list[Reading]:
        """Messages with ``from_ms <= time < to_ms``, in any order; the same however the time is cut."""
        ...


Sample = Callable[[World, Place, int], dict[str, Any]]


def message_id(place: Place, type_: str, t_ms: int, suffix: str = "") -> str:
    """For instance ``BH-HYD-BIENHOA-20261124T031530200Z``: centre, kind, site, instant (UTC)."""
    centre = "".join(part[0] for part in place.centre.split("-")).upper()
    code = TYPE_CODES.get(type_, type_.split(".")[0].upper())
    return f"{centre}-{code}-{place.site}-{stamp(t_ms)}{'-' + suffix if suffix else ''}"


def make_reading(place: Place, type_: str, t_ms: int, seq: int, data: dict[str, Any], suffix: str = "") -> Reading:
    """A reading of ``place`` with its deterministic id."""
    return Reading(
        centre=place.centre,
        feed=place.feed,
        site=place.site,
        area=place.area,
        type=type_,
        time_ms=t_ms,
        seq=seq,
        data=data,
        id=message_id(place, type_, t_ms, suffix),
    )


class Periodic:
    """Every place reports once per period, each at its own offset, so that the load is even.

    Args:
        places: who reports.
        type_: event type.
        sample: payload of a place at an instant.
        period_ms: time between two messages of a place, at least 1.
        seed: fixes the offsets.
    """

    def __init__(self, places: tuple[Place, ...], type_: str, sample: Sample, period_ms: int, seed: int) -> None:
        self.type = type_
        self.period_ms = period_ms
        self._sample = sample
        self._sites = [(place, bits(seed, "offset", place.site, type_) % period_ms) for place in places]

    @property
    def per_second(self) -> float:
        return len(self._sites) * 1000 / self.period_ms

    def between(self, world: World, from_ms: int, to_ms: int) -> list[Reading]:
        period = self.period_ms
        found = []
        for place, offset in self._sites:
            number = -((offset - from_ms) // period)  # first number whose instant is not before from_ms
            t_ms = offset + number * period
            while t_ms < to_ms:
                found.append(self.reading(world, place, t_ms, number))
                number += 1
                t_ms += period
        return found

    def reading(self, world: World, place: Place, t_ms: int, seq: int) -> Reading:
        """The message of one place at one instant; ``seq`` counts periods since 1970."""
        data = self._sample(world, place, t_ms)
        if self.type == "source.heartbeat":
            data["seq"] = seq
        return make_reading(place, self.type, t_ms, seq, data)
