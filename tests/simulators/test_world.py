from __future__ import annotations

import math
import random
from statistics import fmean, median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators import feeds
from simulators.incidents import Accident, Call, FloodWave, Incident, Jam, RiverSurge, SourceLoss, StormCell
from simulators.local_time import HOUR_MS, day_start_ms, hour_of_day, is_holiday_return, is_office_time, is_return_day
from simulators.model import arrivals, indicators
from simulators.model.river import flood_wave, tide_m
from simulators.world import World
from tests.simulators.small_field import DAY_MS, NOON_MS, profile

YEAR_START = 19_358  # local day number of 2023-01-01
GAUGE = (106.90, 10.93)


def world(*incidents: Incident, seed: int = 2023, start_ms: int = NOON_MS, dropouts: bool = False) -> World:
    small = profile()
    return World(
        seed, feeds.cities(small), feeds.roads(small), start_ms=start_ms, incidents=incidents, dropouts=dropouts
    )


@settings(deadline=None)
@given(st.lists(st.integers(0, 400 * DAY_MS), min_size=2, max_size=8), st.integers(0, 1000))
def test_an_instant_is_the_same_in_whatever_order_it_is_asked(offsets: list[int], shuffle: int) -> None:
    def look(w: World, t_ms: int) -> tuple[object, ...]:
        return (
            w.level_m("BIENHOA", t_ms),
            w.rain_mm("bien-hoa", GAUGE, t_ms - HOUR_MS, t_ms),
            w.flow("bien-hoa", "BH-T2", GAUGE, t_ms),
            w.air("long-khanh", "LK-A1", GAUGE, t_ms),
            w.mishaps("bien-hoa", t_ms - HOUR_MS, t_ms),
            w.indicator("dti_rank", t_ms),
        )

    storm = StormCell(at_s=600, lon=106.9, lat=10.93, depth_mm=40)
    instants = [NOON_MS + offset for offset in offsets]
    one = world(storm)
    expected = {t: look(one, t) for t in instants}
    random.Random(shuffle).shuffle(instants)
    other = world(storm)
    assert {t: look(other, t) for t in instants} == expected


