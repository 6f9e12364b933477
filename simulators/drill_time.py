"""The clock of a drill, as its player tells it between the messages; see :mod:`ioc.wire.drill_clock`. Pure.

It is told at the start, then every ``STEP_MS`` of the drill's time, and at the end, in each partition of the raw topic
of each centre that the player speaks for: before the first message that is sent at this time or later, and after all
that are sent before. So the records, like the messages, are the same at any speed and in any number of portions. It
never goes beyond the end of what is played: that nothing comes any more then is no silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from msgspec import Struct

from ioc.wire import drill_clock
from ioc.wire.drill_clock import STEP_MS, DrillClock
from ioc.wire.topics import RAW_PARTITIONS


class Sent(Protocol):
    """Something with a time of sending, epoch milliseconds of the drill's time."""

    @property
    def send_ms(self) -> int: ...


S = TypeVar("S", bound=Sent)


class Told(Struct, frozen=True):
    """One record of the clock: for which partition of which centre's raw topic, and its bytes."""

    centre: str
    partition: int
    upto_ms: int
    value: bytes


class DrillTime:
    """The clock of one run.

    Args:
        exercise: id of the drill.
        centres: whose raw topics it is told in; of the others nobody says whether they are silent.
        start_ms: where the run begins, epoch milliseconds of the drill's time.
        end_ms: where what is played ends; None for an endless run.
        seldom: centre → feed → (gap, period) of the feeds that report more seldom than by the profile, seconds.
    """

    def __init__(
        self,
        exercise: str,
        centres: Sequence[str],
        start_ms: int,
        end_ms: int | None,
        seldom: Mapping[str, dict[str, tuple[float, float]]] | None = None,
    ) -> None:
        self._seldom = seldom or {}
        self._exercise, self._centres, self._end_ms = exercise, tuple(centres), end_ms
        self._told_ms: int | None = None
        self._next_ms = start_ms

    def among(self, messages: Iterable[S], upto_ms: int) -> Iterator[S | Told]:
        """The messages of a stretch, with the clock where it is due.

        Args:
            messages: all that are sent before ``upto_ms`` and were not given before, in the order of sending.
            upto_ms: end of the stretch.
        """
        for message in messages:
            yield from self._due(message.send_ms)
            yield message
        yield from self._due(upto_ms)

    def _due(self, at_ms: int) -> Iterator[Told]:
        while self._next_ms <= at_ms and (self._told_ms is None or self._told_ms < self._next_ms):
            now_ms, before_ms = self._next_ms, self._told_ms
            self._told_ms = now_ms
            self._next_ms = now_ms + STEP_MS if self._end_ms is None else min(now_ms + STEP_MS, self._end_ms)
            for centre in self._centres:
                for partition in range(RAW_PARTITIONS):
                    said = DrillClock(
                        exercise=self._exercise,
                        centre=centre,
                        partition=partition,
                        since_ms=now_ms if before_ms is None else before_ms,
                        upto_ms=now_ms,
                        seldom=self._seldom.get(centre, {}),
                    )
                    yield Told(centre, partition, now_ms, drill_clock.encode(said))
