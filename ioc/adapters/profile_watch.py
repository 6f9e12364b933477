"""All files of a profile that one job reads anew while it runs, as one profile: rules first, then what names them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ioc.adapters.file_watch import watch_part, watch_rules
from ioc.adapters.good_rules import GoodRules
from ioc.adapters.part_files import PARTS, part_file
from ioc.adapters.rule_files import rules_file
from ioc.domain.profile import Profile


class ProfileWatch:
    """The rules and some of the parts.

    Args:
        name: profile, name or folder.
        profile: that profile, as it runs.
        data_dir: folder of local state, where good files are kept.
        parts: names of :data:`ioc.adapters.part_files.PARTS` that the job uses.
    """

    def __init__(self, name: str, profile: Profile, data_dir: Path, parts: Sequence[str] = ()) -> None:
        self.profile = profile
        self._rules = watch_rules(rules_file(name), profile, GoodRules(data_dir, profile.id))
        self._parts = [
            watch_part(PARTS[part], part_file(PARTS[part], name), profile, GoodRules(data_dir, profile.id, part))
            for part in parts
        ]

    def look(self, now_s: float) -> Profile | None:
        """The profile with what was changed and is good, once; None when nothing is. Never raises.

        Args:
            now_s: monotonic clock; each file is looked at every 2 s.
        """
        before = self.profile
        self._rules.profile = self.profile
        if (found := self._rules.look(now_s)) is not None:
            self.profile = found
            for part in self._parts:
                part.judge_again()
        for part in self._parts:
            part.profile = self.profile
            if (found := part.look(now_s)) is not None:
                self.profile = found
        return None if self.profile is before else self.profile
