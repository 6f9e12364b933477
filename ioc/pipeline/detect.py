"""The detecting step: canonical events in, rollups and signals of the rules out.

One object per partition of ``events``. A key (``centre/area/feed``) lives in one partition, so its events have one
order, its watermark one owner, and an object (a site) one memory. Events are taken one by one: the watermark moves,
the window counts, each rule of the type looks. What is told depends on the records alone, not on how they were cut
into batches; only idle feeds and silent centres also need ``tick``.

*How far the bus has been read* (``head``) stands in for "now" wherever nothing came: it is the newest arrival time
read, or the present once the partition was quiet for ``QUIET_MS``. A job that catches up after a stop therefore sees
the world as it was, and calls nobody silent whose records are still in the queue.

Drills (events with ``exercise``) have their own clocks, windows and objects. Silence is not judged in drills.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct

from ioc.domain import canary
from ioc.domain.alerts import CanaryPassed, Condition, Signal
from ioc.domain.baseline import Baseline
from ioc.domain.catalogue import PAYLOADS
from ioc.domain.occurrence import level_of
from ioc.domain.profile import Profile
from ioc.domain.verdicts import LIVE_WITHIN_MS, Reason, Verdict
from ioc.pipeline.arrivals import decode_arrival
from ioc.pipeline.board import Board
from ioc.pipeline.effects import Effects, Emit, Record
from ioc.pipeline.instants import Instants
from ioc.pipeline.lanes import Window
from ioc.pipeline.removed import ends, standing
from ioc.pipeline.routes import Feed, FeedRecord, Route
from ioc.pipeline.signals import Watched, signal
from ioc.pipeline.subjects import Seen, Subject
from ioc.wire.codec import encode

# No record for this long: what is in the partition has been read, "now" is how far we are. Longer than any fetch.
QUIET_MS = 5_000
# Nobody called for this long (process stopped, broker away): what was missed meanwhile proves no silence.
STALL_MS = 10_000
# A drill whose last event is this long ago is over: its clocks and objects leave memory.
DRILL_OVER_MS = 3_600_000
SWEEP_EVERY_MS = 60_000  # how often what is over is looked for


class Counters(Struct, kw_only=True):
    """What happened to events so far in this partition; kept in the checkpoint."""

    records: int = 0
    undecodable: int = 0
    too_late: int = 0
    others: int = 0  # events counted for the common object because a rule had too many, sources of one drill too many


class DetectPartition:
    """State and decisions of one partition of ``events``; see :class:`ioc.pipeline.effects.Step`."""

    def __init__(self, profile: Profile, partition: int) -> None:
        self.partition = partition
        self.counters = Counters()
        self._board = Board(profile, partition)
        self._instant = Instants()
        self._watching: dict[str, Subject] = {}  # objects whose episode runs
        self._head_ms = -1
        self._base_ms = -1  # since when we listen without a pause
        self._called_ms: int | None = None
        self._fed_ms = 0
        self._dirty_feeds: set[Feed] = set()
        self._dirty_windows: set[Window] = set()
        self._dirty_subjects: set[Subject] = set()
        self._gone: set[str] = set()
        self._orphans: list[tuple[Watched, Reason]] = []  # objects whose rule or site is gone; told at the next call
        self._told_combined = ""  # the combinations that were told what is on
        self._combined_dirty = False
        self._told_records = 0
        self._swept_ms = 0

    def load(self, key: str, value: bytes) -> None:
        """Take one checkpoint record back.

        Raises:
            msgspec.MsgspecError: the record is not of this version; going on would forget open episodes.
        """
        kind = key.partition("/")[0]
        if kind == "feed":
            self._board.restore_feed(msgspec.json.decode(value, type=FeedRecord))
        elif kind == "window":
            if not self._board.restore_window(msgspec.json.decode(value, type=Window)):
                self._gone.add(key)  # not declared any more: the history has what it told
        elif kind == "baseline":
            self._board.restore_baseline(key.partition("/")[2], msgspec.json.decode(value, type=Baseline))
        elif kind == "object":
            self._take_back(msgspec.json.decode(value, type=Watched))
        elif kind == "combinations":
            self._told_combined = msgspec.json.decode(value, type=str)
        elif kind == "counters":
            self.counters = msgspec.json.decode(value, type=Counters)
            self._told_records = self.counters.records

    def step(self, records: Sequence[Record], now_ms: int) -> Effects:
        """Apply events in offset order; a record that is not an event is counted and left."""
        self._called(now_ms)
        if records:
            self._fed_ms = now_ms
        effects = Effects([])
        board, instant, counters, head_ms = self._board, self._instant, self.counters, self._head_ms
        routes, dirty_windows, dirty_subjects = board.routes, self._dirty_windows, self._dirty_subjects
        touched: set[Feed] = set()
        for record in records:
            try:
                event = decode_arrival(record.value)  # type: ignore[arg-type]
                time_ms, arrived_ms = instant(event.time), instant(event.recordedtime)
            except (msgspec.MsgspecError, ValueError, TypeError):
                counters.undecodable += 1
                continue
            route = routes.get((event.source, event.type, event.area, event.exercise))
            if route is None:
                if event.type not in PAYLOADS:
                    counters.undecodable += 1
                    continue
                route = board.route(event, time_ms)  # a rule that fails here is no fault of the event
            try:
                payload = None if route.decode is None else route.decode(event.data)
            except msgspec.MsgspecError:
                counters.undecodable += 1
                continue
            if arrived_ms > head_ms:  # this process's clock bounds only how far it believes to have read
                head_ms = arrived_ms if arrived_ms <= now_ms else max(head_ms, now_ms)
            feed = route.feed
            feed.clock.observe(time_ms, arrived_ms)
            touched.add(feed)
            id_ = event.id
            value = None if route.measure is None else route.measure(payload)
            window = route.lane.add(time_ms, id_, value)
            if window is None:
                counters.too_late += 1
            else:
                dirty_windows.add(window)
            for lane in route.more:
                field = lane.distinct
                what = route.site if field == "site" else getattr(payload, field) if field else None
                dirty_windows.update(lane.add_all(time_ms, id_, value, None if what is None else str(what)))
            seen = None
            for subject in route.fixed:
                if not subject.quiet(payload, time_ms, id_, arrived_ms):
                    if seen is None:
                        may_raise = feed.exercise is not None or arrived_ms - time_ms <= LIVE_WITHIN_MS
                        seen = Seen(time_ms, arrived_ms, id_, event.area, payload, may_raise)
                    self._catch_up(subject, effects)
                    if said := subject.observe(seen):
                        self._say(subject, said, seen, effects)
                dirty_subjects.add(subject)
            if route.happenings:
                may_raise = feed.exercise is not None or arrived_ms - time_ms <= LIVE_WITHIN_MS
                self._happen(route, Seen(time_ms, arrived_ms, id_, event.area, payload, may_raise), effects)
            if route.canary:
                effects.emits.append(Emit("alert-inputs", canary.KEY.encode(), encode(CanaryPassed(sent_ms=time_ms))))
        self._head_ms = head_ms
        counters.others, board.others = counters.others + board.others, 0
        counters.records += len(records)
        self._dirty_feeds |= touched
        self._settle(touched, now_ms, effects)
        self._lapse(effects)
        return effects

    def tick(self, now_ms: int) -> Effects:
        """Let time pass: idle feeds, silent centres, windows whose telling was put off."""
        self._called(now_ms)
        if now_ms - self._fed_ms >= QUIET_MS:
            self._head_ms = max(self._head_ms, now_ms)
        effects = Effects([])
        if self._orphans:
            self._end_orphans(now_ms, effects)
        if self._told_combined != self._board.combined:
            self._tell_again(effects)  # they changed while the job was stopped
        for feed in self._board.feeds.values():
            if feed.clock.idle(self._head_ms, feed.grace_ms, feed.exercise is not None):
                self._dirty_feeds.add(feed)
        self._settle(self._board.feeds.values(), now_ms, effects)
        self._lapse(effects)
        for subject in self._board.silences:
            self._say(subject, subject.lapse_at(self._head_ms, self._base_ms), None, effects)
        if now_ms - self._swept_ms >= SWEEP_EVERY_MS:
            self._swept_ms = now_ms
            self._forget(self._board.stale_happenings())
            for feed in list(self._board.feeds.values()):
                arrived_ms = feed.clock.arrived_ms
                if feed.exercise and arrived_ms is not None and self._head_ms - arrived_ms >= DRILL_OVER_MS:
                    for watched in self._board.watched_by(feed):
                        self._end(watched, feed.clock.mark_ms or arrived_ms, "DRILL_OVER", effects)
                    self._forget(self._board.forget(feed))
        return effects

    def use(self, profile: Profile, now_ms: int) -> Effects:
        """Go on with other rules of the same installation. All state is kept: clocks, windows, runs, episodes.

        An episode whose rule is gone, or does not speak of its object any more, ends with ``RULE_REMOVED``. Other
        limits and delays hold from the next reading on.
        """
        before = self._board
        feeds, subjects = (
            {feed.key for feed in self._dirty_feeds},
            {subject.watched.key for subject in self._dirty_subjects},
        )
        after = self._board = Board(profile, self.partition)
        self._watching = {}
        for feed in before.feeds.values():
            after.restore_feed(_feed_record(feed))
            for window in (window for lane in feed.lanes.values() for window in lane.windows.values()):
                if not after.restore_window(window):
                    self._dirty_windows.discard(window)
                    self._gone.add(f"window/{window.key}")
        for key, baseline in before.baselines.items():
            after.restore_baseline(key, baseline)
        after.learnt = before.learnt
        for subject in before.subjects.values():
            self._take_back(subject.watched)
        self._dirty_feeds = {feed for feed in after.feeds.values() if feed.key in feeds}
        self._dirty_subjects = {subject for key, subject in after.subjects.items() if key in subjects}
        effects = Effects([])
        self._end_orphans(now_ms, effects)
        self._tell_again(effects)
        return effects

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        """Changed state: ``feed/…``, ``window/…``, ``object/…``, ``baseline/…``, ``combinations``, ``counters``."""
        rows: list[tuple[str, bytes | None]] = [(key, None) for key in self._gone]
        rows += [(f"feed/{feed.key}", encode(_feed_record(feed))) for feed in self._dirty_feeds]
        rows += [(f"window/{window.key}", encode(window)) for window in self._dirty_windows]
        rows += [(f"object/{subject.watched.key}", encode(subject.watched)) for subject in self._dirty_subjects]
        for key in self._board.learnt:
            rows.append((f"baseline/{key}", encode(self._board.baselines[key])))
        self._board.learnt.clear()
        if self._combined_dirty:
            self._combined_dirty = False
            rows.append(("combinations", encode(self._told_combined)))
        if self.counters.records != self._told_records:
            self._told_records = self.counters.records
            rows.append(("counters", encode(self.counters)))
        self._dirty_feeds, self._dirty_windows, self._dirty_subjects, self._gone = set(), set(), set(), set()
        return rows

    def _take_back(self, watched: Watched) -> None:
        if not self._board.has_place(watched):
            self._orphans.append((watched, "SITE_REMOVED"))
            return
        subject = self._board.restore_subject(watched)
        if subject is None:
            self._orphans.append((watched, "RULE_REMOVED"))
        elif subject.on:
            self._watching[watched.key] = subject

    def _end_orphans(self, now_ms: int, effects: Effects) -> None:
        for watched, reason in self._orphans:
            key = watched.key
            self._end(watched, max(self._head_ms, now_ms), reason, effects)
            if key not in self._board.subjects:
                self._gone.add(f"object/{key}")
            if self._board.baselines.pop(key, None) is not None:
                self._board.learnt.discard(key)
                self._gone.add(f"baseline/{key}")
        self._orphans = []

    def _end(self, watched: Watched, at_ms: int, reason: Reason, effects: Effects) -> None:
        if (told := ends(watched, at_ms, reason)) is not None:
            effects.emits.append(Emit("alert-inputs", told.key.encode(), encode(told)))
            effects.urgent = True
            self._tell_combinations(told, effects)

    def _called(self, now_ms: int) -> None:
        if self._called_ms is None or now_ms - self._called_ms >= STALL_MS:
            self._base_ms = self._fed_ms = now_ms
        self._called_ms = now_ms

    def _happen(self, route: Route, seen: Seen, effects: Effects) -> None:
        """Let the rules whose object depends on the payload look at one event."""
        for rule in route.happenings:
            if (level := level_of(rule, seen.payload)) is None:
                continue
            found = self._board.happening(rule, route, seen.payload, seen.area)
            self._catch_up(found, effects)
            self._say(found, found.happened(level, seen), seen, effects)
            self._dirty_subjects.add(found)

    def _catch_up(self, subject: Subject, effects: Effects) -> None:
        """What the watermark ended before an event comes before the event, in one batch as in many."""
        if subject.on and (said := subject.lapse()):
            self._say(subject, said, None, effects)

    def _lapse(self, effects: Effects) -> None:
        for key in list(self._watching):
            self._catch_up(self._board.subjects[key], effects)  # another one than before when its site has a new entry

    def _say(self, subject: Subject, said: Sequence[Verdict], seen: Seen | None, effects: Effects) -> None:
        watched = subject.watched
        for verdict in said:
            if seen is not None and verdict.state == "on":
                watched.event_id = seen.id
                watched.lon, watched.lat = seen.payload.lon, seen.payload.lat
                watched.words = {n: getattr(seen.payload, n) for n in self._board.title_fields[watched.rule]}
                watched.words |= subject.extra_words(seen.payload)
            told = signal(self._board.directory, subject.rule, watched, verdict)
            effects.emits.append(Emit("alert-inputs", told.key.encode(), encode(told)))
            effects.urgent = True
            if watched.rule in self._board.combinations:
                self._tell_combinations(told, effects)
        if said:
            self._dirty_subjects.add(subject)
            if subject.on:
                self._watching[watched.key] = subject
            else:
                self._watching.pop(watched.key, None)

    def _tell_combinations(self, told: Signal | None, effects: Effects) -> None:
        """Send what a member says to the scopes of its combinations; figures that changed are no news there."""
        if told is None or told.reason in ("VALUE_CHANGED", "REPEATED"):
            return
        for rule, key in self._board.conditions(told.rule, told.centre, told.area):
            condition = Condition(
                key=key,
                rule=rule.id,
                object=told.key,
                state=told.state,
                since_ms=told.since_ms,
                observed_ms=told.observed_ms,
                priority=told.priority,
                centre=told.centre,
                area=told.area,
                exercise=told.exercise,
            )
            effects.emits.append(Emit("alert-inputs", key.encode(), encode(condition)))

    def _tell_again(self, effects: Effects) -> None:
        """Tell the combinations what is on: new ones, and new members, have to know. Harmless for the others."""
        self._combined_dirty |= self._told_combined != self._board.combined
        self._told_combined = self._board.combined
        for _, subject in sorted(self._board.subjects.items()):
            if subject.rule.id in self._board.combinations:
                self._tell_combinations(standing(subject.watched, subject.rule), effects)

    def _settle(self, feeds: Iterable[Feed], now_ms: int, effects: Effects) -> None:
        for feed in feeds:
            for lane in feed.lanes.values():
                changed, evicted = lane.settle(now_ms, self.partition, effects.emits)
                self._dirty_windows.update(changed)
                for window in evicted:
                    self._dirty_windows.discard(window)
                    self._gone.add(f"window/{window.key}")

    def _forget(self, keys: Iterable[str]) -> None:
        gone = set(keys)
        if not gone:
            return
        self._gone |= gone
        self._dirty_feeds = {f for f in self._dirty_feeds if f"feed/{f.key}" not in gone}
        self._dirty_windows = {w for w in self._dirty_windows if f"window/{w.key}" not in gone}
        self._dirty_subjects = {s for s in self._dirty_subjects if f"object/{s.watched.key}" not in gone}
        self._watching = {k: s for k, s in self._watching.items() if f"object/{k}" not in gone}
        self._board.learnt = {key for key in self._board.learnt if f"baseline/{key}" not in gone}


def _feed_record(feed: Feed) -> FeedRecord:
    return FeedRecord(feed.centre, feed.area, feed.feed, feed.exercise, feed.clock)
