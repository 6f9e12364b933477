"""The entry in ``ioc.dead`` of a record, or of one line of it (or element of its list), that cannot become an event."""

from __future__ import annotations

import base64
from hashlib import sha256

import msgspec

from ioc.domain.measures import DeadLetter
from ioc.errors import BadInput
from ioc.pipeline.effects import Emit, Record
from ioc.pipeline.mapping_csv import Line
from ioc.pipeline.mapping_each import Element

SAMPLE_BYTES_MAX = 65_536

_encode = msgspec.json.Encoder().encode


def dead_letter(
    centre: str,
    partition: int,
    record: Record,
    line: Line | Element | None,
    refusal: BadInput,
    received_ms: int,
    now_ms: int,
) -> Emit:
    """The letter; ``topic`` is the logical name, whatever prefix an installation uses."""
    topic = f"raw.{centre}"
    value = (record.value or b"") if line is None else line.text
    letter = DeadLetter(
        id=f"{topic}/{partition}/{record.offset}{'' if line is None else f'/{line.number}'}",
        code=refusal.code,
        path=refusal.path[:200],
        detail=refusal.detail,
        centre=centre,
        topic=topic,
        partition=partition,
        offset=record.offset,
        received_ms=received_ms,
        refused_ms=now_ms,
        size_bytes=len(value),
        sha256=sha256(value).hexdigest(),
        key_b64=base64.b64encode(record.key).decode() if record.key is not None else None,
        sample_b64=base64.b64encode(value[:SAMPLE_BYTES_MAX]).decode(),
        line=None if line is None else line.number,
    )
    return Emit("dead", record.key or b"", _encode(letter))
