"""The profile for a process that has to run: what is broken of its live files is as it was when it was good last."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from ioc.adapters.good_rules import GoodRules
from ioc.adapters.part_files import PARTS, part_file, with_part
from ioc.adapters.profile_parts import Part
from ioc.adapters.profiles import load_profile
from ioc.adapters.rule_files import content_of, rules_file, with_content
from ioc.domain.profile import Profile
from ioc.errors import BadSettings

log = logging.getLogger(__name__)


def load_running(name: str, data_dir: Path) -> Profile:
    """The profile, with the last good one of each file that is read anew while jobs run when it is broken or gone.

    Every mistake of such a file is logged with file and line. A good one is kept for the next start.

    Args:
        name: profile, name or folder.
        data_dir: folder of local state.

    Raises:
        BadSettings: another file of the profile is wrong, or one of these is and no good one was kept.
    """
    profile = load_profile(name, with_rules=False)
    problems: list[str] = []
    try:
        profile = _with_rules(profile, name, data_dir)
    except BadSettings as exc:
        problems += exc.problems
    for part in PARTS.values():
        try:
            profile = _with_part(part, profile, name, data_dir, with_rules=not problems)
        except BadSettings as exc:
            problems += exc.problems
    if problems:
        raise BadSettings(problems)
    return profile


def _with_rules(profile: Profile, name: str, data_dir: Path) -> Profile:
    file, good = rules_file(name), GoodRules(data_dir, profile.id)
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


def _with_part(part: Part, profile: Profile, name: str, data_dir: Path, *, with_rules: bool) -> Profile:
    """What names a rule that is gone meanwhile is no reason not to start: it is about nothing."""
    file, good = part_file(part, name), GoodRules(data_dir, profile.id, part.name)
    kept, content = good.content(), None
    if not os.path.lexists(file) and kept is None:
        return profile  # a profile may be without
    try:
        content = content_of(file)
        found = with_part(part, file, content, profile, with_rules=with_rules)
    except BadSettings as exc:
        older: list[str] = []
        for place, held, words in (
            (good.file, kept, f"{part.file} broken, started with the last good one of {good.file}"),
            (file, content, f"{part.file} names rules that are not there, started with it"),
        ):
            if held is None:
                continue
            try:
                found = with_part(part, place, held, profile, with_rules=False)
            except BadSettings as worse:
                older += [one for one in worse.problems if one not in exc.problems]
                continue
            for problem in exc.problems:
                log.error("%s: %s", words, problem)
            return found
        raise BadSettings([*exc.problems, *older]) from exc
    if with_rules:
        good.keep(content)
    return found
