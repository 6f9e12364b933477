"""A whole gateway in process: real sockets, real HTTP, a bus and a history in memory, and a clock that can jump."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from msgspec import Struct, structs
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from ioc.adapters.clock import now_ms
from ioc.adapters.metrics import GatewayMetrics
from ioc.adapters.websocket import Health
from ioc.domain.alarm_quality import Line, line_of
from ioc.domain.alerts import Alert, Command, LogEntry
from ioc.domain.dispatch import CapSetup, Dispatch
from ioc.domain.profile import Area, Centre, Feed, Level, Profile, Rule, Site, Target
from ioc.errors import Unavailable
from ioc.gateway import Gateway
from ioc.pipeline.desk import make_desk
from ioc.pipeline.effects import InRecord
from ioc.ports import DeliveryCount
from ioc.services.accounts import Accounts
from ioc.services.hub import PICTURE_TOPICS, Hub
from ioc.services.sign_in import SessionTokens
from ioc.settings import Settings
from ioc.wire import codec
from ioc.wire.cap import Entry
from ioc.wire.positions import Layout
from ioc.wire.topics import Topics
from tests.gateway.fake_accounts import PASSWORD, FakeStore
from tests.services.hub_records import EPOCH, Client

PROFILE = Profile(
    id="test",
    name_vi="Tỉnh",
    name_en="Province",
    title_vi="Trung tâm",
    title_en="Centre",
    timezone="Asia/Ho_Chi_Minh",
    dispatch=Dispatch(
        cap=CapSetup(
            sender="ioc@test.example",
            sender_name_vi="Trung tâm",
            sender_name_en="Centre",
            restriction="test",
            geocode_name="test:1",
        )
    ),
    areas=(Area(code="731", name_vi="Biên Hòa", name_en="Bien Hoa", kind="city"),),
    centres=(
        Centre(
            id="bien-hoa",
            name_vi="Biên Hòa",
            name_en="Bien Hoa",
            kind="city",
            simulated=True,
            areas=("731",),
            feeds=(
                Feed(
                    id="rain",
                    name_vi="Mưa",
                    name_en="Rain",
                    types=("rain.gauge",),
                    expected_period_s=60,
                    silent_after_s=300,
                ),
            ),
            sites=(Site(id="R1", feed="rain", area="731", name_vi="Trạm", name_en="Gauge", limits={"bd1": 1.8}),),
            format={"secret": "mapping"},
        ),
    ),
    rules=(
        Rule(
            id="heavy-rain",
            kind="threshold",
            type="rain.gauge",
            group="rain",
            name_vi="Mưa to",
            name_en="Heavy rain",
            title_vi="Mưa to",
            title_en="Heavy rain",
            levels=(Level(name="L1", priority=2, limit=50.0),),
        ),
    ),
    targets=(Target(indicator="dti_rank", pillar="government", name_vi="DTI", name_en="DTI", unit="", better="lower"),),
)


class FakeHistory:
    """History in memory; ``away`` makes it unavailable."""

    def __init__(self) -> None:
        self.away = False
        self.entries: list[LogEntry] = []
        self.alerts: list[Alert] = []
        self.spans: list[tuple[int, int]] = []
        self.canary_ms: int | None = None
        self.deliveries: list[DeliveryCount] = []
        self.cap: dict[str, tuple[Entry, str, str | None]] = {}  # identifier → entry, document, exercise

    async def ping(self) -> None:
        if self.away:
            raise Unavailable("database", "test")

    async def newest_canary(self, centre: str) -> int | None:
        await self.ping()
        return self.canary_ms

    async def alert_log(self, alert_id: str) -> Sequence[LogEntry]:
        await self.ping()
        return [entry for entry in self.entries if entry.alert_id == alert_id]

    async def alerts_between(self, from_ms: int, to_ms: int) -> Sequence[Alert]:
        await self.ping()
        return [alert for alert in self.alerts if from_ms <= alert.raised_ms < to_ms]

    async def recorded_spans(self, from_ms: int, to_ms: int) -> Sequence[tuple[int, int]]:
        await self.ping()
        return [(a, b) for a, b in self.spans if a < to_ms and b > from_ms]

    async def log_lines(self, from_ms: int, to_ms: int, lines_max: int) -> Sequence[Line]:
        await self.ping()
        found = [line for line in map(line_of, self.entries) if line is not None and from_ms <= line.at_ms < to_ms]
        return found[-lines_max:]

    async def delivery_counts(self, after_ms: int) -> Sequence[DeliveryCount]:
        await self.ping()
        return self.deliveries

    async def cap_entries(self, exercise: str | None, after_ms: int) -> Sequence[Entry]:
        await self.ping()
        return [entry for entry, _, of in self.cap.values() if of == exercise and entry.sent_ms > after_ms]

    async def cap_message(self, identifier: str) -> str | None:
        await self.ping()
        return self.cap[identifier][1] if identifier in self.cap else None

    async def series(self, key: str, from_ms: int, to_ms: int) -> Sequence[Struct]:
        await self.ping()
        return []


class FakeBus:
    """Topics as lists, one hub, and an alerting that answers commands the way the real one promises to."""

    def __init__(self, clock: Callable[[], int], log: dict[tuple[str, int], list[Any]] | None = None) -> None:
        self.ready = asyncio.Event()
        self.on_alerts: Callable[[], None] = lambda: None
        self.on_log_entry: Callable[[LogEntry], None] = lambda entry: None
        self.on_desk: Callable[[bytes, bytes | None], None] = lambda key, value: None
        self.topics = Topics("t.", ["bien-hoa"])
        self.layout = Layout(tuple((name, self.topics.partitions(name)) for name in PICTURE_TOPICS))
        self.log = log if log is not None else {}
        self.hub = Hub(self.layout, EPOCH, [0] * self.layout.size)
        self.state = Health(0.1, [])
        self.effects: list[LogEntry] = []  # commands that changed something
        self.silent = False  # alerting is dead: commands are stored and not answered
        self.away = False  # the bus itself refuses
        self.sent: list[Command] = []
        self._index = {pair: index for index, pair in enumerate(self.layout.pairs())}
        self._answers: dict[str, LogEntry] = {}
        self._clock = clock
        self.desk = make_desk(PROFILE)

    async def open(self) -> Hub:
        for (topic, partition), records in self.log.items():
            for offset, record in enumerate(records):
                self.hub.apply(self._index[topic, partition], offset, *record)
        self.ready.set()
        return self.hub

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def close(self) -> None:
        pass

    def health(self, now_ms: int) -> Health:
        return self.state

    def put(self, topic: str, record: tuple[bytes, bytes | None], partition_key: bytes | None = None) -> None:
        """Write one record and read it at once."""
        partition = self.topics.partition(topic, partition_key or record[0])
        records = self.log.setdefault((topic, partition), [])
        records.append(record)
        before = self.hub.alerts_seq
        self.hub.apply(self._index[topic, partition], len(records) - 1, *record)
        if self.hub.alerts_seq != before:
            self.on_alerts()

    def put_alert(self, alert: Alert | None, alert_id: str = "", key: str = "") -> None:
        if alert is None:
            self.put("alerts", (alert_id.encode(), None), key.encode())
        else:
            self.put("alerts", (alert.id.encode(), codec.encode(alert)), alert.key.encode())

    async def send(self, logical: str, key: bytes, value: bytes | None) -> object:
        if self.away:
            raise Unavailable("kafka", "test")
        if logical == "desk-inputs":
            if not self.silent:
                asyncio.get_running_loop().call_later(0.01, self._desk_step, value)
            return None
        assert logical == "alert-inputs"
        assert value is not None
        command = codec.decode_alert_input(value)
        assert isinstance(command, Command)
        assert command.key.encode() == key
        self.sent.append(command)
        if not self.silent:
            asyncio.get_running_loop().call_later(0.01, self.answer, command)
        return None

    def _desk_step(self, value: bytes | None) -> None:
        """The real desk, without a bus around it."""
        effects = self.desk.step([InRecord(0, 0, None, value)], self._clock())
        for key, row in self.desk.take_dirty():
            self.on_desk(key.encode(), row)
        for emit in effects.emits:
            if emit.topic == "alert-log" and emit.value is not None:
                self.on_log_entry(codec.decode_log_entry(emit.value))

    def answer(self, command: Command) -> None:
        """What alerting does with one command; the same command again gets the same answer."""
        entry = self._answers.get(command.command_id)
        if entry is None:
            entry = self._answers[command.command_id] = self._decide(command)
        self.on_log_entry(entry)

    def _decide(self, command: Command) -> LogEntry:
        alert = self.hub.alert(command.alert_id)
        now = self._clock()
        facts: dict[str, Any] = dict(
            id=command.command_id,
            alert_id=command.alert_id,
            key=command.key,
            kind="command",
            what="ack",
            at_ms=now,
            actor=command.actor,
            actor_display=command.actor_display,
            command_id=command.command_id,
        )
        if alert is None:
            return LogEntry(accepted=False, outcome="NOT_FOUND", **facts)
        if alert.acked:
            by = dict(by=alert.acked_by, by_display=alert.acked_by_display, by_at_ms=alert.acked_ms)
            return LogEntry(accepted=False, outcome="ALREADY_ACKED", version=alert.version, **by, **facts)
        if alert.version != command.expected_version:
            return LogEntry(accepted=False, outcome="STALE", version=alert.version, **facts)
        acked = structs.replace(
            alert,
            version=alert.version + 1,
            acked=True,
            state="ACKED",
            acked_by=command.actor,
            acked_by_display=command.actor_display,
            acked_ms=now,
        )
        self.put_alert(acked)
        entry = LogEntry(accepted=True, outcome="DONE", version=acked.version, **facts)
        self.effects.append(entry)
        return entry


class Wall:
    """A client of ``/live`` that checks every frame against the rules of the protocol."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.client = Client()
        self.frames: list[dict[str, Any]] = []

    async def say(self, frame: dict[str, Any] | str) -> None:
        await self.socket.send(frame if isinstance(frame, str) else json.dumps(frame))

    async def hear(self, kind: str, limit_s: float = 5.0) -> dict[str, Any]:
        """Take frames until one of this kind came."""
        return await self.until(lambda frame: frame["t"] == kind, limit_s)

    async def until(self, found: Callable[[dict[str, Any]], bool], limit_s: float = 5.0) -> dict[str, Any]:
        async with asyncio.timeout(limit_s):
            while True:
                frame = json.loads(await self.socket.recv())
                self.frames.append(frame)
                self.client.take_frame(frame)
                if found(frame):
                    return frame

    async def sign_in(self, ticket: str) -> dict[str, Any]:
        await self.say({"t": "auth", "ticket": ticket, "proto": 1})
        return await self.hear("hello")

    async def subscribe(self, since: dict[str, str] | None = None) -> None:
        """Ask for the picture and take it until the first beat."""
        if since is not None:
            self.client.pos = since["pos"]
        await self.say({"t": "subscribe", "channels": ["wall"], "filter": {}, "since": since})
        await self.hear("beat")

    async def command(self, alert_id: str, version: int, command_id: str | None = None) -> dict[str, Any]:
        name = command_id or uuid.uuid4().hex
        await self.say(command_frame(alert_id, version, name))
        return await self.until(lambda frame: frame["t"] == "outcome" and frame["command_id"] == name, 8.0)

    async def do(self, op: str, alert_id: str, version: int, **more: Any) -> dict[str, Any]:
        """Give any command; its outcome."""
        name = more.pop("command_id", None) or uuid.uuid4().hex
        await self.say(command_frame(alert_id, version, name) | {"op": op} | more)
        return await self.until(lambda frame: frame["t"] == "outcome" and frame["command_id"] == name, 8.0)

    async def closed(self, limit_s: float = 8.0) -> int:
        """The close code, when the server closes; frames before it are kept."""
        async with asyncio.timeout(limit_s):
            try:
                while True:
                    self.frames.append(json.loads(await self.socket.recv()))
            except ConnectionClosed:
                await self.socket.wait_closed()
        assert self.socket.close_code is not None
        return self.socket.close_code


