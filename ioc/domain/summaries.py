"""Mergeable summary of numbers: how many, sum, least, greatest, newest.

``merge`` is associative and commutative and a summary does not depend on the order of its values: the sum is kept as
an exact integer of millionths (a float sum would change with the order of addition), the newest is chosen by event
time and then by id.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

MICRO = 1_000_000  # resolution of the sum: a millionth of the measure's unit, far below any sensor's


class Summary(Struct, kw_only=True):
    """Summary of the events of one window.

    Attributes:
        n: events, with or without a number.
        values: events that carried a number; divide ``total`` by it for the mean.
        total_micro: exact sum, each value rounded to a millionth.
        least, greatest: None while there is no number.
        last: the number with the newest ``(last_ms, last_id)``.
    """

    n: int = 0
    values: int = 0
    total_micro: int = 0
    least: float | None = None
    greatest: float | None = None
    last: float | None = None
    last_ms: int = -1
    last_id: str = ""

    def add(self, value: float | None, time_ms: int, id_: str) -> None:
        """Take one event in; ``value`` None counts it without a number."""
        self.n += 1
        if value is None:
            return
        self.values += 1
        self.total_micro += round(value * MICRO)
        if self.least is None or value < self.least:
            self.least = value
        if self.greatest is None or value > self.greatest:
            self.greatest = value
        if time_ms > self.last_ms or (time_ms == self.last_ms and id_ > self.last_id):
            self.last, self.last_ms, self.last_id = value, time_ms, id_

    def merge(self, other: Summary) -> Summary:
        """Summary of both, which must be of different events."""
        newest = self if (self.last_ms, self.last_id) >= (other.last_ms, other.last_id) else other
        return Summary(
            n=self.n + other.n,
            values=self.values + other.values,
            total_micro=self.total_micro + other.total_micro,
            least=_pick(min, self.least, other.least),
            greatest=_pick(max, self.greatest, other.greatest),
            last=newest.last,
            last_ms=newest.last_ms,
            last_id=newest.last_id,
        )

    @property
    def total(self) -> float | None:
        """The sum, correctly rounded; None while there is no number."""
        return self.total_micro / MICRO if self.values else None


def _pick(choose: Callable[[float, float], float], a: float | None, b: float | None) -> float | None:
    if a is None or b is None:
        return b if a is None else a
    return choose(a, b)
