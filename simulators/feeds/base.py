"""What all feeds share: a place that reports, a feed that reports by the clock, and message ids."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Protocol

from msgspec import Struct

from simulators.draw import bits
from simulators.local_time import stamp
from simulators.parts.setting import Point
from simulators.readings import Reading
from simulators.world import World

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
    "traffic.violation": "VIO",
    "cctv.analytics": "CAM",
    "hydro.tide": "TID",
    "flood.spot": "FLD",
    "power.outage": "PWR",
    "water.pressure": "WTR",
    "lighting.cabinet": "LGT",
    "service.case": "CAS",
    "social.mention": "SOC",
    "forest.fire_level": "FIR",
    "health.dengue": "DNG",
    "cyber.soc": "CYB",
    "ecommerce.kpi": "ECO",
    "population.link": "POP",
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

    @property
    def topic(self) -> str:
        """What the site is about: its name, without the words before a colon that say what kind of site it is."""
        return self.name.rpartition(": ")[2]


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

    @property
    def feed(self) -> tuple[str, str]:
        """Centre and feed of the places."""
        place = self._sites[0][0]
        return place.centre, place.feed

    @property
    def gap_ms(self) -> int:
        """Longest time in which none of the places reports."""
        offsets = sorted(offset for _, offset in self._sites)
        return max(after - before for before, after in pairwise([*offsets, offsets[0] + self.period_ms]))

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


Found = tuple[str, int, str, dict[str, Any]]  # site, instant, what tells apart two of the same instant, payload
Look = Callable[[World, str, int, int], list[Found]]  # world, centre, from, to


class ByChance:
    """What happens at some of the places of one centre, whenever it happens.

    Args:
        places: sites that report; what happens at others is left out.
        type_: event type.
        look: everything that happens at the centre in a stretch of time; the same however time is cut.
        per_day: messages a day on average, of one place.
    """

    def __init__(self, places: tuple[Place, ...], type_: str, look: Look, per_day: float) -> None:
        self.type = type_
        self._places = {place.site: place for place in places}
        self._centre = places[0].centre
        self._look = look
        self._per_day = per_day

    @property
    def per_second(self) -> float:
        return self._per_day * len(self._places) / 86_400

    def between(self, world: World, from_ms: int, to_ms: int) -> list[Reading]:
        return [
            make_reading(self._places[site], self.type, t_ms, t_ms, data, suffix)
            for site, t_ms, suffix, data in self._look(world, self._centre, from_ms, to_ms)
            if site in self._places
        ]
