"""What the gateway asks of the database. Nothing on the live path does: with the database away each call says
``Unavailable`` within ``ANSWER_WITHIN_S`` and the wall goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from ioc.adapters.accounts_store import SELECT_ACCOUNT, Account, account_of
from ioc.adapters.database import connect_args, translating
from ioc.domain import times
from ioc.domain.alarm_quality import Line
from ioc.domain.alerts import Alert, LogEntry
from ioc.domain.canary import EXERCISE
from ioc.errors import BadInput, Unavailable
from ioc.ports import DeliveryCount
from ioc.wire import codec
from ioc.wire.cap import Entry

POOL_MAX = 4  # connections of one gateway
POOL_WAIT_S = 5.0  # longest wait for a connection
WAITING_MAX = 64  # requests that may wait for a connection; more are told at once that the database is away
STATEMENT_TIMEOUT_S = 3
ANSWER_WITHIN_S = 6.0  # of any call here, whatever happens
RECONNECT_S = 8.0  # the pool's back-off may not grow beyond it: after an outage it is connected within that time

LOG_ENTRIES_MAX = 1_000
ALERTS_MAX = 2_000
POINTS_MAX = 1_000
CAP_ENTRIES_MAX = 200
MINUTE_MS = 60_000  # the rollup of every type; longer windows say nothing about single minutes
SPAN_GAP_MS = 600_000  # a shorter silence of everything is not told apart from a slow feed
SPANS_MAX = 1_008  # buckets of SPAN_GAP_MS: seven days


class Point(Struct, frozen=True, kw_only=True):
    """One step of a series: ``start_ms`` inclusive, ``step_ms`` long. ``mean`` … ``last`` are None where the type is
    only counted. ``final`` is false while late events may still change it; ``corrected`` says that readings were added
    which came too late for the live picture."""

    start_ms: int
    step_ms: int
    n: int
    mean: float | None
    min: float | None
    max: float | None
    last: float | None
    final: bool
    corrected: bool = False


class Counts(Struct, frozen=True, kw_only=True):
    """Rows per table, drills included; ``alerts_open`` is of the live picture. ``events`` and ``rollups`` are the
    planner's estimate unless asked for exactly."""

    events: int
    rollups: int
    alerts: int
    alerts_open: int
    log_entries: int
    dead_letters: int
    rejected: int


