"""``suppression.toml``, ``incidents.toml``, ``duty.toml``: read and checked whole against a profile, with lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from ioc.adapters.clock import now_ms
from ioc.adapters.profile_parts import PARTS as PARTS
from ioc.adapters.profile_parts import Part, known_of
from ioc.adapters.profiles import profile_folder
from ioc.adapters.rule_files import Mistake
from ioc.domain.profile import Profile
from ioc.domain.toml_files import parse
from ioc.domain.toml_lines import line_of
from ioc.errors import BadSettings
from ioc.pipeline.desk import make_desk


def part_file(part: Part, name: str) -> Path:
    """Where a profile (name or folder) has it."""
    return profile_folder(name) / part.file


def check_part(
    part: Part, file: Path, content: bytes, profile: Profile, *, with_rules: bool = True
) -> tuple[Profile | None, list[Mistake]]:
    """The profile with this content in place of its own, and everything that is wrong with it; None when anything is.

    Args:
        part: which file it is.
        file: only the name of the content.
        content: bytes that were read.
        profile: the installation.
        with_rules: do names of rules that the profile does not have count as mistakes?
    """
    value, text, wrong = parse(content, part.kind)
    mistakes = [Mistake(file=str(file), line=line, text=said) for line, said in wrong]
    if value is None:
        return None, mistakes
    if not content.strip():
        # What a full disk leaves of a file has to be told from what a person meant.
        mistakes.append(Mistake(file=str(file), line=1, text="is empty; to have nothing of it, write a comment"))
        return None, mistakes
    channels = frozenset(channel.id for channel in profile.dispatch.channels)
    said = list(part.problems(value, known_of(profile, with_rules=with_rules), channels))
    change: dict[str, Any] = {part.field: value}
    found = msgspec.structs.replace(profile, **change)
    if not said:
        try:
            make_desk(found).tick(now_ms())
        except (ValueError, ArithmeticError, TypeError, LookupError) as exc:
            said.append(f"cannot be used: {exc!r}")
    mistakes += [Mistake(file=str(file), line=line_of(text, one), text=one) for one in said]
    return (None if mistakes else found), mistakes


def with_part(part: Part, file: Path, content: bytes, profile: Profile, *, with_rules: bool = True) -> Profile:
    """As :func:`check_part`, the profile alone.

    Raises:
        BadSettings: one sentence with file and line per mistake.
    """
    found, mistakes = check_part(part, file, content, profile, with_rules=with_rules)
    if found is None:
        raise BadSettings([str(one) for one in mistakes])
    return found
