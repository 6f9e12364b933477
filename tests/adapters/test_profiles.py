"""Profiles: the one of the package is good, and every mistake in a folder is reported with its place."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ioc.adapters.profiles import PROFILES, load_centre, load_profile
from ioc.domain.catalogue import PAYLOADS
from ioc.domain.duty import Chain, on_shift
from ioc.domain.registry import Registry
from ioc.errors import BadSettings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the package's profile to spoil."""
    return Path(shutil.copytree(PROFILES / "dongnai_2023", tmp_path / "mine"))


def sentences(folder: Path) -> list[str]:
    """What is wrong with a profile, with the names of its files from its folder on."""
    with pytest.raises(BadSettings) as refused:
        load_profile(str(folder))
    return [problem.removeprefix(f"{folder}/") for problem in refused.value.problems]


def problems(folder: Path) -> list[str]:
    """The same without the lines."""
    return [re.sub(r"^(\S+\.toml):\d+: ", r"\1: ", sentence) for sentence in sentences(folder)]


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


# The profile of the package ---------------------------------------------------------------------------------------


def test_dongnai_2023_is_complete() -> None:
    profile = load_profile("dongnai-2023")
    assert profile.centre_ids == ("bien-hoa", "long-khanh", "tinh")
    assert all(centre.simulated for centre in profile.centres)
    districts = [area for area in profile.areas if area.parent == "75"]
    assert len(districts) == 11
    assert {area.valid_to for area in districts} == {"2025-07-01"}
    assert sum(area.parent == "731" for area in profile.areas) == 30
    assert sum(area.parent == "732" for area in profile.areas) == 15
    feeds = {(centre.id, feed.id) for centre in profile.centres for feed in centre.feeds}
    cities = {(city, feed) for city in ("bien-hoa", "long-khanh") for feed in ("traffic", "rain", "air", "feedback")}
    assert feeds >= cities | {("bien-hoa", "hydro"), ("tinh", "hydro"), ("tinh", "emergency"), ("tinh", "kpi")}
    assert {kind for centre in profile.centres for feed in centre.feeds for kind in feed.types} == set(PAYLOADS)
    assert all(any(site.feed == feed for site in Registry(profile).centre(c).sites) for c, feed in feeds)  # type: ignore[union-attr]


def test_each_centre_has_its_heartbeat() -> None:
    for centre in load_profile("dongnai-2023").centres:
        assert [site.id for site in centre.sites if site.feed == "heartbeat"] == [centre.id.upper()]


def test_flood_limits_are_those_that_were_verified_and_no_others() -> None:
    found = {
        site.id: site.limits
        for centre in load_profile("dongnai-2023").centres
        for site in centre.sites
        if site.feed == "hydro"
    }
    assert found == {
        "BIENHOA": {"bd1": 1.8, "bd2": 2.0},
        "TALAI": {"bd1": 112.0, "bd2": 112.5, "bd3": 113.0},
        "PHUHIEP": {"bd1": 104.5, "bd2": 105.5},
        "TRIAN": {"bd1": 61.4},
    }


def test_every_target_has_a_site_that_reports_it() -> None:
    profile = load_profile("dongnai-2023")
    sites = {site.id for centre in profile.centres for site in centre.sites if site.feed == "kpi"}
    assert {target.indicator.upper() for target in profile.targets} == sites
    targets = {target.indicator: target.target for target in profile.targets if target.target is not None}
    assert targets == {"dvc_online_pct": 40.0, "dvc_full_online_pct": 30.0, "dti_rank": 10.0}


def test_sites_lie_inside_the_territory() -> None:
    profile = load_profile("dongnai-2023")
    assert profile.geo_box is not None
    west, south, east, north = profile.geo_box
    for centre in profile.centres:
        for site in centre.sites:
            if site.lon is not None and site.lat is not None:
                assert west < site.lon < east
                assert south < site.lat < north


# Mistakes ---------------------------------------------------------------------------------------------------------


def test_an_unknown_profile() -> None:
    with pytest.raises(BadSettings, match=r"profiles of the package are .*dongnai-2023"):
        load_profile("atlantis-1")


def test_a_folder_works_like_a_name(folder: Path) -> None:
    assert load_profile(str(folder)) == load_profile("dongnai-2023")


