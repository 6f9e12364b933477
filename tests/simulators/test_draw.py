from __future__ import annotations

from collections import Counter
from statistics import fmean, pstdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.draw import bits, choose, draw, normal, poisson, smooth

SEEDS = st.integers(0, 2**31 - 1)


@settings(deadline=None)
@given(SEEDS, st.lists(st.integers(-(10**12), 10**12), min_size=2, max_size=6))
def test_a_draw_does_not_depend_on_other_draws(seed: int, counters: list[int]) -> None:
    forward = [draw(seed, "x", n) for n in counters]
    backward = [draw(seed, "x", n) for n in reversed(counters)]
    assert forward == backward[::-1]
    assert all(0 <= value < 1 for value in forward)


def test_the_same_on_every_machine() -> None:
    assert bits(2023, "tide", 7) == 6215070032392006028


def test_shapes() -> None:
    assert fmean(draw(1, n) for n in range(4000)) == pytest.approx(0.5, abs=0.02)
    normals = [normal(1, n) for n in range(4000)]
    assert fmean(normals) == pytest.approx(0, abs=0.05)
    assert pstdev(normals) == pytest.approx(1, abs=0.04)
    counts = [poisson(0.7, 1, n) for n in range(4000)]
    assert fmean(counts) == pytest.approx(0.7, abs=0.05)
    assert pstdev(counts) ** 2 == pytest.approx(0.7, abs=0.07)
    assert poisson(0, 1, 1) == 0
    picked = Counter(choose({"a": 3, "b": 1}, 1, n) for n in range(4000))
    assert picked["a"] / 4000 == pytest.approx(0.75, abs=0.03)


@settings(deadline=None)
@given(SEEDS, st.integers(0, 10**13))
def test_smooth_noise_has_no_jumps(seed: int, t_ms: int) -> None:
    assert abs(smooth(seed, "z", t_ms, 60_000) - smooth(seed, "z", t_ms + 1, 60_000)) < 0.01


def test_smooth_noise_keeps_its_size_between_knots() -> None:
    values = [smooth(5, "z", n * 90_000, 60_000) for n in range(4000)]
    assert pstdev(values) == pytest.approx(1, abs=0.05)
