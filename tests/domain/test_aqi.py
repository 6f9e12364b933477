"""Golden values are those printed in Quyết định 1459/QĐ-TCMT, except where the decree contradicts its own formula."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.domain.aqi import BANDS, BREAKPOINTS, INDEX, History, band, hourly, note, nowcast, sub_index
from ioc.domain.windows import HOUR_MS

DECREE_HOURS = [20.6, 19.6, 22.4, 20.3, 16.5, 19.0, 16.5, 19.5, 23.5, 20.5, 24.7, 26.9]
T = 497_000 * HOUR_MS


@pytest.mark.parametrize(
    ("pollutant", "concentration", "index"),
    [
        ("o3_1h", 136.1, 43),
        ("no2", 118.7, 59),  # the decree prints 60; its formula gives 59.35
        ("pm25", 20.3, 41),
        ("o3_8h", 89.3, 45),
        ("o3_1h", 114.6, 36),
        ("no2", 130.8, 65),
        ("pm25", 55.7, 110),
    ],
)
def test_golden_values_of_the_decree(pollutant: str, concentration: float, index: int) -> None:
    assert sub_index(pollutant, concentration) == index


def test_golden_nowcast() -> None:
    cast = nowcast(DECREE_HOURS)
    assert cast is not None
    assert round(cast, 1) == 20.3


def test_the_hour_of_the_decree() -> None:
    history = History({}, {})
    for ago, mean in enumerate(DECREE_HOURS):
        note(history, T - ago * HOUR_MS, mean, None)
    found = hourly({"o3_1h": 136.1, "no2": 118.7}, history, T)
    assert found is not None
    assert (found.index, found.leading, found.provisional) == (59, "no2", False)
    assert found.parts == {"o3_1h": 43, "no2": 59, "pm25": 41}


@pytest.mark.parametrize("pollutant", sorted(BREAKPOINTS))
def test_every_breakpoint_has_its_own_index(pollutant: str) -> None:
    for concentration, index in zip(BREAKPOINTS[pollutant], INDEX, strict=False):
        assert sub_index(pollutant, concentration) == index


@given(st.sampled_from(sorted(BREAKPOINTS)), st.floats(0, 5000), st.floats(0, 5000))
def test_more_is_never_better(pollutant: str, a: float, b: float) -> None:
    low, high = sub_index(pollutant, min(a, b)), sub_index(pollutant, max(a, b))
    if low is not None and high is not None:
        assert low <= high
    else:
        assert high is None


def test_beyond_the_table() -> None:
    assert sub_index("pm25", 1400) == 500
    assert sub_index("o3_8h", 401) is None
    with pytest.raises(ValueError, match="not negative"):
        sub_index("pm25", -1)
    with pytest.raises(KeyError):
        sub_index("radon", 1)


def test_bands_cover_the_scale_without_a_hole() -> None:
    assert [b.least for b in BANDS] == [0, *(b.greatest + 1 for b in BANDS[:-1])]
    assert (band(150).name_vi, band(151).name_vi, band(201).name_en) == ("Kém", "Xấu", "Very bad")


def test_nowcast_needs_two_of_the_latest_three_hours() -> None:
    assert nowcast([30.0, None, None, 30.0, 30.0]) is None
    assert nowcast([30.0, None, 30.0]) == pytest.approx(30.0)
    assert nowcast([]) is None


def test_nowcast_at_the_floor_of_the_weight() -> None:
    """Smallest over greatest under one half: w = 1/2 and the decree's sum without a divisor."""
    means = [10.0 * i for i in range(1, 13)]
    assert nowcast(means) == pytest.approx(sum(0.5 ** (i + 1) * c for i, c in enumerate(means)))
    # With holes the sum alone would halve the air of the two hours that are there.
    assert nowcast([10.0, 100.0]) == pytest.approx((10 + 50) / 1.5)


def test_without_particles_there_is_no_index() -> None:
    assert hourly({"no2": 500.0}, History({}, {}), T) is None


def test_a_new_station_is_provisional_not_silent() -> None:
    history = History({}, {})
    note(history, T, 260.0, None)
    first = hourly({}, history, T)
    assert first is not None
    assert first.provisional
    assert first.index > 300


def test_history_keeps_twelve_hours() -> None:
    history = History({}, {})
    for hour in range(40):
        note(history, T + hour * HOUR_MS, float(hour), None)
    assert sorted(history.pm25.values()) == [float(h) for h in range(28, 40)]
