"""The exit codes of a worker, and the one way to leave.

A worker never tries to mend itself: whatever it cannot retry in place ends the process, and the supervisor starts a
new one that goes on from the last committed transaction.
"""

from __future__ import annotations

import os
import sys
from enum import IntEnum
from typing import NoReturn


class Exit(IntEnum):
    """Why a worker ended."""

    OK = 0
    FAILED = 70  # an error that no retry mends, or a checkpoint that has lost records
    STUCK = 71  # the watchdog saw no progress
    COORDINATOR = 72  # the group coordinator's client gave up; aiokafka does not recover from that
    FENCED = 73  # another worker has taken a partition over
    UNANSWERED = 74  # a start or a take-over that does not end: the supervisor may blame the broker
    SLOW_STOP = 75  # a graceful stop took too long


def leave(code: Exit, reason: str) -> NoReturn:
    """End the process now: no final commit, no flush, no handlers. Works from any thread.

    What was not committed to Kafka is done again by the next owner, what was committed is not.
    """
    print(
        f"worker {os.getpid()} ends with code {code.value} ({code.name.lower()}): {reason}", file=sys.stderr, flush=True
    )
    os._exit(code.value)
