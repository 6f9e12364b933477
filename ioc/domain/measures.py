"""What the jobs measure: one-minute rollups and the health of feeds."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

FeedState = Literal["unknown", "on_time", "slow", "silent"]


class Rollup(Struct, frozen=True, kw_only=True):
    """Absolute aggregate of one centre, area, feed and type over one event-time window ``[start, start+length)``.

    ``revision`` grows with every recomputation; the highest wins. ``sum`` and the others are of the type's measure
    and absent when the type is only counted.
    """

    key: str  # centre/area/feed/type/window_start_ms/window_ms
    centre: str
    area: str
    feed: str
    type: str
    window_start_ms: int
    window_ms: int
    n: int
    sum: float | None = None
    min: float | None = None
    max: float | None = None
    last: float | None = None
    revision: int
    final: bool
    exercise: str | None = None


class FeedHealth(Struct, frozen=True, kw_only=True):
    """How one feed does, as one intake partition sees it; readers merge the partitions of a feed.

    ``rate_per_min`` is of the last full minute. Counters are totals since the checkpoint began.
    """

    key: str  # centre/feed/partition
    centre: str
    feed: str
    partition: int
    state: FeedState
    since_ms: int
    last_event_ms: int | None
    last_received_ms: int | None
    rate_per_min: float
    expected_period_s: float
    accepted: int
    rejected: int
    duplicates: int
    watermark_ms: int | None
    updated_ms: int


class DeadLetter(Struct, frozen=True, kw_only=True):
    """A refused input with its reason; ``sample_b64`` holds at most 64 KiB, ``sha256`` is of the whole."""

    id: str  # topic/partition/offset
    code: str
    path: str
    detail: str
    centre: str
    topic: str
    partition: int
    offset: int
    received_ms: int
    refused_ms: int
    size_bytes: int
    sha256: str
    key_b64: str | None
    sample_b64: str
