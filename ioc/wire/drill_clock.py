"""How far a drill has come: a small record of the drill itself, between its messages in each partition of a raw topic.

A drill has its own time, at any speed beside the live traffic, and the partitions of the raw topics are read one ahead
of the other. So neither arrival nor the newest event time says what time it is in a drill: who plays it has to. Every
few seconds of the drill it writes into each partition of the raw topic of each centre that it speaks for: everything
that was sent before ``upto_ms`` stands before this record. As any message, it is written in the name of the centre.

The way on is in :mod:`ioc.pipeline.drill_clocks` (intake) and :mod:`ioc.pipeline.drill_silence` (detect).
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

KEY = b"@drill-clock"  # "@" as for other private entries; no site is called so
# How often it is said, in the drill's time: a silence is known so much later at most.
STEP_MS = 5_000
# A record that claims more at once is refused: nobody who plays a drill skips that much.
STEP_MAX_MS = 60_000
SELDOM_MAX, SELDOM_MAX_S = 100, 604_800.0  # feeds of a centre that report seldom, and how seldom they may


class DrillClock(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One such record.

    Attributes:
        exercise: id of the drill.
        centre: whose raw topic this is.
        partition: of that topic.
        since_ms: what the record before it said, epoch milliseconds of the drill's time; in the first one ``upto_ms``.
        upto_ms: everything that was sent before this time of the drill stands before the record.
        seldom: feeds that report more seldom in this drill than by the profile, because it is played with fewer
            readings: longest time in which none of the feed's sites reports, and how often one does, seconds.
    """

    exercise: str
    centre: str
    partition: int
    since_ms: int
    upto_ms: int
    seldom: dict[str, tuple[float, float]] = {}


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(DrillClock).decode
