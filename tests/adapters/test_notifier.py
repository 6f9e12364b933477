"""The notifier on the real TimescaleDB, with a real HTTP server: judged once, delivered at least once, drills never."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
from msgspec import structs

from ioc.adapters import outbox
from ioc.adapters.clock import now_ms
from ioc.adapters.migrate import migrate
from ioc.adapters.notifier_loop import LogSink, Notifier, senders
from ioc.adapters.profiles import load_profile
from ioc.adapters.queries import Queries
from ioc.adapters.timescale import Timescale
from ioc.cli import main
from ioc.domain.alerts import Alert, LogEntry
from ioc.domain.cap import Cap
from ioc.domain.dispatch import Channel, Dispatch, Route
from ioc.domain.profile import Profile
from ioc.errors import BadSettings, Unavailable
from ioc.pipeline.effects import InRecord
from ioc.pipeline.episodes import HIDDEN_OCCURRENCE
from ioc.pipeline.notices import ALERT_WAIT_MS, BACKOFF_FIRST_MS, Again, Delivery, Done, Never, Result
from ioc.ports import Place
from ioc.services.recorder_rows import build
from ioc.settings import Settings
from ioc.wire import codec
from tests.adapters.empty import empty_database
from tests.samples import T0_MS, an_alert
from tests.wire.cap_schema import said, wrong

pytestmark = pytest.mark.stack

ROOT = Path(__file__).resolve().parents[2]
ALERTS, LOG = Place("ioc.alerts", 0), Place("ioc.alert-log", 0)
BASE = load_profile("dongnai-2023")
CHANNELS = (
    Channel(id="hook", kind="webhook", url="https://hook.example/a"),
    Channel(id="mail", kind="email", to=("a@x.example", "b@x.example")),
)
ROUTES = (Route(channels=("hook", "mail"), priority=4, on=("raised", "over")),)


def province(**changes: Any) -> Profile:
    dispatch = structs.replace(BASE.dispatch, channels=CHANNELS, routes=ROUTES, group_wait_s=0)
    return structs.replace(BASE, dispatch=structs.replace(dispatch, **changes))


class Way:
    """A way out that keeps what comes and answers what a test wants."""

    def __init__(self) -> None:
        self.taken: list[Delivery] = []
        self.answers: list[Result] = []
        self.gate: asyncio.Event | None = None

    async def send(self, delivery: Delivery, now_ms: int) -> Result:
        self.taken.append(delivery)
        if self.gate is not None:
            await self.gate.wait()
        return self.answers.pop(0) if self.answers else Done()

    @property
    def ids(self) -> list[str]:
        return [one.notice.id for one in self.taken]


class World:
    """A database that a recorder fills, a clock, and notifiers."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.now_ms = T0_MS + 1000
        self.recorder = Timescale(url, cluster="c1", name="t.")
        self.hook, self.mail = Way(), Way()
        self._offset = 0
        self._open: list[Notifier] = []

    def notifier(self, profile: Profile | None = None) -> Notifier:
        ways = {"webhook": self.hook, "email": self.mail, "log": LogSink()}
        found = Notifier(self.url, profile or province(), ways, lambda: self.now_ms)
        self._open.append(found)
        return found

    async def put(self, alert: Alert | None, *entries: LogEntry) -> None:
        self._offset += 10
        chunks = [(LOG, [InRecord(self._offset + n, 0, b"k", codec.encode(e)) for n, e in enumerate(entries)])]
        if alert is not None:
            chunks.append((ALERTS, [InRecord(self._offset, 0, alert.id.encode(), codec.encode(alert))]))
        await self.recorder.write(build("ioc.", chunks).tables, {})

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as conn:
            return conn.execute(query.encode()).fetchall()

    async def close(self) -> None:
        for notifier in self._open:
            await notifier.close()
        await self.recorder.close()


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    found = World(database_url)
    await found.recorder.open([ALERTS, LOG])
    yield found
    await found.close()


def alert(name: str = "A-1", version: int = 1, **changes: Any) -> Alert:
    base = structs.replace(
        an_alert(name, version), rule="hydro-level", cap=Cap(category=("Met",), severity="Severe"), lon=106.8, lat=10.9
    )
    return structs.replace(base, **changes)


