"""Positions: how far a picture has read every partition behind it, as one opaque text.

A position is a vector of *next offsets*, one for each (logical topic, partition) of a :class:`Layout`. Because it
names Kafka offsets and nothing of one process, any gateway can continue from it. The text is
``1`` + URL-safe base64 of a varint per entry + 4 check bytes; at most :data:`TEXT_MAX` characters are read.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha256

from msgspec import Struct

from ioc.errors import BadInput

Vector = tuple[int, ...]
TEXT_MAX = 2048  # 31 partitions need about 200; longer text is refused unread
OFFSET_MAX = 2**63 - 1
_FORMAT = "1"
_PARTIAL = "0"


class Layout(Struct, frozen=True):
    """Which topics a picture is made of, in the order of the vector: ``(logical name, partitions)``."""

    topics: tuple[tuple[str, int], ...]

    @property
    def size(self) -> int:
        """Entries of a vector."""
        return sum(count for _, count in self.topics)

    def pairs(self) -> list[tuple[str, int]]:
        """``(logical topic, partition)`` of every entry, in order."""
        return [(name, partition) for name, count in self.topics for partition in range(count)]

    def indices(self, topic: str) -> range:
        """Entries of one topic; KeyError for a topic that is not in the layout."""
        start = 0
        for name, count in self.topics:
            if name == topic:
                return range(start, start + count)
            start += count
        raise KeyError(topic)


def encode(vector: Sequence[int]) -> str:
    """The text of a vector of offsets ≥ 0."""
    body = bytearray()
    for offset in vector:
        while offset > 0x7F:
            body.append(offset & 0x7F | 0x80)
            offset >>= 7
        body.append(offset)
    check = sha256(body).digest()[:4]
    return _FORMAT + urlsafe_b64encode(bytes(body) + check).rstrip(b"=").decode("ascii")


def encode_partial(vector: Sequence[int]) -> str:
    """As :func:`encode`, for a picture that is not the whole one of that position: :func:`decode` refuses it."""
    return _PARTIAL + encode(vector)[1:]


def decode(text: str, size: int) -> Vector:
    """The vector of a text.

    Raises:
        BadInput: ``bad_position``: not made by :func:`encode`, or for another layout.
    """
    if not text.startswith(_FORMAT) or len(text) > TEXT_MAX:
        raise BadInput("bad_position", "pos", "unknown format")
    packed = text[1:]
    try:
        raw = urlsafe_b64decode(packed.encode("ascii") + b"=" * (-len(packed) % 4))
    except (ValueError, binascii.Error):
        raise BadInput("bad_position", "pos", "not base64") from None
    body, check = raw[:-4], raw[-4:]
    if len(check) != 4 or sha256(body).digest()[:4] != check:
        raise BadInput("bad_position", "pos", "check bytes differ")
    vector = tuple(_varints(body))
    if len(vector) != size:
        raise BadInput("bad_position", "pos", f"{len(vector)} entries instead of {size}")
    return vector


def _varints(body: bytes) -> Iterable[int]:
    value = shift = 0
    for byte in body:
        value |= (byte & 0x7F) << shift
        shift += 7
        if value > OFFSET_MAX or shift > 70:
            raise BadInput("bad_position", "pos", "offset out of range")
        if byte < 0x80:
            yield value
            value = shift = 0
    if shift:
        raise BadInput("bad_position", "pos", "cut short")


def at_most(left: Sequence[int], right: Sequence[int]) -> bool:
    """True if ``left`` has read nothing that ``right`` has not; two vectors may be neither ≤ nor ≥."""
    return all(a <= b for a, b in zip(left, right, strict=True))


def epoch(cluster_id: str, prefix: str, layout: Layout) -> str:
    """Names the log that offsets belong to: 12 hexadecimal digits over cluster id, prefix, topics and their partitions.

    A new cluster, another prefix or another number of partitions makes every old position void. Topics that are
    deleted and made again inside one cluster keep the epoch (their ids are not in the client protocol used here);
    their offsets begin again, so that old positions lie in the future and are refused as ``bad_position``.
    """
    parts = [cluster_id, prefix, *(f"{name}:{count}" for name, count in layout.topics)]
    return sha256("\n".join(parts).encode()).hexdigest()[:12]
