"""Water on low spots of the streets: rain fills them with a lag, drains empty them, a high river holds the drains shut.

Modelling choices all, set so that a spot is deeper than 20 cm a few times a year: two reservoirs in series (12–25
minutes to run together, 45–110 minutes to drain), of which the drains carry 8–14 mm without any water showing;
1.2–2.0 cm of depth for each millimetre beyond. A tidal river above 1 m takes away up to half of what drains carry;
above 2.15 m it comes over the bank of every second spot.
"""

from __future__ import annotations

from msgspec import Struct

from simulators.draw import between, draw
from simulators.local_time import MINUTE_MS
from simulators.model.curves import delayed
from simulators.model.river import TIDAL
from simulators.parts.setting import Point, Remembered, Setting, distance_km
from simulators.parts.sky import Sky
from simulators.parts.water import Water

SLOT_MS = 5 * MINUTE_MS
SLOTS = 96  # eight hours: by then a hundredth is left
BANK_M = 2.15


class Spot(Struct, frozen=True):
    """A low spot; ``kernel`` is the share of a slot's rain that still stands there, by age in slots."""

    centre: str
    at: Point
    carried_mm: float
    cm_per_mm: float
    below_bank: bool
    kernel: tuple[float, ...]

    def depth_cm(self, standing_mm: float, river_m: float) -> float:
        """Depth from the water that stands and the level of the river."""
        held = min(1.0, max(0.0, river_m - 1.0))
        depth = max(0.0, standing_mm - self.carried_mm * (1 - 0.5 * held)) * self.cm_per_mm
        return depth + (max(0.0, river_m - BANK_M) * 100 if self.below_bank else 0.0)


class Floods:
    """Depths at the flood spots of the setting (sites of ``flood.spot``)."""

    def __init__(self, setting: Setting, sky: Sky, water: Water) -> None:
        self._sky = sky
        self._water = water
        self._rivers = {
            centre: next((site for site in sites if site in TIDAL), None)
            for centre, sites in setting.points.get("hydro.level", {}).items()
        }
        self.spots = {
            site: _spot(setting.seed, centre, site, at)
            for centre, sites in setting.points.get("flood.spot", {}).items()
            for site, at in sites.items()
        }
        self._rain = Remembered(self._slot_mm, 20_000)
        self._grid = Remembered(self._depth_at, 20_000)

    def depth_cm(self, site: str, t_ms: int) -> float:
        """Depth of water at a spot, centimetres; straight lines between five-minute values."""
        number, rest = divmod(t_ms, SLOT_MS)
        share = rest / SLOT_MS
        return (1 - share) * self._grid((site, number)) + share * self._grid((site, number + 1))

    def standing_mm(self, site: str, t_ms: int) -> float:
        """Millimetres of rain that have run together at a spot and not drained yet, at the last five-minute mark."""
        return self._standing(site, t_ms // SLOT_MS)

    def near(self, centre: str, at: Point, within_km: float) -> tuple[str, ...]:
        """The spots of a centre within a distance."""
        return tuple(
            site for site, spot in self.spots.items() if spot.centre == centre and distance_km(spot.at, at) <= within_km
        )

    def deepest_cm(self, sites: tuple[str, ...], t_ms: int) -> float:
        """Greatest depth at some spots at the last five-minute mark; 0 for none."""
        number = t_ms // SLOT_MS
        return max((self._grid((site, number)) for site in sites), default=0.0)

    def of(self, centre: str) -> tuple[str, ...]:
        """All spots of a centre."""
        return tuple(site for site, spot in self.spots.items() if spot.centre == centre)

    def _depth_at(self, key: tuple[str, int]) -> float:
        site, number = key
        spot = self.spots[site]
        river = self._rivers.get(spot.centre)
        river_m = self._water.level_m(river, number * SLOT_MS) if river is not None else 0.0
        return spot.depth_cm(self._standing(site, number), river_m)

    def _standing(self, site: str, number: int) -> float:
        spot = self.spots[site]
        if not self._sky.rains(spot.centre, (number - SLOTS) * SLOT_MS, number * SLOT_MS):
            return 0.0
        return sum(share * self._rain((site, number - 1 - age)) for age, share in enumerate(spot.kernel))

    def _slot_mm(self, key: tuple[str, int]) -> float:
        site, slot = key
        spot = self.spots[site]
        return self._sky.rain_mm(spot.centre, spot.at, slot * SLOT_MS, (slot + 1) * SLOT_MS)


def _spot(seed: int, centre: str, site: str, at: Point) -> Spot:
    lag_min = between(12, 25, seed, "flood/lag", site)
    drain_min = between(45, 110, seed, "flood/drain", site)
    return Spot(
        centre,
        at,
        between(8, 14, seed, "flood/carried", site),
        between(1.2, 2.0, seed, "flood/deep", site),
        draw(seed, "flood/bank", site) < 0.5,
        tuple(delayed((age + 0.5) * SLOT_MS / MINUTE_MS, lag_min, drain_min) for age in range(SLOTS)),
    )
