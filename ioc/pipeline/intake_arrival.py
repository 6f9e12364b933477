"""When a native record came: what all records of one stamp share."""

from __future__ import annotations

from functools import lru_cache

from msgspec import Struct

from ioc.domain.times import rfc3339
from ioc.pipeline.effects import Record
from ioc.pipeline.redriven import first_received
from ioc.pipeline.validate import PAST_MAX_MS


class Arrival(Struct):
    """When a record came, and what follows from it; records of one batch share the broker's stamp.

    Attributes:
        arrival_ms: the broker's stamp, the event's ``recordedtime``.
        received_ms: the first arrival: equal, except for records that are driven again.
        now_ms: time of the step, for dead letters.
        text: ``recordedtime`` as a piece of the event.
        oldest_ms: what happened before this is refused.
    """

    arrival_ms: int
    received_ms: int
    now_ms: int
    text: bytes
    oldest_ms: int


def arrival_of(record: Record, now_ms: int) -> Arrival:
    """A record without a stamp of the broker is taken as received now."""
    arrival_ms = record.timestamp if record.timestamp >= 0 else now_ms
    received_ms = first_received(record.headers, arrival_ms) if record.headers else arrival_ms
    return Arrival(arrival_ms, received_ms, now_ms, _text(arrival_ms), received_ms - PAST_MAX_MS)


@lru_cache(maxsize=1024)
def _text(arrival_ms: int) -> bytes:
    """One batch of the broker has records for several partitions."""
    return b'","recordedtime":"' + rfc3339(arrival_ms).encode()
