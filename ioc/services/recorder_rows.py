"""Records of the log → rows of the history. Pure: no database, no clock.

A record that cannot become a row becomes a row of ``recorder_reject`` with its reason, so that nothing in the log can
stop the recorder. What only the database can judge (a number beyond its range, an index entry too long) is found
there; the limits here keep that rare.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from ioc.domain.times import MAX_MS, MIN_MS, from_ms
from ioc.pipeline.effects import Record
from ioc.ports import Place
from ioc.wire import codec, progress

SAMPLE_BYTES_MAX = 4096
WORD_MAX = 512  # longest identifier: three of them fit into an index entry of PostgreSQL (2,704 bytes)

Row = tuple[object, ...]

COLUMNS: dict[str, tuple[str, ...]] = {
    "event": (
        *("time", "centre", "area", "feed", "type", "id", "source", "subject", "site", "recorded_at", "sequence"),
        *("exercise", "data", "topic_partition", "topic_offset"),
    ),
    "rollup": (
        *("centre", "area", "feed", "type", "window_start", "window_ms", "exercise", "n", "sum", "min", "max", "last"),
        *("revision", "final", "measured"),
    ),
    "alert": (
        *("id", "key", "rule", "version", "state", "active", "acked", "closed", "priority", "centre", "area", "site"),
        *("feed", "type", "started_at", "raised_at", "updated_at", "cleared_at", "acked_at", "acked_by", "exercise"),
        "body",
    ),
    "alert_log": (
        *("id", "alert_id", "at", "kind", "what", "accepted", "version", "actor", "command_id", "outcome", "exercise"),
        *("body", "topic_partition", "topic_offset"),
    ),
    "dead_letter": (
        *("id", "code", "path", "detail", "centre", "source_topic", "source_partition", "source_offset"),
        *("received_at", "refused_at", "size_bytes", "sha256", "topic_partition", "topic_offset"),
    ),
    "feed_health": (
        *("minute", "centre", "feed", "partition", "state", "since", "updated_at", "last_event_at"),
        *("last_received_at", "rate_per_min", "accepted", "rejected", "duplicates", "watermark_at"),
    ),
    "recorder_reject": ("topic", "partition", "record_offset", "reason", "detail", "size_bytes", "sample"),
}

NOTED: dict[str, tuple[str, ...]] = {"event": ("written_at",)}
"""Columns that the rows of a table have behind ``COLUMNS``: for what is noted in the same transaction, not stored.