def line(name: str = "A-1", what: str = "raised", version: int = 1, **changes: Any) -> LogEntry:
    base = LogEntry(
        id=f"{name}/{version}/{what}",
        alert_id=name,
        key="k",
        kind="transition",
        what=what,
        accepted=True,
        at_ms=T0_MS,
        version=version,
        from_state="ACKED" if what == "closed" else "NORM",
        to_state="NORM" if what == "closed" else "UNACK",
        priority=2,
    )
    return structs.replace(base, **changes)


async def settled(notifier: Notifier) -> None:
    while await notifier.turn():
        pass


async def test_from_the_log_to_receivers_and_to_cap(world: World) -> None:
    notifier = world.notifier()
    await settled(notifier)
    await world.put(alert(), line())
    await settled(notifier)
    assert len(world.hook.taken) == 1
    assert [one.notice.target for one in world.mail.taken] == ["a@x.example", "b@x.example"]
    over = alert(version=2, active=False, acked=True, closed=True)
    await world.put(over, line(what="closed", version=2))
    await settled(notifier)
    assert len(world.hook.taken) == 2
    messages = [xml.encode() for (xml,) in world.rows("SELECT xml FROM cap_message ORDER BY seq")]
    assert [wrong(document) for document in messages] == ["", ""]
    assert [said(document, "msgType") for document in messages] == [["Alert"], ["Cancel"]]
    assert said(messages[1], "references")[0].split(",")[1] == said(messages[0], "identifier")[0]
    assert {state for (state,) in world.rows("SELECT state FROM delivery")} == {"done"}
    await settled(world.notifier())
    assert len(world.hook.taken) == 2, "a restart repeats nothing that was done"


async def test_the_first_start_tells_nobody_of_the_past_but_publishes_what_stands(world: World) -> None:
    await world.put(alert(), line())
    await world.put(alert("A-2", active=False, acked=True, closed=True), line("A-2"))
    await settled(world.notifier())
    assert world.hook.taken == []
    assert world.rows("SELECT alert_id, msg_type FROM cap_message") == [("A-1", "Alert")]
    assert not await world.notifier().turn(), "at rest"


async def test_drills_tell_nobody_and_are_exercises_in_cap(world: World) -> None:
    notifier = world.notifier()
    await settled(notifier)
    await world.put(alert(exercise="drill-7"), line(exercise="drill-7"))
    await settled(notifier)
    assert world.hook.taken == world.mail.taken == []
    assert world.rows("SELECT count(*) FROM delivery") == [(0,)]
    assert world.rows("SELECT status, exercise FROM cap_message") == [("Exercise", "drill-7")]
    queries = Queries(world.url)
    await queries.open()
    try:
        assert await queries.cap_entries(None, 0) == []
        [entry] = await queries.cap_entries("drill-7", 0)
        document = await queries.cap_message(entry.identifier)
        assert document is not None
        assert said(document.encode(), "note") == ["drill-7"]
        assert await queries.cap_message("nothing") is None
        assert await queries.cap_entries("drill-7", world.now_ms) == []
    finally:
        await queries.close()


async def test_a_failed_delivery_waits_in_the_database_and_not_in_a_timer(world: World) -> None:
    first = world.notifier(province(channels=CHANNELS[:1], routes=(Route(channels=("hook",)),)))
    await settled(first)
    world.hook.answers = [Again("HTTP 503"), Again("HTTP 503")]
    await world.put(alert(), line())
    await settled(first)
    await first.close()
    [(state, attempts, error)] = world.rows("SELECT state, attempts, last_error FROM delivery")
    assert (state, attempts, error) == ("due", 1, "HTTP 503")
    second = world.notifier(province(channels=CHANNELS[:1], routes=(Route(channels=("hook",)),)))
    await settled(second)
    assert len(world.hook.taken) == 1, "not due yet, also after a restart"
    world.now_ms += int(BACKOFF_FIRST_MS * 1.2)
    await settled(second)
    world.now_ms += int(2 * BACKOFF_FIRST_MS * 1.2)
    await settled(second)
    assert len(world.hook.taken) == 3
    assert len(set(world.hook.ids)) == 1, "every attempt has the same key"
    assert len({one.notice.body for one in world.hook.taken}) == 1
    assert world.rows("SELECT state, attempts FROM delivery") == [("done", 3)]


