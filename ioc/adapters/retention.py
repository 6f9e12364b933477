"""Drops history that is older than ``IOC_KEEP_DAYS`` says: the same in both editions of TimescaleDB, because the Apache
edition has no retention policies.

The recorder that writes does it, once an hour. Hypertables lose whole chunks: a chunk goes when its newest row is too
old. From ordinary tables rows are deleted, some at a time, so that nobody waits for long.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping

import psycopg

from ioc.adapters.database import connect_args, translating
from ioc.domain.retention import LEAST_DAYS
from ioc.errors import Unavailable
from ioc.ports import Clock

DROP_EVERY_S = 3600.0
LOOK_EVERY_S = 5.0
ROWS_MAX = 10_000  # deleted in one statement
LOCK_TIMEOUT_S = 10  # a chunk that somebody reads goes an hour later
STATEMENT_TIMEOUT_S = 300
DAY_S = 86_400
PLAIN = {"dead_letter": "refused_at", "recorder_reject": "rejected_at"}  # ordinary tables and their times

log = logging.getLogger("ioc.retention")


def drop_old(database_url: str, keep_days: Iterable[tuple[str, float]], now_ms: int) -> dict[str, int]:
    """Drop what is older than asked.

    Args:
        database_url: where.
        keep_days: (table, days to keep) of the tables of :data:`ioc.domain.retention.LEAST_DAYS`; the others are left
            alone.
        now_ms: the present.

    Returns:
        table → chunks dropped (hypertables) or rows deleted.

    Raises:
        KeyError: a table that has no retention.
        Unavailable: the database does not answer, or somebody holds on to what is old.
    """
    done: dict[str, int] = {}
    args = connect_args(
        database_url, "retention", statement_timeout_s=STATEMENT_TIMEOUT_S, lock_timeout_s=LOCK_TIMEOUT_S
    )
    with translating(), psycopg.connect(**args, autocommit=True) as conn:
        for table, days in keep_days:
            before_s = now_ms / 1000 - max(days, LEAST_DAYS[table]) * DAY_S
            if table in PLAIN:
                query = (
                    f"DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {table}"
                    f" WHERE {PLAIN[table]} < to_timestamp(%s) LIMIT {ROWS_MAX}))"
                )
                done[table] = 0
                while (count := conn.execute(query.encode(), [before_s]).rowcount) > 0:
                    done[table] += count
            else:
                chunks = conn.execute("SELECT drop_chunks(%s::regclass, to_timestamp(%s))", [table, before_s])
                done[table] = len(chunks.fetchall())
    return done


async def keep_days(
    drop: Callable[[int], Mapping[str, int]],
    active: Callable[[], bool],
    clock: Clock,
    *,
    every_s: float = DROP_EVERY_S,
    look_every_s: float = LOOK_EVERY_S,
) -> None:
    """Drop what is old, once while ``active`` and then every hour, until cancelled. An absent database does not end it.

    Args:
        drop: takes the present in epoch ms; table → chunks or rows that went.
        active: is this process the one that writes?
        clock: the present in epoch ms.
        every_s, look_every_s: seconds from one time to the next, and how often to look whether it has come.
    """
    due_ms = 0
    while True:
        now_ms = clock()
        if active() and now_ms >= due_ms:
            due_ms = now_ms + round(every_s * 1000)
            try:
                gone = {table: count for table, count in (await asyncio.to_thread(drop, now_ms)).items() if count}
                if gone:
                    said = ", ".join(f"{table} {count}" for table, count in sorted(gone.items()))
                    log.info("older than it is kept, and gone (chunks or rows): %s", said)
            except Unavailable as exc:
                log.warning("what is older than it is kept stays until the next time: %s", exc)
        await asyncio.sleep(look_every_s)
