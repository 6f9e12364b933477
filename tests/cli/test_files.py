"""A file argument that cannot be read is one sentence and code 2, whatever the command."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from ioc.adapters.profiles import profile_folder
from ioc.cli import main

RULES = profile_folder("dongnai-2023") / "rules.toml"
CENTRE = profile_folder("dongnai-2023") / "centres" / "bien-hoa.toml"

COMMANDS = {
    "a sample": ["feeds", "check", str(CENTRE), "{}"],
    "a centre": ["feeds", "check", "{}", str(CENTRE)],
    "rules to check": ["rules", "check", "{}"],
    "a test": ["rules", "test", "{}"],
    "rules to test": ["rules", "test", "--rules", "{}"],
    "rules to replay": ["rules", "backtest", "--rules", "{}", "--events", str(RULES)],
    "events": ["rules", "backtest", "--rules", str(RULES), "--events", "{}"],
    "a scenario": ["sim", "run", "{}"],
    "a ledger": ["sim", "run", "live", "--ledger", "{}/ledger"],
}


@pytest.fixture(autouse=True)
def logs() -> Iterator[None]:
    """Some commands begin logging: what stood there before comes back."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize("what", [what for what in COMMANDS if what != "a ledger"])
def test_a_missing_file(what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "missing.toml"
    assert main([part.format(missing) for part in COMMANDS[what]]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith(f"ioc: {missing}: ")
    assert "cannot be read: No such file or directory" in said or "the file is missing" in said


@pytest.mark.parametrize("what", [what for what in COMMANDS if what != "a ledger"])
def test_a_folder_instead_of_a_file(what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "folder.toml"
    folder.mkdir()
    assert main([part.format(folder) for part in COMMANDS[what]]) == 2
    assert capsys.readouterr().err == f"ioc: {folder}: cannot be read: Is a directory\n"


def test_a_ledger_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.touch()
    assert main([part.format(file) for part in COMMANDS["a ledger"]]) == 2
    assert f"ioc: {file}/ledger: cannot be written: " in capsys.readouterr().err
