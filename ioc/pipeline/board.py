"""What one partition of ``events`` knows: feeds with their clocks, open windows, and objects under rules.

Found by name, made on first use, restored from checkpoint records. Nothing here decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from ioc.domain.catalogue import MEASURE, PAYLOADS
from ioc.domain.directory import Directory
from ioc.domain.events import Event
from ioc.domain.occurrence import OccurrenceState
from ioc.domain.profile import Centre, Profile, Rule
from ioc.domain.silence import SilenceState
from ioc.domain.threshold import ThresholdState, resolve
from ioc.domain.watermark import EventClock
from ioc.pipeline.lanes import Lane, LaneName, Window
from ioc.pipeline.signals import Watched, title_fields, watched_key
from ioc.pipeline.subjects import AqiSubject, OccurrenceSubject, SilenceSubject, Subject, ThresholdSubject
from ioc.wire.topics import Topics

# Known combinations of source and type: bounded by the registry that intake checks; when full, they are found anew.
ROUTES_MAX = 50_000
# Objects of occurrence rules may be named by free text (a kind of call), so an ended one leaves memory after a day.
OCCURRENCE_KEPT_MS = 86_400_000
# For a feed that the profile does not have (an event older than the profile).
DEFAULT_GRACE_S = 60.0
DEFAULT_PERIOD_S = 60.0


class Feed(Struct, eq=False):
    """One feed of one area (one key of the topic): its clock and the lanes that the clock closes."""

    centre: str
    area: str
    feed: str
    exercise: str | None
    clock: EventClock
    grace_ms: int
    lanes: dict[str, Lane]

    @property
    def key(self) -> str:
        """``centre/area/feed``, in a drill with ``/drill`` at the end."""
        return feed_key(self.centre, self.area, self.feed, self.exercise)


class FeedRecord(Struct):
    """A feed's clock as it is kept in the checkpoint."""

    centre: str
    area: str
    feed: str
    exercise: str | None
    clock: EventClock


class Route(Struct, eq=False):
    """Where the events of one source and type go."""

    feed: Feed
    lane: Lane
    decode: Callable[[Any], Any] | None  # None: neither a number nor a rule wants the payload
    measure: str | None
    fixed: list[Subject]  # objects that are the site itself
    occurrences: list[Rule]  # rules whose object depends on the payload
    site: str


def feed_key(centre: str, area: str, feed: str, exercise: str | None) -> str:
    """Key of a clock; the topic's key, and the drill."""
    key = f"{centre}/{area}/{feed}"
    return f"{key}/{exercise}" if exercise else key


