"""Mistakes planted into the rules that come with the product: each is named, at its line, and as many as there are."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from ioc.adapters.profiles import load_profile, profile_folder
from ioc.adapters.rule_files import Mistake, check_content
from ioc.domain.profile import Centre, Profile, Site
from ioc.errors import BadSettings

PACK = profile_folder("dongnai-2023") / "rules.toml"
TEXT = PACK.read_text(encoding="utf-8")
PROFILE = load_profile("dongnai-2023", with_rules=False)


def check(text: str) -> tuple[bool, list[Mistake]]:
    """Is it refused, and what is said."""
    read, mistakes = check_content(Path("rules.toml"), text.encode(), PROFILE)
    return read is None, mistakes


def planted(rule: str, right: str, wrong: str, text: str = TEXT) -> tuple[str, int]:
    """The text with the first ``right`` of a rule replaced, and the line on which the change begins to differ."""
    start = text.index(f'id = "{rule}"')
    at = text.index(right, start)
    assert "[[rules]]" not in text[start:at], f"{right!r} is not in {rule}"
    changed = text[:at] + wrong + text[at + len(right) :]
    pairs = zip(text.split("\n"), changed.split("\n"), strict=False)
    return changed, next(number for number, (one, other) in enumerate(pairs, 1) if one != other)


# rule, what stands there, what is planted, what must be said at exactly that line
NEVER = [
    # values of match that the field never has
    ("emergency-call", 'match = { number = "114" }', 'match = { number = "999" }', "'999' is not one of '113'"),
    ("emergency-call", 'match = { number = "115" }', "match = { number = 115 }", "115 is not one of '113'"),
    ("emergency-call", 'match = { number = "113" }', 'match = { number = ["113", "117"] }', "'117' is not one of"),
    ("emergency-call", 'match = { number = "113" }', "match = { number = [] }", "an empty list matches nothing"),
    ("emergency-call", 'match = { number = "114" }', "match = { kind = { min = 1 } }", "min and max are for numbers"),
    ("emergency-call", 'match = { number = "114" }', "match = { number = { min = 114 } }", "are for numbers"),
    ("emergency-call", 'match = { number = "114" }', "match = { priority = 11 }", "plausible range of 0 to 9"),
    ("emergency-call", 'match = { number = "114" }', "match = { kind = true }", "the field is a text"),
    ("traffic-injury", "injured = { min = 1 }", 'injured = "2"', "the field is a whole number"),
    ("traffic-injury", "injured = { min = 1 }", "injured = 1.5", "the field is a whole number"),
    ("traffic-injury", "injured = { min = 1 }", "injured = true", "the field is a whole number"),
    ("traffic-injury", "injured = { min = 1 }", "injured = { min = 501 }", "never holds"),
    ("traffic-injury", "injured = { min = 1 }", "injured = { min = 3, max = 1 }", "min 3 is greater than max 1"),
    ("traffic-injury", "injured = { min = 1 }", "injured = { min = 1.2, max = 1.8 }", "no whole number is between"),
    ("feedback-surge", 'state = "received"', 'state = "recieved"', "'recieved' is not one of 'received', 'overdue'"),
    ("camera-fire", 'kind = ["smoke", "fire"]', 'kind = ["smoke", "flame"]', "'flame' is not one of"),
    ("camera-fire", "confidence_ratio = { min = 0.8 }", "confidence_ratio = { min = 80 }", "range of 0 to 1"),
    ("camera-fire", "confidence_ratio = { min = 0.8 }", 'confidence_ratio = "0.8"', "the field is a number"),
    ("water-burst", "burst = true", "burst = 1", "the field is true or false"),
    ("water-burst", "burst = true", 'burst = "true"', "the field is true or false"),
    ("one-stop-late-share", 'state = "overdue"', 'state = "late"', "'late' is not one of"),
    ("cyber-alarm", 'match = { kind = "malware_beacon" }', 'match = { kind = "malware" }', "'malware' is not one of"),
    # levels that another one leaves nothing
    ("emergency-call", 'match = { number = "115" }', 'match = { number = "114" }', "level '114' before it takes all"),
    ("emergency-call", 'match = { number = "113" }', 'match = { number = ["114", "115"] }', "takes all of them"),
    # limits outside what the field can be
    ("congestion", "limit = 15.0", "limit = -15.0", "range of speed_km_h is 0 to 200"),
    ("flood-spot", "limit = 40.0", "limit = 1500.0", "range of depth_cm is 0 to 500"),
    ("power-outage", "limit = 1000.0", "limit = 1000000.0", "above it exactly"),
    ("lights-off-bien-hoa", "limit = 1.0", "limit = 100.0", "range of off_ratio is 0 to 1"),
    ("forest-fire-danger", "limit = 5.0", "limit = 6.0", "range of danger_level is 1 to 5"),
    ("source-lag", "limit = 30.0", "limit = 90000.0", "range of lag_s is 0 to 86400"),
    ("hydro-rise", "limit = 0.3", "limit = 700.0", "range of changes of level_m"),
    ("heavy-rain", "limit = 25.0", "limit = 2500.0", "range of mm_1h is 0 to 300"),
    ("heavy-rain", "limit = 100.0\nwithin_s", "limit = 1000.0\nwithin_s", "range of mm_1h within 10800 s is 0 to 900"),
    ("air-quality", "limit = 300.0", "limit = 500.0", "range of VN_AQI is 0 to 500"),
    ("one-stop-late-share", "limit = 10.0", "limit = 100.0", "range of a share in per cent is 0 to 100"),
    ("congestion", 'field = "speed_km_h"', 'field = "congested"', ""),
    # levels in the wrong order
    ("flood-spot", "limit = 20.0", "limit = 60.0", "the graver level '40 cm' holds already from 40"),
    ("flood-spot", "limit = 40.0", "limit = 20.0", ""),
    ("air-quality", "limit = 150.0", "limit = 250.0", "the graver level 'Rất xấu' holds already from 200"),
    ("heavy-rain", "limit = 25.0", "limit = 60.0", "the graver level '50 mm/12 giờ' holds already from 50"),
    ("hydro-level", 'limit_from = "bd1"', 'limit_from = "bd3"', "the graver level"),
    ("feedback-surge", 'limit = 5\n', 'limit = 5\n\n[[rules.levels]]\nname = "x"\npriority = 1\nlimit = 4\n', ""),
    # never over
    ("flood-spot", "deadband = 3.0", "deadband = 30.0", ""),
    ("congestion", "deadband = 3.0", "deadband = 190.0", ""),
    ("verification-drop", "deadband = 1.0", "deadband = 5.0", ""),
    ("population-link", "deadband = 0.1", "deadband = 0.3", "would never end"),
    # keys that the kind does not read, members that are never on
    ("emergency-call", 'match = { number = "114" }', 'limit = 1.0', ""),
    ("congestion", "limit = 15.0", "limit = 15.0\nmatch = { congested = true }", ""),
    ("congestion-wide", "objects = 3", "objects = 300", "are never on at once"),
    ("flood-wave", 'rule = "hydro-rise"', 'rule = "hydro-rise"\npriority = 1', ""),
    ("hydro-rise", '"TALAI", "PHUHIEP"', '"TALAI", "DVC_ONLINE_PCT"', "'DVC_ONLINE_PCT' sends no hydro.level"),
]  # fmt: skip


def test_the_shipped_rules_have_neither_mistakes_nor_warnings() -> None:
    assert check(TEXT) == (False, [])


@pytest.mark.parametrize(("rule", "right", "wrong", "said"), NEVER, ids=[f"{one[0]}: {one[2][:40]}" for one in NEVER])
def test_a_condition_that_can_never_be_meant_is_refused(rule: str, right: str, wrong: str, said: str) -> None:
    text, line = planted(rule, right, wrong)
    refused, mistakes = check(text)
    assert refused
    assert any(f"rule {rule}: " in one.text and said in one.text for one in mistakes), mistakes
    if said:
        assert line in [one.line for one in mistakes if said in one.text], (line, mistakes)


@pytest.mark.parametrize(
    ("rule", "right", "wrong", "said"),
    [
        ("traffic-injury", "injured = { min = 1 }", "injured = { min = 0 }", "says nothing"),
        ("traffic-injury", "injured = { min = 1 }", "injured = { min = 1, max = 1000 }", "max 1000 is above"),
        ("flood-spot", "limit = 20.0", "limit = 0.0", "always holds"),
        ("congestion", "limit = 15.0", "limit = 1500.0", "always holds: also at 200"),
        ("verification-drop", "limit = -4.0", "limit = 4.0", "always holds: also at 0"),
    ],
)
def test_a_condition_that_always_holds_is_warned_of(rule: str, right: str, wrong: str, said: str) -> None:
    text, line = planted(rule, right, wrong)
    refused, mistakes = check(text)
    assert not refused
    [warning] = mistakes
    assert warning.warning
    assert (said in warning.text, warning.line) == (True, line), warning


def at_talai(**limits: float) -> Profile:
    centres = []
    for centre in PROFILE.centres:
        sites = tuple(
            _with_limits(site, {**site.limits, **limits}) if site.id == "TALAI" else site for site in centre.sites
        )
        centres.append(_with_sites(centre, sites))
    return msgspec.structs.replace(PROFILE, centres=tuple(centres))


def test_limits_of_sites_are_judged_as_those_of_rules() -> None:
    read, mistakes = check_content(Path("rules.toml"), TEXT.encode(), at_talai(bd2=1500.0))
    assert read is None
    said = [one.text for one in mistakes if not one.warning]
    assert any("level 'BĐ2': limit_from: bd2 of TALAI = 1500 never holds" in one for one in said), said
    lines = TEXT.split("\n")
    assert all(lines[one.line - 1].startswith("limit_from") for one in mistakes), mistakes


@pytest.mark.parametrize("bd3", [112.0, 111.0])
def test_one_site_with_swapped_limits_is_warned_of_by_name_and_refuses_nothing(bd3: float) -> None:
    read, mistakes = check_content(Path("rules.toml"), TEXT.encode(), at_talai(bd3=bd3))
    assert read is not None
    assert all(one.warning and "of TALAI never speaks" in one.text for one in mistakes), mistakes
    assert [one.text.split(": ")[1] for one in mistakes] == ["level 'BĐ1'", "level 'BĐ2'"]


def test_levels_of_a_rule_that_are_swapped_at_every_site_are_a_mistake() -> None:
    text = TEXT.replace('limit_from = "bd1"', "?").replace('limit_from = "bd2"', 'limit_from = "bd1"')
    refused, mistakes = check(text.replace("?", 'limit_from = "bd2"'))
    assert refused
    assert any("level 'BĐ1': limit_from: 112.5 of TALAI never speaks" in one.text for one in mistakes), mistakes


def test_a_level_for_the_way_back_is_let_through() -> None:
    at = TEXT.rindex("[[rules.levels]]", 0, TEXT.index('name = "BĐ2"'))
    back = '[[rules.levels]]\nname = "Đang rút"\npriority = 4\nlimit_from = "bd2"\ndeadband = 0.5\n\n'
    refused, mistakes = check(TEXT[:at] + back + TEXT[at:])
    assert not refused
    assert any("of BIENHOA speaks only after the graver level" in one.text for one in mistakes), mistakes


def _with_limits(site: Site, limits: dict[str, float]) -> Site:
    return msgspec.structs.replace(site, limits=limits)


def _with_sites(centre: Centre, sites: tuple[Site, ...]) -> Centre:
    return msgspec.structs.replace(centre, sites=sites)


def test_a_mistake_of_type_hides_no_other() -> None:
    text, first = planted("hydro-level", "priority = 3", "priority = 7")
    text, second = planted("hydro-level", "off_delay_s = 600", "off_delay_s = true", text)
    text, third = planted("hydro-level", 'group = "river"', 'group = "sea"', text)
    text, fourth = planted("emergency-call", 'number = "114"', 'number = "999"', text)
    text, fifth = planted("emergency-call", "hold_s = 900", 'hold_s = "long"', text)
    text, sixth = planted("source-silent", "after_s = 30", "after_s = 0", text)
    text, seventh = planted("flood-spot", "limit = 20.0", "limit = 0.0", text)
    refused, mistakes = check(text)
    assert refused
    assert {one.line for one in mistakes} == {first, second, third, fourth, fifth, sixth, seventh}
    assert len(mistakes) == 7
    assert [one.line for one in mistakes if one.warning] == [seventh]


def test_what_a_broken_rule_does_not_have_is_not_missed() -> None:
    # Its levels, its hold time and itself as a member cannot be read: only that is said.
    text, one = planted("congestion", 'name = "dưới 15 km/h"', "name = 15")
    text, two = planted("emergency-call", "hold_s = 900", "hold_s = [900]", text)
    text, three = planted("hydro-rise", 'kind = "rate"', 'kind = "speed"', text)
    refused, mistakes = check(text)
    assert refused
    assert sorted(mistake.line for mistake in mistakes) == sorted([one, two, three]), mistakes


def test_a_whole_profile_says_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "profile"
    shutil.copytree(profile_folder("dongnai-2023"), folder)
    text, _ = planted("hydro-level", "priority = 3", "priority = 7")
    text, _ = planted("emergency-call", 'number = "114"', 'number = "999"', text)
    (folder / "rules.toml").write_text(text, encoding="utf-8")
    with pytest.raises(BadSettings) as refused:
        load_profile(str(folder))
    assert len(refused.value.problems) == 2
    assert any("'999' is not one of" in one for one in refused.value.problems)
