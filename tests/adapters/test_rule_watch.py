"""A changed rule file: taken when it is good and at rest, refused with file and line when it is not."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from ioc.adapters.good_rules import GoodRules
from ioc.adapters.profiles import load_profile, profile_folder
from ioc.adapters.rule_watch import LOOK_EVERY_S, RuleWatch
from ioc.domain.profile import Profile

PROFILE = load_profile("dongnai-2023")
TEXT = (profile_folder("dongnai-2023") / "rules.toml").read_text(encoding="utf-8")


class Watched:
    """A rule file and somebody who looks at it as often as allowed."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "rules.toml"
        self.file.write_text(TEXT, encoding="utf-8")
        self.watch = RuleWatch(self.file, PROFILE, GoodRules(folder, PROFILE.id))
        self.now_s = 100.0
        self.writes = 0

    def write(self, text: str) -> None:
        self.writes += 1
        self.file.write_text(text, encoding="utf-8")
        os.utime(self.file, ns=(self.writes, self.writes))  # two writes within one tick of the file system's clock

    def look(self, times: int = 1) -> list[Profile]:
        found = []
        for _ in range(times):
            self.now_s += LOOK_EVERY_S
            if (profile := self.watch.look(self.now_s)) is not None:
                found.append(profile)
        return found


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def test_an_unchanged_file_is_nothing(watched: Watched) -> None:
    assert watched.look(5) == []
    watched.write(TEXT + "# a comment\n")
    assert watched.look(5) == []
    assert (watched.watch.took, watched.watch.refused) == (0, 0)


def test_a_good_change_is_taken_once_when_the_file_rests(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    watched.look(3)
    watched.write(TEXT.replace("after_s = 30\n", "after_s = 45\n"))
    assert watched.look() == []  # it may still be in writing
    [taken] = watched.look()
    assert next(rule for rule in taken.rules if rule.id == "source-silent").after_s == 45
    assert (taken.centres, taken.areas) == (PROFILE.centres, PROFILE.areas)
    assert watched.look(5) == []
    assert "changed source-silent" in caplog.text


def test_a_change_before_the_first_look_is_not_missed(watched: Watched) -> None:
    watched.write(TEXT.replace("after_s = 30\n", "after_s = 45\n"))
    assert len(watched.look(3)) == 1


def test_a_broken_file_is_refused_with_its_line(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    watched.look(3)
    caplog.set_level(logging.ERROR)
    broken = TEXT.replace("after_s = 30\n", "after_s = 0\n")
    watched.write(broken)
    assert watched.look(5) == []
    line = broken.splitlines().index("after_s = 0") + 1
    assert f"the old ones stay: {watched.file}:{line}: rule source-silent: a silence needs after_s" in caplog.text
    assert watched.watch.refused == 1  # said once, not at every look
    watched.write(TEXT.replace("after_s = 30\n", "after_s = 31\n"))
    assert len(watched.look(3)) == 1


@pytest.mark.parametrize("number", ["inf", "nan", "1e300"])
def test_a_number_that_cannot_be_used_is_refused(watched: Watched, number: str) -> None:
    watched.look(3)
    watched.write(TEXT.replace("off_delay_s = 600", f"off_delay_s = {number}", 1))
    assert watched.look(5) == []
    assert watched.watch.refused == 1


def test_rules_that_cannot_be_built_are_refused(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A mistake that no check names must not reach the partitions."""
    watched.look(3)
    monkeypatch.setattr("ioc.domain.rules.NUMBER_MAX", float("inf"))
    watched.write(TEXT.replace("off_delay_s = 600", "off_delay_s = 1e308", 1))
    assert watched.look(5) == []
    assert "the rules cannot be used: OverflowError" in caplog.text


def test_a_missing_file_leaves_the_rules(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    watched.look(3)
    watched.file.unlink()
    assert watched.look(5) == []
    assert caplog.text.count("the old ones stay") == 1
    watched.write(TEXT)
    assert watched.look(5) == []


def test_it_looks_only_so_often(watched: Watched) -> None:
    watched.look(2)
    watched.write(TEXT.replace("after_s = 30\n", "after_s = 45\n"))
    assert watched.watch.look(watched.now_s + 0.5) is None
    assert watched.watch.look(watched.now_s + 1.0) is None
    assert len(watched.look(2)) == 1
