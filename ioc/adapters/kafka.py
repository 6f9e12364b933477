"""Kafka for everybody: topics are made here, producers and readers are configured here, and nowhere else.

Every reader is read_committed: the jobs write transactions, and an aborted one must stay invisible. Every record is
sent to an explicit partition, computed by :meth:`ioc.wire.topics.Topics.partition`, so that all processes agree.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from aiokafka.structs import ConsumerRecord
from msgspec import Struct

from ioc.adapters.clock import monotonic_s
from ioc.adapters.kafka_centres import sign_in
from ioc.errors import BadSettings, Unavailable
from ioc.settings import Settings
from ioc.wire.topics import Topics, TopicSpec

REPLICATION = 1  # one broker; with more, the host's loss is covered too
REQUEST_TIMEOUT_MS = 15_000  # after that an unanswered request or an unsent batch is an error for the caller
MAX_BATCH_BYTES = 512 * 1024  # half of the broker's limit for one batch (max.message.bytes, 1 MiB)
MAX_IN_FLIGHT = 1_000  # records of one Producer without an answer; further senders wait
READ_BYTES_PER_PARTITION = 4 * 1024 * 1024
_FORBIDDEN = frozenset({"acks", "enable_idempotence", "bootstrap_servers", "security_protocol"})


def topic_config(spec: TopicSpec) -> dict[str, str]:
    """The broker's settings of one topic.

    Compacted topics roll their segment every minute, because the newest segment is never compacted and a restart
    reads all of it. Transaction markers and deletions in ``checkpoints.*`` are only of use to a restart that is
    reading at that moment, so they go after five minutes; elsewhere they stay a day for readers that resume.
    """
    config = {"min.insync.replicas": "1", "max.message.bytes": str(spec.max_message_bytes)}
    if spec.stamped_on_arrival:
        config["message.timestamp.type"] = "LogAppendTime"
    if spec.compacted:
        private = spec.name.startswith("checkpoints.")
        config |= {
            "cleanup.policy": "compact",
            "segment.ms": "60000",
            "segment.bytes": str(16 * 1024 * 1024),
            "min.cleanable.dirty.ratio": "0.1",
            "max.compaction.lag.ms": "600000",
            "delete.retention.ms": "300000" if private else "86400000",
        }
    else:
        config |= {"cleanup.policy": "delete", "retention.ms": str(spec.retention_ms)}
    return config


async def wait_ready(bootstrap: str, wait_s: float) -> None:
    """Return when the broker answers a metadata request.

    Raises:
        Unavailable: it did not within ``wait_s`` seconds; the detail is the last error.
    """
    deadline_s = monotonic_s() + wait_s
    while True:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5_000)
        try:
            await admin.start()
            if (await admin.describe_cluster())["brokers"]:
                return
            problem = "no broker is registered yet"
        except (KafkaError, OSError, TimeoutError) as exc:
            problem = str(exc) or type(exc).__name__
        finally:
            await admin.close()
        if monotonic_s() >= deadline_s:
            raise Unavailable("kafka", f"{bootstrap} did not answer within {wait_s:g} s: {problem}")
        await asyncio.sleep(0.2)


async def cluster_id(bootstrap: str) -> str:
    """The id that the cluster was formatted with; it changes when its data is made anew.

    Raises:
        Unavailable: the broker does not answer.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5_000)
    try:
        await admin.start()
        return str((await admin.describe_cluster())["cluster_id"])
    except (KafkaError, OSError, TimeoutError) as exc:
        raise Unavailable("kafka", f"{bootstrap}: {exc}") from exc
    finally:
        await admin.close()