class Board:
    """Everything known, by name."""

    def __init__(self, profile: Profile, partition: int) -> None:
        self.directory = Directory(profile)
        self.rules = {rule.id: rule for rule in profile.rules}
        self.title_fields = {rule.id: title_fields(rule) for rule in profile.rules}
        self.feeds: dict[str, Feed] = {}
        self.subjects: dict[str, Subject] = {}
        self.silences: list[SilenceSubject] = []
        self._routes: dict[tuple[str, str, str, object], Route] = {}
        self._by_type: dict[str, list[Rule]] = {}
        for rule in profile.rules:
            self._by_type.setdefault(rule.type, []).append(rule)
        self._decoders = {name: msgspec.json.Decoder(payload).decode for name, payload in PAYLOADS.items()}
        for rule, centre, area, feed, site in _heartbeats(profile, partition):
            self._silence(
                rule,
                Watched(
                    rule=rule.id,
                    centre=centre.id,
                    object=centre.id,
                    area=area,
                    feed=feed,
                    site=site,
                    machine=SilenceState(),
                ),
            )

    def feed(self, centre: str, area: str, feed: str, exercise: str | None) -> Feed:
        """The feed, made on first use."""
        key = feed_key(centre, area, feed, exercise)
        found = self.feeds.get(key)
        if found is None:
            known = self.directory.feed(centre, feed)
            grace_ms = round((known.grace_s if known else DEFAULT_GRACE_S) * 1000)
            found = self.feeds[key] = Feed(centre, area, feed, exercise, EventClock(), grace_ms, {})
        return found

    def lane(self, name: LaneName) -> Lane:
        """The lane, made on first use."""
        feed = self.feed(name.centre, name.area, name.feed, name.exercise)
        found = feed.lanes.get(name.type)
        if found is None:
            found = feed.lanes[name.type] = Lane(name, feed.clock, feed.grace_ms)
        return found

    def route(self, event: Event, time_ms: int) -> Route:
        """Where this event goes.

        Raises:
            KeyError: its type is not in the catalogue.
        """
        key = (event.source, event.type, event.area, event.exercise)
        found = self._routes.get(key)
        if found is None:
            found = self._find_route(event, time_ms)
            if not self.directory.changes(event.centre, event.site):
                if len(self._routes) >= ROUTES_MAX:
                    self._routes.clear()
                self._routes[key] = found
        return found

    def occurrence(self, rule: Rule, route: Route, payload: object, area: str) -> OccurrenceSubject:
        """The object of an event under an occurrence rule, made on first use."""
        feed = route.feed
        parts = [route.site]
        for name in rule.object:
            part = area if name == "area" else getattr(payload, name, None)
            parts.append(str(part).replace("|", "_"))
        obj = "/".join(parts)
        key = watched_key(rule.id, feed.centre, obj, feed.exercise)
        found = self.subjects.get(key)
        if found is None:
            found = OccurrenceSubject(rule, self._watched(rule, route, obj, area, OccurrenceState()), feed.clock)
            self.subjects[key] = found
        assert isinstance(found, OccurrenceSubject)
        return found

    def restore_feed(self, record: FeedRecord) -> None:
        """Take a clock back."""
        clock = self.feed(record.centre, record.area, record.feed, record.exercise).clock
        clock.seen_ms, clock.mark_ms, clock.arrived_ms = (
            record.clock.seen_ms,
            record.clock.mark_ms,
            record.clock.arrived_ms,
        )

    def restore_window(self, window: Window) -> None:
        """Take an open window back."""
        self.lane(window.name).windows[window.start_ms] = window

    def restore_subject(self, watched: Watched) -> Subject | None:
        """Take an object back; None when its rule is gone or has become another kind."""
        rule = self.rules.get(watched.rule)
        if rule is None:
            return None
        clock = self.feed(watched.centre, watched.area, watched.feed, watched.exercise).clock
        subject: Subject
        if isinstance(watched.machine, SilenceState):
            return self._silence(rule, watched) if rule.kind == "silence" else None
        if isinstance(watched.machine, OccurrenceState):
            if rule.kind != "occurrence":
                return None
            subject = OccurrenceSubject(rule, watched, clock)
        else:
            if rule.kind not in ("threshold", "aqi"):
                return None
            subject = self._threshold(rule, watched, clock, watched.machine.last_ms)
        self.subjects[watched.key] = subject
        return subject

    def forget(self, feed: Feed) -> Iterator[str]:
        """Drop a feed with all its objects (an ended drill); gives their checkpoint keys."""
        del self.feeds[feed.key]
        self._routes.clear()
        yield f"feed/{feed.key}"
        for lane in feed.lanes.values():
            yield from (f"window/{window.key}" for window in lane.windows.values())
        for key in [key for key, subject in self.subjects.items() if subject.clock is feed.clock]:
            del self.subjects[key]
            yield f"object/{key}"

    def stale_occurrences(self) -> Iterator[str]:
        """Drop occurrence objects whose last episode ended long ago; gives their checkpoint keys."""
        for key, subject in list(self.subjects.items()):
            mark_ms = subject.clock.mark_ms
            if not isinstance(subject, OccurrenceSubject) or subject.on or mark_ms is None:
                continue
            if mark_ms - subject.state.last_ms > subject.hold_ms + OCCURRENCE_KEPT_MS:
                del self.subjects[key]
                yield f"object/{key}"

    def _find_route(self, event: Event, time_ms: int) -> Route:
        exercise = None if event.exercise is UNSET else event.exercise
        measure = MEASURE[event.type]
        lane = self.lane(LaneName(event.centre, event.area, event.feed, event.type, exercise))
        feed = self.feed(event.centre, event.area, event.feed, exercise)
        rules = self._by_type.get(event.type, [])
        route = Route(
            feed=feed,
            lane=lane,
            decode=self._decoders[event.type] if rules or measure is not None else None,
            measure=measure,
            fixed=[],
            occurrences=[rule for rule in rules if rule.kind == "occurrence"],
            site=event.site,
        )
        for rule in rules:
            if rule.kind in ("threshold", "aqi"):
                key = watched_key(rule.id, event.centre, event.site, exercise)
                subject = self.subjects.get(key)
                if subject is None or self.directory.changes(event.centre, event.site):
                    watched = subject.watched if subject else None
                    watched = watched or self._watched(rule, route, event.site, event.area, ThresholdState())
                    subject = self._threshold(rule, watched, feed.clock, time_ms)
                if subject.spec.levels:  # type: ignore[attr-defined]
                    self.subjects[key] = subject
                    route.fixed.append(subject)
            elif rule.kind == "silence" and exercise is None:
                route.fixed += [s for s in self.silences if s.rule is rule and s.watched.centre == event.centre]
        return route

    def _watched(
        self, rule: Rule, route: Route, obj: str, area: str, machine: ThresholdState | OccurrenceState
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

    def _threshold(self, rule: Rule, watched: Watched, clock: EventClock, time_ms: int) -> ThresholdSubject:
        site = self.directory.site(watched.centre, watched.site, time_ms)
        feed = self.directory.feed(watched.centre, watched.feed)
        period_s = feed.expected_period_s if feed else DEFAULT_PERIOD_S
        spec = resolve(rule, site.limits if site else {}, period_s)
        return (AqiSubject if rule.kind == "aqi" else ThresholdSubject)(rule, watched, clock, spec)

    def _silence(self, rule: Rule, watched: Watched) -> SilenceSubject:
        subject = SilenceSubject(rule, watched, EventClock())
        self.silences = [s for s in self.silences if s.watched.key != watched.key] + [subject]
        self.subjects[watched.key] = subject
        self._routes.clear()
        return subject


def _heartbeats(profile: Profile, partition: int) -> Iterator[tuple[Rule, Centre, str, str, str]]:
    """(rule, centre, area, feed, site) of every centre whose heartbeat key belongs to this partition."""
    topics = Topics("", ())
    for rule in profile.rules:
        if rule.kind != "silence":
            continue
        for centre in profile.centres:
            for feed in centre.feeds:
                if rule.type not in feed.types:
                    continue
                site = next((s for s in centre.sites if s.feed == feed.id), None)
                area = site.area if site else next(iter(centre.areas), "")
                if topics.partition("events", feed_key(centre.id, area, feed.id, None).encode()) == partition:
                    yield rule, centre, area, feed.id, site.id if site else ""
                break