def test_tide_follows_its_formula() -> None:
    january_mean_m = 0.20 + 0.15 * math.cos(2 * math.pi * (21 - 319) / 365.2425)
    assert tide_m(1_674_338_400_000) == pytest.approx(january_mean_m + 0.75 + 0.35 + 0.45 + 0.30, abs=0.003)
    month = [tide_m(NOON_MS + n * 600_000) for n in range(30 * 144)]
    assert fmean(month) == pytest.approx(0.35, abs=0.05)
    year = [tide_m(NOON_MS + n * HOUR_MS) for n in range(365 * 24)]
    assert 1.8 < max(year) < 2.25, "spring tides cross alarm level 1; the record is 2.19 m"
    high_days = {hour // 24 for hour, level_m in enumerate(year) if level_m >= 1.8}
    assert 20 < len(high_days) < 100
    may = [tide_m(day_start_ms(YEAR_START + 120) + n * HOUR_MS) for n in range(60 * 24)]
    assert max(may) < 2.0, "level 2 only from autumn to winter"


def test_calm_levels_stay_below_the_first_alarm() -> None:
    calm = world()
    limits = {"TALAI": 112.0, "PHUHIEP": 104.5, "TRIAN": 61.4}
    for site, limit in limits.items():
        levels = [calm.level_m(site, NOON_MS + n * 6 * HOUR_MS) for n in range(1460)]
        assert max(levels) < limit
    assert min(calm.level_m("TALAI", NOON_MS + n * DAY_MS) for n in range(365)) > 109.0


def test_a_surge_reaches_its_level_at_any_tide_and_leaves() -> None:
    for hour in range(24):
        start_ms = NOON_MS + hour * HOUR_MS
        surge = RiverSurge(at_s=10, site="BIENHOA", level_m=2.3, rise_s=60, hold_s=100, fall_s=60)
        w, calm = world(surge, start_ms=start_ms), world(start_ms=start_ms)
        assert w.level_m("BIENHOA", start_ms + 9_000) == calm.level_m("BIENHOA", start_ms + 9_000)
        assert w.level_m("BIENHOA", start_ms + 100_000) == pytest.approx(2.3)
        assert w.level_m("BIENHOA", start_ms + 231_000) == calm.level_m("BIENHOA", start_ms + 231_000)
        assert w.level_m("TALAI", start_ms + 100_000) == calm.level_m("TALAI", start_ms + 100_000)


def test_a_flood_wave_rises_in_hours_and_falls_in_days() -> None:
    w = world(FloodWave(at_s=0, site="TALAI", crest_m=113.45, rise_h=24, fall_h=120))
    assert w.level_m("TALAI", NOON_MS + 24 * HOUR_MS) == pytest.approx(113.45)
    assert 110.5 < w.level_m("TALAI", NOON_MS + 12 * HOUR_MS) < 113.4
    assert flood_wave(24 + 120, 24, 120) == pytest.approx(0.1, abs=0.01)


def test_repeated_shapes_come_again() -> None:
    jam = Jam(at_s=100, every_s=3600, site="BH-T2", speed_km_h=7, minutes=10)
    w = world(jam)
    for repeat in range(3):
        begin_ms = NOON_MS + 100_000 + repeat * 3_600_000
        assert w.flow("bien-hoa", "BH-T2", GAUGE, begin_ms + 300_000).speed_km_h < 9
        assert w.flow("bien-hoa", "BH-T2", GAUGE, begin_ms + 1_500_000).speed_km_h > 15
        assert w.flow("bien-hoa", "BH-T3", GAUGE, begin_ms + 300_000).speed_km_h > 15


def test_traffic_has_two_peaks_and_obeys_greenshields() -> None:
    w = world()
    wednesday = day_start_ms(YEAR_START + 73)  # 2023-03-15
    by_hour = {}
    for quarter in range(96):
        t_ms = wednesday + quarter * 900_000
        flow = w.flow("bien-hoa", "BH-T2", GAUGE, t_ms)
        by_hour[hour_of_day(t_ms)] = flow.intensity_veh_h
        assert 0 < flow.occupancy_ratio < 1
        assert flow.intensity_veh_h > 0
    assert by_hour[7.25] > 1.5 * by_hour[11.0] > 3 * by_hour[3.0]
    assert by_hour[17.25] > 1.5 * by_hour[14.0]
    fast, slow = (w.flow("bien-hoa", "BH-T2", GAUGE, wednesday + h * HOUR_MS) for h in (3, 7))
    assert fast.speed_km_h > slow.speed_km_h
    assert fast.occupancy_ratio < slow.occupancy_ratio


def test_holiday_traffic_returns_on_the_highway_only() -> None:
    w = world()
    may_3 = day_start_ms(YEAR_START + 122) + round(18.5 * HOUR_MS)  # the last day off
    may_2 = may_3 - DAY_MS
    on, off = (
        w.flow("bien-hoa", site, GAUGE, may_3).intensity_veh_h / w.flow("bien-hoa", site, GAUGE, may_2).intensity_veh_h
        for site in ("BH-T1", "BH-T2")
    )
    assert on > 1.3 > 1.15 > off


def test_a_long_holiday_comes_back_heavier_than_a_sunday() -> None:
    sunday, may_3 = YEAR_START + 77, YEAR_START + 122  # 19 March; the last of five days off
    assert [is_return_day(sunday), is_holiday_return(sunday)] == [True, False]
    assert [is_return_day(may_3), is_holiday_return(may_3)] == [True, True]
    assert not is_return_day(YEAR_START + 76), "a Saturday"
    w = world()
    evening = round(18.5 * HOUR_MS)
    on_sunday, after_holiday = (
        w.flow("bien-hoa", "BH-T1", GAUGE, day_start_ms(day) + evening).occupancy_ratio for day in (sunday, may_3)
    )
    assert after_holiday > on_sunday


def test_a_year_of_rain_is_near_the_normals() -> None:
    sums, days = [], []
    for seed in (1, 2, 3):
        w = world(seed=seed)
        daily = [
            w.rain_mm("bien-hoa", GAUGE, day_start_ms(YEAR_START + d), day_start_ms(YEAR_START + d + 1))
            for d in range(365)
        ]
        sums.append(sum(daily))
        days.append(sum(mm > 0.1 for mm in daily))
        assert sum(daily[:90]) < 0.12 * sum(daily), "January to March is dry"
    assert fmean(sums) == pytest.approx(1931, rel=0.3)
    assert fmean(days) == pytest.approx(155.6, rel=0.12)


@settings(deadline=None)
@given(st.integers(0, 2 * DAY_MS), st.integers(1, DAY_MS // 2), st.integers(1, DAY_MS // 2))
def test_rain_sums_add_up(start: int, first: int, second: int) -> None:
    w = world(StormCell(at_s=7200, lon=106.9, lat=10.93, depth_mm=80, minutes=60))
    a, b, c = NOON_MS + start, NOON_MS + start + first, NOON_MS + start + first + second
    whole = w.rain_mm("bien-hoa", GAUGE, a, c)
    assert whole == pytest.approx(w.rain_mm("bien-hoa", GAUGE, a, b) + w.rain_mm("bien-hoa", GAUGE, b, c), abs=1e-6)
    assert whole >= 0


def test_a_storm_cell_leaves_its_depth_where_it_was_put() -> None:
    dry = day_start_ms(YEAR_START + 45)
    w = world(StormCell(at_s=3600, lon=106.9, lat=10.93, depth_mm=45, minutes=25, radius_km=3), start_ms=dry)
    assert w.rain_mm("bien-hoa", GAUGE, dry, dry + 4 * HOUR_MS) == pytest.approx(45, abs=0.5)
    assert w.rain_mm("bien-hoa", (107.2, 10.93), dry, dry + 4 * HOUR_MS) < 1, "not 30 km away"
    assert w.rain_mm("bien-hoa", GAUGE, dry, dry + HOUR_MS) < 0.1, "not before"


def test_air_is_dirtier_in_the_dry_season_and_washed_by_rain() -> None:
    def pm25(day: int, *incidents: Incident) -> float:
        return world(*incidents, start_ms=day_start_ms(day)).air(
            "bien-hoa", "BH-A1", GAUGE, day_start_ms(day) + 2 * HOUR_MS
        )["pm25_ug_m3"]

    dry = median(pm25(YEAR_START + d) for d in range(0, 90))
    wet = median(pm25(YEAR_START + d) for d in range(150, 300))
    assert dry == pytest.approx(32, rel=0.25)
    assert wet == pytest.approx(16, rel=0.3)
    storm = StormCell(at_s=3600, lon=106.9, lat=10.93, depth_mm=45, minutes=30)
    assert pm25(YEAR_START + 45, storm) == pytest.approx(0.6 * pm25(YEAR_START + 45), rel=0.01)


def test_an_accident_is_reported_once_and_slows_its_place() -> None:
    w = world(Accident(at_s=60, every_s=900, site="BH-T3", injured=2, minutes=5, speed_km_h=12))
    found = w.mishaps("bien-hoa", NOON_MS, NOON_MS + 1_000_000)
    scripted = [m for m in found if m.number.startswith("S")]
    assert [(m.time_ms - NOON_MS, m.injured) for m in scripted] == [(60_000, 2), (960_000, 2)]
    assert not [m for m in w.mishaps("long-khanh", NOON_MS, NOON_MS + 1_000_000) if m.number.startswith("S")]
    assert w.flow("bien-hoa", "BH-T3", GAUGE, NOON_MS + 180_000).speed_km_h < 15


def test_a_loss_silences_what_it_names() -> None:
    w = world(
        SourceLoss(at_s=10, for_s=20, centre="long-khanh"),
        SourceLoss(at_s=10, for_s=20, centre="bien-hoa", feeds=("air",)),
    )
    inside, after = NOON_MS + 15_000, NOON_MS + 31_000
    assert not w.arrives("long-khanh", "heartbeat", inside)
    assert w.arrives("long-khanh", "heartbeat", after)
    assert not w.arrives("bien-hoa", "air", inside)
    assert w.arrives("bien-hoa", "heartbeat", inside)


def test_links_drop_out_about_as_often_as_calibrated() -> None:
    w = world(dropouts=True)
    step_ms, n = 60_000, 400 * 1440
    down = sum(not w.arrives("bien-hoa", "heartbeat", NOON_MS + k * step_ms) for k in range(0, n, 7)) / (n / 7)
    assert down == pytest.approx(6 / (3 * 1440), rel=0.5)
    assert world().arrives("bien-hoa", "heartbeat", NOON_MS)


def test_office_hours_are_those_of_working_days() -> None:
    wednesday = day_start_ms(YEAR_START + 73)
    open_at = [h / 4 for h in range(96) if is_office_time(wednesday + h * 900_000)]
    assert (open_at[0], open_at[-1]) == (7.5, 16.75)
    assert 12.0 not in open_at
    assert not is_office_time(day_start_ms(YEAR_START + 120) + 9 * HOUR_MS), "1 May"


def test_scripted_calls() -> None:
    w = world(Call(at_s=5, every_s=60, number="114", what="fire"))
    times = [t - NOON_MS for t, _, _ in w.scripted_calls(NOON_MS, NOON_MS + 130_000)]
    assert times == [5_000, 65_000, 125_000]


def test_rates_of_reports_follow_the_day() -> None:
    monday = day_start_ms(YEAR_START + 72) - DAY_MS
    day = [arrivals.feedback_shape(monday + q * 900_000, raining=False) for q in range(96)]
    assert fmean(day) == pytest.approx(1.0, abs=0.02)
    assert day[38] > 1.8 > 0.3 > day[12]


def test_indicators_start_from_the_article() -> None:
    article_ms = indicators.REFERENCE_MS
    assert indicators.value(1, "dti_rank", article_ms) == 19
    assert indicators.value(1, "voso_postmart_active_pct", article_ms) == pytest.approx(100 * 76_300 / 125_800, abs=0.3)
    assert indicators.value(1, "floor_products", article_ms) == 200
    for day in (0, 500, 2000):
        t_ms = article_ms + day * DAY_MS
        linked, unlinked = (indicators.value(1, name, t_ms) for name in ("pop_db_linked", "unlinked_databases"))
        assert linked + unlinked == 14
        assert 0 <= indicators.value(1, "dvc_online_pct", t_ms) <= 100


def test_orders_only_grow_within_a_day() -> None:
    midnight = day_start_ms(YEAR_START + 100)
    day = [indicators.value(1, "floor_orders_today", midnight + q * 900_000) for q in range(96)]
    assert day == sorted(day)
    assert day[0] == 0
    assert day[-1] > 40
