"""Sunrise and sunset, for the street lights. Cooper's declination (1969); the equation of time left out (±16 min)."""

from __future__ import annotations

import math

from simulators.local_time import date_of, day_number, hour_of_day

LAT_DEG = 10.95
SOLAR_NOON_H = 11.87  # 106.9° E in a zone centred on 105° E


def night(t_ms: int) -> bool:
    """Is the sun below the horizon at Biên Hòa?"""
    rise_h, set_h = rise_and_set(t_ms)
    return not rise_h <= hour_of_day(t_ms) < set_h


def rise_and_set(t_ms: int) -> tuple[float, float]:
    """Local hours of sunrise and sunset on the day of ``t_ms``."""
    day = date_of(day_number(t_ms)).timetuple().tm_yday
    declination = math.radians(23.45) * math.sin(2 * math.pi * (284 + day) / 365)
    half_h = math.degrees(math.acos(-math.tan(math.radians(LAT_DEG)) * math.tan(declination))) / 15
    return SOLAR_NOON_H - half_h, SOLAR_NOON_H + half_h
