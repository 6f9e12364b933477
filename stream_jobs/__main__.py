"""``python -m stream_jobs intake|detect|alerting|desk``: as ``ioc worker``, for a supervisor without the CLI."""

from __future__ import annotations

import sys

from ioc.bootstrap import read_settings
from ioc.errors import BadSettings
from stream_jobs.worker import run_worker

USAGE = 2


def main(arguments: list[str]) -> int:
    """Run the named job; the exit code."""
    if len(arguments) != 1:
        print("usage: python -m stream_jobs intake|detect|alerting|desk", file=sys.stderr)
        return USAGE
    try:
        return run_worker(arguments[0], read_settings())
    except BadSettings as exc:
        print("\n".join(exc.problems), file=sys.stderr)
        return USAGE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
