"""The way to the real broker: an idempotent aiokafka producer that writes to explicit partitions."""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from ioc.adapters.kafka import new_producer
from ioc.errors import Unavailable
from ioc.settings import Settings
from ioc.wire.topics import Topics
from simulators.courier import Message

LINGER_MS = 5  # gathers the messages of one instant into one request
REQUEST_TIMEOUT_MS = 8_000  # a message that cannot even be queued for so long is a failure of the link
CLOSE_S = 3.0


class KafkaLink:
    """Writes messages to ``raw.<centre>``; see :class:`simulators.courier.Link`.

    A broker that restarts within seconds is not even noticed: the producer repeats in order under its sequence
    numbers, without duplicates. Only when a partition has had no leader for 8 s may a later message overtake one
    that timed out; with one broker, where the leader never moves, that does not happen.
    """

    def __init__(self, settings: Settings, topics: Topics) -> None:
        self._settings = settings
        self._topics = topics
        self._producer: AIOKafkaProducer | None = None

    async def open(self) -> None:
        """Connect; raises Unavailable."""
        producer = new_producer(self._settings, linger_ms=LINGER_MS, request_timeout_ms=REQUEST_TIMEOUT_MS)
        self._producer = producer
        try:
            await producer.start()
        except (KafkaError, OSError) as exc:
            await self.close()
            raise Unavailable("kafka", f"{self._settings.kafka}: {exc}") from exc

    async def send(self, message: Message) -> asyncio.Future[Any]:
        """Queue a message to the partition of its key; raises Unavailable."""
        producer = self._producer
        if producer is None:
            raise Unavailable("kafka", "the link is closed")
        logical = f"raw.{message.centre}"
        topic, partition = self._topics.name(logical), self._topics.partition(logical, message.key)
        try:
            future: asyncio.Future[Any] = await producer.send(topic, message.value, message.key, partition=partition)
        except (KafkaError, OSError) as exc:
            raise Unavailable("kafka", f"{topic}/{partition}: {type(exc).__name__} {exc}") from exc
        return future

    async def close(self) -> None:
        """Disconnect within about 3 s, even when unsent messages wait for a broker that is away."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            await asyncio.wait_for(producer.stop(), CLOSE_S)
        except TimeoutError:
            # stop() waits for unsent messages without limit; end its sender task, then the connections.
            await producer._sender.close()
            await producer.client.close()
        except (KafkaError, OSError):
            await producer.client.close()
