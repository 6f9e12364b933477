"""The gateway process: bus → hub → websockets, commands → bus, pages and API beside them.

It keeps no state but the key that signs sessions: a killed gateway is started again, reads the picture from the bus
and goes on; clients come back with their positions and their cookies.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import uvicorn
from starlette.types import ASGIApp

import ioc
from ioc.adapters.canary_loop import CanaryLoop
from ioc.adapters.good_rules import GoodRules, RuleFileHealth
from ioc.adapters.http.app import build_app
from ioc.adapters.http.parts import Parts, Readiness
from ioc.adapters.metrics import GatewayMetrics
from ioc.adapters.part_health import PartsHealth
from ioc.adapters.quality_loop import watch_quality
from ioc.adapters.rule_files import rules_file
from ioc.adapters.websocket import Health, LiveServer
from ioc.domain.alerts import Alert, LogEntry
from ioc.domain.detect_counters import Counters
from ioc.domain.profile import Profile
from ioc.errors import Unavailable
from ioc.ports import Clock, HistoryQueries
from ioc.services.accounts import REFRESH_S, Accounts
from ioc.services.commands import Commands
from ioc.services.desk_commands import DeskCommands
from ioc.services.desk_view import DeskView
from ioc.services.hub import Hub
from ioc.services.sign_in import SessionTokens
from ioc.services.tickets import Tickets
from ioc.services.viewer import FrameCache
from ioc.settings import Settings
from ioc.wire.topics import Topics

DATABASE_LOOK_S = 5.0  # between two questions whether the database is there
FIRST_ACCOUNTS_S = 1.0  # between attempts while the account list was never read
METRICS_S = 1.0
EXIT_FAILED, EXIT_PORT = 70, 1

_log = logging.getLogger(__name__)


class PortTaken(Exception):
    """Somebody else listens there already; the text is for the person who starts the gateway."""

    def __init__(self, port: int, variable: str, reason: str) -> None:
        super().__init__(f"port {port} cannot be used ({reason}): end what uses it, or set {variable}")


class Bus(Protocol):
    """The bus as the gateway needs it; see :class:`ioc.adapters.gateway_loop.BusReader`."""

    ready: asyncio.Event
    on_alerts: Callable[[], None]
    on_log_entry: Callable[[LogEntry], None]
    on_desk: Callable[[bytes, bytes | None], None]

    async def open(self) -> Hub: ...
    async def run(self) -> None: ...
    async def close(self) -> None: ...
    async def send(self, logical: str, key: bytes, value: bytes | None) -> object: ...
    def health(self, now_ms: int) -> Health: ...


class Gateway:
    """One gateway around a bus, an account store and a history."""

    def __init__(
        self,
        settings: Settings,
        profile: Profile,
        *,
        bus: Bus,
        accounts: Accounts,
        history: HistoryQueries,
        tokens: SessionTokens,
        metrics: GatewayMetrics,
        clock: Clock,
        static_dir: Path,
        http_port: int | None = None,
        live_port: int | None = None,
    ) -> None:
        self.hub: Hub | None = None
        self.live: LiveServer | None = None
        self.metrics = metrics
        self.listening = asyncio.Event()  # websockets are accepted
        self._settings = settings
        self._profile = profile
        self._bus = bus
        self._accounts = accounts
        self._history = history
        self._clock = clock
        self._tickets = Tickets(clock)
        self._database_ok = False
        self._desk, self._desk_commands = DeskView(), DeskCommands(bus)
        self._canaries = CanaryLoop(profile, bus.send, history, clock, settings.canary_s)
        self._live_port = settings.live_port if live_port is None else live_port
        port = settings.http_port if http_port is None else http_port
        self._socket = _listen(settings.http_host, port)
        self.parts = Parts(
            settings=settings,
            profile=profile,
            accounts=accounts,
            tokens=tokens,
            tickets=self._tickets,
            history=history,
            metrics=metrics,
            clock=clock,
            readiness=self.readiness,
            alerts=self._alerts,
            desk=self._desk,
            desk_commands=self._desk_commands,
            static_dir=static_dir,
            live_url=self._live_url,
        )

    @property
    def http_port(self) -> int:
        """Port of pages and API."""
        return int(self._socket.getsockname()[1])

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop`` is set; an error of any part ends all of them.

        Raises:
            ExceptionGroup: a part failed.
        """
        http = _Http(build_app(self.parts))
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._serve_live()),
                group.create_task(self._watch_accounts()),
                group.create_task(self._watch_database()),
                group.create_task(self._show_metrics()),
                group.create_task(watch_quality(self._alerts, self._history, self.metrics, self._clock)),
            ]
            pages = group.create_task(http.serve(sockets=[self._socket]))
            try:
                await stop.wait()
            finally:
                if self.live is not None:
                    await self.live.close()
                http.should_exit = True
                for task in tasks:
                    task.cancel()
            await pages

    def health(self, now_ms: int) -> Health:
        """How current the picture is, and which parts are away."""
        health = self._bus.health(now_ms)
        away = [*health.degraded] if self._database_ok else [*health.degraded, "database"]
        if "bus" not in away and self._desk.silent(now_ms):
            away.append("desk")
        return Health(health.lag_s, [*away, *self._canaries.blamed(now_ms, away)])

    def _alerts(self) -> list[Alert]:
        return [] if self.hub is None else self.hub.alerts()

    def readiness(self) -> Readiness:
        """For ``/readyz``: ready once everything that was on the bus at the start is in the picture."""
        now_ms = self._clock()
        health = self.health(now_ms)
        hub = self.hub
        return Readiness(
            ready=self.listening.is_set() and self._bus.ready.is_set(),
            centres_seen=sorted(hub.centres_seen()) if hub is not None else [],
            alerts=hub.sizes()["alerts"] if hub is not None else 0,
            degraded=health.degraded,
            lag_s=health.lag_s,
            canary_age_s=self._canaries.ages(now_ms),
        )

    async def _serve_live(self) -> None:
        self._bus.on_desk = self._desk.take
        self.hub = hub = await self._bus.open()
        self._canaries.sightings = hub.canaries
        commands = Commands(hub, self._bus, self._clock, people=self._accounts)

        def on_log_entry(entry: LogEntry) -> None:
            commands.on_log_entry(entry)
            self._desk_commands.on_log_entry(entry)

        self._bus.on_log_entry = on_log_entry
        self.live = live = LiveServer(
            cache=FrameCache(hub),
            desk=self._desk,
            commands=commands,
            tickets=self._tickets,
            accounts=self._accounts,
            clock=self._clock,
            health=self.health,
            ready=self._bus.ready.is_set,
            metrics=self.metrics,
            origins=self._settings.allowed_origins,
            build=ioc.__version__,
            simulated=any(centre.simulated for centre in self._profile.centres),
        )
        self._bus.on_alerts = live.hurry
        try:
            await live.start(self._settings.http_host, self._live_port)
        except OSError as exc:
            raise PortTaken(self._live_port, "IOC_LIVE_PORT", exc.strerror or "") from exc
        self.listening.set()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._bus.run())
                group.create_task(self._canaries.run())
                group.create_task(live.run())
        finally:
            await commands.close()
            await self._bus.close()

    async def _watch_accounts(self) -> None:
        while True:
            try:
                await self._accounts.refresh()
            except Exception:  # noqa: BLE001 - whatever the database does, a missing table too: the wall goes on
                _log.exception("the account list could not be read")
            await asyncio.sleep(REFRESH_S if self._accounts.known else FIRST_ACCOUNTS_S)

    async def _watch_database(self) -> None:
        while True:
            try:
                await self._history.ping()
                ok = True
            except Unavailable as exc:
                ok = False
                if self._database_ok:
                    _log.warning("the database is away: %s", exc)
            except Exception:  # noqa: BLE001 - as above
                ok = False
                _log.exception("the database could not be asked")
            if ok and not self._database_ok:
                _log.info("the database answers")
            self._database_ok = ok
            await asyncio.sleep(DATABASE_LOOK_S)

    async def _show_metrics(self) -> None:
        shown: set[str] = set()
        good = GoodRules(self._settings.data_dir, self._profile.id)
        rules = RuleFileHealth(rules_file(self._settings.profile), self._profile, good)
        parts = PartsHealth(self._settings.profile, self._profile, self._settings.data_dir)
        while True:
            # a changed file is judged whole, which takes too long for the loop that serves the walls
            self.metrics.rules_broken.set(bool(await asyncio.to_thread(rules.problems)))
            for part, problems in (await asyncio.to_thread(parts.problems)).items():
                self.metrics.files_broken.labels(f"{part}.toml").set(bool(problems))
            health = self.health(self._clock())
            self.metrics.lag_s.set(float("nan") if health.lag_s is None else health.lag_s)
            for stage, age_s in self._canaries.ages(self._clock()).items():
                self.metrics.canary_s.labels(stage).set(age_s)
            for part in shown | set(health.degraded):
                self.metrics.degraded.labels(part).set(part in health.degraded)
            shown |= set(health.degraded)
            self.metrics.show_escalation(self._desk.audit, self._clock())
            if self.hub is not None:
                for kind, count in self.hub.sizes().items():
                    self.metrics.entities.labels(kind).set(count)
                for feed, (late, too_late) in self.hub.late().items():
                    self.metrics.late.labels(feed, "late").set(late)
                    self.metrics.late.labels(feed, "too_late").set(too_late)
                for what in Counters.__struct_fields__:
                    count = sum(getattr(counted, what) for counted in self.hub.detected.values())
                    self.metrics.detected.labels(what).set(count)
                for topic, count in self.hub.skipped.items():
                    self.metrics.skipped.labels(topic).set(count)
            await asyncio.sleep(METRICS_S)

    def _live_url(self) -> str:
        if self._settings.live_url or self.live is None:
            return self._settings.public_live_url
        return f"ws://{self._settings.http_host}:{self.live.port}/live"


