"""A profile, or one of its files that jobs read anew, judged whole: for who changes it, before a job sees it."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
from msgspec import Struct

from ioc.adapters.part_files import check_part, part_file
from ioc.adapters.profile_parts import PARTS, Part
from ioc.adapters.profiles import load_profile
from ioc.adapters.rule_files import Mistake, check_content, content_of, rules_file
from ioc.domain.profile import Profile

RULES_UNREAD = "names of rules were not looked at, because rules.toml of the profile has mistakes"


class Checked(Struct, frozen=True, kw_only=True):
    """What was found.

    Attributes:
        file: that was checked; of a profile its ``rules.toml``.
        rules: how many it holds; None of a file without rules. 0 when it is not good.
        others: files beside the rules that are good, of a profile.
        mistakes: warnings among them.
    """

    file: str
    rules: int | None = None
    others: tuple[str, ...] = ()
    mistakes: list[Mistake]

    @property
    def good(self) -> bool:
        """Is nothing wrong, but for warnings?"""
        return all(one.warning for one in self.mistakes)


def part_of(file: Path) -> Part | None:
    """Which part a file is by the last word of its name; None: it holds rules."""
    return PARTS.get(re.split(r"[-_. ]", file.stem)[-1])


def check_file(file: Path, home: str) -> Checked:
    """One file alone, against the profile ``home`` (name or folder).

    Raises:
        BadSettings: it cannot be read, or a file of the profile that it needs is wrong.
    """
    part, content = part_of(file), content_of(file)
    if part is None:
        read, mistakes = check_content(file, content, load_profile(home, with_rules=False))
        return Checked(file=str(file), rules=0 if read is None else len(read.rules), mistakes=mistakes)
    bare = load_profile(home, with_rules=False)
    rules = rules_file(home)
    profile = _with_rules(rules, content_of(rules), bare) if rules.exists() else bare
    _, mistakes = check_part(part, file, content, profile or bare, with_rules=profile is not None)
    if profile is None:
        mistakes.append(Mistake(file=str(file), line=1, text=RULES_UNREAD, warning=True))
    return Checked(file=str(file), mistakes=mistakes)


def check_profile(name: str) -> Checked:
    """All files of a profile (name or folder).

    Raises:
        BadSettings: a file cannot be read, or one that jobs do not read anew is wrong.
    """
    bare, file = load_profile(name, with_rules=False), rules_file(name)
    read, mistakes = check_content(file, content_of(file), bare)
    profile = bare if read is None else msgspec.structs.replace(bare, rules=read.rules, windows=read.windows)
    others = []
    for part in PARTS.values():
        beside = part_file(part, name)
        if not beside.exists():
            continue
        found, wrong = check_part(part, beside, content_of(beside), profile, with_rules=read is not None)
        mistakes += wrong
        if found is not None:
            others.append(str(beside))
    checked = Checked(
        file=str(file), rules=0 if read is None else len(read.rules), others=tuple(others), mistakes=mistakes
    )
    if checked.good:
        load_profile(name)  # what only the whole shows: rules that dispatch.toml names
    return checked


def _with_rules(file: Path, content: bytes, bare: Profile) -> Profile | None:
    read, _ = check_content(file, content, bare)
    return None if read is None else msgspec.structs.replace(bare, rules=read.rules, windows=read.windows)
