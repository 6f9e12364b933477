"""``/live``: the websocket listener, who may connect, and the clock that wakes the writers.

Limits are written beside their numbers; what a connection itself may hold is in
:mod:`ioc.adapters.live_connection`.
"""

from __future__ import annotations

import asyncio
import http
import logging
from collections.abc import Callable, Sequence

from msgspec import Struct
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Origin

from ioc.adapters.live_connection import LiveConnection
from ioc.adapters.metrics import GatewayMetrics
from ioc.ports import Clock
from ioc.services.accounts import Accounts
from ioc.services.commands import Commands
from ioc.services.desk_view import DeskView
from ioc.services.hub import Hub
from ioc.services.tickets import Grant, Tickets
from ioc.services.viewer import FrameCache
from ioc.wire.close_codes import CloseCode
from ioc.wire.inbound import FRAME_MAX_BYTES
from ioc.wire.roles import rights

PATH = "/live"
CONNECTIONS_MAX = 1_000  # of one gateway; more are closed with 1013
TICK_S = 0.15  # writers look for changes so often: 6.7 frames a second at most, plus urgent ones
URGENT_S = 0.03  # alerts wait at most so long; several in one burst share a frame
OPEN_WITHIN_S = 5.0  # handshake: slow openers are cut off
INBOUND_QUEUE = 4  # frames: with FRAME_MAX_BYTES at most 128 KiB per connection
PING_EVERY_S = PING_WITHIN_S = 10.0  # a dead peer is noticed within 20 s
CLOSE_WITHIN_S = 5.0

_log = logging.getLogger(__name__)


class Health(Struct, frozen=True):
    """How current the picture is. ``lag_s`` None: nobody knows, the bus does not answer."""

    lag_s: float | None
    degraded: list[str]


class LiveServer:
    """All websockets of one gateway."""

    def __init__(
        self,
        *,
        cache: FrameCache,
        desk: DeskView,
        commands: Commands,
        tickets: Tickets,
        accounts: Accounts,
        clock: Clock,
        health: Callable[[int], Health],
        ready: Callable[[], bool],
        metrics: GatewayMetrics,
        origins: Sequence[str],
        build: str,
        simulated: bool,
    ) -> None:
        self.cache = cache
        self.desk = desk
        self.commands = commands
        self.tickets = tickets
        self.clock = clock
        self.health = health
        self.metrics = metrics
        self.build = build
        self.simulated = simulated
        self._accounts = accounts
        self._ready = ready
        self._origins = [Origin(origin) for origin in origins]
        self._connections: set[LiveConnection] = set()
        self._server: Server | None = None
        self._urgent: asyncio.TimerHandle | None = None

    @property
    def hub(self) -> Hub:
        """The picture that is shown."""
        return self.cache.hub

    @property
    def port(self) -> int:
        """Port that is listened on."""
        assert self._server is not None, "not started"
        return int(next(iter(self._server.sockets)).getsockname()[1])

    async def start(self, host: str, port: int) -> None:
        """Listen. Raises OSError when the port is taken."""
        self._server = await serve(
            self._handle,
            host,
            port,
            origins=self._origins,  # exact strings; no Origin at all is refused too
            process_request=self._check_request,
            max_size=FRAME_MAX_BYTES,
            max_queue=INBOUND_QUEUE,
            compression=None,
            open_timeout=OPEN_WITHIN_S,
            ping_interval=PING_EVERY_S,
            ping_timeout=PING_WITHIN_S,
            close_timeout=CLOSE_WITHIN_S,
            server_header=None,
            logger=logging.getLogger("websockets.server"),
        )

    async def run(self) -> None:
        """Wake the writers and let time pass, until cancelled. An error in here must end the process."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._wake_all())
            group.create_task(self._tick_all())

    async def close(self) -> None:
        """Close every websocket with 1001, so that the clients come back with their positions."""
        if self._urgent is not None:
            self._urgent.cancel()
        if self._server is not None:
            self._server.close(code=CloseCode.GOING_AWAY, reason="the gateway restarts")
            await self._server.wait_closed()

    def hurry(self) -> None:
        """An alert changed: wake the writers within ``URGENT_S``. Called from the event loop."""
        if self._urgent is None:
            self._urgent = asyncio.get_running_loop().call_later(URGENT_S, self._wake_urgent)

    def still_valid(self, grant: Grant) -> bool:
        """True while the account behind the grant is unchanged; the open wall has no account."""
        if grant.session_epoch is None:
            return True
        return self._accounts.still_valid(grant.user.name, grant.user.role, grant.session_epoch, grant.session)

    def has_room_for(self, grant: Grant) -> bool:
        """True if the account has not too many websockets yet."""
        name = grant.user.name
        same = sum(1 for c in self._connections if c.grant is not None and c.grant.user.name == name)
        return same < rights(grant.user.role).connections_max

    def station(self, ws: ServerConnection) -> str:
        """Where a command came from, for the audit trail: the peer's address."""
        peer = ws.remote_address
        return str(peer[0]) if peer else ""

    def _check_request(self, ws: ServerConnection, request: Request) -> Response | None:
        if request.path != PATH:
            return ws.respond(http.HTTPStatus.NOT_FOUND, "not found\n")
        if not self._ready():
            return ws.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "the picture is still being read\n")
        return None

    async def _handle(self, ws: ServerConnection) -> None:
        if len(self._connections) >= CONNECTIONS_MAX:
            self.metrics.closed.labels(str(int(CloseCode.OVERLOAD))).inc()
            await ws.close(CloseCode.OVERLOAD, "too many connections")
            return
        connection = LiveConnection(self, ws)
        self._connections.add(connection)
        self.metrics.opened.inc()
        self.metrics.connections.set(len(self._connections))
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)
            self.metrics.connections.set(len(self._connections))

    def _wake_urgent(self) -> None:
        self._urgent = None
        for connection in self._connections:
            if connection.lacks_alerts:
                connection.wake()

    async def _wake_all(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            for connection in self._connections:
                connection.wake()

    async def _tick_all(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            for connection in list(self._connections):
                connection.tick()