class _Http(uvicorn.Server):
    """uvicorn inside our own loop; signals are ours."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                limit_concurrency=256,  # connections at once; more get 503
                timeout_keep_alive=10,
                timeout_graceful_shutdown=3,
                h11_max_incomplete_event_size=16_384,  # of request line and headers
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


def _listen(host: str, port: int) -> socket.socket:
    """A bound socket. Raises PortTaken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as exc:
        listener.close()
        raise PortTaken(port, "IOC_HTTP_PORT", exc.strerror or "") from exc
    listener.set_inheritable(False)
    return listener


def _only(group: BaseException | None) -> BaseException | None:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group


def run_gateway(settings: Settings) -> int:
    """Run the gateway until SIGINT or SIGTERM; the exit code of the process.

    0 stopped in order, 1 a port is taken, 70 a part failed (the supervisor starts the gateway again).
    """
    return asyncio.run(_main(settings))


async def _main(settings: Settings) -> int:
    from ioc.adapters.clock import now_ms
    from ioc.adapters.gateway_loop import BusReader
    from ioc.adapters.queries import Queries
    from ioc.adapters.secret_key import load_or_make
    from ioc.bootstrap import load_running_profile

    profile = load_running_profile(settings)
    metrics = GatewayMetrics()
    queries = Queries(settings.database_url)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        gateway = Gateway(
            settings,
            profile,
            bus=BusReader(settings, Topics(settings.topic_prefix, profile.centre_ids), now_ms, metrics),
            accounts=Accounts(queries, now_ms),
            history=queries,
            tokens=SessionTokens(load_or_make(settings.secret_file), now_ms),
            metrics=metrics,
            clock=now_ms,
            static_dir=Path(ioc.__file__).parent / "static",
        )
        await queries.open()
        await gateway.run(stop)
    except PortTaken as exc:
        _log.error("%s", exc)
        return EXIT_PORT
    except ExceptionGroup as group:
        taken, others = group.split(PortTaken)
        if others is not None:
            _log.error("the gateway failed", exc_info=others)
            return EXIT_FAILED
        _log.error("%s", _only(taken))
        return EXIT_PORT
    finally:
        await queries.close()
    return 0
