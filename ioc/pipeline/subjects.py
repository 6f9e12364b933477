"""One object under one rule at work: its memory, the rule as it holds there, and the clock it is judged by.

A subject answers two calls: ``lapse`` lets time pass, as far as its feed was judged, ``observe`` takes an event in. The
caller calls ``lapse`` right before every ``observe``; then it makes no difference whether it was also called between
two events.

``quiet`` is the short way for the usual case, a reading of a calm object inside every limit: it takes the reading in
and says True, or leaves everything as it is and says False. It is never more than a short way.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from msgspec import Struct

from ioc.domain import counting, occurrence, silence
from ioc.domain.alerts import Priority
from ioc.domain.counting import CountState
from ioc.domain.hours import Calendar
from ioc.domain.occurrence import OccurrenceState
from ioc.domain.profile import Rule
from ioc.domain.silence import SilenceState
from ioc.domain.titles import Fill
from ioc.domain.verdicts import Verdict
from ioc.domain.watermark import Frontier
from ioc.pipeline.signals import Watched


class Seen(Struct):
    """One event as the rules see it: its times, its id, its typed payload."""

    time_ms: int
    arrived_ms: int
    id: str
    area: str
    payload: Any
    may_raise: bool


class Subject(ABC):
    """Common part; ``on`` tells whether an episode runs, hence whether ``lapse`` can have something to say."""

    def __init__(self, rule: Rule, watched: Watched, clock: Frontier, calendar: Calendar | None = None) -> None:
        self.rule = rule
        self.watched = watched
        self.clock = clock
        self.calendar = calendar  # None: the rule may always raise

    @property
    @abstractmethod
    def on(self) -> bool:
        """Does an episode run?"""

    def may_raise(self, seen: Seen) -> bool:
        """May this event begin or worsen an episode?"""
        return seen.may_raise and (self.calendar is None or self.calendar.open_at(seen.time_ms))

    def quiet(self, payload: Any, time_ms: int, id_: str, arrived_ms: int) -> bool:
        """Take in a reading of which nothing can come; False: it has to go the long way."""
        return False

    @abstractmethod
    def observe(self, seen: Seen) -> list[Verdict]:
        """Take an event in."""

    @abstractmethod
    def lapse(self) -> list[Verdict]:
        """Let the watermark pass."""

    def extra_words(self, payload: Any) -> dict[str, Fill]:
        """What titles may use beside the payload's own fields."""
        return {}


class OccurrenceSubject(Subject):
    """A site, or a part of it, under an ``occurrence`` rule."""

    def __init__(self, rule: Rule, watched: Watched, clock: Frontier, calendar: Calendar | None = None) -> None:
        super().__init__(rule, watched, clock, calendar)
        assert isinstance(watched.machine, OccurrenceState)
        self.state = watched.machine
        self.hold_ms = round(rule.hold_s * 1000)

    @property
    def on(self) -> bool:
        return self.state.on

    def observe(self, seen: Seen) -> list[Verdict]:
        level = occurrence.level_of(self.rule, seen.payload)
        return [] if level is None else self.happened(level, seen)

    def happened(self, level: tuple[str, Priority], seen: Seen) -> list[Verdict]:
        """Take in an event that is known to match, with the level that it has."""
        return occurrence.observe(self.hold_ms, self.state, level, seen.time_ms, self.may_raise(seen))

    def lapse(self) -> list[Verdict]:
        mark_ms = self.clock.mark_ms
        return [] if mark_ms is None else occurrence.lapse(self.hold_ms, self.state, mark_ms)

    def forgettable(self, mark_ms: int, kept_ms: int) -> bool:
        """Is there nothing left to remember?"""
        return not self.state.on and mark_ms - self.state.last_ms > self.hold_ms + kept_ms


class CountSubject(Subject):
    """A site or an area, or a part of it, under a ``count`` rule."""

    def __init__(self, rule: Rule, watched: Watched, clock: Frontier, calendar: Calendar | None = None) -> None:
        super().__init__(rule, watched, clock, calendar)
        assert isinstance(watched.machine, CountState)
        self.state = watched.machine
        self.levels = counting.resolve(rule)
        self.within_ms = round(rule.within_s * 1000)
        counting.adopt(self.levels, self.within_ms, self.state)

    @property
    def on(self) -> bool:
        return bool(self.state.level)

    def observe(self, seen: Seen) -> list[Verdict]:
        return self.happened(("", 4), seen)

    def happened(self, level: tuple[str, Priority], seen: Seen) -> list[Verdict]:
        """Take in an event that is known to match."""
        said = self.lapse()  # also when off: it moves the window on
        verdict = counting.observe(self.levels, self.within_ms, self.state, seen.time_ms, self.may_raise(seen))
        return said if verdict is None else [*said, verdict]

    def lapse(self) -> list[Verdict]:
        mark_ms = self.clock.mark_ms
        return [] if mark_ms is None else counting.lapse(self.levels, self.within_ms, self.state, mark_ms)

    def forgettable(self, mark_ms: int, kept_ms: int) -> bool:
        """Is there nothing left to remember?"""
        state = self.state
        newest_ms = state.times_ms[-1] if state.times_ms else state.told_ms
        return not state.level and mark_ms - newest_ms > self.within_ms + kept_ms


class SilenceSubject(Subject):
    """A centre under a ``silence`` rule; its clock is the bus, so ``lapse_at`` replaces ``lapse``."""

    def __init__(self, rule: Rule, watched: Watched, clock: Frontier, calendar: Calendar | None = None) -> None:
        super().__init__(rule, watched, clock, calendar)
        assert isinstance(watched.machine, SilenceState)
        self.state = watched.machine
        self.after_ms = round(rule.after_s * 1000)
        self.out_after_ms: int | None = None  # of the feed; set by who knows it

    @property
    def on(self) -> bool:
        return False  # lapse() never has anything to say

    def quiet(self, payload: Any, time_ms: int, id_: str, arrived_ms: int) -> bool:
        if self.state.on or self.state.out:
            return False
        silence.hear(self.state, self.rule.priority, time_ms, arrived_ms)
        return True

    def observe(self, seen: Seen) -> list[Verdict]:
        verdict = silence.hear(self.state, self.rule.priority, seen.time_ms, seen.arrived_ms)
        return [] if verdict is None else [verdict]

    def lapse(self) -> list[Verdict]:
        return []

    def lapse_at(self, head_ms: int, base_ms: int) -> list[Verdict]:
        """Let time pass on the bus; see :func:`ioc.domain.silence.lapse`."""
        if self.calendar is not None and not self.calendar.open_at(head_ms):
            return []
        verdict = silence.lapse(self.state, self.rule.priority, self.after_ms, head_ms, base_ms, self.out_after_ms)
        return [] if verdict is None else [verdict]