async def ensure_topics(bootstrap: str, specs: Iterable[TopicSpec], prefix: str, *, wait_s: float = 30.0) -> list[str]:
    """Make the topics that are missing; return their real names. Repeating it, or two processes at once, does no harm.

    Returns when every topic has a leader for every partition.

    Raises:
        BadSettings: a topic exists with another number of partitions; keys would move, so nothing is changed.
        Unavailable: the broker does not answer, or the topics are not ready within ``wait_s`` seconds.
    """
    wanted = {prefix + spec.name: spec for spec in specs}
    deadline_s = monotonic_s() + wait_s
    await wait_ready(bootstrap, wait_s)
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        await admin.start()
        existing = await _partition_counts(admin, wanted)
        _refuse_other_counts(existing, wanted)
        made = [name for name in wanted if name not in existing]
        new = [NewTopic(name, wanted[name].partitions, REPLICATION, None, topic_config(wanted[name])) for name in made]
        if new:
            answer = await admin.create_topics(new)
            for name, code, *detail in answer.topic_errors:
                error = for_code(code)
                if code and error is not TopicAlreadyExistsError:
                    raise Unavailable("kafka", f"topic {name} could not be made: {error.__name__} {detail}")
        while True:
            ready = await _partition_counts(admin, wanted)
            if ready.keys() == wanted.keys():
                _refuse_other_counts(ready, wanted)
                return made
            if monotonic_s() >= deadline_s:
                raise Unavailable(
                    "kafka", f"topics without a leader: {', '.join(sorted(wanted.keys() - ready.keys()))}"
                )
            await asyncio.sleep(0.1)
    except (KafkaError, OSError, TimeoutError) as exc:
        raise Unavailable("kafka", f"{bootstrap}: {exc}") from exc
    finally:
        await admin.close()


async def _partition_counts(admin: AIOKafkaAdminClient, names: Iterable[str]) -> dict[str, int]:
    """Partitions of the topics that exist and have a leader for each partition."""
    wanted = set(names)
    found = {}
    for topic in await admin.describe_topics():  # all: asking for one by name could create it
        leaders = [partition["leader"] >= 0 for partition in topic["partitions"]]
        if topic["topic"] in wanted and not topic["error_code"] and leaders and all(leaders):
            found[topic["topic"]] = len(leaders)
    return found


def _refuse_other_counts(found: Mapping[str, int], wanted: Mapping[str, TopicSpec]) -> None:
    problems = [
        f"topic {name} has {found[name]} partitions, but {spec.partitions} are needed; "
        "keys would move: choose another IOC_TOPIC_PREFIX or make the topic anew"
        for name, spec in wanted.items()
        if name in found and found[name] != spec.partitions
    ]
    if problems:
        raise BadSettings(problems)


def new_producer(settings: Settings, *, centre: str | None = None, **options: Any) -> AIOKafkaProducer:
    """An idempotent producer, not started; ``acks=all``. Options are aiokafka's, except those that keep it safe.

    With the broker away a send fails after 15 s; nothing is buffered longer.

    Args:
        centre: sign in as this centre where the settings say how; then it may write the centre's raw topic only.

    Raises:
        BadSettings: there is no password of the centre.
    """
    if forbidden := _FORBIDDEN & options.keys():
        raise ValueError(f"not for the caller to choose: {', '.join(sorted(forbidden))}")
    defaults: dict[str, Any] = {
        "max_batch_size": MAX_BATCH_BYTES,
        "max_request_size": 2 * MAX_BATCH_BYTES,
        "request_timeout_ms": REQUEST_TIMEOUT_MS,
        "retry_backoff_ms": 100,
    }
    where = {"bootstrap_servers": settings.kafka} | (sign_in(settings, centre) if centre is not None else {})
    return AIOKafkaProducer(enable_idempotence=True, acks="all", **(defaults | options | where))


def new_reader(bootstrap: str, *, isolation_level: str = "read_committed", **options: Any) -> AIOKafkaConsumer:
    """A consumer without a group, not started: the caller assigns partitions and keeps positions itself.

    It begins at the earliest record unless it seeks. ``read_uncommitted`` is only for asking where a log ends.
    """
    defaults: dict[str, Any] = {
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "fetch_max_wait_ms": 500,
        "max_partition_fetch_bytes": READ_BYTES_PER_PARTITION,
        "request_timeout_ms": REQUEST_TIMEOUT_MS,
        "retry_backoff_ms": 100,
    }
    return AIOKafkaConsumer(
        bootstrap_servers=bootstrap, group_id=None, isolation_level=isolation_level, **(defaults | options)
    )


async def connect(client: AIOKafkaProducer | AIOKafkaConsumer) -> None:
    """Start a producer or reader; one that cannot is stopped, so that nothing of it is left.

    Raises:
        Unavailable: the broker does not answer.
    """
    try:
        await client.start()
    except (KafkaError, OSError) as exc:
        await client.stop()
        raise Unavailable("kafka", str(exc)) from exc


