"""The notifier as a process: judge the log, publish CAP, deliver notices. All that it knows is in the database.

While the database is away nothing is judged and nothing is sent, and afterwards it goes on where it was; alerts, the
wall and acknowledgements do not wait for it.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from ioc.adapters import outbox
from ioc.adapters.clock import now_ms
from ioc.adapters.database import CONNECT_TIMEOUT_S, connect_args, translating
from ioc.adapters.mail import Mailer, MailServer
from ioc.adapters.secret_key import load_or_make
from ioc.adapters.webhook import Webhooks
from ioc.domain.profile import Profile
from ioc.errors import BadSettings, Unavailable
from ioc.pipeline.notices import Delivery, Done, Never, Result, after
from ioc.ports import Clock
from ioc.settings import Settings

OK, FAILED = 0, 70
LOOK_EVERY_S = 1.0  # between two turns that found nothing
AT_ONCE = 8  # attempts under way
BACK_OFF_S = 5.0  # while the database is away
STATEMENT_TIMEOUT_S = 30
TURN_TIMEOUT_S = 60  # kept here too: a server that is frozen keeps no time
SCHEMA_NEWEST = "delivery_claimant"  # what only the newest schema has of all that is used here

log = logging.getLogger("ioc.notifier")


class Sender(Protocol):
    """A way out."""

    async def send(self, delivery: Delivery, now_ms: int) -> Result: ...


class LogSink:
    """Notices as lines of this process's log."""

    async def send(self, delivery: Delivery, now_ms: int) -> Result:
        """Always done."""
        log.info("notice %s: %s", delivery.notice.channel, delivery.notice.body)
        return Done()


class NotifierStats(Struct):
    """Totals since the start of this process; ``outcomes`` by state after an attempt."""

    lines: int = 0
    messages: int = 0
    deliveries: int = 0
    outcomes: dict[str, int] = {}


class Notifier:
    """One connection, one loop. ``senders``: by kind of channel."""

    def __init__(
        self, database_url: str, profile: Profile, senders: Mapping[str, Sender], clock: Clock = now_ms
    ) -> None:
        self.stats = NotifierStats(outcomes={})
        self._profile = profile
        self._senders = dict(senders)
        self._kinds = {channel.id: channel.kind for channel in profile.dispatch.channels}
        self._clock = clock
        self._started_ms = clock()
        self._args = connect_args(database_url, "notifier", statement_timeout_s=STATEMENT_TIMEOUT_S, lock_timeout_s=10)
        self._conn: AsyncConnection[TupleRow] | None = None
        self._claimant = 0  # of this connection
        self._behind: dict[int, int] = {}  # lines that wait for their alerts: position → met at

    async def run(self, stop: asyncio.Event, *, look_every_s: float = LOOK_EVERY_S) -> None:
        """Work until ``stop`` is set.

        Raises:
            BadSettings: the schema of the database is too old.
        """
        away = False
        try:
            while not stop.is_set():
                try:
                    busy = await self.turn()
                    away = False
                except Unavailable as exc:
                    if not away:
                        log.warning("%s; tried again until it answers", exc)
                    away, busy = True, False
                    await self.close()
                if not busy:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(stop.wait(), BACK_OFF_S if away else look_every_s)
        finally:
            await self.close()

    async def turn(self) -> bool:
        """Judge once, then try what is due; true if there may be more at once.

        Raises:
            Unavailable: the database does not answer; nothing is lost.
            BadSettings: its schema is too old.
        """
        conn = await self._connected()
        with translating():
            async with asyncio.timeout(TURN_TIMEOUT_S):
                judged = await outbox.judge(conn, self._profile, self._clock(), self._behind, self._started_ms)
            self._behind = judged.behind
            self.stats.lines += judged.lines
            self.stats.messages += judged.messages
            self.stats.deliveries += judged.deliveries
            async with asyncio.timeout(TURN_TIMEOUT_S):
                taken_back = await outbox.take_back(conn, self._clock())
                due = await outbox.claim(conn, self._claimant, self._clock())
        if taken_back:
            log.warning("%d attempts of a notifier that ended or hangs count as failed", taken_back)
        if not due:
            return judged.more
        room = asyncio.Semaphore(AT_ONCE)
        settled = [asyncio.create_task(self._attempt(delivery, room)) for delivery in due]
        try:
            for task in asyncio.as_completed(settled):
                delivery = await task
                with translating():
                    async with asyncio.timeout(TURN_TIMEOUT_S):
                        await outbox.settle(conn, self._claimant, delivery, self._clock())
                self.stats.outcomes[delivery.state] = self.stats.outcomes.get(delivery.state, 0) + 1
        finally:
            for one in settled:
                one.cancel()
            await asyncio.gather(*settled, return_exceptions=True)
        return True

    async def close(self) -> None:
        """Give the connection back."""
        conn, self._conn = self._conn, None
        if conn is not None:
            with suppress(Exception):
                await conn.close()

    async def _attempt(self, delivery: Delivery, room: asyncio.Semaphore) -> Delivery:
        async with room:
            kind = self._kinds.get(delivery.notice.channel)
            sender = None if kind is None else self._senders.get(kind)
            if delivery.outdated:
                result: Result = Never("OUTDATED: the alert does not ask any more")
            elif kind is None:
                result = Never("UNKNOWN_CHANNEL: the profile has no such channel, or not any more")
            elif sender is None:
                result = Never("the settings have no way to channels of this kind")
            else:
                result = await sender.send(delivery, self._clock())
            found = after(delivery, result, self._clock())
        if found.state != "done":
            state = "given up" if found.state == "dead" else "tried again later"
            log.warning("notice %s by %s %s: %s", delivery.notice.id, delivery.notice.channel, state, found.error)
        return found

    async def _connected(self) -> AsyncConnection[TupleRow]:
        if self._conn is None or self._conn.closed:
            self._behind = {}  # while it was away nobody wrote either: lines wait from now on
            with translating():
                async with asyncio.timeout(CONNECT_TIMEOUT_S + 1):
                    self._conn = await AsyncConnection.connect(**self._args, autocommit=True)
                    cursor = await self._conn.execute("SELECT to_regclass(%s)", [SCHEMA_NEWEST])
                    if await cursor.fetchone() == (None,):
                        raise BadSettings(["the database has an old schema: run `ioc db migrate`"])
                    self._claimant = await outbox.enter(self._conn)
        return self._conn


