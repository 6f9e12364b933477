"""The rule pack passes its own tests; a wrong expectation fails with the reason; a wrong file is refused with lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ioc.adapters.profiles import load_profile, profile_folder
from ioc.domain.spans import clock, duration, span
from ioc.pipeline.runner import Runner
from ioc.services import rule_tests
from ioc.services.rule_arrivals import arrivals
from ioc.services.rule_tests import Result, run_file, run_test
from ioc.services.rule_timelines import read_file

PROFILE = load_profile("dongnai-2023")
FOLDER = profile_folder("dongnai-2023") / "tests"

STORY = """
rule = "hydro-level"

[[tests]]
name = "a rising river"
lasts = "6m"

[[tests.readings]]
site = "BIENHOA"
from = "0s"
to = "6m"
every = "30s"
values = { level_m = "1.70 -> 2.06" }
"""
# Comes out: P3 BĐ1 at 1m31s (reading of 1 min 30 s … 1.79 is below), see `good`.
GOOD = """
[[tests.expect]]
site = "BIENHOA"
raised = "2m..2m4s"
level = "BĐ1"
priority = 3
title_en = "Water level 1.82 m, above BĐ1"
steps = [{ within = "5m..5m4s", level = "BĐ2", priority = 2 }]
cleared = "never"
not_before = "1m59s"
"""


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.toml")), ids=lambda path: path.stem)
def test_the_rule_pack_passes_its_own_tests(file: Path) -> None:
    found, mistakes = read_file(file.read_text(encoding="utf-8"), PROFILE)
    assert not mistakes
    assert found is not None
    for result in run_file(found, PROFILE):
        assert result.passed, f"{result.name}: {result.problems}; came out: {result.alerts}"


def test_every_rule_has_a_test_that_raises_and_one_that_does_not() -> None:
    raising: set[str] = set()
    quiet: set[str] = set()
    for path in FOLDER.glob("*.toml"):
        found, _ = read_file(path.read_text(encoding="utf-8"), PROFILE)
        assert found is not None
        for story in found.tests:
            (raising if story.expect else quiet).add(found.rule)
    # What intake refuses never becomes an event, which is what stories are made of: tests/pipeline/test_refusals.py.
    rules = {rule.id for rule in PROFILE.rules if rule.kind != "refused"}
    assert raising == rules
    assert quiet == rules


def judged(expectations: str, story: str = STORY) -> Result:
    found, mistakes = read_file(story + expectations, PROFILE)
    assert not mistakes
    assert found is not None
    return run_test(found.tests[0], found.rule, PROFILE)


def test_what_comes_out_passes() -> None:
    result = judged(GOOD)
    assert result.passed, (result.problems, result.alerts)


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ('raised = "2m..2m4s"', 'raised = "3m..4m"', "should be raised within 3m..4m, but was at 2m3s"),
        ('site = "BIENHOA"', 'site = "TALAI"', "site TALAI level BĐ1 P3 should be raised within 2m..2m4s, but never"),
        ("priority = 3", "priority = 2", "should be raised with priority 2, but had 3"),
        ('level = "BĐ1"', 'level = "BĐ2"', "should be raised with level 'BĐ2', but had 'BĐ1'"),
        ("1.82 m", "1.83 m", "title_en 'Water level 1.83 m, above BĐ1'"),
        ('within = "5m..5m4s"', 'within = "2m..3m"', "level BĐ2, priority 2 within 2m..3m, but did at 5m3s"),
        ('level = "BĐ2", priority = 2', 'level = "BĐ3"', "should become level BĐ3 within 5m..5m4s, but never did"),
        ('cleared = "never"', 'cleared = "5m..6m"', "should clear within 5m..6m, but is still on"),
        ('not_before = "1m59s"', 'not_before = "3m"', "must not be raised before 3m, but was"),
        (GOOD, "", "no expectation names this alert: hydro-level|bien-hoa|BIENHOA P3 BĐ1 raised at 2m3s, still on"),
        (GOOD, GOOD + '[[tests.never]]\npriority = 2\nwithin = "4m.."', "must not appear, but did"),
        (GOOD, GOOD + GOOD.replace('level = "BĐ1"\n', ""), "should be raised within 2m..2m4s, but never was"),
    ],
)
def test_a_planted_wrong_expectation_fails_with_the_reason(right: str, wrong: str, said: str) -> None:
    assert right in GOOD
    result = judged(GOOD.replace(right, wrong, 1))
    assert not result.passed
    assert any(said in problem for problem in result.problems), result.problems


def test_never_looks_at_the_span_and_the_level() -> None:
    quiet = '[[tests.never]]\npriority = 2\nwithin = "0s..4m"\n[[tests.never]]\nlevel = "BĐ3"\n'
    assert judged(GOOD + quiet).passed
    allowed = STORY.replace('lasts = "6m"', 'lasts = "6m"\nothers = "allowed"') + '[[tests.never]]\nsite = "TALAI"\n'
    assert judged("", allowed).passed


def test_a_clearing_that_should_not_be_fails() -> None:
    fall = STORY.replace("1.70 -> 2.06", "1.95 -> 1.00").replace("6m", "30m")
    result = judged('[[tests.expect]]\nsite = "BIENHOA"\nraised = "0s..5s"\ncleared = "never"\n', fall)
    assert any("should stay, but cleared at" in problem for problem in result.problems)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (STORY + 'rule_id = "x"\n', 14, "tests[0].readings[0].rule_id: no such key here"),
        (STORY.replace('rule = "hydro', 'rule = "hydra'), 2, "there is no rule 'hydra-level'"),
        (STORY.replace('to = "6m"', 'to = "6 minutes"'), 11, "'6 minutes' is no duration"),
        (STORY.replace('every = "30s"\n', ""), 8, "needs either at, or from, to and every"),
        (STORY.replace("BIENHOA", "BIENHAO"), 9, "there is not exactly one site 'BIENHAO'"),
        (STORY.replace("level_m", "level"), 13, "level"),
        (STORY.replace("1.70 -> 2.06", "1.70 to 2.06"), 13, "neither a number nor a ramp"),
        (STORY.replace("1.70 -> 2.06", "1.70 -> 900"), 13, "level_m"),
        (STORY.replace('lasts = "6m"', 'lasts = "0s"'), 6, "must be above 0"),
        (STORY.replace('lasts = "6m"', 'lasts = "6m"\nsilent = { x = "1m.." }'), 7, "there is no centre 'x'"),
        (STORY.replace('lasts = "6m"', 'lasts = "6m"\nothers = "allowed"'), 4, "expects nothing, so it cannot fail"),
        (STORY + '[[tests.expect]]\nraised = "2m"\n', 15, "'2m' is no span"),
        (STORY + '[[tests.expect]]\nraised = "2m..1m"\n', 15, "ends before it begins"),
        (STORY + '[[tests.never]]\nrule = "x"\n', 15, "there is no rule 'x'"),
        (STORY + "[[tests.expect]\n", 14, "is not TOML"),
        (STORY.replace('site = "BIENHOA"', 'site = "CAM-BH-001"'), 13, "level_m"),  # taken for traffic.flow
        (STORY.replace('"BIENHOA"', '"BIENHOA"\ntype = "x"'), 10, "'x' is not one of hydro.level, hydro.tide"),
    ],
)
def test_a_wrong_file_is_refused_with_the_line(text: str, line: int, said: str) -> None:
    file, mistakes = read_file(text, PROFILE)
    assert file is None
    assert any(at == line and said in problem for at, problem in mistakes), mistakes


def test_series_ramps_lists_gaps_and_delays() -> None:
    text = STORY.replace("1.70 -> 2.06", "1 -> 2 -> 0").replace("values", 'gaps = ["1m..2m"]\nlate_by = "45s"\nvalues')
    file, _ = read_file(text.replace('lasts = "6m"', 'lasts = "6m"\nheartbeats = false'), PROFILE)
    assert file is not None
    came = arrivals(file.tests[0], PROFILE)
    assert [one.time_ms // 1000 for one in came] == [0, 30, 150, 180, 210, 240, 270, 300, 330, 360]
    assert {one.arrives_ms - one.time_ms for one in came} == {45_000}
    levels = [float(one.data.split(b":")[1].rstrip(b"}")) for one in came]
    assert levels[0] == 1
    assert max(levels) == levels[3] == 2
    assert levels[-1] == 0


def test_durations_and_spans() -> None:
    assert (duration("1h30m"), duration("500ms"), duration("1.5s")) == (5_400_000, 500, 1_500)
    assert 60_000 in span("1m..")
    assert 60_001 not in span("..1m")
    assert clock(3_723_500) == "1h2m3.5s"
    for bad in ("", "5", "m", "5m x", "-5m"):
        with pytest.raises(ValueError, match="no duration"):
            duration(bad)


def test_a_story_without_checkpoints_comes_out_as_one_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (FOLDER / "source-silent.toml").read_text(encoding="utf-8")
    found, _ = read_file(text, PROFILE)
    assert found is not None
    fast = [rule_tests.play(test, PROFILE) for test in found.tests]

    def keeping(*arguments: Any, **options: Any) -> Runner:
        assert options.pop("with_checkpoints") is False
        return Runner(*arguments, **options)

    monkeypatch.setattr(rule_tests, "Runner", keeping)
    assert [rule_tests.play(test, PROFILE) for test in found.tests] == fast
    assert any(fast)


def test_a_runner_without_checkpoints_refuses_a_crash() -> None:
    runner = Runner(PROFILE, 0, with_intake=False, with_checkpoints=False)
    with pytest.raises(RuntimeError, match="keeps no checkpoints"):
        runner.crash("events")
