"""Incident shapes of rivers and reservoirs."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from msgspec import Meta

from simulators.model.curves import monotone
from simulators.shapes.base import Length, Reference, Shape, smoothstep

Level = Annotated[float, Meta(ge=-5, le=150)]
Hours = Annotated[float, Meta(ge=0, le=8760)]


class RecordedLevels(Shape, frozen=True, kw_only=True, tag="recorded_levels"):
    """A station follows levels that were recorded, for instance those of a bulletin.

    Between the points the curve is smooth and never leaves the range of its two neighbours, so no level is made up
    that is higher or lower than the record. The calm level leads over into the first point during ``lead_h`` before
    it (from ``at_s`` on), and back after the last one during ``fall_h``.

    Attributes:
        site: station.
        points: ``[hours, level_m]``, hours after the end of ``lead_h``, strictly ascending; 2 to 200 of them.
        lead_h: hours from the calm level to the first point.
        fall_h: hours from the last point back to the calm level.
    """

    site: str
    points: Annotated[tuple[tuple[Hours, Level], ...], Meta(min_length=2, max_length=200)]
    lead_h: Annotated[float, Meta(ge=0, le=720)] = 24
    fall_h: Annotated[float, Meta(ge=0, le=2000)] = 96

    def __post_init__(self) -> None:
        hours = [point[0] for point in self.points]
        if any(b <= a for a, b in pairwise(hours)):
            raise ValueError("points must have strictly ascending hours")

    def refers(self) -> tuple[Reference, ...]:
        return (Reference("site", ("hydro.level",), self.site),)

    @property
    def length_s(self) -> float:
        return (self.lead_h + self.points[-1][0] + self.fall_h) * 3600

    def blend(self, t_s: float) -> tuple[float, float]:
        """Weight 0 calm … 1 recorded, and the recorded level in metres."""
        phase = self.phase_s(t_s)
        if phase is None:
            return 0.0, 0.0
        hours = phase / 3600 - self.lead_h
        first, last = self.points[0], self.points[-1]
        if hours < first[0]:
            return smoothstep(1 + (hours - first[0]) / (self.lead_h + first[0])), first[1]
        if hours > last[0]:
            if self.fall_h == 0:  # by a rounding of the hours
                return 0.0, last[1]
            return 1 - smoothstep((hours - last[0]) / self.fall_h), last[1]
        return 1.0, monotone(self.points, hours)


class ReservoirRelease(Shape, frozen=True, kw_only=True, tag="reservoir_release"):
    """The reservoir spills: its own level falls, and the tidal station below rises some hours later, on top of the
    tide (see :mod:`simulators.model.release` for the lag and the metres per m³/s).

    Attributes:
        reservoir: station of the reservoir, for instance ``TRIAN``.
        station: station below it, for instance ``BIENHOA``.
        spill_m3_s: discharge above the turbines'. On 21 October 2013 Trị An spilled 240 m³/s, turbines 840 m³/s
            (press).
        hours: how long it spills.
        ramp_h: hours of opening, and of closing, the gates.
    """

    reservoir: str
    station: str
    spill_m3_s: Annotated[float, Meta(gt=0, le=20_000)]
    hours: Annotated[float, Meta(gt=0, le=2000)] = 24
    ramp_h: Annotated[float, Meta(gt=0, le=48)] = 2

    def refers(self) -> tuple[Reference, ...]:
        return (
            Reference("reservoir", ("hydro.level",), self.reservoir),
            Reference("station", ("hydro.level",), self.station),
        )

    @property
    def length_s(self) -> float:
        return self.hours * 3600

    def spill(self, t_s: float) -> float:
        """Discharge over the gates at ``t_s``, m³/s."""
        return self.spill_m3_s * self.ramped(t_s, self.ramp_h * 3600)


class PipeBurst(Shape, frozen=True, kw_only=True, tag="pipe_burst"):
    """A water main breaks in a pressure zone: pressure falls to ``pressure_bar``, flow rises, until it is shut off.

    Attributes:
        site: pressure zone.
        minutes: until it is repaired.
        ramp_s: how fast it breaks and comes back.
    """

    site: str
    pressure_bar: Annotated[float, Meta(ge=0, le=10)] = 0.6
    minutes: Annotated[float, Meta(gt=0, le=10_080)] = 180
    ramp_s: Length = 120

    def refers(self) -> tuple[Reference, ...]:
        return (Reference("site", ("water.pressure",), self.site),)

    @property
    def length_s(self) -> float:
        return self.minutes * 60

    def weight(self, t_s: float) -> float:
        """0 sound … 1 broken."""
        return self.ramped(t_s, self.ramp_s)
