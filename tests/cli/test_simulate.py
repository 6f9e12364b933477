"""``ioc sim list | show | validate | run --dry`` as a person runs them."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import pytest

from ioc.adapters.profiles import profile_folder
from ioc.cli import main
from simulators import scenario
from simulators.ending import asked_to_end

STORY = """
title_vi = "Một cuộc gọi"
title_en = "One call"
seed = 1
start = "2023-08-10T09:00:00+07:00"
duration_s = 180
rate = 3
call_factor = 0
feedback_factor = 0

[[incident]]
kind = "call"
at_s = 90
number = "114"
what = "fire"

[[fault]]
kind = "drop"
feeds = ["traffic"]
share = 0.5

[[expect]]
rule = "emergency-call"
priority = 1
raised = "1m25s..2m"

[[forbid]]
rule = "hydro-level"
"""


@pytest.fixture
def story(tmp_path: Path) -> Path:
    file = tmp_path / "story.toml"
    file.write_text(STORY, encoding="utf-8")
    return file


def test_the_list_and_each_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == scenario.names()
    assert any(line.startswith("live ") and "endless" in line and "not judged" in line for line in lines)
    assert main(["sim", "list", "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    assert all(entry["title_vi"] and entry["title_en"] for entry in entries)
    for name in scenario.names():
        assert main(["sim", "show", name]) == 0
        said = capsys.readouterr().out
        assert said.startswith(f"{name}: ")
        for expect in scenario.load(name).expect:
            assert f"{expect.name}: {expect.says}" in said


def test_every_scenario_of_the_package_is_valid(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "validate"]) == 0
    assert capsys.readouterr().out.count(": good, ") == len(scenario.names())


def test_show_as_json_is_the_file(story: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "show", str(story), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["incident"][0]["kind"] == "call"
    assert shown["expect"][0]["raised"] == "1m25s..2m"


def test_a_run_in_memory_holds(story: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "run", str(story), "--dry"]) == 0
    said = capsys.readouterr().out
    assert "✓" in said
    assert "played to its end: " in said
    assert "All 2 hold." in said
    assert "drop" in said, "the book of the fault"


def test_a_run_that_does_not_hold_is_code_1(story: Path, capsys: pytest.CaptureFixture[str]) -> None:
    story.write_text(STORY.replace("1m25s..2m", "2m20s..3m"), encoding="utf-8")
    assert main(["sim", "run", str(story), "--dry"]) == 1
    said = capsys.readouterr().out
    assert "DOES NOT HOLD: 1 of 2." in said
    assert "✗" in said
    assert "early" in said


def test_json_has_everything(story: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "run", str(story), "--dry", "--exercise", "d-1", "--seed", "5", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["seed"], result["exercise"], result["dry"]) == (5, "d-1", True)
    assert result["verdict"]["holds"] is True
    (book,) = result["faults"]
    assert book["out"] == book["came"] - book["dropped"] == result["sent"]


def test_a_part_is_judged_for_its_part(story: Path, capsys: pytest.CaptureFixture[str]) -> None:
    story.write_text(STORY + 'within = "1m40s.."\n', encoding="utf-8")
    assert main(["sim", "run", str(story), "--dry", "--from", "1m30s", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["from_s"], result["ended"], result["verdict"]["judged"]) == (90, True, 1)
    assert [f["kind"] for f in result["verdict"]["findings"]] == ["not judged", "met"]


def test_the_books_of_a_part_balance(story: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was held back across the beginning is made and in the books, but sent only when its time comes."""
    delay = '[[fault]]\nkind = "delay"\nby_s = 50\n'
    story.write_text(STORY.replace("[[fault]]", f"{delay}[[fault]]", 1), encoding="utf-8")
    assert main(["sim", "run", str(story), "--dry", "--from", "1m", "--json"]) in (0, 1, 4)
    result = json.loads(capsys.readouterr().out)
    out = result["faults"][-1]["out"]
    assert result["skipped"] > 0
    assert result["waiting"] == 0
    assert out == result["sent"] + result["skipped"] + result["waiting"]
    main(["sim", "run", str(story), "--dry", "--from", "1m"])
    said = capsys.readouterr().out
    assert f"{out} went on: {result['sent']} sent, {result['skipped']} before the beginning, 0 still held back" in said


def test_a_fault_that_hit_nothing_is_listed_and_says_so(story: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nobody = '[[fault]]\nkind = "delay"\nby_s = 5\nat_s = 1\nfor_s = 0.001\nsites = ["BIENHOA"]\n'
    story.write_text(STORY.replace("[[fault]]", f"{nobody}[[fault]]", 1), encoding="utf-8")
    main(["sim", "run", str(story), "--dry"])
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("delay ")]
    assert line.rstrip().endswith("hit nothing")


