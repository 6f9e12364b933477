"""How long the audit chain takes: to be sealed by the recorder's writer and to be verified.

A PostgreSQL of its own is started, the log is filled through the writer that the recorder uses, and the chain is
followed as ``ioc audit verify`` does it. Before any figure is given, a row in the middle is changed and must be named.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from time import process_time

import psycopg
from msgspec import Struct

from ioc.adapters import audit_store
from ioc.adapters.clock import monotonic_s
from ioc.adapters.migrate import migrate
from ioc.adapters.timescale import Timescale
from ioc.domain.alerts import LogEntry
from ioc.errors import Unavailable
from ioc.pipeline.effects import InRecord
from ioc.ports import Place
from ioc.services.recorder_rows import build
from ioc.wire import codec

BATCH_ROWS = 5_000  # as the recorder's largest
PLACE = Place("ioc.alert-log", 0)
START_MS = 1_700_000_000_000


class AuditFigures(Struct, frozen=True, kw_only=True):
    """Seconds for ``rows`` rows. ``write_s``: all that the writer does, sealing included; ``verify_cpu_s``: processor
    time of this process in each round, which a busy machine does not stretch; the server's comes on top."""

    rows: int
    write_s: float
    verify_s: list[float]
    verify_cpu_s: list[float]


class NotFound(Exception):
    """The row that was changed on purpose was not named: no figure is worth anything then."""


def run(rows: int, repeats: int) -> AuditFigures:
    """Write, verify ``repeats`` times, then prove that a change is found.

    Raises:
        Unavailable: PostgreSQL could not be started.
        NotFound: see there.
    """
    from ioc.stack.state import StackError
    from ioc.stack.testing import LocalStack

    with tempfile.TemporaryDirectory(prefix="ioc-bench-") as folder:
        try:
            with LocalStack(Path(folder) / "stack", kafka=False) as stack:
                migrate(stack.database_url)
                return measure(stack.database_url, rows, repeats)
        except StackError as exc:
            raise Unavailable("database", str(exc)) from exc


def measure(database_url: str, rows: int, repeats: int) -> AuditFigures:
    """The same on a migrated, empty database, whose chain is spoilt afterwards.

    Raises:
        NotFound: see there.
    """
    write_s = asyncio.run(write(database_url, rows))
    took_s, cpu_s = [], []
    for _ in range(repeats):
        started_s, cpu_before_s = monotonic_s(), process_time()
        report = audit_store.verify(database_url)
        took_s.append(monotonic_s() - started_s)
        cpu_s.append(process_time() - cpu_before_s)
        if report.finding is not None or report.rows != rows:
            raise NotFound(f"{report.rows} rows of {rows} were followed, {report.finding}")
    middle = rows // 2 + 1
    with psycopg.connect(database_url) as conn:
        conn.execute("GRANT UPDATE ON audit_chain TO CURRENT_USER")
        conn.execute("ALTER TABLE audit_chain DISABLE TRIGGER USER")
        conn.execute(
            "UPDATE audit_chain SET hash = set_byte(hash, 0, (get_byte(hash, 0) + 1) %% 256) WHERE position = %s",
            [middle],
        )
    finding = audit_store.verify(database_url).finding
    if finding is None or finding.position != middle:
        raise NotFound(f"row {middle} was changed, found: {finding}")
    return AuditFigures(rows=rows, write_s=write_s, verify_s=took_s, verify_cpu_s=cpu_s)


async def write(database_url: str, rows: int) -> float:
    """Fill an empty log through the recorder's writer; seconds."""
    history = Timescale(database_url, cluster="bench", name="bench.")
    await history.open([PLACE])
    started_s = monotonic_s()
    try:
        for first in range(0, rows, BATCH_ROWS):
            records = [
                InRecord(n, 0, b"k", codec.encode(_entry(n))) for n in range(first, min(rows, first + BATCH_ROWS))
            ]
            await history.write(build("ioc.", [(PLACE, records)]).tables, {})
    finally:
        await history.close()
    return monotonic_s() - started_s


def _entry(n: int) -> LogEntry:
    """Every fourth row is an acknowledgement with a note, as on a busy day."""
    command = n % 4 == 3
    alert = f"A-{n // 4:016x}"
    return LogEntry(
        id=f"{alert}-{n % 4}",
        alert_id=alert,
        key="hydro-level|bien-hoa|BIENHOA",
        kind="command" if command else "transition",
        what="ack" if command else ("raised", "escalated", "cleared")[n % 4],
        accepted=True,
        at_ms=START_MS + 250 * n,
        event_ms=START_MS + 250 * n - 400,
        version=n % 4 + 1,
        from_state="NORM",
        to_state="UNACK",
        priority=2,
        reason="RAISED",
        actor="lan" if command else None,
        actor_display="Nguyễn Thị Lan" if command else None,
        note="Đã cử đội cơ động đến cầu Hóa An" if command else None,
        command_id=f"c-{n}" if command else None,
        outcome="DONE" if command else None,
    )
