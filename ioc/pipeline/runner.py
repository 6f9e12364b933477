"""The steps in one process, on a virtual clock and an in-memory bus: for tests of rules and of the steps.

It keeps the promises of the real shell: every key has one partition and one order, a step's outputs and its changed
state and its position become visible together (``flush``), and a crash throws away what was not flushed. ``detect``
and ``alerting`` always run; ``intake`` runs for centres whose native records are sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ioc.domain.alerts import Alert, LogEntry, Signal
from ioc.domain.measures import DeadLetter, Rollup
from ioc.domain.profile import Profile
from ioc.pipeline.alerting import AlertingPartition
from ioc.pipeline.desk import make_desk
from ioc.pipeline.detect import DetectPartition
from ioc.pipeline.effects import Effects, Emit, InRecord, Step
from ioc.pipeline.intake import IntakePartition
from ioc.wire import codec, progress
from ioc.wire.topics import Topics

TICK_EVERY_MS = 500  # as the real shell does, about twice a second


class Cell:
    """One partition of one job: its step, its position in the input, its checkpoint."""

    def __init__(
        self, make: Callable[[], Step], topic: str, partition: int, checkpoint: dict[str, bytes] | None
    ) -> None:
        self._make = make
        self.is_intake = topic.startswith("raw.")
        self.topic = topic
        self.partition = partition
        self.position = 0
        self._flushed_position = 0
        self._checkpoint = checkpoint
        self._waiting: list[Emit] = []
        self.touched = True  # called since the last flush
        self.ticked_ms = 0
        self.step = make()

    def take(self, effects: Effects) -> None:
        """Hold outputs back until the flush."""
        self.touched = True
        self._waiting += effects.emits

    def flush(self) -> list[Emit]:
        """Outputs, changed state and position at once; gives the outputs for the bus."""
        checkpoint = self._checkpoint
        if checkpoint is not None:
            for key, value in self.step.take_dirty():
                if value is None:
                    checkpoint.pop(key, None)
                else:
                    checkpoint[key] = value
        self._flushed_position = self.position
        self.touched = False
        emits, self._waiting = self._waiting, []
        return emits

    @property
    def checkpoint(self) -> dict[str, bytes]:
        """The kept state, as it was at the last flush."""
        return dict(self._checkpoint or {})

    def crash(self) -> None:
        """Lose everything since the last flush and start again from the checkpoint."""
        if self._checkpoint is None:
            raise RuntimeError("this runner keeps no checkpoints to start again from")
        self._waiting = []
        self.touched = True
        self.position = self._flushed_position
        self.step = self._make()
        for key, value in self._checkpoint.items():
            self.step.load(key, value)


class Runner:
    """A whole installation in memory.

    Args:
        profile: what it is about.
        start_ms: where the virtual clock begins.
        batch_max: most records that a step is given at once.
        tick_every_ms: how often time is let pass; a replay of days may be coarser than the real shell.
        with_intake: False where only canonical events are sent; then the centres need no format.
        intake_tick_every_ms: how often time passes in intake, which then tells how the feeds are; None as elsewhere.
        with_desk: False where alerts are wanted as rules and people make them, without suppression and escalation.
        with_checkpoints: False where nothing will crash: the kept state, which only a restart reads, is not written.
    """

    def __init__(
        self,
        profile: Profile,
        start_ms: int,
        batch_max: int = 500,
        tick_every_ms: int = TICK_EVERY_MS,
        with_intake: bool = True,
        intake_tick_every_ms: int | None = None,
        with_desk: bool = True,
        with_checkpoints: bool = True,
    ) -> None:
        self.profile = profile
        self._with_checkpoints = with_checkpoints
        self.now_ms = start_ms
        self.batch_max = batch_max
        self.tick_every_ms = tick_every_ms
        self.intake_tick_every_ms = intake_tick_every_ms
        self.topics = Topics("", profile.centre_ids)
        self.bus: dict[tuple[str, int], list[InRecord]] = {}
        self._taken_off: dict[tuple[str, int], int] = {}  # records of a partition that are no longer on the bus
        self._newest: dict[tuple[str, int], dict[str, bytes]] = {}  # compacted view: newest value of each key
        self.cells: list[Cell] = []
        for centre in profile.centre_ids if with_intake else ():
            for p in range(self.topics.partitions(self.topics.raw[centre])):
                self._add(lambda c=centre, p=p: IntakePartition(profile, c, p), self.topics.raw[centre], p)  # type: ignore[misc]
        for p in range(self.topics.partitions("events")):
            self._add(lambda p=p: DetectPartition(profile, p, watch_intake=with_intake), "events", p)  # type: ignore[misc]
        for p in range(self.topics.partitions("alert-inputs")):
            checkpoint = self._newest.setdefault(("alerts", p), {})
            self._add(lambda p=p: AlertingPartition(profile, p), "alert-inputs", p, checkpoint)  # type: ignore[misc]
        if with_desk:
            self._add(lambda: make_desk(profile), "desk-inputs", 0)
        self._tell_progress(-1)

    def native(self, centre: str, key: bytes, value: bytes) -> None:
        """Send one record in a centre's own format; it arrives now."""
        self._send(Emit(self.topics.raw[centre], key, value))
        self.settle()

    def natives(self, records: Iterable[tuple[str, bytes, bytes]]) -> None:
        """Send native records: (centre, key, value); they arrive now."""
        for centre, key, value in records:
            self._send(Emit(self.topics.raw[centre], key, value))
        self.settle()

    def events(self, values: Iterable[tuple[str, bytes]]) -> None:
        """Send canonical events past intake: (topic key, value)."""
        for key, value in values:
            self._send(Emit("events", key.encode(), value))
        self.settle()

    def command(self, key: str, value: bytes) -> None:
        """Send one command (or signal) to alerting."""
        self._send(Emit("alert-inputs", key.encode(), value))
        self.settle()

    def advance(self, duration_ms: int) -> None:
        """Let time pass, with ticks."""
        end_ms = self.now_ms + duration_ms
        while self.now_ms < end_ms:
            self.now_ms = min(end_ms, self.now_ms + self.tick_every_ms)
            for cell in self.cells:
                rarely_ms = self.intake_tick_every_ms if cell.is_intake else None
                if rarely_ms is None or self.now_ms - cell.ticked_ms >= rarely_ms:
                    cell.ticked_ms = self.now_ms
                    cell.take(cell.step.tick(self.now_ms))
            self.settle()
            self._tell_progress(self.now_ms)

    def settle(self) -> None:
        """Let every step read all there is, flushing after each batch, until nothing moves."""
        moved = True
        while moved:
            moved = False
            for cell in self.cells:
                moved |= self._turn(cell)

    def put(self, emit: Emit) -> None:
        """Put one record on the bus; nobody reads it before ``settle``."""
        self._send(emit)

    def tick(self) -> None:
        """Let every step look at the clock, which stands still."""
        for cell in self.cells:
            cell.take(cell.step.tick(self.now_ms))
        self.settle()

    def crash(self, job_topic: str) -> None:
        """Crash every cell that reads a topic (``events``: the detect job) and start it again."""
        for cell in self.cells:
            if cell.topic == job_topic:
                cell.crash()

    def records(self, topic: str) -> list[InRecord]:
        """Everything ever written to a topic, partition after partition; of ``events`` the events."""
        found = [record for (name, _), records in sorted(self.bus.items()) if name == topic for record in records]
        return [record for record in found if record.key != progress.KEY]

    def take_off(self) -> dict[str, list[InRecord]]:
        """Take everything off the bus that all steps have read, by topic, so that a long replay needs no memory.

        ``records`` and what is built on it then know only what came since.
        """
        taken: dict[str, list[InRecord]] = {}
        for (topic, partition), records in self.bus.items():
            if records:
                taken.setdefault(topic, []).extend(records)
                self._taken_off[topic, partition] = self._taken_off.get((topic, partition), 0) + len(records)
                records.clear()
        return taken

    def alerts(self) -> dict[str, Alert]:
        """Newest state of every alert by id."""
        newest: dict[str, Alert] = {}
        for record in self.records("alerts"):
            assert record.key is not None
            if record.value is None:
                newest.pop(record.key.decode(), None)
            else:
                newest[record.key.decode()] = codec.decode_alert(record.value)
        return newest

    def log(self) -> list[LogEntry]:
        """The audit trail, by time."""
        entries = [codec.decode_log_entry(r.value) for r in self.records("alert-log") if r.value is not None]
        return sorted(entries, key=lambda entry: entry.at_ms)

    def signals(self) -> list[Signal]:
        """Signals of the rules."""
        given = (codec.decode_alert_input(r.value) for r in self.records("alert-inputs") if r.value is not None)
        return [item for item in given if isinstance(item, Signal)]

    def rollups(self) -> dict[str, Rollup]:
        """Highest revision of every rollup by key."""
        newest: dict[str, Rollup] = {}
        for record in self.records("rollups"):
            assert record.value is not None
            rollup = codec.decode_rollup(record.value)
            if rollup.key not in newest or rollup.revision > newest[rollup.key].revision:
                newest[rollup.key] = rollup
        return newest

    def dead(self) -> list[DeadLetter]:
        """Refused records."""
        return [codec.decode_dead(r.value) for r in self.records("dead") if r.value is not None]

    def _add(
        self, make: Callable[[], Step], topic: str, partition: int, checkpoint: dict[str, bytes] | None = None
    ) -> None:
        kept = ({} if checkpoint is None else checkpoint) if self._with_checkpoints else None
        self.cells.append(Cell(make, topic, partition, kept))

    def _tell_progress(self, read_ms: int) -> None:
        """Say how far intake has read, as its workers do on a broker."""
        read: dict[str, dict[int, int]] = {}
        for cell in self.cells:
            if cell.is_intake:
                read.setdefault(cell.topic.removeprefix("raw."), {})[cell.partition] = read_ms
        if read:
            value = progress.encode(progress.Progress(read_ms=read))
            for partition in range(self.topics.partitions("events")):
                self._send(Emit("events", progress.KEY, value, partition))
            self.settle()

    def _turn(self, cell: Cell) -> bool:
        waiting = self.bus.get((cell.topic, cell.partition), [])
        first = cell.position - self._taken_off.get((cell.topic, cell.partition), 0)
        batch = waiting[first : first + self.batch_max]
        if batch:
            cell.take(cell.step.step(batch, self.now_ms))
            cell.position += len(batch)
        elif not cell.touched:
            return False
        emits = cell.flush()
        for emit in emits:
            self._send(emit)
        return bool(batch or emits)

    def _send(self, emit: Emit) -> None:
        partition = self.topics.partition(emit.topic, emit.key) if emit.partition is None else emit.partition
        records = self.bus.setdefault((emit.topic, partition), [])
        offset = self._taken_off.get((emit.topic, partition), 0) + len(records)
        records.append(InRecord(offset, self.now_ms, emit.key, emit.value))
        if emit.topic == "alerts":
            newest = self._newest.setdefault((emit.topic, partition), {})
            if emit.value is None:
                newest.pop(emit.key.decode(), None)
            else:
                newest[emit.key.decode()] = emit.value
