"""Durations such as ``1h30m`` and spans such as ``2m..3m``, as people write them in test files and scenarios.

Both count from the start of the story that they are part of.
"""

from __future__ import annotations

import re

from msgspec import Struct

LASTS_MAX_MS = 60 * 86_400_000  # what is usual for an hour of the week takes weeks to learn

DURATION_MAX_MS = 36_525 * 86_400_000  # a century; nothing here lasts longer

_PARTS = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


class Span(Struct, frozen=True):
    """Milliseconds since the start of the story, both inclusive."""

    from_ms: int
    to_ms: int

    def __contains__(self, ms: object) -> bool:
        return isinstance(ms, int) and self.from_ms <= ms <= self.to_ms

    def __str__(self) -> str:
        return f"{clock(self.from_ms)}..{clock(self.to_ms)}"


def duration(text: str) -> int:
    """``1h30m``, ``90s``, ``500ms`` in milliseconds; at most a century.

    Raises:
        ValueError: it is none, or a longer one.
    """
    parts = _PARTS.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text.replace(" ", ""):
        raise ValueError(f"{text!r} is no duration such as 90s, 5m or 1h30m")
    found_ms = sum(float(number) * _UNIT_MS[unit] for number, unit in parts)
    if not found_ms <= DURATION_MAX_MS:
        shown = text if len(text) <= 24 else f"{text[:24]}…"
        raise ValueError(f"{shown!r} is longer than {DURATION_MAX_MS // 86_400_000} days")
    return round(found_ms)


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
