"""Threshold rules: a value against levels, with deadband and delays, under the *safe duration* definition.

A level holds when readings in event time, all beyond its limit, cover at least the on-delay, no two neighbours further
apart than ``max_gap`` and none back inside between them. It ends in the same way: readings, all back inside ``limit −
deadband``, that cover the off-delay. A value in between starts nothing and breaks both runs. With a delay of 0 one
reading is enough.

A gap longer than ``max_gap`` suspends a level: its runs start again after it, and an episode of which it speaks becomes
*blind*. It neither fires nor clears, because nobody knows. Levels on different fields have gaps of their own.

A reading without a number is no reading: it moves nothing, also not the gap.

A level that holds, by readings without a gap, for its escalation time speaks with one priority higher until it ends.

Several levels of one rule are one condition: the worst level that holds speaks for the object. Readings older than the
newest one seen of the object move nothing, with one exception: where one reading is enough to raise (:func:`late`).
Equal times are put in order by event id. All state comes from the readings and the watermark, so that batches, crashes
and the pace of reading make no difference.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field

from ioc.domain.alerts import Priority, SignalState
from ioc.domain.profile import Rule
from ioc.domain.verdicts import REFRESH_MS, Reason, Verdict

_HIGHER: dict[Priority, Priority] = {2: 1, 3: 2, 4: 3}


class LevelSpec(Struct, frozen=True):
    """One level with its limit resolved for a site; limit and deadband in the field's unit."""

    name: str
    priority: Priority
    field: str
    limit: float
    deadband: float
    escalate_ms: int = 0  # 0: never
    within_ms: int = 0  # of a sum: the window that is added up; 0: the reading itself


class Spec(Struct, frozen=True):
    """A threshold rule resolved for a site; delays in milliseconds."""

    levels: tuple[LevelSpec, ...]
    above: bool
    inclusive: bool
    on_delay_ms: int
    off_delay_ms: int
    max_gap_ms: int


class Run(Struct, array_like=True):
    """Where one level stands: start of the run beyond, start of the run back inside, whether it holds and since when.

    ``held_ms`` begins anew after a gap: what nobody saw does not escalate.
    """

    up_ms: int | None = None
    down_ms: int | None = None
    holds: bool = False
    held_ms: int = -1
    escalated: bool = False  # stays until the level ends
    last_ms: int = -1  # newest reading with a number of this level; may be behind while nothing has begun
    limit: float | None = None  # that it was judged by: a level is known again by it when it gets another name


class ThresholdState(Struct, kw_only=True, tag="threshold"):
    """Memory of one object under one rule: about 200 bytes plus 20 per level."""

    last_ms: int = -1
    last_id: str = ""
    runs: dict[str, Run] = field(default_factory=dict)
    level: str = ""  # name of the level that speaks; empty: normal
    since_ms: int = -1
    value: float | None = None
    limit: float | None = None
    priority: Priority = 4
    worst: Priority = 4  # of the newest episode
    blind: bool = False
    told_ms: int = -1  # event time of the last verdict
    told_value: float | None = None


def resolve(rule: Rule, site_limits: dict[str, float], expected_period_s: float) -> Spec:
    """The rule as it holds for one site. A level whose named limit the site does not have is left out.

    The gap is never shorter than 3 reporting periods of the feed: one lost reading is not blindness.
    """
    levels = []
    for level in rule.levels:
        limit = level.limit if level.limit_from is None else site_limits.get(level.limit_from)
        if limit is not None:
            deadband = rule.deadband if level.deadband is None else level.deadband
            escalate_ms = round(level.escalate_after_s * 1000)
            field_name = level.field or rule.field
            within_ms = round(level.within_s * 1000)
            levels.append(LevelSpec(level.name, level.priority, field_name, limit, deadband, escalate_ms, within_ms))
    return Spec(
        levels=tuple(levels),
        above=rule.direction == "above",
        inclusive=rule.inclusive,
        on_delay_ms=round(rule.on_delay_s * 1000),
        off_delay_ms=round(rule.off_delay_s * 1000),
        max_gap_ms=round(max(rule.max_gap_s, 3 * expected_period_s) * 1000),
    )


def is_newer(state: ThresholdState, time_ms: int, id_: str) -> bool:
    """Is a reading newer than the newest that the object has seen?"""
    return time_ms > state.last_ms or (time_ms == state.last_ms and id_ > state.last_id)


