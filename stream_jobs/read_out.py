"""Until when all that was in an input partition has been read: whether a job is behind its input.

A consumer that reads committed records only stops at the last stable offset, so being there proves nothing while a
transaction stands open before later records: these are hidden until it ends, at worst by its time-out. The high
watermark counts. It may be ahead at every single look, because somebody writes all the time; therefore it is remembered
with the time of the broker's answer, and reached later.
"""

from __future__ import annotations

from typing import NamedTuple


class Answer(NamedTuple):
    """What the broker said of a partition last, and how far it was fetched and handed over since."""

    at_ms: int  # when it said so, epoch ms
    high_watermark: int  # offset after the newest record, also of open transactions
    stable_end: int  # offset at which a reader of committed records must stop
    position: int


class ReadThrough:
    """Of one partition in one generation.

    Attributes:
        until_ms: everything that was there at this time has been read, epoch ms; 0 before that is known.
    """

    def __init__(self) -> None:
        self.until_ms = 0
        self._goal: tuple[int, int] | None = None  # a high watermark, and when it was one

    def look(self, answer: Answer | None) -> int:
        """Take in an answer, None when nothing can be said now; returns ``until_ms``."""
        if answer is None:
            return self.until_ms
        goal, goal_ms = self._goal or (answer.high_watermark, answer.at_ms)
        if answer.position >= goal:
            self.until_ms = max(self.until_ms, goal_ms)
            goal, goal_ms = answer.high_watermark, answer.at_ms
        self._goal = goal, goal_ms
        if answer.position >= answer.high_watermark:
            self.until_ms = max(self.until_ms, answer.at_ms)
        return self.until_ms
