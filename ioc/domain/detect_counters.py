"""What a partition of the detecting step counts.

It is kept in the checkpoint, and told to the gateway in ``feeds`` under a key of its own, from where it gets into the
metrics.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

PREFIX = b"@detect/"  # of the key in ``feeds``; the partition follows
TELL_EVERY_MS = 10_000


class Counters(Struct, kw_only=True):
    """What happened to events so far in this partition; kept in the checkpoint."""

    records: int = 0
    undecodable: int = 0
    too_late: int = 0
    out_of_turn: int = 0  # readings judged after younger ones of their feed
    hurried: int = 0  # readings judged before their time, because too many waited
    others: int = 0  # events counted for the common object because a rule had too many, sources of one drill too many


def key_of(partition: int) -> bytes:
    """Key of a partition's counters in ``feeds``."""
    return PREFIX + str(partition).encode()


decode = msgspec.json.Decoder(Counters).decode
