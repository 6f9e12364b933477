"""The last good rule file, kept in the data folder: what running processes start with while ``rules.toml`` is broken.

Without it a slip of the pen in a live rule file would wait for the next crash and then stop all detection. The same is
done with the other files that are read anew while jobs run (:mod:`ioc.adapters.profile_parts`).
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
from pathlib import Path

from msgspec import structs

from ioc.adapters.rule_files import Mark, check_rules, mark_of
from ioc.domain.profile import Profile

log = logging.getLogger(__name__)

NO_FILE: Mark = (0, 0, 0)
_HEAD = b"# sha256 "  # the first line, so that content and hash are replaced as one


class GoodRules:
    """The kept file of one profile, ``<data folder>/rules/<profile>.toml``. All processes of a machine share it.

    Args:
        data_dir: folder of local state.
        profile_id: ``id`` of ``profile.toml``.
        part: another file's name without ``.toml``; it is kept as ``<profile>.<part>.toml``.
    """

    def __init__(self, data_dir: Path, profile_id: str, part: str = "rules") -> None:
        self._what = part if part == "rules" else f"{part}.toml"
        self.file = data_dir / "rules" / (f"{profile_id}.toml" if part == "rules" else f"{profile_id}.{part}.toml")

    def keep(self, content: bytes) -> None:
        """Replace what is kept; a disk that cannot be written to is logged and stops nobody."""
        whole = _HEAD + hashlib.sha256(content).hexdigest().encode() + b"\n" + content
        fresh = self.file.with_name(f"{self.file.name}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            if self.file.is_file() and self.file.read_bytes() == whole:
                return
            self.file.parent.mkdir(parents=True, exist_ok=True)
            try:
                with fresh.open("xb") as handle:
                    handle.write(whole)
                    handle.flush()
                    os.fsync(handle.fileno())
                fresh.replace(self.file)
            finally:
                fresh.unlink(missing_ok=True)
        except OSError as exc:
            log.error("the good %s cannot be kept for the next start: %s", self._what, exc)

    def content(self) -> bytes | None:
        """What was kept, when it is there and whole."""
        try:
            head, _, content = self.file.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None
        except OSError as exc:
            log.error("the %s that were kept cannot be read: %s", self._what, exc)
            return None
        if head != _HEAD + hashlib.sha256(content).hexdigest().encode():
            log.error("the %s that were kept in %s are damaged", self._what, self.file)
            return None
        return content


class RuleFileHealth:
    """Whether the rule file on the disk could be taken: judged anew when it was changed."""

    def __init__(self, file: Path, profile: Profile, good: GoodRules) -> None:
        self._file, self._profile, self._good = file, structs.replace(profile, rules=(), windows=()), good
        self._judged: Mark | None = None
        self._problems: list[str] = []

    def problems(self) -> list[str]:
        """The mistakes with file and line; empty when all is well."""
        try:
            mark = mark_of(self._file)
        except OSError:
            mark = NO_FILE
        if mark != self._judged:
            self._judged = mark
            gone = mark == NO_FILE and self._good.content() is None  # a profile without rules
            read, mistakes = (None, []) if gone else check_rules(self._file, self._profile)
            self._problems = [] if read is not None else [str(one) for one in mistakes if not one.warning]
        return self._problems
