"""How far intake has read, and how far a drill has come: small records that stand between the events of a partition.

*How far intake has read.* Every worker of intake says it several times a second, in each partition of ``events``: of
these partitions of these raw topics, everything that arrived up to that time, and became an event of *this* partition,
stands before this record. It is true for ever once it was true, so a record that comes late, twice, or from a worker
that owns nothing any more does no harm; it needs no transaction of its own.

*How far a drill has come.* Intake passes on what the drill's own clock says in a raw partition
(:mod:`ioc.wire.drill_clock`), with whom it heard there meanwhile, to one partition of ``events`` per centre. That one
judges the silence of the centre in the drill, and needs nothing else for it. It is written in the transaction of the
raw partition, once.

Readers that want events alone leave out records with the key :data:`KEY`.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from ioc.wire.topics import Topics

KEY = b"@progress"  # "@" as for other private entries; no key of an event begins so


class Progress(Struct, frozen=True, kw_only=True, tag="progress", tag_field="kind"):
    """What has been read.

    ``read_ms``: centre → number of the partition of its raw topic → arrival time (the broker's stamp, epoch ms) up to
    which everything was read and written; -1 says only that somebody reads the partition.
    """

    read_ms: dict[str, dict[int, int]]


class Heard(Struct, frozen=True, array_like=True):
    """Somebody was heard: a site, with its feed, the area in which it is, and the type; its newest event time."""

    feed: str
    area: str
    site: str
    type: str
    time_ms: int


class DrillHeard(Struct, frozen=True, kw_only=True, tag="drill", tag_field="kind", omit_defaults=True):
    """Who was heard in a drill in ``[since_ms, upto_ms)`` of its time, through one partition of a raw topic.

    ``since_ms`` equal to ``upto_ms``: the clock begins here, and nothing is known of what was before. ``arrived_ms`` is
    when the clock's record arrived (the broker's stamp, epoch ms). ``seldom`` as in the clock's record.
    """

    exercise: str
    centre: str
    partition: int
    since_ms: int
    upto_ms: int
    arrived_ms: int
    heard: tuple[Heard, ...] = ()
    seldom: dict[str, tuple[float, float]] = {}


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Progress).decode
decode_any = msgspec.json.Decoder(Progress | DrillHeard).decode


def home_of(centre: str) -> int:
    """The partition of ``events`` in which the silence of a centre is judged in drills; whatever the rules say."""
    return Topics("", ()).partition("events", f"@silence/{centre}".encode())
