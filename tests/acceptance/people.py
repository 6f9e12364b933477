"""Dispatchers at their desks, as the console speaks: sign-in, ticket, websocket, commands and their outcomes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from ioc.adapters.accounts_store import add_account
from ioc.adapters.kafka import Producer
from ioc.domain.alerts import Signal, alert_key
from ioc.settings import Settings
from ioc.wire import codec
from ioc.wire.topics import Topics
from tests.system import System

PASSWORD = "một mật khẩu đủ dài"
RULE = "probe"  # no rule of the profile: only these tests raise it
CENTRE = "tinh"


def hire(system: System, count: int) -> list[str]:
    """Make accounts of dispatchers; their names."""
    names = [f"nguoi{n}" for n in range(count)]
    for name in names:
        add_account(system.database_url(), name, name.title(), "dispatcher", PASSWORD)
    return names


def topics() -> Topics:
    return Topics("ioc.", ())


def bus(system: System) -> Producer:
    """Writes what a rule would say into the product's own topics."""
    return Producer(Settings(kafka=system.environ["IOC_KAFKA"], topic_prefix="ioc."), topics())


async def raise_alert(producer: Producer, name: str, priority: int = 2) -> None:
    """One rule says that something is there."""
    now_ms, key = time.time_ns() // 1_000_000, alert_key(RULE, CENTRE, name)
    signal = Signal(
        key=key, rule=RULE, state="on", centre=CENTRE, area="", site=name, feed="", type="", priority=priority,  # type: ignore[arg-type]
        since_ms=now_ms, observed_ms=now_ms, revision=1, title_vi=name, title_en=name,
    )  # fmt: skip
    await producer.send("alert-inputs", key.encode(), codec.encode(signal))


class Person:
    """One dispatcher with an open console, who connects again when the line is lost."""

    def __init__(self, system: System, name: str) -> None:
        self.system, self.name = system, name
        self.alerts: dict[str, dict[str, Any]] = {}
        self.outcomes: dict[str, tuple[dict[str, Any], float]] = {}  # by command: the frame, and when it came
        self.acked_s: dict[str, float] = {}  # by alert: when it was first shown as somebody's
        self._changed = asyncio.Event()
        self._socket: ClientConnection | None = None
        self._http = httpx.AsyncClient(base_url=system.base, headers={"Origin": system.base}, timeout=20)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Person:
        await self._sign_in()
        self._task = asyncio.create_task(self._live())
        await self.until(lambda: self._socket is not None, "a connection")
        return self

    async def __aexit__(self, *_exc: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._http.aclose()

    async def _sign_in(self) -> None:
        answer = await self._http.post("/api/session", json={"user": self.name, "password": PASSWORD})
        answer.raise_for_status()

    async def _live(self) -> None:
        while True:
            with contextlib.suppress(WebSocketException, OSError, httpx.HTTPError, TimeoutError):
                ticket = await self._http.post("/api/ticket", json={})
                if ticket.status_code == 401:  # a new gateway does not know the session of the old one
                    await self._sign_in()
                    continue
                ticket.raise_for_status()
                body = ticket.json()
                async with connect(body["live_url"], origin=self.system.base) as socket:  # type: ignore[arg-type]
                    await socket.send(json.dumps({"t": "auth", "ticket": body["ticket"], "proto": 1}))
                    await socket.send(json.dumps({"t": "subscribe", "channels": ["wall"], "filter": {}, "since": None}))
                    async for text in socket:
                        self._hear(json.loads(text), socket)
            self._socket = None
            await asyncio.sleep(0.1)

    def _hear(self, frame: dict[str, Any], socket: ClientConnection) -> None:
        if frame["t"] in ("snapshot", "delta"):
            self._socket = socket
            for alert in frame.get("alerts", ()):
                self.alerts[alert["id"]] = alert
                if alert["acked_by"]:
                    self.acked_s.setdefault(alert["id"], time.monotonic())
        elif frame["t"] == "outcome":
            self.outcomes.setdefault(frame["command_id"], (frame, time.monotonic()))
        self._changed.set()

    async def until(self, found: Callable[[], Any], what: str, limit_s: float = 60.0) -> Any:
        """Wait until something is so, of what this console has heard."""
        deadline = time.monotonic() + limit_s
        while not (value := found()):
            if self._task is not None and self._task.done():
                await self._task  # it never ends by itself: this says why it did
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise AssertionError(f"{self.name}: not within {limit_s:g} s: {what}")
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), min(left_s, 0.5))
        return value

    def named(self, name: str) -> dict[str, Any] | None:
        """The alert of these tests that bears a name."""
        return next((one for one in self.alerts.values() if one["rule"] == RULE and one["site"] == name), None)

    async def sees(self, name: str) -> dict[str, Any]:
        """Wait for an alert."""
        found: dict[str, Any] = await self.until(lambda: self.named(name), f"alert {name}")
        return found

    async def sees_acknowledged(self, name: str, by: str) -> None:
        """Wait until an alert is shown as somebody's."""

        def theirs() -> bool:
            alert = self.named(name)
            return alert is not None and alert["acked_by"] == by

        await self.until(theirs, f"{name} acknowledged by {by}")

    async def say(self, alert: dict[str, Any], command_id: str, op: str = "ack", **more: Any) -> float:
        """Send a command, at once when the line is there; the moment of sending."""
        await self.until(lambda: self._socket is not None, "a connection")
        assert self._socket is not None
        asked = {"t": "command", "command_id": command_id, "op": op, "alert_id": alert["id"]}
        sent_s = time.monotonic()
        with contextlib.suppress(ConnectionClosed):
            await self._socket.send(json.dumps(asked | {"expected_version": alert["version"]} | more))
        return sent_s

    async def outcome(self, command_id: str, limit_s: float = 60.0) -> tuple[dict[str, Any], float]:
        """The answer to a command, and when it came."""
        found: tuple[dict[str, Any], float] = await self.until(
            lambda: self.outcomes.get(command_id), f"outcome of {command_id}", limit_s
        )
        return found

    async def insist(self, alert: dict[str, Any], command_id: str, op: str = "ack", **more: Any) -> dict[str, Any]:
        """Repeat a command under its id until there is an answer that decides, as the console does."""
        for _ in range(60):
            await self.say(alert, command_id, op, **more)
            try:
                frame, _ = await self.outcome(command_id, 3.0)
            except AssertionError:
                continue
            if frame["outcome"] != "UNKNOWN":
                return frame
            del self.outcomes[command_id]
        raise AssertionError(f"{self.name}: no answer to {command_id}")
