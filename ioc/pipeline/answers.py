"""The line of the log that answers a command, accepted or not."""

from __future__ import annotations

from msgspec import Struct

from ioc.domain.alerts import Alert, Command, LogEntry, Outcome
from ioc.domain.plain_text import made_plain


class Answer(Struct, frozen=True):
    """The line of the log that answers a command, the alert afterwards when it changed, and what else happened by it.

    ``unasked``: what went away behind a shelf closed by this command; the log has a line of its own about it.
    """

    entry: LogEntry
    alert: Alert | None
    unasked: bool = False


class Who(Struct, frozen=True):
    """Who did before what a command asks for, and when; None when it is not known."""

    by: str | None = None
    by_display: str | None = None
    at_ms: int | None = None


def acked_by(alert: Alert | None) -> Who:
    """Who acknowledged an alert."""
    return Who() if alert is None else Who(alert.acked_by, alert.acked_by_display, alert.acked_ms)


def refuse(
    alert: Alert | None, command: Command, now_ms: int, who: Who | None, outcome: Outcome, reason: str
) -> Answer:
    """An answer that changes nothing; without ``who`` it names who acknowledged the alert."""
    return Answer(line(alert, None, command, now_ms, outcome, reason, who or acked_by(alert)), None)


def line(
    before: Alert | None,
    after: Alert | None,
    command: Command,
    now_ms: int,
    outcome: Outcome,
    reason: str,
    who: Who | None = None,
) -> LogEntry:
    """The line; ``after`` None when nothing changed. What no history could keep of a text is replaced in it."""
    stands = after or before
    alert_id, command_id = made_plain(command.alert_id), made_plain(command.command_id)
    ident = f"{alert_id}/command/{command_id}"
    who = who or Who()
    return LogEntry(
        # Two contents under one id are two lines. A mismatch is not remembered: each time that it comes is a line.
        id=f"{ident}/{command.digest}/{now_ms}/{stands.version if stands else 0}" if outcome == "MISMATCH" else ident,
        alert_id=alert_id,
        key=made_plain(command.key),
        kind="command",
        what=command.op,
        accepted=after is not None,
        at_ms=now_ms,
        version=stands.version if stands else 0,
        from_state=before.state if before else "",
        to_state=stands.state if stands else "",
        priority=stands.priority if stands else 4,
        reason=reason,
        actor=made_plain(command.actor),
        actor_display=made_plain(command.actor_display),
        role=made_plain(command.role),
        station=made_plain(command.station),
        note=made_plain("\n".join(text for text in (command.reason, command.note) if text)) or None,
        detail=made_plain(detail(command)),
        command_id=command_id,
        digest=command.digest,
        outcome=outcome,
        by=who.by,
        by_display=who.by_display,
        by_at_ms=who.at_ms,
        exercise=stands.exercise if stands else None,
    )


def detail(command: Command) -> str:
    """What a command was about beside its alert, in one word; empty when nothing."""
    if command.op == "shelve":
        length = "" if command.for_s is None else str(command.for_s)
        return f"once {length}".rstrip() if command.once else length
    if command.op == "out_of_service":
        return "" if command.review_ms is None else str(command.review_ms)
    said = {"assign": command.assignee, "take": command.actor, "dispatch": command.agency, "step": command.item}
    return said.get(command.op, command.result or "" if command.op == "close" else "")
