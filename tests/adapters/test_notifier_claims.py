"""Attempts whose notifier was killed, hangs or lost its database, on the real TimescaleDB: soon again, never lost."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from ioc.adapters import outbox
from ioc.adapters.clock import now_ms
from ioc.adapters.notifier_loop import Notifier
from ioc.adapters.profiles import profile_folder
from ioc.domain.dispatch import Route
from ioc.errors import Unavailable
from ioc.pipeline.claims import ALONE_AFTER
from ioc.pipeline.notices import BACKOFF_FIRST_MS, JITTER, Again, Done
from tests.adapters.test_notifier import ALERTS, CHANNELS, LOG, ROOT, World, alert, line, province, settled

pytestmark = pytest.mark.stack

FIRST_MS = int(BACKOFF_FIRST_MS * (1 + JITTER))  # the longest wait after a first attempt
HOOK_ONLY = province(channels=CHANNELS[:1], routes=(Route(channels=("hook",), priority=4),))


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    found = World(database_url)
    await found.recorder.open([ALERTS, LOG])
    yield found
    await found.close()


async def until(what: str, condition: Callable[[], object], limit_s: float = 30.0) -> None:
    """Wait until something is so."""
    try:
        async with asyncio.timeout(limit_s):
            while not condition():  # noqa: ASYNC110 - what is waited for is outside of this loop
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(f"not within {limit_s} s: {what}")


async def sending(world: World, notifier: Notifier, n: int = 1) -> asyncio.Task[bool]:
    """A turn of a notifier whose ``n`` attempts are under way and do not come to an end."""
    world.hook.gate, before = asyncio.Event(), len(world.hook.taken)
    task = asyncio.create_task(notifier.turn())
    await until("the attempts began", lambda: len(world.hook.taken) == before + n)
    return task


async def one_hangs(world: World) -> tuple[Notifier, asyncio.Task[bool], asyncio.Event]:
    """Another notifier, whose attempts go through; the turn of one that hangs in its attempt; what lets that end."""
    hanging, second = world.notifier(HOOK_ONLY), world.notifier(HOOK_ONLY)
    await settled(hanging)
    await world.put(alert(), line())
    task = await sending(world, hanging)
    gate, world.hook.gate = world.hook.gate, None
    assert gate is not None
    return second, task, gate


async def killed(world: World, notifier: Notifier, n: int = 1) -> None:
    """A notifier that is gone in the middle of ``n`` attempts, and its connection with it."""
    task = await sending(world, notifier, n)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await notifier.close()
    world.hook.gate = None
    await until("the server knows that it is gone", lambda: world.rows(CLAIMANTS) == [(0,)])


CLAIMANTS = (
    "SELECT count(*) FROM pg_locks AS l JOIN pg_database AS b ON b.oid = l.database"
    f" WHERE b.datname = current_database() AND l.locktype = 'advisory' AND l.classid = {outbox.CLAIMANTS}"
)


def terminate(world: World) -> None:
    """End the connections of notifiers from the side of the server."""
    with psycopg.connect(world.url, autocommit=True) as conn:
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'ioc-notifier' AND datname = current_database()"
        )


async def test_killed_while_sending_it_is_soon_sent_again_with_the_same_key(world: World) -> None:
    first = world.notifier(HOOK_ONLY)
    await settled(first)
    await world.put(alert(), line())
    await killed(world, first)
    second = world.notifier(HOOK_ONLY)
    await settled(second)
    assert len(world.hook.taken) == 1, "not at the same moment: it could be what killed the first"
    [(attempts, error)] = world.rows("SELECT attempts, last_error FROM delivery")
    assert (attempts, error.partition(":")[0]) == (1, "UNANSWERED")
    world.now_ms += FIRST_MS
    await settled(second)
    assert len(world.hook.taken) == 2
    assert len(set(world.hook.ids)) == len({one.notice.body for one in world.hook.taken}) == 1
    assert world.rows("SELECT state, attempts, lost, claimed_by FROM delivery") == [("done", 2, 0, None)]


async def test_what_one_that_hangs_had_begun_waits_for_the_end_of_its_lease(world: World) -> None:
    second, task, gate = await one_hangs(world)
    world.now_ms += outbox.LEASE_MS - 1
    await settled(second)
    assert len(world.hook.taken) == 1, "nobody else sends it while the first may still be at it"
    world.now_ms += 1
    await settled(second)
    assert len(world.hook.taken) == 2, "its back-off, counted from its beginning, is long over"
    gate.set()
    await task
    assert world.rows("SELECT state, attempts FROM delivery") == [("done", 2)]


async def test_a_failure_of_one_that_hung_neither_hastens_nor_ends_what_another_has_now(world: World) -> None:
    second, task, gate = await one_hangs(world)
    world.now_ms += outbox.LEASE_MS
    world.hook.answers = [Again("HTTP 503", 60_000)]
    await settled(second)
    before = world.rows("SELECT state, attempts, due_at, last_error FROM delivery")
    assert before[0][:2] == ("due", 2)
    world.hook.answers = [Again("HTTP 500")]
    gate.set()
    await task
    assert world.rows("SELECT state, attempts, due_at, last_error FROM delivery") == before


async def test_a_success_of_one_that_hung_counts(world: World) -> None:
    second, task, gate = await one_hangs(world)
    world.now_ms += outbox.LEASE_MS
    world.hook.answers = [Again("HTTP 503", 60_000), Done()]
    await settled(second)
    gate.set()
    await task
    assert world.rows("SELECT state FROM delivery") == [("done",)]


async def test_the_back_off_of_what_failed_is_not_shortened(world: World) -> None:
    first = world.notifier()
    await settled(first)
    world.hook.answers = [Again("HTTP 503", 300_000)]
    await world.put(alert(), line())
    await settled(first)
    [(due,)] = world.rows("SELECT due_at FROM delivery WHERE state = 'due'")
    await first.close()
    second = world.notifier()
    world.now_ms += 299_000
    await settled(second)
    assert world.rows("SELECT due_at, attempts, lost FROM delivery WHERE state = 'due'") == [(due, 1, 0)]
    assert len(world.hook.taken) == 1


async def test_a_delivery_that_kills_its_notifier_waits_longer_each_time_and_takes_no_other_with_it(
    world: World,
) -> None:
    notifier = world.notifier(HOOK_ONLY)
    await settled(notifier)
    await world.put(alert("A-poison"), line("A-poison"))
    await world.put(alert("A-good"), line("A-good"))
    waits = []
    for n in range(ALONE_AFTER):
        await killed(world, notifier, 2)
        notifier, began_ms = world.notifier(HOOK_ONLY), world.now_ms
        await settled(notifier)
        assert len(world.hook.taken) == 2 * (n + 1), "not at once"
        [(due_ms,)] = world.rows("SELECT (extract(epoch FROM max(due_at)) * 1000)::int8 FROM delivery")
        waits.append(due_ms - began_ms)
        world.now_ms = due_ms
    assert waits[1] > 1.5 * waits[0]
    # From now on each is tried alone, so the good one comes through, whether it is the first or not.
    order: list[str] = []
    for _ in range(2):
        task = await sending(world, notifier)
        order.append(world.hook.taken[-1].notice.alert_id)
        assert world.rows("SELECT count(*) FROM delivery WHERE claimed_by IS NOT NULL") == [(1,)]
        if order[-1] == "A-good":
            assert world.hook.gate is not None
            world.hook.gate.set()
            await task
        else:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await notifier.close()
            await until("the server knows that it is gone", lambda: world.rows(CLAIMANTS) == [(0,)])
            notifier = world.notifier(HOOK_ONLY)
    assert sorted(order) == ["A-good", "A-poison"]
    assert world.rows("SELECT state, lost FROM delivery WHERE alert_id = 'A-good'") == [("done", 0)]


async def test_what_was_under_way_when_the_connection_was_lost_is_taken_back_by_the_next_connection(
    world: World,
) -> None:
    notifier = world.notifier(HOOK_ONLY)
    await settled(notifier)
    await world.put(alert(), line())
    task = await sending(world, notifier)
    terminate(world)
    assert world.hook.gate is not None
    world.hook.gate.set()  # the receiver has it, and nobody can note it
    with pytest.raises(Unavailable):
        await task
    await notifier.close()
    await settled(notifier)
    assert len(world.hook.taken) == 1
    world.now_ms += FIRST_MS
    await settled(notifier)
    assert len(world.hook.taken) == 2, "at least once"
    assert len(set(world.hook.ids)) == 1
    assert world.rows("SELECT state, attempts FROM delivery") == [("done", 2)]


@asynccontextmanager
async def receiver(calls: list[str], gate: asyncio.Event) -> AsyncIterator[str]:
    """A webhook that notes the keys of notices at once and answers them when ``gate`` is set."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
            fields = {name.lower(): text.strip() for name, _, text in (one.partition(":") for one in head)}
            await reader.readexactly(int(fields["content-length"]))
            calls.append(fields["ioc-delivery"])
            await gate.wait()
            writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # who called was killed
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


