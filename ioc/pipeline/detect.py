"""The detecting step: canonical events in, rollups and signals of the rules out.

One object per partition of ``events``. A key (``centre/area/feed``) lives in one partition, so its events have one
order, its watermark one owner, and an object (a site) one memory. Events are taken one by one: the watermark moves,
the window counts, each rule of the type looks. What is told depends on the records alone, not on how they were cut
into batches; only idle feeds and silent centres also need ``tick``.

*How far the bus has been read* (:mod:`ioc.pipeline.heads`) stands in for "now" wherever nothing came: an arrival time,
as intake says it, or the newest one read. A job that catches up after a stop therefore sees the world as it was, and
calls nobody silent whose records are still in the queue.

Windows count a reading at once. The rules see it in the order of event time (:mod:`ioc.pipeline.in_order`); what waits
for its turn is kept in the checkpoint as it came.

Drills (events with ``exercise``) have their own clocks (:mod:`ioc.pipeline.drill_silence`), windows and objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy

import msgspec

from ioc.domain import canary, detect_counters
from ioc.domain.alerts import CanaryPassed, Signal
from ioc.domain.baseline import Baseline
from ioc.domain.catalogue import PAYLOADS
from ioc.domain.detect_counters import Counters
from ioc.domain.occurrence import level_of
from ioc.domain.profile import Profile
from ioc.domain.verdicts import LIVE_WITHIN_MS, Reason, Verdict
from ioc.pipeline import intake_watch
from ioc.pipeline.arrivals import decode_arrival
from ioc.pipeline.board import Board
from ioc.pipeline.conditions import conditions
from ioc.pipeline.drill_silence import DrillSilence
from ioc.pipeline.effects import Effects, Emit, Record
from ioc.pipeline.heads import Heads
from ioc.pipeline.in_order import waiting
from ioc.pipeline.instants import Instants
from ioc.pipeline.intake_watch import IntakeWatch
from ioc.pipeline.lanes import Window
from ioc.pipeline.parts import EVERY_MS, of_centre, of_nobody, of_silence
from ioc.pipeline.recalled import recalled_turns
from ioc.pipeline.removed import ends, standing
from ioc.pipeline.routes import Feed, FeedRecord, Route, Turn
from ioc.pipeline.signals import Watched, signal
from ioc.pipeline.subjects import Seen, Subject
from ioc.wire import progress
from ioc.wire.codec import encode

# Nobody called for this long (process stopped, broker away): what was missed meanwhile proves no silence.
STALL_MS = 10_000
SWEEP_EVERY_MS = 60_000  # how often what is over is looked for


class DetectPartition:
    """State and decisions of one partition of ``events``; see :class:`ioc.pipeline.effects.Step`.

    ``watch_intake``: there is an intake, and that it is silent is to be told. ``lagging`` is set by the shell while the
    partition's input has not been read to its end.
    """

    lagging = False

    def __init__(self, profile: Profile, partition: int, *, watch_intake: bool = False) -> None:
        self.partition = partition
        self.counters = Counters()
        drills = DrillSilence(profile, self._tell)
        self._heads = Heads(self._judge, IntakeWatch(profile, partition, watch_intake), drills)
        self._board = Board(profile, partition, self._heads)
        self._instant = Instants()
        self._watching: dict[str, Subject] = {}  # objects whose episode runs
        self._base_ms = -1  # since when we listen without a pause
        self._called_ms: int | None = None
        self._fed_ms = 0
        self._dirty_feeds: set[Feed] = set()
        self._dirty_windows: set[Window] = set()
        self._dirty_subjects: set[Subject] = set()
        self._gone: set[str] = set()
        self._kept: set[int] = set()  # offsets of waiting readings that the checkpoint holds
        self._recalled: list[tuple[int, bytes]] = []  # … and that have to be put back, with their values
        self._orphans: list[tuple[Watched, Reason]] = []  # objects whose rule or site is gone; told at the next call
        self._told_combined = ""  # the combinations that were told what is on
        self._combined_dirty = False
        self._told_records = 0
        self._swept_ms = self._parts_ms = self._counted_ms = 0
        self._counted = Counters()

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
        elif kind == "waiting":
            offset = int(key.partition("/")[2])
            self._kept.add(offset)
            self._recalled.append((offset, value))
        elif kind == "reach":
            if self._board.directory.centre(centre := key.partition("/")[2]) is None:
                self._gone.add(key)  # it left the profile: nobody will speak of it
            else:
                self._heads.load(centre, value, self._board.feeds.values())
        elif kind == "drill":
            self._heads.drills.load(key, value)
        elif kind == intake_watch.KEY:
            self._heads.watch.load(value)
        elif kind == "combinations":
            self._told_combined = msgspec.json.decode(value, type=str)
        elif kind == "counters":
            self.counters, self._counted = detect_counters.decode(value), detect_counters.decode(value)
            self._told_records = self.counters.records

    def step(self, records: Sequence[Record], now_ms: int) -> Effects:
        """Apply events in offset order; a record that is not an event is counted and left."""
        self._called(now_ms)
        if records:
            self._fed_ms = now_ms
        effects = Effects([])
        if self._recalled:
            self._recall(effects)
        board, instant, counters = self._board, self._instant, self.counters
        routes, dirty_windows, dirty_subjects = board.routes, self._dirty_windows, self._dirty_subjects
        touched: set[Feed] = set()
        heads, others = self._heads, 0  # records that are no events and are not meant to be
        for record in records:
            try:
                event = decode_arrival(record.value)  # type: ignore[arg-type]
                time_ms, arrived_ms = instant(event.time), instant(event.recordedtime)
            except (msgspec.MsgspecError, ValueError, TypeError):
                if record.key == progress.KEY and heads.take(record.value, board.feeds.values(), now_ms, effects):
                    others += 1
                else:
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
            feed = route.feed
            in_order = feed.in_order
            if in_order.reach is None:  # nobody says how far the bus was read
                if arrived_ms > in_order.head_ms:  # this process's clock bounds how far it believes to have read
                    in_order.read_to(arrived_ms if arrived_ms <= now_ms else now_ms, effects)
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
            if route.by_arrival:
                heard_ms = min(time_ms, arrived_ms)  # nobody speaks after he was heard
                for subject in route.by_arrival:
                    if not subject.quiet(payload, heard_ms, id_, arrived_ms):
                        seen = Seen(heard_ms, arrived_ms, id_, event.area, payload, True)
                        self._say(subject, subject.observe(seen), seen, effects)
                    dirty_subjects.add(subject)
            if route.judged:
                turn = (time_ms, id_, record.offset, arrived_ms, route, payload, event.area, record.value)
                in_order.put(feed, turn, effects)  # type: ignore[arg-type]
            else:
                in_order.pass_by(feed, time_ms, arrived_ms)
            if route.canary:
                effects.emits.append(Emit("alert-inputs", canary.KEY.encode(), encode(CanaryPassed(sent_ms=time_ms))))
        counters.others, board.others = counters.others + board.others, 0
        for line in self._heads.lines():
            counters.out_of_turn, line.out_of_turn = counters.out_of_turn + line.out_of_turn, 0
            counters.hurried, line.hurried = counters.hurried + line.hurried, 0
        counters.records += len(records) - others
        touched |= self._heads.take_moved()
        self._dirty_feeds |= touched
        self._settle(touched, now_ms, effects)
        self._lapse(effects)
        effects.idle = others == len(records) and not effects.emits
        return effects

    def tick(self, now_ms: int) -> Effects:
        """Let time pass: idle feeds, silent centres, windows whose telling was put off."""
        self._called(now_ms)
        effects = Effects([])
        if self._recalled:
            self._recall(effects)
        if self._orphans:
            self._end_orphans(now_ms, effects)
        if self._told_combined != self._board.combined:
            self._tell_again(effects)  # they changed while the job was stopped
        self._heads.pass_time(now_ms, self._fed_ms, effects)
        for feed in self._board.feeds.values():
            if feed.clock.idle(feed.in_order.head_ms, feed.grace_ms, feed.exercise is not None):
                self._dirty_feeds.add(feed)
                if not feed.waiting and feed.clock.mark_ms is not None:
                    feed.judged.raise_to(feed.clock.mark_ms)
        self._dirty_feeds |= self._heads.take_moved()
        self._settle(self._board.feeds.values(), now_ms, effects)
        self._lapse(effects)
        for subject in self._board.silences:
            clock = self._heads.clock_of(subject.watched.centre, self._base_ms, self.counters.records > 0)
            self._say(subject, subject.lapse_at(*clock), None, effects)
        self._heads.look_at_intake(self._base_ms, self.lagging, now_ms, effects)
        if now_ms - self._counted_ms >= detect_counters.TELL_EVERY_MS and self.counters != self._counted:
            self._counted_ms, self._counted = now_ms, copy(self.counters)
            effects.emits.append(Emit("feeds", detect_counters.key_of(self.partition), encode(self.counters)))
        if now_ms - self._parts_ms >= EVERY_MS:
            self._parts_ms = now_ms
            self._tell_parts(effects)
        if now_ms - self._swept_ms >= SWEEP_EVERY_MS:
            self._swept_ms = now_ms
            self._forget(self._board.stale_happenings())
            for feed in list(self._board.feeds.values()):
                arrived_ms = feed.clock.arrived_ms
                head_ms = feed.in_order.head_ms
                if feed.dues or not feed.exercise or arrived_ms is None:
                    continue
                if head_ms - arrived_ms >= self._board.over_after_ms(feed):
                    for watched in self._board.watched_by(feed):
                        self._end(watched, feed.judged.mark_ms or arrived_ms, "DRILL_OVER", effects)
                    self._forget(self._board.forget(feed))
        return effects

    def use(self, profile: Profile, now_ms: int) -> Effects:
        """Go on with other rules of the same installation. All state is kept: clocks, windows, runs, episodes.

        An episode whose rule is gone, or does not speak of its object any more, ends with ``RULE_REMOVED``. Other
        limits and delays hold from the next reading on.
        """
        before = self._board
        feeds = {feed.key for feed in self._dirty_feeds}
        subjects = {subject.watched.key for subject in self._dirty_subjects}
        self._recalled += waiting(before.feeds).items()
        self._heads.anew()
        self._heads.watch.use(profile)
        after = self._board = Board(profile, self.partition, self._heads)
        self._watching = {}
        for feed in before.feeds.values():
            after.restore_feed(feed.record())
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
        self._recall(effects)
        self._end_orphans(now_ms, effects)
        self._heads.drills.use(profile, effects)
        self._tell_again(effects)
        return effects

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        """Changed state: ``feed/…``, ``window/…``, ``object/…``, ``baseline/…``, ``waiting/…``, ``combinations``,
        ``counters``, ``intake``, ``reach/…``, ``drill/…``."""
        rows: list[tuple[str, bytes | None]] = [(key, None) for key in self._gone]
        if not self._recalled:
            held = waiting(self._board.feeds)
            rows += [(f"waiting/{offset}", None) for offset in self._kept - held.keys()]
            rows += [(f"waiting/{offset}", value) for offset, value in held.items() if offset not in self._kept]
            self._kept = set(held)
        rows += self._heads.take_dirty()
        rows += [(f"feed/{feed.key}", encode(feed.record())) for feed in self._dirty_feeds]
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
            self._end(watched, max(self._heads.of(watched.centre).head_ms, now_ms), reason, effects)
            if key not in self._board.subjects:
                self._gone.add(f"object/{key}")
            if self._board.baselines.pop(key, None) is not None:
                self._board.learnt.discard(key)
                self._gone.add(f"baseline/{key}")
        self._orphans = []

    def _end(self, watched: Watched, at_ms: int, reason: Reason, effects: Effects) -> None:
        # Before the memory is changed: also a centre out of service mutes, although no episode runs.
        effects.emits += of_nobody(watched, max(self._heads.of(watched.centre).head_ms, at_ms))
        if (told := ends(watched, at_ms, reason)) is not None:
            self._tell(told, effects)

    def _tell(self, told: Signal, effects: Effects) -> None:
        effects.emits.append(Emit("alert-inputs", told.key.encode(), encode(told)))
        effects.urgent = True
        effects.emits += conditions(self._board, told)

    def _called(self, now_ms: int) -> None:
        if self._called_ms is None or now_ms - self._called_ms >= STALL_MS:
            self._base_ms = self._fed_ms = now_ms
            self._heads.wait_anew(now_ms)
        self._called_ms = now_ms

    def _judge(self, feed: Feed, turns: Sequence[Turn], effects: Effects) -> None:
        """Let the rules see readings of one feed; see :class:`InOrder`."""
        judged, waits, dirty_subjects = feed.judged, feed.order_ms > 0, self._dirty_subjects
        for time_ms, id_, _, arrived_ms, route, payload, area, _ in turns:
            if waits and (judged.mark_ms is None or time_ms - 1 > judged.mark_ms):
                judged.mark_ms = time_ms - 1  # time passes until just before the reading
            for subject in route.fixed:
                dirty_subjects.add(subject)
                if subject.shared:
                    subject.look_again()
                if subject.quiet(payload, time_ms, id_, arrived_ms):
                    continue
                may_raise = feed.exercise is not None or arrived_ms - time_ms <= LIVE_WITHIN_MS
                seen = Seen(time_ms, arrived_ms, id_, area, payload, may_raise)
                self._catch_up(subject, effects)
                if said := subject.observe(seen):
                    self._say(subject, said, seen, effects)
            if route.happenings:
                may_raise = feed.exercise is not None or arrived_ms - time_ms <= LIVE_WITHIN_MS
                self._happen(route, Seen(time_ms, arrived_ms, id_, area, payload, may_raise), effects)

    def _recall(self, effects: Effects) -> None:
        """Let what waited wait again: after a restart, and under other rules."""
        turns, undecodable = recalled_turns(self._recalled, self._board, self._instant)
        self.counters.undecodable, self._recalled = self.counters.undecodable + undecodable, []
        for turn in turns:
            turn[4].feed.in_order.put(turn[4].feed, turn, effects)

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
            self._tell(told := signal(self._board.directory, subject.rule, watched, verdict), effects)
            if subject.rule.kind == "silence":
                head_ms = self._heads.of(told.centre).head_ms
                effects.emits += of_centre(told, head_ms if seen is None else seen.arrived_ms)
        if said:
            self._dirty_subjects.add(subject)
            if subject.on:
                self._watching[watched.key] = subject
            else:
                self._watching.pop(watched.key, None)

    def _tell_parts(self, effects: Effects) -> None:
        """Tell alerting of feeds and sites that are not heard any more, or again."""
        feeds, fed = self._board.feeds.values(), self.counters.records > 0
        for part, told in self._board.parts.tell(feeds, self._heads, self._base_ms, fed):
            self._board.subjects[part.watched.key] = part
            self._dirty_subjects.add(part)
            effects.emits.append(Emit("alert-inputs", told.key.encode(), encode(told)))
            effects.urgent = True

    def _tell_again(self, effects: Effects) -> None:
        """Tell the combinations what is on: new ones, and new members, have to know. Harmless for the others."""
        self._combined_dirty |= self._told_combined != self._board.combined
        self._told_combined = self._board.combined
        for _, subject in sorted(self._board.subjects.items()):
            if subject.rule.id in self._board.combinations:
                effects.emits += conditions(self._board, standing(subject.watched, subject.rule))
            effects.emits += of_silence(subject.watched, self._heads.of(subject.watched.centre).head_ms)
        for told in self._heads.drills.standing():
            effects.emits += conditions(self._board, told)
        for part in self._board.parts.all.values():
            if (again := part.said(self._heads.of(part.watched.centre).head_ms)) is not None:
                effects.emits.append(Emit("alert-inputs", again.key.encode(), encode(again)))

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
