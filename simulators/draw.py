"""Chance as a pure function: a value depends on the seed and on what it is for, never on what was drawn before.

So the world can be asked for any moment in any order and answers the same (counter-based instead of stateful
random numbers). Hashing is BLAKE2b: stable across Python versions, platforms and processes.
"""

from __future__ import annotations

import math
from functools import lru_cache
from hashlib import blake2b
from random import Random
from statistics import NormalDist

Part = str | int
_NORMAL = NormalDist()
_TINY = 2.0**-53


def bits(seed: int, *parts: Part) -> int:
    """64 random bits that belong to ``seed`` and ``parts``."""
    text = "|".join(map(str, (seed, *parts)))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def draw(seed: int, *parts: Part) -> float:
    """Uniform in ``[0, 1)``."""
    return (bits(seed, *parts) >> 11) * _TINY


def between(low: float, high: float, seed: int, *parts: Part) -> float:
    """Uniform in ``[low, high)``."""
    return low + (high - low) * draw(seed, *parts)


def normal(seed: int, *parts: Part) -> float:
    """Standard normal."""
    return _NORMAL.inv_cdf(draw(seed, *parts) * (1 - 2 * _TINY) + _TINY)


def generator(seed: int, *parts: Part) -> Random:
    """A generator of its own for one purpose, where the shape needs several draws (gamma, triangular)."""
    return Random(bits(seed, *parts))


def poisson(mean: float, seed: int, *parts: Part) -> int:
    """Number of arrivals with the given mean, by inversion; meant for means below about 20, at most 200."""
    if mean <= 0:
        return 0
    u = draw(seed, *parts)
    probability = math.exp(-mean)
    total, n = probability, 0
    while u > total and n < 200:
        n += 1
        probability *= mean / n
        total += probability
    return n


def choose(weights: dict[str, float], seed: int, *parts: Part) -> str:
    """One key, with a chance in proportion to its weight; ``weights`` must not be empty."""
    left = draw(seed, *parts) * sum(weights.values())
    for key, weight in weights.items():
        left -= weight
        if left < 0:
            return key
    return next(reversed(weights))


@lru_cache(maxsize=20_000)  # pure, so a cache changes nothing but the cost; about 2 MB when full
def _knot(seed: int, name: str, index: int) -> float:
    return normal(seed, name, index)


def smooth(seed: int, name: str, t_ms: int, knot_ms: int) -> float:
    """Standard normal noise that is continuous in time: independent values every ``knot_ms``, blended between."""
    index, rest = divmod(t_ms, knot_ms)
    w = rest / knot_ms
    w = w * w * (3 - 2 * w)
    value = (1 - w) * _knot(seed, name, index) + w * _knot(seed, name, index + 1)
    return value / math.sqrt(w * w + (1 - w) * (1 - w))
