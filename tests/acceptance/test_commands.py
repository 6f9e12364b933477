"""Commands of several dispatchers on the whole product: one wins, nothing is lost, nothing happens twice.

The short form runs with `make test`; `make chaos` plays 500 rounds and 50 kills, and leaves the database away for five
minutes.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

import psycopg
import pytest

from ioc.adapters.profiles import profile_folder
from ioc.cli.exits import EXIT_UNJUDGED
from ioc.settings import Settings
from tests.acceptance.people import Person, bus, hire, raise_alert
from tests.forms import form
from tests.system import System, running, until

pytestmark = [pytest.mark.stack, pytest.mark.chaos, pytest.mark.timeout(3600)]
ROUND_S = 0.15  # between two rounds: a gateway takes ten frames a second of a person
TOLD_MS = 500  # a loser is told who was faster, and when
SHOWN_MS = 300  # every screen shows whose it is


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("commands")
    shutil.copytree(profile_folder(Settings().profile), folder / "profile")
    duty = folder / "profile" / "duty.toml"
    text = duty.read_text(encoding="utf-8")
    assert "wait_s = 120" in text
    duty.write_text(text.replace("wait_s = 120", "wait_s = 10"), encoding="utf-8")  # who is called about a P1, sooner
    with running(folder / "state", demo=False, IOC_PROFILE=str(folder / "profile")) as started:
        yield started


@pytest.fixture(scope="module")
def names(system: System) -> list[str]:
    return hire(system, 20)


def log_of(system: System, what: str, parameter: object) -> list[tuple[str, str | None, bool, str | None]]:
    """Lines of the audit trail in the database: word, outcome, accepted, command."""
    query = f"SELECT what, outcome, accepted, command_id FROM alert_log WHERE {what} = %s"
    with psycopg.connect(system.database_url()) as connection:
        return connection.execute(query, (parameter,)).fetchall()  # type: ignore[arg-type]


def children_of(pid: int) -> list[int]:
    """Ids of the processes that a process started."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def summary(what: str, times_ms: list[float], limit_ms: float) -> float:
    """Print how long something took; its p99."""
    ordered = sorted(times_ms)
    p99_ms = ordered[int(0.99 * (len(ordered) - 1))]
    late = sum(ms > limit_ms for ms in ordered)
    print(f"{what} after {median(ordered):.0f} ms (median), {p99_ms:.0f} ms (p99), {ordered[-1]:.0f} ms (longest)")
    print(f"{late} of {len(ordered)} later than {limit_ms:g} ms")
    return p99_ms


@pytest.mark.parametrize("people", [2, 20])
async def test_of_many_who_acknowledge_at_once_one_wins(system: System, names: list[str], people: int) -> None:
    rounds = form(10, 500)
    waits_ms: list[float] = []
    shown_ms: list[float] = []
    async with AsyncExitStack() as stack:
        producer = await stack.enter_async_context(bus(system))
        room = [await stack.enter_async_context(Person(system, name)) for name in names[:people]]
        for number in range(rounds):
            name = f"r{people}-{number}"
            await raise_alert(producer, name)
            seen = await asyncio.gather(*(person.sees(name) for person in room))
            ids = [str(uuid.uuid4()) for _ in room]
            sent_s = await asyncio.gather(
                *(person.say(alert, id_) for person, alert, id_ in zip(room, seen, ids, strict=True))
            )
            answers = await asyncio.gather(*(person.outcome(id_) for person, id_ in zip(room, ids, strict=True)))
            outcomes = Counter(frame["outcome"] for frame, _ in answers)
            assert outcomes == Counter({"DONE": 1, "ALREADY_ACKED": people - 1}), f"{name}: {outcomes}"
            first = next(n for n, (frame, _) in enumerate(answers) if frame["outcome"] == "DONE")
            winner = room[first].name
            told = {(frame["by"], frame["at_ms"] is not None) for frame, _ in answers}
            assert told == {(winner, True)}, "everybody hears who was faster, and when"
            waits_ms += [1000 * (at_s - sent) for (_, at_s), sent in zip(answers, sent_s, strict=True)]
            for person in room:
                await person.sees_acknowledged(name, winner)
                shown_ms.append(1000 * (person.acked_s[seen[0]["id"]] - sent_s[first]))
            await asyncio.sleep(max(0.0, max(sent_s) + ROUND_S - time.monotonic()))
    print(f"\n{people} people, {rounds} rounds")
    told_p99_ms = summary("told who was faster", waits_ms, TOLD_MS)
    shown_p99_ms = summary("shown to everybody", shown_ms, SHOWN_MS)
    busy = form(10, 1)  # the short form runs beside all other tests
    assert told_p99_ms <= busy * TOLD_MS
    assert shown_p99_ms <= busy * SHOWN_MS


