"""The only place that reads the clock."""

from __future__ import annotations

import time


def now_ms() -> int:
    """Wall clock, epoch milliseconds."""
    return time.time_ns() // 1_000_000


def monotonic_s() -> float:
    """Seconds that never go back, for measuring durations."""
    return time.monotonic()