def adopt(spec: Spec, state: ThresholdState) -> None:
    """Go on under levels that may be other ones than before.

    A level with the same limit is the same level with another name. Beside that, the level that speaks goes on under
    the one nearest in limit whose limit is reached, or which is not graver; when there is none, the next reading ends
    the episode with ``LEVEL_REMOVED``. Other runs of levels that are gone are forgotten.

    Args:
        spec: the rule as it holds for the site now.
        state: memory of the object; changed in place.
    """
    runs = state.runs
    for run in runs.values():
        if run.last_ms < 0:
            run.last_ms = state.last_ms
    gone = {name: run for name, run in runs.items() if all(level.name != name for level in spec.levels)}
    for name, run in gone.items():
        same = [level for level in spec.levels if level.limit == run.limit and level.name not in runs]
        if name == state.level:
            same = same or _heirs(spec, state)
        elif sum(other.limit == run.limit for other in gone.values()) > 1:
            same = []
        del runs[name]
        if not same:
            continue
        heir = same[0].name
        if heir not in runs or (name == state.level and not runs[heir].holds):
            runs[heir] = run
        if name == state.level:
            state.level = heir
    for level in spec.levels:
        if level.name in runs:
            runs[level.name].limit = level.limit


def _heirs(spec: Spec, state: ThresholdState) -> list[LevelSpec]:
    """The level that the speaking one, which is gone, may go on under; at most one."""
    value, limit = state.value, state.limit
    if limit is None:
        return []
    found = [
        level
        for level in spec.levels
        if level.limit == limit
        or level.priority >= state.priority
        or (value is not None and reaches(spec, value, level.limit))
    ]
    return sorted(found, key=lambda level: (abs(level.limit - limit), level.priority))[:1]


def observe(
    spec: Spec, state: ThresholdState, values: Sequence[float | None], time_ms: int, id_: str, may_raise: bool
) -> Verdict | None:
    """Take one reading in.

    Args:
        spec: the rule for this site.
        state: memory of the object; changed in place.
        values: the number of each level, in the order of ``spec.levels``; None leaves that level as it is.
        time_ms: event time of the reading.
        id_: its id.
        may_raise: False for a reading that may end an episode, but not begin or worsen one: it arrived too late to
            raise, or outside the rule's hours.
    """
    last_ms = state.last_ms
    if time_ms <= last_ms and not is_newer(state, time_ms, id_):
        return None
    if None in values and not any(value is not None for value in values):
        return None
    state.last_ms, state.last_id = time_ms, id_
    runs = state.runs
    best: LevelSpec | None = None
    best_priority: Priority = 4
    best_value: float | None = None
    begin_ms = time_ms
    for level, value in zip(spec.levels, values, strict=True):
        run = runs.get(level.name)
        if run is None:
            run = runs[level.name] = Run(limit=level.limit)
        if value is not None:
            if time_ms - run.last_ms > spec.max_gap_ms:
                run.up_ms = run.down_ms = None
                run.held_ms = time_ms
            run.last_ms = time_ms
            _move(spec, level, run, value, time_ms, may_raise)
            if level.name == state.level:
                state.value = value
        if not run.holds:
            continue
        priority = level.priority
        if level.escalate_ms and priority > 1:
            if may_raise and value is not None and time_ms - run.held_ms >= level.escalate_ms:
                run.escalated = True
            if run.escalated:
                priority = _HIGHER[priority]
        if best is None or priority <= best_priority:
            best, best_priority, best_value = level, priority, value
        if run.up_ms is not None and run.up_ms < begin_ms:
            begin_ms = run.up_ms
    if best is None and not state.level:
        return None
    if best is not None and best_value is None and best.name == state.level and best_priority == state.priority:
        return None  # what speaks was not seen: lapse() tells when that becomes blindness
    known = best is not None or any(level.name == state.level for level in spec.levels)
    return _speak(state, best, best_priority, best_value, begin_ms, time_ms, known)