@pytest.mark.parametrize("victim", ["gateway", "alerting"])
async def test_a_command_survives_a_kill_between_taking_and_answering(
    system: System, names: list[str], victim: str
) -> None:
    kills, rnd = form(2, 25), random.Random(victim)
    unanswered = 0
    async with bus(system) as producer, Person(system, names[0]) as person:
        for number in range(kills):
            name = f"{victim}-{number}"
            await raise_alert(producer, name)
            alert = await person.sees(name)
            command_id = str(uuid.uuid4())
            pid = int(system.status()[victim]["pid"])
            await person.say(alert, command_id, note="một lần")
            await asyncio.sleep(rnd.uniform(0.0, 0.06))
            os.kill(pid, signal.SIGKILL)
            await asyncio.to_thread(system.wait_back, victim, pid)
            before = person.outcomes.pop(command_id, None)
            if before is not None and before[0]["outcome"] == "UNKNOWN":
                before = None  # the gateway itself says that it has no answer
            unanswered += before is None
            first = await person.insist(alert, command_id, note="một lần")
            assert first["outcome"] == "DONE", first
            if before is not None:
                assert (before[0]["outcome"], before[0]["at_ms"]) == (first["outcome"], first["at_ms"])
            del person.outcomes[command_id]
            again = await person.insist(alert, command_id, note="một lần")
            assert (again["outcome"], again["by"], again["at_ms"]) == ("DONE", person.name, first["at_ms"])
            await person.sees_acknowledged(name, person.name)
            until("the line is stored", lambda i=command_id: log_of(system, "command_id", i), 60)  # type: ignore[misc]
            assert log_of(system, "command_id", command_id) == [("ack", "DONE", True, command_id)], "one row"
            acks = [row for row in log_of(system, "alert_id", alert["id"]) if row[0] == "ack" and row[2]]
            assert len(acks) == 1, "one effect"
    print(f"\n{kills} kills of {victim}, {unanswered} before the answer had come")
    assert unanswered >= form(0, 5), "hardly a kill fell between taking and answering"


async def test_alerts_are_raised_acknowledged_and_escalated_without_a_database(
    system: System, names: list[str]
) -> None:
    away_s = form(40, 300)
    postgres = int(system.status()["postgres"]["pid"])
    async with bus(system) as producer, Person(system, names[0]) as person:
        await raise_alert(producer, "before")
        await person.sees("before")
        children = children_of(postgres)
        for pid in (postgres, *children):
            os.kill(pid, signal.SIGSTOP)
        try:
            commands: list[str] = []
            for number in range(10):
                await raise_alert(producer, f"away-{number}")
                alert = await person.sees(f"away-{number}")
                if number % 2:
                    commands.append(str(uuid.uuid4()))
                    await person.say(alert, commands[-1])
                    assert (await person.outcome(commands[-1], 30))[0]["outcome"] == "DONE"
                await asyncio.sleep(away_s / 12)
            await raise_alert(producer, "urgent", priority=1)
            await person.sees("urgent")
            # The profile's chain calls about a P1 after its first wait; the wall shows it without any database.
            await person.until(lambda: (person.named("urgent") or {}).get("summons"), "a call", 120)
        finally:
            for pid in (*children, postgres):
                os.kill(pid, signal.SIGCONT)

    def complete() -> bool:
        stored = {row[3] for command in commands for row in log_of(system, "command_id", command)}
        called = [row for row in log_of(system, "what", "summoned")]
        return stored == set(commands) and bool(called)

    until("history is complete", complete, 120, 1.0)
    with psycopg.connect(system.database_url()) as connection:
        raised = connection.execute(
            "SELECT count(*) FROM alert_log WHERE what = 'raised' AND body->>'key' LIKE 'probe|%%|away-%%'"
        ).fetchone()
    assert raised == (10,)
    verdict = system.cli("audit", "verify", "--log", check=False, limit_s=120)
    # Without an anchor yet (one is written every five minutes) rows cut off at the end cannot be judged: that is 4.
    assert verdict.returncode in (0, EXIT_UNJUDGED), verdict.stdout + verdict.stderr
    assert "all is as it was written" in verdict.stdout
