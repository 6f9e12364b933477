"""The sum of a rolling amount over a longer window: rain of three hours, made of readings of one hour each.

A reading of such a field says how much came in the ``covers`` before it. So the sum over a window that is a whole
number of ``covers`` long is the newest reading, plus the one a ``covers`` before it, and so on: they lie end to end.
Between two kept readings that are at most ``covers`` apart the amount is taken on the line between them; nothing that
came in such a gap is lost, because the reading after it still covers it. Where readings are further apart, the newest
one before stands in and what lies between is left out: the sum is then *not complete*, it is at least so much.

Amounts are never negative, so what is beyond a limit already is certain, also when the sum is not complete.
"""

from __future__ import annotations

from bisect import bisect_right

from ioc.domain.readings import Readings

# Readings kept per ``covers``: between two kept ones the amount is interpolated.
POINTS_PER_COVER = 12
# Longest window of a level in ``covers``: at most so many times POINTS_PER_COVER readings are kept, and three.
COVERS_MAX = 24


def take(held: Readings, amount: float, time_ms: int, id_: str, covers_ms: int, longest_ms: int) -> bool:
    """Keep one reading; False when it is not newer than the newest.

    Thins what is kept to a reading per twelfth part of ``covers_ms``, and forgets what no window needs any more.

    Args:
        held: changed in place.
        amount: of the reading, not negative.
        time_ms: its event time.
        id_: its id; with the time it tells which of two is newer.
        covers_ms: how long before it a reading covers.
        longest_ms: longest window that is asked for.
    """
    if time_ms < held.last_ms or (time_ms == held.last_ms and id_ <= held.last_id):
        return False
    held.last_ms, held.last_id = time_ms, id_
    times_ms, amounts = held.times_ms, held.values
    if len(times_ms) > 1 and times_ms[-1] - times_ms[-2] < covers_ms // POINTS_PER_COVER:
        del times_ms[-1], amounts[-1]  # it was kept only as the newest
    times_ms.append(time_ms)
    amounts.append(amount)
    # The last piece of the longest window ends here; one reading before it is needed for the line.
    needed = bisect_right(times_ms, time_ms - longest_ms + covers_ms) - 1
    if needed > 0:
        del times_ms[:needed], amounts[:needed]
    return True


def total(held: Readings, within_ms: int, covers_ms: int) -> tuple[float, bool]:
    """The sum over the window that ends at the newest reading, and whether it is complete.

    Args:
        held: at least one reading, by :func:`take`.
        within_ms: length of the window, a whole multiple of ``covers_ms``.
        covers_ms: how long before it a reading covers.
    """
    times_ms, amounts = held.times_ms, held.values
    start_ms = times_ms[-1] - within_ms
    found, complete, end_ms = 0.0, True, times_ms[-1]
    while end_ms - covers_ms >= start_ms:
        after = bisect_right(times_ms, end_ms)
        if after == 0:
            return found, False
        before_ms, amount = times_ms[after - 1], amounts[after - 1]
        if before_ms < end_ms:
            gap_ms = times_ms[after] - before_ms if after < len(times_ms) else covers_ms + 1
            if gap_ms <= covers_ms:
                amount += (amounts[after] - amount) * (end_ms - before_ms) / gap_ms
            else:
                complete, end_ms = False, before_ms
                if end_ms - covers_ms < start_ms:
                    return found, False
        found += amount
        end_ms -= covers_ms
    return found, complete and end_ms == start_ms
