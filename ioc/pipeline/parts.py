"""What absence rules watch in one partition of ``events``: feeds and sites, each in the area in which it is heard.

A part is made when something is heard of it for the first time, and only tells how it stands; whether that makes an
alert is judged in :mod:`ioc.pipeline.absences`, where all parts and the centre's own silence are known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ioc.domain import absence
from ioc.domain.absence import Part
from ioc.domain.alerts import CentreSilent, PartHeard, Signal, alert_id, alert_key
from ioc.domain.directory import Directory
from ioc.domain.hours import Calendar
from ioc.domain.profile import Profile, Rule
from ioc.domain.silence import SilenceState
from ioc.domain.verdicts import Verdict
from ioc.domain.watermark import EventClock, Frontier
from ioc.pipeline.effects import Emit
from ioc.pipeline.heads import Heads
from ioc.pipeline.routes import Feed
from ioc.pipeline.signals import Watched, watched_key
from ioc.pipeline.subjects import Seen, Subject
from ioc.wire.codec import encode
from ioc.wire.topics import Topics

EVERY_MS = 5_000  # how often parts are looked at; what is absent is so for minutes


class PartSubject(Subject):
    """A feed or site in one area under an ``absence`` rule; a feed is heard by its clock, a site by its events."""

    def __init__(self, rule: Rule, watched: Watched, clock: EventClock, calendar: Calendar | None = None) -> None:
        super().__init__(rule, watched, Frontier(), calendar)
        self.heard = clock  # of the feed: its newest arrival
        assert isinstance(watched.machine, Part)
        self.state = watched.machine
        self.after_ms, self.out_after_ms = 0, 0
        self.expected: Callable[[int], bool] = lambda at_ms: True
        self._told_ms = -1  # on the clock of the bus

    @property
    def on(self) -> bool:
        return False  # lapse() never has anything to say

    def quiet(self, payload: object, time_ms: int, id_: str, arrived_ms: int) -> bool:
        absence.hear(self.state, time_ms, arrived_ms)
        return True

    def observe(self, seen: Seen) -> list[Verdict]:
        absence.hear(self.state, seen.time_ms, seen.arrived_ms)
        return []

    def lapse(self) -> list[Verdict]:
        return []

    def tell(self, head_ms: int, base_ms: int) -> PartHeard | None:
        """What there is to be told at a time on the bus; None when nothing is new."""
        state, watched = self.state, self.watched
        if not watched.site and self.heard.arrived_ms is not None and self.heard.seen_ms is not None:
            absence.hear(state, self.heard.seen_ms, self.heard.arrived_ms)
        if state.arrived_ms < 0 or head_ms < 0:
            return None
        before = state.told
        word = absence.tell(
            state,
            self.after_ms,
            self.out_after_ms,
            head_ms,
            base_ms,
            expected=self.expected(max(head_ms, state.arrived_ms)),
            may_raise=self.calendar is None or self.calendar.open_at(head_ms),
        )
        again = word == "absent" and head_ms - self._told_ms >= absence.RETELL_MS
        return self.said(head_ms) if word != before or again else None

    def said(self, head_ms: int) -> PartHeard | None:
        """What was last told, once more."""
        state, watched = self.state, self.watched
        if state.told is None:
            return None
        self._told_ms = head_ms
        return PartHeard(
            key=alert_key(watched.rule, watched.centre, watched.site or watched.feed),
            rule=watched.rule,
            part=watched.area,
            word=state.told,
            since_ms=state.heard_ms,
            observed_ms=head_ms,
            centre=watched.centre,
            feed=watched.feed,
            site=watched.site,
        )


class Parts:
    """All parts of one partition, by state key, which is the rule, the centre, and feed or site with the area."""

    def __init__(self, profile: Profile, directory: Directory, calendars: dict[str, Calendar]) -> None:
        self.all: dict[str, PartSubject] = {}
        self._profile, self._directory, self._calendars = profile, directory, calendars
        self._of_feeds = [rule for rule in profile.rules if rule.kind == "absence" and rule.scope == "feed"]
        self._of_sites = [rule for rule in profile.rules if rule.kind == "absence" and rule.scope == "site"]
        self._feeds_seen: set[str] = set()

    def of_site(self, feed: Feed, site: str, type_: str) -> list[PartSubject]:
        """The parts that are heard by events of a site and type; a type that comes by chance proves nothing."""
        if feed.exercise is not None or not self._of_sites:
            return []
        known, centre = self._directory.feed(feed.centre, feed.feed), self._directory.centre(feed.centre)
        if known is None or type_ in known.sporadic_types:
            return []
        rules = [rule for rule in self._of_sites if rule.type in (absence.ANY_TYPE, type_)]
        return [self._part(rule, feed, site) for rule in rules if absence.covers(rule, centre, feed.feed, site)]

    def tell(
        self, feeds: Iterable[Feed], heads: Heads, base_ms: int, fed: bool
    ) -> Iterator[tuple[PartSubject, PartHeard]]:
        """Everything that there is to be told at a time on the bus."""
        if self._of_feeds:
            self._find(feeds)
        for part in self.all.values():
            if (said := part.tell(*heads.clock_of(part.watched.centre, base_ms, fed))) is not None:
                yield part, said

    def restore(self, rule: Rule, watched: Watched, feed: Feed) -> PartSubject | None:
        """Take a part back; None when the rule does not speak of it any more."""
        if not absence.covers(rule, self._directory.centre(watched.centre), watched.feed, watched.site):
            return None
        return self._make(rule, watched, feed)

    def _find(self, feeds: Iterable[Feed]) -> None:
        for feed in feeds:
            if feed.key in self._feeds_seen:
                continue
            self._feeds_seen.add(feed.key)
            centre = self._directory.centre(feed.centre)
            for rule in self._of_feeds if feed.exercise is None else ():
                if absence.covers(rule, centre, feed.feed, ""):
                    self._part(rule, feed, "")

    def _part(self, rule: Rule, feed: Feed, site: str) -> PartSubject:
        obj = f"{site or feed.feed}/{feed.area}"
        found = self.all.get(watched_key(rule.id, feed.centre, obj, None))
        if found is not None:
            return found
        watched = Watched(
            rule=rule.id, centre=feed.centre, object=obj, area=feed.area, feed=feed.feed, site=site, machine=Part()
        )
        return self._make(rule, watched, feed)

    def _make(self, rule: Rule, watched: Watched, feed: Feed) -> PartSubject:
        part = self.all[watched.key] = PartSubject(rule, watched, feed.clock, self._calendars.get(rule.id))
        known = self._directory.feed(watched.centre, watched.feed)
        assert known is not None
        part.after_ms = absence.after_ms(rule, known, self._profile.rules)
        part.out_after_ms = round(known.dead_after_s * 1000)
        part.expected = lambda at_ms: self._directory.expects(watched.centre, watched.feed, watched.site, at_ms)
        return part


def of_centre(told: Signal, at_ms: int) -> list[Emit]:
    """Tell every partition of alerting what a silence rule says of its centre.

    A centre that goes out of service is as silent as before, only its alert asks no longer.

    Args:
        told: what the rule says.
        at_ms: arrival time up to which the bus has been read.
    """
    if told.reason == "OUT_OF_SERVICE":
        return []
    silence = alert_id(told.rule, told.key, told.since_ms, told.exercise) if told.state == "on" else ""
    return _everywhere(CentreSilent(key=told.key, centre=told.centre, alert_id=silence, observed_ms=at_ms))


def of_silence(watched: Watched, at_ms: int) -> list[Emit]:
    """Tell it once more, by the memory of the rule's object, which also knows of a centre out of service."""
    state = watched.machine
    if not isinstance(state, SilenceState) or not (state.on or state.out):
        return []
    key = alert_key(watched.rule, watched.centre, watched.object)
    silence = alert_id(watched.rule, key, state.since_ms)
    return _everywhere(CentreSilent(key=key, centre=watched.centre, alert_id=silence, observed_ms=at_ms))


def of_nobody(watched: Watched, at_ms: int) -> list[Emit]:
    """Tell it that nobody watches a centre any more which was silent, or out of service, when its rule went."""
    state = watched.machine
    if not isinstance(state, SilenceState) or not (state.on or state.out):
        return []
    key = alert_key(watched.rule, watched.centre, watched.object)
    return _everywhere(CentreSilent(key=key, centre=watched.centre, alert_id="", observed_ms=at_ms))


def _everywhere(said: CentreSilent) -> list[Emit]:
    topics = Topics("", ())
    key, value = said.key.encode(), encode(said)
    return [Emit("alert-inputs", key, value, p) for p in range(topics.partitions("alert-inputs"))]
