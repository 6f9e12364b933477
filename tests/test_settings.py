"""Settings: every problem at once, a table in the docs that stays true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ioc.errors import BadSettings
from ioc.settings import SETTINGS, Settings

DOC = Path(__file__).resolve().parents[1] / "docs" / "settings.md"


def test_defaults_need_no_environment() -> None:
    assert Settings.from_environ({}) == Settings()


def test_written_and_read_back_is_the_same() -> None:
    settings = Settings(origins=("https://a.example", "https://b.example"), open_wall=True, flush_s=0.2)
    assert Settings.from_environ(settings.to_environ()) == settings


def test_all_problems_come_together() -> None:
    with pytest.raises(BadSettings) as caught:
        Settings.from_environ(
            {"IOC_HTTP_PORT": "80800", "IOC_FLUSH_S": "soon", "IOC_TOPIC_PREFIX": "IOC", "IOC_HTTP_PROT": "1"}
        )
    text = str(caught.value)
    assert len(caught.value.problems) == 4
    for name in ("IOC_HTTP_PORT", "IOC_FLUSH_S", "IOC_TOPIC_PREFIX", "IOC_HTTP_PROT"):
        assert name in text


def test_production_refuses_the_shortcuts_of_a_demo() -> None:
    with pytest.raises(BadSettings) as caught:
        Settings.from_environ({"IOC_ENVIRONMENT": "production", "IOC_OPEN_WALL": "1"})
    assert "IOC_OPEN_WALL" in str(caught.value)
    assert "IOC_COOKIE_SECURE" in str(caught.value)


@pytest.mark.parametrize(("name", "value"), [("IOC_KAFKA_CENTRES", "b.example:9094"), ("IOC_CENTRES_SECRETS", "words")])
def test_where_centres_sign_in_and_their_passwords_go_together(name: str, value: str) -> None:
    with pytest.raises(BadSettings, match="set both or none"):
        Settings.from_environ({name: value})


def test_defaults_in_the_table_are_the_defaults_in_the_code() -> None:
    default = Settings()
    for setting in SETTINGS:
        if setting.default_text:
            assert setting.parse(setting.default_text) == getattr(default, setting.field), setting.variable


def test_the_document_lists_every_setting() -> None:
    rows = {
        m[1]: (m[2].strip(), m[3].strip())
        for m in re.finditer(r"^\| `(IOC_\w+)` \| (.*?) \| (.*?) \|$", DOC.read_text(), re.MULTILINE)
    }
    expected = {
        s.variable: (f"`{s.default_text}`" if s.default_text else "(empty)", s.meaning.replace("|", "\\|"))
        for s in SETTINGS
    }
    assert rows == expected
