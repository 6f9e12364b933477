"""The four parts of the wall's picture, each a fold over records whose result does not depend on how the partitions
were interleaved: the state is a function of *which* records were read, so two gateways at one position agree.

Every part answers ``apply`` with the entities that the record changed or removed. Records of drills and replays
(``exercise``) never enter the live picture. Windows of time are measured from the newest event time in the picture,
not from a clock, for the same reason.

What arrives already older than the window is told as gone all the same: a reader elsewhere may have shown it before
its window moved. ``moved_by`` is the record that moved the window to where it is; nobody whose picture still holds
what the window left has read it, which makes it the position of everything that is gone for its age.

A record touches its entity also when nothing seems to change: the log is compacted, so what it replaced or removed
may never have been read here, while a client that resumes still holds it.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Raw

from ioc.domain.alerts import Alert
from ioc.domain.events import Event
from ioc.domain.measures import NOT_HEARD, FeedHealth, FeedState, Rollup
from ioc.wire.frames import FeedView, Minute, Reading

MINUTE_MS = 60_000
KEEP_MS = 60 * MINUTE_MS  # minutes and readings of the last hour of event time
NOT_SHOWN_TYPES = frozenset({"source.heartbeat"})  # a sign of life is no reading; feed health tells it better

Touched = list[tuple[str, bool]]  # key of an entity, and whether it is gone now


class Alerts:
    """Newest state of each alert; one alert's records share a partition, hence the last one wins."""

    def __init__(self) -> None:
        self.live: dict[str, Alert] = {}

    def apply(self, key: str, alert: Alert | None) -> Touched:
        """Take a record of ``alerts``; None is a tombstone."""
        if alert is None:
            self.live.pop(key, None)
            return [(key, True)]
        self.live[key] = alert
        return [(key, False)]


class Feeds:
    """Health of each feed, merged over the intake partitions that see it."""

    def __init__(self) -> None:
        self.live: dict[str, FeedView] = {}
        self._parts: dict[str, dict[str, FeedHealth]] = {}

    def apply(self, key: str, health: FeedHealth | None) -> Touched:
        """Take a record of ``feeds`` with key ``centre/feed/partition``."""
        name = key.rsplit("/", 1)[0]
        parts = self._parts.setdefault(name, {})
        if health is None:
            parts.pop(key, None)
        else:
            parts[key] = health
        if not parts:
            del self._parts[name]
            self.live.pop(name, None)
            return [(name, True)]
        self.live[name] = merge_feed(name, [parts[part] for part in sorted(parts)])
        return [(name, False)]

    def watermarks(self) -> dict[str, int]:
        """For each centre the event time up to which its feeds are complete, epoch milliseconds.

        The lowest watermark of the feeds that are heard; of silent ones only when all are, then the highest:
        a dead sensor must not make a living centre look hours behind.
        """
        living: dict[str, int] = {}
        silent: dict[str, int] = {}
        for view in self.live.values():
            if view.watermark_ms is None:
                continue
            if view.state in NOT_HEARD:
                silent[view.centre] = max(silent.get(view.centre, 0), view.watermark_ms)
            else:
                living[view.centre] = min(living.get(view.centre, view.watermark_ms), view.watermark_ms)
        return {**silent, **living}


_BEST_FIRST: tuple[FeedState, ...] = (
    *("on_time", "slow", "duplicating", "clock_skewed", "silent", "out_of_service", "dead", "unknown"),
)


def merge_feed(name: str, parts: list[FeedHealth]) -> FeedView:
    """One view of a feed from what each intake partition knows.

    The sources of a feed are spread over partitions, and each partition judges by its own last arrival. The feed as
    a whole is as good as the partition that heard last, hence the best state counts.
    """
    state = min((part.state for part in parts), key=_BEST_FIRST.index)
    since = [part.since_ms for part in parts if part.state == state]
    marks = [part.watermark_ms for part in parts if part.watermark_ms is not None and part.state not in NOT_HEARD]
    marks = marks or [part.watermark_ms for part in parts if part.watermark_ms is not None]
    expected = [part.expected for part in parts if part.expected is not None]
    first = parts[0]
    return FeedView(
        key=name,
        centre=first.centre,
        feed=first.feed,
        state=state,
        since_ms=min(since) if state == "on_time" else max(since),
        last_event_ms=_newest(part.last_event_ms for part in parts),
        last_received_ms=_newest(part.last_received_ms for part in parts),
        rate_per_min=round(sum(part.rate_per_min for part in parts), 3),
        expected_period_s=first.expected_period_s,
        accepted=sum(part.accepted for part in parts),
        rejected=sum(part.rejected for part in parts),
        duplicates=sum(part.duplicates for part in parts),
        watermark_ms=min(marks, default=None),
        review_ms=max((part.review_ms for part in parts if part.review_ms is not None), default=None)
        if state == "out_of_service"
        else None,
        late=sum(part.late for part in parts),
        too_late=sum(part.too_late for part in parts),
        sporadic=any(part.sporadic for part in parts),
        received=sum(part.received for part in parts),
        expected=round(sum(expected), 1) if expected else None,
        conflicts=sum(part.conflicts for part in parts),
        presumed=sum(part.presumed for part in parts),
        unkeyed=sum(part.unkeyed for part in parts),
    )


