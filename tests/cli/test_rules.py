"""``ioc rules check`` and ``ioc rules test`` as a person runs them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from ioc.adapters.profiles import load_profile, profile_folder
from ioc.adapters.rule_files import check_rules
from ioc.cli import main

PACK = profile_folder("dongnai-2023") / "rules.toml"


def test_the_installed_pack_is_good(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "check"]) == 0
    assert ", 0 warnings" in capsys.readouterr().out
    assert main(["rules", "check", "dongnai-2023", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["mistakes"] == []


@pytest.mark.parametrize(
    ("right", "wrong", "line", "said"),
    [
        ('id = "heavy-rain"', 'id = "hydro-level"', 'id = "hydro-level"  # second', "the id is used twice"),
        ('field = "mm_1h"', 'field = "mm_2h"', 'field = "mm_2h"', "'mm_2h' is not in the payload"),
        ("after_s = 30", "after_s = 0", "after_s = 0", "a silence needs after_s"),
        ('priority = 3\nlimit_from = "bd1"', 'priority = 7\nlimit_from = "bd1"', "priority = 7", "7"),
        ("off_delay_s = 600", "off_delay = 600", "off_delay = 600", "no such key"),
        ("off_delay_s = 600", "off_delay_s = inf", "off_delay_s = inf", "must be a finite number"),
        ("off_delay_s = 600", "off_delay_s = 1e300", "off_delay_s = 1e300", "must be a finite number"),
        ("max_gap_s = 900", "max_gap_s = = 900", "max_gap_s = = 900", "is not TOML"),
    ],
)
def test_a_mistake_has_its_file_and_line(
    right: str, wrong: str, line: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = PACK.read_text(encoding="utf-8")
    assert right in text
    if "second" in line:
        wrong = line
    file = tmp_path / "new.toml"
    file.write_text(text.replace(right, wrong, 1), encoding="utf-8")
    number = file.read_text(encoding="utf-8").splitlines().index(line) + 1
    assert main(["rules", "check", str(file)]) == 1
    assert any(one.startswith(f"{file}:{number}: ") and said in one for one in capsys.readouterr().err.splitlines()), (
        f"line {number}"
    )


def test_all_mistakes_come_together_also_for_a_whole_profile(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "profile"
    shutil.copytree(profile_folder("dongnai-2023"), folder)
    text = PACK.read_text(encoding="utf-8")
    text = text.replace("after_s = 30\n", "after_s = 0\n").replace('group = "river"', 'group = "sea"', 1)
    (folder / "rules.toml").write_text(text, encoding="utf-8")
    assert main(["rules", "check", str(folder), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)["mistakes"]
    assert len(found) == 2
    assert main(["rules", "check", str(tmp_path / "nothing.toml")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_what_is_probably_not_meant_is_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "new.toml"
    file.write_text(PACK.read_text(encoding="utf-8").replace('"bd3"', '"bd_3"'), encoding="utf-8")
    assert main(["rules", "check", str(file)]) == 0
    assert "warning: rule hydro-level: no site has a limit 'bd_3'" in capsys.readouterr().err


def test_a_failed_story_gives_1_and_the_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = (profile_folder("dongnai-2023") / "tests" / "source-silent.toml").read_text(encoding="utf-8")
    file = tmp_path / "planted.toml"
    file.write_text(own.replace('raised = "2m30s..2m35s"', 'raised = "1m..2m"'), encoding="utf-8")
    assert main(["rules", "test", str(file), "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["passed"], said["failed"]) == (2, 1)
    assert "should be raised within 1m..2m" in said["tests"][0]["problems"][0]
    assert main(["rules", "test", str(file)]) == 1
    assert "FAIL source-silent" in capsys.readouterr().out


def test_other_rules_can_be_tried(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules, tests = tmp_path / "new.toml", profile_folder("dongnai-2023") / "tests" / "source-silent.toml"
    rules.write_text(PACK.read_text(encoding="utf-8").replace("after_s = 30\n", "after_s = 90\n"), encoding="utf-8")
    assert main(["rules", "test", str(tests)]) == 0
    assert main(["rules", "test", str(tests), "--rules", str(rules)]) == 1
    capsys.readouterr()


def test_a_wrong_test_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bad.toml"
    file.write_text('rule = "hydro-level"\ntests = []\nmore = 1\n', encoding="utf-8")
    assert main(["rules", "test", str(file)]) == 2
    assert f"{file}:3: more: no such key here" in capsys.readouterr().err


def test_a_centre_without_a_heartbeat_is_warned_of_because_its_silence_is_never_told() -> None:
    profile = load_profile("dongnai-2023")
    first, *others = profile.centres
    mute = msgspec.structs.replace(
        first,
        feeds=tuple(feed for feed in first.feeds if feed.id != "heartbeat"),
        sites=tuple(site for site in first.sites if site.feed != "heartbeat"),
    )
    file, mistakes = check_rules(PACK, msgspec.structs.replace(profile, centres=(mute, *others)))
    assert file is not None
    (warning,) = mistakes
    assert warning.warning
    assert f"centre '{first.id}' has no feed of source.heartbeat" in warning.text


def test_the_slowest_story_is_named_and_progress_stays_out_of_the_results(capsys: pytest.CaptureFixture[str]) -> None:
    tests = profile_folder("dongnai-2023") / "tests" / "source-silent.toml"
    assert main(["rules", "test", str(tests)]) == 0
    out, err = capsys.readouterr()
    last = out.strip().splitlines()[-1]
    assert last.startswith("slowest, ")
    assert " s: source-silent: " in last
    assert err == ""
