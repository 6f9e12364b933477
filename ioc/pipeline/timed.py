"""What time alone does to an alert: a shelf ends, an acknowledged alert asks anew, a date of review is reached. And
what the desk explained until a time is over, though the desk says nothing.

There are no timers. Each is a due time in the alert itself, compared with the present at every tick and before every
batch: whoever holds the alert after a restart finds the same, and what fell due meanwhile happens then.
"""

from __future__ import annotations

from msgspec.structs import replace

from ioc.domain.alerts import Alert
from ioc.domain.handling import SHIFT_S
from ioc.domain.lifecycle import Event, move
from ioc.domain.times import CLOCK_BACK_MS
from ioc.pipeline.episodes import (
    HIDDEN_OCCURRENCE,
    Change,
    explain,
    explain_by,
    facts_of,
    is_explained,
    stand,
    went_unasked,
)

# The desk ends what it explained; so long after the end it surely does not, and what is lost fails towards visible.
DESK_SLACK_MS = 60_000


def is_timed(alert: Alert) -> bool:
    """Can time alone change it?"""
    shelved = alert.suppression in ("shelved-until", "shelved-oneshot")
    review = alert.hidden is not None and alert.hidden.review_ms is not None and not alert.hidden.review_told
    explained = alert.explained is not None and alert.explained.until_ms is not None
    return shelved or review or explained or alert.realarm_ms is not None


def elapse(alert: Alert, now_ms: int, realarm_s: float = 0.0) -> Change | None:
    """What fell due by now; None when nothing did. Afterwards nothing else is due at the same moment.

    ``realarm_s``: re-alarm time of the alert's rule, 0 when there is none; no alert waits longer than that for it.
    """
    if alert.suppression in ("shelved-until", "shelved-oneshot"):
        if _is_lost(alert, now_ms):
            return unhide(alert, "LOST", now_ms)
        until_ms = alert.hidden.until_ms if alert.hidden is not None else None
        return unhide(alert, "SHELF_END", now_ms) if until_ms is not None and until_ms <= now_ms else None
    said = alert.explained
    if said is not None and said.until_ms is not None and said.until_ms + DESK_SLACK_MS <= now_ms:
        return explain_by(alert, None, now_ms, "TIME_OVER")
    held = alert.chatter is not None and alert.chatter.returns_at_ms is not None  # it is away: nobody is asked anew
    if alert.realarm_ms is not None and alert.realarm_ms <= now_ms and not held:
        step = move(facts_of(alert), "REALARM")
        after = replace(stand(alert, step.facts, now_ms), realarms=alert.realarms + 1)
        return Change(replace(after, decisive_version=after.version), "re-alarmed", step.reason, alert.state)
    longest_ms = round(realarm_s * 1000)
    if alert.realarm_ms is not None and longest_ms and alert.realarm_ms - now_ms > longest_ms + CLOCK_BACK_MS:
        waits = replace(stand(alert, facts_of(alert), now_ms), realarm_ms=now_ms + longest_ms)
        return Change(waits, None, "", alert.state)
    hidden = alert.hidden
    if hidden is not None and hidden.review_ms is not None and not hidden.review_told and hidden.review_ms <= now_ms:
        after = replace(stand(alert, facts_of(alert), now_ms), hidden=replace(hidden, review_told=True))
        return Change(after, "review-due", "REVIEW_DUE", alert.state)
    return None


def _is_lost(alert: Alert, now_ms: int) -> bool:
    """Has the shelf no end, one that nobody can have asked for, or a beginning that is yet to come?"""
    hidden = alert.hidden
    if hidden is None or hidden.until_ms is None:
        return True
    return hidden.until_ms - now_ms > SHIFT_S * 1000 + CLOCK_BACK_MS or hidden.since_ms - now_ms > CLOCK_BACK_MS


def unhide(alert: Alert, event: Event, now_ms: int) -> Change:
    """End a shelf, or return to service; what another alert explains stays suppressed for that.

    ``event`` must be one that the table allows for the alert.
    """
    step = move(facts_of(alert), event)
    explained = is_explained(alert.muted_by, alert.explained)
    facts = explain(step.facts, explained) if step.facts.active else step.facts
    after = stand(alert, facts, now_ms)
    after = replace(after, decisive_version=after.version)
    what = HIDDEN_OCCURRENCE if went_unasked(alert, facts) else "unhidden"
    return Change(after, what, step.reason, alert.state)
