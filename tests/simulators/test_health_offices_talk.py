"""Slow and human things: dengue, desks, platforms, alarms and talk; purity, sums and calibration."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from statistics import fmean, pvariance

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.adapters.profiles import load_profile
from simulators import feeds
from simulators.incidents import StormCell
from simulators.local_time import DAY_MS, HOUR_MS, MINUTE_MS, day_number, day_start_ms, is_day_off, is_office_time
from simulators.parts.health import OTHER_SHARES, WEEK_DAYS, WEEK_ZERO
from simulators.parts.offices import PROCEDURES, Step, add_working_days
from simulators.parts.platforms import FLOORS
from simulators.shapes.city import PowerCut
from simulators.shapes.systems import CyberAttack, DengueOutbreak, LateCases, PlatformOutage, Rumour
from simulators.world import World
from tests.simulators.worlds import YEAR_START, world

DRY_MS = day_start_ms(YEAR_START + 45)  # a Wednesday
AREAS = ("731", *OTHER_SHARES)
ALL = (
    CyberAttack(at_s=9 * 3600, minutes=40),
    LateCases(at_s=0, days=4, share=0.3),
    PlatformOutage(at_s=10 * 3600, site="VOSO", minutes=30),
    DengueOutbreak(at_s=0, area="732", weeks=3),
    Rumour(at_s=8 * 3600, site="MXH-ANNINH"),
    PowerCut(at_s=9 * 3600, site="BH-E4", minutes=100),
)


def at(hour: float) -> int:
    return DRY_MS + round(hour * HOUR_MS)


@settings(deadline=None, max_examples=12)
@given(st.lists(st.integers(0, 20 * HOUR_MS), max_size=4), st.integers(-200, 200), st.integers(0, 99))
def test_neither_the_cut_nor_the_order_makes_a_difference(cuts: list[int], day: int, shuffle: int) -> None:
    start = at(24 * day)
    edges = [start, *(start + cut for cut in sorted(cuts)), start + 20 * HOUR_MS]
    one, other = world(*ALL), world(*ALL)
    whole = [one.cyber.alarms(edges[0], edges[-1]), one.offices.steps("tinh", edges[0], edges[-1])]
    parts = list(enumerate(itertools.pairwise(edges)))
    random.Random(shuffle).shuffle(parts)
    found = {i: [other.cyber.alarms(a, b), other.offices.steps("tinh", a, b)] for i, (a, b) in parts}
    for k, things in enumerate(whole):
        assert [x for i in range(len(parts)) for x in found[i][k]] == things  # type: ignore[attr-defined]

    def look(w: World, t_ms: int) -> tuple[object, ...]:
        talk = [
            (w.talk.mentions_1h(t, t_ms), w.talk.sentiment(t, t_ms), w.talk.reach(t, t_ms)) for t in ("MXH-ANNINH", "x")
        ]
        return (talk, w.health.cases_7d("732", t_ms), w.health.outbreaks("731", t_ms), w.platforms.floor("VOSO", t_ms))

    instants = [edges[0], *edges]
    expected = [look(one, t) for t in instants]
    assert [look(other, t) for t in reversed(instants)] == expected[::-1]


def test_dengue_has_its_season_its_spread_and_its_sums() -> None:
    dry, wet, shares, weeks = [], [], [], []
    for seed in range(14):
        health = world(seed=seed).health
        for week in range((YEAR_START - WEEK_ZERO) // WEEK_DAYS + 1, (YEAR_START - WEEK_ZERO) // WEEK_DAYS + 52):
            total = health.week_total(week)
            monday = WEEK_ZERO + week * WEEK_DAYS
            by_area = {area: sum(health.cases(area, monday + d) for d in range(7)) for area in AREAS}
            assert sum(by_area.values()) == total == sum(health.cases("75", monday + d) for d in range(7))
            month = monday // 1 - YEAR_START
            if 60 <= month < 110:
                dry.append(total)
            elif 250 <= month < 320:
                wet.append(total)
                weeks.append(total)
                shares.append(by_area["731"] / total)
    assert fmean(dry) == pytest.approx(76, rel=0.12)
    assert fmean(wet) == pytest.approx(250, rel=0.12)
    assert 0.21 < fmean(shares) < 0.30
    assert pvariance(weeks) == pytest.approx(250 + 250**2 / 5, rel=0.4), "negative binomial, k = 5"


def test_five_months_of_dengue_are_of_the_size_that_was_reported() -> None:
    sums = []
    for seed in range(6):
        health = world(seed=seed).health
        sums.append(sum(health.cases("75", YEAR_START + d) for d in range(151)))
    assert 1500 < fmean(sums) < 2400


def test_an_outbreak_raises_its_area_only() -> None:
    shape = DengueOutbreak(at_s=0, area="732", weeks=6, factor=4, outbreaks=7)
    w, plain = world(shape), world()
    later = at(24 * 21)
    assert w.health.cases_7d("732", later) > 2 * max(1, plain.health.cases_7d("732", later))
    assert w.health.cases_7d("731", later) == plain.health.cases_7d("731", later)
    assert w.health.outbreaks("732", later) >= plain.health.outbreaks("732", later) + 7
    assert w.health.mosquitoes("731", later) > 0
    assert day_number(later) - day_number(DRY_MS) == 21


def test_cases_come_in_office_hours_and_are_done_in_time_but_for_two_in_a_hundred() -> None:
    steps = []
    days = 0
    w = world()
    for day in range(60, 130):
        if not is_day_off(YEAR_START + day):
            days += 1
        for centre in ("bien-hoa", "long-khanh", "tinh"):
            steps += w.offices.steps(centre, day_start_ms(YEAR_START + day), day_start_ms(YEAR_START + day + 1))
    states = Counter(step.state for step in steps)
    assert states["received"] / days == pytest.approx(400, rel=0.03)
    assert states["overdue"] / states["received"] == pytest.approx(0.02, rel=0.2)
    assert states["supplement"] > 0
    assert states["withdrawn"] / states["received"] == pytest.approx(0.01, rel=0.35)
    assert (states["done"] + states["withdrawn"]) / states["received"] == pytest.approx(1, rel=0.05), (
        "all come to an end"
    )
    for step in steps:
        assert is_office_time(step.time_ms) or step.state == "overdue", step
        assert step.received_ms <= step.time_ms
        assert not is_day_off(day_number(step.due_ms))
        if step.state == "done":
            assert (step.late_days == 0) == (step.time_ms <= step.due_ms)
    terms = Counter(step.procedure for step in steps if step.state == "received")
    assert set(terms) == set(PROCEDURES)
    online = Counter(step.online for step in steps if step.state == "received")
    assert 0.15 < online["fully"] / states["received"] < 0.40


def test_every_case_has_one_beginning_and_one_end() -> None:
    w = world()
    ends: Counter[tuple[int, str]] = Counter()
    first, last = YEAR_START + 60, YEAR_START + 62
    for day in range(first, last + 75):
        for step in w.offices.steps("bien-hoa", day_start_ms(day), day_start_ms(day + 1)):
            if first <= day_number(step.received_ms) <= last and step.state in ("done", "withdrawn"):
                ends[(step.received_ms, step.number)] += 1
    begun = {
        (s.received_ms, s.number)
        for s in w.offices.steps("bien-hoa", day_start_ms(first), day_start_ms(last + 1))
        if s.state == "received"
    }
    assert set(ends) == begun
    assert set(ends.values()) == {1}


def test_every_case_is_taken_up_between_its_beginning_and_its_end() -> None:
    w = world()
    told: dict[tuple[int, str], list[Step]] = {}
    first = YEAR_START + 60
    for day in range(first, first + 75):
        for step in w.offices.steps("bien-hoa", day_start_ms(day), day_start_ms(day + 1)):
            if day_number(step.received_ms) == first:
                told.setdefault((step.received_ms, step.number), []).append(step)
    assert len(told) > 100
    for steps in told.values():
        words = [step.state for step in sorted(steps, key=lambda step: step.time_ms)]
        assert words[:2] == ["received", "processing"], words
        assert words.count("processing") == 1
        assert words[-1] in ("done", "withdrawn")


def test_offices_that_fall_behind_are_late_with_what_is_due_then() -> None:
    shape = LateCases(at_s=0, days=3, share=0.5, load=2, centre="bien-hoa")
    w, plain = world(shape), world()
    span = (DRY_MS, DRY_MS + 3 * DAY_MS - HOUR_MS)

    def count(where: World, centre: str, state: str) -> int:
        return sum(step.state == state for step in where.offices.steps(centre, *span))

    assert count(w, "bien-hoa", "overdue") > 8 * max(1, count(plain, "bien-hoa", "overdue"))
    assert count(w, "bien-hoa", "received") == pytest.approx(2 * count(plain, "bien-hoa", "received"), rel=0.15)
    assert count(w, "tinh", "overdue") == count(plain, "tinh", "overdue")


def test_working_days_skip_tet() -> None:
    thursday = (day_start_ms(YEAR_START + 18) + 7 * HOUR_MS) // DAY_MS  # 19 January 2023, the last day before Tết
    assert not is_day_off(thursday)
    assert add_working_days(thursday, 1) - thursday == 8
    assert add_working_days(thursday + 1, 0) == thursday + 8


def test_floors_start_from_the_article_and_orders_only_grow_within_a_day() -> None:
    w = world(start_ms=day_start_ms(YEAR_START + 59))
    first = {
        site: w.platforms.floor(site, day_start_ms(YEAR_START + 59) + HOUR_MS) for site in ("VOSO", "POSTMART", "SAN")
    }
    assert first["VOSO"].accounts + first["POSTMART"].accounts == 125_800
    assert first["VOSO"].active_accounts + first["POSTMART"].active_accounts == 76_300
    assert 1_080 <= first["VOSO"].listings + first["POSTMART"].listings <= 1_100
    assert (first["SAN"].accounts, first["SAN"].listings) == (25, 202)
    day = [w.platforms.floor("VOSO", at(q / 6)).orders_today for q in range(144)]
    assert day == sorted(day)
    assert day[0] == 0
    ends = [w.platforms.floor("VOSO", at(24 * d + 23.99)).orders_today for d in range(60)]
    assert fmean(ends) == pytest.approx(FLOORS["VOSO"].orders_per_day, rel=0.06)


def test_a_platform_that_is_down_says_so_and_takes_no_orders() -> None:
    w = world(
        PlatformOutage(at_s=20 * 3600, site="VOSO", minutes=60), PlatformOutage(at_s=36_000, site="POP-A", minutes=30)
    )
    during = at(20.5)
    assert w.platforms.floor("VOSO", during).available_ratio == 0
    assert 0 < w.platforms.floor("VOSO", at(20) + 2 * MINUTE_MS).available_ratio < 1
    assert w.platforms.floor("VOSO", at(20.3)).orders_today == w.platforms.floor("VOSO", at(20.95)).orders_today
    link = w.platforms.link("POP-A", at(10.2))
    assert (link.verifications_h, link.latency_ms, link.failure_ratio) == (0, None, 1)


def test_links_work_in_office_hours_and_seldom_fail() -> None:
    w = world()
    by_hour = [w.platforms.link("POP-A", at(h)) for h in range(24)]
    assert by_hour[9].verifications_h > 5 * by_hour[3].verifications_h
    month = [w.platforms.link("POP-A", DRY_MS + k * 20 * MINUTE_MS) for k in range(60 * 72)]
    down = fmean(link.failure_ratio == 1 for link in month)
    assert down == pytest.approx(15 / (21 * 1440), rel=1.0)
    assert fmean(link.failure_ratio or 0 for link in month if link.failure_ratio != 1) < 0.01
    assert 200 < fmean(link.latency_ms for link in month if link.latency_ms is not None) < 450


def test_alarms_are_mostly_low_and_come_in_clusters() -> None:
    severities: Counter[str] = Counter()
    per_quarter: list[int] = []
    for seed in range(8):
        w = world(seed=seed)
        alarms = w.cyber.alarms(at(0), at(24 * 12))
        severities.update(a.severity for a in alarms)
        quarter = Counter((a.time_ms - at(0)) // (15 * MINUTE_MS) for a in alarms)
        per_quarter += [quarter[k] for k in range(12 * 96)]
        assert [a.time_ms for a in alarms] == sorted(a.time_ms for a in alarms)
    total = sum(severities.values())
    assert severities["low"] / total == pytest.approx(0.95, abs=0.01)
    assert total / (8 * 12) == pytest.approx(24 * (2 + 0.25 * 5), rel=0.1)
    assert pvariance(per_quarter) > 2 * fmean(per_quarter), "bursty: far from Poisson"


def test_an_attack_is_told_by_its_kind_and_begins_with_its_severity() -> None:
    attack = CyberAttack(at_s=9 * 3600, what="defacement", severity="critical", asset="SRV-WEB-CONG", minutes=30)
    w, plain = world(attack), world()
    more = [a for a in w.cyber.alarms(at(9), at(10)) if a.index.startswith("S")]
    assert more[0].time_ms == at(9)
    assert (more[0].severity, more[0].kind, more[0].asset) == ("critical", "defacement", "SRV-WEB-CONG")
    assert {a.severity for a in more} == {"critical", "high"}
    assert len(more) == pytest.approx(30 * 4 * (1 - 1 / 6), rel=0.35)
    assert [a for a in w.cyber.alarms(at(9), at(10)) if a not in more] == plain.cyber.alarms(at(9), at(10))


def test_floods_and_outages_are_talked_about_with_a_bad_tone() -> None:
    storm = StormCell(at_s=16 * 3600, lon=106.84, lat=10.96, depth_mm=90, minutes=50, radius_km=5)
    wet, dry = world(storm), world()
    ordinary = [dry.talk.mentions_1h("MXH-MOITRUONG", at(24 * d + 18)) for d in range(40)]
    z = (wet.talk.mentions_1h("MXH-MOITRUONG", at(18)) - fmean(ordinary)) / max(1.0, pvariance(ordinary) ** 0.5)
    assert z > 4, "a burst by the catalogue's rule"
    assert wet.talk.sentiment("MXH-MOITRUONG", at(18)) < -0.3 < dry.talk.sentiment("MXH-MOITRUONG", at(18))
    assert wet.talk.mentions_1h("MXH-YTE", at(18)) == dry.talk.mentions_1h("MXH-YTE", at(18))
    cut = world(PowerCut(at_s=9 * 3600, site="BH-E4", minutes=120))
    assert cut.talk.mentions_1h("MXH-DICHVUCONG", at(11)) > dry.talk.mentions_1h("MXH-DICHVUCONG", at(11)) + 8
    rumour = world(Rumour(at_s=8 * 3600, site="MXH-ANNINH", mentions_h=400, minutes=240))
    assert rumour.talk.mentions_1h("MXH-ANNINH", at(10.5)) > 300
    assert rumour.talk.reach("MXH-ANNINH", at(10.5)) > 300


def test_indicators_say_what_floors_and_links_report() -> None:
    named = feeds.world_of(load_profile("dongnai-2023", with_rules=False), 5)
    evening = at(20)
    assert (
        named.indicator("floor_orders_today", evening) == named.platforms.floor("FLOOR-DONGNAI", evening).orders_today
    )
    assert named.indicator("voso_postmart_active_pct", evening) == pytest.approx(60.65, abs=0.2)
    links = named.setting.points["population.link"]["tinh"]
    linked = [site for site in links if named.platforms.linked(site, evening)]
    assert len(linked) == named.indicator("pop_db_linked", evening)
    assert not {"POP-DATDAI", "POP-THUTUC"} & set(linked), "the article: procedures and land are not linked yet"
    asked = sum(named.platforms.link(site, at(9.5)).verifications_h for site in linked)
    assert named.indicator("pop_db_verifications_h", at(9.5)) == pytest.approx(asked, abs=1)
    assert named.indicator("dti_rank", evening) == 19
    assert world().indicator("floor_products", evening) >= 200