def test_all_mistakes_are_reported_together(folder: Path) -> None:
    replace(folder / "profile.toml", 'timezone = "Asia/Ho_Chi_Minh"', 'timezone = "Asia/Saigoon"')
    replace(folder / "areas.toml", 'parent = "75"', 'parent = "77"')
    replace(folder / "areas.toml", 'valid_to = "2025-07-01"', 'valid_to = "1 July"')
    replace(folder / "targets.toml", 'pillar = "government"', 'pillar = "gov"')
    replace(folder / "centres/bien-hoa.toml", "expected_period_s = 10.0", 'expected_period_s = "often"')
    replace(folder / "centres/long-khanh.toml", 'area = "732"', 'area = "999"')
    replace(folder / "centres/long-khanh.toml", 'path = "intensity.value"', 'path = "intensity..value"')
    replace(folder / "centres/tinh.toml", 'convert = "cm->m"', 'convert = "cm->km"')
    said = problems(folder)
    for start in (
        "profile.toml: timezone: no such time zone",
        "areas.toml: areas[1] (731).parent: there is no area '77'",
        "areas.toml: areas[1] (731).valid_to: must be a day",
        "targets.toml: targets[0].pillar: invalid enum value 'gov'",
        "centres/bien-hoa.toml: feeds[0].expected_period_s: expected float, got str",
        "centres/long-khanh.toml: sites[0] (CAM-LK-001).area: there is no area '999'",
        "centres/long-khanh.toml: format.records[0].fields.intensity_veh_h.path: 'intensity..value' is not a path",
        "centres/tinh.toml: format.records[1].fields.level_m.convert: no such unit conversion 'cm->km'",
    ):
        assert any(problem.startswith(start) for problem in said), (start, said)
    assert len(said) == 8


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("profile.toml", 'timezone = "Asia/Ho_Chi_Minh"', 'timezone = "Asia/Saigoon"'),
        ("profile.toml", 'timezone = "Asia/Ho_Chi_Minh"', "timezone = [+7]"),
        ("areas.toml", 'parent = "75"', 'parent = "77"'),
        ("areas.toml", 'valid_to = "2025-07-01"', 'valid_to = "1 July"'),
        ("targets.toml", 'pillar = "government"', 'pillar = "gov"'),
        ("centres/bien-hoa.toml", "expected_period_s = 10.0", 'expected_period_s = "often"'),
        ("centres/bien-hoa.toml", 'number = "decimal_comma"', 'number = "decimal_coma"'),
        ("centres/long-khanh.toml", 'area = "732"', 'area = "999"'),
        ("centres/long-khanh.toml", 'path = "intensity.value"', 'path = "intensity..value"'),
        ("centres/tinh.toml", 'convert = "cm->m"', 'convert = "cm->km"'),
    ],
)
def test_each_mistake_has_its_line(folder: Path, name: str, old: str, new: str) -> None:
    replace(folder / name, old, new)
    text = (folder / name).read_text(encoding="utf-8")
    line = text[: text.index(new)].count("\n") + 1
    [said] = sentences(folder)
    assert said.startswith(f"{name}:{line}: ")


def test_what_occurs_twice_has_the_line_of_the_second(folder: Path) -> None:
    for name, header in (("targets", "[[targets]]"), ("areas", "[[areas]]"), ("centres/tinh", "[[sites]]")):
        file = folder / f"{name}.toml"
        text = file.read_text(encoding="utf-8").rstrip("\n")
        first = text.index(header)
        again = text[first : text.index(header, first + 1)]
        file.write_text(f"{text}\n\n{again}", encoding="utf-8")
        line = text.count("\n") + 3
        assert {said.split(": ")[0] for said in sentences(folder)} == {f"{name}.toml:{line}"}
        file.write_text(text, encoding="utf-8")


def test_a_wrong_word_is_answered_with_the_known_ones(folder: Path) -> None:
    replace(folder / "targets.toml", 'pillar = "government"', 'pillar = "gov"')
    replace(folder / "centres/bien-hoa.toml", 'number = "decimal_comma"', 'number = "decimal_coma"')
    said = "\n".join(sentences(folder))
    assert "pillar: invalid enum value 'gov'; known are government, economy, society" in said
    assert "number: invalid enum value 'decimal_coma'; known are plain, decimal_comma, text" in said


