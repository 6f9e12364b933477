"""What the gateway asks of the real TimescaleDB, with the database there, away, frozen and back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from msgspec import structs

from ioc.adapters import queries as module
from ioc.adapters.accounts_store import add_account, disable
from ioc.adapters.migrate import migrate
from ioc.adapters.queries import Queries
from ioc.adapters.timescale import Timescale
from ioc.errors import BadInput, Unavailable
from ioc.pipeline.effects import InRecord
from ioc.ports import Place
from ioc.services.recorder_rows import build
from ioc.stack.testing import LocalStack
from ioc.wire import codec
from tests.samples import T0_MS, alert_record, dead_record, event_record, log_record, rollup_record

pytestmark = pytest.mark.stack

MINUTE_MS = 60_000
KEY = "bien-hoa/731/hydro/hydro.level"


async def store(url: str, topic: str, *values: bytes) -> None:
    writer = Timescale(url, cluster="c", name="t.")
    await writer.open([])
    records = [InRecord(n, 0, b"k", value) for n, value in enumerate(values)]
    await writer.write(build("ioc.", [(Place(f"ioc.{topic}", 0), records)]).tables, {})
    await writer.close()


@pytest.fixture
async def queries(database_url: str) -> AsyncIterator[Queries]:
    """An open pool."""
    pool = Queries(database_url)
    await pool.open()
    yield pool
    await pool.close()


async def test_the_timeline_of_an_alert(queries: Queries, database_url: str) -> None:
    entries = [log_record("L1", "A-1"), log_record("L2", "A-2"), log_record("L3", "A-1")]
    await store(database_url, "alert-log", *entries)
    assert [e.id for e in await queries.alert_log("A-1")] == ["L1", "L3"]
    assert await queries.alert_log("A-0") == []
    with pytest.raises(BadInput):
        await queries.alert_log("A\x00")


async def test_alerts_of_a_time(queries: Queries, database_url: str) -> None:
    await store(
        database_url,
        "alerts",
        *(alert_record(f"A-{n}", 1, raised_ms=T0_MS + n * MINUTE_MS) for n in range(5)),
        alert_record("A-drill", 1, raised_ms=T0_MS, exercise="drill-7"),
    )
    found = await queries.alerts_between(T0_MS + MINUTE_MS, T0_MS + 4 * MINUTE_MS)
    assert [a.id for a in found] == ["A-3", "A-2", "A-1"]
    assert [a.id for a in await queries.alerts_between(0, 2**62, limit=2)] == ["A-4", "A-3"]
    assert [a.id for a in await queries.alerts_between(0, 2**62, exercise="drill-7")] == ["A-drill"]
    alert = await queries.alert("A-2")
    assert alert is not None
    assert alert.raised_ms == T0_MS + 2 * MINUTE_MS
    assert await queries.alert("A-9") is None


async def test_when_anything_was_recorded(queries: Queries, database_url: str) -> None:
    assert await queries.recorded_spans(0, 2**62) == []
    day_ms = T0_MS - T0_MS % 86_400_000
    minute = [day_ms + n * MINUTE_MS for n in range(61)]
    windows = [rollup_record(1, window_start_ms=minute[n]) for n in (*range(25), 40, 41, 49)]
    day = structs.replace(codec.decode_rollup(windows[0]), key=f"{KEY}/{day_ms}/86400000", window_ms=86_400_000)
    await store(database_url, "rollups", *windows, codec.encode(day))
    spans = [(minute[0], minute[25]), (minute[40], minute[50])]
    assert await queries.recorded_spans(minute[0], minute[60]) == spans
    assert await queries.recorded_spans(minute[5], minute[41]) == [(minute[5], minute[25]), (minute[40], minute[41])]


async def test_a_series_is_exact_and_bounded(queries: Queries, database_url: str) -> None:
    minutes = 600
    windows = [
        rollup_record(1, window_start_ms=T0_MS + m * MINUTE_MS, n=m % 7 + 1, mean=float(m)) for m in range(minutes)
    ]
    await store(database_url, "rollups", *windows)
    end_ms = T0_MS + minutes * MINUTE_MS
    every = await queries.series(KEY, T0_MS, end_ms, points_max=1000)
    assert [p.start_ms for p in every] == [T0_MS + m * MINUTE_MS for m in range(minutes)]
    assert [(p.n, p.mean, p.min, p.max, p.last) for p in every[:2]] == [
        (1, 0.0, -1.0, 1.0, 0.0),
        (2, 1.0, 0.0, 2.0, 1.0),
    ]
    total = sum(p.n for p in every)
    for points_max in (1, 2, 3, 50, 599, 10**9):
        some = await queries.series(KEY, T0_MS, end_ms, points_max=points_max)
        assert len(some) <= max(points_max, 2)
        assert sum(p.n for p in some) == total
        assert all(p.start_ms % p.step_ms == 0 for p in some)
        weighted = sum((p.mean or 0) * p.n for p in some)
        assert weighted == pytest.approx(sum((p.mean or 0) * p.n for p in every))
        assert some[-1].last == minutes - 1
        assert (min(p.min or 0 for p in some), max(p.max or 0 for p in some)) == (-1.0, float(minutes))
    half = await queries.series(KEY, T0_MS + 5 * MINUTE_MS, T0_MS + 7 * MINUTE_MS)
    assert [p.last for p in half] == [5.0, 6.0]
    assert await queries.series(KEY, T0_MS, end_ms, exercise="drill-7") == []


async def test_a_type_that_is_only_counted_has_no_values(queries: Queries, database_url: str) -> None:
    await store(database_url, "rollups", rollup_record(1, mean=None, n=4))
    [point] = await queries.series(KEY, T0_MS, T0_MS + MINUTE_MS)
    assert (point.n, point.mean, point.min, point.max, point.last, point.final) == (4, None, None, None, None, True)


@pytest.mark.parametrize(
    ("key", "from_ms", "to_ms"), [("a/b/c", 0, 1), ("", 0, 1), (KEY, 5, 5), (KEY, -1, 5), (KEY, 0, 2**62)]
)
async def test_a_bad_question_is_refused(queries: Queries, key: str, from_ms: int, to_ms: int) -> None:
    with pytest.raises(BadInput):
        await queries.series(key, from_ms, to_ms)


async def test_counts_and_ids(queries: Queries, database_url: str) -> None:
    events = [event_record(f"e{n}", time_ms=T0_MS + n) for n in range(7)]
    await store(database_url, "events", *events, event_record("x", centre="tinh"))
    await store(database_url, "dead", dead_record(1), dead_record(2))
    await store(database_url, "alerts", alert_record("A-1", 1), alert_record("A-2", 1, exercise="drill-7"))
    counts = await queries.counts(exact=True)
    assert (counts.events, counts.dead_letters, counts.alerts, counts.alerts_open, counts.rejected) == (8, 2, 2, 1, 0)
    assert (await queries.counts()).alerts == 2
    assert await queries.event_ids("bien-hoa") == [f"e{n}" for n in range(7)]
    assert await queries.event_ids("bien-hoa", T0_MS + 2, T0_MS + 4) == ["e2", "e3"]


async def test_accounts_as_the_gateway_sees_them(queries: Queries, database_url: str) -> None:
    await asyncio.to_thread(add_account, database_url, "an", "An", "viewer", "mot-hai-ba-bon-nam")
    account = await queries.account("an")
    assert account is not None
    assert (account.role, account.session_epoch, account.disabled) == ("viewer", 1, False)
    await asyncio.to_thread(disable, database_url, "an")
    [account] = await queries.accounts()
    assert (account.session_epoch, account.disabled) == (2, True)
    assert await queries.account("nobody") is None


async def fails_within(limit_s: float, ask: Callable[[], Awaitable[object]]) -> float:
    began_s = time.monotonic()
    with pytest.raises(Unavailable):
        await ask()
    took_s = time.monotonic() - began_s
    assert took_s < limit_s
    return took_s


async def test_a_database_that_never_answers_is_told_in_time() -> None:
    held: list[asyncio.StreamWriter] = []

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    queries = Queries(f"postgresql://nobody@127.0.0.1:{port}/none")
    await queries.open()
    try:
        await fails_within(module.ANSWER_WITHIN_S + 0.5, queries.ping)
        asked = [fails_within(module.ANSWER_WITHIN_S + 1, queries.ping) for _ in range(module.WAITING_MAX + 20)]
        took = await asyncio.gather(*asked)
        assert sum(t < 1 for t in took) >= 20, "what does not fit into the queue is told at once"
    finally:
        await queries.close()
        for writer in held:
            writer.close()
        server.close()


async def test_a_slow_query_is_ended(queries: Queries) -> None:
    with pytest.raises(Unavailable, match="statement timeout"):
        await queries._fetch("SELECT pg_sleep(30)", [])
    await queries.ping()


async def test_the_pool_comes_back_after_a_restart(tmp_path: Path) -> None:
    async with LocalStack(tmp_path / "own", kafka=False) as local:
        await asyncio.to_thread(migrate, local.database_url)
        queries = Queries(local.database_url)
        await queries.open()
        try:
            await asyncio.gather(*(queries.counts() for _ in range(module.POOL_MAX)))
            await asyncio.to_thread(local.stop_postgres)
            await fails_within(module.ANSWER_WITHIN_S + 0.5, queries.ping)
            await fails_within(module.ANSWER_WITHIN_S + 0.5, queries.ping)
            await asyncio.to_thread(local.start_postgres)
            back_s = time.monotonic()
            while True:
                try:
                    await queries.ping()
                    break
                except Unavailable:
                    assert time.monotonic() - back_s < module.RECONNECT_S + module.ANSWER_WITHIN_S
        finally:
            await queries.close()
