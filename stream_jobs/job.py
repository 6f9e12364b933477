"""What the jobs share: which partitions this process owns, in which generation, and the passing of time.

State lives for one (partition, generation). It is loaded at the first event or by the ticker, whichever comes first
(idle partitions have timers too), under a lock, all assigned partitions in one pass, and never in a Faust signal. When
the generation is over it is forgotten: nothing of it is written, acknowledged or committed any more.

A partition's clock ticks only after it has caught up with what was in the log at the take-over: otherwise a restart
would see silence where there is only backlog.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from time import monotonic
from typing import Any

import faust
from aiokafka.errors import KafkaError
from faust.types import TP
from msgspec import Struct

from ioc.adapters.clock import now_ms
from ioc.adapters.profile_watch import ProfileWatch
from ioc.domain.profile import Profile
from ioc.errors import Fenced
from ioc.pipeline.effects import Effects, Record, Step
from ioc.settings import Settings
from ioc.wire.topics import Topics
from stream_jobs.checkpoint import Layout, LostCheckpoint, TakenOver, take_over
from stream_jobs.exits import Exit, leave
from stream_jobs.perform import RETRY_FIRST_S, RETRY_MAX_S, Router, Transact, Writer, transact
from stream_jobs.progress import Teller
from stream_jobs.read_out import ReadThrough
from stream_jobs.transport import BatchConsumer
from stream_jobs.watchdog import Watchdog

log = logging.getLogger(__name__)

POLL_S = 0.1  # ownership, rebalance and stop are looked at this often
TICK_S = 0.5  # Step.tick
LAG_MS = 5_000  # an input of which what was there so long ago has not been read is behind


class JobSpec(Struct, frozen=True):
    """What makes a job this job.

    Attributes:
        name: ``intake``, ``detect``, ``alerting`` or ``desk``; part of the group id.
        inputs: logical input topics.
        state_topic: logical topic of the checkpoint, with the partition numbers of the inputs.
        prefixed: are checkpoint keys prefixed with their input topic?
        make_step: the pure step of (profile, logical input topic, partition).
        has_rules: does the step take other rules while it runs (a method ``use``)?
        parts: which other files of the profile it takes in the same way, ``suppression`` for instance.
        knows_lag: does the step want to know when its input was not read to its end (an attribute ``lagging``)?
        tells_progress: does the job say how far it has read its inputs, which are raw topics?
        calm_s: how long outputs that are not urgent may wait for others to share a transaction with.
    """

    name: str
    inputs: Callable[[Topics], tuple[str, ...]]
    state_topic: str
    prefixed: bool
    make_step: Callable[[Profile, str, int], Step]
    has_rules: bool = False
    parts: tuple[str, ...] = ()
    knows_lag: bool = False
    tells_progress: bool = False
    calm_s: float = 0.0


class Owned:
    """One partition in one generation."""

    def __init__(self, generation: int, writer: Writer, caught_up_at: int) -> None:
        self.generation = generation
        self.writer = writer
        self.step = writer.step
        self.caught_up_at = caught_up_at  # input offset to reach before the clock ticks
        self.live = False
        self.read_through = ReadThrough()

    def fresh(self, records: Sequence[Record]) -> Sequence[Record]:
        """The records that no committed transaction holds yet."""
        position = self.writer.position
        if not records or records[0].offset >= position:
            return records
        return [record for record in records if record.offset >= position]


class Job:
    """Owner of the partitions of one worker process. Lives on the main loop."""

    def __init__(
        self, spec: JobSpec, settings: Settings, profile: Profile, app: faust.App, topics: Topics | None = None
    ) -> None:
        self.spec, self.settings, self.profile, self.app = spec, settings, profile, app
        self.topics = topics or Topics(settings.topic_prefix, profile.centre_ids)
        self.write: Transact = transact  # how a flush is written; a measurement without sink puts its own here
        self.inputs = {self.topics.name(logical): logical for logical in spec.inputs(self.topics)}
        self.layout = Layout(
            self.topics.name(spec.state_topic),
            {real: f"{logical}|" if spec.prefixed else "" for real, logical in self.inputs.items()},
        )
        self.owned: dict[TP, Owned] = {}
        self.started_s = self.loop_tick_s = self.progress_s = monotonic()
        self.busy_since_s: float | None = None  # a take-over is running
        self.watchdog = Watchdog(self)
        self.running = False  # the ticker has begun: Faust is up
        self._router = Router(self.topics)
        self._taking_over = asyncio.Lock()
        self._next_tick_s = 0.0
        centres = {real: logical.removeprefix("raw.") for real, logical in self.inputs.items()}
        self._teller = Teller(settings, self.topics, centres) if spec.tells_progress else None
        self._files = ProfileWatch(settings.profile, profile, settings.data_dir, spec.parts) if spec.has_rules else None

    @property
    def consumer(self) -> BatchConsumer:
        """Faust's consumer, which this job replaced by its own class."""
        consumer: Any = self.app.consumer
        assert isinstance(consumer, BatchConsumer)
        return consumer

    # -- for the agents -----------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def ending_on_error(self) -> AsyncIterator[None]:
        """No exception leaves an agent: Faust would acknowledge the event that failed. The process ends instead."""
        try:
            yield
        except asyncio.CancelledError:
            raise  # the worker stops
        except Fenced as exc:
            leave(Exit.FENCED, str(exc))
        except LostCheckpoint as exc:
            leave(Exit.FAILED, str(exc))
        except BaseException as exc:
            log.exception("job %s", self.spec.name)
            leave(Exit.FAILED, repr(exc))

    async def receive(self, event: Any) -> Owned | None:
        """The owned partition of an event, taken over if need be; None when its generation is over."""
        message = event.message
        owned = self.owned.get(message.tp)
        if owned is None or owned.generation != message.generation_id:
            owned = await self._take_over(message.generation_id, message.tp)
        if owned is None:
            self.consumer.abandon(message)
        return owned

    async def perform(self, owned: Owned, event: Any, effects: Effects) -> None:
        """Hand the effects of one event to the partition's writer; waits when too much is pending."""
        records = event.value
        owned.writer.add(event, len(records), records[-1].offset + 1, effects, records[-1].timestamp)
        self.progress_s = monotonic()
        await owned.writer.room()

    # -- ownership ----------------------------------------------------------------------------------------------

    def _current(self, generation: int) -> bool:
        # Whether a rebalance is going on says nothing here: Faust resumes the flow a moment before it says so, and a
        # chunk of the current generation that is given up would be skipped.
        return bool(generation == self.app.consumer_generation_id)

    async def _take_over(self, generation: int, tp: TP | None = None) -> Owned | None:
        """Take over everything that is assigned in this generation; returns the part of ``tp``."""
        async with self._taking_over:
            await self._forget_stale()
            while self._current(generation):
                if tp in self.owned:
                    return self.owned[tp]
                assigned = {TP(*raw) for raw in self.consumer.assignment() if raw[0] in self.inputs}
                missing = {raw: self.consumer.committed(raw) for raw in assigned - self.owned.keys()}
                if not missing:
                    return None
                self.busy_since_s = monotonic()
                taken = await self._retrying(missing, generation)
                self.busy_since_s = None
                if not self._current(generation):
                    await asyncio.gather(*(part.producer.stop() for part in taken.values()))
                    return None
                if self._teller is not None:  # before the first event: nobody may take this partition for read
                    await self._teller.tell(dict.fromkeys(taken, -1))
                for new, part in taken.items():
                    self.owned[new] = self._own(new, generation, part)
            return None

    async def _retrying(self, missing: dict[TP, int], generation: int) -> dict[TP, TakenOver]:
        """Until it works or the generation is over; the watchdog bounds it."""
        delay_s, began_s = RETRY_FIRST_S, monotonic()
        while self._current(generation):
            try:
                taken = await take_over(self.settings, str(self.app.conf.id), self.layout, missing)
            except KafkaError as exc:
                if not exc.retriable:
                    raise
                log.warning("take-over: %r, retrying", exc)
                await asyncio.sleep(delay_s)
                delay_s = min(2 * delay_s, RETRY_MAX_S)
            else:
                log.info(
                    "%s owns %d more partitions in generation %d: %d records read, %d keys, %.2f s",
                    *(self.spec.name, len(taken), generation, sum(p.restored.records for p in taken.values())),
                    *(sum(len(p.restored.state) for p in taken.values()), monotonic() - began_s),
                )
                return taken
        return {}

    def _own(self, tp: TP, generation: int, part: TakenOver) -> Owned:
        step = self.spec.make_step(self.profile, self.inputs[tp.topic], tp.partition)
        for key, value in part.restored.state.items():
            step.load(key, value)
        writer = Writer(
            *(tp, step, part.restored.position, part.producer, self.layout, self._router, self.settings.flush_s),
            write=self.write,
            calm_s=self.spec.calm_s,
        )
        return Owned(generation, writer, part.end)

    async def _forget_stale(self) -> None:
        generation = self.app.consumer_generation_id
        stale = [tp for tp, owned in self.owned.items() if owned.generation != generation]
        # Waits for open transactions: the producer of the next generation would fence them, and with them us.
        for events in await asyncio.gather(*(self.owned.pop(tp).writer.close() for tp in stale)):
            for event in events:
                self.consumer.abandon(event.message)

    async def drain(self) -> None:
        """Write what is pending; called before partitions are given away."""
        await asyncio.gather(*(owned.writer.drained() for owned in self.owned.values()))

    # -- time ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """The ticker; ends with the worker."""
        self.running = True
        self.watchdog.start()
        self.consumer.drain = self.drain
        while not self.app.should_stop or self.consumer.unacked:  # a graceful stop waits for the last flush
            async with self.ending_on_error():
                await self._look()
            await asyncio.sleep(POLL_S)
        await self.drain()
        await asyncio.gather(*(owned.writer.close() for owned in self.owned.values()))
        if self._teller is not None:
            await self._teller.close()

    async def _look(self) -> None:
        self.loop_tick_s = monotonic()
        if self.app.rebalancing or self.app.should_stop:
            for owned in self.owned.values():
                owned.writer.hurry()
            return
        await self._take_over(self.app.consumer_generation_id)
        if self._teller is not None:
            self._teller.look({tp: owned.writer for tp, owned in self.owned.items()}, self.consumer, now_ms())
        if monotonic() >= self._next_tick_s:
            self._next_tick_s = monotonic() + TICK_S
            self._tick()
            if self._files is not None and (changed := self._files.look(monotonic())) is not None:
                self.use(changed)

    def use(self, profile: Profile) -> None:
        """Go on with another profile: partitions owned now, and those taken over later."""
        self.profile, at_ms = profile, now_ms()
        for owned in self.owned.values():
            step: Any = owned.step  # has_rules promises the method
            owned.writer.add_tick(step.use(profile, at_ms))

    def _tick(self) -> None:
        at_ms = now_ms()
        for tp, owned in self.owned.items():
            if not owned.live:
                owned.live = self._caught_up(tp, owned)
            if self.spec.knows_lag:
                step: Any = owned.step  # knows_lag promises the attribute
                step.lagging = at_ms - owned.read_through.look(self.consumer.answer(tp)) > LAG_MS
            if owned.live and not owned.writer.full and self._current(owned.generation):
                owned.writer.add_tick(owned.step.tick(at_ms))

    def _caught_up(self, tp: TP, owned: Owned) -> bool:
        """Has everything that was in the log at the take-over been fetched, delivered and applied?"""
        fetched = self.consumer.fetched(tp)
        if fetched is None or fetched < owned.caught_up_at:
            return False
        return owned.writer.position >= self.consumer.delivered(tp)
