"""``ioc users list`` says which accounts of ``duty.toml`` cannot sign for a shift."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from ioc.adapters import accounts_store
from ioc.adapters.accounts_store import Account
from ioc.adapters.profiles import PROFILES
from ioc.cli.data import users_list


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the profile, and accounts in the database."""
    folder = tmp_path / "profile"
    shutil.copytree(PROFILES / "dongnai_2023", folder)
    monkeypatch.setenv("IOC_PROFILE", str(folder))
    monkeypatch.setenv("IOC_DATABASE_URL", "postgresql://x@127.0.0.1:1/x")
    monkeypatch.setattr(
        accounts_store,
        "list_accounts",
        lambda _: [account("lan"), account("son", role="operator"), account("hoa", disabled=True)],
    )
    return folder


def account(name: str, *, role: str = "dispatcher", disabled: bool = False) -> Account:
    return Account(
        name=name, display=name.title(), role=role, password_hash="", disabled=disabled, session_epoch=0, demo=False,
        created_ms=0,
    )  # fmt: skip


def name_them(profile: Path, *names: str) -> None:
    file = profile / "duty.toml"
    text = re.sub(r'account = ".*"\n', "", file.read_text(encoding="utf-8"))
    for number, name in enumerate(names, 1):
        text = text.replace(f'id = "truc-ban-{number}"\n', f'id = "truc-ban-{number}"\naccount = "{name}"\n')
    file.write_text(text, encoding="utf-8")


def test_who_cannot_sign_is_said_after_the_list(profile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name_them(profile, "lan", "son", "hoa")
    assert users_list() == 0
    found = capsys.readouterr()
    assert "lan" in found.out
    assert found.err.splitlines() == [
        "ioc: duty.toml: people[1] (truc-ban-2).account: no account 'son' can sign for a shift",
        "ioc: duty.toml: people[2] (truc-ban-3).account: no account 'hoa' can sign for a shift",
    ]


def test_a_profile_with_mistakes_hides_no_account(profile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name_them(profile, "Lan A")
    assert users_list() == 0
    found = capsys.readouterr()
    assert "son" in found.out
    assert "was not looked at" in found.err


def test_without_accounts_in_the_file_nothing_is_said(profile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name_them(profile)
    assert users_list() == 0
    assert capsys.readouterr().err == ""
