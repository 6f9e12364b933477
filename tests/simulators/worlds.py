"""Worlds for the tests of single parts: two cities and the province, with sites of every kind at fixed points."""

from __future__ import annotations

from simulators.incidents import Incident
from simulators.local_time import day_start_ms
from simulators.parts.setting import Point
from simulators.world import World

YEAR_START = 19_358  # local day number of 2023-01-01
CITIES: dict[str, Point] = {"bien-hoa": (106.84, 10.96), "long-khanh": (107.24, 10.93), "tinh": (107.2, 11.2)}
ROADS = {
    "bien-hoa": {"BH-T1": "QL51 – ngã tư Vũng Tàu", "BH-T2": "Đồng Khởi", "BH-T3": "Phạm Văn Thuận"},
    "long-khanh": {"LK-T1": "Hùng Vương"},
}


def _row(name: str, middle: Point, count: int) -> dict[str, Point]:
    """``count`` sites in a row from west to east, about 1.1 km apart, around ``middle``."""
    return {f"{name}{i + 1}": (round(middle[0] + 0.01 * (i - count // 2), 5), middle[1]) for i in range(count)}


def _both(letter: str, in_bien_hoa: int, in_long_khanh: int) -> dict[str, dict[str, Point]]:
    return {
        "bien-hoa": _row(f"BH-{letter}", CITIES["bien-hoa"], in_bien_hoa),
        "long-khanh": _row(f"LK-{letter}", CITIES["long-khanh"], in_long_khanh),
    }


POINTS: dict[str, dict[str, dict[str, Point]]] = {
    "traffic.flow": _both("T", 3, 1),
    "flood.spot": _both("F", 4, 2),
    "power.outage": _both("E", 12, 6),
    "lighting.cabinet": _both("L", 6, 3),
    "water.pressure": _both("W", 4, 2),
    "cctv.analytics": _both("C", 6, 3),
    "forest.fire_level": {"tinh": {"FIRE-735": (107.05, 11.2), "FIRE-736": (107.35, 11.15), "FIRE-734": (107.4, 11.4)}},
    "population.link": {"tinh": {"POP-A": CITIES["tinh"]}},
    "ecommerce.kpi": {"tinh": {"VOSO": CITIES["tinh"]}},
}


def world(*incidents: Incident, seed: int = 2023, start_ms: int | None = None) -> World:
    """A world that starts, unless told otherwise, at the beginning of 15 February 2023, in the dry season."""
    start = day_start_ms(YEAR_START + 45) if start_ms is None else start_ms
    return World(seed, CITIES, ROADS, start_ms=start, incidents=incidents, points=POINTS)