``written_at`` is when intake wrote the record (Kafka's timestamp), None when it has no sensible one."""

Word = Annotated[str, Meta(max_length=WORD_MAX)]
Instant = Annotated[datetime, Meta(tz=True)]


class StoredEvent(Struct, frozen=True, kw_only=True):
    """The canonical event, decoded for the database: instants as aware datetimes, identifiers bounded."""

    id: Word
    source: Word
    type: Word
    subject: Word
    time: Instant
    recordedtime: Instant
    centre: Word
    area: Word
    feed: Word
    sequence: Word | None = None
    exercise: Word | None = None
    data: Raw = Raw(b"null")


_decode_event = msgspec.json.Decoder(StoredEvent).decode


class Skip(Struct, frozen=True):
    """A record that is not history: a private key of a job, or the deletion of a key."""

    why: str


def event_row(place: Place, record: Record, value: bytes) -> tuple[str, Row] | Skip:
    """A canonical event, or what intake says of how far it has read."""
    if record.key == progress.KEY:
        return Skip("progress")
    e = _decode_event(value)
    site = e.source.rsplit("/", 1)[-1]
    return "event", (
        *(e.time, e.centre, e.area, e.feed, e.type, e.id, e.source, e.subject, site, e.recordedtime, e.sequence),
        *(e.exercise, bytes(e.data).decode(), place.partition, record.offset),
        from_ms(record.timestamp) if MIN_MS <= record.timestamp <= MAX_MS else None,
    )


def rollup_row(place: Place, record: Record, value: bytes) -> tuple[str, Row]:
    """A summary of one window."""
    r = codec.decode_rollup(value)
    return "rollup", (
        *(r.centre, r.area, r.feed, r.type, from_ms(r.window_start_ms), r.window_ms, r.exercise or "", r.n, r.sum),
        *(r.min, r.max, r.last, r.revision, r.final, r.values if r.values or r.sum is None else None),
    )


def alert_row(place: Place, record: Record, value: bytes) -> tuple[str, Row] | Skip:
    """An alert as it stands, or a private entry of the alerting job (its key starts with ``@``)."""
    if record.key is not None and record.key.startswith(b"@"):
        return Skip("private")
    a = codec.decode_alert(value)
    return "alert", (
        *(a.id, a.key, a.rule, a.version, a.state, a.active, a.acked, a.closed, a.priority, a.centre, a.area, a.site),
        *(a.feed, a.type, from_ms(a.started_ms), from_ms(a.raised_ms), from_ms(a.updated_ms), _or_none(a.cleared_ms)),
        *(_or_none(a.acked_ms), a.acked_by, a.exercise, value.decode()),
    )


def log_row(place: Place, record: Record, value: bytes) -> tuple[str, Row]:
    """A line of the audit trail."""
    e = codec.decode_log_entry(value)
    return "alert_log", (
        *(e.id, e.alert_id, from_ms(e.at_ms), e.kind, e.what, e.accepted, e.version, e.actor, e.command_id, e.outcome),
        *(e.exercise, value.decode(), place.partition, record.offset),
    )


def dead_row(place: Place, record: Record, value: bytes) -> tuple[str, Row]:
    """The index entry of a refused input; its bytes stay in the log. ``received_ms`` comes from the sender and is
    pressed into the range of the calendar."""
    d = codec.decode_dead(value)
    received = from_ms(min(max(d.received_ms, MIN_MS), MAX_MS))
    return "dead_letter", (
        *(d.id, d.code, d.path, d.detail, d.centre, d.topic, d.partition, d.offset, received, from_ms(d.refused_ms)),
        *(d.size_bytes, d.sha256, place.partition, record.offset),
    )


def feed_row(place: Place, record: Record, value: bytes) -> tuple[str, Row] | Skip:
    """The health of one feed; the table keeps the first report of each minute and state."""
    if record.key is not None and record.key.startswith(b"@"):
        return Skip("private")
    f = codec.decode_feed(value)
    return "feed_health", (
        *(from_ms(f.updated_ms // 60_000 * 60_000), f.centre, f.feed, f.partition, f.state, from_ms(f.since_ms)),
        *(from_ms(f.updated_ms), _or_none(f.last_event_ms), _or_none(f.last_received_ms), f.rate_per_min, f.accepted),
        *(f.rejected, f.duplicates, _or_none(f.watermark_ms)),
    )


READERS: dict[str, Callable[[Place, Record, bytes], tuple[str, Row] | Skip]] = {
    "events": event_row,
    "rollups": rollup_row,
    "alerts": alert_row,
    "alert-log": log_row,
    "dead": dead_row,
    "feeds": feed_row,
}
"""Logical topic → how its records become rows: the topics that a recorder reads."""


class Built(Struct):
    """Rows by table, and how many records were left out and why."""

    tables: dict[str, list[Row]]
    skipped: dict[str, int]


def build(prefix: str, chunks: Iterable[tuple[Place, Sequence[Record]]]) -> Built:
    """Rows of these records. Every record gives one row or is counted in ``skipped``; nothing is raised."""
    built = Built({}, {})
    for place, records in chunks:
        read = READERS[place.topic.removeprefix(prefix)]
        for record in records:
            found = _read(read, place, record)
            if isinstance(found, Skip):
                built.skipped[found.why] = built.skipped.get(found.why, 0) + 1
            else:
                built.tables.setdefault(found[0], []).append(found[1])
    return built


def reject_row(place: Place, record: Record, reason: str, detail: str) -> tuple[str, Row]:
    """The row that stands for a record which no table would take."""
    value = record.value or b""
    safe = detail.replace("\x00", "\\0")[:300]
    return "recorder_reject", (
        *(place.topic, place.partition, record.offset, reason, safe, len(value), value[:SAMPLE_BYTES_MAX]),
    )


def gap_row(place: Place, start: int, end: int) -> Row:
    """The row of ``recorder_reject`` for offsets ``start … end - 1``, which the log deleted before they were read."""
    detail = f"offsets {start} to {end - 1} were deleted before they were read"
    return (place.topic, place.partition, start, "gap", detail, 0, b"")


def _read(
    read: Callable[[Place, Record, bytes], tuple[str, Row] | Skip], place: Place, record: Record
) -> tuple[str, Row] | Skip:
    value = record.value
    if value is None:
        return Skip("tombstone")
    try:
        found = read(place, record, value)
        # PostgreSQL's text and jsonb cannot hold U+0000. JSON can only say it with an escape, so one search in the
        # bytes decides for nearly every record.
        if b"\\u0000" in value and not isinstance(found, Skip) and _holds_nul(msgspec.json.decode(value)):
            return reject_row(place, record, "nul_character", "text with the character U+0000")
    except msgspec.ValidationError as exc:
        return reject_row(place, record, "wrong_shape", str(exc))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        return reject_row(place, record, "malformed", str(exc))
    except (ValueError, OverflowError) as exc:  # an instant outside the calendar
        return reject_row(place, record, "out_of_range", str(exc))
    return found


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(_holds_nul(part) for pair in value.items() for part in pair)
    return isinstance(value, list) and any(_holds_nul(part) for part in value)


def _or_none(ms: int | None) -> datetime | None:
    return None if ms is None else from_ms(ms)
