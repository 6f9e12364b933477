"""The check of rules, and the rules that come with the product."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from ioc.adapters.profiles import load_profile
from ioc.domain.absence import ANY_TYPE
from ioc.domain.catalogue import PAYLOADS
from ioc.domain.profile import ChecklistStep, Hours, Kind, Level, Member, Rule
from ioc.domain.rules import problems

PROFILE = load_profile("dongnai-2023")
RULES = {rule.id: rule for rule in PROFILE.rules}
NO_ALERT = {"traffic.violation"}  # its rate per hour is looked at, none of its events is an alert


def test_the_pack_is_good_and_complete() -> None:
    assert problems(PROFILE.rules) == []
    assert set(RULES) >= {
        "hydro-level", "heavy-rain", "air-quality", "congestion", "traffic-injury", "emergency-call", "source-silent",
    }  # fmt: skip
    for rule in PROFILE.rules:
        assert rule.guidance_vi
        assert rule.guidance_en


def test_thresholds_are_those_of_the_sources() -> None:
    river = {(level.name, level.limit_from, level.priority) for level in RULES["hydro-level"].levels}
    assert river == {("BĐ1", "bd1", 3), ("BĐ2", "bd2", 2), ("BĐ3", "bd3", 1)}
    assert RULES["hydro-level"].deadband == 0.05
    heavy = RULES["heavy-rain"]
    rain = {(level.field or heavy.field, level.within_s / 3600, level.limit, level.priority) for level in heavy.levels}
    assert rain == {("mm_1h", 0, 25, 3), ("mm_1h", 12, 50, 2), ("mm_24h", 0, 100, 2), ("mm_1h", 3, 100, 1)}
    assert (heavy.covers_s, heavy.inclusive) == (3600, False)
    assert [(level.limit, level.priority) for level in RULES["air-quality"].levels] == [(150, 3), (200, 2), (300, 1)]
    jam = RULES["congestion"]
    assert (jam.direction, jam.levels[0].limit, jam.on_delay_s, jam.levels[0].priority) == ("below", 15, 600, 3)
    assert RULES["source-silent"].after_s == 30
    rise = RULES["hydro-rise"]
    assert (rise.levels[0].limit, rise.per_s, rise.levels[0].priority) == (0.3, 3600, 2)
    assert "BIENHOA" not in rise.sites  # the tide rises as fast twice a day
    surge = RULES["feedback-surge"]
    assert (surge.levels[0].limit, surge.within_s, surge.scope, surge.object) == (5, 3600, "area", ("field",))
    late = RULES["feedback-overdue"]
    assert (late.match, late.priority) == ({"state": "overdue"}, 3)
    adjacent = RULES["congestion-adjacent"]
    assert (adjacent.members, adjacent.priority) == ((Member(rule="congestion", objects=2, near_m=2000),), 2)
    assert RULES["one-stop-late-share"].levels[0].priority == 3
    assert RULES["kpi-below-target"].levels[0].priority == 4
    assert RULES["verification-drop"].levels[0].limit == -4.0


def steps(rule: str) -> list[tuple[float | str | None, int]]:
    return [(level.limit if level.limit is not None else level.limit_from, level.priority)
            for level in RULES[rule].levels]  # fmt: skip


def test_thresholds_and_priorities_of_the_whole_catalogue_are_the_proposed_ones() -> None:
    assert steps("tide-crest") == [("bd1", 3), ("bd2", 2)]
    assert steps("flood-spot") == [(20, 3), (40, 2)]
    assert (steps("power-outage"), RULES["power-outage"].inclusive) == ([(1000, 2)], False)
    assert RULES["power-outage"].field == "unplanned_customers"
    low = RULES["water-pressure-low"]
    assert (steps(low.id), low.direction, low.on_delay_s) == ([(1.0, 3)], "below", 1800)
    assert (RULES["water-burst"].priority, RULES["water-burst"].match) == (2, {"burst": True})
    camera = RULES["camera-fire"]
    assert (camera.priority, camera.match["confidence_ratio"]) == (1, {"min": 0.8})
    assert "chờ xác nhận" in camera.title_vi
    assert steps("forest-fire-danger") == [(4, 3), (5, 2)]
    assert steps("forest-hotspot") == [(1, 1)]
    assert [level for _, level in steps("dengue-outbreak")] == [3]
    assert steps("dengue-surge") == [(3.0, 2)]
    assert steps("social-burst") == [(4.0, 3)]
    assert [level for _, level in steps("one-stop-overdue")] == [4]
    assert [level for _, level in steps("floor-down")] == [3]
    cyber = {level.match["kind"]: level.priority for level in RULES["cyber-alarm"].levels}
    assert cyber == {"defacement": 1, "malware_beacon": 2}
    assert RULES["cyber-alarm"].cap.category == ("Security",)  # CAP has no category for networks
    assert {window.type for window in PROFILE.windows} >= NO_ALERT


@pytest.mark.parametrize("city", ["bien-hoa", "long-khanh"])
def test_street_lights_are_dark_when_more_than_a_fifth_of_the_citys_cabinets_are_off(city: str) -> None:
    one, wide = RULES[f"lights-off-{city}"], RULES[f"lights-off-wide-{city}"]
    centre = next(centre for centre in PROFILE.centres if centre.id == city)
    cabinets = {site.id for site in centre.sites if site.feed == "lighting"}
    assert set(one.sites) == cabinets
    (member,) = wide.members
    assert (member.objects - 1) / len(cabinets) <= 0.2 < member.objects / len(cabinets)
    assert (one.levels[0].priority, wide.priority) == (4, 3)


def test_no_station_has_a_stage_that_nobody_verified() -> None:
    limits = {s.id: s.limits for c in PROFILE.centres for s in c.sites if s.limits}
    assert "bd3" not in limits["BIENHOA"]
    assert "bd3" not in limits["PHUHIEP"]
    assert limits["TRIAN"].keys() == {"bd1"}
    assert limits["TALAI"] == {"bd1": 112.0, "bd2": 112.5, "bd3": 113.0}


_STEP = ChecklistStep(id="call", text_vi="Gọi", text_en="Call")


@pytest.mark.parametrize(
    ("rule", "change", "said"),
    [
        ("hydro-level", {"id": "a|b"}, "must not"),
        ("hydro-level", {"type": "no.such"}, "not in the catalogue"),
        ("hydro-level", {"group": "elsewhere"}, "is not one of"),
        ("hydro-level", {"field": "level_cm"}, "'level_cm' is not in the payload"),
        ("hydro-level", {"title_vi": "{valeu}"}, "{valeu}"),
        ("hydro-level", {"levels": ()}, "never fires"),
        ("hydro-level", {"deadband": -1.0}, "not negative"),
        ("emergency-call", {"hold_s": 0.0}, "never ends"),
        ("emergency-call", {"object": ("street",)}, "'street' is not in the payload"),
        ("traffic-injury", {"match": {"injured": {"least": 1}}}, "min and max"),
        ("source-silent", {"after_s": 0.0}, "needs after_s"),
        ("hydro-level", {"span_s": 60.0}, "span_s has no meaning for the kind threshold"),
        ("hydro-level", {"schedule": (Hours(end="6:00"),)}, "'6:00' is not a time of day"),
        ("hydro-level", {"levels": (Level(name="a", priority=1, limit=1, escalate_after_s=9),)}, "no priority above 1"),
        ("hydro-rise", {"span_s": 0.0}, "needs span_s"),
        (
            "hydro-rise",
            {"levels": (Level(name="a", priority=2, limit=1, field="trend_m_h"),)},
            "only a threshold or a sum has",
        ),
        ("heavy-rain", {"covers_s": 0.0}, "needs covers_s"),
        ("heavy-rain", {"direction": "below"}, 'direction must be "above"'),
        ("heavy-rain", {"levels": (Level(name="a", priority=2, limit=1),)}, "needs a level with within_s"),
        ("heavy-rain", {"levels": (Level(name="a", priority=2, limit=1, within_s=5400),)}, "a whole number of them"),
        ("heavy-rain", {"levels": (Level(name="a", priority=2, limit=1, within_s=90_000),)}, "1 to 24 times covers_s"),
        (
            "heavy-rain",
            {"levels": (Level(name="a", priority=2, limit=1, within_s=3600, field="mm_24h"),)},
            "added up is",
        ),
        ("hydro-level", {"kind": "sum", "covers_s": 60.0}, "level_m may be negative"),
        ("hydro-level", {"levels": (Level(name="a", priority=2, limit=1, within_s=3600),)}, "only a sum has levels"),
        ("one-stop-late-share", {"within_s": 0.0}, "needs within_s"),
        ("one-stop-late-share", {"part": {}}, "needs part"),
        ("one-stop-late-share", {"part": {"stat": "overdue"}}, "'stat' is not in the payload"),
        ("one-stop-late-share", {"count_min": 501}, "count_min of a share is from 1 to 500"),
        ("congestion-adjacent", {"members": (Member(rule="congestion", objects=2, near_m=-1),)}, "not negative"),
        (
            "congestion-adjacent",
            {"members": (Member(rule="congestion", near_m=500), Member(rule="heavy-rain"))},
            "one object has no neighbours",
        ),
        ("source-lag", {"n": 6}, "1 <= n <= of"),
        ("source-lag", {"of": 101}, "1 <= n <= of"),
        ("kpi-below-target", {"direction": "above"}, 'direction must be "below"'),
        ("kpi-below-target", {"type": "rain.gauge"}, "about service.kpi"),
        ("verification-drop", {"deviation_min": 0.0}, "needs deviation_min"),
        ("verification-drop", {"weeks_min": 0}, "weeks_min of at least 1"),
        ("feedback-surge", {"within_s": 0.0}, "needs within_s"),
        ("feedback-surge", {"scope": "centre"}, "scope site or area"),
        ("feedback-surge", {"levels": (Level(name="a", priority=2, limit=2.5),)}, "whole number from 1 to 200"),
        ("feedback-surge", {"deadband": 5.0}, "would never end"),
        ("emergency-call", {"levels": (Level(name="a", priority=2, escalate_after_s=9),)}, "for kinds on a number"),
        ("flood-wave", {"home": ""}, "home names a centre"),
        ("flood-wave", {"scope": "site"}, "scope area, centre or all"),
        ("flood-wave", {"members": (Member(rule="heavy-rain"),)}, "at least two members"),
        ("flood-wave", {"members": (Member(rule="no-such", objects=2),)}, "there is no such rule"),
        ("flood-wave", {"members": (Member(rule="congestion-wide", objects=2),)}, "combination of combinations"),
        ("flood-wave", {"title_vi": "{level_m}"}, "{level_m}"),
        ("flood-wave", {"sites": ("TALAI",)}, "put it on its members"),
        ("hydro-level", {"realarm_s": 59.0}, "realarm_s must be 0 or between 60 and 86400"),
        ("hydro-level", {"realarm_s": -1.0}, "realarm_s must be 0"),
        ("camera-fire", {"checklist": (_STEP, _STEP)}, "two steps have the same id"),
        ("camera-fire", {"checklist": (msgspec.structs.replace(_STEP, id="a b"),)}, "letters, digits, - or _"),
        ("camera-fire", {"checklist": (msgspec.structs.replace(_STEP, text_en=" "),)}, "a text in both languages"),
    ],
)
def test_every_mistake_is_named(rule: str, change: dict[str, object], said: str) -> None:
    wrong = [msgspec.structs.replace(one, **change) if one.id == rule else one for one in PROFILE.rules]
    assert any(said in text for text in problems(wrong)), problems(wrong)


def test_sites_and_centres_that_are_not_in_the_profile_are_named() -> None:
    assert any("no site 'TALAI'" in text for text in problems(PROFILE.rules, {"PHUHIEP"}))
    assert any("no centre 'tinh'" in text for text in problems(PROFILE.rules, None, {"bien-hoa"}))


def test_every_type_has_a_rule_and_every_kind_an_example() -> None:
    sent = {kind for centre in PROFILE.centres for feed in centre.feeds for kind in feed.types}
    assert {rule.type for rule in PROFILE.rules} == (sent - NO_ALERT) | {ANY_TYPE}
    assert {rule.kind for rule in PROFILE.rules} == set(get_args(Kind))


def test_two_rules_of_one_name() -> None:
    assert any("used twice" in text for text in problems([RULES["congestion"], RULES["congestion"]]))


def test_every_rule_is_about_a_known_type() -> None:
    assert {rule.type for rule in PROFILE.rules if rule.kind not in ("absence", "refused")} <= set(PAYLOADS)
    assert all(isinstance(rule, Rule) for rule in PROFILE.rules)
