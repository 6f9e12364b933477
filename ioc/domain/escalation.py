"""The escalation of one alert: the chain as it was when it began, and its one step that is due next.

There are no timers. The step, the round and the due time are values; whoever holds them after a restart goes on where
they stand. A due time follows from the one before it, so it is the same however often everything stopped for a moment.
Only a step that was carried out late makes the next one wait from then on: a long stop takes from nobody the time in
which to react.

A step goes through three moments: it falls due; it is *decided* (who is on shift now) and ordered; the alert comes back
with it, and only then does the next step have a due time. So there is always one live step, none is left out when an
order is lost, and none comes twice.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from ioc.domain.desk import Summons
from ioc.domain.duty import Called, Chain

LATE_MS = 60_000
"""A step that is decided so long after it fell due is told as late; one carried out so late postpones what follows."""

AHEAD_MS = 60_000
"""By so much the clock of whoever changed the alert may be ahead."""

ANSWER_MS = 60_000
"""Who was called last has at least so long to acknowledge."""

Reason = Literal["STEP_DUE", "STEP_LATE", "EMPTY_ROSTER", "NOT_IN_PROFILE", "NO_CHAIN"]
"""On time; after a stop; nobody is on shift; who is named has left the profile; no chain fits the alert."""


class Escalation(Struct, frozen=True, kw_only=True):
    """Where the escalation of one alert stands.

    Attributes:
        began_ms: the change of the alert that it follows; where it went on after the alert was away, that one.
        priority: of the alert when a chain was last looked for.
        chain: as it was when it began, later edits do not matter; None when none fitted.
        round: how often it was begun anew, from 0.
        step: the live one, from 0.
        due_ms: when that falls due; None when the last one of the last round was carried out.
        owed: decided and ordered, and not yet seen in the alert.
        reached: a step of this run reached somebody.
        through_ms: when the last step of the last round was carried out.
    """

    began_ms: int
    priority: int
    chain: Chain | None
    round: int = 0
    step: int = 0
    due_ms: int | None
    owed: Summons | None = None
    reached: bool = False
    through_ms: int | None = None

    @property
    def over(self) -> bool:
        """Everybody was called, as often as the chain says."""
        return self.due_ms is None


def begin(chain: Chain | None, priority: int, at_ms: int, last: Summons | None = None) -> Escalation:
    """Begin at the first step. ``last``: the alert's last summons; that no chain fits is said once in a row."""
    if chain is None:
        said = last is not None and last.reason == "NO_CHAIN"
        return Escalation(began_ms=at_ms, priority=priority, chain=None, due_ms=None if said else at_ms)
    return Escalation(began_ms=at_ms, priority=priority, chain=chain, due_ms=at_ms + _ms(chain.steps[0].wait_s))


def go_on(escalation: Escalation, at_ms: int) -> Escalation | None:
    """The same run in what asks again at ``at_ms``: same step, same due time; None when there is nothing to go on with.

    An order of before has no effect any more, so the live step is decided anew.
    """
    if escalation.chain is None or escalation.over:
        return None
    return replace(escalation, began_ms=at_ms, owed=None)


def not_later(escalation: Escalation, now_ms: int) -> Escalation:
    """The live step, due not later than after its wait from now: a clock that was ahead must not postpone a call."""
    if escalation.owed is not None or escalation.due_ms is None or escalation.chain is None:
        return escalation
    latest_ms = now_ms + _ms(escalation.chain.steps[escalation.step].wait_s)
    return escalation if escalation.due_ms <= latest_ms + AHEAD_MS else replace(escalation, due_ms=latest_ms)


def calls_gone(chain: Chain | None) -> bool:
    """Does it call about what went away unseen?"""
    return chain is not None and chain.escalate_gone


def is_due(escalation: Escalation, now_ms: int) -> bool:
    """Has the live step to be decided now?"""
    return escalation.owed is None and escalation.due_ms is not None and escalation.due_ms <= now_ms


def decide(escalation: Escalation, called: Called, last: Summons | None, now_ms: int) -> Escalation:
    """Decide the live step, which is due. ``called``: whom it reaches now; ``last``: the alert's last summons."""
    assert escalation.due_ms is not None
    reason: Reason = "STEP_LATE" if now_ms - escalation.due_ms > LATE_MS else "STEP_DUE"
    if escalation.chain is None:
        reason, called = "NO_CHAIN", Called()
    elif called.reason:
        reason = called.reason
    owed = Summons(
        number=1 if last is None else last.number + 1,
        step=escalation.step,
        round=escalation.round,
        whom=called.whom,
        channels=called.channels,
        reason=reason,
        at_ms=escalation.due_ms,
        began_ms=escalation.began_ms,
        gone=calls_gone(escalation.chain),
    )
    return replace(escalation, owed=owed)


def settle(escalation: Escalation, last: Summons | None, at_ms: int) -> Escalation:
    """Look whether the order was carried out: go on then. ``last``: the alert's last summons, as it is since ``at_ms``.

    When another summons has its number, an order of an earlier run was carried out meanwhile: this one takes the next.
    """
    owed = escalation.owed
    if owed is None or last is None or last.number < owed.number:
        return escalation
    if last != owed:
        return replace(escalation, owed=replace(owed, number=last.number + 1))
    return _next(escalation, at_ms, reached=bool(owed.whom))


def is_unanswered(escalation: Escalation, now_ms: int) -> bool:
    """Was everybody called, and nobody came? Asked while the alert still asks.

    At once where no step reached anybody; otherwise when the wait of the last step, at least ``ANSWER_MS``, has passed
    since that was carried out.
    """
    if escalation.chain is None or not escalation.over:
        return False
    if not escalation.reached or escalation.through_ms is None:
        return True
    wait_ms = max(ANSWER_MS, _ms(escalation.chain.steps[-1].wait_s))
    return not -AHEAD_MS <= now_ms - escalation.through_ms <= wait_ms


def _next(escalation: Escalation, at_ms: int, *, reached: bool) -> Escalation:
    """The step after this one, which was carried out at ``at_ms``.

    Where nobody was reached the next is due as long as this one was; a new round waits like the first.
    """
    escalation = replace(escalation, owed=None, reached=escalation.reached or reached)
    chain, due_ms = escalation.chain, escalation.due_ms
    if chain is None or due_ms is None:
        return replace(escalation, due_ms=None)
    from_ms = at_ms if at_ms - due_ms > LATE_MS else due_ms
    if escalation.step + 1 < len(chain.steps):
        step, round_ = escalation.step + 1, escalation.round
        due_ms = from_ms + _ms(chain.steps[step].wait_s) if reached else due_ms
    elif escalation.round < chain.repeat:
        step, round_ = 0, escalation.round + 1
        due_ms = from_ms + _ms(chain.steps[0].wait_s)
    else:
        return replace(escalation, due_ms=None, through_ms=at_ms)
    return replace(escalation, step=step, round=round_, due_ms=due_ms)


def _ms(wait_s: float) -> int:
    return round(wait_s * 1000)
