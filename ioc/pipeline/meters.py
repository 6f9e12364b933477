"""Objects under the rules that judge a number: what the number is made of differs, how it is judged does not.

Each class makes the numbers of the levels from one reading; :mod:`ioc.domain.threshold` does the rest, so deadbands,
delays, gaps, blindness and escalation are the same for all of them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from ioc.domain import aqi, baseline, occurrence, readings, shares, sums, threshold
from ioc.domain.baseline import Baseline, Hour
from ioc.domain.hours import Calendar
from ioc.domain.profile import Rule, Target
from ioc.domain.readings import Readings
from ioc.domain.threshold import Spec, ThresholdState
from ioc.domain.titles import Fill
from ioc.domain.verdicts import Verdict
from ioc.domain.watermark import Frontier
from ioc.pipeline.signals import Watched
from ioc.pipeline.subjects import Seen, Subject


class ThresholdSubject(Subject):
    """A site under a ``threshold`` rule.

    Attributes:
        judges_late: the number is that of the reading alone, so that an older one says something, too.
    """

    judges_late = True

    def __init__(
        self, rule: Rule, watched: Watched, clock: Frontier, spec: Spec, calendar: Calendar | None = None
    ) -> None:
        super().__init__(rule, watched, clock, calendar)
        assert isinstance(watched.machine, ThresholdState)
        self.state = watched.machine
        self.spec = spec
        fields = [level.field for level in spec.levels]
        self._get = [attrgetter(name) if name else None for name in fields]
        threshold.adopt(spec, self.state)
        self._calm = threshold.is_calm(self.state)
        self.shared = False  # others share the memory: the site has several entries in the registry
        # Per field, the limit that is reached first: a number strictly before all of them begins nothing.
        first = min if spec.above else max
        self._bounds = [
            (attrgetter(name), first(level.limit for level in spec.levels if level.field == name))
            for name in dict.fromkeys(fields)
            if name
        ]

    @property
    def on(self) -> bool:
        return bool(self.state.level) and not self.state.blind

    def values(self, seen: Seen) -> list[float | None]:
        """The number of each level."""
        return [None if get is None else get(seen.payload) for get in self._get]

    def quiet(self, payload: Any, time_ms: int, id_: str, arrived_ms: int) -> bool:
        if not self._calm:
            return False
        above = self.spec.above
        for get, bound in self._bounds:
            value = get(payload)
            if value is None or not (value < bound if above else value > bound):
                return False
        state = self.state
        if time_ms > state.last_ms or (time_ms == state.last_ms and id_ > state.last_id):
            state.last_ms, state.last_id = time_ms, id_
        return True

    def observe(self, seen: Seen) -> list[Verdict]:
        values, may_raise = self.values(seen), self.may_raise(seen)
        if threshold.is_newer(self.state, seen.time_ms, seen.id):
            verdict = threshold.observe(self.spec, self.state, values, seen.time_ms, seen.id, may_raise)
        elif may_raise and self.judges_late:
            verdict = threshold.late(self.spec, self.state, values, seen.time_ms, seen.id)
        else:
            verdict = None
        self._calm = threshold.is_calm(self.state)
        return [] if verdict is None else [verdict]

    def look_again(self) -> None:
        """The memory was changed through another object that shares it."""
        self._calm = threshold.is_calm(self.state)

    def lapse(self) -> list[Verdict]:
        mark_ms = self.clock.mark_ms
        if mark_ms is None or not self.state.level:
            return []
        verdict = threshold.lapse(self.spec, self.state, mark_ms)
        return [] if verdict is None else [verdict]


class MadeSubject(ThresholdSubject):
    """Common part of the rules whose number is made of the reading: one number for all levels."""

    judges_late = False

    def quiet(self, payload: Any, time_ms: int, id_: str, arrived_ms: int) -> bool:
        return False

    @abstractmethod
    def number(self, seen: Seen) -> float | None:
        """The number that is judged; None when it is not known."""

    def values(self, seen: Seen) -> list[float | None]:
        return [self.number(seen)] * len(self.spec.levels)

    def extra_words(self, payload: Any) -> dict[str, Fill]:
        return {"measured": getattr(payload, self.rule.field)} if self.rule.field else {}


class AqiSubject(MadeSubject):
    """A station under an ``aqi`` rule: VN_AQI, computed with the station's last hours."""

    def __init__(
        self, rule: Rule, watched: Watched, clock: Frontier, spec: Spec, calendar: Calendar | None = None
    ) -> None:
        super().__init__(rule, watched, clock, spec, calendar)
        self._safe = aqi.safe_below(min((level.limit for level in spec.levels), default=0.0) if spec.above else 0.0)

    def quiet(self, payload: Any, time_ms: int, id_: str, arrived_ms: int) -> bool:
        """Clean air: no pollutant is near the first level, so the index need not be computed."""
        state, safe, history = self.state, self._safe, self.watched.history
        if not self._calm or history is None or time_ms < state.last_ms:
            return False
        aqi.note(history, time_ms, payload.pm25_ug_m3, payload.pm10_ug_m3)
        if not (
            aqi.is_safe(history, time_ms, safe["pm25"], safe["pm10"])
            and (payload.o3_ug_m3 is None or payload.o3_ug_m3 <= safe["o3_1h"])
            and (payload.no2_ug_m3 is None or payload.no2_ug_m3 <= safe["no2"])
            and (payload.so2_ug_m3 is None or payload.so2_ug_m3 <= safe["so2"])
            and (payload.co_ug_m3 is None or payload.co_ug_m3 <= safe["co"])
        ):
            return False
        if time_ms > state.last_ms or id_ > state.last_id:
            state.last_ms, state.last_id = time_ms, id_
        return True

    def number(self, seen: Seen) -> float | None:
        payload, history = seen.payload, self.watched.history
        if seen.time_ms < self.state.last_ms:
            return None  # older than what was seen: moves nothing, also not the history
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
        return None if found is None else float(found.index)


