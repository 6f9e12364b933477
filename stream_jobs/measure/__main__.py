"""``python -m stream_jobs.measure <task as JSON>``; settings from the environment. Prints ``p <records>``, ``done``."""

from __future__ import annotations

import os
import signal
import sys

from msgspec import json

from ioc.bootstrap import read_settings
from stream_jobs.measure import floor, product, restore, stock
from stream_jobs.measure.task import Parts, Task

KINDS = {"product": product.run, "floor": floor.run, "stock": stock.run, "restore": restore.run}


def main(arguments: list[str]) -> int:
    """Run one task; the exit code."""
    task = json.decode(arguments[0], type=Task, dec_hook=lambda kind, text: kind(text))
    if task.core >= 0:
        os.sched_setaffinity(0, {task.core})
    parts = Parts(task, read_settings())
    signal.signal(signal.SIGHUP, parts.kept.dump)
    return KINDS[task.kind](parts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