def _newest(instants: Iterable[int | None]) -> int | None:
    return max((at for at in instants if at is not None), default=None)


class Readings:
    """Latest event of each site and type: the greatest ``(time, partition, offset)`` of the last hour wins."""

    def __init__(self) -> None:
        self.live: dict[str, Reading] = {}
        self._order: dict[str, tuple[int, int, int]] = {}
        self.moved_by = (0, -1)  # (index, offset)
        self._after_ms = -1  # readings at or before it are out of the picture

    def apply(self, index: int, offset: int, event: Event, time_ms: int) -> Touched:
        """Take an event; ``index`` and ``offset`` decide between events of the same instant."""
        touched = self._move(time_ms, index, offset)
        site = event.site
        key = f"{event.centre}/{event.feed}/{site}/{event.type}"
        if time_ms <= self._after_ms:
            return touched if key in self.live else [*touched, (key, True)]
        order = (time_ms, index, offset)
        if order < self._order.get(key, (-1, -1, -1)):
            return touched
        self._order[key] = order
        self.live[key] = Reading(
            key=key,
            centre=event.centre,
            area=event.area,
            feed=event.feed,
            site=site,
            type=event.type,
            time_ms=time_ms,
            received_ms=event.recorded_ms,
            data=Raw(bytes(event.data)),  # a copy: a view would keep the whole fetched batch alive
        )
        touched.append((key, False))
        return touched

    def _move(self, time_ms: int, index: int, offset: int) -> Touched:
        """The newest event time moves the window, in whole minutes; what falls out is gone."""
        after_ms = time_ms // MINUTE_MS * MINUTE_MS - KEEP_MS
        if after_ms <= self._after_ms:
            return []
        self._after_ms, self.moved_by = after_ms, (index, offset)
        old = [key for key, order in self._order.items() if order[0] <= after_ms]
        for key in old:
            del self._order[key], self.live[key]
        return [(key, True) for key in old]


class Minutes:
    """Events of each centre per minute: for each rollup of one minute the greatest ``(revision, partition, offset)``
    wins, and the winners are added up."""

    def __init__(self) -> None:
        self.live: dict[str, Minute] = {}
        self._parts: dict[str, dict[str, tuple[int, int, int, int]]] = {}
        self.moved_by = (0, -1)
        self._after_ms = -1

    def apply(self, index: int, offset: int, rollup: Rollup) -> Touched:
        """Take a rollup; other windows than one minute are not part of the picture."""
        if rollup.window_ms != MINUTE_MS:
            return []
        start_ms = rollup.window_start_ms
        touched = self._move(start_ms, index, offset)
        key = f"{rollup.centre}/{start_ms}"
        if start_ms <= self._after_ms:
            return [*touched, (key, True)]
        parts = self._parts.setdefault(key, {})
        order = (rollup.revision, index, offset, rollup.n)
        known = parts.get(rollup.key)
        if known is not None and order[:3] < known[:3]:
            return touched
        parts[rollup.key] = order
        before = self.live.get(key)
        events = rollup.n if before is None else before.events + rollup.n - (known[3] if known else 0)
        self.live[key] = Minute(key=key, centre=rollup.centre, start_ms=start_ms, events=events)
        touched.append((key, False))
        return touched

    def _move(self, start_ms: int, index: int, offset: int) -> Touched:
        after_ms = start_ms - KEEP_MS
        if after_ms <= self._after_ms:
            return []
        self._after_ms, self.moved_by = after_ms, (index, offset)
        old = [key for key, minute in self.live.items() if minute.start_ms <= after_ms]
        for key in old:
            del self._parts[key], self.live[key]
        return [(key, True) for key in old]