class RateSubject(MadeSubject):
    """A site under a ``rate`` rule: the change of the field over the span."""

    def number(self, seen: Seen) -> float | None:
        value, held = getattr(seen.payload, self.rule.field), _readings(self.watched)
        if value is None or not readings.take(held, value, seen.time_ms, seen.id, self.spec.max_gap_ms):
            return None
        return readings.rate(held, round(self.rule.span_s * 1000), round(self.rule.per_s * 1000))


class SumSubject(ThresholdSubject):
    """A site under a ``sum`` rule: some levels judge the reading, others what came within their window.

    A sum that is not complete is at least so much: beyond the limit it counts, below it nobody knows.
    """

    def __init__(
        self, rule: Rule, watched: Watched, clock: Frontier, spec: Spec, calendar: Calendar | None = None
    ) -> None:
        super().__init__(rule, watched, clock, spec, calendar)
        self._covers_ms = round(rule.covers_s * 1000)
        self._longest_ms = max(level.within_ms for level in spec.levels) if spec.levels else self._covers_ms
        self._amount = attrgetter(rule.field)
        # When every amount is below this, so is what a window holds of them below its limit, also after rounding.
        shares = (level.limit * self._covers_ms / level.within_ms for level in spec.levels if level.within_ms)
        self._safe = min(shares, default=0.0) * (1 - 1e-9)

    def quiet(self, payload: Any, time_ms: int, id_: str, arrived_ms: int) -> bool:
        """So little came in all that is kept that no sum of it can reach its limit."""
        held, amount = self.watched.memory, self._amount(payload)
        if not self._calm or amount is None or amount >= self._safe or not isinstance(held, Readings):
            return False
        if max(held.values, default=0.0) >= self._safe or not super().quiet(payload, time_ms, id_, arrived_ms):
            return False
        sums.take(held, amount, time_ms, id_, self._covers_ms, self._longest_ms)
        return True

    def values(self, seen: Seen) -> list[float | None]:
        amount, held = self._amount(seen.payload), _readings(self.watched)
        known = amount is not None and sums.take(
            held, amount, seen.time_ms, seen.id, self._covers_ms, self._longest_ms
        )  # fmt: skip
        found: list[float | None] = []
        for level, get in zip(self.spec.levels, self._get, strict=True):
            if not level.within_ms:
                found.append(None if get is None else get(seen.payload))
                continue
            value, complete = sums.total(held, level.within_ms, self._covers_ms) if known else (0.0, False)
            found.append(value if complete or threshold.reaches(self.spec, value, level.limit) else None)
        return found


