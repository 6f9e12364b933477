"""The last good rule file, kept in the data folder: what running processes start with while ``rules.toml`` is broken.

Without it a slip of the pen in a live rule file would wait for the next crash and then stop all detection.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
from pathlib import Path

from msgspec import structs

from ioc.adapters.profiles import load_profile
from ioc.adapters.rule_files import Mark, check_rules, content_of, mark_of, rules_file, with_content
from ioc.domain.profile import Profile
from ioc.errors import BadSettings

log = logging.getLogger(__name__)

NO_FILE: Mark = (0, 0, 0)
_HEAD = b"# sha256 "  # the first line, so that content and hash are replaced as one


class GoodRules:
    """The kept file of one profile, ``<data folder>/rules/<profile>.toml``. All processes of a machine share it.

    Args:
        data_dir: folder of local state.
        profile_id: ``id`` of ``profile.toml``.
    """

    def __init__(self, data_dir: Path, profile_id: str) -> None:
        self.file = data_dir / "rules" / f"{profile_id}.toml"

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
            log.error("the good rules cannot be kept for the next start: %s", exc)

    def content(self) -> bytes | None:
        """What was kept, when it is there and whole."""
        try:
            head, _, content = self.file.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None
        except OSError as exc:
            log.error("the rules that were kept cannot be read: %s", exc)
            return None
        if head != _HEAD + hashlib.sha256(content).hexdigest().encode():
            log.error("the rules that were kept in %s are damaged", self.file)
            return None
        return content


def load_running(name: str, data_dir: Path) -> Profile:
    """The profile for a process that has to run; with the last good rules when the rule file is broken or gone.

    Every mistake of the rule file is logged with file and line. A good rule file is kept for the next start.

    Args:
        name: profile, name or folder.
        data_dir: folder of local state.

    Raises:
        BadSettings: another file of the profile is wrong, or the rule file is and no good one was kept.
    """
    profile, file = load_profile(name, with_rules=False), rules_file(name)
    good = GoodRules(data_dir, profile.id)
    kept = good.content()
    if not os.path.lexists(file) and kept is None:
        return profile  # a profile may be without rules
    try:
        content = content_of(file)
        found = with_content(file, content, profile)
    except BadSettings as exc:
        if kept is None:
            raise
        try:
            found = with_content(good.file, kept, profile)
        except BadSettings as older:
            raise BadSettings([*exc.problems, *older.problems]) from older
        for problem in exc.problems:
            log.error("rules broken, started with the last good ones of %s: %s", good.file, problem)
        return found
    good.keep(content)
    return found


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
