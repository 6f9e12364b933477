"""What a command does to an alert: it is answered by comparison with what the person had seen.

``expected_version`` is the version on the person's screen. Most versions differ by figures only (a new value, a count,
a milder level, blind, seen again) and those must not refuse anybody. What matters to a person who acknowledges are the
*decisive* versions: raised, raised again, worsened, gone, acknowledged. An alert keeps the newest of them; a command
that expected an older version was given without knowing it.

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
not known here                          any                    NOT_FOUND
any                                     newer than the alert   REFUSED: a version that was never shown
======================================  =====================  ========================================================
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from ioc.domain.alerts import Alert, Command, LogEntry, Outcome
from ioc.domain.lifecycle import move
from ioc.pipeline.episodes import facts_of


class Answer(Struct, frozen=True):
    """The line of the log that answers a command, and the alert afterwards when it changed."""

    entry: LogEntry
    alert: Alert | None


def decide(alert: Alert | None, command: Command, now_ms: int) -> Answer:
    """Answer one acknowledgement; exactly one answer for every command, changes included."""
    if not command.actor or not command.command_id:
        return _refuse(alert, command, now_ms, "REFUSED", "NO_ACTOR" if not command.actor else "NO_COMMAND_ID")
    if alert is None or alert.key != command.key:
        return _refuse(None, command, now_ms, "NOT_FOUND", "UNKNOWN_ALERT")
    if alert.closed:
        taken = alert.acked_by is not None
        return _refuse(alert, command, now_ms, "ALREADY_ACKED" if taken else "CLEARED_ALREADY", "CLOSED")
    if command.expected_version > alert.version:
        return _refuse(alert, command, now_ms, "REFUSED", "VERSION_NEVER_SHOWN")
    if alert.active and alert.acked:
        return _refuse(alert, command, now_ms, "ALREADY_ACKED", "ALREADY_ACKED")
    knew = command.expected_version >= alert.decisive_version
    if alert.active and not knew:
        return _refuse(alert, command, now_ms, "STALE", "CHANGED_SINCE")
    step = move(facts_of(alert), "ACK")
    if not step.accepted:
        return _refuse(alert, command, now_ms, "REFUSED", step.reason)
    version = alert.version + 1
    after = replace(
        alert,
        version=version,
        state=step.facts.state,
        active=step.facts.active,
        acked=step.facts.acked,
        closed=step.facts.closed,
        priority=alert.present_priority,
        acked_ms=now_ms,
        acked_by=command.actor,
        acked_by_display=command.actor_display,
        ack_note=command.note,
        updated_ms=now_ms,
        decisive_version=version,
    )
    outcome: Outcome = "DONE" if knew else "CLEARED_ALREADY"
    return Answer(_entry(alert, after, command, now_ms, outcome, step.reason), after)


def _refuse(alert: Alert | None, command: Command, now_ms: int, outcome: Outcome, reason: str) -> Answer:
    return Answer(_entry(alert, None, command, now_ms, outcome, reason), None)


def _entry(
    before: Alert | None, after: Alert | None, command: Command, now_ms: int, outcome: Outcome, reason: str
) -> LogEntry:
    stands = after or before
    winner = before if after is None else None  # whoever had it before this command
    return LogEntry(
        id=f"{command.alert_id}/command/{command.command_id}",
        alert_id=command.alert_id,
        key=command.key,
        kind="command",
        what=command.op,
        accepted=after is not None,
        at_ms=now_ms,
        version=stands.version if stands else 0,
        from_state=before.state if before else "",
        to_state=stands.state if stands else "",
        priority=stands.priority if stands else 4,
        reason=reason,
        actor=command.actor,
        actor_display=command.actor_display,
        station=command.station,
        note=command.note,
        command_id=command.command_id,
        outcome=outcome,
        by=winner.acked_by if winner else None,
        by_display=winner.acked_by_display if winner else None,
        by_at_ms=winner.acked_ms if winner else None,
        exercise=stands.exercise if stands else None,
    )
