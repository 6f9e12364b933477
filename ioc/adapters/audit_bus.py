"""The alert log in the database against the one on the bus, which is kept for ever and takes no change either.

Each row names the partition and offset that it came from. Both sides are read in that order, partition by partition, so
memory does not grow with their length. The database is looked at first, in one snapshot: what the recorder has not
stored yet at that moment is not missed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from psycopg import Connection
from psycopg.rows import TupleRow

from ioc.adapters.audit_store import READ_ROWS, snapshot
from ioc.adapters.kafka import cluster_id, new_reader, read_to_end
from ioc.domain.audit import Fault, Finding, says_the_same
from ioc.errors import Unavailable
from ioc.settings import Settings
from ioc.wire.topics import Topics

TOPIC = "alert-log"


class CannotCompare(Exception):
    """The two do not belong together; the text says why."""


class _Stored:
    """A row of the database: where it came from and what it says."""

    def __init__(self, offset: int, position: int | None, row_id: str, seq: int, body: str) -> None:
        self.offset, self.position, self.id, self.seq, self.body = offset, position, row_id, seq, body

    def finding(self, fault: Fault, detail: str) -> Finding:
        return Finding(fault=fault, position=self.position, id=self.id, seq=self.seq, detail=detail)


async def compare(settings: Settings) -> tuple[int, Finding | None]:
    """How many records were held against rows, and the first thing that is wrong, partition by partition.

    Raises:
        Unavailable: the database or the broker does not answer.
        CannotCompare: the topic was made anew, or is of another cluster, or its beginning was deleted.
    """
    topics = Topics(settings.topic_prefix, ())
    name = topics.name(TOPIC)
    reader = new_reader(settings.kafka)
    compared = 0
    try:
        cluster = await cluster_id(settings.kafka)
        with snapshot(settings.database_url) as conn:
            ends = _ends(conn, cluster, name)
            await reader.start()
            places = {TopicPartition(name, part): ends.get(part, 0) for part in range(topics.partitions(TOPIC))}
            if any((await reader.beginning_offsets(list(places))).values()):
                raise CannotCompare(f"the beginning of {name} was deleted")
            for place, end in places.items():
                count, finding = await _partition(conn, reader, place, end)
                compared += count
                if finding is not None:
                    return compared, finding
    except (KafkaError, OSError, TimeoutError) as exc:
        raise Unavailable("kafka", f"{name}: {type(exc).__name__} {exc}") from exc
    finally:
        await reader.stop()
    return compared, None


def _ends(conn: Connection[TupleRow], cluster: str, name: str) -> dict[int, int]:
    """How far the recorder has stored each partition."""
    rows = conn.execute(
        "SELECT cluster, partition, next_offset FROM sink_offset WHERE topic = %s AND next_offset > 0", [name]
    ).fetchall()
    if others := {found for found, _, _ in rows if found != cluster}:
        raise CannotCompare(f"rows also came from {name} of another cluster ({', '.join(sorted(others))})")
    prefixes = conn.execute(
        "SELECT DISTINCT topic FROM sink_offset WHERE topic LIKE %s AND topic <> %s AND next_offset > 0",
        [f"%.{TOPIC}", name],
    ).fetchall()
    if prefixes:
        raise CannotCompare(f"rows also came from {', '.join(topic for (topic,) in prefixes)}")
    return {part: end for _, part, end in rows}


async def _partition(
    conn: Connection[TupleRow], reader: AIOKafkaConsumer, place: TopicPartition, end: int
) -> tuple[int, Finding | None]:
    rows = _rows(conn, place.partition)
    row = next(rows, None)
    compared = 0
    async for offset, value in _records(reader, place, end):
        compared += 1
        where = f"{place.topic}/{place.partition}, offset {offset}"
        if row is not None and row.offset < offset:
            return compared, row.finding("inserted", f"the log has nothing at its offset {row.offset}")
        if row is None or row.offset > offset:
            if not _explained(conn, place, offset, value):
                detail = f"the log has it, the database has not: {where}"
                return compared, Finding(fault="missing", position=None, id=_id(value), seq=None, detail=detail)
            continue
        if not says_the_same(row.id, row.body, value or b""):
            return compared, row.finding("changed", f"the log says something else: {where}")
        row = next(rows, None)
    if row is not None:
        return compared, row.finding("inserted", f"the log has nothing at its offset {row.offset}")
    return compared, None


async def _records(
    reader: AIOKafkaConsumer, place: TopicPartition, end: int
) -> AsyncIterator[tuple[int, bytes | None]]:
    async for record in read_to_end(reader, [place], {place: end}):
        if record.offset < end:
            yield record.offset, record.value


def _rows(conn: Connection[TupleRow], partition: int) -> Iterator[_Stored]:
    with conn.cursor(f"log_{partition}") as cursor:
        cursor.itersize = READ_ROWS
        cursor.execute(
            "SELECT l.topic_offset, c.position, l.id, l.seq, l.body::text FROM alert_log AS l"
            " LEFT JOIN audit_chain AS c USING (id) WHERE l.topic_partition = %s ORDER BY l.topic_offset, l.seq",
            [partition],
        )
        for values in cursor:
            yield _Stored(*values)


def _explained(conn: Connection[TupleRow], place: TopicPartition, offset: int, value: bytes | None) -> bool:
    """Whether a record rightly has no row at its offset: it came before, was set aside, or says nothing."""
    if value is None:
        return True
    row = conn.execute(
        "SELECT EXISTS (SELECT FROM alert_log WHERE id = %s) OR EXISTS (SELECT FROM recorder_reject"
        " WHERE topic = %s AND partition = %s AND record_offset = %s)",
        [_id(value), place.topic, place.partition, offset],
    ).fetchone()
    return row == (True,)


def _id(value: bytes | None) -> str:
    try:
        found = msgspec.json.decode(value or b"")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    name = found.get("id") if isinstance(found, dict) else None
    return name.replace("\x00", "") if isinstance(name, str) else ""
