"""Readiness: each probe asks the real thing a real question. False means "not yet"."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import psycopg
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

ANSWER_LIMIT_S = 3.0


async def port_open(host: str, port: int) -> bool:
    """Whether something listens."""
    try:
        async with asyncio.timeout(ANSWER_LIMIT_S):
            _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True


async def kafka_answers(bootstrap: str) -> bool:
    """Whether a broker serves metadata: the cluster has a controller and at least one broker."""
    found = await _ask(bootstrap, lambda admin: admin.describe_cluster())
    return bool(found and found.get("brokers") and found.get("controller_id", -1) >= 0)


class GroupMember:
    """Whether the worker just started has joined its consumer group and the group is settled.

    A killed predecessor stays in the group until its session time-out. ``forget``, called before each start, makes
    the next look note who is there already; ready is a settled group with somebody new in it.
    """

    def __init__(self, bootstrap: str, group: str) -> None:
        self._bootstrap, self._group = bootstrap, group
        self._known: set[str] | None = None

    def forget(self) -> None:
        """A new start."""
        self._known = None

    async def __call__(self) -> bool:
        answers = await _ask(self._bootstrap, lambda admin: admin.describe_consumer_groups([self._group]))
        if answers is None:
            return False
        # The rows of the protocol's answer: error, group, state, kind, protocol, members (each begins with its id).
        groups = [group for answer in answers for group in answer.groups]
        members = {member[0] for group in groups for member in group[5]}
        settled = bool(groups) and all(group[2] == "Stable" for group in groups)
        if self._known is None:
            self._known = members
        return settled and bool(members - self._known)


def recorder_holds_lock(database_url: str) -> Callable[[], Awaitable[bool]]:
    """Whether a recorder is connected and owns the right to write (its advisory lock in the database)."""

    async def probe() -> bool:
        try:
            async with await psycopg.AsyncConnection.connect(
                database_url, connect_timeout=int(ANSWER_LIMIT_S), autocommit=True
            ) as conn:
                cursor = await conn.execute(
                    "SELECT 1 FROM pg_locks JOIN pg_stat_activity USING (pid)"
                    " WHERE locktype = 'advisory' AND granted AND application_name = 'ioc-recorder'"
                )
                return await cursor.fetchone() is not None
        except (psycopg.OperationalError, OSError):
            return False

    return probe


def http_ok(url: str) -> Callable[[], Awaitable[bool]]:
    """Whether a page answers 200."""

    async def probe() -> bool:
        status, _ = await http_get(url)
        return status == 200

    return probe


async def http_get(url: str) -> tuple[int, bytes]:
    """Status and body of a plain GET on loopback; (0, b"") when nobody answers in time.

    Written out because the supervisor should not carry an HTTP client for two pages of its own gateway.
    """
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(ANSWER_LIMIT_S):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
            try:
                request = f"GET {parts.path or '/'} HTTP/1.0\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n"
                writer.write(request.encode())
                answer = await reader.read(1 << 20)
                while more := await reader.read(1 << 20):
                    answer += more
            finally:
                writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split(b" ", 2)[1]), body
    except (OSError, ValueError, IndexError):
        return 0, b""


async def http_json(url: str) -> tuple[int, dict[str, Any]]:
    """Like ``http_get`` for a JSON object; an empty one when the body is something else."""
    status, body = await http_get(url)
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    return status, value if isinstance(value, dict) else {}


async def _ask(bootstrap: str, question: Callable[[AIOKafkaAdminClient], Awaitable[Any]]) -> Any:
    host, _, port = bootstrap.split(",")[0].rpartition(":")
    if not await port_open(host, int(port)):  # quick and quiet while the broker is still starting
        return None
    logging.getLogger("aiokafka").addFilter(_quiet)
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=int(ANSWER_LIMIT_S * 1000))
    try:
        async with asyncio.timeout(ANSWER_LIMIT_S * 2):
            await admin.start()
            return await question(admin)
    except (KafkaError, OSError):
        return None
    finally:
        await admin.close()


def _quiet(_record: logging.LogRecord) -> bool:
    return False
