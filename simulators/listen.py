"""How the judge hears alerts of a running system: every version that is written to ``alerts`` while a scenario runs.

Only committed records are read. The end of a run is heard by a canary that the gateway sent after it: what was sent
before has then come through the same jobs. Without a gateway the listener waits as long as the jobs usually need.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from ioc.adapters.kafka import new_reader, read_to_end
from ioc.domain.alerts import Alert
from ioc.errors import BadInput, Unavailable
from ioc.settings import Settings
from ioc.wire import codec
from ioc.wire.topics import Topics

log = logging.getLogger(__name__)

POLL_MS = 300
ALERTS_MAX = 200_000  # changes of alerts that are kept; more is no run that somebody can judge
QUIET_S = 6.0  # no news for so long, after a canary came through: the run has been heard to its end
LIMIT_S = 40.0  # without a nearer canary longer is not waited; two periods of the canary and some
_CANARY = b"@canary"


class _Canary(msgspec.Struct):
    sent_ms: int


class Listener:
    """Collects the versions of alerts from its start on.

    Args:
        settings: broker and prefix.
        topics: of the installation.
        clock: wall clock, epoch milliseconds.
    """

    def __init__(self, settings: Settings, topics: Topics, clock: Callable[[], int]) -> None:
        self.alerts: list[Alert] = []
        self._settings = settings
        self._partitions = [TopicPartition(topics.name("alerts"), p) for p in range(topics.partitions("alerts"))]
        self._clock = clock
        self._reader: AIOKafkaConsumer | None = None
        self._task: asyncio.Task[None] | None = None
        self._canary_ms = 0
        self._news_ms = 0
        self._exercise: str | None = None

    async def start(self, exercise: str | None) -> None:
        """Begin to listen; what is written after this call is heard.

        Raises:
            BadInput: the drill has alerts already: their ids are taken, so a second run would raise nothing.
            Unavailable: the broker does not answer, or has no such topic.
        """
        self._exercise = exercise
        reader = new_reader(self._settings.kafka, fetch_max_wait_ms=POLL_MS)
        self._reader = reader
        try:
            await reader.start()
            known = await reader.topics()
            if self._partitions[0].topic not in known:
                raise Unavailable("kafka", f"no topic {self._partitions[0].topic}: the system has never run")
            if exercise is not None:
                await self._refuse_known(reader, exercise)
            reader.assign(self._partitions)
            await reader.seek_to_end(*self._partitions)
            for partition in self._partitions:
                await reader.position(partition)  # fixes the place now, not at the first poll
        except (KafkaError, OSError) as exc:
            await self.close()
            raise Unavailable("kafka", f"{self._settings.kafka}: {exc}") from exc
        except (BadInput, Unavailable):
            await self.close()
            raise
        self._news_ms = self._clock()
        self._task = asyncio.create_task(self._listen(reader))

    async def settled(self, after_ms: int, limit_s: float = LIMIT_S, quiet_s: float = QUIET_S) -> bool:
        """Wait until what was sent before ``after_ms`` (wall clock) has been heard; True when that is certain.

        Certain is: a canary that was sent later came through, and then there was no news of the run for ``quiet_s``.
        Jobs that are behind are waited for, however long it takes: ``limit_s`` begins anew with every canary that is
        nearer to the end than the one before.

        Raises:
            Unavailable: the broker went away meanwhile.
        """
        nearest_ms, deadline_ms = self._canary_ms, self._clock() + round(limit_s * 1000)
        while self._clock() < deadline_ms:
            if nearest_ms < min(self._canary_ms, after_ms):
                nearest_ms, deadline_ms = self._canary_ms, self._clock() + round(limit_s * 1000)
            if self._task is not None and self._task.done():
                self._task.result()
            if self._canary_ms >= after_ms and self._clock() - max(self._news_ms, after_ms) >= quiet_s * 1000:
                return True
            await asyncio.sleep(POLL_MS / 1000)
        return False

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._reader is not None:
            await self._reader.stop()
            self._reader = None

    async def _refuse_known(self, reader: AIOKafkaConsumer, exercise: str) -> None:
        count = 0
        async for record in read_to_end(reader, self._partitions):
            alert = _alert_of(record.key, record.value)
            count += alert is not None and alert.exercise == exercise
        if count:
            detail = f"drill '{exercise}' has alerts already, so a second run would raise none; choose another id"
            raise BadInput("argument", "exercise", f"--exercise: {detail}, for instance {exercise}-2")

    async def _listen(self, reader: AIOKafkaConsumer) -> None:
        while True:
            try:
                found = await reader.getmany(timeout_ms=POLL_MS)
            except (KafkaError, OSError) as exc:
                raise Unavailable("kafka", f"{self._settings.kafka}: {exc}") from exc
            for records in found.values():
                for record in records:
                    if record.key == _CANARY and record.value is not None:
                        self._canary_ms = max(self._canary_ms, msgspec.json.decode(record.value, type=_Canary).sent_ms)
                    elif (alert := _alert_of(record.key, record.value)) is not None:
                        self.alerts.append(alert)
                        if alert.exercise == self._exercise:
                            self._news_ms = self._clock()
            if len(self.alerts) > ALERTS_MAX:
                raise BadInput("too_many", "alerts", f"more than {ALERTS_MAX} changes of alerts during the run")


def _alert_of(key: bytes | None, value: bytes | None) -> Alert | None:
    """The alert of a record; None for a deletion and for private records of alerting."""
    if value is None or key is None or key.startswith(b"@"):
        return None
    return codec.decode_alert(value)
