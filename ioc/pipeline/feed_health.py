"""How one feed does in one partition, in the ministry's four words; published at most every 2 s and only on change.

*Đúng* correct · *đủ* complete · *sạch* clean · *sống* alive: :class:`ioc.domain.measures.FeedHealth` holds the counts,
and one word sums them up. The word is the first of these that holds:

``unknown`` nothing came yet · ``out_of_service`` nothing for ``dead_after_s``, with the date when somebody should look
at it again · ``silent`` nothing for ``silent_after_s`` ·
``clock_skewed`` a fifth of the last minutes' events lies in the future, or all come late by the same amount ·
``duplicating`` a fifth of what came was known, or five were dropped for their number and time alone ·
``slow`` two periods without an event · ``on_time``.

A sporadic feed is never slow, silent or out of service: that nothing happens is no fault of its link.

Messages of drills and replays are not counted at all, whatever comes of them: they say nothing about the link of the
source, whose silence they would hide, and their repeats and their clock are not the source's.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import sub

import msgspec
from msgspec import Struct

from ioc.domain.measures import FeedHealth, FeedState
from ioc.domain.profile import Feed
from ioc.domain.watermark import EventClock
from ioc.pipeline.feed_minutes import AHEAD_MS, HOUR_MIN, MINUTE_MS, NO_LAG_MS, Minute, Minutes

PUBLISH_EVERY_MS = 2000
WATERMARK_EVERY_MS = 30_000  # a watermark that moves alone, that of an idle feed, is told after this much
SLOW_AFTER_PERIODS = 2.0  # one missed message is chance, two are a habit
JUDGED_MIN = 5  # full minutes before the running one that decide about clocks and duplicates
SHARE_MIN = 0.2
SKEWED_MIN, DUPLICATES_MIN = 3, 5  # fewer prove nothing
BEHIND_MS = 60_000  # a lag that never falls below this …
STEADY_MS = 2_000  # … and stays within this is a clock; a backlog that is worked off shrinks


class FeedMemory(Struct):
    """The small part of a feed's health that must survive a restart; closed minutes stand beside it."""

    last_event_ms: int = -1
    last_received_ms: int = -1
    clock: EventClock = msgspec.field(default_factory=EventClock)
    began_min: int = -1  # minute of the first arrival
    state: FeedState = "unknown"
    since_ms: int = 0
    now: Minute = msgspec.field(default_factory=Minute)


_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(FeedMemory).decode


