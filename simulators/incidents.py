"""Incidents: shapes that a scenario adds to the world.

Times are seconds after the start of the scenario; ``every_s`` repeats the shape for ever. Shapes are values: the
world asks them for their effect at an instant.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from simulators.model.rain import Cell, thunder_heading
from simulators.model.river import flood_wave
from simulators.shapes.base import Lat, Length, Lon, Reference, Seconds, Shape, smoothstep
from simulators.shapes.city import Crowd, PowerCut, ReturnTraffic
from simulators.shapes.systems import CyberAttack, DengueOutbreak, LateCases, PlatformOutage, Rumour
from simulators.shapes.water import PipeBurst, RecordedLevels, ReservoirRelease
from simulators.shapes.weather import ForestFire, HeatSpell


class RiverSurge(Shape, frozen=True, kw_only=True, tag="river_surge"):
    """A station climbs smoothly to exactly ``level_m``, stays, and falls back to its calm level.

    Minutes instead of hours: time is compressed so that a demo shows it; marked as such in the scenario files.
    """

    site: str
    level_m: Annotated[float, Meta(ge=-5, le=150)]
    rise_s: Length = 180
    hold_s: Seconds = 300
    fall_s: Length = 180

    def refers(self) -> tuple[Reference, ...]:
        return (Reference("site", ("hydro.level",), self.site),)

    @property
    def length_s(self) -> float:
        return self.rise_s + self.hold_s + self.fall_s

    def weight(self, t_s: float) -> float:
        """0 calm … 1 at the level."""
        phase = self.phase_s(t_s)
        if phase is None:
            return 0.0
        if phase < self.rise_s:
            return smoothstep(phase / self.rise_s)
        if phase <= self.rise_s + self.hold_s:
            return 1.0
        return 1 - smoothstep((phase - self.rise_s - self.hold_s) / self.fall_s)


class FloodWave(Shape, frozen=True, kw_only=True, tag="flood_wave"):
    """A river flood at natural speed: rise of many hours, fall of days, crest at ``crest_m``."""

    site: str
    crest_m: Annotated[float, Meta(ge=-5, le=150)]
    rise_h: Annotated[float, Meta(gt=0, le=240)] = 24
    fall_h: Annotated[float, Meta(gt=0, le=2000)] = 120

    def refers(self) -> tuple[Reference, ...]:
        return (Reference("site", ("hydro.level",), self.site),)

    @property
    def length_s(self) -> float:
        return (self.rise_h + 2 * self.fall_h) * 3600

    def weight(self, t_s: float) -> float:
        """0 calm … 1 at the crest."""
        phase = self.phase_s(t_s)
        return 0.0 if phase is None else flood_wave(phase / 3600, self.rise_h, self.fall_h)


class StormCell(Shape, frozen=True, kw_only=True, tag="storm_cell"):
    """A cell that drifts over (``lon``, ``lat``) and leaves ``depth_mm`` there within ``minutes``."""

    lon: Lon
    lat: Lat
    depth_mm: Annotated[float, Meta(gt=0, le=500)]
    minutes: Annotated[float, Meta(ge=5, le=360)] = 40
    radius_km: Annotated[float, Meta(gt=0, le=50)] = 3

    @property
    def length_s(self) -> float:
        return self.minutes * 60

    def cell(self, start_ms: int) -> Cell:
        """The rain of the occurrence that begins at ``start_ms``."""
        east, north = thunder_heading(0, f"{self.lon}/{self.lat}")
        return Cell(
            start_ms, round(self.length_s * 1000), self.lon, self.lat, east, north, self.radius_km, self.depth_mm
        )


class Jam(Shape, frozen=True, kw_only=True, tag="jam"):
    """Traffic at a counting place slows to ``speed_km_h``."""

    site: str
    speed_km_h: Annotated[float, Meta(gt=0, le=60)] = 8
    minutes: Annotated[float, Meta(gt=0, le=1440)] = 15
    ramp_s: Length = 45

    def refers(self) -> tuple[Reference, ...]:
        return (Reference("site", ("traffic.flow",), self.site),)

    @property
    def length_s(self) -> float:
        return self.minutes * 60 + 2 * self.ramp_s

    def weight(self, t_s: float) -> float:
        """0 free … 1 jammed."""
        phase = self.phase_s(t_s)
        if phase is None:
            return 0.0
        return smoothstep(min(phase / self.ramp_s, (self.length_s - phase) / self.ramp_s))


class Accident(Shape, frozen=True, kw_only=True, tag="accident"):
    """A traffic incident is reported at a counting place, and traffic there slows for a while."""

    site: str
    what: Literal["accident", "breakdown", "wrong_way", "road_closed"] = "accident"
    injured: Annotated[int, Meta(ge=0, le=500)] = 0
    lanes_blocked: Annotated[int, Meta(ge=0, le=12)] = 1
    minutes: Annotated[float, Meta(gt=0, le=1440)] = 8
    speed_km_h: Annotated[float, Meta(gt=0, le=60)] = 18
    text: Annotated[str, Meta(max_length=500)] = ""

    def refers(self) -> tuple[Reference, ...]:
        return (Reference("site", ("traffic.incident",), self.site),)

    @property
    def length_s(self) -> float:
        return self.minutes * 60

    def weight(self, t_s: float) -> float:
        """0 free … 1 slowed by the accident."""
        phase = self.phase_s(t_s)
        if phase is None:
            return 0.0
        return smoothstep(min(phase / 60, (self.length_s - phase) / 60))


class Call(Shape, frozen=True, kw_only=True, tag="call"):
    """An emergency call comes in."""

    number: Literal["113", "114", "115"]
    what: Annotated[str, Meta(min_length=1, max_length=100)]
    priority: Annotated[int, Meta(ge=0, le=9)] = 1
    lon: Lon | None = None
    lat: Lat | None = None
    text: Annotated[str, Meta(max_length=500)] = ""


class SourceLoss(Shape, frozen=True, kw_only=True, tag="source_loss"):
    """Nothing arrives from a centre (or from some of its feeds) for a time; what it measured is lost."""

    centre: str
    for_s: Length
    feeds: tuple[str, ...] = ()  # empty: all

    def refers(self) -> tuple[Reference, ...]:
        return (Reference("centre", ("centre",), self.centre),)

    @property
    def length_s(self) -> float:
        return self.for_s

    def silences(self, centre: str, feed: str, t_s: float) -> bool:
        """True when a message of this centre and feed is lost at ``t_s``."""
        return self.centre == centre and (not self.feeds or feed in self.feeds) and self.phase_s(t_s) is not None


Incident = (
    RiverSurge
    | FloodWave
    | StormCell
    | Jam
    | Accident
    | Call
    | SourceLoss
    | RecordedLevels
    | ReservoirRelease
    | PipeBurst
    | HeatSpell
    | ForestFire
    | PowerCut
    | Crowd
    | ReturnTraffic
    | CyberAttack
    | PlatformOutage
    | LateCases
    | DengueOutbreak
    | Rumour
)