async def test_a_refused_delivery_is_over_and_says_why(world: World) -> None:
    notifier = world.notifier()
    await settled(notifier)
    world.hook.answers = [Never("HTTP 410")]
    await world.put(alert(), line())
    await settled(notifier)
    assert world.rows("SELECT state, last_error FROM delivery WHERE channel = 'hook'") == [("dead", "HTTP 410")]
    world.now_ms += 10_000_000
    await settled(notifier)
    assert len(world.hook.taken) == 1


async def test_what_was_given_up_can_be_seen_and_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("IOC_SCHEMAS_DIR", raising=False)  # of tests, no setting
    monkeypatch.setenv("IOC_DATABASE_URL", world.url)
    world.now_ms = now_ms()

    async def ioc(*words: str) -> int:
        return await asyncio.to_thread(main, list(words))

    notifier = world.notifier()
    await settled(notifier)
    world.hook.answers = [Never("HTTP 410")]
    await world.put(alert(), line(at_ms=world.now_ms))
    await settled(notifier)
    assert await ioc("notices", "list", "--state", "dead", "--json") == 0
    [shown] = json.loads(capsys.readouterr().out)
    assert (shown["channel"], shown["error"], shown["tried"]) == ("hook", "HTTP 410", 1)
    queries = Queries(world.url)
    await queries.open()
    counts = await queries.delivery_counts(0)
    await queries.close()
    assert [(count.channel, count.state, count.n) for count in counts] == [("hook", "dead", 1), ("mail", "done", 2)]
    assert await ioc("notices", "retry", "nothing") == 1
    assert await ioc("notices", "retry", shown["id"]) == 0
    assert await ioc("notices", "retry", shown["id"]) == 1, "it is on its way"
    world.now_ms = now_ms() + 1
    await settled(notifier)
    assert world.hook.ids == [shown["id"]] * 2
    assert await ioc("notices", "list", "--state", "dead") == 0
    assert "no notices" in capsys.readouterr().out


async def test_the_process_ends_in_order_on_sigterm(world: World, tmp_path: Path) -> None:
    await world.put(alert(), line(at_ms=now_ms()))
    environ = {name: text for name, text in os.environ.items() if not name.startswith("IOC_")}
    environ |= {"IOC_DATABASE_URL": world.url, "IOC_DATA_DIR": str(tmp_path)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ioc.cli", "notifier"), cwd=ROOT, env=environ, stderr=asyncio.subprocess.PIPE
    )
    try:
        for _ in range(600):
            if world.rows("SELECT count(*) FROM cap_message") == [(1,)]:
                break
            await asyncio.sleep(0.05)
        process.terminate()
        async with asyncio.timeout(10):
            _, said_there = await process.communicate()
        assert process.returncode == 0, said_there.decode()
    finally:
        if process.returncode is None:
            process.kill()
    assert world.rows("SELECT count(*) FROM cap_message") == [(1,)]


async def test_two_notifiers_share_the_work_and_tell_everybody_once(world: World) -> None:
    pair = [world.notifier(), world.notifier()]
    await asyncio.gather(*map(settled, pair))
    for n in range(30):
        await world.put(alert(f"A-{n}"), line(f"A-{n}"))
    await asyncio.gather(*map(settled, pair))
    assert len(world.hook.taken) == len(set(world.hook.ids)) == 30
    assert len(world.mail.taken) == len(set(world.mail.ids)) == 60
    assert world.rows("SELECT count(*), count(DISTINCT alert_id) FROM cap_message") == [(30, 30)]


async def test_killed_before_the_commit_the_lines_are_judged_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    notifier = world.notifier()
    await settled(notifier)
    await world.put(alert(), line())

    async def die(conn: object, deliveries: Sequence[Delivery]) -> int:
        raise Unavailable("database", "killed")

    monkeypatch.setattr(outbox, "_add", die)
    with pytest.raises(Unavailable):
        await notifier.turn()
    assert world.rows("SELECT count(*) FROM cap_message") == [(0,)]
    monkeypatch.undo()
    await settled(notifier)
    assert len(world.hook.taken) == 1
    assert world.rows("SELECT count(*) FROM cap_message") == [(1,)]


async def test_a_line_waits_for_its_alert_which_comes_by_another_topic(world: World) -> None:
    notifier = world.notifier()
    await settled(notifier)
    await world.put(None, line())
    await settled(notifier)
    assert world.hook.taken == []
    await world.put(alert())
    await settled(notifier)
    assert len(world.hook.taken) == 1
    world.now_ms += 10 * ALERT_WAIT_MS  # the lines come late, after an outage
    await world.put(None, line("A-lost"))
    await world.put(alert("A-2"), line("A-2"))
    await settled(notifier)
    assert len(world.hook.taken) == 1, "in order"
    world.now_ms += ALERT_WAIT_MS
    await settled(notifier)
    assert len(world.hook.taken) == 2, "but not for ever"


