"""``ioc rules check`` on ``suppression.toml``, ``incidents.toml`` and ``duty.toml``, alone and in their profile."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ioc.adapters.profile_check import RULES_UNREAD
from ioc.adapters.profile_parts import PARTS
from ioc.adapters.profiles import profile_folder
from ioc.cli import main

PACK = profile_folder("dongnai-2023")
WRONG = {
    "suppression": """
[[inhibit]]
id = "planted"
source = { rules = ["no-such-rule"] }
target = { rules = ["heavy-rain"] }
equal = ["area"]
why_vi = "x"
why_en = "x"
""",
    "incidents": """
[[groups]]
id = "planted"
title_vi = "x"
title_en = "x"
rules = ["no-such-rule"]
near = "all"
within_s = 600
""",
    "duty": """
[[chains]]
id = "planted"
rules = ["no-such-rule"]
[[chains.steps]]
wait_s = 60
person = "nobody-of-that-id"
""",
}
ROUTE = """
[[channels]]
id = "planted"
kind = "log"
[[routes]]
channels = ["planted"]
rules = ["no-such-rule"]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the profile, which the settings name."""
    found = shutil.copytree(PACK, tmp_path / "profile")
    monkeypatch.setenv("IOC_PROFILE", str(found))
    return found


def planted(folder: Path, part: str, name: str) -> Path:
    text = (PACK / f"{part}.toml").read_text(encoding="utf-8")
    file = folder / name
    file.write_text(text + WRONG[part], encoding="utf-8")
    return file


def line_with(file: Path, text: str) -> int:
    lines = file.read_text(encoding="utf-8").splitlines()
    return len(lines) - [text in line for line in reversed(lines)].index(True)


def test_the_installed_profile_is_good_with_all_its_files(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "check"]) == 0
    said = capsys.readouterr().out
    assert all(f"{PACK / part.file}: good" in said for part in PARTS.values())


@pytest.mark.parametrize("part", PARTS)
def test_a_good_file_alone_is_good(part: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in (f"{part}.toml", f"new-{part}.toml"):
        file = shutil.copy(PACK / f"{part}.toml", tmp_path / name)
        assert main(["rules", "check", str(file)]) == 0
        assert capsys.readouterr().out == f"{file}: 0 warnings\n"


@pytest.mark.parametrize("part", PARTS)
def test_a_mistake_in_a_file_alone_has_its_file_and_line(
    part: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = planted(tmp_path, part, f"new-{part}.toml")
    assert main(["rules", "check", str(file)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "no-such-rule" in said.err
    assert all(one.startswith(f"{file}:") for one in said.err.splitlines())
    assert any(one.startswith(f"{file}:{line_with(file, 'no-such-rule')}: ") for one in said.err.splitlines())
    assert main(["rules", "check", str(file), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["mistakes"]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(
    ("content", "said"), [(b"", "is empty"), (b"a = = 1\n", "is not TOML"), (b"# only words\nwrong_key = 1\n", ":2: ")]
)
def test_what_cannot_be_used_is_said(
    part: str, content: bytes, said: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / f"{part}.toml"
    file.write_bytes(content)
    assert main(["rules", "check", str(file)]) == 1
    assert said in capsys.readouterr().err


def test_a_file_alone_is_judged_also_when_the_rules_are_broken(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "rules.toml").write_text("rules = 1\n", encoding="utf-8")
    good = shutil.copy(PACK / "duty.toml", tmp_path / "duty.toml")
    assert main(["rules", "check", str(good)]) == 0
    assert RULES_UNREAD in capsys.readouterr().err
    bad = planted(tmp_path, "duty", "new-duty.toml")
    assert main(["rules", "check", str(bad)]) == 1
    assert "nobody-of-that-id" in capsys.readouterr().err


def test_mistakes_of_all_files_of_a_profile_come_together(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [planted(folder, part, f"{part}.toml") for part in PARTS]
    rules = folder / "rules.toml"
    rules.write_text(rules.read_text(encoding="utf-8").replace('"bd3"', '"bd_3"'), encoding="utf-8")
    assert main(["rules", "check", str(folder)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert all(f"{file}:{line_with(file, 'no-such-rule')}: " in said.err for file in files)
    assert f"{rules}:" in said.err, "its warning too"
    assert main(["rules", "check"]) == 1, "the profile of the settings"


def test_what_only_the_whole_profile_shows_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = folder / "dispatch.toml"
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    file.write_text(text + ROUTE, encoding="utf-8")
    assert main(["rules", "check"]) == 2
    assert f"ioc: {file}:{line_with(file, 'no-such-rule')}: " in capsys.readouterr().err


def test_a_file_that_is_not_there(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "check", str(tmp_path / "duty.toml")]) == 2
    assert "cannot be read" in capsys.readouterr().err
