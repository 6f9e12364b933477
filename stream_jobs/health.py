"""What a worker's consumer thread knows of itself, for the watchdog."""

from __future__ import annotations

from time import monotonic


class Health:
    """Facts written by the consumer's thread and read by the watchdog; single attribute writes, hence no lock."""

    def __init__(self) -> None:
        now = monotonic()
        self.thread_tick_s = now  # the consumer thread's loop is alive
        self.heartbeat_s = now  # last heartbeat or join that the broker accepted
        self.lag_records = 0  # last stable offset - position, over the assigned partitions
        self.lag_since_s: float | None = None  # since when the lag was never 0
        self.coordinator_errors = 0
