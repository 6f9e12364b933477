"""The audit chain in the database: sealing by the writer of ``alert_log``, and verifying.

Who the single writer is: whoever holds the row of ``audit_head``. It is locked first in each transaction that adds to
``alert_log``, so recorders of different topic prefixes, which share a database and no lock of theirs, take turns, and
rows are numbered in the order of their links. The link is in the transaction of the row and of the position in Kafka:
killed anywhere, there are all three or none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
from msgspec import Struct
from psycopg import AsyncConnection, Connection, IsolationLevel
from psycopg.rows import TupleRow

from ioc.adapters.database import connect_args, translating
from ioc.domain.audit import Anchor, Finding, Head, Link, Row, Verifier, genesis, row_from, seal
from ioc.errors import BadSettings, Unavailable

ADOPT_ROWS = 5_000  # rows older than the chain that are sealed in one transaction
READ_ROWS = 5_000  # links and rows held at once while verifying
COLUMNS = (
    "l.seq, l.id, l.alert_id, (extract(epoch FROM l.at) * 1000000)::int8, l.kind, l.what, l.accepted, l.version, "
    "l.actor, l.command_id, l.outcome, l.exercise, l.topic_partition, l.topic_offset, l.body::text"
)
"""The columns of :class:`ioc.domain.audit.Row`, of ``alert_log AS l``."""
RETURNING = COLUMNS.replace("l.", "old.")  # as the recorder's INSERT calls the table
_COPY = b"COPY audit_chain (position, id, previous, hash) FROM STDIN (FORMAT BINARY)"


# -- sealing ------------------------------------------------------------------------------------------------------


async def lock_head(conn: AsyncConnection[TupleRow]) -> Head:
    """The end of the chain, locked until the transaction ends. Call it before any row is added to ``alert_log``."""
    cursor = await conn.execute("SELECT chain, position, hash FROM audit_head FOR UPDATE")
    return _head(await cursor.fetchone())


async def add_links(conn: AsyncConnection[TupleRow], head: Head, stored: Sequence[Sequence[object]]) -> Head:
    """Seal rows that this transaction added, in the order of their numbers; the head afterwards.

    Args:
        head: as :func:`lock_head` gave it, or as the last call here did, in the same transaction.
        stored: the rows as the database returned them, in the order of ``RETURNING``.
    """
    if not stored:
        return head
    links, after = seal(head, sorted(map(row_from, stored)))  # a row begins with its number
    try:
        async with conn.cursor() as cursor:
            async with cursor.copy(_COPY) as copy:
                copy.set_types(["int8", "text", "bytea", "bytea"])
                for link in links:
                    await copy.write_row(link)
            await cursor.execute("UPDATE audit_head SET position = %s, hash = %s", [after.position, after.hash])
    except psycopg.errors.UniqueViolation as exc:
        # No fault of the rows, which must not be set aside for it: history stands still until somebody has looked.
        raise Unavailable("database", "the audit chain has links behind its head: run `ioc audit verify`") from exc
    return after


async def adopt(conn: AsyncConnection[TupleRow]) -> Head:
    """Seal what was in the log before there was a chain, once in the life of a database; the head afterwards.

    Rows without a link that turn up later are never adopted: somebody put them in.
    """
    await conn.execute(
        "UPDATE audit_head SET adopt_to = (SELECT coalesce(max(seq), 0) FROM alert_log)"
        " WHERE adopt_to IS NULL AND position = 0"
    )
    while True:
        async with conn.transaction():
            head = await lock_head(conn)
            cursor = await conn.execute(
                f"SELECT {COLUMNS} FROM alert_log AS l, audit_head AS h WHERE l.seq > h.adopted"
                f" AND l.seq <= h.adopt_to ORDER BY l.seq LIMIT {ADOPT_ROWS}".encode()
            )
            rows = await cursor.fetchall()
            head = await add_links(conn, head, rows)
            if rows:
                await conn.execute("UPDATE audit_head SET adopted = %s", [rows[-1][0]])
        if len(rows) < ADOPT_ROWS:
            return head


# -- verifying ----------------------------------------------------------------------------------------------------


class Report(Struct, frozen=True, kw_only=True):
    """What was found. ``rows`` were checked, from ``first`` to ``last`` (0: there is none); ``anchored`` is the
    highest position that an anchor knows, 0 when none does."""

    chain: str
    rows: int
    first: int
    last: int
    head: int
    anchored: int
    finding: Finding | None
    compared: int | None = None  # lines of the log on the bus that were held against rows; None: not asked for


def verify(
    database_url: str,
    anchors: Sequence[Anchor] = (),
    *,
    from_position: int | None = None,
    to_position: int | None = None,
    from_ms: int | None = None,
    to_ms: int | None = None,
) -> Report:
    """Follow the chain, or a stretch of it, in one snapshot of the database; memory does not grow with its length.

    Args:
        from_position, to_position: first and last link to look at; None: the first and the last.
        from_ms, to_ms: the same by the time of the rows, ``[from_ms, to_ms)``; together with positions the narrower
            one counts.

    Raises:
        Unavailable: the database does not answer.
        BadSettings: it has no chain yet: its schema is older than this software.
    """
    with snapshot(database_url) as conn:
        ends = conn.execute("SELECT chain, position, hash FROM audit_head").fetchone()
        if ends is None:
            gone = Finding(fault="missing", position=None, id="", seq=None, detail="the head of the chain was deleted")
            return Report(chain="", rows=0, first=0, last=0, head=0, anchored=0, finding=gone)
        head = _head(ends)
        first, last = _stretch(conn, head, from_position, to_position, from_ms, to_ms)
        before = conn.execute("SELECT hash FROM audit_chain WHERE position = %s", [first - 1]).fetchone()
        verifier = Verifier(head, anchors, first=first, previous=before[0] if before else None)
        for link, row in _links(conn, first, last):
            if not verifier.see(link, row):
                break
        verifier.end(whole=last is None)
        found = _unsealed(conn, first, last)
        if found is not None:
            verifier.unsealed(*found)
        return Report(
            chain=head.chain,
            rows=verifier.rows,
            first=first if verifier.rows else 0,
            last=first + verifier.rows - 1 if verifier.rows else 0,
            head=head.position,
            anchored=verifier.anchored,
            finding=verifier.finding,
        )


def _stretch(
    conn: Connection[TupleRow],
    head: Head,
    from_position: int | None,
    to_position: int | None,
    from_ms: int | None,
    to_ms: int | None,
) -> tuple[int, int | None]:
    """First and last position; None: to the end, whatever is there."""
    first, last = max(1, from_position or 1), to_position
    query = "SELECT {} FROM audit_chain c JOIN alert_log l USING (id) WHERE l.at {} to_timestamp(%s / 1000.0)"
    if from_ms is not None:
        found = conn.execute(query.format("min(c.position)", ">=").encode(), [from_ms]).fetchone()
        first = max(first, found[0] if found and found[0] is not None else head.position + 1)
    if to_ms is not None:
        found = conn.execute(query.format("max(c.position)", "<").encode(), [to_ms]).fetchone()
        until = found[0] if found and found[0] is not None else 0
        if until < head.position or last is not None:
            last = until if last is None else min(last, until)
    return first, last


def _links(conn: Connection[TupleRow], first: int, last: int | None) -> Iterator[tuple[Link, Row | None]]:
    query = (
        f"SELECT c.position, c.id, c.previous, c.hash, {COLUMNS} FROM audit_chain AS c LEFT JOIN alert_log AS l"
        " USING (id) WHERE c.position >= %s AND c.position <= %s ORDER BY c.position LIMIT %s"
    )
    # Page by page along the two indexes: one query for all would sort the whole log on the server's disk first, and
    # tables that were never analysed tempt the planner into reading all of it for every page.
    for way in ("hashjoin", "mergejoin", "bitmapscan"):
        conn.execute(f"SET LOCAL enable_{way} = off".encode())
    at, until = first, 2**62 if last is None else last
    while True:
        page = conn.execute(query.encode(), [at, until, READ_ROWS], binary=True).fetchall()
        for values in page:
            yield Link(*values[:4]), None if values[4] is None else row_from(values[4:])
        if len(page) < READ_ROWS:
            return
        at = page[-1][0] + 1


def _unsealed(conn: Connection[TupleRow], first: int, last: int | None) -> tuple[str, int, int | None] | None:
    """The first row without a link within the stretch: id, number, and the position of the sealed row after it."""

    def number_of(position: int | None, otherwise: int) -> int:
        found = conn.execute(
            "SELECT l.seq FROM audit_chain AS c JOIN alert_log AS l USING (id) WHERE c.position = %s", [position]
        ).fetchone()
        return int(found[0]) if found else otherwise

    # One pass over both is wanted here, and never every row against every link.
    for way, on in (("hashjoin", "on"), ("mergejoin", "on"), ("bitmapscan", "on"), ("nestloop", "off")):
        conn.execute(f"SET LOCAL enable_{way} = {on}".encode())
    row = conn.execute(
        "SELECT l.id, l.seq FROM alert_log AS l WHERE l.seq >= %s AND l.seq <= %s"
        " AND NOT EXISTS (SELECT FROM audit_chain AS c WHERE c.id = l.id) AND NOT EXISTS (SELECT FROM audit_head AS h"
        # the rows that a writer has still to adopt: there was no chain when they came
        " WHERE (h.adopt_to IS NULL AND h.position = 0) OR (l.seq > h.adopted AND l.seq <= h.adopt_to))"
        " ORDER BY l.seq LIMIT 1",
        [number_of(first - 1, 0), number_of(last, 2**63 - 1)],
    ).fetchone()
    if row is None:
        return None
    after = conn.execute(
        "SELECT min(c.position) FROM alert_log AS l JOIN audit_chain AS c USING (id) WHERE l.seq > %s", [row[1]]
    ).fetchone()
    return row[0], row[1], after[0] if after else None


@contextmanager
def snapshot(database_url: str) -> Iterator[Connection[TupleRow]]:
    """A connection that sees one moment and changes nothing.

    Raises:
        Unavailable: the database does not answer.
        BadSettings: it has no chain yet.
    """
    args = connect_args(database_url, "audit", statement_timeout_s=0, lock_timeout_s=10)
    with translating(), psycopg.connect(**args) as conn:
        conn.isolation_level, conn.read_only = IsolationLevel.REPEATABLE_READ, True
        if conn.execute("SELECT to_regclass('audit_head')").fetchone() == (None,):
            raise BadSettings(["the database has no audit chain yet: run `ioc db migrate`"])
        yield conn


def _head(row: TupleRow | None) -> Head:
    if row is None:
        raise Unavailable("database", "the head of the audit chain was deleted: run `ioc audit verify`")
    chain, position, own = row
    return genesis(chain) if own is None else Head(chain, position, bytes(own))
