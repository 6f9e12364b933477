"""The grammar of scenario files: what is good is read, what is bad is one clear sentence and nothing is sent."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ioc.adapters.profiles import load_profile
from ioc.cli import main
from ioc.domain.profile import Profile
from ioc.domain.spans import Span
from ioc.errors import BadInput
from simulators import faults, fit, scenario
from simulators.expect import Bounds, Expect, Forbid, Reach
from simulators.incidents import RiverSurge
from simulators.link import KafkaLink
from simulators.stream import encode
from tests.simulators.golden_readings import readings
from tests.simulators.small_field import profile

HEAD = 'title_vi = "a"\ntitle_en = "b"\n'
LENGTH = "duration_s = 3600\n"
SURGE = '[[incident]]\nkind = "river_surge"\nat_s = 5\nsite = "BIENHOA"\nlevel_m = 2.1\n'
EXPECT = '[[expect]]\nrule = "hydro-level"\nraised = "1m..10m"\n'
DELAY = '[[fault]]\nkind = "delay"\nby_s = 5\n'
TINH = 'centres = ["tinh"]\n'
FORBID = '[[forbid]]\nrule = "air-quality"\n'


@pytest.fixture(scope="module")
def real() -> Profile:
    return load_profile("dongnai-2023")


def test_a_whole_file(real: Profile) -> None:
    text = (
        HEAD
        + 'seed = 5\ncentres = ["bien-hoa"]\nstart = "2023-08-01T00:00:00+07:00"\nrate = 30\n'
        + LENGTH
        + SURGE
        + DELAY
        + '[[fault]]\nkind = "silence"\nat_s = 60\nfor_s = 120\ncentre = "bien-hoa"\nfeeds = ["rain"]\n'
        + '[[expect]]\nrule = "hydro-level"\ncentre = "bien-hoa"\narea = "731"\nsite = "BIENHOA"\nlevel = "BĐ1"\n'
        + 'priority = 3\nraised = "1m..10m"\ncleared = "20m..40m"\nnot_before = "30s"\nwhy = "over 1.8 m"\n'
        + 'steps = [{ level = "BĐ2", within = "2m.." }]\n'
        + FORBID
        + 'within = "..30m"\n[alerts]\nleast = 1\nmost = 5\nin_10_min_most = 3\nothers = "refused"\n'
    )
    plan = scenario.parse(text, "x.toml")
    assert plan.start_ms == 1_690_822_800_000
    assert plan.incident == (RiverSurge(at_s=5, site="BIENHOA", level_m=2.1),)
    assert plan.fault == (
        faults.Delay(by_s=5),
        faults.Silence(at_s=60, for_s=120, centre="bien-hoa", feeds=("rain",)),
    )
    (expect,) = plan.expect
    assert expect.raised_span == Span(60_000, 600_000)
    assert expect.cleared_span == Span(1_200_000, 2_400_000)
    assert expect.not_before_ms == 30_000
    assert expect.steps == (Reach(within="2m..", level="BĐ2"),)
    assert plan.forbid == (Forbid(rule="air-quality", within="..30m"),)
    assert plan.alerts == Bounds(least=1, most=5, in_10_min_most=3, others="refused")
    assert plan.is_judged
    fit.check(plan, real, scenario.Page(text, "x.toml"))


def test_a_file_without_claims_is_not_judged() -> None:
    assert not scenario.parse(HEAD, "x.toml").is_judged
    assert scenario.parse(HEAD + LENGTH + "[alerts]\nmost = 0\n", "x.toml").is_judged
    assert Expect(rule="x", raised="1s..2s", cleared="never").cleared_span is None


BAD: dict[str, tuple[str, str, str]] = {
    # what is wrong: (text of the file, place, words of the reason)
    "no TOML": (HEAD + "rate = \n", ":3", "is not TOML"),
    "a key twice": (HEAD + "rate = 30\nrate = 31\n", ":4", "is not TOML"),
    "an unclosed table": (HEAD + "[[incident\n", ":3", "is not TOML"),
    "an unknown key": (HEAD + "sead = 2\n", ":3: sead", "no such key; did you mean 'seed'?"),
    "a missing title": ("title_vi = 'a'\n", ":1", "the key 'title_en' is missing"),
    "an empty title": ("title_vi = ''\ntitle_en = 'b'\n", ":1: title_vi", "at least 1"),
    "a negative seed": (HEAD + "seed = -1\n", ":3: seed", "at least 0"),
    "a seed that is no number": (HEAD + 'seed = "x"\n', ":3: seed", "must be a whole number, not a text"),
    "a rate of 0": (HEAD + "rate = 0\n", ":3: rate", "more than 0"),
    "a rate that heartbeats alone pass": (HEAD + "rate = 0.001\n", ":3: rate", "heartbeats and indicators alone send"),
    "a rate in quotes": (HEAD + 'rate = "30"\n', ":3: rate", "must be a number, not a text"),
    "no centre": (HEAD + "centres = []\n", ":3: centres", "at least 1"),
    "an unknown centre": (HEAD + 'centres = ["bienhoa"]\n', ":3: centres[0]", "did you mean 'bien-hoa'?"),
    "a start in words": (HEAD + 'start = "tomorrow"\n', ":3: start", "RFC 3339"),
    "a start without zone": (HEAD + 'start = "2023-08-01T00:00:00"\n', ":3: start", "zone"),
    "a start without quotes": (HEAD + "start = 2023-08-01T00:00:00Z\n", ":3: start", "must be a text in quotes"),
    "a start before 2000": (HEAD + 'start = "1999-12-31T23:59:59Z"\n', ":3: start", "years 2000 to 2099"),
    "a start after 2099": (HEAD + 'start = "2100-01-01T00:00:00Z"\n', ":3: start", "years 2000 to 2099"),
    "a start at the end of time": (HEAD + 'start = "9999-12-31T23:59:59-12:00"\n', ":3: start", "2000 to 2099"),
    "a text without bottom": (HEAD + "seed = 1\nrate = " + "[" * 5000 + "]" * 5000 + "\n", ":4", "nested too deeply"),
    "no length": (HEAD + "duration_s = 0\n", ":3: duration_s", "more than 0"),
    "dropouts in words": (HEAD + 'dropouts = "yes"\n', ":3: dropouts", "true or false"),
    "incidents that are no list": (HEAD + "[incident]\nkind = 'jam'\n", ":3: incident", "[[incident]]"),
    "an incident without kind": (HEAD + SURGE.replace('kind = "river_surge"\n', ""), ":3: incident[0]", "'kind' is"),
    "an incident of no kind": (
        HEAD + SURGE.replace("river_surge", "river_surg"),
        ":4: incident[0].kind",
        "river_surge",
    ),
    "an unknown key in an incident": (
        HEAD + SURGE + "levl_m = 1\n",
        ":8: incident[0].levl_m",
        "did you mean 'level_m'",
    ),
    "a missing key in an incident": (HEAD + SURGE.replace("level_m = 2.1\n", ""), ":3: incident[0]", "'level_m' is"),
    "a level out of range": (HEAD + SURGE.replace("2.1", "900"), ":7: incident[0].level_m", "at most 150"),
    "an incident before the start": (HEAD + SURGE.replace("at_s = 5", "at_s = -5"), ":5: incident[0].at_s", "least 0"),
    "one that overtakes itself": (HEAD + SURGE + "every_s = 60\n", ":8: incident[0].every_s", "it lasts 660 s"),
    "an incident after the end": (HEAD + "duration_s = 5\n" + SURGE, ":6: incident[0].at_s", "end of the scenario"),
    "an unknown site": (HEAD + SURGE.replace("BIENHOA", "BIENHO"), ":6: incident[0].site", "did you mean 'BIENHOA'?"),
    "a site of another kind": (HEAD + SURGE.replace("BIENHOA", "CAM-BH-003"), ":6: incident[0].site", "hydro.level"),
    "a fault of no kind": (HEAD + DELAY.replace('"delay"', '"dela"'), ":4: fault[0].kind", "did you mean 'delay'?"),
    "an unknown key in a fault": (HEAD + DELAY + "shares = 0.5\n", ":6: fault[0].shares", "did you mean 'share'?"),
    "a share above 1": (HEAD + DELAY + "share = 1.5\n", ":6: fault[0].share", "at most 1"),
    "a fault after the end": (HEAD + "duration_s = 5\n" + DELAY + "at_s = 9\n", ":7: fault[0].at_s", "end of the"),
    "a delay that contradicts itself": (HEAD + DELAY + "least_s = 9\n", ":6: fault[0].least_s", "more than by_s"),
    "a fault of an unknown centre": (HEAD + DELAY + 'centre = "hue"\n', ":6: fault[0].centre", "no centre 'hue'"),
    "a fault of an unknown feed": (
        HEAD + DELAY + 'feeds = ["rian"]\n',
        ":6: fault[0].feeds[0]",
        "did you mean 'rain'?",
    ),
    "a fault of an unknown site": (HEAD + DELAY + 'sites = ["TALAY"]\n', ":6: fault[0].sites[0]", "'TALAI'"),
    "a unit of no field": (
        HEAD + '[[fault]]\nkind = "unit_mixup"\nfield = "levl_m"\nfactor = 100\n',
        ":5: fault[0].field",
        "did you mean 'level_m'?",
    ),
    "a unit of a code": (
        HEAD + '[[fault]]\nkind = "unit_mixup"\nfield = "danger_level"\nfactor = 10\n',
        ":5: fault[0].field",
        "'danger_level' is no quantity with a unit",
    ),
    "a unit of yes or no": (
        HEAD + '[[fault]]\nkind = "unit_mixup"\nfield = "congested"\nfactor = 10\n',
        ":5: fault[0].field",
        "'congested' is no quantity with a unit",
    ),
    "a unit of a text": (
        HEAD + '[[fault]]\nkind = "unit_mixup"\nfield = "kind"\nfactor = 10\n',
        ":5: fault[0].field",
        "'kind' is no quantity with a unit",
    ),
    "a unit of a running number": (
        HEAD + '[[fault]]\nkind = "unit_mixup"\nfield = "seq"\nfactor = 10\n',
        ":5: fault[0].field",
        "'seq' is no quantity with a unit",
    ),
    "a factor of 1": (
        HEAD + '[[fault]]\nkind = "unit_mixup"\nfield = "level_m"\nfactor = 1\n',
        ":6: fault[0].factor",
        "changes nothing",
    ),
    "a clock that is right": (
        HEAD + '[[fault]]\nkind = "clock_skew"\nby_s = 0\n',
        ":5: fault[0].by_s",
        "changes nothing",
    ),
    "the right centre as the wrong one": (
        HEAD + '[[fault]]\nkind = "wrong_centre"\ncentre = "tinh"\nto = "tinh"\n',
        ":6: fault[0].to",
        "is where these messages belong",
    ),
    "a silence without length": (HEAD + '[[fault]]\nkind = "silence"\n', ":3: fault[0]", "'for_s' is missing"),
    "an endless scenario that is judged": (HEAD + EXPECT, ":1", "give it a duration_s"),
    "an expectation without rule": (
        HEAD + LENGTH + '[[expect]]\nraised = "1m..2m"\n',
        ":4: expect[0]",
        "'rule' is missing",
    ),
    "an expectation without time": (HEAD + LENGTH + '[[expect]]\nrule = "x"\n', ":4: expect[0]", "'raised' is missing"),
    "an unknown rule": (
        HEAD + LENGTH + EXPECT.replace("hydro-level", "hydro-levels"),
        ":5: expect[0].rule",
        "did you mean 'hydro-level'?",
    ),
    "an unknown level": (HEAD + LENGTH + EXPECT + 'level = "BD1"\n', ":7: expect[0].level", "has no level 'BD1'"),
    "an unknown area": (HEAD + LENGTH + EXPECT + 'area = "999"\n', ":7: expect[0].area", "no area '999'"),
    "a site of another centre": (
        HEAD + LENGTH + EXPECT + 'centre = "tinh"\nsite = "BIENHOA"\n',
        ":8: expect[0].site",
        "the site 'BIENHOA' is of bien-hoa, not of tinh",
    ),
    "an unknown key in an expectation": (
        HEAD + LENGTH + EXPECT + 'clear = "1h.."\n',
        ":7: expect[0].clear",
        "did you mean 'cleared'?",
    ),
    "a span that is none": (HEAD + LENGTH + EXPECT.replace("1m..10m", "5m"), ":6: expect[0].raised", "no span"),
    "a span that ends first": (HEAD + LENGTH + EXPECT.replace("1m..", "11m.."), ":6: expect[0].raised", "ends before"),
    "a duration that is none": (HEAD + LENGTH + EXPECT.replace("1m..", "1x.."), ":6: expect[0].raised", "no duration"),
    "raised after the end": (
        HEAD + LENGTH + EXPECT.replace("1m..10m", "2h..3h"),
        ":6: expect[0].raised",
        "after the end",
    ),
    "cleared after the end": (
        HEAD + LENGTH + EXPECT + 'cleared = "2h..3h"\n',
        ":7: expect[0].cleared",
        "begins after the end",
    ),
    "a step after the end": (
        HEAD + LENGTH + EXPECT + 'steps = [{ level = "BĐ2", within = "2h.." }]\n',
        ":7: expect[0].steps[0].within",
        "begins after the end",
    ),
    "forbidden after the end": (HEAD + LENGTH + FORBID + 'within = "2h.."\n', ":6: forbid[0].within", "after the end"),
    "a site that never speaks of the rule": (
        HEAD + LENGTH + EXPECT + 'site = "CAM-BH-003"\n',
        ":7: expect[0].site",
        "no site 'CAM-BH-003' that reports hydro.level",
    ),
    "an incident without a pause": (
        HEAD + '[[incident]]\nkind = "call"\nat_s = 1\nnumber = "114"\nwhat = "fire"\nevery_s = 0.001\n',
        ":8: incident[0].every_s",
        "at least 1 s",
    ),
    "copies of copies": (
        HEAD + '[[fault]]\nkind = "duplicate"\ntimes = 20\n' * 2,
        ":6: fault[1]",
        "441 copies of one message",
    ),
    "cleared before it is raised": (
        HEAD + LENGTH + EXPECT + 'cleared = "1s..2s"\n',
        ":7: expect[0].cleared",
        "before it can be raised",
    ),
    "not before, but expected earlier": (
        HEAD + LENGTH + EXPECT + 'not_before = "20m"\n',
        ":7: expect[0].not_before",
        "after the span",
    ),
    "a priority of 5": (
        HEAD + LENGTH + EXPECT + "priority = 5\n",
        ":7: expect[0].priority",
        "5 is not one of 1, 2, 3, 4",
    ),
    "none at least": (HEAD + LENGTH + EXPECT + "at_least = 0\n", ":7: expect[0].at_least", "at least 1"),
    "a step to nowhere": (
        HEAD + LENGTH + EXPECT + 'steps = [{ within = "2m.." }]\n',
        ":7: expect[0].steps[0]",
        "neither a level nor a priority",
    ),
    "an unknown key in a step": (
        HEAD + LENGTH + EXPECT + 'steps = [{ within = "2m..", leval = "BĐ2" }]\n',
        ":7: expect[0].steps[0].leval",
        "did you mean 'level'?",
    ),
    "everything forbidden": (HEAD + LENGTH + "[[forbid]]\nwhy = 'x'\n", ":4: forbid[0]", "would forbid every alert"),
    "a forbidden unknown rule": (
        HEAD + LENGTH + FORBID.replace("air-", "ari-"),
        ":5: forbid[0].rule",
        "'air-quality'?",
    ),
    "an unknown key in the bounds": (HEAD + LENGTH + "[alerts]\nmax = 5\n", ":5: alerts.max", "no such key"),
    "bounds that cross": (HEAD + LENGTH + "[alerts]\nleast = 9\nmost = 5\n", ":5: alerts.least", "more than most"),
    "other alerts in other words": (HEAD + LENGTH + '[alerts]\nothers = "no"\n', ":5: alerts.others", "not one of"),
    "a control character in a title": (
        HEAD.replace('"a"', '"\\u001b[31mred"') + LENGTH,
        ":1: title_vi",
        "has a control character",
    ),
    "a control character in a reason": (
        HEAD + LENGTH + EXPECT + 'why = "\\u009b2J"\n',
        ":7: expect[0].why",
        "has a control character",
    ),
    "a control character in a key": (HEAD + '"\\u001b[2J" = 1\n', ":1", "the key '\\x1b[2J' has a control character"),
    "a centre that is not played": (
        HEAD + LENGTH + TINH + EXPECT + 'centre = "bien-hoa"\n',
        ":8: expect[0].centre",
        "'bien-hoa' is not played: the scenario's centres are tinh",
    ),
    "an area that is not played": (
        HEAD + LENGTH + TINH + EXPECT + 'area = "732"\n',
        ":8: expect[0].area",
        "'732' of long-khanh is not played",
    ),
    "an area where nothing reports": (
        HEAD + LENGTH + EXPECT + 'area = "732"\n',
        ":7: expect[0].area",
        "no site there reports hydro.level to the rule 'hydro-level'",
    ),
    "a centre where nothing reports": (
        HEAD + LENGTH + EXPECT + 'centre = "long-khanh"\n',
        ":7: expect[0].centre",
        "'long-khanh' has no site that reports hydro.level",
    ),
    "a rule of which nothing is played": (
        HEAD + LENGTH + 'centres = ["long-khanh"]\n' + EXPECT,
        ":6: expect[0].rule",
        "no site that reports hydro.level",
    ),
    "the wrong priority of a level": (
        HEAD + LENGTH + EXPECT + 'level = "BĐ1"\npriority = 1\n',
        ":8: expect[0].priority",
        "is 1, and level 'BĐ1' has 3",
    ),
    "the wrong priority of a step": (
        HEAD + LENGTH + EXPECT + 'steps = [{ level = "BĐ2", priority = 4, within = "2m.." }]\n',
        ":7: expect[0].steps[0].priority",
        "is 4, and level 'BĐ2' has 2",
    ),
    "steps against their order": (
        HEAD
        + LENGTH
        + EXPECT
        + 'steps = [{ level = "BĐ3", within = "30m..40m" }, { level = "BĐ2", within = "5m..6m" }]\n',
        ":7: expect[0].steps[1].within",
        "ends before BĐ3 can be reached",
    ),
    "expected and forbidden": (
        HEAD + LENGTH + EXPECT + '[[forbid]]\nrule = "hydro-level"\n',
        ":7: forbid[0]",
        "forbids what expect[0] expects (hydro-level)",
    ),
    "more expected than allowed": (
        HEAD + LENGTH + EXPECT + "at_least = 5\n[alerts]\nmost = 2\n",
        ":9: alerts.most",
        "is fewer than the 5 alerts that are expected",
    ),
    "a fault of sites of another feed": (
        HEAD + DELAY + 'centre = "bien-hoa"\nfeeds = ["rain"]\nsites = ["BIENHOA"]\n',
        ":8: fault[0].sites[0]",
        "'BIENHOA' is of the feed hydro, and only rain is concerned",
    ),
    "a fault of a site of another centre": (
        HEAD + DELAY + 'centre = "tinh"\nsites = ["BIENHOA"]\n',
        ":7: fault[0].sites[0]",
        "the site 'BIENHOA' is of bien-hoa, not of tinh",
    ),
    "a fault of a feed that is not played": (
        HEAD + TINH + DELAY + 'feeds = ["rain"]\n',
        ":7: fault[0].feeds[0]",
        "is not played",
    ),
    "a mix-up of what a site does not report": (
        HEAD + '[[fault]]\nkind = "unit_mixup"\nfactor = 100\nfield = "level_m"\nsites = ["AQ-BH-001"]\n',
        ":6: fault[0].field",
        "no field of these feeds 'level_m'",
    ),
    "a wrong centre that is the only one": (
        HEAD + TINH + '[[fault]]\nkind = "wrong_centre"\nto = "tinh"\n',
        ":6: fault[0].to",
        "is where these messages belong",
    ),
}


@pytest.fixture
def nothing_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(self: KafkaLink) -> None:
        raise AssertionError("a bad scenario must not reach the broker")

    monkeypatch.setattr(KafkaLink, "open", refuse)


def test_there_are_enough_kinds_of_bad_files() -> None:
    assert len(BAD) >= 30
    assert len({text for text, _, _ in BAD.values()}) == len(BAD)


@pytest.mark.usefixtures("nothing_sent")
@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_is_one_sentence_and_code_2(what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, place, reason = BAD[what]
    file = tmp_path / "bad.toml"
    file.write_text(text, encoding="utf-8")
    said = []
    run = ["sim", "run", str(file), "--exercise", "t"]
    for command in (["sim", "validate", str(file)], ["sim", "show", str(file)], run):
        assert main(command) == 2
        out, err = capsys.readouterr()
        assert out == ""
        said.append(err)
    assert said[0] == said[1] == said[2], "the same check before a run, and before it is shown"
    assert said[0].count("\n") == 1, "one sentence"
    assert said[0].startswith(f"ioc: {file}{place}"), said[0]
    assert reason in said[0]
    assert not re.search(r"`\$|msgspec|Expected `|Traceback", said[0]), "words of the file, not of the library"


def test_the_same_files_without_their_mistake_are_good(tmp_path: Path) -> None:
    """The parts that the bad files are made of are good: it is the mistake that is refused."""
    file = tmp_path / "good.toml"
    file.write_text(HEAD + LENGTH + SURGE + DELAY + EXPECT + FORBID, encoding="utf-8")
    assert main(["sim", "validate", str(file)]) == 0


def test_every_quantity_can_be_sent_in_another_unit(real: Profile) -> None:
    """Whatever a mix-up of units may name, no factor stops the run: its message can be written."""
    factors, seen = (0.001, 2.54, 1_000_000.0), set()
    for centre in real.centres:
        for one in readings(real, centre.id):
            for field in fit.quantities([one.type]) & one.data.keys():
                for factor in factors:
                    chain = faults.Chain([faults.UnitMixUp(field=field, factor=factor)], 1, one.time_ms - 1000)
                    (parcel,) = chain(faults.Parcel(one.time_ms, one, one.centre))
                    changed = encode(real, parcel)[1] != encode(real, faults.Parcel(one.time_ms, one, one.centre))[1]
                    assert changed == (chain.tallies[0].touched == 1), (one.type, field, factor)
                    seen.add((one.type, field))
    assert len(seen) > 40
    assert ("hydro.level", "level_m") in seen


def test_names_and_paths(tmp_path: Path) -> None:
    assert {"live", "calm-day", "river-rise"} <= set(scenario.names())
    file = tmp_path / "own.toml"
    file.write_text(HEAD, encoding="utf-8")
    assert scenario.load(str(file)).title_en == "b"
    for wrong in ("no-such", "../live", "", str(tmp_path / "none.toml")):
        with pytest.raises(BadInput):
            scenario.load(wrong)
    file.write_bytes(b"\xff")
    with pytest.raises(BadInput, match="cannot be read"):
        scenario.load(str(file))


def test_what_lies_beside_a_contradiction_is_good(tmp_path: Path) -> None:
    """A prohibition that leaves room, steps that can follow each other, a level that lasts and rises, and a BOM."""
    parts = (
        EXPECT + 'site = "BIENHOA"\n[[forbid]]\nrule = "hydro-level"\nsite = "TALAI"\n',
        EXPECT + '[[forbid]]\nrule = "hydro-level"\nwithin = "9m..20m"\n',
        EXPECT + '[[forbid]]\nrule = "hydro-level"\nlevel = "BĐ3"\n',
        EXPECT + 'steps = [{ level = "BĐ2", within = "5m..30m" }, { level = "BĐ3", within = "5m..6m" }]\n',
        EXPECT + "at_least = 5\n[alerts]\nmost = 5\n",
        EXPECT.replace("hydro-level", "feed-silent") + 'area = "732"\n',
        DELAY + 'feeds = ["rain", "hydro"]\nsites = ["BIENHOA"]\n',
    )
    for n, part in enumerate(parts):
        file = tmp_path / f"{n}.toml"
        file.write_bytes(b"\xef\xbb\xbf" + (HEAD + 'about_vi = """\na\n\tb"""\n' + LENGTH + part).encode())
        assert main(["sim", "validate", str(file)]) == 0, part


def test_a_small_profile_without_rules_is_enough_to_play() -> None:
    plan = scenario.parse(HEAD + LENGTH + SURGE + EXPECT, "x.toml")
    fit.check(plan, profile(), scenario.Page("", "x.toml"))


def test_the_list_is_for_people() -> None:
    entries = {entry["name"]: entry for entry in scenario.list_scenarios()}
    assert entries["live"]["duration"] == "endless"
    assert entries["calm-day"]["duration"] == "86400 s"