def test_a_file_that_cannot_be_read(folder: Path) -> None:
    (folder / "areas.toml").unlink()
    (folder / "areas.toml").mkdir()
    assert sentences(folder)[0] == "areas.toml: cannot be read: Is a directory"


def test_files_that_are_missing_or_no_toml(folder: Path) -> None:
    (folder / "profile.toml").unlink()
    (folder / "areas.toml").write_text("areas = [", encoding="utf-8")
    (folder / "centres/tinh.toml").write_bytes(b"\xff\xfe")
    said = problems(folder)
    assert any(problem == "profile.toml: the file is missing" for problem in said)
    assert any(problem.startswith("areas.toml: is not TOML") for problem in said)
    assert any(problem.startswith("centres/tinh.toml: is not UTF-8") for problem in said)


def test_references_and_repetitions(folder: Path) -> None:
    file = folder / "centres/bien-hoa.toml"
    text = file.read_text(encoding="utf-8")
    site = text[text.index("[[sites]]") : text.index("[[sites]]", text.index("[[sites]]") + 1)]
    file.write_text(text + "\n" + site + site.replace('feed = "traffic"', 'feed = "tram"'), encoding="utf-8")
    said = problems(folder)
    assert any("sites: 'traffic/CAM-BH-001 from None' occurs twice" in problem for problem in said)
    assert any("(CAM-BH-001).feed: the centre has no feed 'tram'" in problem for problem in said)


def test_agencies_are_checked(folder: Path) -> None:
    agencies = [(agency.id, agency.phone) for agency in load_profile("dongnai-2023").agencies]
    assert agencies[:3] == [("113", "113"), ("114", "114"), ("115", "115")]
    more = '\n[[agencies]]\nid = "{}"\nname_vi = "{}"\nname_en = "x"\nphone = "{}"\n'
    file = folder / "profile.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text + more.format("113", "x", "0251 382 2222") + more.format("A B", " ", "none"), encoding="utf-8")
    said = problems(folder)
    assert len(said) == 4
    for part in ("agencies: '113' occurs twice", "id 'A B' must be", "needs a name in both", "the phone 'none' is not"):
        assert any(part in problem and problem.startswith("profile.toml:") for problem in said), part


def test_suppression_is_checked_with_the_rest_of_the_profile(folder: Path) -> None:
    assert [one.id for one in load_profile("dongnai-2023").suppression.inhibit][:1] == ["congestion-wide"]
    file = folder / "suppression.toml"
    replace(file, 'target = { rules = ["congestion"], priority = 3 }', 'target = { rules = ["congestoin"] }')
    line = file.read_text(encoding="utf-8").split("congestoin")[0].count("\n") + 1
    assert sentences(folder) == [f"suppression.toml:{line}: inhibit[0].target.rules: there is no 'congestoin'"]
    replace(file, 'rules = ["congestoin"]', "")
    assert problems(folder) == ["suppression.toml: inhibit[0].target: has no condition: it would be about every alert"]
    replace(file, 'equal = ["centre", "area"]', 'equal = ["province"]\nfor_ever = true')
    said = problems(folder)
    assert any("inhibit[0].for_ever: no such key here" in problem for problem in said)
    assert any("inhibit[0].equal" in problem and "known are centre, area" in problem for problem in said)
    file.unlink()
    assert load_profile(str(folder)).suppression.inhibit == ()


def test_incidents_are_checked_with_the_rest_of_the_profile(folder: Path) -> None:
    grouping = load_profile("dongnai-2023").grouping
    assert [one.id for one in grouping.groups][:2] == ["water", "traffic"]
    file = folder / "incidents.toml"
    replace(file, '"water-burst"', '"water-bust"')
    replace(file, "below = 5", "below = 50")
    lines = file.read_text(encoding="utf-8").split("\n")
    found = {int(s.split(":")[1]): s.split(": ", 1)[1] for s in sentences(folder)}
    assert {lines[at - 1].split(" ")[0]: text for at, text in found.items()} == {
        "rules": "groups[3] (mains).rules: there is no rule 'water-bust'",
        "below": "flood.below: must be at least 1 and at most above",
    }
    replace(file, 'near = "all"', 'near = "province"\nfor_ever = true')
    said = problems(folder)
    assert any("groups[0].for_ever: no such key here" in problem for problem in said)
    assert any("groups[0].near" in problem for problem in said)
    file.unlink()
    assert load_profile(str(folder)).grouping.groups == ()


