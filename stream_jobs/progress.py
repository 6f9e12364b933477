"""Says, between the events, how far this worker of intake has read; see :mod:`ioc.wire.progress`.

Of a raw partition everything has been read and written up to the arrival of the newest record whose effects are
written; or up to a moment at which its end had been reached and nothing was pending. The latter is proved by two looks
between which nothing moved, and by how long ago the broker answered last. A worker's clock that is ahead of the
broker's by more than ``MARGIN_MS`` makes that claim a little too bold: then a reading can miss its turn among its
neighbours by so much; nothing is lost.

The records are sent after the transactions that they speak of, and outside them: they are true for ever, so neither a
repeat nor a late one does harm, and one that could not be sent is followed by the next.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from time import monotonic

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from faust.types import TP

from ioc.adapters.clock import now_ms as clock_ms
from ioc.adapters.kafka import new_producer
from ioc.pipeline.effects import Emit
from ioc.settings import Settings
from ioc.wire import progress
from ioc.wire.topics import Topics
from stream_jobs.perform import Router, Writer, send_all
from stream_jobs.transport import BatchConsumer

log = logging.getLogger(__name__)

EVERY_S = 0.3  # how often it is said; so much later alerts come at most
MARGIN_MS = 200  # between the broker's making an answer and our seeing it: a look, and the way
SEND_S = 5.0  # longer does nobody wait for it

Looked = tuple[tuple[int | None, int, int], int]  # where everything stood, and the moment that it speaks of


class Teller:
    """Of one worker.

    Args:
        settings: of the installation.
        topics: where ``events`` is.
        centres: real raw topic → centre.
    """

    def __init__(self, settings: Settings, topics: Topics, centres: Mapping[str, str]) -> None:
        self._settings, self._topics, self._centres = settings, topics, centres
        self._router = Router(topics)
        self._producer: AIOKafkaProducer | None = None
        self._looked: dict[TP, Looked] = {}
        self._answers: dict[TP, tuple[int, int]] = {}  # the broker's newest answer, and when we saw it first
        self._quiet_ms: dict[TP, int] = {}
        self._sending: asyncio.Task[None] | None = None
        self._next_s = 0.0
        self._looked_ms = -1
        self._one_sends = asyncio.Lock()
        self.failures = 0

    def look(self, writers: Mapping[TP, Writer], consumer: BatchConsumer, now_ms: int) -> None:
        """Look how far everything is; several times a second, say it."""
        if now_ms < self._looked_ms:  # the clock was set back: what it said before is not to be believed
            self._looked, self._answers, self._quiet_ms = {}, {}, {}
        self._looked_ms = now_ms
        for tp, writer in writers.items():
            answered_ms = consumer.read_out(tp)
            place = (consumer.fetched(tp), consumer.delivered(tp), writer.position)
            if answered_ms is None or writer.pending or writer.position < consumer.delivered(tp):
                self._looked.pop(tp, None)
                continue
            before = self._looked.get(tp)
            if before is not None and before[0] == place:
                self._quiet_ms[tp] = max(before[1], self._quiet_ms.get(tp, -1))
            if self._answers.get(tp, (-1, 0))[0] != answered_ms:
                self._answers[tp] = (answered_ms, now_ms)
            self._looked[tp] = (place, self._answers[tp][1] - MARGIN_MS)
        if monotonic() >= self._next_s and (self._sending is None or self._sending.done()):
            self._next_s = monotonic() + EVERY_S
            read = {tp: max(writer.written_ms - 1, self._quiet_ms.get(tp, -1)) for tp, writer in writers.items()}
            self._sending = asyncio.create_task(self.tell({tp: ms for tp, ms in read.items() if ms >= 0}))

    async def tell(self, read_ms: Mapping[TP, int]) -> None:
        """Say it in every partition; that it failed is logged."""
        said: dict[str, dict[int, int]] = {}
        for tp, ms in read_ms.items():
            said.setdefault(self._centres[tp.topic], {})[tp.partition] = ms
        if not said:
            return
        value = progress.encode(progress.Progress(read_ms=said))
        emits = [Emit("events", progress.KEY, value, n) for n in range(self._topics.partitions("events"))]
        rows: dict[tuple[str, int], list[tuple[bytes, bytes | None]]] = {}
        self._router.add(rows, emits)
        try:
            async with asyncio.timeout(SEND_S), self._one_sends:
                await send_all(await self._connected(), rows, clock_ms())
        except (KafkaError, TimeoutError, OSError) as exc:
            self.failures += 1
            log.warning("how far intake has read could not be said: %r", exc)

    async def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = new_producer(self._settings)
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
        return self._producer

    async def close(self) -> None:
        """Stop; what is under way is given up."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
        if self._producer is not None:
            await self._producer.stop()
