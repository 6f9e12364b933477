"""How this software connects to PostgreSQL: keep-alives, time-outs, and which errors mean what.

Without keep-alives a cut cable hangs a query for minutes; without time-outs a lock does. The numbers are limits of
the session, so a query that is too slow is ended by the server too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypedDict

import psycopg

from ioc.errors import BadInput, IocError, Unavailable

CONNECT_TIMEOUT_S = 5
# A dead peer is noticed after 10 s idle + 3 probes 5 s apart, or 10 s after data that nobody confirms.
_KEEPALIVES = (
    "keepalives=1 keepalives_idle=10 keepalives_interval=5 keepalives_count=3 tcp_user_timeout=10000"
    f" connect_timeout={CONNECT_TIMEOUT_S}"
)

# SQLSTATE classes that blame the row: cardinality, data, integrity, a limit of the program (an index row too long).
_DATA_CLASSES = frozenset({"21", "22", "23", "54"})
# Classes that blame the moment: connection, transaction rollback, resources, object in use, operator intervention,
# system and internal errors; 25 is a server that is read-only while it changes over.
_TRANSIENT_CLASSES = frozenset({"08", "25", "40", "53", "55", "57", "58", "XX"})


class ConnectArgs(TypedDict):
    """Keyword arguments of ``psycopg.connect``."""

    conninfo: str
    options: str
    application_name: str


def connect_args(
    database_url: str,
    program: str,
    *,
    statement_timeout_s: float,
    lock_timeout_s: float,
    idle_session_timeout_s: float = 0,
) -> ConnectArgs:
    """Arguments for a connection of ``program`` with these limits, seconds; 0 means none.

    Raises:
        BadInput: ``bad_database_url`` when the address cannot be read.
    """
    limits = {
        "statement_timeout": statement_timeout_s,
        "lock_timeout": lock_timeout_s,
        "idle_in_transaction_session_timeout": 15,
        "idle_session_timeout": idle_session_timeout_s,
    }
    options = " ".join(f"-c {name}={int(value * 1000)}" for name, value in limits.items())
    try:
        conninfo = psycopg.conninfo.make_conninfo(database_url, **_pairs(_KEEPALIVES))
    except psycopg.ProgrammingError as exc:
        raise BadInput("bad_database_url", detail=_first_line(exc)) from exc
    return ConnectArgs(conninfo=conninfo, options=f"{options} -c timezone=UTC", application_name=f"ioc-{program}")


def translate(exc: Exception) -> IocError | None:
    """The error of our tree that ``exc`` means, or None for a bug (a wrong statement, a missing table).

    ``BadInput`` blames the row, ``Unavailable`` the moment. Values that cannot be turned into bytes fail in the
    driver, before the server sees them: those are ``BadInput`` too.
    """
    if isinstance(exc, psycopg.Error):
        state = exc.sqlstate or ""
        if state[:2] in _DATA_CLASSES or (not state and isinstance(exc, psycopg.DataError)):
            return BadInput("refused_by_database", detail=f"{state} {_first_line(exc)}".strip())
        if state[:2] in _TRANSIENT_CLASSES or isinstance(exc, psycopg.OperationalError | psycopg.InterfaceError):
            return Unavailable("database", _first_line(exc))
        return None
    if isinstance(exc, OSError):
        return Unavailable("database", str(exc))
    if isinstance(exc, ValueError | OverflowError):
        return BadInput("refused_by_driver", detail=_first_line(exc))
    return None


@contextmanager
def translating() -> Iterator[None]:
    """Inside, errors of the driver leave as errors of our tree; one that :func:`translate` does not know, as it is."""
    try:
        yield
    except (psycopg.Error, OSError, ValueError, OverflowError) as exc:
        found = translate(exc)
        if found is None:
            raise
        raise found from exc


def _first_line(exc: Exception) -> str:
    return (str(exc).strip().splitlines() or [type(exc).__name__])[0][:300]


def _pairs(text: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in text.split())
