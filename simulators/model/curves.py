"""Curves through given points, and the kernels that make one thing follow another with a lag."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence


def monotone(points: Sequence[tuple[float, float]], x: float) -> float:
    """Cubic through ``points`` (ascending x, at least two) that never overshoots them; constant outside.

    Slopes after Fritsch and Butland (1984): the weighted harmonic mean of the neighbouring chords, 0 where they
    change sign.
    """
    if x <= points[0][0]:
        return points[0][1]
    if x >= points[-1][0]:
        return points[-1][1]
    i = bisect_right(points, x, key=lambda p: p[0]) - 1
    (x0, y0), (x1, y1) = points[i], points[i + 1]
    h = x1 - x0
    u = (x - x0) / h
    m0, m1 = _slope(points, i), _slope(points, i + 1)
    y = (
        (1 + 2 * u) * (1 - u) ** 2 * y0
        + u * (1 - u) ** 2 * h * m0
        + u * u * (3 - 2 * u) * y1
        + u * u * (u - 1) * h * m1
    )
    return min(max(y, min(y0, y1)), max(y0, y1))  # only rounding can leave the range


def _slope(points: Sequence[tuple[float, float]], i: int) -> float:
    if i == 0 or i == len(points) - 1:
        return 0.0
    (xa, ya), (xb, yb), (xc, yc) = points[i - 1 : i + 2]
    left, right = (yb - ya) / (xb - xa), (yc - yb) / (xc - xb)
    if left * right <= 0:
        return 0.0
    w1, w2 = 2 * (xc - xb) + (xb - xa), (xc - xb) + 2 * (xb - xa)
    return (w1 + w2) / (w1 / left + w2 / right)


def delayed(age: float, lag: float, drain: float) -> float:
    """Share of a unit input that stands there ``age`` after it came in: fills with time constant ``lag``, empties with
    ``drain`` (both above 0, not equal). Two linear reservoirs in series; between 0 and 1, 0 before."""
    if age <= 0:
        return 0.0
    return drain / (drain - lag) * (math.exp(-age / drain) - math.exp(-age / lag))


def gamma_wave(hours: float, rise_h: float, shape: float = 3.0) -> float:
    """Unit hydrograph of a river: gamma-shaped, 1 at its crest ``rise_h`` after the rain, 0 before it."""
    if hours <= 0:
        return 0.0
    x = hours / rise_h
    return math.pow(x * math.exp(1 - x), shape)


def bell(x: float, middle: float, sigma: float) -> float:
    """Gaussian bell of height 1."""
    return math.exp(-(((x - middle) / sigma) ** 2) / 2)
