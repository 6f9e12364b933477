"""How one feed does in one partition: counters, rate, age, state; published at most every 2 s and only on change."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from ioc.domain.measures import FeedHealth, FeedState
from ioc.domain.profile import Feed

PUBLISH_EVERY_MS = 2000
SLOW_AFTER_PERIODS = 2.0  # one missed message is chance, two are a habit


class FeedMemory(Struct):
    """The part of a feed's health that must survive a restart."""

    accepted: int = 0
    rejected: int = 0
    duplicates: int = 0
    last_event_ms: int = -1
    last_received_ms: int = -1
    minute: int = -1  # arrival minute being counted
    in_minute: int = 0
    before: int = 0  # count of the minute before it
    state: FeedState = "unknown"
    since_ms: int = 0


_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(FeedMemory).decode


class FeedWatch:
    """Counts what happens to one feed."""

    def __init__(self, centre: str, feed: Feed, partition: int) -> None:
        self.feed = feed
        self._centre, self._partition = centre, partition
        self.memory = FeedMemory()
        self.dirty = False
        self._published: FeedHealth | None = None

    def accept(self, time_ms: int, arrival_ms: int) -> None:
        """One event went through."""
        memory = self.memory
        memory.accepted += 1
        if time_ms > memory.last_event_ms:
            memory.last_event_ms = time_ms
        self._arrived(arrival_ms)

    def duplicate(self, arrival_ms: int) -> None:
        """One event was known already: the link is alive, the feed is not clean."""
        self.memory.duplicates += 1
        self._arrived(arrival_ms)

    def reject(self, arrival_ms: int) -> None:
        """One record was refused; it does not count as a sign of life."""
        self.memory.rejected += 1
        self.dirty = True

    def _arrived(self, arrival_ms: int) -> None:
        memory = self.memory
        self.dirty = True
        if arrival_ms > memory.last_received_ms:
            memory.last_received_ms = arrival_ms
        minute = arrival_ms // 60_000
        if minute == memory.minute:
            memory.in_minute += 1
        elif minute > memory.minute:
            memory.before = memory.in_minute if minute == memory.minute + 1 else 0
            memory.minute, memory.in_minute = minute, 1

    def health(self, now_ms: int) -> FeedHealth | None:
        """The feed as it stands, None when nothing changed since it was last asked for."""
        memory = self.memory
        state = self._state(now_ms)
        if state != memory.state or memory.since_ms == 0:
            memory.state, memory.since_ms, self.dirty = state, now_ms, True
        last_full = now_ms // 60_000 - 1
        rate = (
            memory.in_minute if memory.minute == last_full else memory.before if memory.minute == last_full + 1 else 0
        )
        watermark_ms = memory.last_event_ms - round(self.feed.grace_s * 1000)
        health = FeedHealth(
            key=f"{self._centre}/{self.feed.id}/{self._partition}",
            centre=self._centre,
            feed=self.feed.id,
            partition=self._partition,
            state=state,
            since_ms=memory.since_ms,
            last_event_ms=memory.last_event_ms if memory.last_event_ms >= 0 else None,
            last_received_ms=memory.last_received_ms if memory.last_received_ms >= 0 else None,
            rate_per_min=float(rate),
            expected_period_s=self.feed.expected_period_s,
            accepted=memory.accepted,
            rejected=memory.rejected,
            duplicates=memory.duplicates,
            watermark_ms=watermark_ms if memory.last_event_ms >= 0 else None,
            updated_ms=now_ms,
        )
        before = self._published
        if before is not None and msgspec.structs.replace(before, updated_ms=now_ms) == health:
            return None
        self._published = health
        return health

    def _state(self, now_ms: int) -> FeedState:
        """By arrival: unknown before the first event, then on time, slow, silent."""
        if self.memory.last_received_ms < 0:
            return "unknown"
        age_s = (now_ms - self.memory.last_received_ms) / 1000
        if age_s > self.feed.silent_after_s:
            return "silent"
        return "slow" if age_s > self.feed.expected_period_s * SLOW_AFTER_PERIODS else "on_time"

    def dump(self) -> bytes:
        """For the checkpoint."""
        self.dirty = False
        return _encode(self.memory)

    def load(self, value: bytes) -> None:
        """From the checkpoint."""
        self.memory = _decode(value)
