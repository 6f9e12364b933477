"""A storm over a city: what it causes, in order, and what a year of weather leaves at the calibrated means."""

from __future__ import annotations

import random
from statistics import fmean, median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.adapters.profiles import load_profile
from simulators import feeds
from simulators.incidents import StormCell
from simulators.local_time import DAY_MS, HOUR_MS, MINUTE_MS, day_start_ms, hour_of_day
from simulators.model import power as power_model
from simulators.model.places import on_ql51
from simulators.model.sun import night, rise_and_set
from simulators.parts.floods import SLOT_MS
from simulators.shapes.city import Crowd, PowerCut, ReturnTraffic
from simulators.shapes.water import PipeBurst, ReservoirRelease
from simulators.world import World
from tests.simulators.worlds import CITIES, POINTS, YEAR_START, world

DRY_MS = day_start_ms(YEAR_START + 45)
FOUR_PM = 16 * 3600
MIDDLE = CITIES["bien-hoa"]
STORM = StormCell(at_s=FOUR_PM, lon=106.84, lat=10.96, depth_mm=90, minutes=50, radius_km=5)
SPOTS = tuple(POINTS["flood.spot"]["bien-hoa"])


def at(hour: float) -> int:
    return DRY_MS + round(hour * HOUR_MS)


@settings(deadline=None, max_examples=15)
@given(st.lists(st.integers(0, 60 * DAY_MS), min_size=2, max_size=5), st.integers(0, 99))
def test_the_order_of_asking_makes_no_difference(offsets: list[int], shuffle: int) -> None:
    def look(w: World, t_ms: int) -> tuple[object, ...]:
        return (
            [w.floods.depth_cm(site, t_ms) for site in SPOTS],
            [w.power.supply("bien-hoa", feeder, t_ms) for feeder in w.power.feeders["bien-hoa"]],
            w.networks.cabinet("bien-hoa", "BH-L1", MIDDLE, t_ms),
            w.networks.pressure("bien-hoa", "BH-W1", MIDDLE, t_ms),
            w.flow("bien-hoa", "BH-T2", MIDDLE, t_ms),
            w.mishaps("bien-hoa", t_ms - HOUR_MS, t_ms),
        )

    shapes = (
        STORM,
        PowerCut(at_s=3600, every_s=86_400, site="BH-E3", minutes=90),
        PipeBurst(at_s=0, every_s=40_000, site="BH-W1", minutes=60),
    )
    instants = [DRY_MS + offset for offset in offsets]
    one, other = world(*shapes), world(*shapes)
    expected = {t: look(one, t) for t in instants}
    random.Random(shuffle).shuffle(instants)
    assert {t: look(other, t) for t in instants} == expected


@settings(deadline=None, max_examples=20)
@given(st.integers(-DAY_MS, 3 * DAY_MS), st.lists(st.integers(0, 2 * DAY_MS), max_size=4))
def test_however_time_is_cut_the_same_things_happen(start: int, cuts: list[int]) -> None:
    w = world(STORM, PowerCut(at_s=3600, every_s=20_000, site="BH-E3", minutes=90))
    edges = [DRY_MS + start, *(DRY_MS + start + cut for cut in sorted(cuts)), DRY_MS + start + 2 * DAY_MS]
    for ask in (w.power.outages, w.mishaps):
        pieces = [x for a, b in zip(edges, edges[1:], strict=False) for x in ask("bien-hoa", a, b)]  # noqa: RUF007
        assert pieces == ask("bien-hoa", edges[0], edges[-1])


def test_water_stands_after_the_rain_and_drains() -> None:
    w, dry = world(STORM), world()
    assert max(dry.floods.depth_cm(site, at(16 + q / 12)) for site in SPOTS for q in range(60)) == 0
    site = max(SPOTS, key=lambda s: max(w.floods.depth_cm(s, at(16 + q / 12)) for q in range(60)))
    depths = [w.floods.depth_cm(site, at(16 + q / 12)) for q in range(120)]
    assert depths[0] == 0
    assert max(depths) > 40
    rain = [w.sky.rain_mm_h("bien-hoa", POINTS["flood.spot"]["bien-hoa"][site], at(16 + q / 12)) for q in range(120)]
    assert depths.index(max(depths)) > rain.index(max(rain)), "deepest after the heaviest rain"
    assert depths[-1] == 0


def test_what_has_drained_is_what_has_fallen() -> None:
    w = world(STORM)
    for site in SPOTS:
        spot = w.floods.spots[site]
        fell = w.rain_mm("bien-hoa", spot.at, at(15), at(18))
        assert fell > 5
        standing = [w.floods.standing_mm(site, at(15) + n * SLOT_MS) for n in range(30 * 12)]
        drain_slots = sum(spot.kernel)  # what one millimetre leaves in the drains' books
        assert sum(standing) / drain_slots == pytest.approx(fell, rel=1e-6)
        assert max(standing) < fell


