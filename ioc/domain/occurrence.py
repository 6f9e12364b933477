"""Occurrence rules: an event that matches is the condition itself, and it is over ``hold`` after the last one.

More matching events within the hold time belong to the same episode and raise its count. Here older events count too
(each is a happening of its own, not a newer view of one value). An event that comes after the hold time, by event time
or by the watermark, begins a new episode.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from ioc.domain.alerts import Priority
from ioc.domain.profile import Rule
from ioc.domain.verdicts import REFRESH_MS, Reason, Verdict


class OccurrenceState(Struct, kw_only=True, tag="occurrence"):
    """Memory of one object under one rule, about 100 bytes."""

    on: bool = False
    since_ms: int = -1
    last_ms: int = -1  # newest event of the episode
    count: int = 0
    level: str = ""  # the worst of the episode
    priority: Priority = 4
    told_ms: int = -1
    told_count: int = 0


def matches(wanted: Mapping[str, Any], payload: object) -> bool:
    """Does a payload have every wanted field?

    A wanted value is a plain value, a list of allowed values, or ``{"min": a, "max": b}`` (both ends allowed, either
    may be absent). A field that the payload does not have, or that is None, does not match.
    """
    for name, want in wanted.items():
        value = getattr(payload, name, None)
        if value is None:
            return False
        if isinstance(want, Mapping):
            if not isinstance(value, int | float):
                return False
            if value < want.get("min", value) or value > want.get("max", value):
                return False
        elif isinstance(want, list | tuple):
            if value not in want:
                return False
        elif value != want:
            return False
    return True


def level_of(rule: Rule, payload: object) -> tuple[str, Priority] | None:
    """Name and priority of a matching event; None when the rule does not want it. The first matching level counts."""
    if not matches(rule.match, payload):
        return None
    if not rule.levels:
        return "", rule.priority
    for level in rule.levels:
        if matches(level.match, payload):
            return level.name, level.priority
    return None


def observe(
    hold_ms: int, state: OccurrenceState, level: tuple[str, Priority], time_ms: int, may_raise: bool
) -> list[Verdict]:
    """Take one matching event in; call :func:`lapse` with the watermark first.

    Args:
        hold_ms: how long after the last event the episode lasts.
        state: memory of the object; changed in place.
        level: what :func:`level_of` said.
        time_ms: event time.
        may_raise: False for an event that arrived too late to raise, or outside the rule's hours; within an episode
            it still counts, but does not worsen it.
    """
    said: list[Verdict] = []
    if state.on and time_ms - state.last_ms > hold_ms:
        said.append(_over(hold_ms, state))
    if not state.on:
        if may_raise:
            state.on, state.count, state.last_ms = True, 1, time_ms
            state.level, state.priority = level
            state.since_ms = max(time_ms, state.since_ms + 1)  # the start is part of the alert's identity
            said.append(_tell(state, "OCCURRED", time_ms))
        return said
    state.count += 1
    state.last_ms = max(state.last_ms, time_ms)
    if may_raise and level[1] < state.priority:
        state.level, state.priority = level
        said.append(_tell(state, "LEVEL_ROSE", state.last_ms))
    elif state.last_ms - state.told_ms >= REFRESH_MS:
        said.append(_tell(state, "REPEATED", state.last_ms))
    return said


def lapse(hold_ms: int, state: OccurrenceState, mark_ms: int) -> list[Verdict]:
    """Let the watermark pass: end the episode after the hold time, tell a count that was held back."""
    said: list[Verdict] = []
    if not state.on:
        return said
    over_ms = state.last_ms + hold_ms
    # In the order of event time, so that one late call says the same as many early ones.
    if state.count != state.told_count and state.told_ms + REFRESH_MS <= min(mark_ms, over_ms):
        said.append(_tell(state, "REPEATED", state.told_ms + REFRESH_MS))
    if mark_ms >= over_ms:
        said.append(_over(hold_ms, state))
    return said


def _over(hold_ms: int, state: OccurrenceState) -> Verdict:
    state.on = False
    return Verdict(
        state="off",
        reason="HOLD_OVER",
        since_ms=state.since_ms,
        observed_ms=state.last_ms + hold_ms,
        priority=state.priority,
        level=state.level,
        count=state.count,
    )


def _tell(state: OccurrenceState, reason: Reason, at_ms: int) -> Verdict:
    state.told_ms, state.told_count = at_ms, state.count
    return Verdict(
        state="on",
        reason=reason,
        since_ms=state.since_ms,
        observed_ms=at_ms,
        priority=state.priority,
        level=state.level,
        count=state.count,
    )
