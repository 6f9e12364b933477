"""What becomes of an object whose rule, site or drill is gone: its episode is over, and the alert says why."""

from __future__ import annotations

from msgspec.structs import replace

from ioc.domain.absence import Part
from ioc.domain.alerts import Signal, alert_key
from ioc.domain.profile import Rule
from ioc.domain.silence import SilenceState
from ioc.domain.verdicts import Reason
from ioc.pipeline.signals import Watched

REASON: Reason = "RULE_REMOVED"


def ends(watched: Watched, at_ms: int, reason: Reason = REASON) -> Signal | None:
    """The ``off`` of an episode that runs (a blind one too); None when none does.

    The words of the alert stay as they were: an ``off`` does not change them.

    Args:
        watched: the object; its revision grows.
        at_ms: how far the bus has been read; of a drill, how far its own time went.
        reason: why it is over.
    """
    told = standing(watched)
    if told is None:
        return None
    watched.revision += 1
    return replace(
        told,
        state="off",
        observed_ms=max(at_ms, told.since_ms),
        revision=watched.revision,
        reason=reason,
    )


def standing(watched: Watched, rule: Rule | None = None) -> Signal | None:
    """How an object stands by its memory, without words; None when no episode runs.

    Args:
        watched: the object; stays as it is.
        rule: where a kind does not keep its priority in the memory.
    """
    machine = watched.machine
    if isinstance(machine, Part):
        return None  # alerting, which knows all parts, ends it
    running = machine.on if hasattr(machine, "on") else bool(machine.level)
    if not running:
        return None
    if isinstance(machine, SilenceState):
        priority, told_ms = (4 if rule is None else rule.priority), machine.since_ms
    else:
        priority, told_ms = machine.priority, machine.told_ms
    return Signal(
        key=alert_key(watched.rule, watched.centre, watched.object),
        rule=watched.rule,
        state="blind" if getattr(machine, "blind", False) else "on",
        centre=watched.centre,
        area=watched.area,
        site=watched.site,
        feed=watched.feed,
        type="",
        priority=priority,
        level=getattr(machine, "level", ""),
        since_ms=machine.since_ms,
        observed_ms=max(told_ms, machine.since_ms),
        revision=watched.revision,
        event_id=watched.event_id,
        exercise=watched.exercise,
    )
