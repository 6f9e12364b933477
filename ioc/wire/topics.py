"""Topic names, partitions and retention in one table used by every process.

A *logical* name (``events``) becomes a real one with the prefix (``ioc.events``). Partition counts must not
change in a running system: keys would move.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

DAY_MS = 86_400_000


class TopicSpec(Struct, frozen=True):
    """How a topic is made. ``retention_ms`` -1 keeps for ever; compacted topics keep the newest per key.

    With ``stamped_on_arrival`` the broker writes the timestamp of each record (log append time): senders cannot.
    """

    name: str
    partitions: int
    compacted: bool = False
    retention_ms: int = 7 * DAY_MS
    max_message_bytes: int = 1_048_576
    stamped_on_arrival: bool = False


RAW_PARTITIONS = 4
SENDER = "centre-"  # how the user names of all centres begin
_TABLE = (
    TopicSpec("events", 12),
    TopicSpec("dead", 3, retention_ms=30 * DAY_MS),
    TopicSpec("rollups", 12),
    TopicSpec("alert-inputs", 6),
    TopicSpec("alerts", 6, compacted=True),
    TopicSpec("alert-log", 6, retention_ms=-1),
    TopicSpec("desk-inputs", 1),
    TopicSpec("desk", 1, compacted=True),
    TopicSpec("audit-anchors", 1, retention_ms=-1),
    TopicSpec("checkpoints.intake", RAW_PARTITIONS, compacted=True),
    TopicSpec("checkpoints.detect", 12, compacted=True),
    TopicSpec("feeds", 1, compacted=True),
)


class Topics:
    """The topics of one installation: prefix and centres fixed."""

    def __init__(self, prefix: str, centres: Iterable[str]) -> None:
        self.prefix = prefix
        self.raw = {centre: f"raw.{centre}" for centre in centres}
        raw = (
            TopicSpec(name, RAW_PARTITIONS, max_message_bytes=262_144, stamped_on_arrival=True)
            for name in self.raw.values()
        )
        self.specs: dict[str, TopicSpec] = {spec.name: spec for spec in (*raw, *_TABLE)}

    def name(self, logical: str) -> str:
        """Real name of a logical one; raises KeyError for an unknown topic."""
        return self.prefix + self.specs[logical].name

    def partitions(self, logical: str) -> int:
        """Number of partitions of a logical topic."""
        return self.specs[logical].partitions

    def partition(self, logical: str, key: bytes) -> int:
        """The partition that ``key`` belongs to."""
        return partition_for(key, self.specs[logical].partitions)

    def centre_of(self, real_name: str) -> str | None:
        """The centre whose raw topic this is, None for any other topic."""
        logical = real_name.removeprefix(self.prefix)
        return logical.removeprefix("raw.") if logical.startswith("raw.") else None


def sender_of(centre: str) -> str:
    """Kafka's user name of a centre; its principal is ``User:`` and this. It may write only ``raw.<centre>``."""
    return SENDER + centre


def partition_for(key: bytes, partitions: int) -> int:
    """Kafka's default partition of a key: murmur2, sign bit off, modulo. Every process must agree on it."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """MurmurHash2, 32 bits, with Kafka's seed 0x9747b28c; unsigned result.

    Source: the public algorithm of A. Appleby, parameters as in the Kafka protocol's default partitioner.
    """
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    length = len(data)
    h = (0x9747B28C ^ length) & mask
    whole = length & ~3
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i : i + 4], "little")
        k = (k * m) & mask
        k ^= k >> 24
        k = (k * m) & mask
        h = ((h * m) & mask) ^ k
    rest = data[whole:]
    if rest:
        h = ((h ^ int.from_bytes(rest, "little")) * m) & mask
    h ^= h >> 13
    h = (h * m) & mask
    return h ^ (h >> 15)
