"""When a drill is over, and what is left of it."""

from __future__ import annotations

from ioc.domain.alerts import Alert
from ioc.domain.verdicts import Reason

# A drill of which nothing came for so long is over, its feeds perhaps later (:mod:`ioc.pipeline.drill_end`):
# its clocks, objects, alerts and incidents leave memory.
DRILL_OVER_MS = 3_600_000
# Drills are named by who sends them: so many are told apart; further ones are one.
DRILLS_MAX = 16
OTHER = "~other"


def is_left(alert: Alert, now_ms: int) -> bool:
    """Is it an alert of a drill that nobody will acknowledge any more? No wall shows it, so nobody could.

    It ended with its drill, or went away and has not changed for as long as it takes to say that a drill is over. What
    is still there is not left: the end of its drill ends it.
    """
    ended: Reason = "DRILL_OVER"
    if alert.exercise is None or alert.active or alert.closed:
        return False
    return alert.reason == ended or now_ms - alert.updated_ms >= DRILL_OVER_MS
