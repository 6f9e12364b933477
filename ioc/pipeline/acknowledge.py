"""What an acknowledgement does to an alert: it is answered by comparison with what the person had seen.

``expected_version`` is the version on the person's screen. Most versions differ by figures only (a new value, a count,
a milder level, blind, seen again, a comment, an assignment) and those must not refuse anybody. What matters to a person
who acknowledges are the *decisive* versions: raised, raised again, worsened, gone, acknowledged, given back, hidden and
no longer hidden, closed, opened again. An alert keeps the newest of them; a command that expected an older version was
given without knowing it.

======================================  =====================  ========================================================
the alert now                           expected version       answer
======================================  =====================  ========================================================
there, nobody has it                    decisive or newer      DONE: acknowledged
there, nobody has it                    older                  STALE: it became worse, or came back; look, then decide
there, somebody has it                  any                    ALREADY_ACKED, with who and when
gone, nobody had it                     decisive or newer      DONE: seen afterwards, closes
gone, nobody had it                     older                  CLEARED_ALREADY: recorded as seen by this person, closes
closed, somebody had it                 any                    ALREADY_ACKED, with who and when
closed, nobody had it                   any                    CLEARED_ALREADY, reason CLOSED; no change
hidden                                  decisive or newer      REFUSED: take it from the shelf first
hidden                                  older                  STALE: it was hidden since
not known here                          any                    NOT_FOUND
any                                     newer than the alert   REFUSED: a version that was never shown
======================================  =====================  ========================================================
"""

from __future__ import annotations

from msgspec.structs import replace

from ioc.domain.alerts import Alert, Command, Outcome
from ioc.domain.lifecycle import move
from ioc.pipeline.answers import Answer, line, refuse
from ioc.pipeline.episodes import facts_of, stand


def decide(alert: Alert | None, command: Command, now_ms: int) -> Answer:
    """Answer one acknowledgement; exactly one answer for every command, changes included."""
    if alert is None or alert.key != command.key:
        return refuse(None, command, now_ms, None, "NOT_FOUND", "UNKNOWN_ALERT")
    if alert.closed:
        taken = alert.acked_by is not None
        return refuse(alert, command, now_ms, None, "ALREADY_ACKED" if taken else "CLEARED_ALREADY", "CLOSED")
    if command.expected_version > alert.version:
        return refuse(alert, command, now_ms, None, "REFUSED", "VERSION_NEVER_SHOWN")
    knew = command.expected_version >= alert.decisive_version
    step = move(facts_of(alert), "ACK")
    if not step.accepted and alert.suppression == "none":
        return refuse(alert, command, now_ms, None, "ALREADY_ACKED", step.reason)
    if (alert.active or alert.suppression != "none") and not knew:
        return refuse(alert, command, now_ms, None, "STALE", "CHANGED_SINCE")
    if not step.accepted:
        return refuse(alert, command, now_ms, None, "REFUSED", step.reason)
    after = replace(
        stand(alert, step.facts, now_ms),
        priority=alert.present_priority,
        acked_ms=now_ms,
        acked_by=command.actor,
        acked_by_display=command.actor_display,
        ack_note=command.note,
        decisive_version=alert.version + 1,
    )
    outcome: Outcome = "DONE" if knew else "CLEARED_ALREADY"
    return Answer(line(alert, after, command, now_ms, outcome, step.reason), after)
