"""Refusal rules: a centre sends records that are refused for certain reasons, so many within a time.

Judged by arrival, where the refusing is done: in one partition of the centre's raw topic. Only arrivals decide, so the
same log gives the same episodes, whenever time is let pass. A record that names another
centre than the one whose topic it came through is the case for which this was made.
"""

from __future__ import annotations

from msgspec import Struct, field

from ioc.domain.alerts import Priority
from ioc.domain.verdicts import Verdict

N_MAX = 1_000  # refusals that a rule may count, and that are remembered


class RefusedState(Struct, kw_only=True, tag="refused"):
    """Memory of one partition under one rule. ``recent_ms``: arrivals of the last ``n`` refusals at most."""

    recent_ms: list[int] = field(default_factory=list)
    on: bool = False
    since_ms: int = -1
    count: int = 0  # since the episode began
    priority: Priority = 4
    told_ms: int = -1


def refuse(
    state: RefusedState, priority: Priority, n: int, within_ms: int, hold_ms: int, arrived_ms: int
) -> list[Verdict]:
    """Take one refusal in; ``on`` with the ``n``-th within ``within_ms``, 0 being no limit.

    An episode whose hold time was over before ends first, though nobody had looked since.
    """
    arrived_ms = max(arrived_ms, *state.recent_ms[-1:], 0)
    over = lapse(state, hold_ms, arrived_ms)
    found = [] if over is None else [over]
    state.recent_ms = [*state.recent_ms, arrived_ms][-n:]
    if state.on:
        state.count += 1
        return found
    if len(state.recent_ms) < n or (within_ms and arrived_ms - state.recent_ms[0] > within_ms):
        return found
    state.on, state.count, state.priority, state.told_ms = True, n, priority, arrived_ms
    # Strictly later than any earlier episode.
    state.since_ms = max(state.recent_ms[0], state.since_ms + 1)
    since_ms = state.since_ms
    on = Verdict(state="on", reason="REFUSED", since_ms=since_ms, observed_ms=arrived_ms, priority=priority, count=n)
    return [*found, on]


def lapse(state: RefusedState, hold_ms: int, head_ms: int) -> Verdict | None:
    """Let time pass; ``off`` when the partition was read ``hold_ms`` beyond the last refusal."""
    if not state.on or head_ms - state.recent_ms[-1] < hold_ms:
        return None
    state.on = False
    last_ms, state.recent_ms = state.recent_ms[-1], []
    return Verdict(
        state="off",
        reason="NONE_REFUSED",
        since_ms=state.since_ms,
        observed_ms=last_ms + hold_ms,
        priority=state.priority,
        count=state.count,
    )
