"""Tries a centre's format on sample records: which canonical events it makes, or what is wrong with each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NoReturn

import orjson
from msgspec import Struct

from ioc.domain.events import Event
from ioc.domain.measures import DeadLetter
from ioc.domain.profile import Centre, Profile
from ioc.domain.registry import Registry
from ioc.errors import BadInput
from ioc.pipeline.effects import Emit, InRecord
from ioc.pipeline.intake import IntakePartition
from ioc.pipeline.mapping import Mapper
from ioc.wire.codec import decode_dead, decode_event


class Result(Struct, frozen=True, kw_only=True):
    """What became of one sample, or of one line of it: an event, or a reason. What came before is ``duplicate``."""

    sample: int  # from 0, in the order given
    line: int | None = None  # from 1, where a record holds lines; None is about the record as a whole
    event: Event | None = None
    code: str = ""
    path: str = ""
    detail: str = ""

    @property
    def good(self) -> bool:
        """True when it became an event."""
        return self.event is not None


def check_samples(
    profile: Profile, centre: str, samples: Iterable[bytes], received_ms: int | None = None
) -> list[Result]:
    """Run samples through the whole intake of a centre, without any broker.

    Args:
        profile: the installation, with the centre to try.
        centre: id of the centre.
        samples: native records.
        received_ms: when they arrive, epoch milliseconds; None takes each record, or each line of it, at its own
            time, so that old samples are not refused as ``ancient``.

    Returns:
        One result per record; where records hold lines one per line, or one for a record that cannot be cut.

    Raises:
        BadSettings: the centre's format table is wrong.
        KeyError: the profile has no such centre.
    """
    found = Registry(profile).centre(centre)
    if found is None:
        raise KeyError(centre)
    mapper = Mapper(found, profile.geo_box)
    intake = IntakePartition(profile, centre, 0)
    results: list[Result] = []
    for number, sample in enumerate(samples):
        for line, record, native_of in _parts(mapper, sample):
            at_ms = received_ms if received_ms is not None else _own_time(mapper, native_of)
            emits = intake.step([InRecord(len(results), at_ms, None, record)], at_ms).emits
            results.append(_result(number, line, emits[0]) if emits else _repeated(number, line))
    return results


def cut_file(centre: Centre, data: bytes) -> list[tuple[int | None, bytes]]:
    """The records of a sample file: all of it, or each line of a file of JSON lines with its number from 1."""
    lines = [(number, line) for number, line in enumerate(data.split(b"\n"), 1) if line.strip()]
    if centre.format.get("record") != "json" or len(lines) < 2 or _is_json(data) or not _is_json(lines[0][1]):
        return [(None, data)]
    return [*lines]


def _is_json(data: bytes) -> bool:
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return True


def _parts(mapper: Mapper, sample: bytes) -> Iterator[tuple[int | None, bytes, Callable[[], dict[str, Any]]]]:
    """What has a fate of its own: number of the line, a record of it alone, and how to read it."""
    if not mapper.of_lines:
        yield None, sample, lambda: mapper.native(sample)
        return
    try:
        lines = mapper.lines(sample)
    except BadInput as refusal:
        yield None, sample, partial(_again, refusal)
        return
    for line in lines:
        # Empty lines in front keep its number, which reasons name.
        yield line.number, b"\n" * (line.number - 1 - line.text.count(b"\n")) + line.text, line.native


def _again(refusal: BadInput) -> NoReturn:
    raise refusal


def _own_time(mapper: Mapper, native_of: Callable[[], dict[str, Any]]) -> int:
    try:
        native = native_of()
        return mapper.plan(native).read_time(native)
    except BadInput:  # the intake says what is wrong with it
        return 0


def _result(number: int, line: int | None, emit: Emit) -> Result:
    if emit.topic == "events":
        return Result(sample=number, line=line, event=decode_event(emit.value or b""))
    letter: DeadLetter = decode_dead(emit.value or b"")
    return Result(sample=number, line=line, code=letter.code, path=letter.path, detail=letter.detail)


def _repeated(number: int, line: int | None) -> Result:
    return Result(sample=number, line=line, code="duplicate", detail="the same record came before")
