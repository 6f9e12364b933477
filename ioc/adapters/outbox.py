"""The notifier's side of the database: what was judged, what was said in CAP, what has still to be delivered.

**Judging** follows the audit chain, whose positions have no hole and appear in order: lines of the log after
``dispatch_position`` are judged, and the CAP messages, the deliveries and the new position are written in one
transaction. Its row is locked, so of two notifiers one judges; killed anywhere, the lines are judged once. A line that
is here before its alert waits for it, see :func:`ioc.pipeline.notices.ready`.

**Delivering** is at least once. Each connection of a notifier has a number and holds an advisory lock of that number,
and a claim of a delivery carries it. The lock ends with the connection, so the claims of a notifier that was killed, or
of a connection that was lost, are taken back at once, by whichever notifier looks next. One that hangs keeps its
connection: its claims are taken back when they are older than an attempt may take. Either way the attempt counts, see
:mod:`ioc.pipeline.claims`. Nothing waits in memory.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

import msgspec
import psycopg
from msgspec import Struct
from psycopg import AsyncConnection, Connection
from psycopg.rows import TupleRow

from ioc.adapters.database import connect_args, translating
from ioc.domain.alerts import Alert
from ioc.domain.profile import Profile
from ioc.domain.times import from_ms, to_ms
from ioc.pipeline import cap_messages
from ioc.pipeline.cap_messages import Thread
from ioc.pipeline.claims import Due, together, unanswered
from ioc.pipeline.notices import Delivery, Judgeable, Notice, ahead, begun, is_outdated, news, ready
from ioc.wire import codec
from ioc.wire.cap import to_xml

LINES_MAX = 500  # of the log, judged in one transaction
RENEWALS_MAX = 200
CLAIM_MAX = 32  # deliveries claimed at once
SHOWN_MAX = 500
LEASE_MS = 120_000  # a claim is taken back after this although its notifier is still connected: it hangs
TAKE_BACK_MAX = 200
CLAIMANTS = 0x494F_434E  # advisory locks of claims are this and the claimant; the same in every release

_decode_thread = msgspec.json.Decoder(Thread).decode


class Judged(Struct, frozen=True, kw_only=True):
    """What one turn did. ``more``: there may be more lines at once. ``behind``: of the next call."""

    lines: int = 0
    messages: int = 0
    deliveries: int = 0
    more: bool = False
    behind: dict[int, int] = {}


async def judge(
    conn: AsyncConnection[TupleRow],
    profile: Profile,
    now_ms: int,
    behind: Mapping[int, int],
    started_ms: int | None = None,
) -> Judged:
    """Judge the next lines of the log, and say again what has to be said again; one transaction.

    The first call in the life of a database begins at the end of the log: nobody is told of what was before. What
    stands then is published in CAP all the same. ``behind``: of the last call on the same connection, at first empty;
    ``started_ms``: when this process began.
    """
    async with conn.transaction():
        cursor = await conn.execute("SELECT position FROM dispatch_position FOR UPDATE")
        row = await cursor.fetchone()
        if row is None:
            return await _begin(conn, profile, now_ms)
        found = await _lines(conn, row[0])
        wait_ms = round(profile.dispatch.group_wait_s * 1000)
        lines, met = ready(found, behind, now_ms, group_wait_ms=wait_ms, started_ms=started_ms)
        told = [*lines, *ahead(found, len(lines), now_ms, group_wait_ms=wait_ms, started_ms=started_ms)]
        alerts = {line.alert.id: line.alert for line in told if line.alert is not None}
        made = news(told, profile, now_ms, await _announced(conn, alerts))
        messages = await _publish(conn, alerts, profile, now_ms)
        messages += await _publish(conn, await _to_renew(conn, now_ms), profile, now_ms)
        added = await _add(conn, [begun(notice, now_ms) for notice in made])
        if lines:
            await conn.execute("UPDATE dispatch_position SET position = %s", [lines[-1].position])
        judged = len(lines)
        return Judged(lines=judged, messages=messages, deliveries=added, more=judged == LINES_MAX, behind=met)


async def _announced(conn: AsyncConnection[TupleRow], ids: Collection[str]) -> set[str]:
    """Those of the alerts of which somebody was told, or is to be."""
    cursor = await conn.execute(
        "SELECT DISTINCT alert_id FROM delivery WHERE alert_id = ANY(%s) AND target <> ''", [list(ids)]
    )
    return {alert_id for (alert_id,) in await cursor.fetchall()}


async def enter(conn: AsyncConnection[TupleRow]) -> int:
    """The claimant that this connection is from now on, until it ends."""
    cursor = await conn.execute("SELECT nextval('delivery_claimant')")
    row = await cursor.fetchone()
    assert row is not None  # a sequence has a next value
    claimant = int(row[0])
    await conn.execute("SELECT pg_advisory_lock(%s, %s)", [CLAIMANTS, claimant])
    return claimant


async def take_back(conn: AsyncConnection[TupleRow], now_ms: int) -> int:
    """Note attempts that have no outcome as failed: their claimant is gone, or their lease is over. How many."""
    async with conn.transaction():
        cursor = await conn.execute(
            "SELECT d.id, d.channel, d.target, d.alert_id, d.notice, d.attempts, d.created_at, d.due_at, d.claimed_at"
            " FROM delivery AS d WHERE d.claimed_by IS NOT NULL AND d.state = 'due' AND (d.due_at <= %s OR NOT EXISTS"
            " (SELECT FROM pg_locks AS l JOIN pg_database AS b ON b.oid = l.database AND b.datname = current_database()"
            " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.classid = %s::oid"
            " AND l.objid = d.claimed_by::oid)) ORDER BY d.due_at LIMIT %s FOR UPDATE OF d SKIP LOCKED",
            [from_ms(now_ms), CLAIMANTS, TAKE_BACK_MAX],
        )
        rows = await cursor.fetchall()
        for row in rows:
            delivery = unanswered(_delivery(*row[:8]), to_ms(row[8]))
            await conn.execute(
                "UPDATE delivery SET state = %s, attempts = %s, due_at = %s, last_error = %s, finished_at = %s,"
                " claimed_by = NULL, claimed_at = NULL, lost = lost + 1 WHERE id = %s",
                [*_outcome(delivery, now_ms), delivery.notice.id],
            )
        return len(rows)


async def claim(conn: AsyncConnection[TupleRow], claimant: int, now_ms: int) -> list[Delivery]:
    """Deliveries that are due, at most ``CLAIM_MAX``; nobody else gets them before :func:`take_back`.

    Those that are ``outdated`` by the alert as it is stored now are not to be attempted.
    """
    async with conn.transaction():
        cursor = await conn.execute(
            "SELECT id, lost FROM delivery WHERE state = 'due' AND due_at <= %s AND claimed_by IS NULL"
            " ORDER BY due_at, created_at LIMIT %s FOR UPDATE SKIP LOCKED",
            [from_ms(now_ms), CLAIM_MAX],
        )
        chosen = together([Due(id=key, lost=lost) for key, lost in await cursor.fetchall()])
        if not chosen:
            return []
        cursor = await conn.execute(
            "UPDATE delivery AS d SET due_at = %s, claimed_by = %s, claimed_at = %s FROM delivery AS n"
            " WHERE d.id = n.id AND d.id = ANY(%s) RETURNING d.id, d.channel, d.target, d.alert_id, d.notice,"
            " d.attempts, d.created_at, n.due_at, (SELECT a.state FROM alert AS a WHERE a.id = d.alert_id)",
            [from_ms(now_ms + LEASE_MS), claimant, from_ms(now_ms), list(chosen)],
        )
        found = [_delivery(*row) for row in await cursor.fetchall()]
    return sorted(found, key=lambda d: (d.due_ms, d.created_ms))


async def settle(conn: AsyncConnection[TupleRow], claimant: int, delivery: Delivery, now_ms: int) -> None:
    """Note the outcome of an attempt.

    One that somebody else has finished meanwhile stays finished. Of one whose claim was taken back only a success
    counts: what else becomes of it is for whoever has it now, or for its back-off.
    """
    await conn.execute(
        "UPDATE delivery SET state = %s, attempts = greatest(attempts, %s), due_at = %s, last_error = %s,"
        " finished_at = %s, claimed_by = NULL, claimed_at = NULL, lost = 0"
        " WHERE id = %s AND state = 'due' AND (claimed_by = %s OR %s)",
        [*_outcome(delivery, now_ms), delivery.notice.id, claimant, delivery.state == "done"],
    )


def _delivery(
    key: str,
    channel: str,
    target: str,
    alert: str,
    body: str,
    attempts: int,
    created: datetime,
    due: datetime,
    state: str | None = None,
) -> Delivery:
    """A row; ``state``: of the alert, as it is stored now."""
    notice = Notice(id=key, channel=channel, target=target, alert_id=alert, body=body)
    return Delivery(
        notice=notice,
        attempts=attempts,
        created_ms=to_ms(created),
        due_ms=to_ms(due),
        outdated=is_outdated(notice, state),
    )


def _outcome(delivery: Delivery, now_ms: int) -> list[object]:
    """State, attempts, due time, error and end, for the row."""
    return [
        delivery.state,
        delivery.attempts,
        from_ms(delivery.due_ms),
        delivery.error.replace("\x00", "\ufffd"),
        None if delivery.state == "due" else from_ms(now_ms),
    ]


class Shown(Struct, frozen=True, kw_only=True):
    """A delivery for people."""

    id: str
    channel: str
    target: str
    alert_id: str
    state: str
    attempts: int
    created_ms: int
    error: str


def read_deliveries(database_url: str, after_ms: int, state: str | None) -> list[Shown]:
    """Deliveries made after ``after_ms``, newest first, at most ``SHOWN_MAX``; of one state, or of all.

    Raises:
        Unavailable: the database does not answer.
    """
    query = (
        "SELECT id, channel, target, alert_id, state, attempts, created_at, last_error FROM delivery"
        " WHERE created_at > %s AND (%s::text IS NULL OR state = %s) ORDER BY created_at DESC, id LIMIT %s"
    )
    with _connection(database_url) as conn:
        rows = conn.execute(query, [from_ms(max(after_ms, 0)), state, state, SHOWN_MAX]).fetchall()
    names = ("id", "channel", "target", "alert_id", "state", "attempts")
    return [
        Shown(**dict(zip(names, row, strict=False)), created_ms=to_ms(row[6]), error=row[7])  # the rest follows
        for row in rows
    ]


def revive(database_url: str, notice_id: str, now_ms: int) -> bool:
    """Make a delivery that was given up due again, with a day before it; False if there is none.

    Raises:
        Unavailable: the database does not answer.
    """
    query = (
        "UPDATE delivery SET state = 'due', attempts = 0, lost = 0, created_at = %s, due_at = %s, finished_at = NULL"
        " WHERE id = %s AND state = 'dead'"
    )
    with _connection(database_url) as conn:
        return conn.execute(query, [from_ms(now_ms), from_ms(now_ms), notice_id]).rowcount == 1


@contextmanager
def _connection(database_url: str) -> Iterator[Connection[TupleRow]]:
    args = connect_args(database_url, "notices", statement_timeout_s=10, lock_timeout_s=5)
    with translating(), psycopg.connect(**args, autocommit=True) as conn:
        yield conn


async def _begin(conn: AsyncConnection[TupleRow], profile: Profile, now_ms: int) -> Judged:
    await conn.execute(
        "INSERT INTO dispatch_position (position) SELECT coalesce(max(position), 0) FROM audit_chain"
        " ON CONFLICT DO NOTHING"
    )
    cursor = await conn.execute("SELECT body::text FROM alert WHERE NOT closed")
    standing = [codec.decode_alert(body) for (body,) in await cursor.fetchall()]
    return Judged(messages=await _publish(conn, {alert.id: alert for alert in standing}, profile, now_ms), more=True)


async def _lines(conn: AsyncConnection[TupleRow], after: int) -> list[Judgeable]:
    cursor = await conn.execute(
        "SELECT c.position, l.body::text, a.body::text FROM audit_chain AS c JOIN alert_log AS l USING (id)"
        " LEFT JOIN alert AS a ON a.id = l.alert_id WHERE c.position > %s ORDER BY c.position LIMIT %s",
        [after, LINES_MAX],
    )
    return [
        Judgeable(at, codec.decode_log_entry(body), None if alert is None else codec.decode_alert(alert))
        for at, body, alert in await cursor.fetchall()
    ]


async def _to_renew(conn: AsyncConnection[TupleRow], now_ms: int) -> dict[str, Alert]:
    cursor = await conn.execute(
        "SELECT a.body::text FROM cap_thread AS t JOIN alert AS a ON a.id = t.alert_id WHERE t.renew_at <= %s"
        " ORDER BY t.renew_at LIMIT %s",
        [from_ms(now_ms), RENEWALS_MAX],
    )
    found = [codec.decode_alert(body) for (body,) in await cursor.fetchall()]
    return {alert.id: alert for alert in found}


async def _publish(conn: AsyncConnection[TupleRow], alerts: dict[str, Alert], profile: Profile, now_ms: int) -> int:
    if not alerts or profile.dispatch.cap is None:
        return 0
    cursor = await conn.execute("SELECT thread FROM cap_thread WHERE alert_id = ANY(%s)", [list(alerts)])
    threads = {thread.alert_id: thread for (body,) in await cursor.fetchall() for thread in [_decode_thread(body)]}
    count = 0
    for alert in alerts.values():
        said = cap_messages.decide(alert, threads.get(alert.id), profile, now_ms)
        if said is None:
            continue
        count += 1
        message, thread = said.message, said.thread
        await conn.execute(
            "INSERT INTO cap_message (identifier, alert_id, sent_at, msg_type, status, title, exercise, xml)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            [
                *(message.identifier, alert.id, from_ms(message.sent_ms), message.msg_type, message.status),
                *(message.infos[0].headline, alert.exercise, to_xml(message, profile.timezone).decode()),
            ],
        )
        await conn.execute(
            "INSERT INTO cap_thread (alert_id, thread, renew_at) VALUES (%s, %s, %s) ON CONFLICT (alert_id)"
            " DO UPDATE SET thread = excluded.thread, renew_at = excluded.renew_at",
            [
                *(alert.id, msgspec.json.encode(thread).decode()),
                None if thread.renew_ms is None else from_ms(thread.renew_ms),
            ],
        )
    return count


async def _add(conn: AsyncConnection[TupleRow], deliveries: list[Delivery]) -> int:
    added = 0
    for delivery in deliveries:
        notice = delivery.notice
        cursor = await conn.execute(
            "INSERT INTO delivery (id, channel, target, alert_id, notice, state, created_at, due_at)"
            " VALUES (%s, %s, %s, %s, %s, 'due', %s, %s) ON CONFLICT DO NOTHING",
            [
                *(notice.id, notice.channel, notice.target, notice.alert_id, notice.body),
                *(from_ms(delivery.created_ms), from_ms(delivery.due_ms)),
            ],
        )
        added += cursor.rowcount
    return added
