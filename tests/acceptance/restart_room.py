"""The room of the restart test: a profile of plain rules, a feed in its native format, a webhook, a wall, the log."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import httpx
import psycopg
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from ioc.adapters.kafka import Producer
from ioc.adapters.profiles import load_profile, profile_folder
from ioc.bootstrap import read_settings
from ioc.settings import Settings
from ioc.wire.topics import Topics
from simulators import feeds, formats
from simulators.feeds.base import make_reading
from tests.acceptance.restart_books import Line, Picture, Step, Told
from tests.forms import form
from tests.system import System

CENTRE = "bien-hoa"
SLOW, FAST = 5.0, 60.0  # km/h: beyond the limit of every rule here, and well inside
STEP_S, STEPS, REPEAT = form(3.0, 6.0), 20, 5  # the chain outlasts the test
CHAIN_S = (STEP_S,) * (STEPS * (1 + REPEAT))
SITES = {
    "ladder": ("CAM-BH-001", "CAM-BH-002"),  # escalates; the second is taken in the middle of it
    "plain": tuple(f"CAM-BH-{n:03}" for n in (*range(3, 13), 18, 19)),
    "cause": ("CAM-BH-013",),
    "effect": ("CAM-BH-014", "CAM-BH-015"),
    "joined": ("CAM-BH-016", "CAM-BH-017"),  # two that make an incident
}
GROUP_WAIT_S = 6  # of the notifier; a call waits behind news of others, and is given up when it is needless then
INHIBIT = """
[[inhibit]]
id = "cause-effect"
source = { rules = ["cause"] }
target = { rules = ["effect"] }
equal = ["centre", "area"]
why_vi = "Đã rõ nguyên nhân"
why_en = "The cause is known"
"""
INCIDENTS = """
[[groups]]
id = "joined"
title_vi = "Hai điểm"
title_en = "Two places"
rules = ["joined"]
near = "centre"
within_s = 1800
"""


def write_profile(folder: Path, hook: str) -> Path:
    """The province with rules of its own, who is called every three seconds, and everything told to one webhook."""
    shutil.copytree(profile_folder(Settings().profile), folder)
    rules = (
        f"""
[[rules]]
id = "{rule}"
kind = "threshold"
type = "traffic.flow"
group = "traffic"
name_vi = "{rule}"
name_en = "{rule}"
title_vi = "{{value}} km/h"
title_en = "{{value}} km/h"
field = "speed_km_h"
direction = "below"
unit = "km/h"
deadband = 3.0
max_gap_s = 3600
sites = {json.dumps(sites)}

