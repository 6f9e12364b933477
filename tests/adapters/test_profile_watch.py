"""``suppression.toml``, ``incidents.toml``, ``duty.toml`` while jobs run: taken when good, else the old one stays."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ioc.adapters.good_rules import GoodRules
from ioc.adapters.part_files import PARTS
from ioc.adapters.part_health import PartsHealth
from ioc.adapters.profile_watch import ProfileWatch
from ioc.adapters.profiles import load_profile
from ioc.adapters.running_profile import load_running
from ioc.domain.profile import Profile
from ioc.errors import BadSettings
from ioc.settings import Settings
from ioc.stack.overview import collect
from tests.adapters.profile_place import Edit, Place, Watched

GOOD: dict[str, tuple[Edit, Callable[[Profile], object], object, str]] = {
    "suppression": (
        lambda text: text.replace('rules = ["congestion"], priority = 3', 'rules = ["congestion"], priority = 2', 1),
        lambda profile: profile.suppression.inhibit[0].target.priority,
        2,
        "inhibit: changed congestion-wide",
    ),
    "incidents": (
        lambda text: text.replace("above = 10", "above = 12", 1).replace('id = "power"', 'id = "strom"', 1),
        lambda profile: (profile.grouping.flood.above, profile.grouping.groups[2].id),
        (12, "strom"),
        "groups: added strom; groups: removed power; flood changed",
    ),
    "duty": (
        lambda text: text.replace("wait_s = 120", "wait_s = 60", 1),
        lambda profile: profile.duty.chains[0].steps[0].wait_s,
        60,
        "chains: changed khan",
    ),
}
BROKEN: dict[str, Edit] = {
    "not TOML": lambda text: text + "\n[[x]",
    "not UTF-8": lambda text: text + "# \udcff\n",
    "an unknown key": lambda text: text + "\n[fload]\nabove = 3\n",
    "a rule that is none": lambda text: (
        text.replace('"congestion-wide"]', '"congestion-wild"]', 1)
        + ('\n[[chains]]\nid = "x"\nrules = ["congestion-wild"]\nsteps = [{ wait_s = 1, role = "truc-ban" }]\n')
    ),
}


class WatchedProfile(Watched[ProfileWatch]):
    """With a job that looks at all files."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, job)


def job(place: Place, parts: Sequence[str] = tuple(PARTS)) -> ProfileWatch:
    return ProfileWatch(place.name, load_running(place.name, place.data), place.data, parts)


@pytest.fixture
def place(tmp_path: Path) -> WatchedProfile:
    return WatchedProfile(tmp_path)


def test_nothing_changes_without_a_change(place: WatchedProfile) -> None:
    assert place.look(5) == []
    for part in PARTS:
        place.edit(part, lambda text: text + "# x\n")
    assert place.look(5) == []


