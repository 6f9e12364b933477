"""Reading the quarantine: the topic ``dead`` is the truth, it has the sample; nothing here needs the database."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from ioc.adapters.kafka import new_reader, read_to_end
from ioc.domain.measures import DeadLetter
from ioc.errors import Unavailable
from ioc.settings import Settings
from ioc.wire import codec
from ioc.wire.topics import Topics


async def dead_letters(settings: Settings, topics: Topics) -> AsyncGenerator[DeadLetter, None]:
    """Every dead letter that is still kept, partition by partition in offset order.

    Raises:
        Unavailable: Kafka does not answer.
    """
    name = topics.name("dead")
    places = [TopicPartition(name, p) for p in range(topics.partitions("dead"))]
    reader = new_reader(settings.kafka)
    try:
        await reader.start()
        async for record in read_to_end(reader, places):
            if record.value is not None:
                yield codec.decode_dead(record.value)
    except KafkaError as exc:
        raise Unavailable("kafka", str(exc)) from exc
    finally:
        await reader.stop()
