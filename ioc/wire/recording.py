"""The file of a recording: real raw traffic of a span, and the alerts that were raised in it.

JSON Lines, UTF-8: one ``head``, then the ``message`` lines in the order of arrival, then one ``end`` with the counts,
the alerts as expectations in the grammar of scenario files, and the SHA-256 of all lines before it. So a file that was
cut off or changed is noticed. ``docs/scenarios.md`` explains it to people.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct

from ioc.errors import BadInput

VERSION = 1


class Head(Struct, frozen=True, kw_only=True, tag="head", tag_field="line", rename={"from_": "from"}):
    """What was recorded: ``[from, to)`` by arrival at the province, RFC 3339, of these centres."""

    version: int
    profile: str
    from_: str
    to: str
    centres: tuple[str, ...]
    made_by: str


class Message(Struct, frozen=True, kw_only=True, tag="message", tag_field="line", omit_defaults=True):
    """One record of a centre's raw topic: ``at_ms`` after the beginning; key and value as text, or in base64."""

    at_ms: int
    centre: str
    key: str | None = None
    value: str
    base64: bool = False

    @property
    def key_bytes(self) -> bytes:
        """The record's key; empty when it has none."""
        return b"" if self.key is None else _bytes(self.key, self.base64)

    @property
    def value_bytes(self) -> bytes:
        """The record's native bytes, exactly as they came."""
        return _bytes(self.value, self.base64)


class End(Struct, frozen=True, kw_only=True, tag="end", tag_field="line"):
    """What the file holds. ``left_out``: records and alerts of the span that are not in it, by reason.

    ``expect`` are tables of ``[[expect]]``; their times count from the beginning of the span.
    """

    messages: int
    by_centre: dict[str, int]
    left_out: dict[str, int]
    expect: tuple[dict[str, Any], ...]
    sha256: str


_decode = msgspec.json.Decoder(Head | Message | End).decode
_encode = msgspec.json.Encoder().encode


def message(at_ms: int, centre: str, key: bytes | None, value: bytes) -> Message:
    """A message from a record's bytes."""
    try:
        text_key = None if key is None else key.decode()
        return Message(at_ms=at_ms, centre=centre, key=text_key, value=value.decode())
    except UnicodeDecodeError:
        coded = None if key is None else base64.b64encode(key).decode()
        return Message(at_ms=at_ms, centre=centre, key=coded, value=base64.b64encode(value).decode(), base64=True)


class Writer:
    """Makes the lines of a file, and keeps its counts."""

    def __init__(self) -> None:
        self.messages = 0
        self.by_centre: dict[str, int] = {}
        self._sum = sha256()

    def line(self, part: Head | Message) -> bytes:
        """The line of a part."""
        if isinstance(part, Message):
            self.messages += 1
            self.by_centre[part.centre] = self.by_centre.get(part.centre, 0) + 1
        text = _encode(part) + b"\n"
        self._sum.update(text)
        return text

    def end(self, expect: Iterable[dict[str, Any]], left_out: dict[str, int]) -> bytes:
        """The last line."""
        return (
            _encode(
                End(
                    messages=self.messages,
                    by_centre=dict(sorted(self.by_centre.items())),
                    left_out=left_out,
                    expect=tuple(expect),
                    sha256=self._sum.hexdigest(),
                )
            )
            + b"\n"
        )


def read(lines: Iterable[bytes], file: str) -> Iterator[Head | Message | End]:
    """The parts of a file, checked on the way; the last one is the end.

    Raises:
        BadInput: it is no such file, of another version, cut off or changed; with file and line.
    """
    summed, seen, last_ms, part, number = sha256(), 0, 0, None, 0
    for number, text in enumerate(lines, 1):
        if isinstance(part, End):
            raise _bad(file, number, "there is more after the end of the recording")
        try:
            part = _decode(text)
        except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
            raise _bad(file, number, f"is no line of a recording, cut off or not made by `ioc record`: {exc}") from exc
        if isinstance(part, Head) != (number == 1):
            raise _bad(file, number, "a recording begins with its one head")
        if isinstance(part, Head) and part.version != VERSION:
            raise _bad(file, number, f"is of version {part.version} of the format; this is {VERSION}")
        if isinstance(part, End):
            if (part.messages, part.sha256) != (seen, summed.hexdigest()):
                raise _bad(file, number, "what it says of the lines before is not true: the file was changed")
        else:
            summed.update(text)
        if isinstance(part, Message):
            seen += 1
            if part.at_ms < last_ms:
                raise _bad(file, number, "arrived before the message above it")
            last_ms = part.at_ms
        yield part
    if not isinstance(part, End):
        raise _bad(file, number + 1, "the end is missing: the file was cut off")


def _bad(file: str, line: int, what: str) -> BadInput:
    return BadInput("recording", file, f"{file}:{line}: {what}")


def _bytes(text: str, coded: bool) -> bytes:
    return base64.b64decode(text) if coded else text.encode()
