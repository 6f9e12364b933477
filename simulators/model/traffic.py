"""Traffic at a counting place: two daily peaks, and Greenshields' straight line between density and speed.

Sourced: Greenshields (1935). Modelling choices: the peaks 6:30–8:30 and 16:30–18:30, capacities,
free speeds, the size of the peaks, weekend and holiday factors, the Sunday-evening return on the highway to the
coast, slower driving in rain.
"""

from __future__ import annotations

import math

from msgspec import Struct

from simulators.draw import between, smooth
from simulators.local_time import MINUTE_MS, day_number, hour_of_day, is_day_off, is_holiday_return, is_return_day
from simulators.model.curves import bell

RETURN_SUNDAY, RETURN_HOLIDAY = 0.30, 0.42  # more demand at the height of the return, share of the capacity
CONGESTED_BELOW = 0.4  # a place calls itself congested under this share of its free speed; modelling choice


class Road(Struct, frozen=True):
    """A counting place: free speed, capacity (motorbikes included) and whether holiday traffic returns on it."""

    free_km_h: float
    capacity_veh_h: float
    carries_return: bool


class Flow(Struct, frozen=True):
    """Speed, flow and occupied share of the road at one moment."""

    speed_km_h: float
    intensity_veh_h: float
    occupancy_ratio: float
    congested: bool


def road_of(seed: int, site: str, name: str, near_highway: bool = False) -> Road:
    """Fixed properties of a place; its name or its position tells whether it is on QL51, where holiday traffic
    returns."""
    return Road(
        between(42, 58, seed, "road/free", site),
        between(3000, 8500, seed, "road/capacity", site),
        near_highway or "QL51" in name.upper() or "QL51" in site.upper(),
    )


def demand(seed: int, site: str, road: Road, t_ms: int, extra: float = 0.0) -> float:
    """Share of the capacity that people want to use, 0.03…0.96; ``extra`` is what a scenario adds."""
    hour, day = hour_of_day(t_ms), day_number(t_ms)
    plateau = 1 / (1 + math.exp(-(hour - 6) * 2.5)) - 1 / (1 + math.exp(-(hour - 20.5) * 1.5))
    peaks = 0.48 * bell(hour, 7.25, 35 / 60) + 0.52 * bell(hour, 17.25, 45 / 60)
    share = 0.06 + 0.30 * plateau + (0.45 if is_day_off(day) else 1.0) * peaks
    if road.carries_return and is_return_day(day):
        share += (RETURN_HOLIDAY if is_holiday_return(day) else RETURN_SUNDAY) * bell(hour, 18.5, 1.5)
    share += extra
    share *= 1 + 0.06 * smooth(seed, f"demand/{site}", t_ms, 10 * MINUTE_MS)
    return min(0.96, max(0.03, share))


def flow(road: Road, share: float, rain_mm_h: float, jam: float, jam_km_h: float) -> Flow:
    """State of the place.

    Args:
        road: the place.
        share: demand as a share of the capacity.
        rain_mm_h: rain there; 30 mm/h and more slow free driving by 15 %.
        jam: 0 free … 1 fully jammed.
        jam_km_h: speed when fully jammed.
    """
    free = road.free_km_h * (1 - 0.15 * min(1.0, rain_mm_h / 30))
    speed = free / 2 * (1 + math.sqrt(1 - share))  # free branch of Greenshields: q = cap·(1 − (2v/vf − 1)²)
    if jam > 0 and jam_km_h < speed:
        speed += jam * (jam_km_h - speed)
    density = 1 - speed / free  # as a share of the jam density 4·cap/vf
    intensity = 4 * road.capacity_veh_h / road.free_km_h * density * speed
    return Flow(speed, intensity, density, speed < CONGESTED_BELOW * free)
