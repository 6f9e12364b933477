"""Silence and absence in drills, judged by the drill's own clock; in one partition of ``events`` per centre.

What intake passes on (:class:`ioc.wire.progress.DrillHeard`) says who was heard through one raw partition between two
times of the drill. The least of what all raw partitions of the centre have told is how far the drill has come there.
Up to that time everything is known, and it is judged step by step in the order of the drill's time: first who was
heard in a step, then what is silent or absent at its end. So it makes no difference which partition is read ahead, how
fast, by whom, and at what speed the drill is played. Somebody who was heard in a step counts as heard at its end: a
silence is known at most a step too late, and none is said that was not there.

The whole centre is judged in one place. So a feed that is absent because its centre is silent is known to be, without
the margins that the live picture needs for that (:mod:`ioc.domain.absence`).

Where a drill tells no clock, or not in all raw partitions of a centre, nothing is judged. When the player stops, its
clock stands still; the drill is over when nothing came of its clock for an hour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ioc.domain import absence, silence
from ioc.domain.absence import AbsenceState, CentreHeard, Part, Standing
from ioc.domain.alerts import Signal, alert_id, alert_key
from ioc.domain.directory import Directory
from ioc.domain.drills import DRILL_OVER_MS, DRILLS_MAX
from ioc.domain.hours import Calendar
from ioc.domain.profile import Feed, Profile, Rule
from ioc.domain.silence import SilenceState
from ioc.domain.verdicts import Reason, Verdict
from ioc.pipeline.absence_words import Lost, absence_ended, absence_signal
from ioc.pipeline.drill_end import MARGIN_MS
from ioc.pipeline.effects import Effects
from ioc.pipeline.removed import REASON, ends, standing
from ioc.pipeline.routes import every_heartbeat
from ioc.pipeline.signals import Watched, signal, watched_key
from ioc.wire.codec import encode
from ioc.wire.progress import DrillHeard
from ioc.wire.topics import RAW_PARTITIONS

# Steps of one centre and drill that wait for the slowest raw partition, about 1 KB each: almost three hours of the
# drill. With more, the clock begins anew at the newest, as if nobody had listened before.
STEPS_MAX = 2_000
AFTER_MAX = 10_000  # computed limits that are remembered

Say = Callable[[Signal, Effects], None]
Place = tuple[str, str, str, str]  # feed, area, site, type


class Step(Struct):
    """What was heard by the end of a step of the clock: (feed, area, site, type, newest event time)."""

    heard: list[tuple[str, str, str, str, int]] = []
    begins: bool = False


class Absent(Struct, kw_only=True):
    """A feed or site under an absence rule, with its parts by area."""

    rule: str
    feed: str
    site: str
    state: AbsenceState = msgspec.field(default_factory=AbsenceState)
    parts: dict[str, Part] = {}


class Come(Struct, kw_only=True):
    """How far one drill has come in one centre, all but ``arrived_ms`` in the drill's time, epoch milliseconds.

    ``told``: raw partition → its clock; ``done_ms``: judged up to there; ``base_ms``: since when somebody listens
    without a pause; ``back_ms``: when the centre was last heard again; ``skip_ms``: what is before is not judged, too
    much waited; ``arrived_ms``: when its clock last came; ``seldom``: feeds that report more seldom than by the
    profile, gap of the feed and period of a site in seconds.
    """

    told: dict[int, int] = {}
    done_ms: int = -1
    base_ms: int = -1
    back_ms: int = -1
    skip_ms: int = -1
    arrived_ms: int = -1
    seldom: dict[str, tuple[float, float]] = {}


class Book:
    """One drill in one centre. Memory is bounded by the registry and ``STEPS_MAX``."""

    def __init__(self, centre: str, exercise: str) -> None:
        self.centre, self.exercise = centre, exercise
        self.come = Come()
        self.steps: dict[int, Step] = {}
        self.silences: dict[str, Watched] = {}
        self.absences: dict[str, Absent] = {}
        self.fresh = True  # the silences that the rules speak of are to be looked up
        self.dirty: dict[str, Struct | None] = {}  # rest of the checkpoint's key → what stands there now
        self.kept: set[str] = set()  # steps that the checkpoint has
        self.covered: dict[Place, list[str]] = {}  # keys of the absences that hear of a place

    def lost(self, one: Absent) -> Lost:
        """What it speaks of."""
        return Lost(self.centre, one.feed, one.site, self.exercise)


class DrillSilence:
    """All drills of the centres that are judged in one partition.

    Args:
        profile: the installation.
        say: passes a signal on.
    """

    def __init__(self, profile: Profile, say: Say) -> None:
        self._say = say
        self._books: dict[tuple[str, str], Book] = {}
        self._gone: set[str] = set()
        self._taken_back = False  # from a checkpoint, perhaps of other rules
        self._take(profile)

    def _take(self, profile: Profile) -> None:
        self._profile, self._directory = profile, Directory(profile)
        self._rules = {rule.id: rule for rule in profile.rules if rule.kind in ("silence", "absence")}
        zone = ZoneInfo(profile.timezone)
        self._calendars = {
            rule.id: Calendar(rule.schedule, zone, profile.holidays) for rule in self._rules.values() if rule.schedule
        }
        self._after_ms: dict[tuple[str, str, str, float], int] = {}  # of a rule and a feed

    def use(self, profile: Profile, effects: Effects) -> None:
        """Go on with other rules of the same installation; what no rule speaks of any more ends."""
        self._take(profile)
        self._end_removed(effects)

    def _end_removed(self, effects: Effects) -> None:
        self._taken_back = False
        for book in self._books.values():
            book.fresh = True
            at_ms = max(book.come.done_ms, 0)
            known = {watched.key for watched in self._heartbeats(book)}
            for key in [key for key in book.silences if key not in known]:
                watched = book.silences.pop(key)
                book.dirty[f"silence/{key}"] = None
                if (told := ends(watched, at_ms, REASON)) is not None:
                    self._say(told, effects)
            for key, one in list(book.absences.items()):
                rule, centre = self._rules.get(one.rule), self._directory.centre(book.centre)
                if rule is not None and absence.covers(rule, centre, one.feed, one.site):
                    continue
                del book.absences[key]
                book.dirty[f"absence/{key}"] = None
                reason: Reason = REASON if rule is None else "SITE_REMOVED"
                if (told := absence_ended(one.rule, book.lost(one), one.state, at_ms, reason)) is not None:
                    self._say(told, effects)
            book.covered.clear()

    # Checkpoint -----------------------------------------------------------------------------------------------------

    def load(self, key: str, value: bytes) -> None:
        """Take one record of the checkpoint back; what no rule speaks of any more ends at the next call."""
        self._taken_back = True
        _, centre, exercise, kind, rest = key.split("/", 4)
        book = self._books.setdefault((centre, exercise), Book(centre, exercise))
        if kind == "come":
            book.come = msgspec.json.decode(value, type=Come)
        elif kind == "step":
            book.steps[int(rest)] = msgspec.json.decode(value, type=Step)
            book.kept.add(f"step/{rest}")
        elif kind == "silence":
            book.silences[rest] = msgspec.json.decode(value, type=Watched)
        elif kind == "absence":
            book.absences[rest] = msgspec.json.decode(value, type=Absent)

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        """``drill/<centre>/<exercise>/…`` of what changed since the last call."""
        rows: list[tuple[str, bytes | None]] = [(key, None) for key in sorted(self._gone)]
        self._gone.clear()
        for (centre, exercise), book in self._books.items():
            if not book.dirty:
                continue
            waiting = {f"step/{at_ms}" for at_ms in book.steps}
            for name in sorted(book.dirty):
                found = book.dirty[name]
                if found is None and name.startswith("step/") and name not in book.kept:
                    continue  # it came and went between two flushes
                rows.append((f"drill/{centre}/{exercise}/{name}", None if found is None else encode(found)))
            book.kept = waiting
            book.dirty.clear()
        return rows

    # Time -----------------------------------------------------------------------------------------------------------

    def take(self, said: DrillHeard, effects: Effects) -> None:
        """Take in what intake passed on, and judge what is known by that."""
        if self._taken_back:
            self._end_removed(effects)
        book = self._book(said)
        if book is None:
            return
        come, last_ms = book.come, book.come.told.get(said.partition, -1)
        if said.upto_ms <= last_ms:
            return
        come.arrived_ms, come.seldom = max(come.arrived_ms, said.arrived_ms), said.seldom
        come.told[said.partition] = said.upto_ms
        book.dirty["come/"] = come
        if said.upto_ms >= come.skip_ms:
            step = book.steps.setdefault(said.upto_ms, Step())
            step.begins |= said.since_ms != last_ms  # also when a piece is missing
            step.heard += [(one.feed, one.area, one.site, one.type, one.time_ms) for one in said.heard]
            book.dirty[f"step/{said.upto_ms}"] = step
        if len(book.steps) > STEPS_MAX:
            come.skip_ms = max(book.steps)
            book.dirty.update({f"step/{at_ms}": None for at_ms in book.steps if at_ms != come.skip_ms})
            book.steps = {come.skip_ms: book.steps[come.skip_ms]}
            book.steps[come.skip_ms].begins = True
        head_ms = come_to(come.told)
        for at_ms in sorted(at_ms for at_ms in book.steps if at_ms <= head_ms):
            book.dirty[f"step/{at_ms}"] = None
            self._judge(book, at_ms, book.steps.pop(at_ms), effects)

    def end_over(self, read_ms: Callable[[str], int], effects: Effects) -> None:
        """End the drills of whose clock nothing came for an hour.

        Args:
            read_ms: arrival time up to which a centre was read.
            effects: where it is said.
        """
        if self._taken_back:
            self._end_removed(effects)
        for (centre, exercise), book in list(self._books.items()):
            if read_ms(centre) - book.come.arrived_ms < DRILL_OVER_MS + MARGIN_MS:
                continue
            over: Reason = "DRILL_OVER"
            at_ms = max(book.come.done_ms, 0)
            said = [ends(watched, at_ms, over) for watched in book.silences.values()]
            said += [absence_ended(one.rule, book.lost(one), one.state, at_ms, over) for one in book.absences.values()]
            for told in said:
                if told is not None:
                    self._say(told, effects)
            names = ["come/", *book.kept, *(f"silence/{key}" for key in book.silences)]
            names += [f"absence/{key}" for key in book.absences]
            self._gone |= {f"drill/{centre}/{exercise}/{name}" for name in names}
            del self._books[centre, exercise]

    def standing(self) -> Iterator[Signal]:
        """What is on, for combinations that have to know: silences, by their memory."""
        for book in self._books.values():
            for watched in book.silences.values():
                if (told := standing(watched, self._rules.get(watched.rule))) is not None:
                    yield told

    # Judging --------------------------------------------------------------------------------------------------------

    def _judge(self, book: Book, at_ms: int, step: Step, effects: Effects) -> None:
        come = book.come
        if step.begins or come.base_ms < 0:
            come.base_ms = at_ms
        come.done_ms = at_ms
        if book.fresh:
            book.fresh = False
            for watched in self._heartbeats(book):
                book.silences.setdefault(watched.key, watched)
        for feed, area, site, type_, time_ms in sorted(step.heard):
            heard_ms = min(time_ms, at_ms)  # nobody speaks after he was heard
            for key, watched in book.silences.items():
                rule = self._rules.get(watched.rule)
                if rule is not None and rule.type == type_:
                    self._hear(book, key, watched, rule, heard_ms, at_ms, effects)
            for key in self._covering(book, (feed, area, site, type_)):
                one = book.absences[key]
                absence.hear(one.parts.setdefault(area, Part()), heard_ms, at_ms)
                book.dirty[f"absence/{key}"] = one
        for key, watched in book.silences.items():
            self._lapse(book, key, watched, at_ms, effects)
        centre = CentreHeard(silent=_silent(book), back_ms=come.back_ms)
        for key, one in book.absences.items():
            self._absent(book, key, one, centre, at_ms, effects)

    def _hear(
        self, book: Book, key: str, watched: Watched, rule: Rule, heard_ms: int, at_ms: int, effects: Effects
    ) -> None:
        state = watched.machine
        assert isinstance(state, SilenceState)
        verdict = silence.hear(state, rule.priority, heard_ms, at_ms)
        book.dirty[f"silence/{key}"] = watched
        if verdict is not None:
            book.come.back_ms = at_ms
            self._tell(watched, rule, replace(verdict, observed_ms=at_ms), effects)

    def _lapse(self, book: Book, key: str, watched: Watched, at_ms: int, effects: Effects) -> None:
        state, rule, calendar = watched.machine, self._rules.get(watched.rule), self._calendars.get(watched.rule)
        assert isinstance(state, SilenceState)
        if rule is None or (calendar is not None and not calendar.open_at(at_ms)):
            return
        feed = self._directory.feed(book.centre, watched.feed)
        out_after_ms = round(feed.dead_after_s * 1000) if feed else None
        after_ms = round(rule.after_s * 1000)
        verdict = silence.lapse(state, rule.priority, after_ms, at_ms, book.come.base_ms, out_after_ms)
        if verdict is not None:
            book.dirty[f"silence/{key}"] = watched
            self._tell(watched, rule, verdict, effects)

    def _tell(self, watched: Watched, rule: Rule, verdict: Verdict, effects: Effects) -> None:
        self._say(signal(self._directory, rule, watched, verdict), effects)

    def _absent(self, book: Book, key: str, one: Absent, centre: CentreHeard, at_ms: int, effects: Effects) -> None:
        rule, feed = self._rules.get(one.rule), self._directory.feed(book.centre, one.feed)
        if rule is None or feed is None:
            return
        gap_s, site_s = book.come.seldom.get(feed.id, (0.0, 0.0))
        after_ms = self._allowed_ms(rule, book.centre, feed, site_s if one.site else gap_s)
        newest_ms = max(part.arrived_ms for part in one.parts.values())
        if not one.state.on and at_ms - max(newest_ms, book.come.base_ms) < after_ms:
            return  # the usual case: somewhere it was heard
        before = encode(one)
        self._stand(book, one, rule, feed, after_ms, at_ms)
        verdict = absence.judge(rule, one.state, centre, after_ms)
        if verdict is not None:
            one.state.revision += 1
            verdict = replace(verdict, observed_ms=at_ms)
            self._say(absence_signal(self._directory, rule, book.lost(one), one.state, verdict), effects)
        if encode(one) != before:
            book.dirty[f"absence/{key}"] = one

    def _allowed_ms(self, rule: Rule, centre: str, feed: Feed, period_s: float) -> int:
        """How long a feed or site may say nothing that reports so often in this drill."""
        which = (rule.id, centre, feed.id, period_s)
        if len(self._after_ms) > AFTER_MAX:
            self._after_ms.clear()
        if which not in self._after_ms:
            here = replace(feed, expected_period_s=max(feed.expected_period_s, period_s))
            self._after_ms[which] = absence.after_ms(rule, here, self._profile.rules)
        return self._after_ms[which]

    def _stand(self, book: Book, one: Absent, rule: Rule, feed: Feed, after_ms: int, at_ms: int) -> None:
        """See how each part stands at a time of the drill."""
        calendar, base_ms = self._calendars.get(rule.id), book.come.base_ms
        may_raise = calendar is None or calendar.open_at(at_ms)
        out_ms = round(feed.dead_after_s * 1000)
        one.state.parts = {}
        for area, part in one.parts.items():
            expected = self._directory.expects(book.centre, one.feed, one.site, at_ms)
            word = absence.tell(part, after_ms, out_ms, at_ms, base_ms, expected=expected, may_raise=may_raise)
            if word != "gone":
                one.state.parts[area] = Standing(word, part.heard_ms, at_ms)

    # Finding --------------------------------------------------------------------------------------------------------

    def _book(self, said: DrillHeard) -> Book | None:
        """Of a drill in a centre, made on first use; None when there are too many drills, or no such centre."""
        key = (said.centre, said.exercise)
        found = self._books.get(key)
        if found is None and self._directory.centre(said.centre) is not None:
            if sum(centre == said.centre for centre, _ in self._books) >= DRILLS_MAX:
                return None
            found = self._books[key] = Book(said.centre, said.exercise)
        return found

    def _heartbeats(self, book: Book) -> Iterator[Watched]:
        """The objects of the silence rules of a centre, as nothing was heard of them."""
        for _, watched in every_heartbeat(self._profile, book.exercise):
            if watched.centre == book.centre:
                yield watched

    def _covering(self, book: Book, place: Place) -> list[str]:
        """Keys of the feeds and sites under absence rules that are heard when somebody is heard at a place."""
        found = book.covered.get(place)
        if found is None:
            found = book.covered[place] = list(self._cover(book, *place))
        return found

    def _cover(self, book: Book, feed_id: str, area: str, site: str, type_: str) -> Iterator[str]:
        centre, feed = self._directory.centre(book.centre), self._directory.feed(book.centre, feed_id)
        if centre is None or feed is None:
            return
        for rule in self._rules.values():
            of_site = rule.scope == "site"
            if of_site and (type_ in feed.sporadic_types or rule.type not in (absence.ANY_TYPE, type_)):
                continue  # a type that comes by chance proves nothing of a site
            name = site if of_site else ""
            if absence.covers(rule, centre, feed_id, name):
                key = watched_key(rule.id, book.centre, name or feed_id, None)
                book.absences.setdefault(key, Absent(rule=rule.id, feed=feed_id, site=name))
                yield key


def come_to(told: dict[int, int]) -> int:
    """How far a drill has come in a centre by the clocks of its raw partitions; -1 while one of them tells nothing."""
    return min(told.values()) if len(told) == RAW_PARTITIONS else -1


def _silent(book: Book) -> dict[str, str]:
    """Alert ids of the centre's silences by their keys; one that is out of service is as silent as before."""
    found = {}
    for watched in book.silences.values():
        state = watched.machine
        assert isinstance(state, SilenceState)
        if state.on or state.out:
            key = alert_key(watched.rule, watched.centre, watched.object)
            found[key] = alert_id(watched.rule, key, state.since_ms, watched.exercise)
    return found
