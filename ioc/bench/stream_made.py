"""What the load generators and the oracles share: a made record, its instants, the bad things that happen to readings.

Everything follows from a seed. The instants lie in the past and do not depend on the moment of the run, so that the
same seed gives the same bytes on every machine and day.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ioc.domain.times import rfc3339

BASE_MS = 1_763_942_400_000  # 2025-11-24T00:00:00Z: where the made streams begin
EVENTS_PER_S = 1_000  # event time; a million events are 17 minutes of a province


class Made(NamedTuple):
    """One record to be stored: logical topic, key, value and the moment of its arrival (epoch ms)."""

    topic: str
    key: bytes
    value: bytes
    arrival_ms: int


Stream = Iterator[Made]


class Text:
    """Epoch milliseconds → RFC 3339, quick for moments that lie close together (seconds are remembered)."""

    def __init__(self) -> None:
        self._seconds: dict[int, str] = {}

    def __call__(self, ms: int) -> str:
        second, millis = divmod(ms, 1000)
        text = self._seconds.get(second)
        if text is None:
            text = self._seconds[second] = rfc3339(second * 1000)[:20]
        return f"{text}{millis:03d}Z"
