"""What a test file of a rule pack holds, as values: stories of readings and expected alerts (docs/rules.md).

Durations are texts such as ``90s`` or ``1h30m``, spans ``2m..3m``; both count from the start of the story.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec
from msgspec import Struct

START = "2026-11-17T10:00:00+07:00"  # when nothing else is said: an ordinary Tuesday morning
LASTS_MAX_MS = 60 * 86_400_000  # what is usual for an hour of the week takes weeks to learn

_PARTS = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


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


class Span(Struct, frozen=True):
    """Milliseconds since the start of the story, both inclusive."""

    from_ms: int
    to_ms: int

    def __contains__(self, ms: object) -> bool:
        return isinstance(ms, int) and self.from_ms <= ms <= self.to_ms

    def __str__(self) -> str:
        return f"{clock(self.from_ms)}..{clock(self.to_ms)}"


def duration(text: str) -> int:
    """``1h30m``, ``90s``, ``500ms`` in milliseconds.

    Raises:
        ValueError: it is none.
    """
    parts = _PARTS.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text.replace(" ", ""):
        raise ValueError(f"{text!r} is no duration such as 90s, 5m or 1h30m")
    return round(sum(float(number) * _UNIT_MS[unit] for number, unit in parts))


def span(text: str) -> Span:
    """``2m..3m``; an end that is left out is open.

    Raises:
        ValueError: it is none, or ends before it begins.
    """
    first, dots, last = (part.strip() for part in text.partition(".."))
    if not dots:
        raise ValueError(f"{text!r} is no span such as 2m..3m")
    found = Span(duration(first) if first else 0, duration(last) if last else LASTS_MAX_MS)
    if found.from_ms > found.to_ms:
        raise ValueError(f"{text!r} ends before it begins")
    return found


def clock(ms: int) -> str:
    """Milliseconds since the start as people write them: ``4m10s``."""
    if ms >= LASTS_MAX_MS:
        return "the end"
    days, rest = divmod(ms, 86_400_000)
    hours, rest = divmod(rest, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    words = [
        f"{days}d" if days else "",
        f"{hours}h" if hours else "",
        f"{minutes}m" if minutes else "",
        f"{rest / 1000:g}s" if rest else "",
    ]
    return "".join(words) or "0s"
