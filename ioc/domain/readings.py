"""The last readings of one object, and the numbers that rules make of several of them.

Kept by event time and id, newest last; an older reading than the newest is refused. A gap longer than the rule allows
between two readings forgets everything before it: nobody knows what was in between.
"""

from __future__ import annotations

from msgspec import Struct

# Points kept for a rate: the span is cut into this many steps and one reading is kept per step, plus the newest.
RATE_POINTS = 32
# Largest ``of`` of an n-of-m rule.
OF_MAX = 100
RATIO_MAX = 1_000.0  # per cent of a target; more, and the best value 0 where lower is better, counts as this


class Readings(Struct, kw_only=True, tag="readings"):
    """Times and numbers of the last readings: at most ``RATE_POINTS`` + 3 or ``of`` of them, about 35 bytes each."""

    last_ms: int = -1
    last_id: str = ""
    times_ms: list[int] = []
    values: list[float] = []


def take(held: Readings, value: float, time_ms: int, id_: str, max_gap_ms: int) -> bool:
    """Append one reading; False when it is not newer than the newest. The caller cuts the front."""
    if time_ms < held.last_ms or (time_ms == held.last_ms and id_ <= held.last_id):
        return False
    if held.last_ms >= 0 and time_ms - held.last_ms > max_gap_ms:
        held.times_ms.clear()
        held.values.clear()
    held.last_ms, held.last_id = time_ms, id_
    held.times_ms.append(time_ms)
    held.values.append(value)
    return True


def rate(held: Readings, span_ms: int, per_ms: int) -> float | None:
    """Change between the newest reading and the newest one that is at least ``span_ms`` older, per ``per_ms``.

    None until the readings cover the span without a gap. Thins what is kept: the base of a later rate may therefore be
    older than the span by up to a thirty-second part of it and one reporting period.
    """
    times_ms, values = held.times_ms, held.values
    now_ms = times_ms[-1]
    base = -1
    while base + 1 < len(times_ms) and now_ms - times_ms[base + 1] >= span_ms:
        base += 1
    if base > 0:
        del times_ms[:base], values[:base]
    # The one before the newest leaves when it is within one step of the reading kept before it.
    if len(times_ms) > 2 and times_ms[-2] - times_ms[-3] < span_ms // RATE_POINTS:
        del times_ms[-2], values[-2]
    if base < 0:
        return None
    return (values[-1] - values[0]) * per_ms / (now_ms - times_ms[0])


def nth(held: Readings, n: int, of: int, within_ms: int, above: bool) -> float | None:
    """The n-th greatest (``above``) or n-th least of the last ``of`` readings; None while there are fewer than n.

    It is beyond a limit exactly when at least n of those readings are, so one number serves all levels of a rule.
    ``within_ms`` greater than 0 also leaves out readings that are that old or older.
    """
    times_ms, values = held.times_ms, held.values
    drop = max(0, len(values) - of)
    if within_ms > 0:
        while times_ms[drop] <= times_ms[-1] - within_ms:
            drop += 1
    if drop:
        del times_ms[:drop], values[:drop]
    if len(values) < n:
        return None
    ordered = sorted(values, reverse=above)
    return ordered[n - 1]


def ratio(value: float, target: float, higher_is_better: bool) -> float:
    """Per cent of a target that is reached, at most :data:`RATIO_MAX`; the target is not 0."""
    if higher_is_better:
        return min(RATIO_MAX, 100 * value / target)
    return RATIO_MAX if value == 0 or (value < 0 < target) else min(RATIO_MAX, 100 * target / value)
