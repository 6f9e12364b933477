"""Driving refused records again: their original bytes, found in the raw topic or in the sample, sent once more.

Nothing is held but one portion of dead letters (``PORTION``), so the length of the quarantine does not matter. What
is sent goes to the partition that it came from: that intake partition knows the ids of its neighbours.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator, Callable, Sequence
from hashlib import sha256

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from msgspec import Struct

from ioc.adapters.clock import now_ms
from ioc.adapters.dead_letters import dead_letters
from ioc.adapters.kafka import Producer, new_reader
from ioc.domain.measures import DeadLetter
from ioc.domain.profile import Profile
from ioc.errors import Unavailable
from ioc.pipeline.redrive_check import Forecast, Forecaster
from ioc.pipeline.redriven import headers
from ioc.settings import Settings
from ioc.wire.topics import Topics

PORTION = 256  # dead letters at once; with their samples of at most 64 KiB that is 22 MB
STEP_OVER = 500  # records read and left, where another request would cost more
READ_WITHIN_S = 15.0  # for one original; then Kafka counts as away
FETCH_BYTES = 512 * 1024


class Wanted(Struct, frozen=True, kw_only=True):
    """Which dead letters: each condition that is given must hold. Times are of the refusal, ``[from_ms, to_ms)``."""

    reason: str | None = None
    centre: str | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    ids: frozenset[str] = frozenset()

    def holds(self, letter: DeadLetter) -> bool:
        """Is it one of them?"""
        return (
            self.reason in (None, letter.code)
            and self.centre in (None, letter.centre)
            and (self.from_ms is None or self.from_ms <= letter.refused_ms)
            and (self.to_ms is None or letter.refused_ms < self.to_ms)
            and (not self.ids or letter.id in self.ids)
        )


class Driven(Struct, frozen=True, kw_only=True):
    """One dead letter after its turn. ``source`` says where its bytes came from: ``topic``, ``sample`` or nowhere."""

    letter: DeadLetter
    forecast: Forecast
    source: str
    sent: bool


async def redrive(
    settings: Settings,
    profile: Profile,
    wanted: Wanted,
    *,
    dry_run: bool,
    tell: Callable[[int], None] = lambda count: None,
) -> AsyncGenerator[Driven, None]:
    """Send the wanted records again that would go through now; gives every wanted letter with what became of it.

    Letters that come while this runs are not looked at: a record that is refused once more does not go round.

    Args:
        settings: where Kafka is.
        profile: decides which would go through; the workers should run the same one.
        wanted: which letters.
        dry_run: find everything out, send nothing.
        tell: called after each portion with the number of letters that were looked at.

    Raises:
        Unavailable: Kafka is away; what was given before is done, repeating the command is harmless.
    """
    topics = Topics(settings.topic_prefix, profile.centre_ids)
    forecaster = Forecaster(profile)
    reader = new_reader(settings.kafka, max_partition_fetch_bytes=FETCH_BYTES, fetch_max_wait_ms=100)
    producer = Producer(settings, topics)
    try:
        await reader.start()
        if not dry_run:
            await producer.start()
        portion: list[DeadLetter] = []
        looked = 0
        async for letter in dead_letters(settings, topics):
            looked += 1
            if wanted.holds(letter):
                portion.append(letter)
            if len(portion) == PORTION:
                for done in await _portion(portion, reader, producer, topics, forecaster, dry_run):
                    yield done
                portion = []
            if looked % PORTION == 0:
                tell(looked)
        for done in await _portion(portion, reader, producer, topics, forecaster, dry_run):
            yield done
        tell(looked)
    except KafkaError as exc:
        raise Unavailable("kafka", str(exc)) from exc
    finally:
        await producer.stop()
        await reader.stop()


async def count_wanted(settings: Settings, profile: Profile, wanted: Wanted) -> tuple[int, int]:
    """(dead letters, wanted ones) that are kept now. Raises Unavailable."""
    total = found = 0
    async for letter in dead_letters(settings, Topics(settings.topic_prefix, profile.centre_ids)):
        total += 1
        found += wanted.holds(letter)
    return total, found


async def _portion(
    letters: Sequence[DeadLetter],
    reader: AIOKafkaConsumer,
    producer: Producer,
    topics: Topics,
    forecaster: Forecaster,
    dry_run: bool,
) -> list[Driven]:
    originals = await _originals(letters, reader, topics)
    done: list[Driven] = []
    sending: list[DeadLetter] = []
    for letter in letters:
        value, source = originals[letter.id]
        forecast = forecaster.ask(letter, value, now_ms())
        good = forecast.outcome == "good"
        done.append(Driven(letter=letter, forecast=forecast, source=source, sent=good and not dry_run))
        if good and not dry_run:
            sending.append(letter)
    # In the order of the letters: sends that follow each other keep their order within a partition.
    await asyncio.gather(
        *(
            producer.send(
                letter.topic,
                None if letter.key_b64 is None else base64.b64decode(letter.key_b64),
                originals[letter.id][0],
                partition=letter.partition,
                headers=headers(letter.id, letter.received_ms),
            )
            for letter in sending
        )
    )
    return done


async def _originals(
    letters: Sequence[DeadLetter], reader: AIOKafkaConsumer, topics: Topics
) -> dict[str, tuple[bytes | None, str]]:
    """For each letter its whole record and where it was found."""
    found: dict[str, tuple[bytes | None, str]] = {letter.id: _sample(letter) for letter in letters}
    places: dict[TopicPartition, list[DeadLetter]] = {}
    for letter in letters:
        if letter.topic in topics.raw.values() and 0 <= letter.partition < topics.partitions(letter.topic):
            places.setdefault(TopicPartition(topics.name(letter.topic), letter.partition), []).append(letter)
    for place, here in places.items():
        reader.assign([place])
        firsts, ends = await reader.beginning_offsets([place]), await reader.end_offsets([place])
        position = -1
        for letter in sorted(here, key=lambda one: one.offset):
            if not firsts[place] <= letter.offset < ends[place]:
                continue
            if not position <= letter.offset <= position + STEP_OVER or position < 0:
                reader.seek(place, letter.offset)
            value, position = await _read_at(reader, place, letter.offset)
            if value is not None and _is_of(letter, value):
                found[letter.id] = (value, "topic")
    return found


async def _read_at(reader: AIOKafkaConsumer, place: TopicPartition, offset: int) -> tuple[bytes | None, int]:
    """The value at an offset and the next position; None where the log has a hole."""
    try:
        async with asyncio.timeout(READ_WITHIN_S):
            while True:
                record = await reader.getone(place)
                if record.offset >= offset:
                    return (record.value if record.offset == offset else None), record.offset + 1
    except TimeoutError as exc:
        raise Unavailable("kafka", f"{place.topic}/{place.partition} at {offset} could not be read") from exc


def _sample(letter: DeadLetter) -> tuple[bytes | None, str]:
    value = base64.b64decode(letter.sample_b64)
    return (value, "sample") if _is_of(letter, value) else (None, "")


def _is_of(letter: DeadLetter, value: bytes) -> bool:
    """The very record: a topic that was made anew has other records at the same offsets."""
    return len(value) == letter.size_bytes and sha256(value).hexdigest() == letter.sha256
