"""How long a restart takes to read its state back: the product's take-over of all partitions, timed from inside.

Interpreter, imports and joining the group are not part of it; fencing the former owner, reading the checkpoint and
loading the steps are. Prints one line of JSON when every partition is owned, and then goes on as an ordinary worker.
"""

from __future__ import annotations

import time
from typing import Any

from faust.types import TP
from msgspec import Struct, json

import stream_jobs.job
from stream_jobs.app import JOBS, build
from stream_jobs.checkpoint import take_over
from stream_jobs.job import Job
from stream_jobs.measure.meter import resident_max_mb
from stream_jobs.measure.task import Parts
from stream_jobs.worker import run_job


class Restore(Struct, kw_only=True):
    """One take-over of everything. ``read_s``: fence and read; ``load_s``: steps made and loaded."""

    partitions: int = 0
    records: int = 0
    keys: int = 0
    read_s: float = 0.0
    load_s: float = 0.0
    total_s: float = 0.0
    cpu_s: float = 0.0
    rss_max_mb: float = 0.0


def run(parts: Parts) -> int:
    """Run until a signal."""
    spec, attach = JOBS[parts.task.job]
    instance = parts.task.instance or None
    job = build(spec, attach, parts.settings, parts.profile, instance=instance, topics=parts.topics)
    found = Restore()
    own = Job._own

    async def timed_take_over(*arguments: Any) -> Any:
        began_s, began_cpu_s = time.monotonic(), time.process_time()
        taken = await take_over(*arguments)
        found.read_s += time.monotonic() - began_s
        found.cpu_s += time.process_time() - began_cpu_s
        found.partitions += len(taken)
        found.records += sum(part.restored.records for part in taken.values())
        found.keys += sum(len(part.restored.state) for part in taken.values())
        return taken

    def timed_own(self: Job, tp: TP, *arguments: Any) -> Any:
        began_s, began_cpu_s = time.monotonic(), time.process_time()
        owned = own(self, tp, *arguments)
        found.load_s += time.monotonic() - began_s
        found.cpu_s += time.process_time() - began_cpu_s
        if len(self.owned) + 1 == len(parts.partitions):
            found.total_s, found.rss_max_mb = found.read_s + found.load_s, resident_max_mb()
            print(json.encode(found).decode(), flush=True)
        return owned

    setattr(stream_jobs.job, "take_over", timed_take_over)  # noqa: B010 - seen by mypy as what it is, a replacement
    setattr(Job, "_own", timed_own)  # noqa: B010
    return run_job(job)
