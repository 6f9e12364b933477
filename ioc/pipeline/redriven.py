"""A refused record that is driven again: the two headers that travel with it, and how far they are believed.

The broker stamps a raw record when it arrives, so an event that was refused yesterday and is sent again today would be
``ancient``, although the province did receive it in time. The re-driving tool therefore sends the time of its first
arrival along. It decides one thing only: whether the event was too old, or from the future, *when it first came*.
Everything else goes by the new arrival: ``recordedtime`` is new, hence an event driven again is late, raises no alert,
and changes no summary whose time is over.

Anybody who may write to a raw topic can write these headers too: the broker tells centres apart, not a centre from the
tool. All that a centre can win is that an event of its own, at most ``REDRIVE_MAX_MS`` + 24 h old, goes into its own
history as a late one. It could have sent the same event in time, and it cannot make an old event look like a fresh one.
Therefore they are believed within that bound and need no signature. Beyond it, or unreadable, they are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

RECEIVED = "received-ms"  # when the record first arrived, epoch milliseconds in decimal digits
REDRIVE = "redrive"  # id of the dead letter that is driven again; for people
# As long as the raw topics keep their records.
REDRIVE_MAX_MS = 7 * 86_400_000

_DIGITS = re.compile(rb"[0-9]{1,15}").fullmatch


def headers(letter_id: str, received_ms: int) -> tuple[tuple[str, bytes], ...]:
    """The headers of a record that is driven again."""
    return ((REDRIVE, letter_id.encode()), (RECEIVED, str(received_ms).encode()))


def first_received(given: Sequence[tuple[str, bytes]], arrival_ms: int) -> int:
    """When the record first arrived: the header's time if it lies at most 7 days before ``arrival_ms``, otherwise
    ``arrival_ms`` itself, the broker's stamp."""
    for name, value in given:
        if name == RECEIVED and isinstance(value, bytes) and _DIGITS(value):
            received_ms = int(value)
            return received_ms if arrival_ms - REDRIVE_MAX_MS <= received_ms <= arrival_ms else arrival_ms
    return arrival_ms