@pytest.mark.parametrize("part", GOOD)
def test_a_good_change_is_taken_once_when_the_file_rests_and_is_there_after_a_crash(
    place: WatchedProfile, part: str, caplog: pytest.LogCaptureFixture
) -> None:
    how, value, wanted, words = GOOD[part]
    before = place.watch.profile
    place.look(3)
    place.edit(part, how)
    assert place.look(1) == [], "it may still be in writing"
    [taken] = place.look(5)
    assert value(taken) == wanted
    assert (taken.rules, taken.centres) == (before.rules, before.centres)
    assert f"{place.file(part)} taken: {words}" in caplog.text
    assert load_running(place.name, place.data) == taken


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("part", GOOD)
def test_a_broken_change_is_refused_with_its_line_and_the_old_one_stays_also_after_a_crash(
    place: WatchedProfile, part: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    if part == "incidents" and how == "a rule that is none":
        BROKEN_GROUP = 'rules = ["congestion-wild"]\n'
        edit: Edit = lambda text: text + f'\n[[groups]]\nid = "x"\ntitle_vi = "x"\ntitle_en = "x"\n{BROKEN_GROUP}'  # noqa: E731
    else:
        edit = BROKEN[how]
    place.look(3)
    good = place.watch.profile
    caplog.set_level(logging.ERROR)
    place.edit(part, edit)
    assert place.look(5) == []
    said = [record.getMessage() for record in caplog.records]
    start = f"{part}.toml refused, the old one stays: {place.file(part)}:"
    assert said
    assert all(one.startswith(start) and one.removeprefix(start).split(":")[0].isdigit() for one in said), said
    caplog.clear()
    assert load_running(place.name, place.data) == good
    assert f"{part}.toml broken, started with the last good one of" in caplog.text
    assert f": {place.file(part)}:" in caplog.text
    with pytest.raises(BadSettings):
        load_profile(place.name)  # tools stay strict


@pytest.mark.parametrize("part", GOOD)
@pytest.mark.parametrize("left", ["", "\n  \n"])
def test_what_a_full_disk_leaves_of_a_file_is_refused_and_a_comment_is_nothing_on_purpose(
    place: WatchedProfile, part: str, left: str
) -> None:
    place.look(3)
    place.edit(part, lambda _: left)
    assert place.look(5) == []
    place.watch = job(place)
    assert place.look(5) == [], "and the good one is kept over a crash"
    place.edit(part, lambda _: "# nothing\n")
    assert len(place.look(5)) == 1


@pytest.mark.parametrize("part", GOOD)
def test_a_refused_file_that_is_mended_is_taken_and_one_that_is_put_back_is_nothing(
    place: WatchedProfile, part: str
) -> None:
    text = place.text(part)
    place.look(3)
    place.edit(part, BROKEN["not TOML"])
    assert place.look(5) == []
    place.edit(part, lambda _: text)
    assert place.look(5) == []
    place.edit(part, GOOD[part][0])
    assert len(place.look(5)) == 1


def test_a_file_that_names_a_rule_that_comes_later_is_taken_with_it(place: WatchedProfile) -> None:
    place.look(3)
    new_rule: Edit = lambda text: text.replace('id = "hydro-level"', 'id = "hydro-stage"', 1)  # noqa: E731
    place.edit("incidents", lambda text: text.replace('"hydro-level"', '"hydro-stage"', 1))
    assert place.look(5) == []
    place.edit("rules", new_rule)
    profile = place.look(5)[-1]
    assert "hydro-stage" in profile.grouping.groups[0].rules
    assert "hydro-stage" in {rule.id for rule in profile.rules}
    assert load_running(place.name, place.data) == profile


def test_a_rule_that_goes_does_not_stop_a_start_by_what_names_it(place: WatchedProfile) -> None:
    place.look(3)
    place.edit("rules", lambda text: text.replace('id = "hydro-level"', 'id = "hydro-stage"', 1))
    [profile] = place.look(5)
    assert load_running(place.name, place.data) == profile
    shutil.rmtree(place.data)  # and nothing was kept
    assert load_running(place.name, place.data) == profile


def test_without_a_kept_one_a_broken_file_ends_the_start_with_all_mistakes(place: WatchedProfile) -> None:
    shutil.rmtree(place.data)
    for part in PARTS:
        place.edit(part, BROKEN["an unknown key"])
    with pytest.raises(BadSettings) as caught:
        load_running(place.name, place.data)
    for part in PARTS:
        assert any(one.startswith(f"{place.file(part)}:") for one in caught.value.problems)


def test_a_file_may_be_absent_and_one_that_went_away_is_a_broken_one(
    place: WatchedProfile, caplog: pytest.LogCaptureFixture
) -> None:
    place.look(3)
    good = place.watch.profile
    place.file("suppression").unlink()
    assert place.look(5) == []
    assert caplog.text.count("the old one stays") == 1
    assert load_running(place.name, place.data) == good
    shutil.rmtree(place.data)
    assert load_running(place.name, place.data).suppression.inhibit == ()


def test_a_file_that_comes_is_taken(place: WatchedProfile) -> None:
    text = place.text("incidents")
    place.file("incidents").unlink()
    shutil.rmtree(place.data)
    place.watch = job(place)
    assert place.look(3) == []
    place.file("incidents").write_text(text, encoding="utf-8")
    [taken] = place.look(5)
    assert taken.grouping.groups


def test_what_no_check_names_and_cannot_be_built_is_refused(
    place: WatchedProfile, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    place.look(3)
    monkeypatch.setattr("ioc.domain.shift_times.minute_of", lambda _: 1 << 80)
    place.edit("duty", GOOD["duty"][0])
    assert place.look(5) == []
    assert "duty.toml refused, the old one stays" in caplog.text
    assert "cannot be used: OverflowError" in caplog.text


def test_a_job_that_reads_one_file_looks_at_no_other(place: WatchedProfile) -> None:
    place.watch = job(place, ["duty"])
    place.look(3)
    place.edit("suppression", GOOD["suppression"][0])
    place.edit("duty", GOOD["duty"][0])
    [taken] = place.look(5)
    assert (taken.duty.chains[0].steps[0].wait_s, taken.suppression.inhibit[0].target.priority) == (60, 3)


@pytest.mark.parametrize("part", GOOD)
def test_health_follows_the_file_and_status_shows_it(place: WatchedProfile, part: str) -> None:
    health = PartsHealth(place.name, place.watch.profile, place.data)
    assert health.problems() == {one: [] for one in PARTS}
    place.edit(part, BROKEN["an unknown key"])
    [problem] = health.problems()[part]
    assert problem.startswith(f"{place.file(part)}:")
    settings = Settings(profile=place.name, data_dir=place.data)
    assert collect(settings, 0)["files_broken"] == [problem]
    place.edit(part, lambda text: text.replace("[fload]\nabove = 3\n", ""))
    assert health.problems()[part] == []
    assert collect(settings, 0)["files_broken"] == []


def test_health_knows_rules_that_were_taken_since(place: WatchedProfile) -> None:
    health = PartsHealth(place.name, place.watch.profile, place.data)
    place.look(3)
    place.edit("rules", lambda text: text.replace('id = "hydro-level"', 'id = "hydro-stage"', 1))
    place.edit("incidents", lambda text: text.replace('"hydro-level"', '"hydro-stage"', 1))
    place.look(5)
    assert health.problems()["incidents"] == []


def test_the_kept_files_of_rules_and_parts_are_their_own(place: WatchedProfile) -> None:
    kept = {GoodRules(place.data, place.watch.profile.id, part).file for part in ("rules", *PARTS)}
    assert {one.is_file() for one in kept} == {True}
    assert len(kept) == 4
