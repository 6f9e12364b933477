"""Notices that the rule file of the profile was changed, and takes it when it is good.

A file is taken when it stayed the same from one look to the next, so that a half-written one is not; it is checked
whole. A broken one is refused, each mistake is logged with file and line, and the rules that run stay.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from ioc.adapters.at_rest import LOOK_EVERY_S as LOOK_EVERY_S
from ioc.adapters.at_rest import AtRest
from ioc.adapters.good_rules import GoodRules
from ioc.adapters.rule_files import content_of, with_content
from ioc.domain.profile import Profile, Rule
from ioc.errors import BadSettings

log = logging.getLogger(__name__)


class RuleWatch:
    """One rule file. Counts what it ``took`` and what it ``refused``.

    Args:
        file: the rule file of the profile that runs.
        profile: that profile, as it was loaded.
        good: where a good file is kept for the next start.
    """

    def __init__(self, file: Path, profile: Profile, good: GoodRules) -> None:
        self.profile = profile
        self._good = good
        self.took = 0
        self.refused = 0
        self._file = file
        self._rest = AtRest(file, "rules cannot be looked at, the old ones stay")

    def look(self, now_s: float) -> Profile | None:
        """The profile with the new rules, once, after the file was changed; None otherwise. Never raises.

        Args:
            now_s: monotonic clock; the file is looked at every 2 s.
        """
        if not self._rest.look(now_s):
            return None
        try:
            content = content_of(self._file)
            found = with_content(self._file, content, self.profile)
        except BadSettings as exc:
            self.refused += 1
            for problem in exc.problems:
                log.error("rules refused, the old ones stay: %s", problem)
            return None
        self._good.keep(content)
        if (found.rules, found.windows) == (self.profile.rules, self.profile.windows):
            return None
        self.took += 1
        log.warning("rules of %s taken: %s", self._file, _difference(self.profile.rules, found.rules))
        self.profile = found
        return found


def _difference(old: Sequence[Rule], new: Sequence[Rule]) -> str:
    return "; ".join(by_ids(old, new)) or "windows changed"


class _Named(Protocol):
    @property
    def id(self) -> str: ...


def by_ids(old: Sequence[_Named], new: Sequence[_Named]) -> Iterator[str]:
    """In words, what was added, removed and changed between two contents of a table; nothing when they are alike."""
    before, after = {one.id: one for one in old}, {one.id: one for one in new}
    words = {
        "added": sorted(after.keys() - before.keys()),
        "removed": sorted(before.keys() - after.keys()),
        "changed": sorted(name for name in after.keys() & before.keys() if after[name] != before[name]),
    }
    return (f"{word} {', '.join(names)}" for word, names in words.items() if names)