class ShareSubject(MadeSubject):
    """A site under a ``share`` rule: per cent of its happenings that are of one sort."""

    def number(self, seen: Seen) -> float | None:
        rule, held = self.rule, _readings(self.watched)
        is_part = occurrence.matches(rule.part, seen.payload)
        if not is_part and not occurrence.matches(rule.match, seen.payload):
            return None
        shares.take(held, is_part, seen.time_ms, round(rule.within_s * 1000))
        return shares.per_cent(held, rule.count_min)


class NofMSubject(MadeSubject):
    """A site under an ``n_of_m`` rule: the n-th worst of the last readings."""

    def quiet(self, payload: Any, time_ms: int, id_: str, arrived_ms: int) -> bool:
        """While it is calm fewer than n of the last readings are beyond; one more inside leaves it so."""
        held, state = self.watched.memory, self.state
        if not self._calm or not isinstance(held, Readings):
            return False
        get, bound = self._bounds[0]
        value = get(payload)
        if value is None or not (value < bound if self.spec.above else value > bound):
            return False
        if readings.take(held, value, time_ms, id_, self.spec.max_gap_ms):
            of = self.rule.of
            del held.times_ms[:-of], held.values[:-of]
            state.last_ms, state.last_id = time_ms, id_
        return True

    def number(self, seen: Seen) -> float | None:
        value, held, rule = getattr(seen.payload, self.rule.field), _readings(self.watched), self.rule
        if value is None or not readings.take(held, value, seen.time_ms, seen.id, self.spec.max_gap_ms):
            return None
        return readings.nth(held, rule.n, rule.of, round(rule.within_s * 1000), self.spec.above)


class RatioSubject(MadeSubject):
    """An indicator under a ``ratio`` rule: per cent of its target that is reached.

    ``value / target`` where higher is better, ``target / value`` where lower is, at most ``RATIO_MAX``. The profile's
    target holds; an indicator without one is not judged.
    """

    targets: Mapping[str, Target] = {}

    def number(self, seen: Seen) -> float | None:
        target = self.targets.get(seen.payload.indicator)
        if target is None or not target.target:
            return None
        return readings.ratio(float(seen.payload.value), target.target, target.better == "higher")

    def extra_words(self, payload: Any) -> dict[str, Fill]:
        target = self.targets.get(payload.indicator)
        return {"measured": payload.value, "goal": target.target if target else None}


class AnomalySubject(MadeSubject):
    """A site under an ``anomaly`` rule: deviations from the usual of this hour of the week.

    The reading is judged by what was usual before it, then it becomes part of the hour that runs.
    """

    baseline: Baseline
    offset_ms: Callable[[int], int]
    changed: Callable[[AnomalySubject], None]

    def number(self, seen: Seen) -> float | None:
        rule, watched = self.rule, self.watched
        value = getattr(seen.payload, rule.field)
        if value is None:
            return None
        if not isinstance(watched.memory, Hour):
            watched.memory = Hour()
        offset_ms = self.offset_ms(seen.time_ms)
        folded = baseline.learn(
            self.baseline, watched.memory, value, seen.time_ms, seen.id, offset_ms, rule.deviation_min
        )
        if folded is None:
            return None
        if folded:
            self.changed(self)
        return baseline.score(self.baseline, value, seen.time_ms, offset_ms, rule.weeks_min, rule.deviation_min)


MAKERS: dict[str, type[ThresholdSubject]] = {
    "threshold": ThresholdSubject,
    "aqi": AqiSubject,
    "rate": RateSubject,
    "sum": SumSubject,
    "n_of_m": NofMSubject,
    "ratio": RatioSubject,
    "share": ShareSubject,
    "anomaly": AnomalySubject,
}


def _readings(watched: Watched) -> Readings:
    if not isinstance(watched.memory, Readings):
        watched.memory = Readings()
    return watched.memory
