"""The recorder as a process: a plain consumer of every partition, the database, signals, one line of figures per 10 s.

Beside them the head of the audit chain is noted outside the database, see :mod:`ioc.adapters.anchors`, and what is
older than it is kept goes, see :mod:`ioc.adapters.retention`.

The consumer has no group: there is exactly one writer, chosen by the database, and the positions are the database's.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from ioc.adapters.anchors import AnchorFile, AnchorTopic, anchor_file, keep_anchors
from ioc.adapters.clock import monotonic_s, now_ms
from ioc.adapters.kafka import cluster_id, connect, new_reader
from ioc.adapters.retention import drop_old, keep_days
from ioc.adapters.timescale import Timescale
from ioc.errors import BadSettings, Fenced, Unavailable
from ioc.pipeline.effects import Record
from ioc.ports import Place
from ioc.services.recorder import Recorder
from ioc.services.recorder_rows import READERS
from ioc.settings import Settings
from ioc.wire.topics import Topics

OK, FAILED, STUCK, FENCED = 0, 70, 71, 73
FETCH_BYTES_MAX = 8 * 1024 * 1024  # of one answer of the broker, held in advance besides the batch in hand
FETCH_BYTES_PARTITION_MAX = 1024 * 1024
REPORT_S = 10.0
STUCK_AFTER_S = 60.0  # the log grew all that time, the database answers, and yet nothing came
KAFKA_RETRY_S = 1.0

log = logging.getLogger("ioc.recorder")


class KafkaLog:
    """The recorder's :class:`ioc.ports.EventLog` on Kafka."""

    def __init__(self, bootstrap: str, places: Sequence[Place]) -> None:
        self.places = list(places)
        self._partitions = {TopicPartition(p.topic, p.partition): p for p in places}
        self._consumer: AIOKafkaConsumer = new_reader(
            bootstrap,
            client_id="ioc-recorder",
            fetch_max_bytes=FETCH_BYTES_MAX,
            max_partition_fetch_bytes=FETCH_BYTES_PARTITION_MAX,
            auto_offset_reset="none",  # a deleted stretch must be noticed, not jumped over
        )

    async def start(self) -> None:
        """Connect. Raises Unavailable."""
        await connect(self._consumer)

    async def stop(self) -> None:
        """Disconnect."""
        await self._consumer.stop()

    async def fetch(self, records_max: int, wait_s: float) -> Sequence[tuple[Place, Sequence[Record]]]:
        """See :meth:`ioc.ports.EventLog.fetch`. While the broker is away nothing comes.

        Raises:
            Unavailable: the broker refuses, or has deleted what comes next.
        """
        try:
            found = await self._consumer.getmany(timeout_ms=int(wait_s * 1000), max_records=records_max)
        except KafkaError as exc:
            raise Unavailable("kafka", str(exc)) from exc
        return [(self._partitions[tp], records) for tp, records in found.items()]

    async def seek(self, positions: Mapping[Place, int]) -> Sequence[tuple[Place, int, int]]:
        """See :meth:`ioc.ports.EventLog.seek`.

        A position beyond the end means that the topic was made anew: it is read from its beginning.

        Raises:
            Unavailable: the broker does not answer.
        """
        gaps = []
        try:
            begins = await self._consumer.beginning_offsets(list(self._partitions))
            ends = await self._consumer.end_offsets(list(self._partitions))
        except (KafkaError, TimeoutError) as exc:
            raise Unavailable("kafka", str(exc)) from exc
        self._consumer.assign(list(self._partitions))  # drops what was fetched in advance
        for tp, place in self._partitions.items():
            wanted, begin = positions[place], begins[tp]
            if wanted > ends[tp]:
                log.error("%s/%s ends at %d, before %d: it was made anew", *tp, ends[tp], wanted)
                wanted = begin
            elif 0 < wanted < begin:
                gaps.append((place, wanted, begin))
            self._consumer.seek(tp, max(wanted, begin))
        return gaps

    async def behind(self) -> tuple[int, int]:
        """Records (and transaction markers) not fetched yet, and the end of all partitions added up.

        Raises:
            Unavailable: the broker does not answer.
        """
        try:
            ends = await self._consumer.end_offsets(list(self._partitions))
            positions = [await asyncio.wait_for(self._consumer.position(tp), 1.0) for tp in ends]
        except (KafkaError, TimeoutError) as exc:
            raise Unavailable("kafka", str(exc)) from exc
        return sum(max(0, end - at) for end, at in zip(ends.values(), positions, strict=True)), sum(ends.values())


def recorder_places(prefix: str) -> list[Place]:
    """Every partition of every topic that is history."""
    topics = Topics(prefix, ())
    return [Place(topics.name(t), p) for t in READERS for p in range(topics.partitions(t))]


