"""A lone broker that stood still longer than its session time-out fences itself for a moment: what was committed shows.

In that moment no partition has a leader. Kafka 4.3.1 and 4.4.0 take such partitions for deleted ones and forget the
markers of a transaction that was answered as committed (KAFKA-20734): its records stay hidden, and everybody who reads
up to them waits until the broker is started anew. Kafka 4.2 waits for the leader. So this test guards the version.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from ioc.adapters.kafka import ensure_topics, log_ranges, new_producer
from ioc.settings import Settings
from ioc.stack.testing import LocalStack
from ioc.wire.topics import TopicSpec
from tests.chaos.test_load_outage import family
from tests.forms import form

pytestmark = pytest.mark.timeout(600)

TOPICS, PARTITIONS, WRITERS = 4, 16, 24
ROUNDS = form(3, 20)
STILL_S = 5.0  # the session time-out of the product's broker is 4 s
VISIBLE_S = 30.0  # far longer than a leader is away, shorter than the time-out of a transaction


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[LocalStack]:
    with LocalStack(tmp_path / "broker", postgres=False) as own:
        yield own


class Writers:
    """Transactions without a pause while ``open`` is set, each to other partitions than the one before.

    After an error a writer goes on as an heir does: a new producer with the same transactional id.
    """

    def __init__(self, broker: LocalStack, topics: list[str]) -> None:
        self.settings, self.topics = Settings(kafka=broker.kafka), topics
        self.open = asyncio.Event()
        self.over = False
        self.done: Counter[str] = Counter()
        self.idle = 0
        self.tasks = [asyncio.create_task(self._write(number)) for number in range(WRITERS)]

    async def _write(self, number: int) -> None:
        turn = number
        while not self.over:
            id_ = f"writer-{number}"
            producer = new_producer(self.settings, transactional_id=id_, transaction_timeout_ms=60_000)
            try:
                async with asyncio.timeout(30):
                    await producer.start()
                while not self.over:
                    self.idle += 1
                    await self.open.wait()
                    self.idle -= 1
                    turn += 1
                    async with producer.transaction():
                        for topic in self.topics:
                            await producer.send(topic, b"x" * 50, partition=turn % PARTITIONS)
                    self.done["committed"] += 1
            except (KafkaError, TimeoutError) as exc:
                self.done[type(exc).__name__] += 1
            finally:
                await producer.stop()

    async def more(self, commits: int) -> None:
        """Wait for so many more."""
        wanted = self.done["committed"] + commits
        async with asyncio.timeout(120):
            while self.done["committed"] < wanted:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def pause(self) -> None:
        """Let every writer end its transaction and wait."""
        self.open.clear()
        async with asyncio.timeout(120):
            while self.idle < WRITERS:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def end(self) -> None:
        """Of all writers; raises what one of them did not expect."""
        self.over = True
        self.open.set()
        await asyncio.gather(*self.tasks)


async def stand_still(broker: LocalStack) -> None:
    """SIGSTOP, and SIGCONT after the session time-out."""
    processes = family(broker._running["kafka"].pid)
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(STILL_S)
    finally:
        for pid in processes:
            os.kill(pid, signal.SIGCONT)


async def hidden_of(broker: LocalStack, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
    """Records between the last stable offset and the end, once nothing more happens to them."""
    for _ in range(round(VISIBLE_S / 0.5)):
        ends = await log_ranges(broker.kafka, partitions, isolation_level="read_uncommitted")
        shown = await log_ranges(broker.kafka, partitions)
        hidden = {tp: ends[tp].end - shown[tp].end for tp in partitions if ends[tp].end != shown[tp].end}
        if not hidden:
            break
        await asyncio.sleep(0.5)
    return hidden


async def test_what_was_committed_shows_after_the_broker_fenced_itself(broker: LocalStack) -> None:
    names = [f"fenced-{number}" for number in range(TOPICS)]
    await ensure_topics(broker.kafka, [TopicSpec(name, PARTITIONS) for name in names], "")
    partitions = [TopicPartition(name, number) for name in names for number in range(PARTITIONS)]
    writers = Writers(broker, names)
    try:
        for round_ in range(ROUNDS):
            writers.open.set()
            await writers.more(3 * WRITERS)
            await stand_still(broker)
            await writers.more(2 * WRITERS)
            await writers.pause()
            assert not await hidden_of(broker, partitions), f"committed, and nobody will see it (round {round_})"
    finally:
        await writers.end()
    print(f"\n{writers.done}")