def late(spec: Spec, state: ThresholdState, values: Sequence[float | None], time_ms: int, id_: str) -> Verdict | None:
    """Take in a reading that is older than the newest one of its object, and may raise.

    A danger that was there is told, also when newer readings are back inside: levels that one reading is enough for (no
    on-delay) hold from the newest reading on and end as ever, by the next ones. Nothing is told twice: of the time that
    the newest episode has been told of, or before it, only what is worse than the whole of that episode counts; after
    it, only what is worse than what speaks.

    Args:
        spec: the rule for this site.
        state: memory of the object; changed in place.
        values: as in :func:`observe`.
        time_ms: event time of the reading.
        id_: its id.
    """
    if spec.on_delay_ms or (time_ms == state.last_ms and id_ == state.last_id):
        return None
    reached = [
        (level, value)
        for level, value in zip(spec.levels, values, strict=True)
        if value is not None and reaches(spec, value, level.limit)
    ]
    if not reached:
        return None
    best, value = reached[0]
    for level, number in reached:
        if level.priority <= best.priority:
            best, value = level, number
    if state.since_ms >= 0 and time_ms <= state.told_ms:
        if best.priority >= state.worst:
            return None
    elif state.level and best.priority >= state.priority:
        return None
    now_ms = state.last_ms
    for level, _ in reached:
        run = state.runs.setdefault(level.name, Run(limit=level.limit))
        if not run.holds:
            run.holds, run.held_ms = True, now_ms
        run.down_ms, run.last_ms = None, max(run.last_ms, now_ms)
    return _speak(state, best, best.priority, value, time_ms, time_ms, known=True)


def is_calm(state: ThresholdState) -> bool:
    """Is nothing begun, so that a reading inside every limit can only be the newest one seen?"""
    return not state.level and all(run.up_ms is None and not run.holds for run in state.runs.values())


def lapse(spec: Spec, state: ThresholdState, mark_ms: int) -> Verdict | None:
    """Let the watermark pass: an episode without readings for longer than the gap becomes blind, once."""
    if not state.level or state.blind:
        return None
    run = state.runs.get(state.level)
    blind_ms = (state.last_ms if run is None else run.last_ms) + spec.max_gap_ms
    if mark_ms <= blind_ms:
        return None
    state.blind = True
    return _verdict(state, "blind", "NO_READINGS", max(blind_ms, state.told_ms))


def reaches(spec: Spec, value: float, limit: float) -> bool:
    """Is a number at or beyond a limit, in the sense of the rule?"""
    if spec.above:
        return value >= limit if spec.inclusive else value > limit
    return value <= limit if spec.inclusive else value < limit


def _move(spec: Spec, level: LevelSpec, run: Run, value: float, time_ms: int, may_raise: bool) -> None:
    limit = level.limit
    above = spec.above
    if (value >= limit if above else value <= limit) if spec.inclusive else (value > limit if above else value < limit):
        run.down_ms = None
        if run.up_ms is None:
            run.up_ms = time_ms
        if not run.holds and may_raise and time_ms - run.up_ms >= spec.on_delay_ms:
            run.holds, run.held_ms = True, run.up_ms
        return
    run.up_ms = None
    if level.deadband and reaches(spec, value, limit - level.deadband if above else limit + level.deadband):
        run.down_ms = None
        return
    if not run.holds:
        return
    if run.down_ms is None:
        run.down_ms = time_ms
    if time_ms - run.down_ms >= spec.off_delay_ms:
        run.down_ms, run.holds, run.escalated = None, False, False


def _speak(
    state: ThresholdState,
    best: LevelSpec | None,
    priority: Priority,
    value: float | None,
    begin_ms: int,
    time_ms: int,
    known: bool,
) -> Verdict | None:
    if best is None:
        verdict = _verdict(state, "off", "BACK_TO_NORMAL" if known else "LEVEL_REMOVED", time_ms)
        state.level, state.blind = "", False
        return verdict
    if value is not None:
        state.value = value
    before, before_priority, was_blind = state.level, state.priority, state.blind
    state.level, state.priority, state.limit, state.blind = best.name, priority, best.limit, False
    state.worst = min(state.worst, priority)
    reason: Reason
    if not before:
        # Strictly later than any earlier episode of the object: the start is part of the alert's identity.
        state.since_ms, state.worst = max(begin_ms, state.since_ms + 1), priority
        reason = "LIMIT_REACHED"
    elif before != best.name:
        reason = "LEVEL_ROSE" if priority <= before_priority else "LEVEL_FELL"
    elif priority < before_priority:
        reason = "HELD_LONG"
    elif priority > before_priority:
        reason = "LEVEL_FELL"
    elif was_blind:
        reason = "SEEN_AGAIN"
    elif state.value != state.told_value and time_ms - state.told_ms >= REFRESH_MS:
        reason = "VALUE_CHANGED"
    else:
        return None
    return _verdict(state, "on", reason, time_ms)


def _verdict(state: ThresholdState, word: SignalState, reason: Reason, observed_ms: int) -> Verdict:
    state.told_ms, state.told_value = max(state.told_ms, observed_ms), state.value
    return Verdict(
        state=word,
        reason=reason,
        since_ms=state.since_ms,
        observed_ms=observed_ms,
        priority=state.priority,
        level=state.level,
        value=state.value,
        limit=state.limit,
    )
