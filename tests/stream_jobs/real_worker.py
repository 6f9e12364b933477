"""A worker process of a real job, for the tests: ``python -m tests.stream_jobs.real_worker intake|detect|alerting``.

It is the product's own job. What a test may set: ``REAL_CLOCK`` names a file whose number (epoch ms) is the present,
``REAL_CHUNK`` cuts fetches into chunks of so many records, ``REAL_IDLE_S`` is how long records of which nothing came
may wait for a flush, ``REAL_INSTANCE`` gives static membership, and ``REAL_BUG``
plants a bug that the comparison must find.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from ioc.adapters import clock


def set_clock(file: Path) -> None:
    """Read the present from a file. Before the jobs are imported: they take the function by name."""
    clock.now_ms = lambda: int(file.read_text())


def forget_windows() -> None:
    """Open windows are not in the checkpoint: after a crash they count from nothing."""
    from ioc.pipeline.detect import DetectPartition

    honest = DetectPartition.take_dirty

    def take_dirty(self: DetectPartition) -> list[tuple[str, bytes | None]]:
        return [row for row in honest(self) if not row[0].startswith("window/")]

    DetectPartition.take_dirty = take_dirty  # type: ignore[method-assign]


def repeat_after_restart() -> None:
    """A take-over goes back by 50 records: what was written already is done again."""
    import stream_jobs.job

    job: Any = stream_jobs.job
    honest = job.take_over

    async def take_over(*args: Any) -> Any:
        taken = await honest(*args)
        for part in taken.values():
            part.restored.position = max(0, part.restored.position - 50)
            part.restored.state.clear()
        return taken

    job.take_over = take_over


def lose_letters() -> None:
    """Dead letters of one code are not written."""
    from ioc.pipeline.intake import IntakePartition

    honest = IntakePartition.step

    def step(self: IntakePartition, records: Any, now_ms: int) -> Any:
        effects = honest(self, records, now_ms)
        effects.emits = [emit for emit in effects.emits if b'"code":"too_deep"' not in (emit.value or b"")]
        return effects

    IntakePartition.step = step  # type: ignore[method-assign]


def die_of_poison() -> None:
    """A record that is not UTF-8 raises out of the step."""
    from ioc.pipeline.intake import IntakePartition

    honest = IntakePartition.step

    def step(self: IntakePartition, records: Any, now_ms: int) -> Any:
        for record in records:
            record.value.decode()
        return honest(self, records, now_ms)

    IntakePartition.step = step  # type: ignore[method-assign]


BUGS = {
    "forget windows": forget_windows,
    "repeat": repeat_after_restart,
    "lose letters": lose_letters,
    "die of poison": die_of_poison,
}


def main(name: str) -> int:
    """Run until a signal."""
    if file := os.environ.get("REAL_CLOCK"):
        set_clock(Path(file))
    from ioc.bootstrap import load_profile
    from ioc.settings import Settings
    from stream_jobs import app, perform
    from stream_jobs.worker import run_job

    if bug := os.environ.get("REAL_BUG"):
        BUGS[bug]()
    perform.IDLE_FLUSH_S = float(os.environ.get("REAL_IDLE_S", perform.IDLE_FLUSH_S))
    app.CHUNK_RECORDS_MAX = int(os.environ.get("REAL_CHUNK", app.CHUNK_RECORDS_MAX))
    settings = Settings.from_environ({k: v for k, v in os.environ.items() if k.startswith("IOC_")})
    instance = os.environ.get("REAL_INSTANCE")
    return run_job(app.build(*app.JOBS[name], settings, load_profile(settings), instance=instance))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
