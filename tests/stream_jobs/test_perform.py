"""The writer: what goes into a transaction, when, and what a failure does. Kafka's part is played by a fake."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    OutOfOrderSequenceNumber,
    ProducerFenced,
)
from faust.types import TP

from ioc.pipeline.effects import Effects, Emit, Record
from ioc.wire.topics import Topics
from stream_jobs import perform
from stream_jobs.checkpoint import Layout
from stream_jobs.exits import Exit
from stream_jobs.perform import PENDING_RECORDS_MAX, Router, Writer
from tests.stream_jobs.harness import until

INPUT = TP("x.raw.a", 2)
LAYOUT = Layout("x.checkpoints.intake", {"x.raw.a": "raw.a|"})
STATE = ("x.checkpoints.intake", 2)


class FakeBatch:
    def __init__(self, room: int) -> None:
        self.rows: list[tuple[bytes, bytes | None]] = []
        self.room = room

    def append(self, *, key: bytes, value: bytes | None, timestamp: int) -> object | None:
        if len(self.rows) >= self.room or value == b"huge":
            return None
        self.rows.append((key, value))
        return object()


class FakeProducer:
    """Transactions in memory. ``errors`` are raised, one per try, at the named point."""

    def __init__(self, room: int = 3) -> None:
        self.room = room
        self.committed: list[dict[tuple[str, int], list[tuple[bytes, bytes | None]]]] = []
        self.open: dict[tuple[str, int], list[tuple[bytes, bytes | None]]] | None = None
        self.batches = self.aborted = 0
        self.errors: dict[str, list[KafkaError]] = {"send": [], "commit": [], "abort": []}
        self.gate = asyncio.Event()
        self.gate.set()
        self.stopped = False

    def fail(self, point: str) -> None:
        if self.errors[point]:
            raise self.errors[point].pop(0)

    def create_batch(self) -> FakeBatch:
        return FakeBatch(self.room)

    async def begin_transaction(self) -> None:
        assert self.open is None, "two transactions at once"
        self.open = {}

    async def send_batch(self, batch: FakeBatch, topic: str, *, partition: int) -> asyncio.Future[None]:
        assert self.open is not None
        self.batches += 1
        self.open.setdefault((topic, partition), []).extend(batch.rows)
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            self.fail("send")
            sent.set_result(None)
        except KafkaError as exc:
            sent.set_exception(exc)
        return sent

    async def commit_transaction(self) -> None:
        await self.gate.wait()
        self.fail("commit")
        assert self.open is not None
        self.committed.append(self.open)
        self.open = None

    async def abort_transaction(self) -> None:
        self.fail("abort")
        self.aborted += 1
        self.open = None

    async def stop(self) -> None:
        self.stopped = True


class ScriptedStep:
    """A step of which only the dirty state matters here."""

    def __init__(self) -> None:
        self.dirty: list[tuple[str, bytes | None]] = []

    def load(self, key: str, value: bytes) -> None: ...

    def step(self, records: Sequence[Record], now_ms: int) -> Effects:
        return Effects([])

    def tick(self, now_ms: int) -> Effects:
        return Effects([])

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        dirty, self.dirty = self.dirty, []
        return dirty


class FakeEvent:
    def __init__(self) -> None:
        self.acked = False

    def ack(self) -> None:
        self.acked = True


class Left(Exception):
    """Stands for the end of the process."""


class Parts:
    def __init__(self, flush_s: float) -> None:
        self.step, self.producer = ScriptedStep(), FakeProducer()
        router = Router(Topics("x.", ["a"]))
        producer: Any = self.producer
        self.writer = Writer(INPUT, self.step, 0, producer, LAYOUT, router, flush_s)

    def add(
        self,
        *emits: Emit,
        records: int = 1,
        position: int = 1,
        urgent: bool = False,
        idle: bool = False,
        newest_ms: int = -1,
    ) -> FakeEvent:
        event = FakeEvent()
        self.writer.add(event, records, position, Effects(list(emits), urgent, idle), newest_ms)
        return event


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Exit, str]]:
    """Where the process would have ended."""
    seen: list[tuple[Exit, str]] = []

    def leave(code: Exit, reason: str) -> None:
        seen.append((code, reason))
        raise Left

    monkeypatch.setattr(perform, "leave", leave)
    monkeypatch.setattr(perform, "RETRY_FIRST_S", 0.001)
    return seen


async def settle(parts: Parts) -> None:
    async with asyncio.timeout(5):
        await parts.writer.drained()


async def transactions(parts: Parts, count: int) -> None:
    """Wait for so many commits, without asking for a flush."""

    async def enough() -> bool:
        return len(parts.producer.committed) >= count

    await until(enough, f"{count} transactions", 5, 0.001)


async def test_one_flush_is_one_transaction_with_outputs_state_and_position() -> None:
    parts = Parts(flush_s=60)
    parts.step.dirty = [("s", b"1"), ("gone", None)]
    event = parts.add(Emit("feeds", b"f", b"1", 0), Emit("dead", b"d", b"2", 1), position=18)
    assert not event.acked
    await settle(parts)
    assert parts.producer.committed == [
        {
            ("x.feeds", 0): [(b"f", b"1")],
            ("x.dead", 1): [(b"d", b"2")],
            STATE: [(b"raw.a|s", b"1"), (b"raw.a|gone", None), (b"raw.a|@position", b"18")],
        }
    ]
    assert event.acked
    await parts.writer.close()
    assert parts.producer.stopped


async def test_order_holds_within_a_partition_across_batches() -> None:
    parts = Parts(flush_s=60)
    parts.add(*(Emit("feeds", b"k", str(i).encode(), 0) for i in range(8)))
    await settle(parts)
    assert [value for _, value in parts.producer.committed[0]["x.feeds", 0]] == [str(i).encode() for i in range(8)]
    assert parts.producer.batches == 3 + 1  # eight rows in batches of three, and the state
    await parts.writer.close()


async def test_without_a_partition_the_key_decides() -> None:
    router = Router(Topics("x.", ["a"]))
    assert router.route(Emit("events", b"key", b"")) == ("x.events", Topics("x.", ["a"]).partition("events", b"key"))
    with pytest.raises(KeyError):
        router.route(Emit("nowhere", b"key", b""))


async def test_a_quiet_partition_is_flushed_at_once_and_a_busy_one_after_flush_s() -> None:
    parts = Parts(flush_s=60)
    parts.add()
    await transactions(parts, 1)
    late = parts.add(position=2)
    for _ in range(50):
        await asyncio.sleep(0)
    assert not late.acked, "flushed before flush_s was over"
    parts.add(position=3, urgent=True)  # does not wait
    await transactions(parts, 2)
    assert late.acked
    await parts.writer.close()


async def test_records_of_which_nothing_came_wait_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Parts(flush_s=0.001)
    first = parts.add(idle=True)
    for _ in range(20):
        await asyncio.sleep(0.001)
    assert parts.writer.transactions == 0
    second = parts.add(position=2)
    await transactions(parts, 1)
    assert first.acked
    assert second.acked
    third = parts.add(position=3, idle=True)
    await settle(parts)  # before the partition is given away
    assert third.acked
    monkeypatch.setattr(perform, "IDLE_FLUSH_S", 0.01)
    fourth = parts.add(position=4, idle=True)
    await transactions(parts, 3)
    assert fourth.acked
    await parts.writer.close()


async def test_what_is_written_is_known_only_after_the_transaction() -> None:
    parts = Parts(flush_s=0.001)
    parts.producer.gate.clear()
    parts.add(newest_ms=5)
    await asyncio.sleep(0.01)  # in the transaction that the gate holds
    parts.add(position=2, newest_ms=9)
    assert (parts.writer.written_ms, parts.writer.pending) == (-1, True)
    parts.producer.gate.set()
    await transactions(parts, 1)
    assert parts.writer.written_ms in (5, 9)
    await settle(parts)
    assert (parts.writer.written_ms, parts.writer.pending) == (9, False)
    await parts.writer.close()


async def test_a_tick_without_effects_opens_no_transaction() -> None:
    parts = Parts(flush_s=0.01)
    parts.writer.add_tick(Effects([]))
    await settle(parts)
    for _ in range(20):
        await asyncio.sleep(0.001)
    assert parts.writer.transactions == 0
    parts.step.dirty = [("s", b"1")]
    parts.writer.add_tick(Effects([]))
    await settle(parts)
    assert parts.writer.transactions == 1
    await parts.writer.close()


async def test_state_taken_by_a_tick_is_not_lost_when_it_changes_again() -> None:
    parts = Parts(flush_s=60)
    parts.producer.gate.clear()
    parts.add()
    parts.step.dirty = [("a", b"1"), ("b", b"1")]
    await asyncio.sleep(0.01)  # the first transaction is open now
    parts.step.dirty = [("a", b"2"), ("b", b"2")]
    parts.writer.add_tick(Effects([]))
    parts.step.dirty = [("b", b"3")]
    parts.producer.gate.set()
    await settle(parts)
    assert parts.producer.committed[1][STATE][:2] == [(b"raw.a|a", b"2"), (b"raw.a|b", b"3")]
    await parts.writer.close()


async def test_too_much_pending_work_holds_the_input_until_it_is_written() -> None:
    parts = Parts(flush_s=60)
    parts.producer.gate.clear()
    parts.add()
    await asyncio.sleep(0.01)  # in the transaction that the gate holds
    parts.add(records=PENDING_RECORDS_MAX, position=PENDING_RECORDS_MAX)
    assert parts.writer.full
    waiting = asyncio.create_task(parts.writer.room())
    done, _ = await asyncio.wait([waiting], timeout=0.05)
    assert not done
    parts.producer.gate.set()
    async with asyncio.timeout(5):
        await waiting
    assert not parts.writer.full
    await parts.writer.close()


async def test_close_drops_what_is_pending_but_waits_for_the_open_transaction() -> None:
    parts = Parts(flush_s=60)
    parts.producer.gate.clear()
    first = parts.add()
    await asyncio.sleep(0.01)
    second = parts.add(position=2)
    closing = asyncio.create_task(parts.writer.close())
    await asyncio.sleep(0.01)
    assert not closing.done()
    parts.producer.gate.set()
    async with asyncio.timeout(5):
        assert await closing == [second]
    assert (first.acked, second.acked, len(parts.producer.committed)) == (True, False, 1)


async def test_closing_wakes_those_who_wait_for_a_flush() -> None:
    parts = Parts(flush_s=60)
    parts.producer.gate.clear()
    parts.add()
    await asyncio.sleep(0.01)
    parts.add(position=2)
    waiting = asyncio.create_task(parts.writer.drained())
    await asyncio.sleep(0.01)
    parts.producer.gate.set()
    async with asyncio.timeout(5):
        await parts.writer.close()
        await waiting


async def test_a_transient_error_aborts_and_writes_the_same_rows_again(exits: list[tuple[Exit, str]]) -> None:
    parts = Parts(flush_s=60)
    parts.producer.errors["send"] = [KafkaConnectionError("away")]
    parts.step.dirty = [("s", b"1")]
    event = parts.add(Emit("feeds", b"f", b"1", 0))
    await settle(parts)
    assert (parts.producer.aborted, len(parts.producer.committed), event.acked) == (1, 1, True)
    assert parts.producer.committed[0]["x.feeds", 0] == [(b"f", b"1")]
    assert (b"raw.a|s", b"1") in parts.producer.committed[0][STATE]
    assert exits == []
    await parts.writer.close()


@pytest.mark.parametrize(
    ("point", "errors", "code"),
    [
        ("send", [ProducerFenced()], Exit.FENCED),
        ("commit", [ProducerFenced()], Exit.FENCED),
        ("send", [OutOfOrderSequenceNumber()], Exit.FAILED),
        ("commit", [KafkaConnectionError("lost the answer")], Exit.FAILED),  # unknown outcome: never repeated
    ],
)
async def test_what_cannot_be_retried_ends_the_process_without_an_acknowledgement(
    exits: list[tuple[Exit, str]], point: str, errors: list[KafkaError], code: Exit
) -> None:
    parts = Parts(flush_s=60)
    parts.producer.errors[point] = errors
    event = parts.add(Emit("feeds", b"f", b"1", 0))
    await asyncio.wait([parts.writer._task], timeout=5)
    assert [c for c, _ in exits] == [code]
    assert not event.acked
    assert parts.producer.committed == []
    with pytest.raises(Left):
        await parts.writer._task


async def test_an_abort_without_an_answer_ends_the_process(exits: list[tuple[Exit, str]]) -> None:
    parts = Parts(flush_s=60)
    parts.producer.errors["send"] = [KafkaConnectionError("away")]
    parts.producer.errors["abort"] = [KafkaConnectionError("still away")]
    parts.add()
    await asyncio.wait([parts.writer._task], timeout=5)
    assert [c for c, _ in exits] == [Exit.FAILED]
    assert isinstance(parts.writer._task.exception(), Left)


async def test_a_record_that_fits_no_batch_is_a_bug_and_ends_the_process(exits: list[tuple[Exit, str]]) -> None:
    parts = Parts(flush_s=60)
    parts.add(Emit("feeds", b"f", b"huge", 0))
    await asyncio.wait([parts.writer._task], timeout=5)
    assert exits[0][0] is Exit.FAILED
    assert "RecordTooLarge" in exits[0][1]
    assert isinstance(parts.writer._task.exception(), Left)
