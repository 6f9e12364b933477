"""Incidents: shapes that a scenario adds to the world, each with what it should cause.

Times are seconds after the start of the scenario; ``every_s`` repeats the shape for ever. Shapes are values: the
world asks them for their effect at an instant. The rule names in :func:`expectations` are those of the profile.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, Struct

from simulators.model.rain import Cell, thunder_heading
from simulators.model.river import flood_wave

Seconds = Annotated[float, Meta(ge=0, le=31_536_000)]
Length = Annotated[float, Meta(gt=0, le=31_536_000)]
Lon = Annotated[float, Meta(ge=-180, le=180)]
Lat = Annotated[float, Meta(ge=-90, le=90)]


class Shape(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What all incidents share: when they begin, and whether they come again."""

    at_s: Seconds
    every_s: Length | None = None

    @property
    def length_s(self) -> float:
        """From the beginning until nothing of it is left, seconds."""
        return 0.0

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


class RiverSurge(Shape, frozen=True, kw_only=True, tag="river_surge"):
    """A station climbs smoothly to exactly ``level_m``, stays, and falls back to its calm level.

    Minutes instead of hours: time is compressed so that a demo shows it; marked as such in the scenario files.
    """

    site: str
    level_m: Annotated[float, Meta(ge=-5, le=150)]
    rise_s: Length = 180
    hold_s: Seconds = 300
    fall_s: Length = 180

    @property
    def length_s(self) -> float:
        return self.rise_s + self.hold_s + self.fall_s

    def weight(self, t_s: float) -> float:
        """0 calm … 1 at the level."""
        phase = self.phase_s(t_s)
        if phase is None:
            return 0.0
        if phase < self.rise_s:
            return _smoothstep(phase / self.rise_s)
        if phase <= self.rise_s + self.hold_s:
            return 1.0
        return 1 - _smoothstep((phase - self.rise_s - self.hold_s) / self.fall_s)


class FloodWave(Shape, frozen=True, kw_only=True, tag="flood_wave"):
    """A river flood at natural speed: rise of many hours, fall of days, crest at ``crest_m``."""

    site: str
    crest_m: Annotated[float, Meta(ge=-5, le=150)]
    rise_h: Annotated[float, Meta(gt=0, le=240)] = 24
    fall_h: Annotated[float, Meta(gt=0, le=2000)] = 120

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

    @property
    def length_s(self) -> float:
        return self.minutes * 60 + 2 * self.ramp_s

    def weight(self, t_s: float) -> float:
        """0 free … 1 jammed."""
        phase = self.phase_s(t_s)
        if phase is None:
            return 0.0
        return _smoothstep(min(phase / self.ramp_s, (self.length_s - phase) / self.ramp_s))


class Accident(Shape, frozen=True, kw_only=True, tag="accident"):
    """A traffic incident is reported at a counting place, and traffic there slows for a while."""

    site: str
    what: Literal["accident", "breakdown", "wrong_way", "road_closed"] = "accident"
    injured: Annotated[int, Meta(ge=0, le=500)] = 0
    lanes_blocked: Annotated[int, Meta(ge=0, le=12)] = 1
    minutes: Annotated[float, Meta(gt=0, le=1440)] = 8
    speed_km_h: Annotated[float, Meta(gt=0, le=60)] = 18
    text: Annotated[str, Meta(max_length=500)] = ""

    @property
    def length_s(self) -> float:
        return self.minutes * 60

    def weight(self, t_s: float) -> float:
        """0 free … 1 slowed by the accident."""
        phase = self.phase_s(t_s)
        if phase is None:
            return 0.0
        return _smoothstep(min(phase / 60, (self.length_s - phase) / 60))


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

    @property
    def length_s(self) -> float:
        return self.for_s

    def silences(self, centre: str, feed: str, t_s: float) -> bool:
        """True when a message of this centre and feed is lost at ``t_s``."""
        return self.centre == centre and (not self.feeds or feed in self.feeds) and self.phase_s(t_s) is not None


Incident = RiverSurge | FloodWave | StormCell | Jam | Accident | Call | SourceLoss


class Expectation(Struct, frozen=True, kw_only=True):
    """What an occurrence should cause: an alert of ``rule`` between two times after its begin.

    ``site`` is empty when the incident does not fix it. Whether the alert comes also depends on the profile's
    limits: a surge below the first level causes none.
    """

    rule: str
    site: str
    after_s: float
    within_s: float


def expectations(incident: Incident) -> tuple[Expectation, ...]:
    """The alerts that one occurrence should cause."""
    match incident:
        case RiverSurge():
            top_s = incident.rise_s
            return (Expectation(rule="hydro-level", site=incident.site, after_s=0, within_s=top_s + 120),)
        case FloodWave():
            return (Expectation(rule="hydro-level", site=incident.site, after_s=0, within_s=incident.rise_h * 3600),)
        case StormCell():
            return (Expectation(rule="heavy-rain", site="", after_s=0, within_s=incident.length_s + 120),)
        case Jam():
            return (Expectation(rule="congestion", site=incident.site, after_s=0, within_s=incident.length_s),)
        case Accident():
            if incident.what != "accident" or incident.injured == 0:
                return ()
            return (Expectation(rule="traffic-injury", site=incident.site, after_s=0, within_s=30),)
        case Call():
            return (Expectation(rule="emergency-call", site="", after_s=0, within_s=30),)
        case SourceLoss():
            if incident.feeds and "heartbeat" not in incident.feeds:
                return ()
            return (Expectation(rule="source-silent", site="", after_s=20, within_s=incident.for_s),)


def _smoothstep(x: float) -> float:
    x = min(1.0, max(0.0, x))
    return x * x * (3 - 2 * x)
