"""Street-light cabinets and the pressure of the water supply; both depend on power.

Modelling choices: a cabinet of 40–80 lamps, of which a few are faulty until the monthly round; it fails by itself once
in 90 days for eight hours on average. A pressure zone has two daily peaks of use, 1.2 bursts a year that take a
median of three hours to repair, and falls to 0.55 of its pressure when its pumps have no power. The owner knows of a
burst after ten minutes.
"""

from __future__ import annotations

import math

from msgspec import Struct

from simulators.draw import between, draw, normal, poisson, smooth
from simulators.local_time import DAY_MS, HOUR_MS, MINUTE_MS, hour_of_day
from simulators.model.curves import bell
from simulators.model.sun import night
from simulators.parts.power import Power
from simulators.parts.setting import Happenings, Point, Setting
from simulators.shapes.base import smoothstep
from simulators.shapes.water import PipeBurst

CABINET_FAILS_EVERY_D, CABINET_REPAIR_H = 90.0, 8.0
BURSTS_PER_YEAR, BURST_MEDIAN_MIN, BURST_SIGMA = 1.2, 180.0, 0.6
BURST_LONGEST_MIN = 1440.0
NO_POWER_SHARE = 0.55
TOLD_AFTER_MS = 10 * MINUTE_MS


class Cabinet(Struct, frozen=True):
    """A street-light cabinet at a moment: ``off_ratio`` of its lamps is dark."""

    on: bool
    off_ratio: float
    faults: int


class Pressure(Struct, frozen=True):
    """A point of the water supply at a moment."""

    bar: float
    flow_m3_h: float
    burst: bool


class Span(Struct, frozen=True):
    """Something that lasts from ``time_ms`` to ``end_ms``."""

    time_ms: int
    end_ms: int


class Networks:
    """Lights and pipes."""

    def __init__(self, setting: Setting, power: Power) -> None:
        self._setting = setting
        self._power = power
        self._failures: Happenings[str, Span] = Happenings(DAY_MS, self._failures_of_day, 1024)
        self._bursts: Happenings[str, Span] = Happenings(DAY_MS, self._bursts_of_day, 1024)
        self._scripted = setting.all_of(PipeBurst)

    def cabinet(self, centre: str, site: str, at: Point, t_ms: int) -> Cabinet:
        """State of a cabinet: on at night when it has power and works."""
        seed = self._setting.seed
        lamps = round(between(40, 80, seed, "lamp/count", site))
        round_, day = divmod(t_ms // DAY_MS + int(draw(seed, "lamp/round", site) * 30), 30)
        faults = sum(draw(seed, "lamp/fault", site, round_, d) < 0.12 for d in range(day + 1))
        broken = any(f.end_ms > t_ms for f in self._failures.between(site, t_ms - DAY_MS, t_ms + 1))
        on = night(t_ms) and not broken and not self._power.dark(centre, at, t_ms)
        return Cabinet(on, min(1.0, faults / lamps) if on else 1.0, faults + broken)

    def pressure(self, centre: str, site: str, at: Point, t_ms: int) -> Pressure:
        """Pressure and flow at a point of the supply."""
        seed, hour = self._setting.seed, hour_of_day(t_ms)
        use = 0.18 + 0.62 * bell(hour, 6.8, 1.2) + 0.75 * bell(hour, 18.6, 1.6) + 0.28 * bell(hour, 12, 2.5)
        use *= 1 + 0.05 * smooth(seed, f"use/{site}", t_ms, 10 * MINUTE_MS)
        bar = between(2.4, 3.4, seed, "pipe/bar", site) - 0.75 * use
        flow = between(120, 420, seed, "pipe/flow", site) * (0.15 + 0.85 * use)
        if self._power.dark(centre, at, t_ms):
            bar, flow = bar * NO_POWER_SHARE, flow * 0.7
        weight, broken_bar, told = self._break(site, t_ms)
        if weight > 0:
            bar += weight * (min(bar, broken_bar) - bar)
            flow *= 1 + 0.7 * weight
        return Pressure(max(0.0, bar), max(0.0, flow), told)

    def bursts(self, site: str, from_ms: int, to_ms: int) -> list[Span]:
        """Bursts by chance that begin in ``[from_ms, to_ms)``."""
        return self._bursts.between(site, from_ms, to_ms)

    def told_since_ms(self, site: str, t_ms: int) -> int | None:
        """When the running burst of a point became known; None when there is none or nobody knows."""
        for burst in self._bursts.between(site, t_ms - DAY_MS, t_ms + 1):
            if burst.time_ms + TOLD_AFTER_MS <= t_ms < burst.end_ms:
                return burst.time_ms + TOLD_AFTER_MS
        for shape in self._scripted:
            phase = shape.phase_s(self._setting.since_s(t_ms))
            if shape.site == site and phase is not None and phase * 1000 >= TOLD_AFTER_MS:
                return t_ms - round(phase * 1000) + TOLD_AFTER_MS
        return None

    def _break(self, site: str, t_ms: int) -> tuple[float, float, bool]:
        """How much a pipe is broken now, the pressure that leaves, and whether the owner knows."""
        for burst in self._bursts.between(site, t_ms - DAY_MS, t_ms + 1):
            if burst.end_ms > t_ms:
                edge_ms = min(t_ms - burst.time_ms, burst.end_ms - t_ms)
                bar = between(0.3, 0.9, self._setting.seed, "burst/bar", site, burst.time_ms)
                return smoothstep(edge_ms / (2 * MINUTE_MS)), bar, t_ms - burst.time_ms >= TOLD_AFTER_MS
        t_s = self._setting.since_s(t_ms)
        for shape in self._scripted:
            phase = shape.phase_s(t_s)
            if shape.site == site and phase is not None:
                return shape.weight(t_s), shape.pressure_bar, phase * 1000 >= TOLD_AFTER_MS
        return 0.0, 0.0, False

    def _failures_of_day(self, site: str, bucket: int) -> list[Span]:
        seed = self._setting.seed
        if draw(seed, "lamp/fails", site, bucket) >= 1 / CABINET_FAILS_EVERY_D:
            return []
        begin_ms = bucket * DAY_MS + int(draw(seed, "lamp/fails/at", site, bucket) * DAY_MS)
        length_h = min(24.0, -math.log(1 - draw(seed, "lamp/fails/for", site, bucket)) * CABINET_REPAIR_H)
        return [Span(begin_ms, begin_ms + round(length_h * HOUR_MS))]

    def _bursts_of_day(self, site: str, bucket: int) -> list[Span]:
        seed, found = self._setting.seed, []
        for index in range(poisson(BURSTS_PER_YEAR / 365.25, seed, "burst", site, bucket)):
            begin_ms = bucket * DAY_MS + int(draw(seed, "burst/at", site, bucket, index) * DAY_MS)
            minutes = BURST_MEDIAN_MIN * math.exp(BURST_SIGMA * normal(seed, "burst/for", site, bucket, index))
            found.append(Span(begin_ms, begin_ms + round(min(BURST_LONGEST_MIN, minutes) * MINUTE_MS)))
        return found
