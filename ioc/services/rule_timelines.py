"""Test files of a rule pack → values, with every mistake and its line; unknown keys are mistakes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ioc.domain.profile import Profile
from ioc.domain.spans import LASTS_MAX_MS, duration, span
from ioc.domain.times import parse_rfc3339
from ioc.domain.toml_files import parse
from ioc.domain.toml_lines import line_of
from ioc.errors import BadInput
from ioc.services.rule_arrivals import arrivals
from ioc.services.rule_stories import TestFile


def read_file(text: str, profile: Profile) -> tuple[TestFile | None, list[tuple[int, str]]]:
    """A test file, or None and every mistake with its line.

    Args:
        text: what the file holds.
        profile: the installation that the readings are of; its rules are those under test.
    """
    file, _, mistakes = parse(text.encode(), TestFile)
    if file is not None:
        mistakes += [(line_of(text, said), said) for said in _problems(file, profile)]
    return (None if mistakes else file), mistakes


def _problems(file: TestFile, profile: Profile) -> Iterator[str]:
    rules, centres = {rule.id for rule in profile.rules}, set(profile.centre_ids)
    if file.rule not in rules:
        yield f"rule: there is no rule {file.rule!r}"
    if not file.tests:
        yield "tests: there is none"
    for i, test in enumerate(file.tests):
        where = f"tests[{i}]"
        texts: list[tuple[str, str | None, Any]] = [
            (f"{where}.lasts", test.lasts, duration),
            (f"{where}.tick", test.tick, duration),
            (f"{where}.start", test.start, parse_rfc3339),
        ]
        texts += [(f"{where}.silent.{name}", text, span) for name, text in test.silent.items()]
        yield from (
            f"{where}.silent.{name}: there is no centre {name!r}" for name in test.silent if name not in centres
        )
        for j, readings in enumerate(test.readings):
            place = f"{where}.readings[{j}]"
            ends = {"at": readings.at, "from": readings.from_, "to": readings.to, "every": readings.every}
            texts += [(f"{place}.{name}", text, duration) for name, text in ends.items()]
            texts.append((f"{place}.late_by", readings.late_by, duration))
            texts += [(f"{place}.gaps", gap, span) for gap in readings.gaps]
        for j, expect in enumerate(test.expect):
            place = f"{where}.expect[{j}]"
            if expect.rule not in (None, *rules):
                yield f"{place}.rule: there is no rule {expect.rule!r}"
            texts += [(f"{place}.raised", expect.raised, span), (f"{place}.not_before", expect.not_before, duration)]
            texts.append((f"{place}.cleared", None if expect.cleared == "never" else expect.cleared, span))
            texts += [(f"{place}.steps", step.within, span) for step in expect.steps]
        for j, never in enumerate(test.never):
            if never.rule not in (None, *rules):
                yield f"{where}.never[{j}].rule: there is no rule {never.rule!r}"
            texts.append((f"{where}.never[{j}].within", never.within, span))
        if not test.expect and not test.never and test.others == "allowed":
            yield f"{where}: expects nothing, so it cannot fail"
        bad = [f"{place}: {said}" for place, text, read in texts if (said := _wrong(read, text)) is not None]
        yield from bad
        if bad:
            continue
        if not 0 < duration(test.lasts) <= LASTS_MAX_MS or duration(test.tick) < 100:
            yield f"{where}.lasts: must be above 0 and at most 60d, and tick at least 100ms"
            continue
        try:
            arrivals(test, profile)
        except BadInput as exc:
            yield f"{where}.{exc.path}: {exc.detail}"


def _wrong(read: Any, text: str | None) -> str | None:
    if text is None:
        return None
    try:
        read(text)
    except ValueError as exc:
        return str(exc)
    return None
