"""Commands of dispatchers: onto the bus, and back comes exactly one outcome.

A command goes to ``alert-inputs`` into the partition of its alert key; alerting answers with one entry in
``alert-log`` that carries the ``command_id``. Whoever sends the same command again, at this gateway or at another,
gets the same outcome: here from a ring of recent outcomes, elsewhere because alerting remembers.

An alert id that this gateway does not know is answered NOT_FOUND here and is *not* written to the audit trail: only
the alert key tells the partition, an unknown id has none, and a trail that is kept for ever must not be filled by
guessing. Refusals for want of a right or of room are answered here too, and assignments to nobody, because only the
gateway knows the accounts; nothing was asked of an alert.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, OrderedDict
from typing import Any, Protocol

from msgspec import Struct, structs

from ioc.domain.alerts import Alert, Command, LogEntry, Outcome
from ioc.errors import Unavailable
from ioc.ports import Clock
from ioc.wire import codec
from ioc.wire.frames import CommandFrame, OutcomeFrame, User

WAIT_S = 5.0  # then UNKNOWN: the client repeats with the same command_id
RECENT_MAX = 10_000  # outcomes remembered; at ten a second from one dispatcher more than a quarter of an hour
IN_FLIGHT_MAX = 1_000  # commands sent and not yet answered, all sessions; more are refused as "busy"

_log = logging.getLogger(__name__)


class CommandLog(Protocol):
    """Where commands are written: idempotent, acknowledged by all replicas."""

    async def send(self, logical: str, key: bytes, value: bytes | None) -> object:
        """Write one record to the partition of its key. Raises Unavailable: it may be stored or not."""


class AlertView(Protocol):
    """What commands need to know of the picture."""

    def alert(self, alert_id: str) -> Alert | None: ...
    def alert_key(self, alert_id: str) -> str | None: ...


class People(Protocol):
    """What commands need to know of the accounts."""

    def may_work(self, name: str) -> bool | None:
        """Is there such an account, and is it enabled? None: nobody knows, the list was never read."""


class _Recent(Struct):
    """One remembered command: what it asked (as a digest, which names who), and its outcome once known."""

    digest: str
    entry: LogEntry | None
    waiters: list[asyncio.Future[LogEntry]]


class Commands:
    """Sends commands and matches their outcomes. :meth:`on_log_entry` must see every new record of ``alert-log``."""

    def __init__(
        self,
        view: AlertView,
        log: CommandLog,
        clock: Clock,
        *,
        people: People | None = None,
        wait_s: float = WAIT_S,
        recent_max: int = RECENT_MAX,
        in_flight_max: int = IN_FLIGHT_MAX,
    ) -> None:
        self.outcomes: Counter[str] = Counter()
        self._view = view
        self._log = log
        self._clock = clock
        self._people = people
        self._wait_s = wait_s
        self._recent_max = recent_max
        self._in_flight_max = in_flight_max
        self._recent: OrderedDict[str, _Recent] = OrderedDict()
        self._sends: set[asyncio.Task[None]] = set()

    async def submit(self, frame: CommandFrame, user: User, station: str) -> OutcomeFrame:
        """The outcome of one command, at the latest after ``wait_s`` seconds. Never raises for what a client sent."""
        outcome = await self._submit(frame, user, station)
        self.outcomes[outcome.outcome] += 1
        return outcome

    async def _submit(self, frame: CommandFrame, user: User, station: str) -> OutcomeFrame:
        key = self._view.alert_key(frame.alert_id)
        command = self._command(frame, key or "", user, station)
        recent = self._recent.get(frame.command_id)
        if recent is not None and not _same(recent, command):
            return answer(frame, "MISMATCH", "idempotency_mismatch")
        if recent is not None and recent.entry is not None:
            return self._outcome(frame, recent.entry)
        if key is None:
            _log.info("command for an unknown alert: user=%s alert=%s", user.name, frame.alert_id)
            return answer(frame, "NOT_FOUND", "no such alert")
        if frame.op == "assign" and self._is_nobody(frame.assignee):
            return answer(frame, "REFUSED", "UNKNOWN_PERSON")
        if len(self._sends) >= self._in_flight_max:
            return answer(frame, "REFUSED", "busy")
        recent = self._remember(frame.command_id, command.digest)
        waiter: asyncio.Future[LogEntry] = asyncio.get_running_loop().create_future()
        recent.waiters.append(waiter)
        # The send goes on when the wait is over or the socket is gone: it is bounded by the log's own time-out.
        task = asyncio.create_task(self._send(command))
        self._sends.add(task)
        task.add_done_callback(self._sends.discard)
        try:
            async with asyncio.timeout(self._wait_s):
                entry = await waiter
        except TimeoutError:
            return answer(frame, "UNKNOWN", "no answer in time; repeat with the same command_id")
        finally:
            if waiter in recent.waiters:
                recent.waiters.remove(waiter)
        return self._outcome(frame, entry)

    def _is_nobody(self, name: str) -> bool:
        return bool(name.strip()) and self._people is not None and self._people.may_work(name) is False

    def _command(self, frame: CommandFrame, key: str, user: User, station: str) -> Command:
        asked: dict[str, Any] = structs.asdict(frame)
        who: dict[str, Any] = {"actor": user.name, "actor_display": user.display, "role": user.role, "station": station}
        return Command(key=key, sent_ms=self._clock(), **asked, **who)

    async def _send(self, command: Command) -> None:
        try:
            await self._log.send("alert-inputs", command.key.encode(), codec.encode(command))
        except Unavailable as exc:
            # Stored or not, nobody knows: the client hears UNKNOWN and repeats.
            _log.warning("command %s may not have been stored: %s", command.command_id, exc)

    def on_log_entry(self, entry: LogEntry) -> None:
        """Take one new record of ``alert-log``; the first answer to a command is the answer."""
        if entry.kind != "command" or entry.command_id is None or entry.outcome is None:
            return
        recent = self._recent.get(entry.command_id)
        if entry.outcome == "MISMATCH":
            # Of the other command under this id; it must not become the answer of the one that the id belongs to.
            if recent is not None and recent.entry is None and recent.digest == entry.digest:
                del self._recent[entry.command_id]
                self._tell(recent, entry)
            return
        recent = recent or self._remember(entry.command_id, entry.digest)
        if recent.entry is None:
            recent.entry = entry
        self._tell(recent, recent.entry)

    def _tell(self, recent: _Recent, entry: LogEntry) -> None:
        for waiter in recent.waiters:
            if not waiter.done():
                waiter.set_result(entry)

    async def close(self) -> None:
        """Give sends that are under way up; their commands were answered UNKNOWN or the sockets are gone."""
        tasks = list(self._sends)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _remember(self, command_id: str, digest: str) -> _Recent:
        recent = self._recent.get(command_id)
        if recent is None:
            recent = self._recent[command_id] = _Recent(digest, None, [])
            while len(self._recent) > self._recent_max:
                self._recent.popitem(last=False)
        return recent

    def _outcome(self, frame: CommandFrame, entry: LogEntry) -> OutcomeFrame:
        won = entry.outcome == "DONE"
        alert = self._view.alert(frame.alert_id)
        return OutcomeFrame(
            command_id=frame.command_id,
            outcome=entry.outcome or "REFUSED",
            by=entry.actor if won else entry.by,
            by_display=entry.actor_display if won else entry.by_display,
            at_ms=entry.at_ms if won else entry.by_at_ms,
            # Never older than what the outcome speaks of; otherwise the next delta brings it.
            alert=alert if alert is not None and alert.version >= entry.version else None,
            reason=entry.reason,
        )


def _same(recent: _Recent, command: Command) -> bool:
    """Is it what was asked under this id? Lines of before there were digests tell by person and alert."""
    if recent.digest or recent.entry is None:
        return recent.digest == command.digest
    return (recent.entry.actor, recent.entry.alert_id) == (command.actor, command.alert_id)


def answer(frame: CommandFrame, outcome: Outcome, reason: str) -> OutcomeFrame:
    """An outcome that does not come from the audit trail."""
    return OutcomeFrame(command_id=frame.command_id, outcome=outcome, reason=reason)