def test_a_spot_floods_a_few_times_a_year() -> None:
    deep = []
    for seed in (1, 2, 3):
        w = world(seed=seed)
        wet = [
            day
            for day in range(YEAR_START, YEAR_START + 365)
            if w.rain_mm("bien-hoa", MIDDLE, day_start_ms(day), day_start_ms(day + 1)) >= 15
        ]
        for site in SPOTS:
            hours = [
                [w.floods.depth_cm(site, day_start_ms(day) + q * HOUR_MS // 3) for q in range(39, 90)] for day in wet
            ]
            deep.append(sum(max(depths) >= 20 for depths in hours))
    assert 1 <= fmean(deep) <= 12


def test_a_storm_slows_traffic_beyond_the_rain_and_causes_incidents() -> None:
    w, dry = world(STORM), world()
    road = POINTS["traffic.flow"]["bien-hoa"]["BH-T2"]
    evening = [at(16.5 + q / 6) for q in range(12)]
    slowest = min(w.flow("bien-hoa", "BH-T2", road, t).speed_km_h for t in evening)
    assert slowest < 15 < min(dry.flow("bien-hoa", "BH-T2", road, t).speed_km_h for t in evening)
    wet = sum(len(world(STORM, seed=s).mishaps("bien-hoa", at(16), at(19))) for s in range(120))
    plain = sum(len(world(seed=s).mishaps("bien-hoa", at(16), at(19))) for s in range(120))
    assert wet > 1.3 * plain


def test_a_storm_means_more_outages_than_the_same_evening_without() -> None:
    def faults(*shapes: StormCell) -> int:
        found = 0
        for seed in range(60):
            outages = world(*shapes, seed=seed).power.outages("bien-hoa", at(16), at(18))
            found += sum(not o.planned for o in outages)
        return found

    assert faults(STORM) > 4 * max(1, faults())


def test_feeders_in_deep_water_are_switched_off_and_come_back() -> None:
    w = world(STORM)
    deep = [q for q in range(72) if w.floods.deepest_cm(SPOTS, at(16 + q / 12)) >= power_model.DEEP_CM]
    assert deep, "this storm makes deep water"
    out = [q for q in range(144) if w.power.without("bien-hoa", at(16 + q / 12)) > 0]
    assert set(deep) & set(out)
    assert w.power.without("bien-hoa", at(12)) == 0
    assert world().power.without("bien-hoa", at(17)) == 0


def test_outages_of_many_years_are_near_the_calibration() -> None:
    years, sustained, short, planned, minutes = 0.0, 0, 0, 0, []
    for seed in range(2):
        w = world(seed=seed)
        years += 18 * 364 / 365.25
        for centre in ("bien-hoa", "long-khanh"):
            for o in w.power.outages(centre, day_start_ms(YEAR_START), day_start_ms(YEAR_START + 364)):
                if o.planned:
                    planned += 1
                elif o.number.startswith("sh"):
                    short += 1
                else:
                    sustained += 1
                    minutes.append((o.end_ms - o.time_ms) / MINUTE_MS)
    for count, per_year in ((sustained, 2.2 * 1.06), (short, 1.1 * 1.06), (planned, 1.0)):  # storms add about 6 %
        assert abs(count - per_year * years) < 3 * (per_year * years) ** 0.5
    assert median(minutes) == pytest.approx(75, rel=0.25)
    assert fmean(minutes) == pytest.approx(113, rel=0.25)


def test_a_cut_darkens_its_lights_and_weakens_its_water() -> None:
    w, plain = world(PowerCut(at_s=20 * 3600, site="BH-E7", minutes=60)), world()
    spot = POINTS["power.outage"]["bien-hoa"]["BH-E7"]
    during, after = at(20.5), at(21.1)
    supply = w.power.supply("bien-hoa", "BH-E7", during)
    assert supply.unplanned == power_model.customers_of(2023, "BH-E7")
    assert supply.restore_ms == at(21)
    assert not w.power.supply("bien-hoa", "BH-E7", after).out
    assert not w.networks.cabinet("bien-hoa", "x", spot, during).on
    assert w.networks.cabinet("bien-hoa", "x", spot, after).on
    pressures = [world_.networks.pressure("bien-hoa", "x", spot, during).bar for world_ in (w, plain)]
    assert pressures[0] == pytest.approx(0.55 * pressures[1])


def test_lights_follow_the_sun() -> None:
    rise, set_ = rise_and_set(day_start_ms(YEAR_START + 172))
    assert 5.3 < rise < 5.8, "June: about 5:35 at Biên Hòa"
    assert 18.1 < set_ < 18.5
    w = world()
    seen = {hour: w.networks.cabinet("bien-hoa", "BH-L2", MIDDLE, at(hour)) for hour in (0, 3, 9, 12, 15, 20, 23)}
    assert [seen[h].on for h in (9, 12, 15)] == [False] * 3
    assert all(cabinet.off_ratio == 1 for cabinet in seen.values() if not cabinet.on)
    assert [night(at(h)) for h in (0, 12, 20)] == [True, False, True]
    nights = [
        w.networks.cabinet("bien-hoa", site, MIDDLE, day_start_ms(YEAR_START + d) + 22 * HOUR_MS)
        for d in range(120)
        for site in ("BH-L1", "BH-L2")
    ]
    assert 0.97 < fmean(c.on for c in nights) < 1, "it fails now and then"
    assert fmean(c.off_ratio for c in nights if c.on) < 0.2


def test_pressure_has_two_low_points_a_day_and_bursts_are_rare() -> None:
    w = world()
    day = {hour_of_day(at(q / 4)): w.networks.pressure("bien-hoa", "BH-W2", MIDDLE, at(q / 4)) for q in range(96)}
    assert day[6.75].bar < day[3].bar
    assert day[18.5].bar < day[15].bar
    assert day[18.5].flow_m3_h > 2 * day[3].flow_m3_h
    spans = [
        burst
        for seed in range(6)
        for site in POINTS["water.pressure"]["bien-hoa"]
        for burst in world(seed=seed).networks.bursts(
            site, day_start_ms(YEAR_START), day_start_ms(YEAR_START + 3 * 365)
        )
    ]
    assert len(spans) / (6 * 4 * 3) == pytest.approx(1.2, rel=0.25)
    assert median((span.end_ms - span.time_ms) / MINUTE_MS for span in spans) == pytest.approx(180, rel=0.3)
    burst = world(PipeBurst(at_s=3600, site="BH-W2", pressure_bar=0.5, minutes=120))
    assert burst.networks.pressure("bien-hoa", "BH-W2", MIDDLE, at(2)).bar == pytest.approx(0.5)
    assert burst.networks.pressure("bien-hoa", "BH-W2", MIDDLE, at(2)).burst
    assert not burst.networks.pressure("bien-hoa", "BH-W2", MIDDLE, at(1.1)).burst, "nobody knows yet"


def test_crowds_and_the_return_slow_what_they_touch() -> None:
    crowd = Crowd(at_s=19 * 3600, lon=MIDDLE[0], lat=MIDDLE[1], minutes=120, radius_km=0.5)
    busy, calm = world(crowd), world()
    assert busy.flow("bien-hoa", "BH-T2", MIDDLE, at(20)).speed_km_h < 12
    assert calm.flow("bien-hoa", "BH-T2", MIDDLE, at(20)).speed_km_h > 20
    wave = world(ReturnTraffic(at_s=10 * 3600, hours=6, share=0.5))
    more, same = (
        wave.flow("bien-hoa", site, MIDDLE, at(13)).intensity_veh_h
        / calm.flow("bien-hoa", site, MIDDLE, at(13)).intensity_veh_h
        for site in ("BH-T1", "BH-T2")
    )
    assert more > 1.5
    assert same == 1


def test_a_high_river_keeps_the_water_in_the_streets() -> None:
    points = {**POINTS, "hydro.level": {"bien-hoa": {"BIENHOA": MIDDLE}}}
    spill = ReservoirRelease(at_s=0, reservoir="TRIAN", station="BIENHOA", spill_m3_s=8000, hours=72)
    low, high = (
        World(2023, CITIES, start_ms=DRY_MS, incidents=shapes, points=points) for shapes in ((STORM,), (STORM, spill))
    )
    assert high.floods.depth_cm("BH-F3", at(17.5)) > low.floods.depth_cm("BH-F3", at(17.5)) > 0


def test_the_highway_is_known_by_name_or_by_place() -> None:
    assert on_ql51((106.925, 10.88))
    assert not on_ql51((106.84, 10.96))
    w = world(start_ms=day_start_ms(YEAR_START + 122))
    assert [w.roads.road("bien-hoa", site).carries_return for site in ("BH-T1", "BH-T2")] == [True, False]
    named = feeds.world_of(load_profile("dongnai-2023", with_rules=False), 1)
    carries = [
        s
        for s in feeds.roads(load_profile("dongnai-2023"))["bien-hoa"]
        if named.roads.road("bien-hoa", s).carries_return
    ]
    assert carries, "somebody counts the return on QL51"
