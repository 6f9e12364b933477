"""How far intake has read: a small record that stands between the events of a partition.

Every worker of intake says it several times a second, in each partition of ``events``: of these partitions of these
raw topics, everything that arrived up to that time, and became an event of *this* partition, stands before this
record. It is true for ever once it was true, so a record that comes late, twice, or from a worker that owns nothing
any more does no harm; it needs no transaction of its own.

Readers that want events alone leave out records with the key :data:`KEY`.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

KEY = b"@progress"  # "@" as for other private entries; no key of an event begins so


class Progress(Struct, frozen=True, kw_only=True, tag="progress", tag_field="kind"):
    """What has been read.

    ``read_ms``: centre → number of the partition of its raw topic → arrival time (the broker's stamp, epoch ms) up to
    which everything was read and written; -1 says only that somebody reads the partition.
    """

    read_ms: dict[str, dict[int, int]]


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Progress).decode
