"""What one partition of ``events`` knows: feeds with their clocks, open windows, and objects under rules.

Found by name, made on first use, restored from checkpoint records. Nothing here decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from operator import attrgetter
from zoneinfo import ZoneInfo

import msgspec

from ioc.domain import absence, canary, combination
from ioc.domain.absence import Part
from ioc.domain.baseline import Baseline
from ioc.domain.catalogue import MEASURE, PAYLOADS
from ioc.domain.counting import CountState
from ioc.domain.directory import Directory
from ioc.domain.drills import DRILLS_MAX, OTHER
from ioc.domain.hours import Calendar
from ioc.domain.occurrence import OccurrenceState
from ioc.domain.profile import Profile, Rule
from ioc.domain.reach import ON_NUMBERS
from ioc.domain.refused import RefusedState
from ioc.domain.silence import SilenceState
from ioc.domain.threshold import ThresholdState, resolve
from ioc.domain.times import from_ms
from ioc.domain.watermark import EventClock, Frontier
from ioc.domain.windows import HOUR_MS, fixed_offset_ms
from ioc.pipeline import drill_end
from ioc.pipeline.arrivals import Arrival
from ioc.pipeline.heads import Heads
from ioc.pipeline.lanes import Lane, LaneName, Window
from ioc.pipeline.meters import MAKERS, AnomalySubject, RatioSubject, ThresholdSubject
from ioc.pipeline.parts import Parts
from ioc.pipeline.routes import Feed, FeedRecord, Route, feed_key, heartbeats
from ioc.pipeline.signals import Watched, title_fields, watched_key
from ioc.pipeline.subjects import CountSubject, OccurrenceSubject, SilenceSubject, Subject

# Known combinations of source and type: bounded by the registry that intake checks; when full, they are found anew.
ROUTES_MAX = 50_000
# Objects of occurrence and count rules may be named by free text (a kind of call): an ended one leaves after a day.
OCCURRENCE_KEPT_MS = 86_400_000
# … and so many are told apart per rule and drill; what comes beyond them is one object of its site or area.
OBJECTS_MAX = 2_000
CROWDED = DRILLS_MAX // 2  # drills; with more than so many, those of which nothing comes leave early
OFFSETS_KEPT = 1_000  # hours whose distance from UTC is remembered
# For a feed that the profile does not have (an event older than the profile).
DEFAULT_GRACE_S = 60.0
DEFAULT_PERIOD_S = 60.0


def try_out(profile: Profile, at_ms: int) -> None:
    """Make every route and object that the profile can have, once: what cannot be made fails here and not at work.

    Args:
        profile: with the rules to try.
        at_ms: an instant at which the sites are valid, usually the present.

    Raises:
        ValueError, ArithmeticError, TypeError, LookupError: a rule or a limit that no check named cannot be used.
    """
    board = Board(profile, 0)
    for centre in profile.centres:
        feeds = {feed.id: feed for feed in centre.feeds}
        for site in centre.sites:
            source = f"/{centre.id}/{site.feed}/{site.id}"
            for type_ in feeds[site.feed].types:
                arrival = Arrival(
                    id="", source=source, type=type_, time="", recordedtime="",
                    centre=centre.id, area=site.area, feed=site.feed,
                )  # fmt: skip
                for rule in board.route(arrival, at_ms).happenings:
                    board.happening(rule, board.route(arrival, at_ms), None, site.area)


class Board:
    """Everything known, by name.

    Args:
        profile: the installation.
        partition: of ``events``.
        heads: how far the bus has been read; None where no event will be judged.
    """

    def __init__(self, profile: Profile, partition: int, heads: Heads | None = None) -> None:
        self._heads = heads
        self.directory = Directory(profile)
        self.rules = {rule.id: rule for rule in profile.rules}
        self.title_fields = {rule.id: title_fields(rule) for rule in profile.rules}
        self.feeds: dict[str, Feed] = {}
        self.subjects: dict[str, Subject] = {}
        self.silences: list[SilenceSubject] = []
        self.others = 0  # events whose object, and sources whose drill, got no name of their own
        # Objects of occurrence and count rules, by rule and drill: the names of a drill take no room of the live ones.
        self._named: Counter[tuple[str, str | None]] = Counter()
        self.baselines: dict[str, Baseline] = {}  # by the object's state key
        self.learnt: set[str] = set()  # state keys of baselines that changed
        self.combinations: dict[str, list[Rule]] = {}  # member rule → combinations that want to know of it
        for rule in profile.rules:
            for member in rule.members:
                self.combinations.setdefault(member.rule, []).append(rule)
        self.combined = combination.word_of(profile.rules, absence.words(profile))
        self.routes: dict[tuple[str, str, str, object], Route] = {}
        self._zone = ZoneInfo(profile.timezone)
        self._offsets_ms: dict[int, int] = {}
        self._calendars = {
            rule.id: Calendar(rule.schedule, self._zone, profile.holidays) for rule in profile.rules if rule.schedule
        }
        self.parts = Parts(profile, self.directory, self._calendars)
        self._targets = {target.indicator: target for target in profile.targets}
        self._windows = profile.windows
        local = any(spec.align == "local" for spec in profile.windows)
        self._local_ms = (fixed_offset_ms(profile.timezone) or 0) if local else 0  # a zone that changes is refused
        self._by_type: dict[str, list[Rule]] = {}
        for rule in profile.rules:
            self._by_type.setdefault(rule.type, []).append(rule)
        self._decoders = {name: msgspec.json.Decoder(payload).decode for name, payload in PAYLOADS.items()}
        for rule, watched in heartbeats(profile, partition):
            self._silence(rule, watched)

    def feed(self, centre: str, area: str, feed: str, exercise: str | None) -> Feed:
        """The feed, made on first use."""
        key = feed_key(centre, area, feed, exercise)
        found = self.feeds.get(key)
        if found is None:
            known = self.directory.feed(centre, feed)
            grace_ms = round((known.grace_s if known else DEFAULT_GRACE_S) * 1000)
            order_ms = round((known.order_s if known else 0) * 1000)
            order_ms += order_ms > 0  # so that a difference of exactly ``order_s`` makes none either
            found = self.feeds[key] = Feed(centre, area, feed, exercise, EventClock(), grace_ms, {}, order_ms)
            if self._heads is not None:
                found.in_order = self._heads.of(centre)
        return found

    def lane(self, name: LaneName) -> Lane:
        """The lane of one-minute windows, made on first use."""
        return self._lanes(name)[0]

    def _lanes(self, name: LaneName) -> list[Lane]:
        feed = self.feed(name.centre, name.area, name.feed, name.exercise)
        found = []
        for spec in (None, *self._windows):
            if spec is not None and (spec.type != name.type or (spec.feed and spec.feed != name.feed)):
                continue
            lane = Lane(name, feed.clock, feed.grace_ms, spec, self._local_ms)
            found.append(feed.lanes.setdefault((name.type, lane.size_ms), lane))
        return found

    def route(self, arrival: Arrival, time_ms: int) -> Route:
        """Where this event goes: made and, unless it depends on the date, remembered in ``routes``.

        Raises:
            KeyError: its type is not in the catalogue.
        """
        found = self._find_route(arrival, time_ms)
        if not self.directory.changes(arrival.centre, arrival.site):
            if len(self.routes) >= ROUTES_MAX:
                self.routes.clear()
            self.routes[arrival.source, arrival.type, arrival.area, arrival.exercise] = found
        return found

    def happening(self, rule: Rule, route: Route, payload: object, area: str) -> OccurrenceSubject | CountSubject:
        """The object of an event under an occurrence or count rule, made on first use."""
        feed = route.feed
        parts = [area if rule.scope == "area" else route.site if "area" in rule.object else route.object]
        for name in rule.object:
            part = area if name == "area" else getattr(payload, name, None)
            parts.append(str(part).replace("|", "_"))
        obj = "/".join(parts)
        key = watched_key(rule.id, feed.centre, obj, feed.exercise)
        found = self.subjects.get(key)
        if found is None and self._named[rule.id, feed.exercise] >= OBJECTS_MAX:
            self.others += 1
            obj = f"{parts[0]}/{OTHER}"
            key = watched_key(rule.id, feed.centre, obj, feed.exercise)
            found = self.subjects.get(key)
        if found is None:
            counts = rule.kind == "count"
            watched = self._watched(rule, route, obj, area, CountState() if counts else OccurrenceState())
            make = CountSubject if counts else OccurrenceSubject
            found = self.subjects[key] = make(rule, watched, feed.judged, self._calendars.get(rule.id))
            self._named[rule.id, feed.exercise] += 1
        assert isinstance(found, OccurrenceSubject | CountSubject)
        self._belong(found, feed)
        return found

    def conditions(self, rule: str, centre: str, area: str) -> Iterator[tuple[Rule, str]]:
        """(combination, its alert key) for every combination that a rule is a member of, at this place."""
        for combined in self.combinations.get(rule, ()):
            yield combined, combination.key_of(combined, centre, area)

    def restore_feed(self, record: FeedRecord) -> None:
        """Take a clock back."""
        feed = self.feed(record.centre, record.area, record.feed, record.exercise)
        feed.judged.mark_ms = record.judged_ms
        clock = feed.clock
        clock.seen_ms, clock.mark_ms, clock.arrived_ms = (
            record.clock.seen_ms,
            record.clock.mark_ms,
            record.clock.arrived_ms,
        )
        for kept in record.dues:
            feed.in_order.take_back(feed, kept)

    def restore_window(self, window: Window) -> bool:
        """Take an open window back; False when no such window is declared any more."""
        for lane in self._lanes(window.name):
            if lane.size_ms == window.size_ms and (window.start_ms + lane.offset_ms) % lane.hop_ms == 0:
                lane.windows[window.start_ms] = window
                return True
        return False

    def restore_baseline(self, key: str, baseline: Baseline) -> None:
        """Take an object's usual week back."""
        self.baselines.setdefault(key, Baseline({})).buckets.update(baseline.buckets)

    def has_place(self, watched: Watched) -> bool:
        """Does the profile still have the place that an object is about: its centre, its site or its area?"""
        rule, directory = self.rules.get(watched.rule), self.directory
        if directory.centre(watched.centre) is None:
            return False
        if rule is not None and rule.kind == "count" and rule.scope == "area":
            return directory.area(watched.area) is not None
        return not watched.site or directory.site(watched.centre, watched.site, 0) is not None

    def restore_subject(self, watched: Watched) -> Subject | None:
        """Take an object back; None when its rule is gone, has become another kind, or no longer speaks of it."""
        rule = self.rules.get(watched.rule)
        if rule is None or (rule.sites and watched.site not in rule.sites):
            return None
        clock = self.feed(watched.centre, watched.area, watched.feed, watched.exercise).judged
        subject: Subject
        if isinstance(watched.machine, SilenceState):
            return self._silence(rule, watched) if rule.kind == "silence" else None
        if isinstance(watched.machine, Part):
            feed = self.feed(watched.centre, watched.area, watched.feed, None)
            if (part := self.parts.restore(rule, watched, feed)) is not None:
                self.subjects[watched.key] = part
            return part
        calendar = self._calendars.get(rule.id)
        if isinstance(watched.machine, OccurrenceState):
            if rule.kind != "occurrence":
                return None
            subject = OccurrenceSubject(rule, watched, clock, calendar)
        elif isinstance(watched.machine, CountState):
            if rule.kind != "count" or not rule.levels:
                return None
            subject = CountSubject(rule, watched, clock, calendar)
        else:
            if rule.kind not in ON_NUMBERS or isinstance(watched.machine, RefusedState):
                return None
            subject = made = self._threshold(rule, watched, clock, watched.machine.last_ms)
            if not made.spec.levels:
                return None
        if isinstance(subject, OccurrenceSubject | CountSubject):
            self._named[rule.id, watched.exercise] += watched.key not in self.subjects
        self.subjects[watched.key] = subject
        return subject

    def watched_by(self, feed: Feed) -> list[Watched]:
        """The objects that are judged by the clock of a feed."""
        return [subject.watched for subject in self.subjects.values() if subject.clock is feed.judged]

    def over_after_ms(self, feed: Feed) -> int:
        """How long after its last event a feed of a drill is over."""
        known = self.directory.feed(feed.centre, feed.feed)
        types = {type_ for type_, _ in feed.lanes} | set(known.types if known else ())
        rules = (rule for rule in self.rules.values() if rule.type in types)
        period_s = known.expected_period_s if known else DEFAULT_PERIOD_S
        crowded = len(self._drills()) > CROWDED
        return drill_end.over_after_ms(rules, period_s, feed.grace_ms, crowded)

    def forget(self, feed: Feed) -> Iterator[str]:
        """Drop a feed with all its objects (an ended drill); gives their checkpoint keys."""
        del self.feeds[feed.key]
        feed.dues.clear()
        self.routes.clear()
        yield f"feed/{feed.key}"
        for lane in feed.lanes.values():
            yield from (f"window/{window.key}" for window in lane.windows.values())
        for key in [key for key, subject in self.subjects.items() if subject.clock is feed.judged]:
            self._leave(key)
            yield f"object/{key}"
            if self.baselines.pop(key, None) is not None:
                yield f"baseline/{key}"

    def stale_happenings(self) -> Iterator[str]:
        """Drop occurrence and count objects whose last episode ended long ago; gives their checkpoint keys."""
        for key, subject in list(self.subjects.items()):
            mark_ms = subject.clock.mark_ms
            if not isinstance(subject, OccurrenceSubject | CountSubject) or mark_ms is None:
                continue
            if subject.forgettable(mark_ms, OCCURRENCE_KEPT_MS):
                self._leave(key)
                yield f"object/{key}"

    def _leave(self, key: str) -> None:
        subject = self.subjects.pop(key)
        if isinstance(subject, OccurrenceSubject | CountSubject):
            self._named[subject.rule.id, subject.watched.exercise] -= 1

    def _drill(self, name: str | None) -> str | None:
        """The name under which a drill is kept."""
        if name is None or name == OTHER:
            return name
        known = self._drills()
        if name in known or len(known) < DRILLS_MAX:
            return name
        self.others += 1
        return OTHER

    def _drills(self) -> set[str | None]:
        return {feed.exercise for feed in self.feeds.values()} - {None, OTHER}

    def _find_route(self, arrival: Arrival, time_ms: int) -> Route:
        centre, area, site = arrival.centre, arrival.area, arrival.site
        exercise = self._drill(arrival.exercise)
        measure = MEASURE[arrival.type]
        lanes = self._lanes(LaneName(centre, area, arrival.feed, arrival.type, exercise))
        feed = self.feed(centre, area, arrival.feed, exercise)
        rules = [rule for rule in self._by_type.get(arrival.type, []) if not rule.sites or site in rule.sites]
        if exercise == canary.EXERCISE:
            rules = []
        wanted = rules or measure is not None or any(lane.distinct not in ("", "site") for lane in lanes)
        route = Route(
            feed=feed,
            lane=lanes[0],
            more=lanes[1:],
            decode=self._decoders[arrival.type] if wanted else None,
            measure=None if measure is None else attrgetter(measure),
            fixed=[],
            by_arrival=[],
            happenings=[rule for rule in rules if rule.kind in ("occurrence", "count")],
            site=site,
            canary=exercise == canary.EXERCISE,
            object=self._object(centre, site, area, time_ms),
        )
        for rule in rules:
            if rule.kind in ON_NUMBERS:
                key = watched_key(rule.id, centre, route.object, exercise)
                known = self.subjects.get(key)
                subject = known if isinstance(known, ThresholdSubject) else None
                if subject is None or self.directory.changes(centre, site):
                    watched = subject.watched if subject else None
                    watched = watched or self._watched(rule, route, route.object, area, ThresholdState())
                    subject = self._threshold(rule, watched, feed.judged, time_ms)
                    subject.shared = self.directory.changes(centre, site)
                    self._belong(subject, feed)
                if subject.spec.levels:
                    self.subjects[key] = subject
                    route.fixed.append(subject)
            elif rule.kind == "silence" and exercise is None:
                route.by_arrival += [s for s in self.silences if s.rule is rule and s.watched.centre == centre]
        route.by_arrival += (parts := self.parts.of_site(feed, site, arrival.type))
        self.subjects.update((part.watched.key, part) for part in parts)
        route.judged = bool(route.fixed or route.happenings)
        return route

    def _object(self, centre: str, site: str, area: str, time_ms: int) -> str:
        """Name of a site as an object. A partition owns an area of a feed, so a site that a record puts into another
        area is another object there: one alert key must not have two owners."""
        found = self.directory.site(centre, site, time_ms)
        return site if found is None or found.area == area else f"{site}/{area}"

    def _belong(self, subject: Subject, feed: Feed) -> None:
        """Judge an object by the clock of this feed, and remember whose it is: a site's entry in the registry may have
        come to an end, and the next one lie in another area."""
        subject.clock = feed.judged
        subject.watched.area, subject.watched.feed = feed.area, feed.feed

    def _offset_ms(self, time_ms: int) -> int:
        """Local time minus UTC; zones change at whole hours of UTC, or at quarters that nobody uses here."""
        hour = time_ms // HOUR_MS
        found = self._offsets_ms.get(hour)
        if found is None:
            if len(self._offsets_ms) >= OFFSETS_KEPT:
                self._offsets_ms.clear()
            offset = from_ms(hour * HOUR_MS).astimezone(self._zone).utcoffset()
            assert offset is not None
            found = self._offsets_ms[hour] = int(offset.total_seconds() * 1000)
        return found

    def _learnt(self, subject: AnomalySubject) -> None:
        self.learnt.add(subject.watched.key)

    def _watched(
        self, rule: Rule, route: Route, obj: str, area: str, machine: ThresholdState | OccurrenceState | CountState
    ) -> Watched:
        feed = route.feed
        return Watched(
            rule=rule.id,
            centre=feed.centre,
            object=obj,
            exercise=feed.exercise,
            area=area,
            feed=feed.feed,
            site=route.site,
            machine=machine,
        )

    def _threshold(self, rule: Rule, watched: Watched, clock: Frontier, time_ms: int) -> ThresholdSubject:
        site = self.directory.site(watched.centre, watched.site, time_ms)
        feed = self.directory.feed(watched.centre, watched.feed)
        period_s = feed.expected_period_s if feed else DEFAULT_PERIOD_S
        spec = resolve(rule, site.limits if site else {}, period_s)
        subject = MAKERS[rule.kind](rule, watched, clock, spec, self._calendars.get(rule.id))
        if isinstance(subject, RatioSubject):
            subject.targets = self._targets
        if isinstance(subject, AnomalySubject):
            subject.baseline = self.baselines.setdefault(watched.key, Baseline({}))
            subject.offset_ms, subject.changed = self._offset_ms, self._learnt
        return subject

    def _silence(self, rule: Rule, watched: Watched) -> SilenceSubject:
        subject = SilenceSubject(rule, watched, Frontier(), self._calendars.get(rule.id))
        feed = self.directory.feed(watched.centre, watched.feed)
        subject.out_after_ms = round(feed.dead_after_s * 1000) if feed else None
        self.silences = [s for s in self.silences if s.watched.key != watched.key] + [subject]
        self.subjects[watched.key] = subject
        self.routes.clear()
        return subject