def test_a_part_in_which_nothing_can_be_judged_is_code_4(story: Path, capsys: pytest.CaptureFixture[str]) -> None:
    part = ["sim", "run", str(story), "--dry", "--duration-s", "60"]
    assert main([*part, "--json"]) == 4
    result = json.loads(capsys.readouterr().out)
    assert (result["ended"], result["verdict"]["judged"]) == (False, 0)
    assert [f["kind"] for f in result["verdict"]["findings"]] == ["not judged", "not judged"]
    assert main(part) == 4
    said = capsys.readouterr().out
    assert "ended at 1m: " in said
    assert "NOTHING WAS JUDGED" in said
    assert "played to its end" not in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--step", "--dry"], "--step and --dry exclude each other"),
        (["--step", "--speed", "2", "--exercise", "x"], "--step and --speed exclude each other"),
        (["--dry", "--speed", "60"], "--speed and --dry exclude each other"),
        (["--dry", "--ledger", "x.jsonl"], "--ledger and --dry exclude each other"),
        (["--dry", "--rate", "0.0001"], "--rate: must be above"),
        (["--step-by", "0s", "--dry"], "--step-by must be above 0"),
        (["--from", "soon", "--dry"], "--from: 'soon' is no duration"),
        (["--from", "3m", "--dry"], "--from is not before the end of the scenario (180 s)"),
        (["--speed", "0.1", "--exercise", "x"], "--speed must be from 0.5 to 1000"),
        (["--duration-s", "nan", "--dry"], "--duration-s must be above 0 and at most 31536000"),
        (["--duration-s", "inf", "--dry"], "--duration-s must be above 0 and at most 31536000"),
        (["--duration-s", "0", "--dry"], "--duration-s must be above 0"),
        (["--rate", "nan", "--dry"], "--rate must be above 0 and at most 100000"),
        (["--rate", "inf", "--dry"], "--rate must be above 0 and at most 100000"),
        (["--rate", "-1", "--dry"], "--rate must be above 0"),
        (["--speed", "nan", "--exercise", "x"], "--speed must be from 0.5 to 1000"),
        (["--seed", "-5", "--dry"], "--seed must be from 0 to 2147483647"),
        (["--seed", "2147483648", "--dry"], "--seed must be from 0 to 2147483647"),
        (["--from", "400d", "--duration-s", "31536000", "--dry"], "--from is not before the end"),
        (["--from", "9" * 500 + "d", "--dry"], "is longer than 36525 days"),
        (["--start", "soon", "--dry"], "--start 'soon' is not an instant"),
        (["--start", "2026-11-24T10:00", "--dry"], "--start is for scenarios that start now"),
        ([], "run it as a drill (--exercise ID), or without a broker (--dry)"),
    ],
)
def test_arguments_that_cannot_be(
    arguments: list[str], said: str, story: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sim", "run", str(story), *arguments]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert said in err


def test_feeds_that_nobody_judges_do_not_need_good_rules(
    tmp_path: Path, story: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "profile"
    shutil.copytree(profile_folder("dongnai-2023"), folder)
    (folder / "rules.toml").write_text("rules = 5\n", encoding="utf-8")
    monkeypatch.setenv("IOC_PROFILE", str(folder))
    assert main(["sim", "run", "live", "--ledger", f"{story}/ledger"]) == 2
    assert f"{story}/ledger: cannot be written" in capsys.readouterr().err, "it came as far as the ledger"
    assert main(["sim", "run", str(story), "--dry"]) == 2
    assert "rules.toml" in capsys.readouterr().err


def test_an_endless_scenario_needs_an_end_in_memory(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "run", "live", "--dry"]) == 2
    assert "live is endless: give it --duration-s" in capsys.readouterr().err


def test_an_endless_scenario_cannot_begin_after_the_end_of_time(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "run", "live", "--from", "400d", "--exercise", "d"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "--from must be at most 365d" in err


def test_a_given_start_makes_a_run_of_now_the_same_on_any_day(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "now.toml"
    file.write_text(STORY.replace('start = "2023-08-10T09:00:00+07:00"', 'start = "now"'), encoding="utf-8")
    told = []
    for days in (0, 3):
        monkeypatch.setattr("ioc.cli.simulate.now_ms", lambda days=days: 1_795_000_000_789 + days * 86_400_000)
        assert main(["sim", "run", str(file), "--dry", "--json", "--start", "2026-11-10T10:00"]) == 0
        told.append(json.loads(capsys.readouterr().out))
    assert told[0] == told[1]
    assert told[0]["start"] == "2026-11-10T03:00:00.000Z"
    assert main(["sim", "run", str(file), "--dry", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["start"].endswith(".000Z"), "now is a whole second"
    for arguments, said in (
        (["--start", "2h"], "which the live picture refuses"),
        (["--start", "1999-01-01", "--dry"], "--start must lie in the years 2000 to 2099"),
        (["--start", "2098-01-01", "--exercise", "d"], "s too late: readings of the future are refused"),
    ):
        assert main(["sim", "run", str(file), *arguments]) == 2
        assert said in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_in_memory_with_a_verdict_of_what_was_played(
    number: signal.Signals, story: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(number)
    monkeypatch.setattr("ioc.cli.simulate_view.Bar.dry", lambda self, event_ms, alerts: signal.raise_signal(number))
    assert main(["sim", "run", str(story), "--dry"]) == 4
    said = capsys.readouterr().out
    assert "stopped at 1m: " in said, said
    assert "NOTHING WAS JUDGED" in said
    assert main(["sim", "run", str(story), "--dry", "--json"]) == 4
    told = json.loads(capsys.readouterr().out)
    assert (told["stopped"], told["ended"], told["played_s"]) == (True, False, 60.0)
    assert told["sent"] == told["acked"] > 0
    assert signal.getsignal(number) is before


def test_a_second_signal_is_not_caught() -> None:
    with asked_to_end() as stopping:
        assert not stopping()
        signal.raise_signal(signal.SIGINT)
        assert stopping()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