def senders(settings: Settings, profile: Profile) -> dict[str, Sender]:
    """The ways out that the profile needs.

    Raises:
        BadSettings: a channel cannot work with these settings; all problems together.
    """
    found: dict[str, Sender] = {"log": LogSink()}
    problems = []
    for channel in profile.dispatch.channels:
        if channel.kind == "webhook":
            host = (urlsplit(channel.url).hostname or "").lower()
            if host not in settings.webhook_hosts and host not in settings.webhook_private_hosts:
                problems.append(f"IOC_WEBHOOK_HOSTS lacks {host}, which channel {channel.id} of the profile calls")
        elif channel.kind == "email" and not (settings.smtp and settings.mail_from):
            problems.append(f"IOC_SMTP and IOC_MAIL_FROM are needed: channel {channel.id} of the profile sends e-mail")
    if settings.smtp_user and settings.smtp_security == "none":
        problems.append("IOC_SMTP_SECURITY=none would send the password of IOC_SMTP_USER over an open line")
    if problems:
        raise BadSettings(problems)
    kinds = {channel.kind for channel in profile.dispatch.channels}
    if "webhook" in kinds:
        key = load_or_make(settings.data_dir / "webhook.key")
        found["webhook"] = Webhooks(key, frozenset(settings.webhook_hosts), frozenset(settings.webhook_private_hosts))
    if "email" in kinds:
        found["email"] = Mailer(mail_server(settings), profile.timezone)
    return found


def mail_server(settings: Settings) -> MailServer:
    """The mail server of the settings.

    Raises:
        BadSettings: the file with its password cannot be read.
    """
    host, _, port = settings.smtp.rpartition(":")
    password = ""
    if settings.smtp_user:
        file = settings.smtp_password_file or Path()
        try:
            password = file.read_text().strip()
        except OSError as exc:
            raise BadSettings([f"IOC_SMTP_PASSWORD_FILE={str(file)!r}: {exc.strerror or exc}"]) from exc
    return MailServer(
        host=host.strip("[]"),
        port=int(port),
        security=settings.smtp_security,
        sender=settings.mail_from,
        user=settings.smtp_user,
        password=password,
    )


def run_notifier(settings: Settings, profile: Profile) -> int:
    """Notify until SIGTERM or SIGINT.

    Returns:
        0 stopped in order, 70 failed.

    Raises:
        BadSettings: the settings do not fit the profile, or the schema of the database is too old.
    """
    notifier = Notifier(settings.database_url, profile, senders(settings, profile))
    return asyncio.run(_run(notifier))


async def _run(notifier: Notifier) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    work = asyncio.create_task(notifier.run(stop))
    try:
        await _until_stopped(work, stop.wait)
    except BadSettings:
        raise
    except Exception:
        log.exception("the notifier failed")
        return FAILED
    log.info("stopped: %s", notifier.stats)
    return OK


async def _until_stopped(work: asyncio.Task[None], stopped: Callable[[], Awaitable[object]]) -> None:
    """Wait for the loop; after the signal only a moment: what is under way then is taken back by the next notifier."""
    waiting = asyncio.ensure_future(stopped())
    try:
        await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            await asyncio.wait({work}, timeout=3.0)
        if work.done():
            work.result()
    finally:
        for task in (work, waiting):
            task.cancel()
        await asyncio.gather(work, waiting, return_exceptions=True)
