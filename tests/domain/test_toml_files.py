"""One reader for all TOML files: the value, or every mistake with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import Struct

from ioc.adapters.profiles import RuleFile, load_profile, profile_folder
from ioc.adapters.rule_files import check_content
from ioc.domain.toml_files import parse
from ioc.errors import BadSettings


class Box(Struct, frozen=True, kw_only=True):
    name: str
    size: int = 1


def test_a_good_file_is_its_value() -> None:
    value, text, mistakes = parse('name = "hộp"\nsize = 3\n'.encode(), Box)
    assert (value, mistakes) == (Box(name="hộp", size=3), [])
    assert text.startswith("name")


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        (b'name = "a"\nsize = 2\n# \xff\n', 3, "is not UTF-8: byte 22"),
        (b'name = "a"\nsize = = 2\n', 2, "is not TOML"),
        (b'name = "a"\nsise = 2\n', 2, "sise"),
        (b"size = 2\n", 1, "name"),
        (b'name = "a"\nsize = ' + b"[" * 50_000 + b"]" * 50_000 + b"\n", 2, "is nested too deeply"),
    ],
)
def test_a_mistake_has_its_line(content: bytes, line: int, said: str) -> None:
    value, _, mistakes = parse(content, Box)
    assert value is None
    [(at, sentence)] = mistakes
    assert at == line
    assert said in sentence


@pytest.mark.parametrize("bad", [b"\n\n# \xff\n", b"\nrules = = []\n", b"\nrulez = []\n"])
def test_a_rule_file_alone_and_inside_a_profile_is_refused_with_the_same_words(tmp_path: Path, bad: bytes) -> None:
    folder = tmp_path / "profile"
    (folder / "centres").mkdir(parents=True)
    source = profile_folder("dongnai-2023")
    for name in ("profile.toml", "areas.toml", "centres/tinh.toml"):
        (folder / name).write_bytes((source / name).read_bytes())
    file = folder / "rules.toml"
    file.write_bytes(bad)
    _, alone = check_content(file, bad, load_profile(str(source)))
    with pytest.raises(BadSettings) as whole:
        load_profile(str(folder))
    assert [str(one) for one in alone] == [one for one in whole.value.problems if "rules.toml" in one]
    assert parse(bad, RuleFile)[0] is None
