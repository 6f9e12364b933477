"""What a pure step costs per record, without Kafka and without any other process: CPU time of this one.

Each repetition begins with a new step and takes the same records in fetches of ``BATCH``. A fetch is timed by itself;
the figure of a repetition is the median of its fetches, and the figure of a run the best repetition, because another
process on the machine can only make it slower. ``flush`` is what the shell asks for at a checkpoint
(``take_dirty``), spread over the records since the last one.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from time import process_time_ns

from msgspec import Struct

from ioc.domain.profile import Profile
from ioc.pipeline.effects import InRecord, Step
from ioc.pipeline.intake import IntakePartition

BATCH = 500  # records of one fetch
FLUSH_EVERY = 10  # fetches between two checkpoints: at 50,000 records/s ten checkpoints a second
REPEATS = 9


class StepCost(Struct, frozen=True, kw_only=True):
    """Microseconds of CPU per record."""

    name: str
    records: int
    step_us: float
    flush_us: float
    emits: dict[str, int]  # by topic, of one repetition

    @property
    def per_second(self) -> float:
        """Records per second that one core can take, step and flush together."""
        return 1e6 / (self.step_us + self.flush_us)


def measure_step(
    name: str, make: Callable[[], Step], records: Sequence[InRecord], *, repeats: int = REPEATS
) -> StepCost:
    """Best of ``repeats`` medians.

    Args:
        name: of the row.
        make: a new step, with nothing in its memory.
        records: in offset order; at least ``BATCH``.
        repeats: how often the whole is done.
    """
    batches = [records[at : at + BATCH] for at in range(0, len(records) - BATCH + 1, BATCH)]
    steps_us: list[float] = []
    flushes_us: list[float] = []
    emits: dict[str, int] = {}
    for _ in range(repeats):
        step = make()
        emits.clear()
        taken: list[float] = []
        flushed_ns = 0
        gc.collect()
        for number, batch in enumerate(batches, 1):
            began = process_time_ns()
            effects = step.step(batch, batch[-1].timestamp)
            taken.append((process_time_ns() - began) / 1000 / len(batch))
            if number % FLUSH_EVERY == 0:
                began = process_time_ns()
                step.take_dirty()
                flushed_ns += process_time_ns() - began
            for emit in effects.emits:
                emits[emit.topic] = emits.get(emit.topic, 0) + 1
        steps_us.append(median(taken))
        flushes_us.append(flushed_ns / 1000 / (len(batches) * BATCH))
    return StepCost(
        name=name,
        records=len(batches) * BATCH,
        step_us=round(min(steps_us), 2),
        flush_us=round(min(flushes_us), 2),
        emits=dict(emits),
    )


def measure_intake(
    profile: Profile,
    natives: Mapping[str, tuple[str, Sequence[tuple[int, bytes, bytes]]]],
    *,
    repeats: int = REPEATS,
) -> list[StepCost]:
    """The intake step on native records.

    Args:
        profile: the installation.
        natives: name of a row → centre and its records: (arrival in epoch milliseconds, key, value), in order.
        repeats: as in :func:`measure_step`.
    """
    costs = []
    for name, (centre, given) in natives.items():
        records = [InRecord(offset, at_ms, key, value) for offset, (at_ms, key, value) in enumerate(given)]

        def make(centre: str = centre) -> Step:
            return IntakePartition(profile, centre, 0)

        costs.append(measure_step(name, make, records, repeats=repeats))
    return costs


def table(costs: Sequence[StepCost]) -> str:
    """The figures as lines of text."""
    rows = [f"{'step on':<28} {'records':>8} {'step µs':>8} {'flush µs':>8} {'records/s':>10}"]
    rows += [f"{c.name:<28} {c.records:>8} {c.step_us:>8.2f} {c.flush_us:>8.2f} {c.per_second:>10,.0f}" for c in costs]
    return "\n".join(rows)
