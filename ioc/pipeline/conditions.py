"""From what a rule says of an object to what the combinations hear that the rule is a member of."""

from __future__ import annotations

from ioc.domain.alerts import Condition, Signal
from ioc.pipeline.board import Board
from ioc.pipeline.effects import Emit
from ioc.wire.codec import encode


def conditions(board: Board, told: Signal | None) -> list[Emit]:
    """One record per combination; figures that changed, or were said again, are no news there."""
    if told is None or told.reason in ("VALUE_CHANGED", "REPEATED"):
        return []
    emits = []
    for rule, key in board.conditions(told.rule, told.centre, told.area):
        condition = Condition(
            key=key,
            rule=rule.id,
            object=told.key,
            state=told.state,
            since_ms=told.since_ms,
            observed_ms=told.observed_ms,
            priority=told.priority,
            centre=told.centre,
            area=told.area,
            exercise=told.exercise,
        )
        emits.append(Emit("alert-inputs", key.encode(), encode(condition)))
    return emits
