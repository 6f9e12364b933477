from __future__ import annotations

import itertools
import random
from collections import Counter
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.incidents import StormCell
from simulators.local_time import DAY_MS, HOUR_MS, date_of, day_start_ms
from simulators.model import release
from simulators.shapes.water import RecordedLevels, ReservoirRelease
from simulators.shapes.weather import HeatSpell
from simulators.world import World
from tests.simulators.worlds import CITIES, YEAR_START, world

FOREST = (107.2, 11.3)
DRY_MS = day_start_ms(YEAR_START + 45)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, 300 * DAY_MS), min_size=2, max_size=6), st.integers(0, 99))
def test_the_order_of_asking_makes_no_difference(offsets: list[int], shuffle: int) -> None:
    def look(w: World, t_ms: int) -> tuple[object, ...]:
        return (
            w.sky.temp_c("tinh", FOREST, t_ms),
            w.sky.humidity_pct("tinh", FOREST, t_ms),
            w.sky.danger_level("tinh", FOREST, t_ms),
            [w.level_m(site, t_ms) for site in ("TALAI", "TRIAN", "BIENHOA")],
        )

    shapes = (
        StormCell(at_s=600, lon=107.45, lat=11.5, depth_mm=90, minutes=200, radius_km=30),
        HeatSpell(at_s=10 * 86_400, days=5, dry_days=20),
        ReservoirRelease(at_s=3600, reservoir="TRIAN", station="BIENHOA", spill_m3_s=900),
    )
    instants = [DRY_MS + offset for offset in offsets]
    one, other = world(*shapes), world(*shapes)
    expected = {t: look(one, t) for t in instants}
    random.Random(shuffle).shuffle(instants)
    assert {t: look(other, t) for t in instants} == expected


def test_the_year_has_the_season_of_forest_fire() -> None:
    danger: dict[int, list[int]] = {month: [] for month in range(1, 13)}
    for seed in (1, 2, 3, 4):
        w = world(seed=seed)
        for day in range(365):
            t_ms = day_start_ms(YEAR_START + day)
            danger[date_of(YEAR_START + day).month].append(w.sky.danger_level("tinh", FOREST, t_ms))
    assert fmean(danger[2] + danger[3]) > 3.0
    assert fmean(danger[7] + danger[9]) < 1.4
    assert {level for found in danger.values() for level in found} == {1, 2, 3, 4, 5}
    counts = Counter(level >= 4 for month in (6, 7, 8, 9, 10) for level in danger[month])
    assert counts[True] == 0, "no IV or V in the middle of the rainy season"


def test_a_heat_spell_is_hot_dry_and_dangerous() -> None:
    june = day_start_ms(YEAR_START + 160)
    spell = HeatSpell(at_s=0, days=10, plus_c=5, dry_days=22)
    hot, plain = world(spell, start_ms=june), world(start_ms=june)
    noon = june + 5 * DAY_MS + 13 * HOUR_MS
    place = CITIES["tinh"]
    assert hot.sky.temp_c("tinh", place, noon) >= plain.sky.temp_c("tinh", place, noon) + 4.9
    assert hot.sky.danger_level("tinh", place, noon) == 5
    assert plain.sky.danger_level("tinh", place, noon) <= 2
    fell = [
        w.rain_mm("tinh", place, june + d * DAY_MS, june + (d + 1) * DAY_MS) for w in (hot, plain) for d in (3, 4, 5, 6)
    ]
    assert sum(fell[:4]) == 0
    assert sum(fell[4:]) > 0


def test_rain_upstream_comes_down_with_a_lag_and_passes() -> None:
    storm = StormCell(at_s=0, lon=107.45, lat=11.5, depth_mm=200, minutes=300, radius_km=30)
    wet, dry = world(storm), world()
    rise = [wet.level_m("TALAI", DRY_MS + h * HOUR_MS) - dry.level_m("TALAI", DRY_MS + h * HOUR_MS) for h in range(220)]
    crest = rise.index(max(rise))
    assert rise[0] == pytest.approx(0, abs=0.001)
    assert 18 <= crest - 18 <= 30, "counted from the evening of that day"
    assert max(rise) > 0.5
    assert rise[-1] < 0.1 * max(rise)
    assert wet.level_m("PHUHIEP", DRY_MS + 30 * HOUR_MS) > dry.level_m("PHUHIEP", DRY_MS + 30 * HOUR_MS)


def test_a_release_lifts_the_tide_hours_later_and_lowers_the_lake() -> None:
    spill = ReservoirRelease(at_s=0, reservoir="TRIAN", station="BIENHOA", spill_m3_s=1200, hours=24, ramp_h=2)
    opened, shut = world(spill), world()

    def more(site: str, hours: float) -> float:
        t_ms = DRY_MS + round(hours * HOUR_MS)
        return opened.level_m(site, t_ms) - shut.level_m(site, t_ms)

    assert more("BIENHOA", 3) == 0, "the water travels"
    assert more("BIENHOA", 15) == pytest.approx(0.3, abs=0.001)
    assert more("BIENHOA", 40) == 0
    gone_m3 = 1200 * 22 * 3600  # ramps of two hours count half
    assert more("TRIAN", 24) == pytest.approx(-gone_m3 / release.LAKE_M2, rel=1e-6)
    assert more("TRIAN", 12) == pytest.approx(-1200 * 11 * 3600 / release.LAKE_M2, rel=1e-6)
    assert -0.01 < more("TRIAN", 24 * 60) < 0
    assert opened.water.spill_m3_s("TRIAN", DRY_MS + 10 * HOUR_MS) == 1200
    assert opened.water.predicted_m(DRY_MS) == shut.water.predicted_m(DRY_MS)
    assert opened.water.observed_m("BIENHOA", DRY_MS + 15 * HOUR_MS) - shut.water.observed_m(
        "BIENHOA", DRY_MS + 15 * HOUR_MS
    ) == pytest.approx(0.3, abs=0.001)


def test_recorded_levels_are_met_exactly_and_joined_without_a_step() -> None:
    points = ((0.0, 112.9), (10.0, 113.15), (24.0, 113.45), (40.0, 113.2))
    w = world(RecordedLevels(at_s=0, site="TALAI", points=points, lead_h=24, fall_h=96))
    for hours, level_m in points:
        assert w.level_m("TALAI", DRY_MS + round((24 + hours) * HOUR_MS)) == pytest.approx(level_m)
    levels = [w.level_m("TALAI", DRY_MS + q * HOUR_MS // 4) for q in range(-8, 4 * 170)]
    assert max(abs(b - a) for a, b in itertools.pairwise(levels)) < 0.06
    assert max(levels) == pytest.approx(113.45)
    assert levels[-1] < 110.5
