"""Values of the Common Alerting Protocol: read from rules, merged by level, carried by alerts."""

from __future__ import annotations

from msgspec.structs import replace

from ioc.adapters.profiles import load_profile
from ioc.domain.cap import Cap, GivenCap, merged
from ioc.domain.profile import Level
from ioc.domain.tables import read_struct
from ioc.pipeline.runner import Runner
from tests.pipeline.small_province import PROFILE, S, T, river


def test_a_level_replaces_single_values_of_its_rule() -> None:
    rule = GivenCap(category=("Met",), urgency="Expected", severity="Moderate", certainty="Observed")
    assert merged(rule, None) == Cap(category=("Met",), urgency="Expected", severity="Moderate", certainty="Observed")
    assert merged(rule, GivenCap(severity="Extreme")).severity == "Extreme"
    assert merged(rule, GivenCap(category=("Fire", "Rescue"))).category == ("Fire", "Rescue")
    assert merged(GivenCap(), None) == Cap(
        category=("Other",), urgency="Unknown", severity="Unknown", certainty="Unknown"
    )


def test_a_word_that_is_not_in_the_code_list_is_a_mistake() -> None:
    for cap in ({"category": ["Weather"]}, {"urgency": "Soon"}, {"severity": "severe"}, {"certainty": "Sure"}):
        problems: list[str] = []
        assert read_struct(Level, {"name": "a", "priority": 1, "cap": cap}, "levels[0]", problems) is None
        [problem] = problems
        assert problem.startswith(f"levels[0].cap.{next(iter(cap))}")


def test_the_alert_carries_the_values_of_its_newest_level() -> None:
    level = next(rule for rule in PROFILE.rules if rule.id == "level")
    levels = (level.levels[0], replace(level.levels[1], cap=GivenCap(severity="Severe")))
    rule = replace(level, levels=levels, cap=GivenCap(category=("Met",), severity="Moderate"))
    runner = Runner(replace(PROFILE, rules=(rule,)), T, with_intake=False)
    runner.events([("north/731/river", river("R1", T, 1.9))])
    [alert] = runner.alerts().values()
    assert alert.cap == Cap(category=("Met",), severity="Moderate")
    runner.events([("north/731/river", river("R1", T + 10 * S, 2.1))])
    [alert] = runner.alerts().values()
    assert (alert.level, alert.cap) == ("BĐ2", Cap(category=("Met",), severity="Severe"))
    runner.events([("north/731/river", river("R1", T + 20 * S, 1.0))])
    [alert] = runner.alerts().values()
    assert (alert.active, alert.cap) == (False, Cap(category=("Met",), severity="Severe"))


def test_every_rule_of_the_pack_names_all_four() -> None:
    for rule in load_profile("dongnai-2023").rules:
        for level in rule.levels or (None,):
            cap = merged(rule.cap, None if level is None else level.cap)
            assert rule.cap.category, rule.id
            assert cap.severity != "Unknown", rule.id
            assert cap.certainty != "Unknown", rule.id
