"""Silence rules: nothing was heard from a centre for too long.

Judged by arrival, not by event time: the question is whether the link lives. The clock is how far the bus is known to
have been read (``head``), so that a job that catches up after a stop does not call a centre silent whose heartbeats
are still waiting in the queue.
"""

from __future__ import annotations

from msgspec import Struct

from ioc.domain.alerts import Priority
from ioc.domain.verdicts import Verdict


class SilenceState(Struct, kw_only=True, tag="silence"):
    """Memory of one centre. ``heard_ms`` is event time, ``arrived_ms`` arrival of the newest heartbeat."""

    heard_ms: int = -1
    arrived_ms: int = -1
    on: bool = False
    since_ms: int = -1
    out: bool = False  # out of service: silent for so long that it is no news any more


def hear(state: SilenceState, priority: Priority, event_ms: int, arrived_ms: int) -> Verdict | None:
    """Take one heartbeat in; ``off`` when the centre was silent, or out of service, until now."""
    state.heard_ms = max(state.heard_ms, event_ms)
    state.arrived_ms = max(state.arrived_ms, arrived_ms)
    if not (state.on or state.out):
        return None
    state.on = state.out = False
    return Verdict(state="off", reason="HEARTBEAT", since_ms=state.since_ms, observed_ms=event_ms, priority=priority)


def lapse(
    state: SilenceState,
    priority: Priority,
    after_ms: int,
    head_ms: int,
    base_ms: int,
    out_after_ms: int | None = None,
) -> Verdict | None:
    """Let time pass; ``on`` when nothing was heard for ``after_ms``, ``off`` when for ``out_after_ms``.

    Args:
        state: memory of the centre; changed in place.
        priority: of the rule.
        after_ms: how long silence is allowed.
        head_ms: arrival time up to which the bus has been read.
        base_ms: since when this process listens without a pause; silence before it proves nothing.
        out_after_ms: a silence of this length is no alert but out of service: the episode ends by design, and there is
            none until the centre was heard again. None: never.
    """
    if state.on and out_after_ms is not None:
        # That it is silent was proved when the episode began: a pause of this process since does not matter.
        last_ms = state.arrived_ms if state.arrived_ms >= 0 else state.since_ms
        if head_ms - last_ms >= out_after_ms:
            state.on, state.out = False, True
            return Verdict(
                state="off",
                reason="OUT_OF_SERVICE",
                since_ms=state.since_ms,
                observed_ms=head_ms,
                priority=priority,
                limit=out_after_ms / 1000,
            )
    if state.out:
        return None
    if state.on or head_ms - max(state.arrived_ms, base_ms) < after_ms:
        return None
    state.on = True
    # A centre that was never heard is silent since we listen. Strictly later than any earlier episode.
    start_ms = state.heard_ms if state.heard_ms >= 0 else base_ms
    state.since_ms = max(start_ms, state.since_ms + 1)
    return Verdict(
        state="on",
        reason="NO_HEARTBEAT",
        since_ms=state.since_ms,
        observed_ms=head_ms,
        priority=priority,
        limit=after_ms / 1000,
    )
