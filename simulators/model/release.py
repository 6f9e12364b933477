"""What a spill of the reservoir does to its own level and to the tidal station below.

Modelling choices: six hours of travel (and as much smoothing) over about 60 km of river, 0.25 m more at the station
per 1,000 m³/s, as the river is wide and tidal there; a lake of 323 km² (the printed area of Trị An at its normal
level; general knowledge); inflow makes up for what was spilled with a time constant of ten days.
"""

from __future__ import annotations

import math

TRAVEL_H = 6.0
RISE_M_PER_M3_S = 0.00025
LAKE_M2 = 323e6
RECOVERY_H = 240.0


def rise_m(spill_then_m3_s: float) -> float:
    """Metres at the station, from the spill :data:`TRAVEL_H` hours before."""
    return RISE_M_PER_M3_S * spill_then_m3_s


def fall_m(spill_m3_s: float, phase_h: float, hours: float, ramp_h: float) -> float:
    """Metres that the lake has lost ``phase_h`` after a spill of ``hours`` with ramps of ``ramp_h`` began.

    While it spills the loss is what has gone over the gates, by area; afterwards it is made up for.
    """
    if phase_h <= 0:
        return 0.0
    ramp_h = min(ramp_h, hours / 2)
    gone_h = _open_hours(min(phase_h, hours), hours, ramp_h)
    lost = spill_m3_s * gone_h * 3600 / LAKE_M2
    return lost * math.exp(-max(0.0, phase_h - hours) / RECOVERY_H)


def _open_hours(phase_h: float, hours: float, ramp_h: float) -> float:
    """Integral of the gates' opening (smooth ramps up and down) from 0 to ``phase_h``."""

    def ramp(x: float) -> float:
        x = min(1.0, max(0.0, x))
        return ramp_h * (x**3 - x**4 / 2)

    gone = ramp(phase_h / ramp_h) + max(0.0, min(phase_h, hours - ramp_h) - ramp_h)
    if phase_h > hours - ramp_h:
        gone += ramp_h / 2 - ramp((hours - phase_h) / ramp_h)
    return gone
