"""The ways to the real broker: idempotent aiokafka producers that write to explicit partitions.

Each centre has a producer of its own, signed in as that centre, where the settings name a listener for centres (with
the local broker always); so the simulated centres meet the same denials as real ones. Otherwise one producer without
a name serves all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from ioc.adapters import clock
from ioc.adapters.kafka import new_producer
from ioc.adapters.kafka_centres import check_password
from ioc.errors import BadInput, Unavailable
from ioc.settings import Settings
from ioc.wire.topics import Topics
from simulators.courier import Message

log = logging.getLogger(__name__)

LINGER_MS = 5  # gathers the messages of one instant into one request
REQUEST_TIMEOUT_MS = 8_000  # a message that cannot even be queued for so long is a failure of the link
CLOSE_S = 3.0
BATCH_BYTES = 240 * 1024  # the broker's limit of 256 KiB for a raw topic is one for whole batches


class _Producers:
    """The producers of a link.

    Args:
        end: ends one producer within a few seconds, whatever its state.
        options: of each producer.
    """

    def __init__(
        self,
        settings: Settings,
        topics: Topics,
        end: Callable[[AIOKafkaProducer], Awaitable[None]],
        **options: Any,
    ) -> None:
        self._settings, self._topics, self._end, self._options = settings, topics, end, options
        self._apart = bool(settings.kafka_centres)
        self._by_centre: dict[str, AIOKafkaProducer] = {}

    @property
    def address(self) -> str:
        """Where they connect to."""
        return self._settings.kafka_centres if self._apart else self._settings.kafka

    async def open(self) -> None:
        """Connect all; raises Unavailable, and BadSettings when a centre has no password or a wrong one."""
        if self._apart:
            made = {centre: new_producer(self._settings, centre=centre, **self._options) for centre in self._topics.raw}
        else:
            made = dict.fromkeys(self._topics.raw, new_producer(self._settings, **self._options))
        self._by_centre = made
        each = {one: centre for centre, one in made.items()}
        try:
            started = await asyncio.gather(*(one.start() for one in each), return_exceptions=True)
        except BaseException:
            await self.close()
            raise
        for centre, error in zip(each.values(), started, strict=True):
            if error is None:
                continue
            await self.close()
            if isinstance(error, KafkaError | OSError):
                if self._apart:
                    await check_password(self._settings, centre)
                raise Unavailable("kafka", f"{self.address}: {type(error).__name__} {error}") from error
            raise error

    def of(self, centre: str) -> AIOKafkaProducer:
        """The producer of a centre; raises Unavailable when closed."""
        try:
            return self._by_centre[centre]
        except KeyError:
            if centre in self._topics.raw:
                raise Unavailable("kafka", "the link is closed") from None
            raise

    async def close(self) -> None:
        """End all at once."""
        ending, self._by_centre = set(self._by_centre.values()), {}
        await asyncio.gather(*(self._end(one) for one in ending))


class KafkaLink:
    """Writes messages to ``raw.<centre>``; see :class:`simulators.courier.Link`.

    A broker that restarts within seconds is not even noticed: the producer repeats in order under its sequence
    numbers, without duplicates. Only when a partition has had no leader for 8 s may a later message overtake one
    that timed out; with one broker, where the leader never moves, that does not happen.
    """

    def __init__(self, settings: Settings, topics: Topics) -> None:
        self._topics = topics
        self._producers = _Producers(
            settings,
            topics,
            _sent_or_given_up,
            linger_ms=LINGER_MS,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            max_batch_size=BATCH_BYTES,
        )

    async def open(self) -> None:
        """Connect; raises Unavailable, and BadSettings when a centre has no password or a wrong one."""
        await self._producers.open()

    async def send(self, message: Message) -> asyncio.Future[Any]:
        """Queue a message to the partition of its key, or its own; raises Unavailable."""
        producer = self._producers.of(message.centre)
        logical, partition = f"raw.{message.centre}", message.partition
        topic = self._topics.name(logical)
        if partition is None:
            partition = self._topics.partition(logical, message.key)
        try:
            future: asyncio.Future[Any] = await producer.send(topic, message.value, message.key, partition=partition)
        except (KafkaError, OSError) as exc:
            raise Unavailable("kafka", f"{topic}/{partition}: {type(exc).__name__} {exc}") from exc
        return future

    async def close(self) -> None:
        """Disconnect within about 3 s, even when unsent messages wait for a broker that is away."""
        await self._producers.close()


class KafkaBulkLink:
    """Writes batches to ``raw.<centre>``; see :class:`simulators.bulk.BulkLink`.

    The batches are built here and handed over whole (aiokafka's ``create_batch`` and ``send_batch``), which costs a
    small part of sending the messages one by one. The producer is idempotent and repeats a batch by itself while the
    connection is away; the courier ends that by closing the link.
    """

    def __init__(self, settings: Settings, topics: Topics) -> None:
        self._topics = topics
        self._producers = _Producers(
            settings, topics, _given_up, request_timeout_ms=REQUEST_TIMEOUT_MS, max_batch_size=BATCH_BYTES
        )

    async def open(self) -> None:
        """Connect, and learn of all raw topics; raises as :meth:`KafkaLink.open`."""
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_MS / 1000):
                await self._producers.open()
                for centre, logical in self._topics.raw.items():
                    await self._producers.of(centre).partitions_for(self._topics.name(logical))
        except (KafkaError, OSError, TimeoutError) as exc:
            await self.close()
            raise Unavailable("kafka", f"{self._producers.address}: {type(exc).__name__} {exc}") from exc

    def place_of(self, centre: str, key: bytes) -> tuple[str, int]:
        """Centre and partition of the key."""
        return centre, self._topics.partition(f"raw.{centre}", key)

    async def send(self, place: tuple[str, int], messages: Sequence[Message]) -> tuple[int, asyncio.Future[Any]]:
        """Hand over one batch of at most 240 KiB; raises Unavailable."""
        producer = self._producers.of(place[0])
        topic, partition = self._topics.name(f"raw.{place[0]}"), place[1]
        batch = producer.create_batch()
        append, count, now_ms = batch.append, 0, clock.now_ms()
        for message in messages:
            if append(timestamp=now_ms, key=message.key, value=message.value) is None:
                break
            count += 1
        batch.close()
        try:
            answer = await producer.send_batch(batch, topic, partition=partition)
        except (KafkaError, OSError) as exc:
            raise Unavailable("kafka", f"{topic}/{partition}: {type(exc).__name__} {exc}") from exc
        return count, asyncio.ensure_future(_translated(answer, topic, partition))

    async def close(self) -> None:
        """Disconnect within about 3 s and give up what has no answer; the courier sends it again."""
        await self._producers.close()


async def _sent_or_given_up(producer: AIOKafkaProducer) -> None:
    """Wait up to 3 s for unsent messages, then disconnect."""
    try:
        await asyncio.wait_for(producer.stop(), CLOSE_S)
    except TimeoutError:
        # stop() waits for unsent messages without limit; end its sender task, then the connections.
        await producer._sender.close()
        await producer.client.close()
    except (KafkaError, OSError):
        await producer.client.close()


async def _given_up(producer: AIOKafkaProducer) -> None:
    """Disconnect at once: stop() waits for unsent messages until the sender ends, and the sender for the answers to its
    requests until the connections are closed."""
    try:
        async with asyncio.timeout(CLOSE_S):
            closing = (producer.stop(), producer._sender.close(), producer.client.close())
            await asyncio.gather(*closing, return_exceptions=True)
    except TimeoutError:
        log.warning("a connection to the broker did not close within %g s", CLOSE_S)


async def _translated(answer: asyncio.Future[Any], topic: str, partition: int) -> None:
    try:
        await answer
    except MessageSizeTooLargeError as exc:
        raise BadInput(
            "too_large", topic, f"a message is larger than {topic} takes; sending it again is no use"
        ) from exc
    except (KafkaError, OSError) as exc:
        raise Unavailable("kafka", f"{topic}/{partition}: {type(exc).__name__} {exc}") from exc
