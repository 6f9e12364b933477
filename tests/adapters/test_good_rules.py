"""The last good rule file: kept whole, and used at a start while the profile's own is broken."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from ioc.adapters.at_rest import LOOK_EVERY_S
from ioc.adapters.file_watch import watch_rules
from ioc.adapters.good_rules import GoodRules, RuleFileHealth
from ioc.adapters.profile_parts import PARTS
from ioc.adapters.profiles import load_profile
from ioc.adapters.running_profile import load_running
from ioc.errors import BadSettings
from ioc.settings import Settings
from ioc.stack.overview import collect
from tests.adapters.profile_place import Edit, Place

BROKEN: dict[str, Edit] = {
    "a bad number": lambda text: text.replace("after_s = 30", "after_s = 0", 1),
    "not TOML": lambda text: text.replace("[[rules]]", "[[rules]", 1),
    "not UTF-8": lambda text: text + "# \udcff\n",
    "empty": lambda text: "",
    "cut": lambda text: text[: len(text) // 2] + "\nid = ",
    "an unknown key": lambda text: text.replace("after_s = 30", "after_sec = 30", 1),
    "a type that is none": lambda text: text.replace('type = "hydro.level"', 'type = "hydro.levels"', 1),
}


class RulesPlace(Place):
    """With its rule file, and the good one that is kept."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.rules, self.before = self.file("rules"), self.text("rules")
        self.good = GoodRules(self.data, load_profile(self.name).id)

    def write_rules(self, text: str) -> None:
        self.write("rules", text)


@pytest.fixture
def place(tmp_path: Path) -> RulesPlace:
    return RulesPlace(tmp_path)


def test_a_good_start_is_the_profile_itself_and_keeps_its_rules(place: RulesPlace) -> None:
    assert load_running(place.name, place.data) == load_profile(place.name)
    assert place.good.content() == place.rules.read_bytes()
    before = place.good.file.stat().st_mtime_ns
    load_running(place.name, place.data)
    assert place.good.file.stat().st_mtime_ns == before  # nothing is written for nothing
    kept = {GoodRules(place.data, load_profile(place.name).id, part).file for part in ("rules", *PARTS)}
    assert set(place.good.file.parent.iterdir()) == kept


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_file_at_a_start_leaves_the_last_good_rules(
    place: RulesPlace, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    good = load_running(place.name, place.data)
    place.write_rules(BROKEN[how](place.before))
    caplog.set_level(logging.ERROR)
    assert load_running(place.name, place.data) == good
    assert f"started with the last good ones of {place.good.file}: {place.rules}:" in caplog.text
    assert place.good.content() == place.before.encode()  # the broken one is not kept
    with pytest.raises(BadSettings):
        load_profile(place.name)  # tools stay strict


def test_a_file_that_went_away_is_a_broken_one(place: RulesPlace, caplog: pytest.LogCaptureFixture) -> None:
    good = load_running(place.name, place.data)
    place.rules.unlink()
    assert load_running(place.name, place.data) == good
    assert "cannot be read" in caplog.text


def test_a_profile_may_be_without_rules(place: RulesPlace) -> None:
    place.rules.unlink()
    assert load_running(place.name, place.data).rules == ()


def test_nothing_kept_or_a_damaged_one_is_the_end(place: RulesPlace) -> None:
    place.write_rules(BROKEN["a bad number"](place.before))
    with pytest.raises(BadSettings, match="source-silent"):
        load_running(place.name, place.data)
    place.write_rules(place.before)
    load_running(place.name, place.data)
    whole = place.good.file.read_bytes()
    place.write_rules(BROKEN["a bad number"](place.before))
    for damaged in (whole[:-3], whole.replace(b"hydro", b"hydra", 1), b"", b"# sha256 0\n"):
        place.good.file.write_bytes(damaged)
        with pytest.raises(BadSettings, match="source-silent"):
            load_running(place.name, place.data)


def test_only_the_rules_are_replaced(place: RulesPlace) -> None:
    load_running(place.name, place.data)
    areas = Path(place.name) / "areas.toml"
    areas.write_text(areas.read_text(encoding="utf-8").replace("[[areas]]", "[[areas]", 1), encoding="utf-8")
    with pytest.raises(BadSettings, match=r"areas\.toml"):
        load_running(place.name, place.data)


def test_what_is_taken_while_running_is_what_the_next_start_has(place: RulesPlace) -> None:
    watch = watch_rules(place.rules, load_running(place.name, place.data), place.good)
    place.write_rules(place.before.replace("after_s = 30", "after_s = 45", 1))
    taken = [found for look in range(3) if (found := watch.look(look * LOOK_EVERY_S)) is not None]
    place.write_rules(BROKEN["a bad number"](place.before))
    assert [watch.look((look + 3) * LOOK_EVERY_S) for look in range(3)] == [None] * 3
    assert taken == [load_running(place.name, place.data)]


def test_a_full_disk_stops_nobody(place: RulesPlace, caplog: pytest.LogCaptureFixture) -> None:
    place.data.write_text("a file where a folder should be")
    assert load_running(place.name, place.data) == load_profile(place.name)
    assert "cannot be kept" in caplog.text


def test_health_of_the_file_follows_it(place: RulesPlace) -> None:
    health = RuleFileHealth(place.rules, load_running(place.name, place.data), place.good)
    assert health.problems() == []
    place.write_rules(place.before.replace("after_s = 30", "after_s = 0", 1))
    [problem] = health.problems()
    assert problem.startswith(f"{place.rules}:")
    settings = Settings(profile=place.name, data_dir=place.data)
    assert collect(settings, 0)["rules_broken"] == [problem]
    place.write_rules(place.before)
    assert health.problems() == []
    assert collect(settings, 0)["rules_broken"] == []
