"""Which share of the happenings of a sliding window are of one sort, for instance late ones among finished cases.

The window is ``(t − within, t]`` of event time, ending at the newest happening; happenings count by their own time in
whatever order they come. A share of few says nothing, so it is asked for with the least number that must be known.
"""

from __future__ import annotations

from bisect import bisect_right

from ioc.domain.readings import Readings

KEPT_MAX = 500  # newest happenings kept per object; the share of a fuller window is that of these


def take(held: Readings, is_part: bool, time_ms: int, within_ms: int) -> None:
    """Keep one happening; one that is older than the window is left.

    Args:
        held: changed in place; its numbers are 1 for a part and 0 for the rest.
        is_part: is it of the sort whose share is asked for?
        time_ms: its event time.
        within_ms: length of the window.
    """
    held.last_ms = max(held.last_ms, time_ms)
    start_ms = held.last_ms - within_ms
    if time_ms <= start_ms:
        return
    times_ms, values = held.times_ms, held.values
    place = bisect_right(times_ms, time_ms)
    times_ms.insert(place, time_ms)
    values.insert(place, float(is_part))
    gone = max(bisect_right(times_ms, start_ms), len(times_ms) - KEPT_MAX)
    if gone:
        del times_ms[:gone], values[:gone]


def per_cent(held: Readings, count_min: int) -> float | None:
    """The share in per cent; None while fewer than ``count_min`` are known."""
    known = len(held.values)
    return None if known < max(1, count_min) else 100.0 * sum(held.values) / known