[[rules.levels]]
name = "15"
priority = 2
limit = 15.0
"""
        for rule, sites in SITES.items()
    )
    step = f'[[chains.steps]]\nwait_s = {STEP_S}\nperson = "truc"\n'
    ladder = f'[[chains]]\nid = "ladder"\nrules = ["ladder"]\nrepeat = {REPEAT}\n{step * STEPS}'
    rest = '[[chains]]\nid = "rest"\n[[chains.steps]]\nwait_s = 80000\nperson = "truc"\n'
    person = '[[people]]\nid = "truc"\nname = "Trực"\nchannels = ["hook"]\n'
    route = '[[routes]]\nchannels = ["hook"]\npriority = 4\non = ["raised", "worse"]\n'
    channel = f'group_wait_s = {GROUP_WAIT_S}\n[[channels]]\nid = "hook"\nkind = "webhook"\nurl = "{hook}"\n'
    files = {"rules": "".join(rules), "duty": person + ladder + rest, "dispatch": channel + route}
    for name, text in (files | {"suppression": INHIBIT, "incidents": INCIDENTS}).items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder


class Hook:
    """A webhook on a port of its own; it keeps every call."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                hook.told.append(
                    Told(
                        key=self.headers["IOC-Delivery"],
                        alert=body["alert"]["id"],
                        occasion=body["occasion"],
                        version=body["alert"]["version"],
                    )
                )
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Feed:
    """The centre's own system: speeds of its counting places, in its native format, signed in as the centre."""

    def __init__(self, system: System) -> None:
        self._settings = read_settings(system.environ)
        self._profile = load_profile(self._settings.profile)
        centre = next(one for one in self._profile.centres if one.id == CENTRE)
        self._places = {place.site: place for place in feeds.places_of(self._profile, centre, "traffic")}
        topics = Topics(self._settings.topic_prefix, self._profile.centre_ids)
        self._producer = Producer(self._settings, topics, centre=CENTRE)
        self._seq = 0

    async def __aenter__(self) -> Self:
        await self._producer.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._producer.stop()

    async def say(self, site: str, speed_km_h: float, ago_s: int = 0) -> None:
        """One reading, and the broker's acknowledgement of it."""
        place, now_ms = self._places[site], (time.time_ns() // 1_000_000_000 - ago_s) * 1000
        self._seq += 1
        data = {"intensity_veh_h": 900.0, "speed_km_h": speed_km_h, "lon": place.at[0], "lat": place.at[1]}
        reading = make_reading(place, "traffic.flow", now_ms, now_ms // 1000, data, f"R{self._seq}")
        await self._producer.send(f"raw.{CENTRE}", *formats.encode(self._profile, reading))


class Wall:
    """An open wall that connects again from where it stands, and remembers every picture that it showed."""

    def __init__(self, system: System) -> None:
        self._system = system
        self.session = 0
        self.live = False
        self.pictures: list[Picture] = []
        self.incidents: list[tuple[int, list[dict[str, Any]]]] = []  # by connection, each time they were said
        self._since: dict[str, str] | None = None
        self._held: dict[str, tuple[int, str]] = {}
        self._suspect: set[str] | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_exc: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def check(self) -> None:
        """Say why it stopped to listen, if it did."""
        if self._task is not None and self._task.done():
            self._task.result()

    async def _run(self) -> None:
        headers = {"Origin": self._system.base}
        async with httpx.AsyncClient(base_url=self._system.base, headers=headers, timeout=5) as http:
            while True:
                with contextlib.suppress(WebSocketException, OSError, httpx.HTTPError, TimeoutError):
                    ticket = await http.post("/api/ticket", json={"wall": True})
                    if ticket.is_client_error:
                        raise AssertionError(f"no open wall: {ticket.text}")
                    ticket.raise_for_status()
                    async with connect(ticket.json()["live_url"], origin=self._system.base) as socket:  # type: ignore[arg-type]
                        await socket.send(json.dumps({"t": "auth", "ticket": ticket.json()["ticket"], "proto": 1}))
                        subscribe = {"t": "subscribe", "channels": ["wall"], "filter": {}, "since": self._since}
                        await socket.send(json.dumps(subscribe))
                        self.session += 1
                        async for text in socket:
                            self._hear(json.loads(text))
                self.live, self._suspect = False, None
                await asyncio.sleep(0.1)

    def _hear(self, frame: dict[str, Any]) -> None:
        match frame["t"]:
            case "hello":
                self._epoch = frame["epoch"]
            case "snapshot_begin":
                self._suspect = set(self._held)
            case "snapshot" | "delta":
                for alert in frame.get("alerts", ()):
                    self._held[alert["id"]] = (alert["version"], alert["state"])
                    if self._suspect is not None:
                        self._suspect.discard(alert["id"])
                for name in (frame.get("gone") or {}).get("alerts", ()):
                    self._held.pop(name, None)
                if frame["t"] == "delta":
                    if self._since is not None and frame["prev"] != self._since["pos"]:
                        raise AssertionError("a delta does not follow what this wall stands at")
                    self._stand(frame["pos"], whole=not self.live)
            case "snapshot_end":
                for name in self._suspect or ():
                    self._held.pop(name, None)
                self._suspect = None
                self._stand(frame["pos"], whole=True)
            case "desk":
                self.incidents.append((self.session, frame.get("incidents", [])))

    def _stand(self, pos: str, *, whole: bool) -> None:
        self._since, self.live = {"epoch": self._epoch, "pos": pos}, True
        self.pictures.append(Picture(session=self.session, whole=whole, alerts=dict(self._held)))


class Books:
    """What the database has: the log of alerts, and how far the notifier is."""

    def __init__(self, url: str) -> None:
        self._url = url

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of a query; the connection is new, because the database may have been down meanwhile."""
        with psycopg.connect(self._url, connect_timeout=5) as connection:
            return connection.execute(query).fetchall()  # type: ignore[arg-type]

    def log(self) -> list[Line]:
        """Accepted lines about alerts, each alert's in its order."""
        rows = self.rows("SELECT body FROM alert_log WHERE accepted AND alert_id LIKE 'A-%' ORDER BY seq")
        return [_line(body) for (body,) in rows]

    def ids(self) -> dict[str, list[str]]:
        """Site → ids of its alerts, the one that is not closed last. (Lines of different alerts have no order.)"""
        rows = self.rows("SELECT body FROM alert_log WHERE accepted AND alert_id LIKE 'A-%' ORDER BY seq")
        last = {body["alert_id"]: body for (body,) in rows}
        found: dict[str, list[str]] = {}
        for alert, body in sorted(last.items(), key=lambda one: bool(one[1]["to_state"] != "NORM")):
            found.setdefault(body["key"].split("|")[2], []).append(alert)
        return found

    def all_told(self) -> bool:
        """Has the notifier judged the whole log, and is nothing due any more?

        Raises:
            ValueError: not yet; what is missing.
        """
        [(behind,)] = self.rows(
            "SELECT (SELECT coalesce(max(position), 0) FROM audit_chain) - (SELECT position FROM dispatch_position)"
        )
        due = self.rows("SELECT to_jsonb(d) - 'body' FROM delivery d WHERE state = 'due'")
        if behind or due:
            raise ValueError(f"{behind} lines are not judged, due: {due}")
        return True

    def about(self, words: str) -> Iterator[dict[str, Any]]:
        """Accepted lines whose word begins so, of incidents too."""
        rows = self.rows("SELECT body FROM alert_log WHERE accepted ORDER BY seq")
        return (body for (body,) in rows if body["what"].startswith(words))


def _line(body: dict[str, Any]) -> Line:
    called = body.get("summons") if body["what"] == "summoned" else None
    step = None
    if called is not None:
        step = Step(called.get("began_ms", 0), called["round"], called["step"], called["at_ms"])
    return Line(
        alert=body["alert_id"],
        what=body["what"],
        version=body.get("version", 0),
        before=body.get("from_state", ""),
        after=body.get("to_state", ""),
        step=step,
    )