def command_frame(alert_id: str, version: int, command_id: str) -> dict[str, Any]:
    return {"t": "command", "command_id": command_id, "op": "ack", "alert_id": alert_id, "expected_version": version}


class Running:
    """A gateway that runs, and everything around it that a test turns."""

    def __init__(self, tmp: Path, *, open_wall: bool = True, log: Any = None) -> None:
        self.skew_ms = 0
        self.settings = Settings(
            data_dir=tmp, origins=("http://wall.test",), open_wall=open_wall, map_dir=tmp / "map", profile="test"
        )
        self.origin = self.settings.origins[0]
        self.store = FakeStore()
        self.history = FakeHistory()
        self.bus = FakeBus(self.clock, log)
        self.metrics = GatewayMetrics()
        self.accounts = Accounts(self.store, self.clock)
        self.gateway = Gateway(
            self.settings,
            PROFILE,
            bus=self.bus,
            accounts=self.accounts,
            history=self.history,
            tokens=SessionTokens(b"k" * 32, self.clock),
            metrics=self.metrics,
            clock=self.clock,
            static_dir=tmp / "static",
            http_port=0,
            live_port=0,
        )
        self.http = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.gateway.http_port}", headers={"origin": self.origin}, timeout=10
        )

    def clock(self) -> int:
        return now_ms() + self.skew_ms

    @property
    def live_url(self) -> str:
        assert self.gateway.live is not None
        return f"ws://127.0.0.1:{self.gateway.live.port}/live"

    async def ticket(self, name: str | None = None) -> str:
        """A ticket of an account, or of the open wall."""
        async with httpx.AsyncClient(base_url=self.http.base_url, headers=self.http.headers, timeout=10) as http:
            if name is not None:
                (await http.post("/api/session", json={"user": name, "password": PASSWORD})).raise_for_status()
            answer = await http.post("/api/ticket", json={"wall": name is None})
            answer.raise_for_status()
            return str(answer.json()["ticket"])

    async def open(self, **options: Any) -> Wall:
        """A connection that the caller ends."""
        options = {"origin": self.origin} | options
        return Wall(await connect(options.pop("url", self.live_url), **options))

    @asynccontextmanager
    async def socket(self, **options: Any) -> AsyncIterator[Wall]:
        wall = await self.open(**options)
        try:
            yield wall
        finally:
            await wall.socket.close()

    @asynccontextmanager
    async def wall(self, name: str | None = None, since: dict[str, str] | None = None) -> AsyncIterator[Wall]:
        """A client that is signed in and has the picture."""
        async with self.socket() as wall:
            await wall.sign_in(await self.ticket(name))
            await wall.subscribe(since)
            yield wall


@asynccontextmanager
async def running(tmp: Path, **options: Any) -> AsyncIterator[Running]:
    found = Running(tmp, **options)
    stop = asyncio.Event()
    task = asyncio.create_task(found.gateway.run(stop))
    try:
        async with asyncio.timeout(10):
            await found.gateway.listening.wait()
        yield found
    finally:
        await found.http.aclose()
        stop.set()
        async with asyncio.timeout(15):
            await task


async def eventually(found: Callable[[], Any], limit_s: float = 5.0) -> Any:
    """The first true value of ``found`` within the limit."""
    async with asyncio.timeout(limit_s):
        while not (value := found()):  # noqa: ASYNC110 - any state is polled, not one event
            await asyncio.sleep(0.02)
    return value
