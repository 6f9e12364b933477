"""One object under one rule at work: its memory, the rule as it holds there, and the clock it is judged by.

A subject answers two calls: ``lapse`` lets its feed's watermark pass, ``observe`` takes an event in. The caller calls
``lapse`` right before every ``observe``; then it makes no difference whether it was also called between two events.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from msgspec import Struct

from ioc.domain import aqi, occurrence, silence, threshold
from ioc.domain.alerts import Priority
from ioc.domain.occurrence import OccurrenceState
from ioc.domain.profile import Rule
from ioc.domain.silence import SilenceState
from ioc.domain.threshold import Spec, ThresholdState
from ioc.domain.verdicts import Verdict
from ioc.domain.watermark import EventClock
from ioc.pipeline.signals import Watched


class Seen(Struct):
    """One event as the rules see it: its times, its id, its typed payload."""

    time_ms: int
    arrived_ms: int
    id: str
    area: str
    payload: Any
    may_raise: bool


class Subject:
    """Common part; ``on`` tells whether an episode runs, hence whether ``lapse`` can have something to say."""

    def __init__(self, rule: Rule, watched: Watched, clock: EventClock) -> None:
        self.rule = rule
        self.watched = watched
        self.clock = clock

    @property
    def on(self) -> bool:
        raise NotImplementedError

    def observe(self, seen: Seen) -> list[Verdict]:
        """Take an event in."""
        raise NotImplementedError

    def lapse(self) -> list[Verdict]:
        """Let the watermark pass."""
        raise NotImplementedError


class ThresholdSubject(Subject):
    """A site under a ``threshold`` rule."""

    def __init__(self, rule: Rule, watched: Watched, clock: EventClock, spec: Spec) -> None:
        super().__init__(rule, watched, clock)
        assert isinstance(watched.machine, ThresholdState)
        self.state = watched.machine
        self.spec = spec
        fields = [level.field for level in spec.levels]
        self._one = attrgetter(fields[0]) if len(set(fields)) == 1 else None
        self._many = [attrgetter(name) for name in fields]

    @property
    def on(self) -> bool:
        return bool(self.state.level) and not self.state.blind

    def values(self, seen: Seen) -> list[float | None]:
        """The number of each level."""
        if self._one is not None:
            return [self._one(seen.payload)] * len(self.spec.levels)
        return [get(seen.payload) for get in self._many]

    def observe(self, seen: Seen) -> list[Verdict]:
        verdict = threshold.observe(self.spec, self.state, self.values(seen), seen.time_ms, seen.id, seen.may_raise)
        return [] if verdict is None else [verdict]

    def lapse(self) -> list[Verdict]:
        mark_ms = self.clock.mark_ms
        if mark_ms is None or not self.state.level:
            return []
        verdict = threshold.lapse(self.spec, self.state, mark_ms)
        return [] if verdict is None else [verdict]


class AqiSubject(ThresholdSubject):
    """A station under an ``aqi`` rule: the threshold is on VN_AQI, computed with the station's last hours."""

    def values(self, seen: Seen) -> list[float | None]:
        payload, history = seen.payload, self.watched.history
        if seen.time_ms < self.state.last_ms:
            return [None] * len(self.spec.levels)  # older than what was seen: moves nothing, also not the history
        if history is None:
            history = self.watched.history = aqi.History({}, {})
        aqi.note(history, seen.time_ms, payload.pm25_ug_m3, payload.pm10_ug_m3)
        gases = {
            "o3_1h": payload.o3_ug_m3,
            "no2": payload.no2_ug_m3,
            "so2": payload.so2_ug_m3,
            "co": payload.co_ug_m3,
        }
        found = aqi.hourly(gases, history, seen.time_ms)
        return [None if found is None else float(found.index)] * len(self.spec.levels)


class OccurrenceSubject(Subject):
    """A site, or a part of it, under an ``occurrence`` rule."""

    def __init__(self, rule: Rule, watched: Watched, clock: EventClock) -> None:
        super().__init__(rule, watched, clock)
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
        return occurrence.observe(self.hold_ms, self.state, level, seen.time_ms, seen.may_raise)

    def lapse(self) -> list[Verdict]:
        mark_ms = self.clock.mark_ms
        return [] if mark_ms is None else occurrence.lapse(self.hold_ms, self.state, mark_ms)


class SilenceSubject(Subject):
    """A centre under a ``silence`` rule; its clock is the bus, so ``lapse_at`` replaces ``lapse``."""

    def __init__(self, rule: Rule, watched: Watched, clock: EventClock) -> None:
        super().__init__(rule, watched, clock)
        assert isinstance(watched.machine, SilenceState)
        self.state = watched.machine
        self.after_ms = round(rule.after_s * 1000)

    @property
    def on(self) -> bool:
        return False  # lapse() never has anything to say

    def observe(self, seen: Seen) -> list[Verdict]:
        verdict = silence.hear(self.state, self.rule.priority, seen.time_ms, seen.arrived_ms)
        return [] if verdict is None else [verdict]

    def lapse(self) -> list[Verdict]:
        return []

    def lapse_at(self, head_ms: int, base_ms: int) -> list[Verdict]:
        """Let time pass on the bus; see :func:`ioc.domain.silence.lapse`."""
        verdict = silence.lapse(self.state, self.rule.priority, self.after_ms, head_ms, base_ms)
        return [] if verdict is None else [verdict]
