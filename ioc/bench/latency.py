"""From a feed's acknowledgement to a frame at a wall: what a viewer waits for.

The figures are of this machine with feed, jobs, gateway, database and viewer all on it. A reading that was overtaken by
a newer one of the same site inside one frame counts from its own acknowledgement to that frame, so coalescing never
makes the figures better.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping

from msgspec import Struct


class Acked(Struct, frozen=True):
    """One event that Kafka acknowledged to the feed; ``key`` is ``centre/feed/site/type``. Epoch milliseconds."""

    key: str
    time_ms: int
    ack_ms: int


class Shown(Struct, frozen=True):
    """One reading as it arrived in a frame."""

    key: str
    time_ms: int
    seen_ms: int


class Latency(Struct, frozen=True):
    """Percentiles in milliseconds. ``unseen`` events had no frame with their or a newer reading."""

    events: int
    unseen: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


def delays_ms(acked: Iterable[Acked], shown: Iterable[Shown]) -> tuple[list[int], int]:
    """Delay of each acknowledged event to the first frame that shows it or a newer one, and how many were not seen."""
    frames: dict[str, list[Shown]] = defaultdict(list)
    for reading in shown:
        frames[reading.key].append(reading)
    best = {key: _first_seen(readings) for key, readings in frames.items()}
    delays, unseen = [], 0
    for event in acked:
        times, seen = best.get(event.key, ([], []))
        i = bisect_right(times, event.time_ms - 1)
        if i == len(times):
            unseen += 1
        else:
            delays.append(max(0, seen[i] - event.ack_ms))
    return delays, unseen


def _first_seen(readings: list[Shown]) -> tuple[list[int], list[int]]:
    """Event times in order, and for each the earliest moment at which it or a newer one was seen."""
    ordered = sorted(readings, key=lambda r: r.time_ms)
    seen = [r.seen_ms for r in ordered]
    for i in range(len(seen) - 2, -1, -1):
        seen[i] = min(seen[i], seen[i + 1])
    return [r.time_ms for r in ordered], seen


def percentiles(delays: list[int], unseen: int) -> Latency:
    """Nearest-rank percentiles.

    Raises:
        ValueError: nothing was measured.
    """
    if not delays:
        raise ValueError("no event was seen on the wall: nothing was measured")
    ordered = sorted(delays)

    def rank(share: float) -> float:
        return float(ordered[min(len(ordered) - 1, max(0, -(-int(share * len(ordered) * 1000) // 1000) - 1))])

    return Latency(
        events=len(ordered) + unseen,
        unseen=unseen,
        p50_ms=rank(0.50),
        p95_ms=rank(0.95),
        p99_ms=rank(0.99),
        max_ms=float(ordered[-1]),
    )


def line(name: str, figures: Mapping[str, float]) -> str:
    """One row of the report."""
    return f"{name:<12} " + "  ".join(f"{k} {v:g}" for k, v in figures.items())
