"""A made stream through the real step, without a broker; what a test then does to the output is a planted bug."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from ioc.bench.stream import Job, made_stream, truth
from ioc.bench.stream_oracle import Oracle, Row
from ioc.domain.profile import Profile
from ioc.pipeline.detect import DetectPartition
from ioc.pipeline.effects import InRecord, Step
from ioc.pipeline.intake import IntakePartition
from ioc.wire.topics import Topics

NOW_MS = 1_795_000_000_000
CHUNK = 500


def outputs_of(job: Job, profile: Profile, events: int, seed: int = 3) -> tuple[Oracle, dict[str, list[Row]]]:
    """The oracle after it saw the stream, and what the step makes of it."""
    topics = Topics("", profile.centre_ids)
    make: Callable[[str, int], Step] = (
        (lambda topic, partition: DetectPartition(profile, partition))
        if job == "detect"
        else (lambda topic, partition: IntakePartition(profile, topic.removeprefix("raw."), partition))
    )
    oracle = truth(job, profile)
    records: dict[tuple[str, int], list[InRecord]] = {}
    for made in made_stream(job, profile, events, seed):
        partition = topics.partition(made.topic, made.key)
        oracle.see(made, partition)
        part = records.setdefault((made.topic, partition), [])
        part.append(InRecord(len(part), made.arrival_ms, made.key, made.value))
    found: dict[str, list[Row]] = {name: [] for name in oracle.outputs}
    clock = count(NOW_MS, 1_500)
    for (topic, partition), part in records.items():
        step = make(topic, partition)
        emits = []
        for first in range(0, len(part), CHUNK):
            emits += step.step(part[first : first + CHUNK], next(clock)).emits
        for _ in range(3):
            emits += step.tick(next(clock)).emits
        for emit in emits:
            if emit.topic in found:
                found[emit.topic].append((0, emit.key, emit.value))
        if job == "intake":
            state = ((partition, f"{topic}|{key}".encode(), value) for key, value in step.take_dirty())
            found["checkpoints.intake"] += state
    return oracle, found
