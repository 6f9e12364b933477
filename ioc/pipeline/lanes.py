"""One-minute rollups of one centre, area, feed and type, from the first event of a window to its eviction.

A window is *provisional* while the watermark is inside it (told at most once a second), *final* when the watermark
has passed its end, *corrected* by late events within the feed's grace, and then leaves memory; what comes later is
counted and left to the history.

The revision is made from the content: ``2·n``, plus 1 when final. It grows with every event and once more at the end,
and a recomputation from the log finds the same number again.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.json import encode

from ioc.domain.measures import Rollup
from ioc.domain.summaries import Summary
from ioc.domain.watermark import EventClock
from ioc.domain.windows import MINUTE_MS, rollup_key
from ioc.pipeline.effects import Emit

WINDOW_MS = MINUTE_MS
# A window that still grows is told at most this often, processing time: the wall needs no more.
PROVISIONAL_EVERY_MS = 1_000


class LaneName(Struct, frozen=True):
    """What a lane summarises; ``exercise`` keeps a drill apart."""

    centre: str
    area: str
    feed: str
    type: str
    exercise: str | None


class Window(Struct, kw_only=True, eq=False):
    """One window as it is kept in the checkpoint, about 250 bytes."""

    name: LaneName
    start_ms: int
    summary: Summary
    final: bool = False
    told_revision: int = 0

    @property
    def key(self) -> str:
        """Key of its rollup."""
        n = self.name
        return rollup_key(n.centre, n.area, n.feed, n.type, self.start_ms, WINDOW_MS, n.exercise)

    @property
    def revision(self) -> int:
        """See the module: made from the content."""
        return 2 * self.summary.n + self.final


class Lane:
    """Open windows of one lane: at most grace / 60 s + 2 of them while sources keep to the present."""

    def __init__(self, name: LaneName, clock: EventClock, grace_ms: int) -> None:
        self.name = name
        self.clock = clock
        self.grace_ms = grace_ms
        self.windows: dict[int, Window] = {}
        self._told_at_ms: dict[int, int] = {}

    def add(self, time_ms: int, id_: str, value: float | None) -> Window | None:
        """Count one event; None when it is too late."""
        start_ms = time_ms - time_ms % WINDOW_MS
        clock = self.clock
        if clock.mark_ms is not None and clock.mark_ms >= start_ms + WINDOW_MS + self.grace_ms:
            return None
        window = self.windows.get(start_ms)
        if window is None:
            window = self.windows[start_ms] = Window(name=self.name, start_ms=start_ms, summary=Summary())
        window.summary.add(value, time_ms, id_)
        return window

    def settle(self, now_ms: int, partition: int, emits: list[Emit]) -> tuple[list[Window], list[Window]]:
        """Tell what is due; returns (changed windows, evicted windows) for the checkpoint."""
        changed: list[Window] = []
        evicted: list[Window] = []
        mark_ms = self.clock.mark_ms
        for start_ms, window in list(self.windows.items()):
            end_ms = start_ms + WINDOW_MS
            closed = mark_ms is not None and mark_ms >= end_ms
            gone = mark_ms is not None and mark_ms >= end_ms + self.grace_ms
            turns_final = closed and not window.final
            if turns_final:
                window.final = True
            if window.revision > window.told_revision:
                told_ms = self._told_at_ms.get(start_ms)
                if turns_final or gone or told_ms is None or now_ms - told_ms >= PROVISIONAL_EVERY_MS:
                    window.told_revision = window.revision
                    self._told_at_ms[start_ms] = now_ms
                    emits.append(Emit("rollups", window.key.encode(), encode(_rollup(window)), partition))
                    changed.append(window)
            if gone:
                del self.windows[start_ms]
                self._told_at_ms.pop(start_ms, None)
                evicted.append(window)
        return changed, evicted


def _rollup(window: Window) -> Rollup:
    name, summary = window.name, window.summary
    return Rollup(
        key=window.key,
        centre=name.centre,
        area=name.area,
        feed=name.feed,
        type=name.type,
        window_start_ms=window.start_ms,
        window_ms=WINDOW_MS,
        n=summary.n,
        sum=summary.total,
        min=summary.least,
        max=summary.greatest,
        last=summary.last,
        revision=window.revision,
        final=window.final,
        exercise=name.exercise,
    )