class Queries:
    """Read access with a small pool. ``open`` returns at once, also while the database is away."""

    def __init__(self, database_url: str) -> None:
        args = connect_args(database_url, "gateway", statement_timeout_s=STATEMENT_TIMEOUT_S, lock_timeout_s=2)
        self._pool: AsyncConnectionPool[AsyncConnection[TupleRow]] = AsyncConnectionPool(
            args["conninfo"],
            kwargs={"options": args["options"], "application_name": args["application_name"], "autocommit": True},
            min_size=1,
            max_size=POOL_MAX,
            open=False,
            check=AsyncConnectionPool.check_connection,
            timeout=POOL_WAIT_S,
            max_waiting=WAITING_MAX,
            reconnect_timeout=RECONNECT_S,
            name="gateway",
        )
        self._given_up: set[asyncio.Task[list[TupleRow]]] = set()  # queries that end on their own; at most POOL_MAX

    async def open(self) -> None:
        """Start the pool."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """End the pool and its connections."""
        await self._pool.close()

    async def ping(self) -> None:
        """Raises Unavailable when the database does not answer."""
        await self._fetch("SELECT 1", [])

    async def newest_canary(self, centre: str) -> int | None:
        """When the newest canary of the last hour that is stored was sent, epoch milliseconds. Raises Unavailable."""
        query = (
            "SELECT (extract(epoch FROM time) * 1000)::int8 FROM event"
            " WHERE time > now() - interval '1 hour' AND centre = %s AND exercise = %s ORDER BY time DESC LIMIT 1"
        )
        rows = await self._fetch(query, [centre, EXERCISE])
        return int(rows[0][0]) if rows else None

    async def alert_log(self, alert_id: str) -> list[LogEntry]:
        """The audit trail of one alert, oldest first, at most ``LOG_ENTRIES_MAX`` entries. Raises Unavailable."""
        query = "SELECT body::text FROM alert_log WHERE alert_id = %s ORDER BY seq LIMIT %s"
        return [codec.decode_log_entry(body) for (body,) in await self._fetch(query, [alert_id, LOG_ENTRIES_MAX])]

    async def alert(self, alert_id: str) -> Alert | None:
        """One alert as it stands in the history. Raises Unavailable."""
        rows = await self._fetch("SELECT body::text FROM alert WHERE id = %s", [alert_id])
        return codec.decode_alert(rows[0][0]) if rows else None

    async def alerts_between(
        self, from_ms: int, to_ms: int, *, limit: int = 500, exercise: str | None = None
    ) -> list[Alert]:
        """Alerts raised in ``[from_ms, to_ms)``, newest first; of the live picture, or of one exercise.

        Raises:
            Unavailable: the database is away.
        """
        rows = await self._fetch(
            "SELECT body::text FROM alert WHERE raised_at >= %s AND raised_at < %s"
            " AND exercise IS NOT DISTINCT FROM %s ORDER BY raised_at DESC, id LIMIT %s",
            [_instant(from_ms), _instant(to_ms), exercise, max(1, min(limit, ALERTS_MAX))],
        )
        return [codec.decode_alert(body) for (body,) in rows]

    async def recorded_spans(self, from_ms: int, to_ms: int) -> list[tuple[int, int]]:
        """When anything at all was recorded in ``[from_ms, to_ms)``: spans of event time, oldest first.

        Spans less than ``SPAN_GAP_MS`` apart are one. At most ``SPANS_MAX`` buckets of that length are looked at, the
        newest ones. Raises Unavailable.
        """
        start_ms = max(from_ms, to_ms - SPANS_MAX * SPAN_GAP_MS)
        rows = await self._fetch(
            "SELECT (extract(epoch FROM min(window_start)) * 1000)::int8,"
            " (extract(epoch FROM max(window_start)) * 1000)::int8 + %s FROM rollup"
            " WHERE window_start >= %s AND window_start < %s AND window_ms = %s AND exercise = ''"
            " GROUP BY extract(epoch FROM window_start)::int8 / %s ORDER BY 1",
            [MINUTE_MS, _instant(start_ms), _instant(to_ms), MINUTE_MS, SPAN_GAP_MS // 1000],
        )
        spans: list[tuple[int, int]] = []
        for start, end in rows:
            if spans and start - spans[-1][1] < SPAN_GAP_MS:
                spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
            else:
                spans.append((start, end))
        return spans

    async def series(
        self,
        key: str,
        from_ms: int,
        to_ms: int,
        *,
        points_max: int = 500,
        window_ms: int = 60_000,
        exercise: str | None = None,
    ) -> list[Point]:
        """Summaries of ``centre/area/feed/type`` in ``[from_ms, to_ms)``, oldest first.

        Windows are merged into steps, whole multiples of ``window_ms`` aligned to the epoch, so that no more than
        ``points_max`` (at least 2, at most ``POINTS_MAX``) points come back. Steps without events are left out.

        Raises:
            BadInput: ``bad_key`` or ``bad_range``.
            Unavailable: the database is away.
        """
        parts = key.split("/")
        if len(parts) != 4:
            raise BadInput("bad_key", "key", "must be centre/area/feed/type")
        if not times.MIN_MS <= from_ms < to_ms <= times.MAX_MS or window_ms < 1:
            raise BadInput("bad_range", "from_ms", "must be before to_ms, both epoch milliseconds")
        points = max(2, min(points_max, POINTS_MAX))
        # An aligned step may be cut by both ends of the range, so the range touches one step more than it is long.
        step_ms = window_ms * max(1, -(-(to_ms - from_ms) // (window_ms * (points - 1))))
        values = dict(zip(("centre", "area", "feed", "type"), parts, strict=True))
        rows = await self._fetch(
            "SELECT (extract(epoch FROM window_start) * 1000)::int8 / %(step)s::int8 * %(step)s::int8,"
            " sum(n)::int8, sum(sum) / nullif(sum(coalesce(measured, n)) FILTER (WHERE sum IS NOT NULL), 0)::float8,"
            " min(min), max(max),"
            " last(last, window_start) FILTER (WHERE last IS NOT NULL), bool_and(final), bool_or(corrected)"
            " FROM rollup WHERE centre = %(centre)s AND area = %(area)s AND feed = %(feed)s AND type = %(type)s"
            " AND window_ms = %(window)s AND exercise = %(exercise)s"
            " AND window_start >= %(from)s AND window_start < %(to)s GROUP BY 1 ORDER BY 1",
            values
            | {"step": step_ms, "window": window_ms, "exercise": exercise or ""}
            | {"from": _instant(from_ms), "to": _instant(to_ms)},
        )
        return [
            Point(
                start_ms=start,
                step_ms=step_ms,
                n=n,
                mean=mean,
                min=low,
                max=high,
                last=last,
                final=final,
                corrected=corrected,
            )
            for start, n, mean, low, high, last, final, corrected in rows
        ]

    async def log_lines(self, from_ms: int, to_ms: int, lines_max: int) -> list[Line]:
        """See :meth:`ioc.ports.HistoryQueries.log_lines`."""
        rows = await self._fetch(
            "SELECT (extract(epoch FROM at) * 1000)::int8, alert_id, coalesce(body->>'key', ''), kind, what,"
            " coalesce((body->>'priority')::int, 4), coalesce(body->>'from_state', ''),"
            " coalesce(body->>'to_state', '') FROM alert_log WHERE at >= %s AND at < %s AND accepted"
            " AND exercise IS NULL ORDER BY at DESC, seq DESC LIMIT %s",
            [_instant(from_ms), _instant(to_ms), lines_max],
        )
        return [Line(*row) for row in reversed(rows)]

    async def cap_entries(self, exercise: str | None, after_ms: int) -> list[Entry]:
        """See :meth:`ioc.ports.HistoryQueries.cap_entries`."""
        rows = await self._fetch(
            "SELECT identifier, (extract(epoch FROM sent_at) * 1000)::int8, msg_type, title FROM ("
            "SELECT DISTINCT ON (alert_id) * FROM cap_message WHERE sent_at > %s AND exercise IS NOT DISTINCT FROM %s"
            " ORDER BY alert_id, seq DESC) AS newest ORDER BY seq DESC LIMIT %s",
            [_instant(after_ms), exercise, CAP_ENTRIES_MAX],
        )
        names = ("identifier", "sent_ms", "msg_type", "title")
        return [Entry(**dict(zip(names, row, strict=True))) for row in rows]

    async def cap_message(self, identifier: str) -> str | None:
        """See :meth:`ioc.ports.HistoryQueries.cap_message`."""
        rows = await self._fetch("SELECT xml FROM cap_message WHERE identifier = %s", [identifier])
        return rows[0][0] if rows else None

    async def delivery_counts(self, after_ms: int) -> list[DeliveryCount]:
        """See :meth:`ioc.ports.HistoryQueries.delivery_counts`."""
        rows = await self._fetch(
            "SELECT channel, state, count(*), (extract(epoch FROM min(created_at)) * 1000)::int8 FROM delivery"
            " WHERE created_at > %s GROUP BY channel, state ORDER BY channel, state",
            [_instant(after_ms)],
        )
        return [DeliveryCount(channel=c, state=state, n=n, oldest_ms=oldest) for c, state, n, oldest in rows]

    async def counts(self, *, exact: bool = False) -> Counts:
        """Rows per table; ``exact`` counts the big ones too, which may take longer than allowed. Raises Unavailable."""
        big = "(SELECT count(*) FROM {0})" if exact else "approximate_row_count('{0}')"
        [row] = await self._fetch(
            f"SELECT {big.format('event')}, {big.format('rollup')}, (SELECT count(*) FROM alert),"
            " (SELECT count(*) FROM alert WHERE NOT closed AND exercise IS NULL), (SELECT count(*) FROM alert_log),"
            " (SELECT count(*) FROM dead_letter), (SELECT count(*) FROM recorder_reject)",
            [],
        )
        names = ("events", "rollups", "alerts", "alerts_open", "log_entries", "dead_letters", "rejected")
        return Counts(**dict(zip(names, row, strict=True)))

    async def event_ids(self, centre: str, from_ms: int = times.MIN_MS, to_ms: int = times.MAX_MS) -> list[str]:
        """Ids of the stored events of a centre with a time in ``[from_ms, to_ms)``, one per row, sorted: a second
        row of the same id would show. For checks; unbounded. Raises Unavailable."""
        query = "SELECT id FROM event WHERE centre = %s AND time >= %s AND time < %s ORDER BY id"
        return [id for (id,) in await self._fetch(query, [centre, _instant(from_ms), _instant(to_ms)])]

    async def account(self, name: str) -> Account | None:
        """One account with its password hash, also when it is disabled. Raises Unavailable."""
        rows = await self._fetch(f"{SELECT_ACCOUNT} WHERE name = %s", [name])
        return account_of(rows[0]) if rows else None

    async def accounts(self) -> list[Account]:
        """All accounts by name. Raises Unavailable."""
        return [account_of(row) for row in await self._fetch(f"{SELECT_ACCOUNT} ORDER BY name", [])]

    async def _fetch(self, query: str, values: Sequence[object] | Mapping[str, object]) -> list[TupleRow]:
        """Rows of a query, or Unavailable, within ``ANSWER_WITHIN_S``.

        A query on a frozen server cannot even be cancelled quickly; then it is left to its own end.
        """
        task = asyncio.create_task(self._query(query, values))
        try:
            await asyncio.wait({task}, timeout=ANSWER_WITHIN_S)
        finally:
            if not task.done():
                task.cancel()
                self._given_up.add(task)
                task.add_done_callback(self._forget)
        if not task.done():
            raise Unavailable("database", f"no answer within {ANSWER_WITHIN_S:.0f} s")
        with translating():
            return task.result()

    async def _query(self, query: str, values: Sequence[object] | Mapping[str, object]) -> list[TupleRow]:
        async with self._pool.connection() as conn:
            return await (await conn.execute(query.encode(), values)).fetchall()

    def _forget(self, task: asyncio.Task[list[TupleRow]]) -> None:
        self._given_up.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that it is not reported as lost


def _instant(ms: int) -> datetime:
    return times.from_ms(min(max(ms, times.MIN_MS), times.MAX_MS))
