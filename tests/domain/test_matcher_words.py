"""Conditions of a matcher in words."""

from __future__ import annotations

import pytest

from ioc.adapters.profiles import load_profile
from ioc.domain.matcher import Matcher
from ioc.domain.matcher_words import MatcherWords
from ioc.domain.profile import Profile

PROFILE: Profile = load_profile("dongnai-2023")
RULE, CENTRE = PROFILE.rules[0], PROFILE.centres[0]
AREA, SITE, FEED = PROFILE.areas[0], CENTRE.sites[0], CENTRE.feeds[0]


def test_every_list_is_said_by_names_in_both_languages() -> None:
    matcher = Matcher(
        rules=(RULE.id,),
        types=("traffic.flow",),
        centres=(CENTRE.id,),
        areas=(AREA.code,),
        sites=(SITE.id,),
        feeds=(FEED.id,),
        priority=3,
    )
    vi, en = MatcherWords(PROFILE).of(matcher)
    assert vi == " · ".join(
        [RULE.name_vi, "traffic.flow", CENTRE.name_vi, AREA.name_vi, SITE.name_vi, FEED.name_vi, "≥ P3"]
    )
    assert en == " · ".join(
        [RULE.name_en, "traffic.flow", CENTRE.name_en, AREA.name_en, SITE.name_en, FEED.name_en, "≥ P3"]
    )


@pytest.mark.parametrize(
    ("matcher", "said"),
    [(Matcher(), ""), (Matcher(rules=("gone", "none")), "gone · none"), (Matcher(priority=2), "≥ P2")],
)
def test_what_has_no_name_is_said_by_its_id_and_no_condition_by_nothing(matcher: Matcher, said: str) -> None:
    assert MatcherWords(PROFILE).of(matcher) == (said, said)
