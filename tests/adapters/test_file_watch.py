"""A changed rule file: taken when it is good and at rest, refused with file and line when it is not."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from ioc.adapters.file_watch import FileWatch, watch_rules
from ioc.adapters.good_rules import GoodRules
from ioc.adapters.profiles import load_profile, profile_folder
from tests.adapters.profile_place import Watched

PROFILE = load_profile("dongnai-2023")
TEXT = (profile_folder("dongnai-2023") / "rules.toml").read_text(encoding="utf-8")
WINDOW = '\n[[windows]]\ntype = "hydro.level"\nsize_s = 300\n'


class WatchedRules(Watched[FileWatch]):
    """With the rule file alone."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, lambda place: watch_rules(place.file("rules"), PROFILE, GoodRules(folder, PROFILE.id)))

    def write_rules(self, text: str) -> None:
        self.write("rules", text)


@pytest.fixture
def watched(tmp_path: Path) -> WatchedRules:
    return WatchedRules(tmp_path)


def test_an_unchanged_file_is_nothing(watched: WatchedRules) -> None:
    assert watched.look(5) == []
    watched.write_rules(TEXT + "# a comment\n")
    assert watched.look(5) == []
    assert (watched.watch.took, watched.watch.refused) == (0, 0)


def test_a_good_change_is_taken_once_when_the_file_rests(
    watched: WatchedRules, caplog: pytest.LogCaptureFixture
) -> None:
    watched.look(3)
    watched.write_rules(TEXT.replace("after_s = 30\n", "after_s = 45\n"))
    assert watched.look() == []  # it may still be in writing
    [taken] = watched.look()
    assert next(rule for rule in taken.rules if rule.id == "source-silent").after_s == 45
    assert (taken.centres, taken.areas) == (PROFILE.centres, PROFILE.areas)
    assert watched.look(5) == []
    assert "changed source-silent" in caplog.text


def _turned(text: str) -> str:
    """The same rules, the first one last."""
    head, *rules = text.split("[[rules]]\n")
    return "[[rules]]\n".join([head, *rules[1:], rules[0]])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TEXT + WINDOW, "windows changed"),
        (TEXT.replace("after_s = 30\n", "after_s = 45\n") + WINDOW, "changed source-silent; windows changed"),
        (_turned(TEXT), "another order"),
    ],
    ids=["a window", "a rule and a window", "turned"],
)
def test_the_log_says_what_differs(
    watched: WatchedRules, caplog: pytest.LogCaptureFixture, text: str, said: str
) -> None:
    watched.look(3)
    watched.write_rules(text)
    assert len(watched.look(3)) == 1, caplog.text
    taken = [record.getMessage() for record in caplog.records]
    assert taken == [f"rules of {watched.file('rules')} taken: {said}"]


def test_a_change_before_the_first_look_is_not_missed(watched: WatchedRules) -> None:
    watched.write_rules(TEXT.replace("after_s = 30\n", "after_s = 45\n"))
    assert len(watched.look(3)) == 1


def test_a_broken_file_is_refused_with_its_line(watched: WatchedRules, caplog: pytest.LogCaptureFixture) -> None:
    watched.look(3)
    caplog.set_level(logging.ERROR)
    broken = TEXT.replace("after_s = 30\n", "after_s = 0\n")
    watched.write_rules(broken)
    assert watched.look(5) == []
    line = broken.splitlines().index("after_s = 0") + 1
    assert (
        f"the old ones stay: {watched.file('rules')}:{line}: rule source-silent: a silence needs after_s" in caplog.text
    )
    assert watched.watch.refused == 1  # said once, not at every look
    watched.write_rules(TEXT.replace("after_s = 30\n", "after_s = 31\n"))
    assert len(watched.look(3)) == 1


@pytest.mark.parametrize("number", ["inf", "nan", "1e300"])
def test_a_number_that_cannot_be_used_is_refused(watched: WatchedRules, number: str) -> None:
    watched.look(3)
    watched.write_rules(TEXT.replace("off_delay_s = 600", f"off_delay_s = {number}", 1))
    assert watched.look(5) == []
    assert watched.watch.refused == 1


def test_rules_that_cannot_be_built_are_refused(
    watched: WatchedRules, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A mistake that no check names must not reach the partitions."""
    watched.look(3)
    monkeypatch.setattr("ioc.domain.rules.NUMBER_MAX", float("inf"))
    watched.write_rules(TEXT.replace("off_delay_s = 600", "off_delay_s = 1e308", 1))
    assert watched.look(5) == []
    assert "the rules cannot be used: OverflowError" in caplog.text


def test_a_missing_file_leaves_the_rules(watched: WatchedRules, caplog: pytest.LogCaptureFixture) -> None:
    watched.look(3)
    watched.file("rules").unlink()
    assert watched.look(5) == []
    assert caplog.text.count("the old ones stay") == 1
    watched.write_rules(TEXT)
    assert watched.look(5) == []


def test_it_looks_only_so_often(watched: WatchedRules) -> None:
    watched.look(2)
    watched.write_rules(TEXT.replace("after_s = 30\n", "after_s = 45\n"))
    assert watched.watch.look(watched.now_s + 0.5) is None
    assert watched.watch.look(watched.now_s + 1.0) is None
    assert len(watched.look(2)) == 1
