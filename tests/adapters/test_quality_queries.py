"""Lines of the alert log for the figures, from the real TimescaleDB."""

from __future__ import annotations

import pytest
from msgspec import structs

from ioc.adapters.queries import Queries
from ioc.adapters.timescale import Timescale
from ioc.domain.alarm_quality import line_of
from ioc.domain.alerts import LogEntry
from ioc.pipeline.effects import InRecord
from ioc.ports import Place
from ioc.services.recorder_rows import build
from ioc.wire import codec
from tests.samples import T0_MS

pytestmark = pytest.mark.stack

LOG = Place("ioc.alert-log", 0)


async def test_the_database_gives_the_lines_that_the_entries_mean(database_url: str) -> None:
    first = LogEntry(
        id="1",
        alert_id="A-1",
        key="r|bien-hoa|X",
        kind="transition",
        what="raised",
        accepted=True,
        at_ms=T0_MS,
        version=1,
        from_state="NORM",
        to_state="UNACK",
        priority=2,
    )
    entries = [
        first,
        structs.replace(first, id="2", kind="command", what="ack", at_ms=T0_MS + 5, from_state="UNACK"),
        structs.replace(first, id="3", accepted=False, at_ms=T0_MS + 6),
        structs.replace(first, id="4", exercise="drill", at_ms=T0_MS + 7),
        structs.replace(first, id="5", at_ms=T0_MS + 8, priority=1),
        structs.replace(first, id="6", at_ms=T0_MS + 9),
    ]
    writer = Timescale(database_url, cluster="c1", name="t.")
    await writer.open([LOG])
    records = [InRecord(n, 0, b"k", codec.encode(entry)) for n, entry in enumerate(entries)]
    await writer.write(build("ioc.", [(LOG, records)]).tables, {})
    await writer.close()
    queries = Queries(database_url)
    await queries.open()
    try:
        expected = [line for line in map(line_of, entries[:5]) if line is not None]
        assert await queries.log_lines(T0_MS, T0_MS + 9, 100) == expected
        assert await queries.log_lines(T0_MS, T0_MS + 9, 2) == expected[-2:], "the newest"
        assert await queries.log_lines(T0_MS + 9, T0_MS + 9, 100) == []
    finally:
        await queries.close()
