from __future__ import annotations

from pathlib import Path

import pytest

from ioc.errors import BadInput
from simulators import scenario
from simulators.incidents import Call, Jam, RiverSurge, expectations
from tests.simulators.small_field import profile

HEAD = 'title_vi = "a"\ntitle_en = "b"\n'
SURGE = '[[incident]]\nkind = "river_surge"\nat_s = 5\nsite = "BIENHOA"\nlevel_m = 2.1\n'


def test_a_whole_file() -> None:
    text = (
        HEAD + 'seed = 5\ncentres = ["tinh"]\nstart = "2023-08-01T00:00:00+07:00"\nduration_s = 60\nrate = 30\n' + SURGE
    )
    plan = scenario.parse(text, "x.toml")
    assert plan.start_ms == 1_690_822_800_000
    assert plan.incident == (RiverSurge(at_s=5, site="BIENHOA", level_m=2.1),)
    scenario.check(plan, profile(), "x.toml")


@pytest.mark.parametrize(
    ("text", "path", "detail"),
    [
        (HEAD + "spead = 2\n", "x.toml", "unknown field `spead`"),
        ("title_vi = 'a'\n", "x.toml", "missing required field `title_en`"),
        (HEAD + "seed = -1\n", "x.toml: seed", ">= 0"),
        (HEAD + "rate = 0\n", "x.toml: rate", "> 0"),
        (HEAD + 'rate = "30"\n', "x.toml: rate", "Expected `float | null`, got `str`"),
        (HEAD + "centres = []\n", "x.toml: centres", "length >= 1"),
        (HEAD + 'start = "tomorrow"\n', "x.toml: start", "RFC 3339"),
        (HEAD + 'start = "2023-08-01T00:00:00"\n', "x.toml: start", "zone"),
        (HEAD + 'start = "1960-01-01T00:00:00Z"\n', "x.toml: start", "1970"),
        (HEAD + "rate = 30\nrate = 31\n", "x.toml", "line 4"),
        (HEAD + "rate = \n", "x.toml", "line 3"),
        (HEAD + SURGE + "levl = 1\n", "x.toml: incident[0]", "unknown field `levl`"),
        (HEAD + SURGE.replace("level_m = 2.1\n", ""), "x.toml: incident[0]", "missing required field `level_m`"),
        (HEAD + SURGE.replace("2.1", "900"), "x.toml: incident[0].level_m", "<= 150"),
        (HEAD + SURGE.replace("river_surge", "river"), "x.toml: incident[0].kind", "'river'"),
        (HEAD + SURGE.replace('kind = "river_surge"\n', ""), "x.toml: incident[0]", "missing required field `kind`"),
        (HEAD + SURGE + "every_s = 60\n", "x.toml: incident[0].every_s", "before it has ended: it lasts 660 s"),
        (HEAD + "duration_s = 5\n" + SURGE, "x.toml: incident[0].at_s", "end of the scenario"),
    ],
)
def test_a_wrong_file_is_refused_with_place_and_reason(text: str, path: str, detail: str) -> None:
    with pytest.raises(BadInput) as caught:
        scenario.parse(text, "x.toml")
    assert caught.value.path == path
    assert detail in caught.value.detail


@pytest.mark.parametrize(
    ("text", "path", "detail"),
    [
        ('centres = ["hue"]\n', "x.toml: centres[0]", "no centre 'hue'"),
        (SURGE.replace("BIENHOA", "BH-T1"), "x.toml: incident[0].site", "reports hydro.level"),
        ('[[incident]]\nkind = "jam"\nat_s = 1\nsite = "X"\n', "x.toml: incident[0].site", "reports traffic.flow"),
        (
            '[[incident]]\nkind = "source_loss"\nat_s = 1\ncentre = "X"\nfor_s = 9\n',
            "x.toml: incident[0].centre",
            "'X'",
        ),
        (
            '[[incident]]\nkind = "source_loss"\nat_s = 1\ncentre = "tinh"\nfor_s = 9\nfeeds = ["air"]\n',
            "x.toml: incident[0].feeds[0]",
            "no feed 'air'",
        ),
    ],
)
def test_a_scenario_that_does_not_fit_the_profile_is_refused(text: str, path: str, detail: str) -> None:
    plan = scenario.parse(HEAD + text, "x.toml")
    with pytest.raises(BadInput) as caught:
        scenario.check(plan, profile(), "x.toml")
    assert caught.value.path == path
    assert detail in caught.value.detail


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


def test_the_list_is_for_people() -> None:
    entries = {entry["name"]: entry for entry in scenario.list_scenarios()}
    assert entries["live"]["duration"] == "endless"
    assert entries["calm-day"]["duration"] == "86400 s"


def test_incidents_say_what_they_cause() -> None:
    assert [e.rule for e in expectations(RiverSurge(at_s=0, site="BIENHOA", level_m=2.1))] == ["hydro-level"]
    assert [e.rule for e in expectations(Call(at_s=0, number="114", what="fire"))] == ["emergency-call"]
    jam = expectations(Jam(at_s=0, site="BH-T1", minutes=16))[0]
    assert (jam.rule, jam.site) == ("congestion", "BH-T1")
