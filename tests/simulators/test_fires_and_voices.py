"""Fires, smoke and cameras; reports and calls that have a cause."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.incidents import Accident, StormCell
from simulators.local_time import DAY_MS, HOUR_MS, MINUTE_MS, day_start_ms
from simulators.shapes.city import Crowd, PowerCut
from simulators.shapes.water import PipeBurst
from simulators.shapes.weather import ForestFire, HeatSpell
from simulators.world import World
from tests.simulators.worlds import CITIES, POINTS, YEAR_START, world

DRY_MS = day_start_ms(YEAR_START + 45)
STORM = StormCell(at_s=16 * 3600, lon=106.84, lat=10.96, depth_mm=90, minutes=50, radius_km=5)
FIRE = ForestFire(at_s=10 * 3600, lon=107.05, lat=11.2, minutes=300, strength=6)
CROWD = Crowd(at_s=18 * 3600, lon=106.84, lat=10.96, people=2000, minutes=180)
HALL = (STORM, FIRE, CROWD, PowerCut(at_s=0, every_s=30_000, site="BH-E2", minutes=100))


def at(hour: float) -> int:
    return DRY_MS + round(hour * HOUR_MS)


def asks(w: World) -> list[object]:
    return [
        lambda a, b: w.fires.fires(a, b),
        lambda a, b: w.cameras.sightings("bien-hoa", a, b),
        lambda a, b: w.cameras.violations("bien-hoa", a, b),
        lambda a, b: w.voices.caused_reports("bien-hoa", a, b),
        lambda a, b: w.voices.caused_calls(a, b),
        lambda a, b: w.voices.ordinary_reports("bien-hoa", 600, a, b),
    ]


@settings(deadline=None, max_examples=12)
@given(st.lists(st.integers(0, 6 * HOUR_MS), max_size=4), st.integers(8, 17), st.integers(0, 99))
def test_neither_the_cut_nor_the_order_makes_a_difference(cuts: list[int], hour: int, shuffle: int) -> None:
    edges = [at(hour), *(at(hour) + cut for cut in sorted(cuts)), at(hour + 6)]
    whole = [ask(edges[0], edges[-1]) for ask in asks(world(*HALL))]  # type: ignore[operator]
    other = world(*HALL)
    parts = list(enumerate(itertools.pairwise(edges)))
    random.Random(shuffle).shuffle(parts)
    found: dict[int, list[list[object]]] = {
        index: [ask(a, b) for ask in asks(other)]  # type: ignore[operator]
        for index, (a, b) in parts
    }
    joined = [[x for index in range(len(parts)) for x in found[index][k]] for k in range(len(whole))]
    for k, things in enumerate(whole):
        assert sorted(joined[k], key=repr) == sorted(things, key=repr)
    assert sum(map(len, whole)) > 0


def test_a_fire_is_seen_smelt_and_called_in() -> None:
    near, far = (107.06, 11.2), (106.5, 10.6)
    w, calm = world(FIRE), world()
    assert w.fires.smoke(near, at(12)) > 3
    assert w.fires.smoke(far, at(12)) < 0.001
    assert w.fires.smoke(near, at(16)) == calm.fires.smoke(near, at(16))
    assert w.fires.hotspots_24h("FIRE-735", at(13)) == calm.fires.hotspots_24h("FIRE-735", at(13)) + 6
    assert w.fires.hotspots_24h("FIRE-734", at(13)) == calm.fires.hotspots_24h("FIRE-734", at(13))
    more = w.air("tinh", "x", near, at(12))["pm25_ug_m3"] - calm.air("tinh", "x", near, at(12))["pm25_ug_m3"]
    assert more == pytest.approx(70 * w.fires.smoke(near, at(12)))
    calls = [c for c in w.voices.caused_calls(at(10), at(11)) if c.kind == "forest_fire"]
    assert [(c.number, c.at) for c in calls] == [("114", (107.05, 11.2))]
    cameras = {**POINTS, "cctv.analytics": {"tinh": {"CAM-FOREST": near, "CAM-FAR": far}}}
    sees = World(2023, CITIES, start_ms=DRY_MS, incidents=(FIRE,), points=cameras)
    smoke = [s for s in sees.cameras.sightings("tinh", at(10.5), at(14.5)) if s.kind in ("smoke", "fire")]
    assert len(smoke) > 20
    assert {s.site for s in smoke if s.confidence >= 0.8} == {"CAM-FOREST"}


def test_fires_follow_the_danger() -> None:
    by_season = {"dry": 0, "wet": 0}
    heat = {"dry": 0, "wet": 0}
    for seed in range(6):
        w = world(seed=seed)
        for name, first in (("dry", 32), ("wet", 182)):
            days = range(YEAR_START + first, YEAR_START + first + 80)
            by_season[name] += len(w.fires.fires(day_start_ms(days[0]), day_start_ms(days[-1])))
            heat[name] += sum(w.fires.hotspots_24h("FIRE-735", day_start_ms(day)) for day in days)
    assert by_season["dry"] > 5 * max(1, by_season["wet"])
    assert heat["dry"] > 8 * max(1, heat["wet"])


def test_a_storm_makes_people_report_floods_and_outages() -> None:
    fields: dict[str, Counter[str]] = {"storm": Counter(), "calm": Counter()}
    for seed in range(8):
        for name, shapes in (("storm", (STORM,)), ("calm", ())):
            w = world(*shapes, seed=seed)
            fields[name].update(r.field for r in w.voices.caused_reports("bien-hoa", at(16), at(21)))
    assert fields["storm"]["ngap-nuoc"] / 8 > 10
    assert fields["calm"]["ngap-nuoc"] == 0
    assert fields["storm"]["mat-dien"] > fields["calm"]["mat-dien"]


def test_an_outage_and_a_burst_are_reported_for_a_while() -> None:
    reports = []
    for seed in range(12):
        w = world(
            PowerCut(at_s=9 * 3600, site="BH-E4", minutes=120),
            PipeBurst(at_s=9 * 3600, site="BH-W1", minutes=120),
            seed=seed,
        )
        reports += w.voices.caused_reports("bien-hoa", at(9), at(13))
    fields = Counter(report.field for report in reports)
    assert 2 < fields["mat-dien"] / 12 < 12
    assert 1 < fields["mat-nuoc"] / 12 < 8
    assert not [r for r in reports if r.time_ms > at(11) and r.field in ("mat-dien", "mat-nuoc")]


def test_an_accident_with_injured_people_is_called_in_within_minutes() -> None:
    w = world(Accident(at_s=3600, site="BH-T3", injured=2), Accident(at_s=7200, site="BH-T3", injured=0))
    calls = [c for c in w.voices.caused_calls(at(0.9), at(3)) if c.at == POINTS["traffic.flow"]["bien-hoa"]["BH-T3"]]
    assert len(calls) == 1
    assert 0 < calls[0].time_ms - at(1) <= 4 * MINUTE_MS
    assert (calls[0].number, calls[0].kind) in {("115", "traffic_accident"), ("113", "traffic")}


def test_heat_makes_ill_and_deep_water_needs_rescue() -> None:
    assert world(HeatSpell(at_s=0, days=3, plus_c=4)).voices.illness_factor(at(36)) == pytest.approx(1.2)
    assert world().voices.illness_factor(at(36)) == 1
    deluge = StormCell(at_s=16 * 3600, lon=106.84, lat=10.96, depth_mm=200, minutes=60, radius_km=6)
    rescues = [
        c
        for seed in range(5)
        for c in world(deluge, seed=seed).voices.caused_calls(at(16), at(20))
        if (c.number, c.kind) == ("114", "rescue")
    ]
    assert len(rescues) > 5


def test_cameras_of_an_ordinary_day_and_of_a_holiday() -> None:
    kinds: Counter[str] = Counter()
    days = 0
    for seed in range(5):
        w = world(seed=seed)
        days += 6
        kinds.update(s.kind for s in w.cameras.sightings("bien-hoa", at(0), at(24)))
    assert 0.15 < kinds["littering"] / days < 0.6
    assert kinds["smoke"] / days < 0.2
    holiday = day_start_ms(YEAR_START + 120)  # 1 May
    crowds = {
        name: sum(
            s.kind == "crowd"
            for seed in range(5)
            for s in world(seed=seed).cameras.sightings("bien-hoa", start + 17 * HOUR_MS, start + 22 * HOUR_MS)
        )
        for name, start in (("holiday", holiday), ("working day", holiday + 8 * DAY_MS))
    }
    assert crowds["holiday"] > 4 * max(1, crowds["working day"])
    gathered = [s.people for s in world(CROWD).cameras.sightings("bien-hoa", at(19), at(20)) if (s.people or 0) > 1000]
    assert len(gathered) > 5


def test_violations_follow_the_flow_and_nobody_speeds_in_a_jam() -> None:
    seeds = [world(seed=seed) for seed in range(6)]
    by_hour = [sum(len(w.cameras.violations("bien-hoa", at(h), at(h + 1))) for w in seeds) for h in range(24)]
    assert fmean(by_hour[7:19]) > 4 * fmean(by_hour[0:4])
    vehicles = sum(
        w.flow("bien-hoa", site, spot, at(h + 0.5)).intensity_veh_h
        for w in seeds
        for h in range(24)
        for site, spot in POINTS["traffic.flow"]["bien-hoa"].items()
    )
    assert sum(by_hour) == pytest.approx(vehicles / 3000, rel=0.2)
    found = [v for w in seeds for h in range(24) for v in w.cameras.violations("bien-hoa", at(h), at(h + 1))]
    assert all(v.speed_km_h > v.limit_km_h for v in found if v.rule == "speeding")  # type: ignore[operator]
    assert all(v.speed_km_h is None for v in found if v.rule != "speeding")
    assert len({v.plate_hash for v in found}) == len(found)
    crawl = world(Crowd(at_s=0, lon=106.84, lat=10.96, minutes=1440, people=10, radius_km=15))
    stuck = crawl.cameras.violations("bien-hoa", at(7), at(17))
    assert stuck
    assert not [v for v in stuck if v.rule == "speeding"]
