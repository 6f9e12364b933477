"""What a test file of a rule pack holds, as values: stories of readings and expected alerts (docs/rules.md).

Durations are texts such as ``90s`` or ``1h30m``, spans ``2m..3m``; both count from the start of the story.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Struct

START = "2026-11-17T10:00:00+07:00"  # when nothing else is said: an ordinary Tuesday morning


class Readings(Struct, frozen=True, kw_only=True):
    """``[[tests.readings]]``: one reading (``at``) or a series (``from``, ``to``, ``every``) of a site."""

    site: str
    values: dict[str, Any]
    centre: str | None = None  # only needed when two centres have a site of that name
    type: str | None = None  # only needed when the site's feed has several
    at: str | None = None
    from_: str | None = msgspec.field(default=None, name="from")
    to: str | None = None
    every: str | None = None
    late_by: str = "0s"  # arrives so much later than it was taken
    repeats: int = 0  # the same reading comes so many times more
    gaps: tuple[str, ...] = ()  # spans in which nothing is sent
    exercise: str | None = None


class Step(Struct, frozen=True, kw_only=True):
    """``steps`` of an expectation: how the alert changes, in this order."""

    within: str
    level: str | None = None
    priority: Literal[1, 2, 3, 4] | None = None
    blind: bool | None = None
    muted: bool | None = None
    count: int | None = None


class Expect(Struct, frozen=True, kw_only=True):
    """``[[tests.expect]]``: one alert that must appear. Spans are of the moment when the province knows."""

    raised: str
    rule: str | None = None
    centre: str | None = None
    area: str | None = None
    site: str | None = None
    object: str | None = None  # third part of the alert key
    exercise: str | None = None
    level: str | None = None  # when it is raised
    priority: Literal[1, 2, 3, 4] | None = None  # when it is raised
    title_vi: str | None = None  # when it is raised
    title_en: str | None = None
    steps: tuple[Step, ...] = ()
    cleared: str | None = None  # a span, or "never"
    not_before: str | None = None


class Never(Struct, frozen=True, kw_only=True):
    """``[[tests.never]]``: an alert that must not appear, at any time or ``within`` a span."""

    rule: str | None = None
    centre: str | None = None
    area: str | None = None
    site: str | None = None
    object: str | None = None
    exercise: str | None = None
    level: str | None = None
    priority: Literal[1, 2, 3, 4] | None = None
    within: str | None = None


class Timeline(Struct, frozen=True, kw_only=True):
    """``[[tests]]``: one story."""

    name: str
    lasts: str
    start: str = START
    tick: str = "1s"  # how often time passes; stories of hours may be coarser
    readings: tuple[Readings, ...] = ()
    expect: tuple[Expect, ...] = ()
    never: tuple[Never, ...] = ()
    heartbeats: bool = True  # every centre is alive …
    silent: dict[str, str] = msgspec.field(default_factory=dict)  # … except for these, in this span
    others: Literal["refused", "allowed"] = "refused"  # alerts of the file's rule that no expectation names


class TestFile(Struct, frozen=True, kw_only=True):
    """A test file: the rule that it is about, and its stories."""

    __test__ = False  # not a test class of pytest

    rule: str
    tests: tuple[Timeline, ...]
