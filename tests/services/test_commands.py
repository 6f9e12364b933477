"""Commands without sockets: matching outcomes, memory, limits."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ioc.domain.alerts import Alert, LogEntry
from ioc.errors import Unavailable
from ioc.services.commands import Commands
from ioc.wire import codec
from ioc.wire.frames import CommandFrame, User
from tests.services.hub_records import alert

LAN = User(name="lan", display="Lan", role="dispatcher")
MINH = User(name="minh", display="Minh", role="dispatcher")


class View:
    def __init__(self) -> None:
        self.alerts: dict[str, Alert] = {"A-1": alert("A-1")}

    def alert(self, alert_id: str) -> Alert | None:
        return self.alerts.get(alert_id)

    def alert_key(self, alert_id: str) -> str | None:
        found = self.alerts.get(alert_id)
        return None if found is None else found.key


class Log:
    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.block = asyncio.Event()
        self.block.set()
        self.away = False

    async def send(self, logical: str, key: bytes, value: bytes | None) -> object:
        await self.block.wait()
        if self.away:
            raise Unavailable("kafka", "test")
        assert logical == "alert-inputs"
        assert value is not None
        self.sent.append(codec.decode_alert_input(value))
        return None


@pytest.fixture
def view() -> View:
    return View()


@pytest.fixture
def log() -> Log:
    return Log()


def made(view: View, log: Log, **options: Any) -> Commands:
    return Commands(view, log, lambda: 77, **({"wait_s": 1.0} | options))


def frame(command_id: str = "c1", alert_id: str = "A-1", version: int = 1) -> CommandFrame:
    return CommandFrame(command_id=command_id, op="ack", alert_id=alert_id, expected_version=version, note="đã gọi")


def entry(command_id: str = "c1", **changes: Any) -> LogEntry:
    values: dict[str, Any] = dict(
        id="l",
        alert_id="A-1",
        key="k",
        kind="command",
        what="ack",
        accepted=True,
        at_ms=5,
        version=1,
        actor="lan",
        actor_display="Lan",
        command_id=command_id,
        outcome="DONE",
    )
    return LogEntry(**(values | changes))


async def submitted(commands: Commands, log: Log, asked: CommandFrame, user: User = LAN) -> asyncio.Task[Any]:
    """The command is on the bus and waits."""
    count = len(log.sent)
    task = asyncio.create_task(commands.submit(asked, user, "10.0.0.7"))
    async with asyncio.timeout(2):
        while len(log.sent) == count:  # noqa: ASYNC110 - a list, not an event
            await asyncio.sleep(0)
    return task


async def test_the_command_on_the_bus_says_who_from_where_and_when(view: View, log: Log) -> None:
    commands = made(view, log)
    task = await submitted(commands, log, frame())
    commands.on_log_entry(entry())
    outcome = await task
    [command] = log.sent
    assert (command.key, command.alert_id, command.expected_version) == (alert("A-1").key, "A-1", 1)
    assert (command.actor, command.actor_display, command.station) == ("lan", "Lan", "10.0.0.7")
    assert (command.note, command.sent_ms) == ("đã gọi", 77)
    assert (outcome.outcome, outcome.by, outcome.by_display, outcome.at_ms) == ("DONE", "lan", "Lan", 5)
    assert commands.outcomes == {"DONE": 1}


async def test_the_loser_hears_of_the_winner(view: View, log: Log) -> None:
    commands = made(view, log)
    task = await submitted(commands, log, frame())
    lost = entry(accepted=False, outcome="ALREADY_ACKED", by="minh", by_display="Minh", by_at_ms=3)
    commands.on_log_entry(lost)
    outcome = await task
    assert (outcome.outcome, outcome.by, outcome.by_display, outcome.at_ms) == ("ALREADY_ACKED", "minh", "Minh", 3)


async def test_an_outcome_carries_the_alert_only_if_the_picture_is_not_older(view: View, log: Log) -> None:
    commands = made(view, log)
    task = await submitted(commands, log, frame("c1"))
    commands.on_log_entry(entry("c1", version=2))
    assert (await task).alert is None
    task = await submitted(commands, log, frame("c2"))
    commands.on_log_entry(entry("c2", version=1))
    assert (await task).alert == view.alerts["A-1"]


async def test_an_outcome_that_comes_before_the_send_is_acknowledged_counts(view: View, log: Log) -> None:
    commands = made(view, log)
    log.block.clear()
    task = asyncio.create_task(commands.submit(frame(), LAN, ""))
    await asyncio.sleep(0)
    commands.on_log_entry(entry())
    assert (await task).outcome == "DONE"
    log.block.set()
    await commands.close()


async def test_two_sockets_that_wait_for_one_command_are_both_answered(view: View, log: Log) -> None:
    commands = made(view, log)
    first = await submitted(commands, log, frame())
    second = await submitted(commands, log, frame())
    commands.on_log_entry(entry())
    assert await first == await second


async def test_the_first_answer_is_the_answer(view: View, log: Log) -> None:
    commands = made(view, log)
    commands.on_log_entry(entry(outcome="STALE", accepted=False))
    commands.on_log_entry(entry(outcome="DONE"))
    assert (await commands.submit(frame(), LAN, "")).outcome == "STALE"
    assert log.sent == []


async def test_an_outcome_of_another_gateway_is_known_to_its_author_only(view: View, log: Log) -> None:
    commands = made(view, log)
    commands.on_log_entry(entry())
    assert (await commands.submit(frame(), LAN, "")).outcome == "DONE"
    assert (await commands.submit(frame(), MINH, "")).reason == "idempotency_mismatch"
    assert (await commands.submit(frame(alert_id="A-2"), LAN, "")).reason == "idempotency_mismatch"


async def test_one_id_means_one_command(view: View, log: Log) -> None:
    commands = made(view, log)
    task = await submitted(commands, log, frame())
    assert (await commands.submit(frame(version=2), LAN, "")).reason == "idempotency_mismatch"
    assert (await commands.submit(frame(), MINH, "")).reason == "idempotency_mismatch"
    commands.on_log_entry(entry())
    assert (await task).outcome == "DONE"


async def test_transitions_and_foreign_entries_answer_nobody(view: View, log: Log) -> None:
    commands = made(view, log, wait_s=0.1)
    task = await submitted(commands, log, frame())
    commands.on_log_entry(entry(kind="transition", what="raised", command_id=None, outcome=None))
    commands.on_log_entry(entry("other"))
    assert (await task).outcome == "UNKNOWN"


async def test_an_unknown_outcome_is_asked_again_on_the_bus(view: View, log: Log) -> None:
    commands = made(view, log, wait_s=0.05)
    log.away = True
    assert (await commands.submit(frame(), LAN, "")).outcome == "UNKNOWN"
    log.away = False
    task = await submitted(commands, log, frame())
    commands.on_log_entry(entry())
    assert (await task).outcome == "DONE"


async def test_no_more_commands_than_room(view: View, log: Log) -> None:
    commands = made(view, log, in_flight_max=2, wait_s=0.05)
    log.block.clear()
    answers = [await commands.submit(frame(f"c{number}"), LAN, "") for number in range(3)]
    assert [answer.outcome for answer in answers] == ["UNKNOWN", "UNKNOWN", "REFUSED"]
    assert answers[2].reason == "busy"
    await commands.close()


async def test_memory_of_outcomes_is_bounded(view: View, log: Log) -> None:
    commands = made(view, log, recent_max=10)
    for number in range(100):
        commands.on_log_entry(entry(f"c{number}"))
    assert len(commands._recent) == 10
    assert (await commands.submit(frame("c99"), LAN, "")).outcome == "DONE"


async def test_an_unknown_alert_is_not_found_at_once(view: View, log: Log) -> None:
    outcome = await made(view, log).submit(frame(alert_id="A-9"), LAN, "")
    assert outcome.outcome == "NOT_FOUND"
    assert log.sent == []


async def test_a_mismatch_is_told_and_does_not_become_the_answer(view: View, log: Log) -> None:
    commands = made(view, log)
    task = await submitted(commands, log, frame())
    [other] = log.sent
    commands.on_log_entry(entry(outcome="MISMATCH", accepted=False, digest=other.digest))
    assert (await task).outcome == "MISMATCH"
    # Whoever the id belongs to asks here too: the question goes on to the bus, not to the memory of the mismatch.
    task = await submitted(commands, log, frame(version=9))
    commands.on_log_entry(entry(digest=log.sent[1].digest))
    assert (await task).outcome == "DONE"


async def test_every_field_of_a_command_goes_on_the_bus(view: View, log: Log) -> None:
    commands = made(view, log)
    more: dict[str, Any] = {"reason": "r", "assignee": "a", "agency": "114", "item": "i", "for_s": 5, "once": True}
    more |= {"review_ms": 7, "result": "handled", "note": "n"}
    asked = CommandFrame(command_id="c1", op="close", alert_id="A-1", expected_version=1, **more)
    task = await submitted(commands, log, asked)
    commands.on_log_entry(entry())
    await task
    [command] = log.sent
    assert command.role == "dispatcher"
    for name in asked.__struct_fields__:
        assert getattr(command, name) == getattr(asked, name)


async def test_a_line_of_another_gateway_is_told_by_its_content(view: View, log: Log) -> None:
    first = made(view, log)
    task = await submitted(first, log, frame())
    first.on_log_entry(entry())
    await task
    commands = made(view, log)
    commands.on_log_entry(entry(digest=log.sent[0].digest))
    assert (await commands.submit(frame(), LAN, "")).outcome == "DONE"
    assert (await commands.submit(frame(version=2), LAN, "")).outcome == "MISMATCH"


class People:
    def __init__(self, *names: str) -> None:
        self.names: tuple[str, ...] | None = names

    def may_work(self, name: str) -> bool | None:
        return None if self.names is None else name in self.names


def assign(assignee: str, command_id: str = "c1") -> CommandFrame:
    return CommandFrame(command_id=command_id, op="assign", alert_id="A-1", expected_version=1, assignee=assignee)


async def test_nobody_is_assigned_who_has_no_account(view: View, log: Log) -> None:
    commands = made(view, log, people=People("minh"))
    found = await commands.submit(assign("hoa"), LAN, "")
    assert (found.outcome, found.reason, log.sent) == ("REFUSED", "UNKNOWN_PERSON", [])
    task = await submitted(commands, log, assign("minh"))
    commands.on_log_entry(entry(what="assign"))
    assert (await task).outcome == "DONE", "and the id is not used up"
    assert [command.assignee for command in log.sent] == ["minh"]


async def test_while_the_accounts_are_not_known_an_assignment_goes_on(view: View, log: Log) -> None:
    people = People()
    people.names = None
    commands = made(view, log, people=people)
    task = await submitted(commands, log, assign("hoa"))
    commands.on_log_entry(entry(what="assign"))
    assert (await task).outcome == "DONE"


async def test_what_was_answered_before_keeps_its_answer_when_the_account_is_gone(view: View, log: Log) -> None:
    people = People("hoa")
    commands = made(view, log, people=people)
    task = await submitted(commands, log, assign("hoa"))
    commands.on_log_entry(entry(what="assign", digest=log.sent[0].digest))
    await task
    people.names = ()
    assert (await commands.submit(assign("hoa"), LAN, "")).outcome == "DONE"
