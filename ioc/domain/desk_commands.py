"""Commands of people that the desk carries out (silences, incidents, handovers): what all of them have in common.

A command names its subject by an id, and is answered by exactly one line of the alert log, whose ``key`` begins with
one of ``KEYS``: there is no alert to such a line.
"""

from __future__ import annotations

from collections.abc import Collection
from hashlib import sha256

from msgspec import Struct

from ioc.domain.alerts import Command as AlertCommand
from ioc.domain.alerts import LogEntry, Outcome
from ioc.domain.plain_text import is_plain

KEYS = ("silence|", "incident|", "handover|", "flood|")
"""How the ``key`` of a line of the log about a silence, an incident, a handover or the flood begins; its id follows."""
TEXT_MAX = 500  # characters of a reason or a note
COMMAND_OLD_MS = 300_000  # who asked so long ago does not expect it any more


class Command(Struct, frozen=True, kw_only=True):
    """What every command to the desk carries.

    ``command_id`` makes a repeat harmless; ``sent_ms``: when the gateway took it, 0 when nobody knows.
    """

    command_id: str
    actor: str
    actor_display: str
    role: str = ""
    station: str = ""
    sent_ms: int = 0

    @property
    def subject_id(self) -> str:
        """Id of the silence, incident or handover."""
        raise NotImplementedError

    @property
    def asked(self) -> tuple[object, ...]:
        """What is asked, without who asks."""
        raise NotImplementedError

    @property
    def digest(self) -> str:
        """What is asked, and by whom, as 16 hexadecimal digits: a repeat has the same, from any station."""
        return sha256(repr((*self.asked, self.actor)).encode()).hexdigest()[:16]


def is_about_desk(entry: LogEntry) -> bool:
    """Is a line of the log about something of the desk, and so about no single alert?"""
    return entry.key.startswith(KEYS)


def answer(
    command: Command,
    key: str,
    what: str,
    outcome: Outcome,
    reason: str,
    now_ms: int,
    *,
    note: str = "",
    detail: str = "",
    by: str | None = None,
    by_display: str | None = None,
    by_at_ms: int | None = None,
) -> LogEntry:
    """The line of the log that answers a command.

    Args:
        command: what was asked.
        key: one of ``KEYS``.
        what: the word of the log.
        outcome, reason: the answer; ``DONE`` is accepted, everything else is not.
        now_ms: present.
        note: what the person wrote; cut to 500 characters.
        detail: what the command was about.
        by, by_display, by_at_ms: who had done it already, and when.
    """
    ident = f"{command.subject_id}/command/{command.command_id}"
    return LogEntry(
        id=f"{ident}/{command.digest}" if outcome == "MISMATCH" else ident,
        alert_id=command.subject_id,
        key=key + command.subject_id,
        kind="command",
        what=what,
        accepted=outcome == "DONE",
        at_ms=now_ms,
        reason=reason,
        actor=command.actor,
        actor_display=command.actor_display,
        role=command.role,
        station=command.station,
        note=note.strip()[:TEXT_MAX] or None,
        detail=detail,
        command_id=command.command_id,
        digest=command.digest,
        outcome=outcome,
        by=by,
        by_display=by_display,
        by_at_ms=by_at_ms,
    )


def transition(
    key: str,
    subject_id: str,
    what: str,
    reason: str,
    now_ms: int,
    *,
    about: str = "",
    detail: str = "",
    from_state: str = "",
    priority: int = 4,
    exercise: str | None = None,
) -> LogEntry:
    """The line of the log about something of the desk that happened by itself.

    Args:
        key: one of ``KEYS``.
        subject_id: id of what it is about.
        what: the word of the log; with ``about`` before it the id of the line, which no other line may have.
        reason: code.
        now_ms: present.
        about: ``subject_id`` when left out.
        detail: figures in words.
        from_state, priority, exercise: of the subject, where it has such.
    """
    return LogEntry(
        id=f"{about or subject_id}/{what}",
        alert_id=subject_id,
        key=key + subject_id,
        kind="transition",
        what=what,
        accepted=True,
        at_ms=now_ms,
        from_state=from_state,
        priority=priority,
        reason=reason,
        detail=detail,
        exercise=exercise,
    )


def barred(command: Command, roles: Collection[str]) -> tuple[Outcome, str] | None:
    """Outcome and reason where nobody may command so, whatever is asked; None: go on. ``roles``: who may."""
    if not command.actor:
        return ("REFUSED", "NO_ACTOR")
    if not command.command_id:
        return ("REFUSED", "NO_COMMAND_ID")
    return None if command.role in roles else ("FORBIDDEN", "forbidden")


def is_old(command: Command | AlertCommand, now_ms: int) -> bool:
    """Was it asked so long ago that nobody expects it any more? Not when nobody knows when that was."""
    return bool(command.sent_ms) and now_ms - command.sent_ms > COMMAND_OLD_MS


def bad_text(text: str, *, needed: bool = False, lines: bool = False) -> str | None:
    """Reason code of what is wrong with a text that a person wrote; None when nothing is.

    Args:
        text: as it came.
        needed: it must not be empty.
        lines: it may have line feeds and tabs.
    """
    said = text.strip()
    if needed and not said:
        return "NO_REASON"
    if not is_plain(said, lines=lines):
        return "BAD_TEXT"
    return "LONG_REASON" if len(said) > TEXT_MAX else None
