"""Rollups of one centre, area, feed and type, from the first event of a window to its eviction.

Every type has a lane of one-minute windows; the profile may declare more of them, from 10 s to 24 h, tumbling or
sliding, with quantiles and distinct counts.

A window is *provisional* while the watermark is inside it (told at most once a second, a long one more seldom), *final*
when the watermark has passed its end, *corrected* by late events within the feed's grace, and then leaves memory; what
comes later is counted and left to the history.

The revision is made from the content: ``2·n``, plus 1 when final. It grows with every event and once more at the end,
and a recomputation from the log finds the same number again.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from msgspec.json import encode

from ioc.domain.measures import Rollup
from ioc.domain.profile import WindowSpec
from ioc.domain.sketches import Distinct, Sketch
from ioc.domain.summaries import Summary
from ioc.domain.watermark import EventClock
from ioc.domain.windows import MINUTE_MS, rollup_key, starts_of
from ioc.pipeline.effects import Emit

# A window that still grows is told at most this often, processing time: the wall needs no more. A longer window than a
# minute is told a sixtieth of its size apart.
PROVISIONAL_EVERY_MS = 1_000


class LaneName(Struct, frozen=True):
    """What a lane summarises; ``exercise`` keeps a drill apart."""

    centre: str
    area: str
    feed: str
    type: str
    exercise: str | None


class Window(Struct, kw_only=True, eq=False):
    """One window as it is kept in the checkpoint.

    About 400 bytes; a sketch adds at most 16 KB (2 KB for a usual sensor), a distinct count at most 2.1 KB.
    """

    name: LaneName
    start_ms: int
    size_ms: int = MINUTE_MS
    summary: Summary
    final: bool = False
    told_revision: int = 0
    sketch: Sketch | None = None
    distinct: Distinct | None = None

    @property
    def key(self) -> str:
        """Key of its rollup."""
        n = self.name
        return rollup_key(n.centre, n.area, n.feed, n.type, self.start_ms, self.size_ms, n.exercise)

    @property
    def revision(self) -> int:
        """See the module: made from the content."""
        return 2 * self.summary.n + self.final


class Lane:
    """Open windows of one lane: at most (size + grace) / hop + 2 of them while sources keep to the present."""

    def __init__(
        self, name: LaneName, clock: EventClock, grace_ms: int, spec: WindowSpec | None = None, local_ms: int = 0
    ) -> None:
        self.name = name
        self.clock = clock
        self.grace_ms = grace_ms
        self.size_ms = MINUTE_MS if spec is None else spec.size_s * 1000
        self.hop_ms = self.size_ms if spec is None or not spec.hop_s else spec.hop_s * 1000
        self.offset_ms = local_ms if spec is not None and spec.align == "local" else 0
        self.quantiles = () if spec is None else spec.quantiles
        self.distinct = "" if spec is None else spec.distinct
        self.windows: dict[int, Window] = {}
        self._every_ms = max(PROVISIONAL_EVERY_MS, self.size_ms // 60)
        self._told_at_ms: dict[int, int] = {}

    def add(self, time_ms: int, id_: str, value: float | None) -> Window | None:
        """Count one event in a tumbling window; None when it is too late."""
        size_ms = self.size_ms
        start_ms = time_ms - time_ms % size_ms
        mark_ms = self.clock.mark_ms
        if mark_ms is not None and mark_ms >= start_ms + size_ms + self.grace_ms:
            return None
        window = self.windows.get(start_ms)
        if window is None:
            window = self._open(start_ms)
        window.summary.add(value, time_ms, id_)
        return window

    def add_all(self, time_ms: int, id_: str, value: float | None, what: str | None) -> list[Window]:
        """Count one event in every window that holds it; windows for which it is too late are left out.

        Args:
            time_ms: event time.
            id_: of the event.
            value: the type's number.
            what: the value of the field whose different values are counted.
        """
        touched = []
        mark_ms = self.clock.mark_ms
        for start_ms in starts_of(time_ms, self.size_ms, self.hop_ms, self.offset_ms):
            if mark_ms is not None and mark_ms >= start_ms + self.size_ms + self.grace_ms:
                continue
            window = self.windows.get(start_ms) or self._open(start_ms)
            window.summary.add(value, time_ms, id_)
            if window.sketch is not None and value is not None:
                window.sketch.add(value)
            if window.distinct is not None and what is not None:
                window.distinct.add(what)
            touched.append(window)
        return touched

    def _open(self, start_ms: int) -> Window:
        window = self.windows[start_ms] = Window(
            name=self.name,
            start_ms=start_ms,
            size_ms=self.size_ms,
            summary=Summary(),
            sketch=Sketch() if self.quantiles else None,
            distinct=Distinct() if self.distinct else None,
        )
        return window

    def settle(self, now_ms: int, partition: int, emits: list[Emit]) -> tuple[list[Window], list[Window]]:
        """Tell what is due; returns (changed windows, evicted windows) for the checkpoint."""
        changed: list[Window] = []
        evicted: list[Window] = []
        mark_ms = self.clock.mark_ms
        for start_ms, window in list(self.windows.items()):
            end_ms = start_ms + self.size_ms
            closed = mark_ms is not None and mark_ms >= end_ms
            gone = mark_ms is not None and mark_ms >= end_ms + self.grace_ms
            turns_final = closed and not window.final
            if turns_final:
                window.final = True
            if window.revision > window.told_revision:
                told_ms = self._told_at_ms.get(start_ms)
                if turns_final or gone or told_ms is None or now_ms - told_ms >= self._every_ms:
                    window.told_revision = window.revision
                    self._told_at_ms[start_ms] = now_ms
                    emits.append(
                        Emit("rollups", window.key.encode(), encode(rollup(window, self.quantiles)), partition)
                    )
                    changed.append(window)
            if gone:
                del self.windows[start_ms]
                self._told_at_ms.pop(start_ms, None)
                evicted.append(window)
        return changed, evicted


def rollup(window: Window, quantiles: Iterable[float] = ()) -> Rollup:
    """The window as others see it."""
    name, summary, sketch, distinct = window.name, window.summary, window.sketch, window.distinct
    ranks: dict[str, float] | None = None
    if sketch is not None:
        ranks = {f"{q:g}": found for q in quantiles if (found := sketch.quantile(q)) is not None}
    return Rollup(
        key=window.key,
        centre=name.centre,
        area=name.area,
        feed=name.feed,
        type=name.type,
        window_start_ms=window.start_ms,
        window_ms=window.size_ms,
        n=summary.n,
        sum=summary.total,
        min=summary.least,
        max=summary.greatest,
        last=summary.last,
        revision=window.revision,
        final=window.final,
        exercise=name.exercise,
        values=summary.values,
        quantiles=ranks,
        distinct=None if distinct is None else distinct.count(),
        distinct_exact=distinct is None or distinct.exact,
    )
