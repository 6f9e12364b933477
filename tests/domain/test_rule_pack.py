"""The check of rules, and the rules that come with the product."""

from __future__ import annotations

import msgspec
import pytest

from ioc.adapters.profiles import load_profile
from ioc.domain.catalogue import PAYLOADS
from ioc.domain.profile import Rule
from ioc.domain.rules import problems

PROFILE = load_profile("dongnai-2023")
RULES = {rule.id: rule for rule in PROFILE.rules}


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
    rain = {
        (level.field or RULES["heavy-rain"].field, level.limit, level.priority) for level in RULES["heavy-rain"].levels
    }
    assert rain == {("mm_1h", 25, 3), ("mm_1h", 50, 2), ("mm_24h", 100, 2), ("mm_1h", 100, 1)}
    assert [(level.limit, level.priority) for level in RULES["air-quality"].levels] == [(150, 3), (200, 2), (300, 1)]
    jam = RULES["congestion"]
    assert (jam.direction, jam.levels[0].limit, jam.on_delay_s, jam.levels[0].priority) == ("below", 15, 600, 3)
    assert RULES["source-silent"].after_s == 30


def test_no_station_has_a_stage_that_nobody_verified() -> None:
    limits = {s.id: s.limits for c in PROFILE.centres for s in c.sites if s.limits}
    assert "bd3" not in limits["BIENHOA"]
    assert "bd3" not in limits["PHUHIEP"]
    assert limits["TRIAN"].keys() == {"bd1"}
    assert limits["TALAI"] == {"bd1": 112.0, "bd2": 112.5, "bd3": 113.0}


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
    ],
)
def test_every_mistake_is_named(rule: str, change: dict[str, object], said: str) -> None:
    wrong = msgspec.structs.replace(RULES[rule], **change)
    assert any(said in text for text in problems([wrong])), problems([wrong])


def test_two_rules_of_one_name() -> None:
    assert any("used twice" in text for text in problems([RULES["congestion"], RULES["congestion"]]))


def test_every_rule_is_about_a_known_type() -> None:
    assert {rule.type for rule in PROFILE.rules} <= set(PAYLOADS)
    assert all(isinstance(rule, Rule) for rule in PROFILE.rules)
