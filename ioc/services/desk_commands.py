"""Commands to the desk as a gateway sends them: each with exactly one answer.

A command goes to ``desk-inputs``; the desk answers with one line of ``alert-log`` that carries its ``command_id``. Who
sends the same command again, here or at another gateway, has the same answer, because the desk remembers.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from ioc.domain.alerts import LogEntry
from ioc.domain.desk_commands import is_about_desk
from ioc.errors import Unavailable
from ioc.wire.codec import DeskCommand, encode

WAIT_S = 5.0  # then nobody knows: the client repeats with the same command_id
WAITING_MAX = 100  # commands that wait for an answer at once; more are refused

_log = logging.getLogger(__name__)


class DeskLog(Protocol):
    """Where commands are written: idempotent, acknowledged by all replicas."""

    async def send(self, logical: str, key: bytes, value: bytes | None) -> object:
        """Write one record to the partition of its key. Raises Unavailable: it may be stored or not."""


class DeskCommands:
    """The commands that wait for their answers."""

    def __init__(self, log: DeskLog, *, wait_s: float = WAIT_S) -> None:
        self._log = log
        self._wait_s = wait_s
        self._waiting: dict[str, list[tuple[str, asyncio.Future[LogEntry]]]] = {}

    async def submit(self, command: DeskCommand) -> LogEntry | None:
        """The answer to a command; None when there was none within ``wait_s`` seconds.

        Raises:
            Unavailable: too many commands wait already; nothing was sent.
        """
        if sum(len(waiting) for waiting in self._waiting.values()) >= WAITING_MAX:
            raise Unavailable("gateway", "too many commands wait for the desk")
        waiter: asyncio.Future[LogEntry] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(command.command_id, []).append((command.digest, waiter))
        try:
            async with asyncio.timeout(self._wait_s):
                await self._log.send("desk-inputs", command.subject_id.encode(), encode(command))
                return await waiter
        except (TimeoutError, Unavailable) as exc:
            # Stored or not, nobody knows: the client repeats with the same id.
            _log.warning("command %s to the desk has no answer: %s", command.command_id, exc)
            return None
        finally:
            self._waiting[command.command_id].remove((command.digest, waiter))
            if not self._waiting[command.command_id]:
                del self._waiting[command.command_id]

    def on_log_entry(self, entry: LogEntry) -> None:
        """Take one new record of ``alert-log``: the answer goes to those who asked the same."""
        if entry.kind != "command" or entry.command_id is None or not is_about_desk(entry):
            return
        for digest, waiter in self._waiting.get(entry.command_id, ()):
            if digest == entry.digest and not waiter.done():
                waiter.set_result(entry)
