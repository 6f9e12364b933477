"""Incident shapes of a city's streets and networks."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from simulators.shapes.base import Lat, Lon, Reference, Shape


class PowerCut(Shape, frozen=True, kw_only=True, tag="power_cut"):
    """A distribution feeder is without power: its customers, the street-light cabinets on it and the pumps near it.

    Attributes:
        site: feeder, a site of ``power.outage``.
        minutes: until power is back.
        planned: announced work instead of a fault.
        cause: what the company gives as the reason.
    """

    site: str
    minutes: Annotated[float, Meta(gt=0, le=10_080)] = 75
    planned: bool = False
    cause: Literal["storm", "equipment", "vehicle", "tree", "overload", "work", "unknown"] = "equipment"

    def refers(self) -> tuple[Reference, ...]:
        return (Reference("site", ("power.outage",), self.site),)

    @property
    def length_s(self) -> float:
        return self.minutes * 60


class Crowd(Shape, frozen=True, kw_only=True, tag="crowd"):
    """Many people gather around a point: cameras within ``radius_km`` count them, roads there slow down.

    Attributes:
        lon, lat: middle.
        people: at the height of it.
        minutes: how long it lasts; people come and go during the first and last quarter.
    """

    lon: Lon
    lat: Lat
    people: Annotated[int, Meta(gt=0, le=100_000)] = 800
    minutes: Annotated[float, Meta(gt=0, le=1440)] = 120
    radius_km: Annotated[float, Meta(gt=0, le=20)] = 1.0

    @property
    def length_s(self) -> float:
        return self.minutes * 60

    def weight(self, t_s: float) -> float:
        """0 nobody … 1 the full crowd."""
        return self.ramped(t_s, self.length_s / 4)


class ReturnTraffic(Shape, frozen=True, kw_only=True, tag="return_traffic"):
    """Holiday traffic comes back: more demand on the roads that carry it (QL51), beyond what the calendar brings.

    Attributes:
        hours: how long the wave lasts, with a smooth rise and fall of a third each.
        share: additional demand at its height, as a share of a road's capacity.
        sites: counting places; empty means every place on QL51.
    """

    hours: Annotated[float, Meta(gt=0, le=48)] = 5
    share: Annotated[float, Meta(gt=0, le=1)] = 0.4
    sites: Annotated[tuple[str, ...], Meta(max_length=100)] = ()

    def refers(self) -> tuple[Reference, ...]:
        return tuple(Reference(f"sites[{i}]", ("traffic.flow",), site) for i, site in enumerate(self.sites))

    @property
    def length_s(self) -> float:
        return self.hours * 3600

    def weight(self, t_s: float) -> float:
        """0 … 1 at its height."""
        return self.ramped(t_s, self.length_s / 3)
