"""Rule files: read, checked whole against a profile, every problem with its line. For the tools and the hot reload."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from ioc.adapters.clock import now_ms
from ioc.adapters.profiles import RuleFile, profile_folder, rule_file_problems
from ioc.domain import reach, rule_places
from ioc.domain.absence import ANY_TYPE, speaks_of
from ioc.domain.profile import Profile, Rule
from ioc.domain.salvage import Salvaged, salvage
from ioc.domain.toml_files import parse
from ioc.domain.toml_lines import line_of
from ioc.errors import BadSettings
from ioc.pipeline import board

FILE_BYTES_MAX = 4 * 1024 * 1024  # a rule file is a page of text; more is not one


class Mistake(Struct, frozen=True, kw_only=True):
    """One problem, with its place; a *warning* lets the file through."""

    file: str
    line: int
    text: str
    warning: bool = False

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {'warning: ' if self.warning else ''}{self.text}"


def rules_file(name: str) -> Path:
    """``rules.toml`` of a profile (name or folder), or the file itself."""
    path = Path(name)
    return path if path.suffix == ".toml" else profile_folder(name) / "rules.toml"


Mark = tuple[int, int, int]  # inode, size, time of the last change in nanoseconds


def mark_of(file: Path) -> Mark:
    """What differs when a file was changed or replaced. Raises OSError."""
    stat = file.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def content_of(file: Path) -> bytes:
    """The bytes of a rule file.

    Raises:
        BadSettings: it cannot be read, or is far too large.
    """
    try:
        if file.stat().st_size > FILE_BYTES_MAX:
            raise OSError(f"is larger than {FILE_BYTES_MAX} bytes")
        return file.read_bytes()
    except OSError as exc:
        raise BadSettings([f"{file}: cannot be read: {exc.strerror or exc}"]) from exc


def check_rules(file: Path, profile: Profile) -> tuple[RuleFile | None, list[Mistake]]:
    """The content of a file with everything that is wrong with it; None when one mistake is not a warning.

    Args:
        file: the rule file.
        profile: the installation that the rules are for: its feeds and the limits of its sites.
    """
    try:
        content = content_of(file)
    except BadSettings as exc:
        said = [problem.removeprefix(f"{file}: ") for problem in exc.problems]
        return None, [Mistake(file=str(file), line=1, text=text) for text in said]
    return check_content(file, content, profile)


def check_content(file: Path, content: bytes, profile: Profile) -> tuple[RuleFile | None, list[Mistake]]:
    """As :func:`check_rules`, for bytes that were read; ``file`` is only their name."""
    read, text, wrong = parse(content, RuleFile)
    mistakes = [Mistake(file=str(file), line=line, text=said) for line, said in wrong]

    def note(said: str, *, warning: bool = False) -> None:
        mistakes.append(Mistake(file=str(file), line=line_of(text, said), text=said, warning=warning))

    # What is wrong with single values hides nothing else: the rest is judged too.
    judged = read or salvage(text)
    found = rule_file_problems(judged, profile.centres, profile.timezone)
    if read is not None and not found:
        try:
            board.try_out(msgspec.structs.replace(profile, rules=read.rules, windows=read.windows), now_ms())
        except (ValueError, ArithmeticError, TypeError, LookupError) as exc:
            found.append(f"the rules cannot be used: {exc!r}")
    for said in found:
        note(said)
    partial = judged.partial if isinstance(judged, Salvaged) else ()
    for said in _warnings(tuple(rule for rule in judged.rules if rule.id not in partial), profile):
        note(said, warning=True)
    return (None if found else read), mistakes


def with_rules(file: Path, profile: Profile) -> Profile:
    """The profile with the rules of a file.

    Raises:
        BadSettings: one sentence with file and line per mistake.
    """
    return with_content(file, content_of(file), profile)


def with_content(file: Path, content: bytes, profile: Profile) -> Profile:
    """As :func:`with_rules`, for bytes that were read; ``file`` is only their name."""
    read, mistakes = check_content(file, content, profile)
    if read is None:
        raise BadSettings([str(mistake) for mistake in mistakes if not mistake.warning])
    return msgspec.structs.replace(profile, rules=read.rules, windows=read.windows)


def _warnings(rules: tuple[Rule, ...], profile: Profile) -> list[str]:
    """What is allowed but most probably not meant."""
    found = [f"rule {rule.id}: {said}" for rule in rules for said in reach.doubts(rule)]
    found += rule_places.doubts(rules, profile.centres)
    sent = {kind for centre in profile.centres for feed in centre.feeds for kind in feed.types}
    feeds = [feed for centre in profile.centres for feed in centre.feeds]
    for rule in rules:
        if rule.kind == "absence" and not any(speaks_of(rule, feed) for feed in feeds):
            found.append(f"rule {rule.id}: no feed of the profile reports {rule.type!r} by the clock, it never fires")
        if rule.type and rule.type not in sent | {ANY_TYPE}:
            found.append(f"rule {rule.id}: no feed of the profile sends the type {rule.type!r}, it never fires")
            continue
        if rule.kind == "silence":
            found += [
                f"rule {rule.id}: centre {centre.id!r} has no feed of {rule.type}, nobody notices when it falls silent"
                for centre in profile.centres
                if not any(rule.type in feed.types for feed in centre.feeds)
            ]
        limits = {
            name
            for centre in profile.centres
            for feed in centre.feeds
            if rule.type in feed.types
            for site in centre.sites
            if site.feed == feed.id
            for name in site.limits
        }
        found += [
            f"rule {rule.id}: no site has a limit {level.limit_from!r}, the level never holds"
            for level in rule.levels
            if level.limit_from is not None and level.limit_from not in limits
        ]
    return found
