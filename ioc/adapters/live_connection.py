"""One websocket: reads frames into its session, and one writer sends what the session and the hub have to say.

Outbound memory of a connection is bounded by construction: the picture is not queued (a slow client's next delta
coalesces everything), outcomes and errors are at most ``OUTBOX_MAX``, and the writer waits for the socket. A client
that does not take a frame within ``SEND_WITHIN_S`` is closed with 4008.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections import deque
from typing import TYPE_CHECKING

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from ioc.services.desk_view import Shown
from ioc.services.tickets import Grant
from ioc.services.viewer import Viewer
from ioc.wire.close_codes import CloseCode
from ioc.wire.frames import CommandFrame, ErrorFrame, Hello, encode_frame
from ioc.wire.session import Action, Authenticate, Close, SendFrame, StartPicture, Submit, WallSession

if TYPE_CHECKING:
    from ioc.adapters.websocket import LiveServer

BEAT_MS = 5_000  # a wall says STALE after 15 s without one
DESK_MS = 1_000  # between two frames of the desk
SEND_WITHIN_S = 5.0  # then 4008
OUTBOX_MAX = 100  # outcomes and errors that wait for the writer; more: the client does not read, 4008
CLOSE_WITHIN_S = 1.0  # for the closing handshake, then the connection is cut
SEND_BUFFER_BYTES = 65_536  # of the kernel, which doubles it; small, so that a client that stalls is noticed

_log = logging.getLogger(__name__)


class LiveConnection:
    """Drives one :class:`WallSession` over one socket."""

    def __init__(self, server: LiveServer, ws: ServerConnection) -> None:
        self.session = WallSession(server.clock())
        self.grant: Grant | None = None
        self._server = server
        self._ws = ws
        self._wake = asyncio.Event()
        self._outbox: deque[bytes] = deque()
        self._closing: Close | None = None
        self._start: StartPicture | None = None
        self._viewer: Viewer | None = None
        self._beat_due_ms = 0
        self._desk_shown: Shown | None = None  # of the desk's frame that was sent last
        self._desk_changes = False
        self._desk_due_ms = 0
        self._submits: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until the connection ends."""
        raw = self._ws.transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        writer = asyncio.create_task(self._write())
        writer.add_done_callback(lambda _: self._ws.transport.abort())  # no writer, no connection; ends recv() too
        try:
            while True:
                message = await self._ws.recv()
                self._server.metrics.frames_in.inc()
                if isinstance(message, str):
                    self._perform(self.session.on_text(message, self._server.clock()))
                else:
                    self._perform(self.session.on_binary())
                if self._closing is not None:
                    break
            await writer  # it sends what is left and closes
        except ConnectionClosed:
            pass  # the client left, or the writer closed
        finally:
            for task in (writer, *self._submits):
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionClosed):
                await writer

    def wake(self) -> None:
        """There may be something new to send."""
        self._wake.set()

    def tick(self) -> None:
        """Let time pass for the session: time-outs, expiry, an account that changed."""
        self._perform(self.session.on_tick(self._server.clock()))
        if self.grant is not None and not self._server.still_valid(self.grant):
            self._perform(self.session.revoke())

    @property
    def lacks_alerts(self) -> bool:
        """True if an alert waits for this viewer."""
        return self._viewer is not None and self._viewer.lacks_alerts

    def _perform(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, SendFrame):
                if isinstance(action.frame, ErrorFrame):
                    self._server.metrics.errors.labels(action.frame.code).inc()
                self._post(encode_frame(action.frame))
            elif isinstance(action, Authenticate):
                self._authenticate(action.ticket)
            elif isinstance(action, StartPicture):
                self._start = action
            elif isinstance(action, Submit):
                task = asyncio.create_task(self._submit(action.command))
                self._submits.add(task)
                task.add_done_callback(self._submits.discard)
            else:
                self._closing = self._closing or action
        if actions:
            self._wake.set()

    def _post(self, frame: bytes) -> None:
        if len(self._outbox) >= OUTBOX_MAX:
            self._closing = self._closing or Close(CloseCode.SLOW, "outcomes are not read")
            return
        self._outbox.append(frame)
        self._wake.set()

    def _authenticate(self, ticket: str) -> None:
        server = self._server
        grant = server.tickets.redeem(ticket)
        if grant is None or not server.still_valid(grant):
            self._perform(self.session.reject())
            return
        if not server.has_room_for(grant):
            self._perform([Close(CloseCode.OVERLOAD, "too many connections of this account")])
            return
        self.grant = grant
        now_ms = server.clock()
        hello = Hello(
            epoch=server.hub.epoch,
            pos=server.hub.pos,
            server_time_ms=now_ms,
            build=server.build,
            user=grant.user,
            simulated=server.simulated,
        )
        self._perform(self.session.admit(hello, grant.expires_ms, now_ms))

    async def _submit(self, frame: CommandFrame) -> None:
        assert self.grant is not None  # only a signed-in session submits
        outcome = await self._server.commands.submit(frame, self.grant.user, self._server.station(self._ws))
        self._server.metrics.commands.labels(outcome.outcome).inc()
        self.session.answered()
        self._post(encode_frame(outcome))

    async def _write(self) -> None:
        try:
            while True:
                self._wake.clear()
                for frame in self._frames():
                    await self._send(frame)
                if self._outbox:
                    continue
                if self._closing is not None:
                    await self._close(self._closing.code, self._closing.reason)
                    return
                await self._wake.wait()
        except TimeoutError:
            await self._close(CloseCode.SLOW, f"a frame was not taken within {SEND_WITHIN_S:g} s")
        except ConnectionClosed:
            return

    def _frames(self) -> list[bytes]:
        """Everything to send now, in order: outcomes and errors, then the picture, then a beat if one is due."""
        frames = list(self._outbox)
        self._outbox.clear()
        if self._closing is not None:
            return frames
        now_ms = self._server.clock()
        if self._start is not None:
            start, self._start = self._start, None
            self._viewer = Viewer(self._server.cache)
            frames += self._viewer.start(start.since, now_ms)
            self._desk_shown, self._desk_due_ms, self._desk_changes = None, now_ms, start.desk_changes
            self._beat_due_ms = now_ms  # the first beat at once
        if self._viewer is not None:
            beat = now_ms >= self._beat_due_ms
            frames += self._viewer.advance(now_ms, even_if_empty=beat)
            if beat:
                health = self._server.health(now_ms)
                frames.append(self._viewer.beat(now_ms, health.lag_s, health.degraded))
                self._beat_due_ms = now_ms + BEAT_MS
            frames += self._desk_frame(now_ms)
        return frames

    def _desk_frame(self, now_ms: int) -> list[bytes]:
        """The desk's frame when it is another one, once a second at most: the whole, or what changed since the last."""
        desk, before = self._server.desk, self._desk_shown
        if (before and before.version == desk.version) or 0 < self._desk_due_ms - now_ms <= DESK_MS:
            return []
        self._desk_shown, self._desk_due_ms = desk.shown(), now_ms + DESK_MS
        return [desk.changes(before) if before and self._desk_changes else desk.frame()]

    async def _send(self, frame: bytes) -> None:
        async with asyncio.timeout(SEND_WITHIN_S):
            await self._ws.send(frame, text=True)
        self._server.metrics.frames_out.inc()
        self._server.metrics.bytes_out.inc(len(frame))

    async def _close(self, code: CloseCode, reason: str) -> None:
        """Close with a code; a client that does not answer is cut off."""
        self._server.metrics.closed.labels(str(int(code))).inc()
        _log.info("closing %s: %d %s", self._ws.remote_address, code, reason)
        try:
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await self._ws.close(code, reason)
        except TimeoutError:
            self._ws.transport.abort()