class LogRange(Struct, frozen=True):
    """Offsets of one partition: ``first`` that is still there, ``end`` is the next one to be written."""

    first: int
    end: int


async def log_ranges(
    bootstrap: str, partitions: Iterable[TopicPartition], *, isolation_level: str = "read_committed"
) -> dict[TopicPartition, LogRange]:
    """Where the logs begin and end now.

    With ``read_committed`` the end is the last stable offset (before the first transaction still open), with
    ``read_uncommitted`` the high watermark.
    """
    wanted = list(partitions)
    reader = new_reader(bootstrap, isolation_level=isolation_level)
    await reader.start()
    try:
        reader.assign(wanted)  # learns the leaders in one request; otherwise each topic costs a back-off
        reader.pause(*wanted)
        firsts, ends = await reader.beginning_offsets(wanted), await reader.end_offsets(wanted)
    finally:
        await reader.stop()
    return {tp: LogRange(firsts[tp], ends[tp]) for tp in wanted}


async def read_to_end(
    reader: AIOKafkaConsumer, partitions: Iterable[TopicPartition], ends: Mapping[TopicPartition, int] | None = None
) -> AsyncIterator[ConsumerRecord[bytes | None, bytes | None]]:
    """Every record of the partitions, from the first to the end as it was at the call.

    All partitions are read at once: the order holds within a partition only. A started reader is needed; it stays
    assigned to the partitions, and records fetched beyond the ends are the next ones it returns.

    Args:
        ends: offsets to read up to. Default: the last stable offset, that is, without transactions still open.
            With the high watermark instead, the call waits until transactions open at the call have ended.
    """
    wanted = list(partitions)
    reader.assign(wanted)
    if ends is None:
        ends = await reader.end_offsets(wanted)
    await reader.seek_to_beginning(*wanted)
    left = set(wanted)
    while True:
        # position() also moves over transaction markers and holes left by compaction.
        left = {tp for tp in left if await reader.position(tp) < ends[tp]}
        if not left:
            return
        for records in (await reader.getmany(*left, timeout_ms=200)).values():
            for record in records:
                yield record


class Sent(Struct, frozen=True):
    """The broker's acknowledgement of one record: where it stands in the log. ``timestamp_ms`` epoch ms."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int


class Producer:
    """Sends records one by one and waits for the broker's answer; at most 1,000 unanswered, then senders wait.

    Order holds per partition, in the order of the calls. A send that was not acknowledged may still have been
    stored: whoever repeats it must carry an id that the receiver recognises.
    """

    def __init__(self, settings: Settings, topics: Topics, **options: Any) -> None:
        self._topics = topics
        self._inner = new_producer(settings, **options)
        self._in_flight = asyncio.Semaphore(MAX_IN_FLIGHT)
        self._order: defaultdict[tuple[str, int], asyncio.Lock] = defaultdict(asyncio.Lock)  # each lets in as they come

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Connect.

        Raises:
            Unavailable: the broker does not answer.
        """
        await connect(self._inner)

    async def stop(self) -> None:
        """Send what is buffered (at most 15 s) and disconnect."""
        await self._inner.stop()

    async def send(
        self,
        logical: str,
        key: bytes | None,
        value: bytes | None,
        *,
        partition: int | None = None,
        timestamp_ms: int | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> Sent:
        """Send one record to the partition of its key, or to ``partition``; return the acknowledgement.

        Raises:
            KeyError: no such logical topic.
            Unavailable: no acknowledgement within 15 s; the record may be stored or not.
        """
        topic = self._topics.name(logical)
        target = self._topics.partition(logical, key or b"") if partition is None else partition
        async with self._in_flight:
            try:
                async with self._order[topic, target]:  # who waits for a leader, or for room, is not overtaken
                    future = await self._inner.send(
                        topic, value, key, partition=target, timestamp_ms=timestamp_ms, headers=list(headers)
                    )
                answer = await future
            except (KafkaError, OSError) as exc:
                raise Unavailable("kafka", f"{topic}/{target}: {type(exc).__name__} {exc}") from exc
        return Sent(topic, target, answer.offset, answer.timestamp or 0)
