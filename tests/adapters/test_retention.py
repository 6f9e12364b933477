"""What is older than it is kept goes: in the real TimescaleDB, by the recorder that writes, again and again."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ioc.adapters import retention
from ioc.adapters.retention import drop_old, keep_days
from ioc.errors import Unavailable
from tests.adapters.recorder_process import fill, recorders, stored, until

DAY_S = 86_400
NOW_S = 1_795_489_200
EVENT = (
    "INSERT INTO event VALUES (to_timestamp(%s), 'c', 'a', 'f', 't', %s, 's', 's', 's', now(), NULL, NULL, '{}', 0, 0)"
)
DEAD = "INSERT INTO dead_letter VALUES (%s, 'c', '', '', 'c', 't', 0, 0, now(), to_timestamp(%s), 0, '', 0, 0)"


def put(database_url: str, now_s: float) -> None:
    """Events and dead letters of 1, 2, 5, 9 and 30 days ago."""
    with psycopg.connect(database_url, autocommit=True) as conn:
        for days in (1, 2, 5, 9, 30):
            conn.execute(EVENT, [now_s - days * DAY_S, f"e{days}"])
            conn.execute(DEAD, [f"d{days}", now_s - days * DAY_S])


def ids(database_url: str, table: str) -> list[str]:
    with psycopg.connect(database_url) as conn:
        return [name for (name,) in conn.execute(f"SELECT id FROM {table} ORDER BY id".encode()).fetchall()]


@pytest.mark.stack
def test_old_chunks_and_rows_go(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "ROWS_MAX", 2)
    put(database_url, NOW_S)
    assert drop_old(database_url, [("event", 7), ("dead_letter", 4)], NOW_S * 1000) == {"event": 2, "dead_letter": 3}
    assert (ids(database_url, "event"), ids(database_url, "dead_letter")) == (["e1", "e2", "e5"], ["d1", "d2"])
    assert drop_old(database_url, [("event", 7), ("dead_letter", 4)], NOW_S * 1000) == {"event": 0, "dead_letter": 0}


@pytest.mark.stack
def test_what_intake_may_still_ask_for_stays_whatever_is_asked(database_url: str) -> None:
    put(database_url, NOW_S)
    drop_old(database_url, [("event", 0.5)], NOW_S * 1000)
    assert ids(database_url, "event") == ["e1", "e2"]
    with pytest.raises(KeyError):
        drop_old(database_url, [("alert_log", 1)], NOW_S * 1000)


@pytest.mark.stack
def test_whoever_holds_on_to_what_is_old_is_not_waited_for(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "LOCK_TIMEOUT_S", 0.2)
    put(database_url, NOW_S)
    with psycopg.connect(database_url) as reader:
        reader.execute("SELECT count(*) FROM event").fetchall()
        with pytest.raises(Unavailable, match="lock"):
            drop_old(database_url, [("event", 7)], NOW_S * 1000)
    assert drop_old(database_url, [("event", 7)], NOW_S * 1000) == {"event": 2}


@pytest.mark.stack
async def test_the_recorder_that_writes_drops_what_is_old(
    stack: Any, prefix: str, database_url: str, tmp_path: Path
) -> None:
    put(database_url, time.time())
    await fill(stack.kafka, prefix, 0, 100)
    with recorders(tmp_path, stack.kafka, database_url, prefix) as start:
        plain = start()
        await asyncio.to_thread(until, "all events stored", lambda: stored(database_url) >= 105)
        assert plain.stop() == 0
        assert len(ids(database_url, "dead_letter")) == 5, "nobody asked"
        asked = start(IOC_KEEP_DAYS="event=7,dead_letter=4")
        await asyncio.to_thread(
            until, "what is old went", lambda: ids(database_url, "dead_letter") == ["d1", "d2"], 30.0
        )
        await asyncio.to_thread(until, "it says so", lambda: "dead_letter 3, event " in asked.log.read_text())
        assert asked.stop() == 0
    assert {"e9", "e30"}.isdisjoint(ids(database_url, "event"))


async def test_it_is_done_at_once_and_every_hour_by_who_writes_and_goes_on_without_a_database() -> None:
    calls: list[int] = []
    now_ms, writes, turn = 1_000_000, False, asyncio.Event()

    def drop(at_ms: int) -> dict[str, int]:
        calls.append(at_ms)
        if len(calls) == 2:
            raise Unavailable("database", "away")
        return {"event": 1}

    def clock() -> int:
        turn.set()
        return now_ms

    async def looks(times: int) -> None:
        for _ in range(times):
            turn.clear()
            await turn.wait()

    work = asyncio.create_task(keep_days(drop, lambda: writes, clock, look_every_s=0.001))
    try:
        async with asyncio.timeout(20):
            await looks(3)
            assert not calls, "somebody else writes"
            writes = True
            await looks(5)
            assert calls == [1_000_000]
            now_ms += 3_599_999
            await looks(5)
            assert len(calls) == 1
            now_ms += 1
            await looks(5)
            assert calls[1:] == [4_600_000]
            now_ms += 3_600_000
            await looks(5)
            assert len(calls) == 3, "goes on after the database was away"
    finally:
        work.cancel()
