"""The form of a spool on disk: frames with checksums, one behind the other. Pure.

A frame is a head of 23 bytes and its content. The head has a checksum of its own, so that a flipped bit in a length
is not mistaken for an end that was cut off::

    2 bytes  mark "S1"        1  kind                        4  length of the content
    8        number           4  CRC-32 of the content       4  CRC-32 of the 19 bytes before

All numbers are big-endian. What is not a whole good frame is one of two things: *torn*, when the file ends before the
frame does and what is there is good as far as it can be told (a writer was killed), or *damaged*.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from enum import IntEnum

import msgspec
from msgspec import Struct

from simulators.courier import Message

MARK = b"S1"
_HEAD = struct.Struct(">2sBIQI")
_SUM = struct.Struct(">I")
HEAD_BYTES = _HEAD.size + _SUM.size
CONTENT_MAX_BYTES = 16 * 1024 * 1024  # no frame is larger; a larger length in a head is damage

_Row = tuple[str, str, bytes, bytes, str, int]
_rows = msgspec.msgpack.Decoder(_Row)
_encode = msgspec.msgpack.Encoder().encode

Buffer = bytes | bytearray | memoryview


class Kind(IntEnum):
    """What a frame holds."""

    MESSAGE = 1  # a message; the frame's number is its place in the file: 0, 1, 2, …
    ACKS = 2  # numbers of acknowledged messages, 8 bytes each; the frame's number is how many


class Damaged(Exception):
    """A frame is not what was written.

    Attributes:
        at: offset of the frame, bytes.
        why: one plain sentence.
    """

    def __init__(self, at: int, why: str) -> None:
        super().__init__(f"at byte {at}: {why}")
        self.at = at
        self.why = why


class Frame(Struct, frozen=True):
    """A whole good frame at ``[start, end)`` of a buffer."""

    kind: Kind
    number: int
    start: int
    end: int


def message_frame(number: int, message: Message) -> bytes:
    """A message as a frame.

    Raises:
        ValueError: longer than 16 MiB.
    """
    row = (message.id, message.centre, message.key, message.value, message.about, message.time_ms)
    return _frame(Kind.MESSAGE, number, _encode(row))


def acks_frame(numbers: Sequence[int]) -> bytes:
    """Acknowledgements as a frame.

    Raises:
        ValueError: more than two million at once.
    """
    return _frame(Kind.ACKS, len(numbers), struct.pack(f">{len(numbers)}Q", *numbers))


def _frame(kind: Kind, number: int, content: bytes) -> bytes:
    if len(content) > CONTENT_MAX_BYTES:
        raise ValueError(f"{len(content)} bytes; a frame of a spool has at most {CONTENT_MAX_BYTES}")
    head = _HEAD.pack(MARK, kind, len(content), number, zlib.crc32(content))
    return b"".join((head, _SUM.pack(zlib.crc32(head)), content))


def frame_at(data: Buffer, at: int) -> Frame | None:
    """The frame that begins at ``at``; None when there is none or the end of the data cuts it off.

    Raises:
        Damaged: it is neither.
    """
    left = len(data) - at
    if left < HEAD_BYTES:
        if bytes(data[at : at + len(MARK)]) != MARK[:left]:
            raise Damaged(at, "no frame begins here")
        return None
    mark, kind, length, number, content_sum = _HEAD.unpack_from(data, at)
    if mark != MARK:
        raise Damaged(at, "no frame begins here")
    if _SUM.unpack_from(data, at + _HEAD.size)[0] != zlib.crc32(data[at : at + _HEAD.size]):
        raise Damaged(at, "the checksum of the head is wrong")
    if length > CONTENT_MAX_BYTES or kind not in (Kind.MESSAGE, Kind.ACKS):
        raise Damaged(at, f"a frame of kind {kind} and {length} bytes is not known to this version")
    if left < HEAD_BYTES + length:
        return None
    end = at + HEAD_BYTES + length
    if zlib.crc32(data[at + HEAD_BYTES : end]) != content_sum:
        raise Damaged(at, "the checksum of the content is wrong")
    return Frame(Kind(kind), number, at, end)


def message_of(data: Buffer, frame: Frame) -> Message:
    """The message in a frame of the same data."""
    return Message(*_rows.decode(data[frame.start + HEAD_BYTES : frame.end]))


def acks_of(data: Buffer, frame: Frame) -> tuple[int, ...]:
    """The acknowledged numbers in a frame of the same data."""
    return struct.unpack_from(f">{frame.number}Q", data, frame.start + HEAD_BYTES)
