"""Brings the schema of the database up to date.

A runner of our own: what is needed is a sorted list of SQL files, one lock and one table. The usual tools come with an
object mapper of their own or without a lock, and none of them is among the libraries this project already carries.

What holds:

* ``migrations/NNNN_name.sql`` run in order, each once; ``schema_version`` remembers number, name and checksum.
* A file runs in one transaction together with its row in ``schema_version``: killed in the middle, nothing of it is
  there. A file whose first line is ``-- migrate: no-transaction`` (continuous aggregates cannot be made in one) runs
  statement by statement, separated by lines ``-- migrate: next``; each of its statements must bear being run again.
* A file that was changed after it had been applied is refused, and so is a database newer than the software.
* Several starters at once: one works, the others wait up to 60 s and find nothing to do. The lock belongs to the
  session, so it goes away with a killed process. It is *tried* again and again instead of waited for in the server:
  a waiting statement would hold a snapshot that ``CREATE INDEX CONCURRENTLY`` waits for.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from importlib import resources
from importlib.resources.abc import Traversable

import psycopg
from msgspec import Struct
from psycopg import Connection
from psycopg.rows import TupleRow

from ioc.adapters.database import connect_args, translate, translating
from ioc.errors import BadSettings, Unavailable

LOCK = 0x494F_4353_4348_4D41  # any constant, the same in every release
LOCK_WAIT_S = 60.0  # longest wait for another starter
LOCK_TRY_S = 0.2  # pause between two tries
TABLE_LOCK_TIMEOUT_S = 10.0  # a step that waits longer for a table gives up rather than hold up everybody behind it

_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_NO_TRANSACTION = "-- migrate: no-transaction"
_NEXT = re.compile(r"^-- migrate: next[ \t]*$", re.MULTILINE)
_TABLE = """
CREATE TABLE IF NOT EXISTS schema_version (
    version    integer PRIMARY KEY,
    name       text        NOT NULL,
    checksum   text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)"""


class Migration(Struct, frozen=True):
    """One file: its number, name, SHA-256 of its text with ``\\n`` line ends, and the text."""

    version: int
    name: str
    checksum: str
    sql: str

    @property
    def in_transaction(self) -> bool:
        """Whether the file runs in one transaction."""
        return not self.sql.startswith(_NO_TRANSACTION)

    @property
    def statements(self) -> list[str]:
        """What is sent to the server, one item per round."""
        return [self.sql] if self.in_transaction else [s for s in _NEXT.split(self.sql) if s.strip()]


class Status(Struct, frozen=True):
    """Where a database is. ``problems`` are sentences; with any of them :func:`migrate` refuses to work."""

    applied: list[str]
    pending: list[str]
    problems: list[str]
    applied_at: dict[str, datetime]


def migrations(folder: Traversable | None = None) -> list[Migration]:
    """The files of this release, in order.

    Raises:
        BadSettings: a file has a strange name, or a number is missing or used twice.
    """
    found = []
    strange = []
    for file in (folder or resources.files("ioc.adapters") / "migrations").iterdir():
        if not file.name.endswith(".sql"):
            continue
        match = _NAME.fullmatch(file.name)
        if match is None:
            strange.append(f"migration {file.name} must be called NNNN_name.sql")
            continue
        sql = file.read_text(encoding="utf-8").replace("\r\n", "\n")
        found.append(Migration(int(match[1]), f"{match[1]}_{match[2]}", sha256(sql.encode()).hexdigest(), sql))
    found.sort(key=lambda m: m.version)
    if strange or [m.version for m in found] != list(range(1, len(found) + 1)):
        raise BadSettings(strange or ["the numbers of the migrations must be 0001, 0002, … without a hole"])
    return found


def migrate(database_url: str, *, folder: Traversable | None = None, lock_wait_s: float = LOCK_WAIT_S) -> list[str]:
    """Apply what is missing and return the names of the files applied by this call, in order.

    Raises:
        BadSettings: a file was changed after it had been applied, or the database is newer than this software, or a
            statement is wrong; nothing of that file is kept.
        Unavailable: the database does not answer, or another starter holds the lock for too long.
    """
    wanted = migrations(folder)
    applied = []
    with _connection(database_url) as conn, _lock(conn, lock_wait_s):
        conn.execute(_TABLE)
        status = _status(conn, wanted)
        if status.problems:
            raise BadSettings(status.problems)
        for migration in wanted:
            if migration.name in status.pending:
                _apply(conn, migration)
                applied.append(migration.name)
    return applied


def migration_status(database_url: str, *, folder: Traversable | None = None) -> Status:
    """What was applied, what is missing, what is wrong. Changes nothing, waits for no lock.

    Raises:
        Unavailable: the database does not answer.
    """
    wanted = migrations(folder)
    with _connection(database_url) as conn:
        if conn.execute("SELECT to_regclass('schema_version')").fetchone() == (None,):
            return Status(applied=[], pending=[m.name for m in wanted], problems=[], applied_at={})
        return _status(conn, wanted)


def edition(database_url: str) -> str:
    """``apache`` or ``timescale``: the edition of TimescaleDB that the server runs.

    Raises:
        Unavailable: the database does not answer.
    """
    with _connection(database_url) as conn:
        row = conn.execute("SELECT current_setting('timescaledb.license', true)").fetchone()
    return str(row[0]) if row and row[0] else "none"


def _status(conn: Connection[TupleRow], wanted: list[Migration]) -> Status:
    rows = conn.execute("SELECT version, name, checksum, applied_at FROM schema_version ORDER BY version").fetchall()
    known = {m.version: m for m in wanted}
    problems = []
    for version, name, checksum, _ in rows:
        mine = known.get(version)
        if mine is None:
            problems.append(f"the database has migration {name}, which this software does not know: it is newer")
        elif mine.checksum != checksum:
            problems.append(
                f"migration {mine.name} was changed after it had been applied: restore the file and put the change "
                "into a new migration"
            )
    done = {version for version, *_ in rows}
    return Status(
        applied=[name for _, name, *_ in rows],
        pending=[m.name for m in wanted if m.version not in done],
        problems=problems,
        applied_at={name: at for _, name, _, at in rows},
    )


def _apply(conn: Connection[TupleRow], migration: Migration) -> None:
    note = "INSERT INTO schema_version (version, name, checksum) VALUES (%s, %s, %s)"
    values = [migration.version, migration.name, migration.checksum]
    try:
        if migration.in_transaction:
            with conn.transaction():
                conn.execute(migration.sql.encode())
                conn.execute(note, values)
        else:
            for statement in migration.statements:
                conn.execute(statement.encode())
            conn.execute(note, values)
    except psycopg.Error as exc:
        found = translate(exc)
        if isinstance(found, Unavailable):
            raise found from exc
        raise BadSettings([f"migration {migration.name} failed: {str(exc).strip()}"]) from exc


@contextmanager
def _connection(database_url: str) -> Iterator[Connection[TupleRow]]:
    # No statement time-out: building an index may take long.
    args = connect_args(database_url, "migrate", statement_timeout_s=0, lock_timeout_s=TABLE_LOCK_TIMEOUT_S)
    with translating(), psycopg.connect(**args, autocommit=True) as conn:
        yield conn


@contextmanager
def _lock(conn: Connection[TupleRow], wait_s: float) -> Iterator[None]:
    deadline = time.monotonic() + wait_s
    while conn.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone() != (True,):
        if time.monotonic() > deadline:
            raise Unavailable("database", f"another process has been migrating it for more than {wait_s:.0f} s")
        time.sleep(LOCK_TRY_S)
    try:
        yield
    finally:
        if not conn.closed and not conn.broken:
            conn.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
