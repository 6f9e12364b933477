"""What a worker of intake says of how far it has read is never more than is true."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError
from faust.types import TP

from ioc.settings import Settings
from ioc.wire import progress
from ioc.wire.topics import Topics
from stream_jobs import progress as said
from stream_jobs.progress import MARGIN_MS, Teller

TOPICS = Topics("x.", ["a", "b"])
A0, B1 = TP("x.raw.a", 0), TP("x.raw.b", 1)


class Part:
    """One raw partition as the consumer and its writer see it."""

    def __init__(self) -> None:
        self.fetched: int | None = 10
        self.delivered = self.position = 10
        self.answered_ms: int | None = 1
        self.pending, self.written_ms = False, -1


class FakeConsumer:
    def __init__(self, parts: dict[TP, Part]) -> None:
        self.parts = parts

    def read_out(self, tp: TP) -> int | None:
        return self.parts[tp].answered_ms

    def fetched(self, tp: TP) -> int | None:
        return self.parts[tp].fetched

    def delivered(self, tp: TP) -> int:
        return self.parts[tp].delivered


class Desk:
    """A teller that says everything at every look, and what it said last."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *tps: TP) -> None:
        monkeypatch.setattr(said, "EVERY_S", 0.0)
        self.parts = {tp: Part() for tp in tps}
        self.teller = Teller(Settings(), TOPICS, {"x.raw.a": "a", "x.raw.b": "b"})
        self.told: dict[TP, int] = {}

        async def tell(read_ms: dict[TP, int]) -> None:
            self.told |= read_ms

        monkeypatch.setattr(self.teller, "tell", tell)

    async def look(self, now_ms: int) -> int | None:
        """Of the first partition."""
        parts: Any = self.parts
        consumer: Any = FakeConsumer(self.parts)
        self.teller.look(parts, consumer, now_ms)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return self.told.get(next(iter(self.parts)))


async def test_what_is_written_has_been_read(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(monkeypatch, A0)
    part = desk.parts[A0]
    part.pending, part.written_ms = True, 5_000
    assert await desk.look(9_000) == 4_999, "another record may have the same stamp"


async def test_the_end_is_believed_after_two_looks_and_for_the_time_of_the_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk(monkeypatch, A0)
    assert await desk.look(1_000) is None
    assert await desk.look(1_100) == 1_000 - MARGIN_MS
    assert await desk.look(1_200) == 1_000 - MARGIN_MS, "the broker did not answer again"
    desk.parts[A0].answered_ms = 2
    await desk.look(1_300)
    assert await desk.look(1_400) == 1_300 - MARGIN_MS


@pytest.mark.parametrize("change", ["fetched", "delivered", "position"])
async def test_nothing_is_believed_while_something_moves(monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    desk = Desk(monkeypatch, A0)
    part = desk.parts[A0]
    for number in range(1, 6):
        part.answered_ms = number
        setattr(part, change, 10 + number)
        if change == "delivered":
            part.position = part.delivered
        assert await desk.look(1_000 * number) is None


async def test_nothing_is_believed_while_something_is_pending_or_left(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(monkeypatch, A0)
    part = desk.parts[A0]
    await desk.look(1_000)
    part.pending = True
    assert await desk.look(1_100) is None
    part.pending, part.delivered = False, 11
    assert await desk.look(1_200) is None
    part.delivered, part.answered_ms = 10, None
    assert await desk.look(1_300) is None
    part.answered_ms = 7
    assert await desk.look(1_400) is None, "two looks begin anew"


async def test_a_clock_that_was_set_back_takes_its_word_back(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(monkeypatch, A0)
    for number, at_ms in enumerate((9_000_000, 9_000_100, 9_000_200)):
        desk.parts[A0].answered_ms = number
        await desk.look(at_ms)
    assert desk.told[A0] > 8_000_000
    desk.told.clear()
    for number, at_ms in enumerate((1_000, 1_100, 1_200), 10):
        desk.parts[A0].answered_ms = number
        await desk.look(at_ms)
    assert desk.told == {A0: 1_100 - MARGIN_MS}


async def test_every_partition_is_spoken_of_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(monkeypatch, A0, B1)
    desk.parts[B1].pending = True
    desk.parts[B1].written_ms = 700
    await desk.look(1_000)
    await desk.look(1_100)
    assert desk.told == {A0: 1_000 - MARGIN_MS, B1: 699}


class FakeProducer:
    def __init__(self, *_: Any) -> None:
        self.sent: list[tuple[str, int, bytes, bytes]] = []
        self.fails = False

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


async def test_it_is_said_in_every_partition_of_the_events(monkeypatch: pytest.MonkeyPatch) -> None:
    producer = FakeProducer()
    monkeypatch.setattr(said, "new_producer", lambda _: producer)

    async def send_all(to: FakeProducer, rows: Any, _: int) -> None:
        if to.fails:
            raise KafkaConnectionError("away")
        to.sent += [(topic, part, key, value) for (topic, part), rest in rows.items() for key, value in rest]

    monkeypatch.setattr(said, "send_all", send_all)
    teller = Teller(Settings(), TOPICS, {"x.raw.a": "a", "x.raw.b": "b"})
    await teller.tell({A0: 5, B1: -1})
    assert [(topic, part) for topic, part, _, _ in producer.sent] == [("x.events", n) for n in range(12)]
    assert {key for _, _, key, _ in producer.sent} == {progress.KEY}
    assert progress.decode(producer.sent[0][3]).read_ms == {"a": {0: 5}, "b": {1: -1}}
    producer.fails = True
    await teller.tell({A0: 6})
    assert teller.failures == 1
    producer.fails = False
    await teller.tell({A0: 7})
    assert progress.decode(producer.sent[-1][3]).read_ms == {"a": {0: 7}}
    await teller.close()
