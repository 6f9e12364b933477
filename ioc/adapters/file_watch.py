"""Notices that a file of the profile was changed, ``rules.toml`` or a part, and takes it when it is good.

A file is taken when it stayed the same from one look to the next, so that a half-written one is not; it is checked
whole. A broken one is refused, each mistake is logged with file and line, and what runs stays.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from ioc.adapters.at_rest import AtRest
from ioc.adapters.good_rules import GoodRules
from ioc.adapters.part_files import with_part
from ioc.adapters.profile_parts import Part
from ioc.adapters.rule_files import content_of, with_content
from ioc.domain.profile import Profile
from ioc.errors import BadSettings

log = logging.getLogger(__name__)


class Words(Struct, frozen=True):
    """How the log speaks of a file: its name, and the one or the many in it that stay when it is refused."""

    name: str
    stays: str
    taken: str


class FileWatch:
    """One file. Counts what it ``took`` and what it ``refused``.

    Args:
        file: of the profile that runs.
        profile: that profile, as it was loaded; ``profile`` is kept up by whoever changes it otherwise.
        good: where a good file is kept for the next start.
        check: (file, content, profile) → the profile with this content; raises BadSettings, a sentence per mistake.
        differences: (old, new) → in words, what of the file differs between two profiles; nothing when it is alike.
        words: how the log speaks of it.
    """

    def __init__(
        self,
        file: Path,
        profile: Profile,
        good: GoodRules,
        *,
        check: Callable[[Path, bytes, Profile], Profile],
        differences: Callable[[Profile, Profile], Iterator[str]],
        words: Words,
    ) -> None:
        self.profile = profile
        self.took = self.refused = 0
        self._file, self._good, self._words = file, good, words
        self._check, self._differences = check, differences
        self._rest = AtRest(file, f"{words.name} cannot be looked at, {words.stays}")
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
            found = self._check(self._file, content, self.profile)
        except BadSettings as exc:
            self.refused += 1
            self._refused = True
            for problem in exc.problems:
                log.error("%s refused, %s: %s", self._words.name, self._words.stays, problem)
            return None
        self._refused = False
        self._good.keep(content)
        said = "; ".join(self._differences(self.profile, found))
        if not said:
            return None
        self.took += 1
        log.warning("%s taken: %s", self._words.taken, said)
        self.profile = found
        return found

    def judge_again(self) -> None:
        """A file that was refused may be good with what was taken of another file since: it is judged again."""
        if self._refused:
            self._rest.again()


def watch_rules(file: Path, profile: Profile, good: GoodRules) -> FileWatch:
    """The watch of the rule file."""
    words = Words("rules", "the old ones stay", f"rules of {file}")
    return FileWatch(file, profile, good, check=with_content, differences=_rule_differences, words=words)


def watch_part(part: Part, file: Path, profile: Profile, good: GoodRules) -> FileWatch:
    """The watch of ``suppression.toml``, ``incidents.toml`` or ``duty.toml``."""

    def differences(old: Profile, new: Profile) -> Iterator[str]:
        return _part_differences(getattr(old, part.field), getattr(new, part.field))

    words = Words(part.file, "the old one stays", str(file))
    return FileWatch(file, profile, good, check=partial(with_part, part), differences=differences, words=words)


def _rule_differences(old: Profile, new: Profile) -> Iterator[str]:
    yield from _by_ids(old.rules, new.rules)
    if old.windows != new.windows:
        yield "windows changed"


def _part_differences(old: Struct, new: Struct) -> Iterator[str]:
    """Tables by their ids, everything else by its name."""
    for field in new.__struct_fields__:
        before, after = getattr(old, field), getattr(new, field)
        if isinstance(after, tuple):
            yield from (f"{field}: {words}" for words in _by_ids(before, after))
        elif before != after:
            yield f"{field} changed"


class _Named(Protocol):
    @property
    def id(self) -> str: ...


def _by_ids(old: Sequence[_Named], new: Sequence[_Named]) -> Iterator[str]:
    """What was added, removed and changed between two contents of a table; nothing when they are alike."""
    before, after = {one.id: one for one in old}, {one.id: one for one in new}
    words = {
        "added": sorted(after.keys() - before.keys()),
        "removed": sorted(before.keys() - after.keys()),
        "changed": sorted(name for name in after.keys() & before.keys() if after[name] != before[name]),
    }
    said = [f"{word} {', '.join(names)}" for word, names in words.items() if names]
    yield from said or (["another order"] if old != new else [])
