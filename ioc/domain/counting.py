"""Count rules: at least so many matching events of one object within a sliding window of event time.

The window is ``(t − within, t]``, ending at the newest event and moved on by the watermark. Events count by their own
time, in whatever order they come. A level holds when the window holds at least ``limit`` events; it ends when the
window holds ``limit − deadband`` or fewer, the deadband being 1 or more. No events is not a gap here: an empty window
is what ends the episode. A feed that went silent is the business of the silence rule.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence

from msgspec import Struct

from ioc.domain.alerts import Priority
from ioc.domain.profile import Rule
from ioc.domain.verdicts import REFRESH_MS, Reason, Verdict

LIMIT_MAX = 200  # greatest limit of a level
KEPT_MAX = 256  # newest events kept per object; the count of a fuller window is "at least 256"


class CountLevel(Struct, frozen=True):
    """One level: on at ``limit`` events, over at ``ends_at`` or fewer."""

    name: str
    priority: Priority
    limit: int
    ends_at: int


class CountState(Struct, kw_only=True, tag="count"):
    """Memory of one object under one rule: about 150 bytes and 14 per event in the window, at most ``KEPT_MAX``."""

    times_ms: list[int] = []
    newest_ms: int = -1  # end of the window: newest event, or the watermark when that is later
    level: str = ""
    since_ms: int = -1
    priority: Priority = 4
    limit: int = 0
    told_ms: int = -1
    told_count: int = 0


def resolve(rule: Rule) -> tuple[CountLevel, ...]:
    """Levels of a rule."""
    return tuple(
        CountLevel(
            level.name,
            level.priority,
            round(level.limit or 0),
            round((level.limit or 0) - max(1.0, rule.deadband if level.deadband is None else level.deadband)),
        )
        for level in rule.levels
    )


def adopt(levels: Sequence[CountLevel], within_ms: int, state: CountState) -> None:
    """Go on under levels that may be other ones than before: the episode of a level that is gone goes on under another.

    That is the worst level that holds, and only as a milder one within its deadband; when none does, the mildest, whose
    end the next :func:`lapse` tells. What people were told stays until the next event.

    Args:
        levels: of the rule now; at least one.
        within_ms: length of the window.
        state: memory of the object; changed in place.
    """
    if not state.level or any(level.name == state.level for level in levels):
        return
    times_ms = state.times_ms
    count = len(times_ms) - bisect_right(times_ms, state.newest_ms - within_ms)
    held = [
        level
        for level in levels
        if count >= level.limit or (count > level.ends_at and level.priority >= state.priority)
    ]
    mildest = max(levels, key=lambda level: (level.priority, -level.limit))
    state.level = min(held, key=lambda level: level.priority, default=mildest).name


def observe(
    levels: Sequence[CountLevel], within_ms: int, state: CountState, time_ms: int, may_raise: bool
) -> Verdict | None:
    """Take one matching event in; call :func:`lapse` with the watermark first.

    Args:
        levels: of the rule.
        within_ms: length of the window.
        state: memory of the object; changed in place.
        time_ms: event time.
        may_raise: False for an event that counts but may not begin or worsen an episode.
    """
    times_ms = state.times_ms
    if time_ms > state.newest_ms:
        state.newest_ms = time_ms
    elif time_ms <= state.newest_ms - within_ms:
        return None
    insort(times_ms, time_ms)
    del times_ms[:-KEPT_MAX]  # what left the window goes with the watermark, which may be a little behind
    count = len(times_ms) - bisect_right(times_ms, state.newest_ms - within_ms)
    best = None
    for level in levels:
        holds = count >= level.limit or (level.name == state.level and count > level.ends_at)
        if holds and (best is None or level.priority <= best.priority):
            best = level
    if best is None:
        return None
    now = next((level for level in levels if level.name == state.level), None)
    if now is not None and best.name != now.name and (best.priority > now.priority or not may_raise):
        best = now
    if not state.level:
        if not may_raise:
            return None
        begin_ms = times_ms[-best.limit]
        state.since_ms = max(begin_ms, state.since_ms + 1)
        return _tell(state, best, count, "COUNT_REACHED", state.newest_ms)
    if best.priority < state.priority and not may_raise:
        return None
    if best.name != state.level or best.priority != state.priority:
        reason: Reason = "LEVEL_ROSE" if best.priority <= state.priority else "LEVEL_FELL"
        return _tell(state, best, count, reason, state.newest_ms)
    if count != state.told_count and state.newest_ms - state.told_ms >= REFRESH_MS:
        return _tell(state, best, count, "REPEATED", state.newest_ms)
    return None


def lapse(levels: Sequence[CountLevel], within_ms: int, state: CountState, mark_ms: int) -> list[Verdict]:
    """Let the watermark pass: a level ends when enough events have left the window, at the instant they left it."""
    said: list[Verdict] = []
    times_ms = state.times_ms
    while state.level:
        now = next((level for level in levels if level.name == state.level), None)
        ends_at = now.ends_at if now else 0
        # The window holds ``ends_at`` events from the instant at which the one before the newest ``ends_at`` left it.
        leaves = len(times_ms) - 1 - ends_at
        end_ms = (times_ms[leaves] if leaves >= 0 else state.told_ms - within_ms) + within_ms
        if end_ms > mark_ms:
            break
        end_ms = max(end_ms, state.told_ms)
        held = times_ms[bisect_right(times_ms, end_ms - within_ms) :]
        milder = [level for level in levels if now and level.priority > now.priority and len(held) > level.ends_at]
        if milder:
            said.append(_tell(state, min(milder, key=lambda lv: lv.priority), len(held), "LEVEL_FELL", end_ms))
            continue
        said.append(_verdict(state, "COUNT_FELL", end_ms, len(held)))
        state.level = ""
    state.newest_ms = max(state.newest_ms, mark_ms)
    if times_ms and times_ms[0] <= mark_ms - within_ms:
        del times_ms[: bisect_right(times_ms, mark_ms - within_ms)]
    return said


def _tell(state: CountState, level: CountLevel, count: int, reason: Reason, at_ms: int) -> Verdict:
    state.level, state.priority, state.limit = level.name, level.priority, level.limit
    state.told_ms, state.told_count = at_ms, count
    return _verdict(state, reason, at_ms, count)


def _verdict(state: CountState, reason: Reason, at_ms: int, count: int) -> Verdict:
    return Verdict(
        state="off" if reason == "COUNT_FELL" else "on",
        reason=reason,
        since_ms=state.since_ms,
        observed_ms=at_ms,
        priority=state.priority,
        level=state.level,
        value=float(count),
        limit=float(state.limit),
        count=max(1, count),
    )
