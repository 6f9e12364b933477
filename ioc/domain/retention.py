"""How long history is kept: days per table, as the setting ``IOC_KEEP_DAYS`` says it. A table without days is kept.

The audit trail and what it speaks of (alerts, their log, incidents, handovers) have no days: they stay.
"""

from __future__ import annotations

from collections.abc import Iterable

DAYS_MAX = 36_500
LEAST_DAYS = {"event": 3, "rollup": 3, "feed_health": 3, "dead_letter": 3, "recorder_reject": 3}
"""Tables that may lose what is old, and the least days of each. ``event`` must outlive the 72 h in which intake knows
an id again (a re-delivered event is recognised by the stored one after that); the others are what people look at after
a long weekend."""


def parse_keep(text: str) -> tuple[tuple[str, int], ...]:
    """Days per table of ``event=90,dead_letter=30``; empty: everything is kept.

    Raises:
        ValueError: with every problem in words.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    pairs = [(name.strip(), days.strip()) for name, _, days in (part.partition("=") for part in parts)]
    if problems := list(_problems(pairs)):
        raise ValueError("; ".join(problems))
    return tuple((name, int(days)) for name, days in pairs)


def dump_keep(keep: Iterable[tuple[str, int]]) -> str:
    """The text that :func:`parse_keep` reads."""
    return ",".join(f"{name}={days}" for name, days in keep)


def _problems(pairs: Iterable[tuple[str, str]]) -> Iterable[str]:
    seen: set[str] = set()
    for name, days in pairs:
        least = LEAST_DAYS.get(name)
        if least is None:
            yield f"{name or 'nothing'} has no retention; it must be table=days of {', '.join(LEAST_DAYS)}"
        elif name in seen:
            yield f"{name} is there twice"
        elif not (days.isascii() and days.isdigit() and least <= int(days[:9]) <= DAYS_MAX):
            yield f"{name}: days must be a whole number from {least} to {DAYS_MAX}"
        seen.add(name)
