"""What one measured process is told, and the parts that all three kinds share."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from msgspec import Struct

from ioc.bootstrap import load_profile
from ioc.domain.profile import Profile
from ioc.settings import Settings
from ioc.wire.topics import Topics
from stream_jobs import detect, intake
from stream_jobs.job import JobSpec
from stream_jobs.measure.meter import Kept, Meter, metered
from stream_jobs.perform import Transact, transact

SPECS = {"intake": intake.SPEC, "detect": detect.SPEC}


class Task(Struct, kw_only=True, frozen=True):
    """One run.

    Attributes:
        kind: see :mod:`stream_jobs.measure`.
        job: whose step.
        sink: ``kafka`` writes transactions; ``none`` counts what they would hold.
        inputs: prefix of the topics to read; outputs and state go to those of the settings.
        records: how many records to work off; all of the inputs, except for ``stock``.
        core: number of the core to run on, -1 for any.
        folder: where ``report.json`` and ``kept.msgpack`` go.
        instance: static membership of the product's worker; empty: none.
    """

    kind: Literal["product", "floor", "stock", "restore"]
    job: Literal["intake", "detect"]
    sink: Literal["kafka", "none"]
    inputs: str
    records: int
    core: int
    folder: Path
    instance: str = ""


class SplitTopics(Topics):
    """Inputs of one prefix that several runs share, everything else under the run's own."""

    def __init__(self, inputs: str, prefix: str, centres: Iterable[str], logical: Iterable[str]) -> None:
        super().__init__(prefix, centres)
        self._inputs, self._logical = inputs, frozenset(logical)

    def name(self, logical: str) -> str:
        """Real name of a logical one."""
        return (self._inputs if logical in self._logical else self.prefix) + self.specs[logical].name


class Parts:
    """Everything that a kind needs, made from the task and the environment."""

    def __init__(self, task: Task, settings: Settings) -> None:
        self.task, self.settings = task, settings
        self.profile: Profile = load_profile(settings)
        self.spec: JobSpec = SPECS[task.job]
        logical = self.spec.inputs(Topics("", self.profile.centre_ids))
        self.topics = SplitTopics(task.inputs, settings.topic_prefix, self.profile.centre_ids, logical)
        self.inputs = {self.topics.name(name): name for name in logical}
        self.partitions = [
            (topic, p) for topic, name in self.inputs.items() for p in range(self.topics.partitions(name))
        ]
        self.meter = Meter(task.records, task.folder / "report.json")
        self.kept = Kept(task.folder / "kept.msgpack")
        self.write: Transact = metered(transact if task.sink == "kafka" else self.kept.write, self.meter)
