"""Whether the files on the disk that jobs read anew beside the rules could be taken; for whoever shows it."""

from __future__ import annotations

import os
from pathlib import Path

from msgspec import structs

from ioc.adapters.good_rules import NO_FILE, GoodRules
from ioc.adapters.part_files import PARTS, check_part, part_file
from ioc.adapters.profiles import RuleFile
from ioc.adapters.rule_files import Mark, content_of, mark_of
from ioc.domain.profile import Profile
from ioc.domain.toml_files import parse
from ioc.errors import BadSettings


class PartsHealth:
    """Judged anew when one of them, or the rules that run, were changed.

    Args:
        name: profile, name or folder.
        profile: that profile; its rules and these files of it do not matter.
        data_dir: folder of local state, where good files are kept.
    """

    def __init__(self, name: str, profile: Profile, data_dir: Path) -> None:
        self._profile = profile
        self._files = {part: part_file(PARTS[part], name) for part in PARTS}
        self._kept = {part: GoodRules(data_dir, profile.id, part) for part in PARTS}
        self._rules = GoodRules(data_dir, profile.id)
        self._judged: list[Mark] = []
        self._problems: dict[str, list[str]] = {part: [] for part in PARTS}

    def problems(self) -> dict[str, list[str]]:
        """The mistakes of each part with file and line; empty when all is well."""
        marks = [_mark(file) for file in (self._rules.file, *self._files.values())]
        if marks != self._judged:
            self._judged = marks
            profile, with_rules = self._with_rules_that_run()
            self._problems = {part: self._judge(part, profile, with_rules=with_rules) for part in PARTS}
        return self._problems

    def _with_rules_that_run(self) -> tuple[Profile, bool]:
        """Jobs keep the rules that they took; where none are kept, names of rules are not looked at."""
        content = self._rules.content()
        read = None if content is None else parse(content, RuleFile)[0]
        if read is None:
            return self._profile, False
        return structs.replace(self._profile, rules=read.rules, windows=read.windows), True

    def _judge(self, part: str, profile: Profile, *, with_rules: bool) -> list[str]:
        file = self._files[part]
        if not os.path.lexists(file) and self._kept[part].content() is None:
            return []  # a profile may be without
        try:
            _, mistakes = check_part(PARTS[part], file, content_of(file), profile, with_rules=with_rules)
        except BadSettings as exc:
            return list(exc.problems)
        return [str(one) for one in mistakes]


def _mark(file: Path) -> Mark:
    try:
        return mark_of(file)
    except OSError:
        return NO_FILE
