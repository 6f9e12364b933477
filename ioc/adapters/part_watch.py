"""Notices that ``suppression.toml``, ``incidents.toml`` or ``duty.toml`` was changed, and takes it when it is good.

As with the rules (:mod:`ioc.adapters.rule_watch`): checked whole when it is at rest; a broken one is refused, each
mistake is logged with file and line, and the old one stays.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from ioc.adapters.at_rest import AtRest
from ioc.adapters.good_rules import GoodRules
from ioc.adapters.part_files import with_part
from ioc.adapters.profile_parts import Part
from ioc.adapters.rule_files import content_of
from ioc.adapters.rule_watch import by_ids
from ioc.domain.profile import Profile
from ioc.errors import BadSettings

log = logging.getLogger(__name__)


class PartWatch:
    """One such file. Counts what it ``took`` and what it ``refused``.

    Args:
        part: which.
        file: of the profile that runs.
        profile: that profile, as it was loaded; kept up by whoever changes it otherwise.
        good: where a good file is kept for the next start.
    """

    def __init__(self, part: Part, file: Path, profile: Profile, good: GoodRules) -> None:
        self.profile = profile
        self.took = self.refused = 0
        self._part, self._file, self._good = part, file, good
        self._rest = AtRest(file, f"{part.file} cannot be looked at, the old one stays")
        self._refused = False  # the file as it is

    def look(self, now_s: float) -> Profile | None:
        """The profile with the new content, once, after the file was changed; None otherwise. Never raises.

        Args:
            now_s: monotonic clock; the file is looked at every 2 s.
        """
        if not self._rest.look(now_s):
            return None
        try:
            content = content_of(self._file)
            found = with_part(self._part, self._file, content, self.profile)
        except BadSettings as exc:
            self.refused += 1
            self._refused = True
            for problem in exc.problems:
                log.error("%s refused, the old one stays: %s", self._part.file, problem)
            return None
        self._refused = False
        self._good.keep(content)
        old, new = getattr(self.profile, self._part.field), getattr(found, self._part.field)
        if old == new:
            return None
        self.took += 1
        log.warning("%s taken: %s", self._file, "; ".join(difference(old, new)))
        self.profile = found
        return found

    def other_rules(self) -> None:
        """A file that was refused may be good with the rules that were taken: it is judged again."""
        if self._refused:
            self._rest.again()


def difference(old: Struct, new: Struct) -> Iterator[str]:
    """In words, what differs between two contents of a file: tables by their ids, everything else by its name."""
    for field in new.__struct_fields__:
        before, after = getattr(old, field), getattr(new, field)
        if before == after:
            continue
        if not isinstance(after, tuple):
            yield f"{field} changed"
            continue
        said = [f"{field}: {words}" for words in by_ids(before, after)]
        yield from said or [f"{field}: another order"]
