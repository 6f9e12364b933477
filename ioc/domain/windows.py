"""Tumbling windows of event time: half-open ``[start, start + size)``, found by integer arithmetic.

An instant belongs to exactly one window of a size, and a window of a size is known by its start alone, so that two
processes that never met give it the same name.
"""

from __future__ import annotations

MINUTE_MS = 60_000
HOUR_MS = 3_600_000


def start_of(time_ms: int, size_ms: int) -> int:
    """Start of the window that holds ``time_ms``; windows are aligned to 1970-01-01T00:00:00Z.

    Raises:
        ValueError: ``size_ms`` is not positive.
    """
    if size_ms <= 0:
        raise ValueError(f"a window of {size_ms} ms holds nothing")
    return time_ms - time_ms % size_ms


def holds(start_ms: int, size_ms: int, time_ms: int) -> bool:
    """Is the instant inside? The start is, the end is not."""
    return start_ms <= time_ms < start_ms + size_ms


def rollup_key(centre: str, area: str, feed: str, type_: str, start_ms: int, size_ms: int, exercise: str | None) -> str:
    """``centre/area/feed/type/start/size``, with ``/exercise`` at the end in a drill, so that it never mixes in."""
    key = f"{centre}/{area}/{feed}/{type_}/{start_ms}/{size_ms}"
    return f"{key}/{exercise}" if exercise else key