class FeedWatch:
    """Counts what happens to one feed.

    Args:
        centre: its id.
        feed: the feed.
        partition: number of the intake partition.
        sites: how many sites of the feed belong to this partition at a time in epoch milliseconds.
        review: when to look again at what went out of service at a time, both epoch milliseconds.
    """

    def __init__(
        self,
        centre: str,
        feed: Feed,
        partition: int,
        sites: Callable[[int], int] = lambda now_ms: 1,
        review: Callable[[int], int] = lambda out_ms: out_ms,
    ) -> None:
        self.feed = feed
        self._grace_ms = round(feed.grace_s * 1000)
        self._centre, self._partition, self._sites, self._review = centre, partition, sites, review
        self._by_clock = sum(kind not in feed.sporadic_types for kind in feed.types)  # messages per site and period
        self.memory = FeedMemory()
        self.minutes = Minutes()
        self.restarts: Callable[[], int] = lambda: 0
        self.dirty = False
        # What was accepted and is not counted yet, see :meth:`settle`: event times and their arrivals.
        self.times_ms: list[int] = []
        self.arrivals_ms: list[int] = []
        self.astray: list[int] = []  # which of these came to a partition that is not their site's
        self._published: FeedHealth | None = None

    # Counting --------------------------------------------------------------------------------------------------

    def accept(self, time_ms: int, arrival_ms: int) -> Minute:
        """One event went through; returns the minute, for what else there is to count.

        Args:
            time_ms: when it happened.
            arrival_ms: when it arrived.
        """
        self.settle()
        if arrival_ms >= self.minutes.end_ms:
            self._turn(arrival_ms)
        memory, now = self.memory, self.minutes.now
        now.accepted += 1
        lag_ms = arrival_ms - time_ms
        now.lag_sum_ms += lag_ms
        if lag_ms < now.lag_min_ms:
            now.lag_min_ms = lag_ms
        if lag_ms < -AHEAD_MS:
            now.ahead += 1
        if time_ms > memory.last_event_ms:
            memory.last_event_ms = time_ms
        clock = memory.clock
        if clock.mark_ms is not None and time_ms < clock.mark_ms:
            lateness = clock.lateness(time_ms - time_ms % MINUTE_MS + MINUTE_MS, self._grace_ms)
            now.late += lateness == "late"
            now.too_late += lateness == "too_late"
        clock.observe(time_ms, arrival_ms)
        if arrival_ms > memory.last_received_ms:
            memory.last_received_ms = arrival_ms
        self.dirty = True
        return now

    def settle(self) -> None:
        """Count what stands in ``times_ms`` and ``arrivals_ms`` as :meth:`accept` would have, one after the other.

        Whoever puts something there knows that none of the events is later than its arrival. Together they cost a
        third of what they cost alone. Everything that counts or looks settles first.
        """
        times_ms, arrivals_ms = self.times_ms, self.arrivals_ms
        if not times_ms:
            return
        astray, self.astray = self.astray, []
        self.times_ms, self.arrivals_ms = [], []
        newest_ms, memory, now = max(arrivals_ms), self.memory, self.minutes.now
        clock = memory.clock
        if newest_ms >= self.minutes.end_ms or clock.mark_ms is None:
            strays = set(astray)
            for at, (time_ms, arrival_ms) in enumerate(zip(times_ms, arrivals_ms, strict=True)):
                self.accept(time_ms, arrival_ms).unkeyed += at in strays
            return
        now.unkeyed += len(astray)
        now.accepted += len(times_ms)
        now.lag_sum_ms += sum(arrivals_ms) - sum(times_ms)
        now.lag_min_ms = min(now.lag_min_ms, min(map(sub, arrivals_ms, times_ms)))
        memory.last_event_ms = max(memory.last_event_ms, max(times_ms))
        late, too_late = clock.observe_all(times_ms, newest_ms, MINUTE_MS, self._grace_ms)
        now.late += late
        now.too_late += too_late
        memory.last_received_ms = max(memory.last_received_ms, newest_ms)
        self.dirty = True

    def duplicate(self, arrival_ms: int, *, presumed: bool = False) -> None:
        """One event was known already: the link is alive, the feed is not clean.

        Args:
            arrival_ms: when it arrived.
            presumed: by its number and time alone: a source that began anew may look the same.
        """
        self._turn(arrival_ms)
        self.minutes.now.duplicates += 1
        self.minutes.now.presumed += presumed
        self.memory.last_received_ms = max(self.memory.last_received_ms, arrival_ms)
        self.dirty = True

    def reject(self, arrival_ms: int, code: str) -> None:
        """One record was refused; it does not count as a sign of life."""
        self._turn(arrival_ms)
        now = self.minutes.now
        now.rejected += 1
        now.conflicts += code == "id_conflict"
        now.future += code == "future"
        self.dirty = True

    def _turn(self, arrival_ms: int) -> None:
        self.settle()
        self.minutes.turn(arrival_ms)
        if self.memory.began_min < 0:
            self.memory.began_min = arrival_ms // MINUTE_MS

    # Judging ---------------------------------------------------------------------------------------------------

    def health(self, now_ms: int, head_ms: int) -> FeedHealth | None:
        """The feed as it stands, None when nothing changed since it was last asked for.

        Args:
            now_ms: the present.
            head_ms: arrival time up to which the partition is known to have been read; an idle feed's watermark
                follows it.
        """
        self.settle()
        memory, feed = self.memory, self.feed
        if memory.clock.idle(head_ms, self._grace_ms):
            self.dirty = True
        state = self._state(now_ms)
        if state != memory.state or memory.since_ms == 0:
            memory.state, memory.since_ms, self.dirty = state, now_ms, True
        minute = now_ms // MINUTE_MS
        hour = list(self.minutes.between(minute - HOUR_MIN + 1, minute + 1))
        full = list(self.minutes.between(minute - HOUR_MIN, minute))
        last_two = [one for one in hour if one.minute >= minute - 1 and one.accepted]
        accepted_last_two = sum(one.accepted for one in last_two)
        seen_min = min(HOUR_MIN, minute - memory.began_min - 1) if memory.began_min >= 0 else 0
        sites = self._sites(now_ms)
        expected = None
        if not feed.sporadic and seen_min > 0:
            expected = round(sites * self._by_clock * seen_min * 60 / feed.expected_period_s, 1)
        health = FeedHealth(
            key=f"{self._centre}/{feed.id}/{self._partition}",
            centre=self._centre,
            feed=feed.id,
            partition=self._partition,
            state=state,
            since_ms=memory.since_ms,
            last_event_ms=memory.last_event_ms if memory.last_event_ms >= 0 else None,
            last_received_ms=memory.last_received_ms if memory.last_received_ms >= 0 else None,
            rate_per_min=float(sum(one.arrived for one in full if one.minute == minute - 1)),
            expected_period_s=feed.expected_period_s,
            accepted=sum(one.accepted for one in hour),
            rejected=sum(one.rejected for one in hour),
            duplicates=sum(one.duplicates for one in hour),
            watermark_ms=memory.clock.mark_ms,
            updated_ms=now_ms,
            sporadic=feed.sporadic,
            sites=sites,
            received=sum(one.accepted - one.by_chance for one in full if one.minute >= minute - seen_min),
            expected=expected,
            conflicts=sum(one.conflicts for one in hour),
            flagged=sum(one.flagged for one in hour),
            lag_s=round(sum(one.lag_sum_ms for one in last_two) / accepted_last_two / 1000, 1) if last_two else None,
            review_ms=self._review(memory.last_received_ms + round(feed.dead_after_s * 1000))
            if state == "out_of_service"
            else None,
            late=sum(one.late for one in hour),
            too_late=sum(one.too_late for one in hour),
            restarts=self.restarts(),
            presumed=sum(one.presumed for one in hour),
            unkeyed=sum(one.unkeyed for one in hour),
        )
        before = self._published
        if before is not None:
            same = msgspec.structs.replace(before, updated_ms=now_ms, watermark_ms=health.watermark_ms) == health
            moved_ms = (health.watermark_ms or 0) - (before.watermark_ms or 0)
            if same and moved_ms < WATERMARK_EVERY_MS:
                return None
        self._published = health
        return health

    def _state(self, now_ms: int) -> FeedState:
        if self.memory.last_received_ms < 0:
            return "unknown"
        feed, age_s = self.feed, (now_ms - self.memory.last_received_ms) / 1000
        if not feed.sporadic and age_s > feed.silent_after_s:
            return "out_of_service" if age_s > feed.dead_after_s else "silent"
        minute = now_ms // MINUTE_MS
        judged = list(self.minutes.between(minute - JUDGED_MIN, minute + 1))
        if _ahead(judged) or _behind(
            [one for one in judged if one.minute < minute], max(BEHIND_MS, feed.grace_s * 1000)
        ):
            return "clock_skewed"
        known = sum(one.duplicates for one in judged)
        if known >= max(DUPLICATES_MIN, SHARE_MIN * sum(one.arrived for one in judged)):
            return "duplicating"
        if sum(one.presumed for one in judged) >= DUPLICATES_MIN:
            return "duplicating"  # one source of many would never be a fifth
        if not feed.sporadic and age_s > feed.expected_period_s * SLOW_AFTER_PERIODS:
            return "slow"
        return "on_time"

    # Checkpoint --------------------------------------------------------------------------------------------------

    def take_dirty(self) -> list[tuple[str, bytes]]:
        """Changed parts since the last call: ``feed/<id>`` and ``feed/<id>/<minute of the hour>``."""
        self.settle()
        out = [(f"feed/{self.feed.id}/{place}", value) for place, value in self.minutes.take_dirty()]
        if self.dirty:
            self.dirty = False
            self.memory.now = self.minutes.now
            out.append((f"feed/{self.feed.id}", _encode(self.memory)))
        return out

    def load(self, place: str, value: bytes) -> None:
        """One record of the checkpoint; ``place`` is empty or the minute of the hour."""
        if place:
            self.minutes.load(place, value)
        else:
            self.memory = _decode(value)
            self.minutes.start(self.memory.now)


def _ahead(judged: list[Minute]) -> bool:
    ahead = sum(one.ahead + one.future for one in judged)
    return ahead >= max(SKEWED_MIN, SHARE_MIN * sum(one.accepted + one.future for one in judged))


def _behind(judged: list[Minute], least_ms: float) -> bool:
    lags_ms = [one.lag_min_ms for one in judged if one.lag_min_ms != NO_LAG_MS]
    return len(lags_ms) >= SKEWED_MIN and min(lags_ms) > least_ms and max(lags_ms) - min(lags_ms) <= STEADY_MS
