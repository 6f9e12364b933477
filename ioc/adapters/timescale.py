"""The database as the recorder writes it: one connection, one writer, one transaction per batch.

A batch goes in binary into temporary staging tables (made once per session and emptied by each commit, so that the
catalogue does not grow) and from there with one statement per table into its place. The positions are moved by an
UPDATE that names the expected ones: if a row does not match, somebody else writes and the transaction is rolled back.

Rows of the alert log get their link of the audit chain in the same transaction, see :mod:`ioc.adapters.audit_store`.

A session advisory lock makes a second recorder a standby. It ends with the session; a recorder that is stopped in
the middle (not killed) loses its session after ``IDLE_SESSION_S`` and finds the lock taken when it goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from hashlib import sha256

import psycopg
from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from ioc.adapters import audit_store, corrections
from ioc.adapters.clock import monotonic_s
from ioc.adapters.database import CONNECT_TIMEOUT_S, connect_args, translating
from ioc.domain.audit import Head
from ioc.errors import BadSettings, Fenced, Unavailable
from ioc.ports import Moves, Place, Tables
from ioc.services.recorder_rows import COLUMNS, NOTED

STATEMENT_TIMEOUT_S = 30  # a batch of 5,000 rows takes a fraction of a second; a table lock may take longer
WRITE_TIMEOUT_S = 60  # of a whole batch, kept here too: a server that is frozen keeps no time
CORRECT_TIMEOUT_S = 15  # of one go of corrections, kept here too; its statements have shorter ones of their own
LOCK_TIMEOUT_S = 10  # then the batch is rolled back and tried again
IDLE_SESSION_S = 30  # the recorder pings every 5 s
STANDBY_TRY_S = 1.0  # pause between two tries of a standby to become the writer
SCHEMA_NEEDED = 7  # number of the migration that this file relies on

AUDITED = "alert_log"

log = logging.getLogger("ioc.recorder")


class Target(Struct, frozen=True):
    """How one table is filled: the types of what is staged (``COLUMNS[table]``, then ``NOTED[table]``, which goes no
    further), and what decides on a conflict.

    ``key`` and ``newest`` make the row with the highest ``newest`` win, in the batch and against the table; without
    them a row that is there already stays. ``casts`` turns staged text into another type. ``order`` is the order of
    insertion.
    """

    types: str
    key: tuple[str, ...] = ()
    newest: str = ""
    casts: Mapping[str, str] = {}
    order: str = ""


_JSON = {"body": "body::jsonb"}
TARGETS: dict[str, Target] = {
    # jsonb is staged as text: the driver then has nothing to encode, the server parses it once.
    "event": Target(
        "timestamptz text text text text text text text text timestamptz text text text int4 int8 timestamptz",
        casts={"data": "data::jsonb"},
    ),
    "rollup": Target(
        "text text text text timestamptz int8 text int8 float8 float8 float8 float8 int8 bool int8",
        key=("centre", "area", "feed", "type", "window_ms", "exercise", "window_start"),
        newest="revision",
    ),
    "alert": Target(
        "text text text int8 text bool bool bool int4 text text text text text timestamptz timestamptz timestamptz "
        "timestamptz timestamptz text text text",
        key=("id",),
        newest="version",
        casts=_JSON,
    ),
    "alert_log": Target(
        "text text timestamptz text text bool int8 text text text text text int4 int8",
        casts=_JSON,
        order="topic_partition, topic_offset",
    ),
    "dead_letter": Target("text text text text text text int4 int8 timestamptz timestamptz int8 text int4 int8"),
    "feed_health": Target(
        "timestamptz text text int4 text timestamptz timestamptz timestamptz timestamptz float8 int8 int8 int8 "
        "timestamptz",
        order="updated_at",
    ),
    "recorder_reject": Target("text int4 int8 text text int8 bytea"),
}


class Timescale:
    """The recorder's :class:`ioc.ports.History`.

    Args:
        cluster: id of the Kafka cluster that the positions belong to; of another cluster they mean nothing.
        name: what the lock is about; recorders of different topic prefixes do not exclude one another.
        grace_s: (centre, feed) → seconds after its end in which the streams still correct a minute; what comes later
            is added by :meth:`correct`.
    """

    def __init__(
        self, database_url: str, *, cluster: str, name: str, grace_s: Mapping[tuple[str, str], float] | None = None
    ) -> None:
        self._cluster = cluster
        self._grace_s = dict(grace_s or {})
        self._due = True  # minutes may be noted: after a start, by the recorder before
        self._lock = int.from_bytes(sha256(f"recorder {name}".encode()).digest()[:8], "big", signed=True)
        self._args = connect_args(
            database_url,
            "recorder",
            statement_timeout_s=STATEMENT_TIMEOUT_S,
            lock_timeout_s=LOCK_TIMEOUT_S,
            idle_session_timeout_s=IDLE_SESSION_S,
        )
        self._conn: AsyncConnection[TupleRow] | None = None
        self.audit_head: Head | None = None  # of the last transaction that is known to be committed

    async def open(self, places: Sequence[Place]) -> Mapping[Place, int]:
        """See :meth:`ioc.ports.History.open`. A place never seen before begins at offset 0.

        Raises:
            Unavailable: the database does not answer.
            BadSettings: its schema is older than this software.
        """
        await self.close()
        try:
            with translating():
                async with asyncio.timeout(CONNECT_TIMEOUT_S + 1):
                    self._conn = await AsyncConnection.connect(**self._args, autocommit=True)
                await self._become_writer(self._conn)
                await self._check_schema(self._conn)
                await self._make_staging(self._conn)
                self.audit_head = await audit_store.adopt(self._conn)
                return await self._positions(self._conn, places)
        except BaseException:
            await self.close()
            raise

    async def write(self, tables: Tables, moves: Moves) -> Mapping[str, int]:
        """See :meth:`ioc.ports.History.write`."""
        conn = self._connected()
        stored = {}
        head = self.audit_head
        with translating():
            async with asyncio.timeout(WRITE_TIMEOUT_S), conn.transaction():
                for table, rows in tables.items():
                    if not rows:
                        continue
                    await self._stage(conn, table, rows)
                    if table == AUDITED:
                        head, stored[table] = await self._append(conn)
                    else:
                        stored[table] = (await conn.execute(_MERGE[table].encode(), self._parameters(table))).rowcount
                    if table == "event":
                        self._due |= await corrections.note(conn, self._grace_s) > 0
                await self._move(conn, moves)
        self.audit_head = head
        return stored

    async def correct(self) -> int:
        """See :meth:`ioc.ports.History.correct`."""
        conn = self._connected()
        if not self._due:
            return 0
        try:
            with translating():
                async with asyncio.timeout(CORRECT_TIMEOUT_S):
                    changed, self._due = await corrections.correct(conn, monotonic_s)
        except Unavailable as exc:
            if isinstance(exc.__cause__, TimeoutError):  # the server did not even refuse: who knows what is under way
                await self.close()
            raise
        return changed

    async def ping(self) -> None:
        """See :meth:`ioc.ports.History.ping`."""
        with translating():
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await self._connected().execute("SELECT 1")

    async def close(self) -> None:
        """See :meth:`ioc.ports.History.close`."""
        conn, self._conn = self._conn, None
        self.audit_head = None  # the next writer's is newer
        self._due = True
        if conn is not None:
            with suppress(psycopg.Error, OSError):  # it is given up anyway
                await conn.close()

    def _connected(self) -> AsyncConnection[TupleRow]:
        if self._conn is None or self._conn.closed:
            raise Unavailable("database", "no connection")
        return self._conn

    async def _become_writer(self, conn: AsyncConnection[TupleRow]) -> None:
        waiting = False
        while True:
            cursor = await conn.execute("SELECT pg_try_advisory_lock(%s)", [self._lock])
            if await cursor.fetchone() == (True,):
                return
            if not waiting:
                log.info("another recorder is the writer: standby")
            waiting = True
            await asyncio.sleep(STANDBY_TRY_S)

    async def _check_schema(self, conn: AsyncConnection[TupleRow]) -> None:
        cursor = await conn.execute("SELECT to_regclass('schema_version') IS NOT NULL")
        version = 0
        if await cursor.fetchone() == (True,):
            row = await (await conn.execute("SELECT coalesce(max(version), 0) FROM schema_version")).fetchone()
            version = int(row[0]) if row else 0
        if version < SCHEMA_NEEDED:
            raise BadSettings(["the database has an old schema: run `ioc db migrate`"])

    async def _make_staging(self, conn: AsyncConnection[TupleRow]) -> None:
        for table, target in TARGETS.items():
            columns = ", ".join(f'"{c}" {t}' for c, t in zip(_staged(table), target.types.split(), strict=True))
            await conn.execute(f"CREATE TEMP TABLE stage_{table} ({columns}) ON COMMIT DELETE ROWS".encode())

    async def _positions(self, conn: AsyncConnection[TupleRow], places: Sequence[Place]) -> dict[Place, int]:
        topics, partitions = [p.topic for p in places], [p.partition for p in places]
        await conn.execute(
            "INSERT INTO sink_offset (cluster, topic, partition, next_offset)"
            " SELECT %s, t, p, 0 FROM unnest(%s::text[], %s::int4[]) AS g(t, p) ON CONFLICT DO NOTHING",
            [self._cluster, topics, partitions],
        )
        cursor = await conn.execute(
            "SELECT topic, partition, next_offset FROM sink_offset WHERE cluster = %s", [self._cluster]
        )
        found = {Place(topic, partition): offset for topic, partition, offset in await cursor.fetchall()}
        return {place: found[place] for place in places}

    async def _stage(self, conn: AsyncConnection[TupleRow], table: str, rows: Sequence[tuple[object, ...]]) -> None:
        async with conn.cursor() as cursor, cursor.copy(_COPY[table].encode()) as copy:
            copy.set_types(TARGETS[table].types.split())
            for row in rows:
                await copy.write_row(row)

    async def _append(self, conn: AsyncConnection[TupleRow]) -> tuple[Head, int]:
        head = await audit_store.lock_head(conn)
        cursor = await conn.execute(f"{_MERGE[AUDITED]} RETURNING {audit_store.RETURNING}".encode())
        added = await cursor.fetchall()
        return await audit_store.add_links(conn, head, added), len(added)

    def _parameters(self, table: str) -> list[str] | None:
        return [self._cluster] if table == "recorder_reject" else None

    async def _move(self, conn: AsyncConnection[TupleRow], moves: Moves) -> None:
        cursor = await conn.execute(
            "UPDATE sink_offset AS s SET next_offset = g.after, updated_at = now()"
            " FROM unnest(%s::text[], %s::int4[], %s::int8[], %s::int8[]) AS g(topic, partition, before, after)"
            " WHERE s.cluster = %s AND s.topic = g.topic AND s.partition = g.partition AND s.next_offset = g.before",
            [
                [place.topic for place in moves],
                [place.partition for place in moves],
                [before for before, _ in moves.values()],
                [after for _, after in moves.values()],
                self._cluster,
            ],
        )
        if cursor.rowcount != len(moves):
            raise Fenced(f"{len(moves) - cursor.rowcount} of {len(moves)} positions were moved by somebody else")


def _staged(table: str) -> tuple[str, ...]:
    return COLUMNS[table] + NOTED.get(table, ())


def _copy_statement(table: str) -> str:
    columns = ", ".join(f'"{c}"' for c in _staged(table))
    return f"COPY stage_{table} ({columns}) FROM STDIN (FORMAT BINARY)"


def _merge_statement(table: str, target: Target) -> str:
    columns = [f'"{c}"' for c in COLUMNS[table]]
    values = [target.casts.get(c, f'"{c}"') for c in COLUMNS[table]]
    if table == "recorder_reject":
        columns, values = ["cluster", *columns], ["%s", *values]
    head = f"INSERT INTO {table} AS old ({', '.join(columns)}) SELECT "
    if not target.newest:
        order = f" ORDER BY {target.order}" if target.order else ""
        return f"{head}{', '.join(values)} FROM stage_{table}{order} ON CONFLICT DO NOTHING"
    # A row may be changed once per statement only, hence the choice inside the batch by DISTINCT ON.
    key = ", ".join(target.key)
    changes = ", ".join(f'"{c}" = excluded."{c}"' for c in COLUMNS[table] if c not in target.key)
    return (
        f"{head}DISTINCT ON ({key}) {', '.join(values)} FROM stage_{table} ORDER BY {key}, {target.newest} DESC"
        f" ON CONFLICT ({key}) DO UPDATE SET {changes} WHERE old.{target.newest} < excluded.{target.newest}"
    )


_COPY = {table: _copy_statement(table) for table in TARGETS}
_MERGE = {table: _merge_statement(table, target) for table, target in TARGETS.items()}