def test_rules_are_checked_against_the_catalogue(folder: Path) -> None:
    (folder / "rules.toml").write_text(
        """
[[rules]]
id = "r"
kind = "threshold"
type = "hydro.level"
group = "river"
name_vi = "r"
name_en = "r"
title_vi = "r"
title_en = "r"
field = "depth_m"
levels = [{ name = "a", priority = 1 }, { name = "b", priority = 7, limit = 1.0 }]
""",
        encoding="utf-8",
    )
    assert any(problem.startswith("rules.toml: rules[0].levels[1].priority") for problem in problems(folder))
    replace(folder / "rules.toml", "priority = 7", "priority = 2")
    said = problems(folder)
    assert any(problem.startswith("rules.toml: rule r: field 'depth_m' is not in the payload") for problem in said)
    assert any("level 'a' needs exactly one of limit and limit_from" in problem for problem in said)


def test_a_profile_without_centres(folder: Path) -> None:
    shutil.rmtree(folder / "centres")
    assert any("at least one centre is needed" in problem for problem in problems(folder))


def test_a_new_centre_is_one_file(folder: Path, tmp_path: Path) -> None:
    profile = load_profile("dongnai-2023")
    file = tmp_path / "new.toml"
    text = (folder / "centres/tinh.toml").read_text(encoding="utf-8").replace('id = "tinh"', 'id = "moi"', 1)
    file.write_text(text, encoding="utf-8")
    assert load_centre(file, profile).centre_ids == ("bien-hoa", "long-khanh", "tinh", "moi")
    file.write_text(text.replace('type = "hydro.level"', 'type = "hydro.flow"', 1), encoding="utf-8")
    with pytest.raises(BadSettings, match=r"no such event type 'hydro\.flow'"):
        load_centre(file, profile)


# Who is on duty ----------------------------------------------------------------------------------------------------


def test_an_installation_without_a_duty_file_calls_nobody(folder: Path) -> None:
    (folder / "duty.toml").unlink()
    assert load_profile(str(folder)).duty.chains == ()


def test_mistakes_of_the_duty_file_have_their_lines(folder: Path) -> None:
    file = folder / "duty.toml"
    replace(file, 'channels = ["log"]', 'channels = ["pager"]')
    replace(file, "wait_s = 180", "wait_s = 99_999")
    replace(file, 'person = "lanh-dao-truc"', 'person = "giam-doc"')
    lines = file.read_text(encoding="utf-8").split("\n")
    found = {int(s.split(":")[1]): s.split(": ", 1)[1] for s in sentences(folder)}
    assert {lines[at - 1].split(" ")[0]: text for at, text in found.items()} == {
        "channels": "people[0] (truc-ban-1).channels: there is no channel 'pager'",
        "wait_s": "chains[0] (khan).steps[1].wait_s: must be 0 to 86400 seconds",
        "person": "chains[0] (khan).steps[2].person: there is no 'giam-doc'",
    }
    replace(file, "repeat = 2", "repeats = 2")
    assert [s.split(": ", 1)[1].split(";")[0] for s in sentences(folder)] == ["chains[0].repeats: no such key here"]


def test_every_alert_of_the_package_profile_has_a_chain_and_every_hour_somebody() -> None:
    profile = load_profile("dongnai-2023")
    assert profile.duty.chains[-1] == Chain(id="thuong", steps=profile.duty.chains[-1].steps)
    (roster,) = profile.duty.rosters
    assert profile.duty.handover is not None
    assert profile.duty.handover.roster == roster.id
    zone = ZoneInfo(profile.timezone)
    start_ms = 1_795_489_200_000 // 86_400_000 * 86_400_000
    for hour in range(24 * 14):
        assert len(on_shift(roster, start_ms + hour * 3_600_000, zone, profile.holidays)) == 2