def run_recorder(settings: Settings, grace_s: Mapping[tuple[str, str], float] | None = None) -> int:
    """Record until SIGTERM or SIGINT; the batch in hand is finished first.

    Args:
        settings: where everything is.
        grace_s: (centre, feed) → seconds after its end in which the streams still correct a minute.

    Returns:
        0 stopped in order, 70 failed, 71 stuck (the supervisor starts it again), 73 somebody else writes.

    Raises:
        BadSettings: the schema of the database is too old.
    """
    logging.getLogger("aiokafka").setLevel(logging.WARNING)
    if not logging.getLogger().handlers:
        logging.basicConfig(
            level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr
        )
    return asyncio.run(_run(settings, grace_s or {}))


async def _run(settings: Settings, grace_s: Mapping[tuple[str, str], float]) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    opened = await _connect(settings, stop)
    if opened is None:
        return OK
    source, cluster = opened
    history = Timescale(settings.database_url, cluster=cluster, name=settings.topic_prefix, grace_s=grace_s)
    recorder = Recorder(source, history, source.places, settings.topic_prefix, monotonic_s)
    work = asyncio.create_task(recorder.run())
    watch = asyncio.create_task(_watch(recorder, source))
    stopped = asyncio.create_task(stop.wait())
    topic = AnchorTopic(settings)
    anchors = asyncio.create_task(
        keep_anchors(lambda: history.audit_head, AnchorFile(anchor_file(settings)), topic.send, now_ms)
    )
    drop = partial(drop_old, settings.database_url, settings.keep_days)
    keeping = asyncio.create_task(keep_days(drop, lambda: bool(settings.keep_days) and recorder.stats.active, now_ms))
    try:
        await asyncio.wait({work, watch, stopped, anchors, keeping}, return_when=asyncio.FIRST_COMPLETED)
        recorder.stop()
        if watch.done() and not stop.is_set():
            watch.result()  # an error of the watch is a bug: it ends the process
            return STUCK
        if anchors.done():
            anchors.result()  # so is one of the anchors: they go on through a full disk and an absent bus
        if keeping.done():
            keeping.result()  # and of what is too old
        await work
    except Fenced as exc:
        log.error("another recorder has taken over: %s", exc)
        return FENCED
    except BadSettings:
        raise
    except Exception:
        log.exception("the recorder failed")
        return FAILED
    finally:
        for task in (watch, stopped, work, anchors, keeping):
            task.cancel()
        await asyncio.gather(watch, stopped, work, anchors, keeping, return_exceptions=True)
        await topic.close()
        await source.stop()
    log.info("stopped: %d records in %d batches", recorder.stats.records, recorder.stats.batches)
    return OK


async def _connect(settings: Settings, stop: asyncio.Event) -> tuple[KafkaLog, str] | None:
    """A started reader and the id of its cluster; tries until Kafka is there, or None when told to stop."""
    said = False
    while not stop.is_set():
        source = KafkaLog(settings.kafka, recorder_places(settings.topic_prefix))
        try:
            cluster = await cluster_id(settings.kafka)
            await source.start()
            return source, cluster
        except Unavailable as exc:
            if not said:
                log.warning("%s; tried again until it answers", exc)
            said = True
            await source.stop()
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), KAFKA_RETRY_S)
    return None


async def _watch(recorder: Recorder, source: KafkaLog) -> None:
    """Report every 10 s; return when the consumer is stuck."""
    stats = recorder.stats
    before = stats.records
    last_record_s = last_report_s = monotonic_s()
    end_then = -1  # where the log ended when the last record had come
    while True:
        await asyncio.sleep(REPORT_S)
        try:
            behind, end = await source.behind()
        except Unavailable as exc:
            log.warning("%s", exc)
            last_record_s, end_then = monotonic_s(), -1
            continue
        now_s = monotonic_s()
        if stats.records != before or not stats.active or end_then < 0:
            last_record_s, end_then = now_s, end
        rate = (stats.records - before) / (now_s - last_report_s)
        log.info(
            "%.0f records/s, %d behind, %s; stored %s, corrected %d (%d goes failed), rejected %d, retries %d,"
            " last write %.0f ms",
            rate,
            behind,
            "writer" if stats.active else "not writing",
            " ".join(f"{table}={n}" for table, n in sorted(stats.stored.items())) or "nothing",
            stats.corrected,
            stats.uncorrected,
            stats.rejected,
            stats.retries,
            stats.last_write_s * 1000,
        )
        before, last_report_s = stats.records, now_s
        if now_s - last_record_s > STUCK_AFTER_S and end > end_then and behind > 0:
            log.error("stuck: the log grew by %d, nothing came for %.0f s", end - end_then, now_s - last_record_s)
            return