@asynccontextmanager
async def process(environ: dict[str, str], log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """`ioc notifier`, killed in the end."""
    with log.open("ab") as out:
        found = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ioc.cli", "notifier"), cwd=ROOT, env=environ, stdout=out, stderr=out
        )
    try:
        yield found
    finally:
        if found.returncode is None:
            found.kill()
        await found.wait()


async def test_after_a_kill_the_next_process_sends_within_the_first_back_off(world: World, tmp_path: Path) -> None:
    calls: list[str] = []
    gate = asyncio.Event()
    async with receiver(calls, gate) as url:
        folder = shutil.copytree(profile_folder("dongnai-2023"), tmp_path / "profile")
        (folder / "dispatch.toml").write_text(
            f'group_wait_s = 0\n[[channels]]\nid = "hook"\nkind = "webhook"\nurl = "{url}"\n'
            '[[routes]]\nchannels = ["hook"]\npriority = 4\non = ["raised"]\n',
            encoding="utf-8",
        )
        (folder / "duty.toml").write_text("# nobody\n", encoding="utf-8")
        environ = {name: text for name, text in os.environ.items() if not name.startswith("IOC_")}
        environ |= {
            "IOC_DATABASE_URL": world.url,
            "IOC_DATA_DIR": str(tmp_path / "data"),
            "IOC_PROFILE": str(folder),
            "IOC_WEBHOOK_PRIVATE_HOSTS": "127.0.0.1",
        }
        log = tmp_path / "log"
        async with process(environ, log):
            begins = "SELECT count(*) FROM dispatch_position"
            await until("it is there", lambda: world.rows(begins) == [(1,)], 60)
            await world.put(alert(), line(at_ms=now_ms()))
            await until("it calls", lambda: calls)
        began_ms = now_ms()  # kill -9 in the middle of the call
        gate.set()
        async with process(environ, log):
            await until(f"the call comes again: {log}", lambda: len(calls) == 2, 60)
            took_ms = now_ms() - began_ms
            done = "SELECT state, attempts FROM delivery"
            await until("it is noted", lambda: world.rows(done) == [("done", 2)])
    assert len(set(calls)) == 1
    print(f"called again {took_ms / 1000:.1f} s after the kill")
    assert took_ms < outbox.LEASE_MS / 4, "start of a process and first back-off, not the lease"
