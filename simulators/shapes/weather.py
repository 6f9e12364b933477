"""Incident shapes of the weather and of fire."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from simulators.shapes.base import Lat, Lon, Shape


class HeatSpell(Shape, frozen=True, kw_only=True, tag="heat_spell"):
    """Hot, dry and still air over the whole province: no rain by chance, more heat, a rising danger of forest fire,
    worse air.

    Attributes:
        days: how long it lasts; its heat comes and goes within ``ramp_h``.
        plus_c: how much hotter than the season, °C.
        dry_days: days without rain already behind when it begins; they count for the danger of forest fire.
        pm_factor: how many times more fine dust when it is at its worst (inversion, no wind).
        ramp_h: hours of coming and of going.
    """

    days: Annotated[float, Meta(gt=0, le=120)]
    plus_c: Annotated[float, Meta(ge=0, le=15)] = 4
    dry_days: Annotated[int, Meta(ge=0, le=200)] = 0
    pm_factor: Annotated[float, Meta(ge=1, le=20)] = 2.0
    ramp_h: Annotated[float, Meta(gt=0, le=72)] = 6

    @property
    def length_s(self) -> float:
        return self.days * 86_400

    def weight(self, t_s: float) -> float:
        """0 ordinary weather … 1 at its worst."""
        return self.ramped(t_s, self.ramp_h * 3600)


class ForestFire(Shape, frozen=True, kw_only=True, tag="forest_fire"):
    """A fire breaks out: a hot spot for the forest watch, smoke for cameras and air stations near it, calls to 114.

    Attributes:
        lon, lat: where.
        minutes: from ignition until it is out.
        strength: 1 is a fire of one hotspot; 10 is seen from ten kilometres and more.
    """

    lon: Lon
    lat: Lat
    minutes: Annotated[float, Meta(gt=0, le=20_160)] = 240
    strength: Annotated[float, Meta(gt=0, le=50)] = 3

    @property
    def length_s(self) -> float:
        return self.minutes * 60

    def weight(self, t_s: float) -> float:
        """0 no fire … 1 fully ablaze."""
        return self.ramped(t_s, min(1800.0, self.length_s / 4))
