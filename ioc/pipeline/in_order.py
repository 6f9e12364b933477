"""Readings of a feed wait for their neighbours, so that the rules judge them in the order of event time.

Links swap readings, and a rule that took them as they come would find other episodes for another order. So a reading
waits until the bus has been read on by ``order_s`` since it arrived; then it is judged, and with it whatever of its
feed is older. Readings whose delays differ by no more than ``order_s`` are judged in the order of event time and id,
however they came. The price is that an alert comes so much later. A feed with ``order_s = 0`` is judged as it comes.

*How far the bus has been read* (``head_ms``) is an arrival time, and time passes here by nothing else. Where intake
says how far it has come (:mod:`ioc.pipeline.reach`), it is the least of the centre's raw partitions. Then the result
is a function of the records and their arrival times, and not of which worker of intake was ahead of the other: each
step of ``head_ms`` judges what arrived up to that step, even if more is here already. The watermarks of such feeds
follow in the same way.

*From the future* (a clock that is ahead): no reading was taken after it arrived, so it is judged as one of its arrival
(:func:`taken_ms`). So it is told at once, and the true readings that follow are not older than it.

What comes later than its neighbours can wait is *out of turn*: it waits like the others, and is judged as what it is
by then, an older reading.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from heapq import heappop, heappush

from ioc.domain.watermark import DISORDER_MS
from ioc.pipeline.effects import Effects
from ioc.pipeline.reach import Reach
from ioc.pipeline.routes import NEVER_MS, NO_DUE, Due, Feed, KeptDue, Turn

# Readings of one feed (of one area) that wait, about 1 KB each; with more, the oldest tenth is judged before its time.
HELD_MAX = 5_000
# Time passes in steps of this much, so that a busy feed is judged in bundles; that is how much longer than ``order_s``
# a reading may wait.
STEP_MS = 250
# Steps that one feed waits for, about 200 bytes each; with more (a partition of intake is minutes behind the others)
# new ones are as long as a minute, so that a day of it fits into one record of the checkpoint.
DUES_MAX, LONG_STEP_MS = 1_000, 60_000


class InOrder:
    """The waiting readings of the feeds that share one ``head_ms``; they stand in ``Feed.held`` and ``Feed.fresh``.

    Args:
        judge: lets the rules see readings of one feed, in this order.
        reach: what intake says of the centre; None where nobody says anything, and the arrivals themselves have to do.

    Attributes:
        head_ms: arrival time up to which the bus has been read.
        due_ms: the next ``head_ms`` at which something comes due.
        hurried: readings that were judged before their time because too many waited.
        out_of_turn: readings that were judged after younger ones of their feed.
        moved: feeds of which readings came due or whose clock moved; the caller empties it.
    """

    def __init__(self, judge: Callable[[Feed, Sequence[Turn], Effects], None], reach: Reach | None = None) -> None:
        self.reach = reach
        self.head_ms = -1
        self.due_ms = NEVER_MS
        self.hurried = self.out_of_turn = 0
        self.moved: set[Feed] = set()
        self._judge = judge
        self._dues: list[tuple[int, int, Feed, Due]] = []
        self._number = 0

    def put(self, feed: Feed, turn: Turn, effects: Effects) -> None:
        """Let a reading wait, or judge it at once when its feed does not wait."""
        time_ms, arrived_ms = turn[0], turn[3]
        self.pass_by(feed, time_ms, arrived_ms)
        if time_ms > arrived_ms:
            turn = (taken_ms(time_ms, arrived_ms), *turn[1:])
        if not feed.order_ms:
            self._judge(feed, (turn,), effects)
            return
        feed.fresh.append(turn)
        feed.waiting += 1
        if feed.waiting > HELD_MAX:
            _merge(feed)
            self.hurried += HELD_MAX // 10
            hurried = feed.held[: HELD_MAX // 10]
            del feed.held[: HELD_MAX // 10]
            self._release(feed, hurried, effects)

    def pass_by(self, feed: Feed, time_ms: int, arrived_ms: int) -> None:
        """Let time come so far for a feed: for its clock, and for its objects when it comes due."""
        due = feed.due
        if not due.from_ms <= arrived_ms < due.to_ms:
            due = self._due(feed, arrived_ms)
        if due.seen:  # it comes late for its step
            feed.clock.observe(time_ms, arrived_ms)
        if time_ms > due.newest_ms:
            due.newest_ms = time_ms
        if arrived_ms > due.arrived_ms:
            due.arrived_ms = arrived_ms
        time_ms = taken_ms(time_ms, arrived_ms)
        if time_ms > due.passed_ms:
            due.passed_ms = time_ms
            if not feed.order_ms:
                feed.judged.raise_to(time_ms - DISORDER_MS)

    def take_back(self, feed: Feed, kept: KeptDue) -> None:
        """Go on with a step of a feed as the checkpoint has it."""
        newest_ms, arrived_ms, passed_ms, seen = kept
        due = self._due(feed, arrived_ms)
        due.newest_ms, due.arrived_ms, due.passed_ms = newest_ms, arrived_ms, passed_ms
        if seen and self.reach is not None:
            due.seen = True
            self._push(due.at_ms, feed, due)

    def read_to(self, head_ms: int, effects: Effects) -> None:
        """The bus was read on: clocks follow, and what has waited long enough is judged."""
        if head_ms > self.head_ms:
            self.head_ms = head_ms
            if head_ms >= self.due_ms:
                self.come_due(head_ms, effects)

    def come_due(self, head_ms: int, effects: Effects) -> None:
        """Let clocks see what arrived up to then, and judge what has waited long enough since it arrived."""
        dues = self._dues
        while dues and dues[0][0] <= head_ms:
            when_ms, _, feed, due = heappop(dues)
            if feed.dues.get(due.to_ms) is not due or (due.seen and when_ms < due.at_ms):
                continue  # of a feed that was forgotten or put elsewhere, or seen before a restart
            self.moved.add(feed)
            if self.reach is not None and not due.seen:
                due.seen = True
                feed.clock.observe(due.newest_ms, due.arrived_ms)
                if feed.order_ms:
                    self._push(due.at_ms, feed, due)  # also if that is over: what comes due before it is in the queue
                    continue
            del feed.dues[due.to_ms]
            if feed.due is due:
                feed.due = NO_DUE
            if feed.order_ms:
                self._judge_due(feed, due, effects)
        self.due_ms = dues[0][0] if dues else NEVER_MS

    def _judge_due(self, feed: Feed, due: Due, effects: Effects) -> None:
        _merge(feed)
        held, at_ms = feed.held, due.at_ms
        count = bisect_left(held, (due.passed_ms + 1,))
        ready = held[:count]
        del held[:count]
        if early := [turn for turn in ready if turn[3] > at_ms]:  # arrived after this step: not known by now
            ready = [turn for turn in ready if turn[3] <= at_ms]
            held[:0] = early
        if ready:
            if (mark_ms := feed.judged.mark_ms) is not None:
                self.out_of_turn += bisect_left(ready, (mark_ms + 1,))
            self._release(feed, ready, effects)
        feed.judged.raise_to(due.passed_ms)

    def _due(self, feed: Feed, arrived_ms: int) -> Due:
        step_ms = STEP_MS if len(feed.dues) < DUES_MAX else LONG_STEP_MS
        at_ms = ((arrived_ms + feed.order_ms) // step_ms + 1) * step_ms
        to_ms = at_ms - feed.order_ms
        due = feed.dues.get(to_ms)
        if due is None:
            due = feed.dues[to_ms] = Due(to_ms - step_ms, to_ms, at_ms)
            self._push(at_ms if self.reach is None else to_ms, feed, due)
        feed.due = due
        return due

    def _push(self, when_ms: int, feed: Feed, due: Due) -> None:
        self._number += 1
        heappush(self._dues, (when_ms, self._number, feed, due))
        self.due_ms = self._dues[0][0]

    def _release(self, feed: Feed, due: list[Turn], effects: Effects) -> None:
        feed.waiting -= len(due)
        self.moved.add(feed)
        self._judge(feed, due, effects)


def taken_ms(time_ms: int, arrived_ms: int) -> int:
    """The time that the rules believe of a reading: never after it arrived.

    A thousandth of what it is ahead is left, so that readings which arrive together keep their order: 120 ms at most,
    because intake quarantines what is more than 120 s ahead.
    """
    return time_ms if time_ms <= arrived_ms else arrived_ms + (time_ms - arrived_ms) // 1000


def _merge(feed: Feed) -> None:
    """Sort what came since into what waits; only the end of ``held`` is looked at again."""
    fresh, held = feed.fresh, feed.held
    if not fresh:
        return
    fresh.sort()
    if held and fresh[0] < held[-1]:
        place = bisect_left(held, fresh[0])
        fresh = held[place:] + fresh
        fresh.sort()
        del held[place:]
    held += fresh
    feed.fresh = []


def as_waiting(turn: Turn) -> tuple[int, str, int]:
    """Order in which readings of a checkpoint wait again: as they came, or by time where a feed does not wait now."""
    return (-1, "", turn[2]) if turn[4].feed.order_ms else turn[:3]


def waiting(feeds: dict[str, Feed]) -> dict[int, bytes]:
    """All that waits: offset of the record → its value."""
    return {turn[2]: turn[7] for feed in feeds.values() for turns in (feed.held, feed.fresh) for turn in turns}
