"""``ioc record``: the raw topics of a span and its alerts, read from Kafka into one file; and reading such a file.

Only committed records are read. Partitions are merged by the time of arrival, with one fetch of each in memory.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import zlib
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord
from msgspec import Struct

from ioc import __version__
from ioc.adapters.kafka import new_reader, read_to_end
from ioc.domain.alerts import Alert, LogEntry
from ioc.domain.profile import Profile
from ioc.domain.times import rfc3339
from ioc.errors import BadInput, Unavailable
from ioc.pipeline.mapping import Mapper, mapper_of
from ioc.services.recorded_alerts import expectations
from ioc.settings import Settings
from ioc.wire import codec, drill_clock, recording
from ioc.wire.topics import Topics

AFTER_MS = 60_000  # lines of the audit trail may carry a time a little before that of the record beside them
MODE = 0o600

if TYPE_CHECKING:
    Found: TypeAlias = ConsumerRecord[bytes | None, bytes | None]

Tell = Callable[[int, int], None]  # records read, records there are


class Recorded(Struct, frozen=True, kw_only=True):
    """What was written."""

    file: str
    messages: int
    by_centre: dict[str, int]
    alerts: int
    left_out: dict[str, int]
    bytes: int


async def record(
    settings: Settings,
    profile: Profile,
    from_ms: int,
    to_ms: int,
    centres: tuple[str, ...],
    file: Path,
    tell: Tell = lambda done, all_: None,
) -> Recorded:
    """Write what arrived in ``[from_ms, to_ms)`` to a new file with mode 0600; gzip when its name ends in ``.gz``.

    Raises:
        BadInput: the file exists or cannot be written, nothing arrived in the span, or part of it is deleted already.
        Unavailable: Kafka does not answer, or there are no such topics.
    """
    topics = Topics(settings.topic_prefix, profile.centre_ids)
    places = [
        TopicPartition(topics.name(topics.raw[centre]), p)
        for centre in centres
        for p in range(topics.partitions(topics.raw[centre]))
    ]
    reader = new_reader(settings.kafka)
    part = file.with_name(file.name + ".part")
    try:
        await reader.start()
        if missing := {place.topic for place in places} - await reader.topics():
            raise Unavailable("kafka", f"no topic {', '.join(sorted(missing))}: the system has never run")
        spans = await _spans(reader, places, from_ms, to_ms)
        _refuse_existing(file)
        writer, left = recording.Writer(), Counter[str]()
        mappers = {one.id: mapper_of(one, profile.geo_box) for one in profile.centres if one.id in centres}
        head = recording.Head(
            version=recording.VERSION,
            profile=profile.id,
            from_=rfc3339(from_ms),
            to=rfc3339(to_ms),
            centres=centres,
            made_by=f"ioc {__version__}",
        )
        with _new_file(part, packed=file.suffix == ".gz") as out:
            out.write(writer.line(head))
            total, done = sum(end - start for start, end in spans.values()), 0
            async for one in _merged(reader, spans):
                done += 1
                tell(done, total)
                centre = topics.centre_of(one.topic) or ""
                if one.value is None:
                    left["records without a value"] += 1
                elif one.key == drill_clock.KEY:
                    left["clocks of drills"] += 1
                elif _of_drill(mappers[centre], one.value):
                    left["messages of drills"] += 1
                else:
                    out.write(writer.line(recording.message(one.timestamp - from_ms, centre, one.key, one.value)))
            if not writer.messages:
                raise BadInput("empty", "--from", _empty(from_ms, to_ms, left))
            alerts, entries = await _alerts(reader, topics, from_ms)
            expect, alerts_left = expectations(entries, alerts, profile.rules, from_ms, to_ms, centres)
            out.write(writer.end(expect, dict(sorted((left + alerts_left).items()))))
        os.replace(part, file)
    except KafkaError as exc:
        raise Unavailable("kafka", f"{settings.kafka}: {exc}") from exc
    finally:
        await reader.stop()
        part.unlink(missing_ok=True)
    return Recorded(
        file=str(file),
        messages=writer.messages,
        by_centre=writer.by_centre,
        alerts=len(expect),
        left_out=dict(sorted((left + alerts_left).items())),
        bytes=_size(file),
    )


@contextlib.contextmanager
def opened(file: Path) -> Iterator[IO[bytes]]:
    """The lines of a recording, unpacked when it is packed.

    Raises:
        BadInput: it cannot be read.
    """
    try:
        with file.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if packed:
                with gzip.GzipFile(fileobj=raw) as lines:
                    yield lines  # type: ignore[misc]
            else:
                yield raw
    except (OSError, EOFError, zlib.error) as exc:
        said = exc.strerror if isinstance(exc, OSError) and exc.strerror else exc
        raise BadInput("recording", str(file), f"{file}: cannot be read: {said}") from exc


@contextlib.contextmanager
def _new_file(file: Path, *, packed: bool) -> Iterator[Any]:
    """A file that only its owner may read: raw traffic may hold what concerns persons."""
    try:
        number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, MODE)
    except OSError as exc:
        raise BadInput("argument", "output", f"{file}: cannot be written: {exc.strerror or exc}") from exc
    with os.fdopen(number, "wb") as raw:
        os.fchmod(number, MODE)  # also where a part of an earlier try was left
        if packed:
            with gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=6, mtime=0) as out:
                yield out
        else:
            yield raw


def _refuse_existing(file: Path) -> None:
    if file.exists():
        raise BadInput("argument", "output", f"{file}: exists already; choose another name with -o")


def _size(file: Path) -> int:
    return file.stat().st_size


async def _spans(
    reader: AIOKafkaConsumer, places: list[TopicPartition], from_ms: int, to_ms: int
) -> dict[TopicPartition, tuple[int, int]]:
    """First offset of the span in each partition, and the one after its last.

    Raises:
        BadInput: part of the span is not kept any more.
    """
    reader.assign(places)
    firsts, ends = await reader.beginning_offsets(places), await reader.end_offsets(places)
    begin = await reader.offsets_for_times(dict.fromkeys(places, from_ms))
    after = await reader.offsets_for_times(dict.fromkeys(places, to_ms))
    spans, gone, since_ms = {}, [], from_ms
    for place in places:
        start, stop = begin[place], after[place]
        first, end = firsts[place], ends[place]
        if start is None:  # nothing so young; what is deleted was older than what is not
            if first == end and first > 0:
                gone.append(f"{place.topic}/{place.partition}: offsets 0 to {first - 1}, all there were")
            continue
        if start.offset <= first and first > 0 and start.timestamp > from_ms:
            gone.append(f"{place.topic}/{place.partition}: offsets 0 to {first - 1}, before {rfc3339(start.timestamp)}")
            since_ms = max(since_ms, start.timestamp)
        spans[place] = (start.offset, end if stop is None else stop.offset)
    if gone:
        raise BadInput(
            "deleted",
            "--from",
            f"part of the span may be deleted already. Not kept any more: {'; '.join(gone)}."
            + (f" What is whole begins at --from {rfc3339(since_ms)}" if since_ms > from_ms else ""),
        )
    return {place: span for place, span in spans.items() if span[0] < span[1]}


async def _merged(reader: AIOKafkaConsumer, spans: dict[TopicPartition, tuple[int, int]]) -> AsyncIterator[Found]:
    """Records of the spans by time of arrival; of one instant, by topic, partition and offset."""
    if not spans:
        return
    reader.assign(list(spans))
    for place, (start, _) in spans.items():
        reader.seek(place, start)
    waiting: dict[TopicPartition, deque[Found]] = {place: deque() for place in spans}
    while waiting:
        empty = [place for place, records in waiting.items() if not records]
        for place in empty:
            if await reader.position(place) >= spans[place][1]:
                del waiting[place]
        if empty := [place for place, records in waiting.items() if not records]:
            for place, records in (await reader.getmany(*empty, timeout_ms=200)).items():
                waiting[place].extend(one for one in records if one.offset < spans[place][1])
            continue
        while waiting and all(waiting.values()):
            place = min(waiting, key=lambda one: (waiting[one][0].timestamp, one))
            yield waiting[place].popleft()


async def _alerts(reader: AIOKafkaConsumer, topics: Topics, from_ms: int) -> tuple[dict[str, Alert], list[LogEntry]]:
    """Newest state of every alert that is still kept, and the audit trail since the beginning of the span."""
    alerts: dict[str, Alert] = {}
    places = [TopicPartition(topics.name("alerts"), p) for p in range(topics.partitions("alerts"))]
    async for one in read_to_end(reader, places):
        if one.value is not None and one.key is not None and not one.key.startswith(b"@"):
            alerts[one.key.decode()] = codec.decode_alert(one.value)
    places = [TopicPartition(topics.name("alert-log"), p) for p in range(topics.partitions("alert-log"))]
    reader.assign(places)
    ends = await reader.end_offsets(places)
    begin = await reader.offsets_for_times(dict.fromkeys(places, from_ms - AFTER_MS))
    spans = {place: (at.offset, ends[place]) for place in places if (at := begin[place]) is not None}
    entries = []
    async for one in _merged(reader, {place: span for place, span in spans.items() if span[0] < span[1]}):
        if one.value is not None:
            entries.append(codec.decode_log_entry(one.value))
    return alerts, entries


def _of_drill(mapper: Mapper, value: bytes) -> bool:
    """Is this a message of a drill, of a replay or our own canary?"""
    try:
        if mapper.of_lines:
            return any(mapper.of_drill(line.native()) for line in mapper.lines(value))
        return mapper.of_drill(mapper.native(value))
    except BadInput:
        return False  # nobody can read it, as nobody could when it came


def _empty(from_ms: int, to_ms: int, left: Counter[str]) -> str:
    other = f" but {', '.join(f'{count} {what}' for what, count in left.items())}" if left else ""
    return f"nothing arrived between {rfc3339(from_ms)} and {rfc3339(to_ms)}{other}"