async def test_what_stands_long_is_said_again(world: World) -> None:
    notifier = world.notifier()
    await settled(notifier)
    await world.put(alert(), line())
    await settled(notifier)
    assert BASE.dispatch.cap is not None
    world.now_ms += int(BASE.dispatch.cap.expires_s * 500)
    await settled(world.notifier())
    assert world.rows("SELECT msg_type FROM cap_message ORDER BY seq") == [("Alert",), ("Update",)]


async def test_a_channel_that_is_gone_is_given_up(world: World) -> None:
    notifier = world.notifier()
    await settled(notifier)
    world.hook.answers = [Again("x")]
    await world.put(alert(), line())
    await settled(notifier)
    world.now_ms += 60_000
    await settled(world.notifier(structs.replace(province(), dispatch=Dispatch())))
    [(state, error)] = world.rows("SELECT state, last_error FROM delivery WHERE channel = 'hook'")
    assert state == "dead"
    assert "no such channel" in error


async def test_what_is_raised_waits_for_its_group_and_its_end_is_told_to_who_heard_of_it(world: World) -> None:
    notifier = world.notifier(province(group_wait_s=5.0))
    await settled(notifier)
    world.now_ms += 60_000  # long after its start
    raised_ms = world.now_ms
    hidden = alert("A-2", 2, suppression="by-design", state="DSUPR")
    gone = alert("A-2", 3, active=False, closed=True, state="NORM")
    await world.put(alert(), line(at_ms=raised_ms))
    await world.put(hidden, line("A-2", at_ms=raised_ms), line("A-2", "muted", 2, from_state="UNACK", to_state="DSUPR"))
    world.now_ms = raised_ms + 4_000
    await settled(notifier)
    assert world.hook.taken == []
    world.now_ms = raised_ms + 5_000
    await settled(notifier)
    assert [one.notice.alert_id for one in world.hook.taken] == ["A-1"], "the other one was never news"
    over = {"from_state": "DSUPR", "to_state": "NORM", "event_ms": T0_MS}
    await world.put(gone, line("A-2", HIDDEN_OCCURRENCE, 3, **over))
    await settled(notifier)
    assert len(world.hook.taken) == 1
    ended = alert("A-1", 3, active=False, closed=True, state="NORM")
    await world.put(ended, line("A-1", HIDDEN_OCCURRENCE, 3, **over))
    await settled(notifier)
    assert [one.notice.alert_id for one in world.hook.taken] == ["A-1", "A-1"]


async def test_it_goes_on_when_the_database_comes_back(world: World) -> None:
    notifier = world.notifier()
    await settled(notifier)
    with psycopg.connect(world.url, autocommit=True) as conn:
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'ioc-notifier' AND datname = current_database()"
        )
    await world.put(alert(), line())
    with pytest.raises(Unavailable):
        await notifier.turn()
    await settled(notifier)
    assert len(world.hook.taken) == 1


async def test_an_old_schema_is_told(stack: object) -> None:
    with empty_database(stack) as url:
        with pytest.raises(BadSettings, match="ioc db migrate"):
            await Notifier(url, province(), {}).turn()
        migrate(url)
        notifier = Notifier(url, province(), {})
        assert await notifier.turn()
        await notifier.close()


def test_settings_that_do_not_fit_the_profile_are_named_together(tmp_path: Path) -> None:
    with pytest.raises(BadSettings) as caught:
        senders(Settings(data_dir=tmp_path, smtp_user="ioc", smtp_security="none"), province())
    assert [text.split()[0] for text in caught.value.problems] == [
        "IOC_WEBHOOK_HOSTS",
        "IOC_SMTP",
        "IOC_SMTP_SECURITY=none",
    ]
    good = Settings(
        data_dir=tmp_path, webhook_hosts=("hook.example",), smtp="mail.example:587", mail_from="ioc@x.example"
    )
    assert set(senders(good, province())) == {"log", "webhook", "email"}
    assert (tmp_path / "webhook.key").stat().st_mode & 0o777 == 0o600
