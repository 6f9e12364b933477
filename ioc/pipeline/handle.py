"""What each operation of a person does to an alert; exactly one answer for every command.

Acknowledging has rules of its own (:mod:`ioc.pipeline.acknowledge`). The others are answered alike:

===================  ===============================================================================================
``DONE``             it was done
``ALREADY``          it is so already, with who did it and when where that is known
``STALE``            the alert changed decisively since the version that the person saw: look, then decide
``CLEARED_ALREADY``  the alert closed meanwhile (a result is still recorded)
``NOT_FOUND``        no such alert here
``FORBIDDEN``        the role has no right to the operation
``REFUSED``          the command lacks something (a reason, a text), or the life cycle does not allow it; see the reason
===================  ===============================================================================================

Who asked more than five minutes ago does not expect it any more: what would still change the alert is ``REFUSED`` with
``TOO_OLD``, acknowledgements too.

What does not move an alert (comments, assignments, agencies sent, steps of a checklist) is never stale: two people who
comment do not disturb each other. Of two who take an alert the second hears who has it.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from ioc.domain.alerts import Alert, Command, LogEntry, Outcome
from ioc.domain.desk_commands import is_old
from ioc.domain.handling import REVIEW_MAX_S, SHELF_DEFAULT_S, SHIFT_S, Assignment, Done, Hidden, Op, Result, may
from ioc.domain.lifecycle import Event, move
from ioc.domain.plain_text import is_plain
from ioc.domain.profile import Rule
from ioc.pipeline import acknowledge, timed
from ioc.pipeline.answers import Answer, Who, line, refuse
from ioc.pipeline.episodes import HIDDEN_OCCURRENCE, facts_of, stand

EVENT_OF: dict[Op, Event] = {
    "ack": "ACK",
    "unack": "UNACK",
    "shelve": "SHELVE",
    "unshelve": "UNSHELVE",
    "out_of_service": "OUT",
    "return_to_service": "BACK",
    "reset": "RESET",
    "close": "CLOSE",
    "reopen": "REOPEN",
}
NEEDS_REASON: frozenset[Op] = frozenset({"unack", "shelve", "out_of_service", "reopen"})
# Refusals of the life cycle that say: what you ask for is so already.
_SO_ALREADY: dict[Op, str] = {
    "unack": "NOT_ACKED",
    "shelve": "SHELVED_NOW",
    "unshelve": "NOT_SHELVED",
    "out_of_service": "OUT_NOW",
    "return_to_service": "NOT_OUT",
    "reset": "NOT_LATCHED",
    "reopen": "OPEN",
}


class Around(Struct, frozen=True, kw_only=True):
    """What a decision needs to know beside the alert.

    Attributes:
        rule: of the alert; None when the rules do not have it any more.
        realarm_s: acknowledged and still there after so long, the alert asks anew; 0 never.
        insists: it asks anew also after it was closed with a result while it was there.
        agencies: ids of the profile's agencies.
        newest: is it the newest occurrence of its object, with no other one open?
        history: answers to earlier commands about the alert, as far as they are remembered.
    """

    rule: Rule | None = None
    realarm_s: float = 0.0
    insists: bool = False
    agencies: frozenset[str] = frozenset()
    newest: bool = True
    history: Sequence[LogEntry] = ()


def decide(alert: Alert | None, command: Command, around: Around, now_ms: int) -> Answer:
    """Answer one command."""
    answer = _decide(alert, command, around, now_ms)
    if answer.alert is not None and is_old(command, now_ms):
        return refuse(alert, command, now_ms, Who(), "REFUSED", "TOO_OLD")
    return answer


def _decide(alert: Alert | None, command: Command, around: Around, now_ms: int) -> Answer:
    if not _is_plain(command):
        return refuse(alert, command, now_ms, Who(), "REFUSED", "BAD_TEXT")
    if not command.actor:
        return refuse(alert, command, now_ms, None, "REFUSED", "NO_ACTOR")
    if not command.command_id:
        return refuse(alert, command, now_ms, None, "REFUSED", "NO_COMMAND_ID")
    if not may(command.role, command.op):
        return refuse(alert, command, now_ms, Who(), "FORBIDDEN", "forbidden")
    if command.op == "ack":
        return _with_realarm(acknowledge.decide(alert, command, now_ms), around, now_ms)
    if alert is None or alert.key != command.key:
        return refuse(None, command, now_ms, None, "NOT_FOUND", "UNKNOWN_ALERT")
    if (lacking := _lacking(command, around, now_ms)) is not None:
        return refuse(alert, command, now_ms, Who(), "REFUSED", lacking)
    if command.expected_version > alert.version:
        return refuse(alert, command, now_ms, Who(), "REFUSED", "VERSION_NEVER_SHOWN")
    if command.op in EVENT_OF:
        answer = _move(alert, command, around, now_ms)
        return _with_realarm(answer, around, now_ms) if command.op == "close" and around.insists else answer
    return _note(alert, command, now_ms)


def _is_plain(command: Command) -> bool:
    """No text with control characters; notes and reasons may have several lines."""
    names = (command.key, command.command_id, command.alert_id, command.actor, command.actor_display, command.role)
    arguments = (command.station, command.assignee, command.agency, command.item)
    return all(map(is_plain, (*names, *arguments))) and all(
        is_plain(text, lines=True) for text in (command.note or "", command.reason)
    )


def _with_realarm(answer: Answer, around: Around, now_ms: int) -> Answer:
    after = answer.alert
    if after is None or not after.active or around.realarm_s <= 0:
        return answer
    return replace(answer, alert=replace(after, realarm_ms=now_ms + round(around.realarm_s * 1000)))


def _lacking(command: Command, around: Around, now_ms: int) -> str | None:
    """Why the command cannot be carried out whatever the alert is; None when it is complete."""
    said: dict[Op, bool] = {
        "comment": bool(command.note and command.note.strip()),
        "assign": bool(command.assignee.strip()),
        "close": command.result is not None,
    }
    if command.op in NEEDS_REASON and not command.reason.strip():
        return "NO_REASON"
    if not said.get(command.op, True):
        return {"comment": "NO_TEXT", "assign": "NO_ASSIGNEE", "close": "NO_RESULT"}[command.op]
    if command.op == "dispatch" and command.agency not in around.agencies:
        return "UNKNOWN_AGENCY"
    steps = around.rule.checklist if around.rule is not None else ()
    if command.op == "step" and command.item not in {step.id for step in steps}:
        return "UNKNOWN_STEP"
    if command.op == "shelve" and command.for_s is not None and not 0 < command.for_s <= SHIFT_S:
        return "BAD_DURATION"
    if command.op == "out_of_service":
        ahead_ms = 0 if command.review_ms is None else command.review_ms - now_ms
        if not 0 < ahead_ms <= REVIEW_MAX_S * 1000:
            return "BAD_REVIEW"
    return None


# Operations that move the alert ------------------------------------------------------------------------------------


def _move(alert: Alert, command: Command, around: Around, now_ms: int) -> Answer:
    knew = command.expected_version >= alert.decisive_version
    if command.op == "close" and (result := alert.result) is not None:
        who = Who(result.by, result.by_display, result.at_ms)
        return refuse(alert, command, now_ms, who, "ALREADY", "HAS_RESULT")
    event = "SHELVE_ONCE" if command.op == "shelve" and command.once else EVENT_OF[command.op]
    step = move(facts_of(alert), event)
    if not step.accepted:
        if step.reason == _SO_ALREADY.get(command.op):
            who = _who_did(alert, command.op, around.history)
            return refuse(alert, command, now_ms, who, "ALREADY", step.reason)
        if step.reason == "CLOSED":
            return refuse(alert, command, now_ms, None, "CLEARED_ALREADY", "CLOSED")
        if not knew:
            return refuse(alert, command, now_ms, Who(), "STALE", "CHANGED_SINCE")
        return refuse(alert, command, now_ms, Who(), "REFUSED", step.reason)
    if alert.closed and command.op != "close":
        if not around.newest:
            return refuse(alert, command, now_ms, Who(), "REFUSED", "NEWER_OCCURRENCE")
        if not knew:
            return refuse(alert, command, now_ms, None, "CLEARED_ALREADY", "CLOSED")
    outcome: Outcome = "DONE"
    if not knew:
        if not alert.closed:
            return refuse(alert, command, now_ms, Who(), "STALE", "CHANGED_SINCE")
        outcome = "CLEARED_ALREADY"  # and the result is recorded
    if event in ("UNSHELVE", "BACK"):
        change = timed.unhide(alert, event, now_ms)
        entry = line(alert, change.alert, command, now_ms, outcome, change.reason)
        return Answer(entry, change.alert, unasked=change.what == HIDDEN_OCCURRENCE)
    after = stand(alert, step.facts, now_ms)
    after = _keep(alert, replace(after, decisive_version=after.version), command, now_ms)
    return Answer(line(alert, after, command, now_ms, outcome, step.reason), after)


def _keep(before: Alert, after: Alert, command: Command, now_ms: int) -> Alert:
    """What the alert remembers of the operation."""
    by, display = command.actor, command.actor_display
    if command.op == "shelve":
        length_s = command.for_s or (SHIFT_S if command.once else SHELF_DEFAULT_S)
        until_ms = now_ms + length_s * 1000
        hidden = Hidden(since_ms=now_ms, by=by, by_display=display, reason=command.reason, until_ms=until_ms)
        return replace(after, hidden=hidden)
    if command.op == "out_of_service":
        hidden = Hidden(since_ms=now_ms, by=by, by_display=display, reason=command.reason, review_ms=command.review_ms)
        return replace(after, hidden=hidden)
    if command.op == "close":
        assert command.result is not None  # by _lacking
        result = Result(code=command.result, by=by, by_display=display, at_ms=now_ms)
        after = replace(after, result=result, realarm_ms=None)
        if not before.acked:
            after = replace(
                after,
                priority=before.present_priority,
                acked_ms=now_ms,
                acked_by=by,
                acked_by_display=display,
                ack_note=command.note,
            )
        return after
    return after


def _who_did(alert: Alert, op: Op, history: Sequence[LogEntry]) -> Who:
    if op in ("shelve", "out_of_service") and alert.hidden is not None:
        return Who(alert.hidden.by, alert.hidden.by_display, alert.hidden.since_ms)
    for entry in reversed(history):
        if entry.what == op and entry.accepted:
            return Who(entry.actor, entry.actor_display, entry.at_ms)
    return Who()


# Operations that do not ----------------------------------------------------------------------------------------------


def _note(alert: Alert, command: Command, now_ms: int) -> Answer:
    if alert.closed and command.op != "comment":
        return refuse(alert, command, now_ms, None, "CLEARED_ALREADY", "CLOSED")
    after = stand(alert, facts_of(alert), now_ms)
    by, display = command.actor, command.actor_display
    if command.op == "comment":
        after = replace(after, comments=alert.comments + 1)
    elif command.op in ("assign", "take"):
        to, to_display = (by, display) if command.op == "take" else (command.assignee, command.assignee)
        had = alert.assigned
        if had is not None and (had.to == to or had.version > command.expected_version):
            who = Who(had.to, had.to_display, had.at_ms)
            theirs = had.to == to
            return refuse(alert, command, now_ms, who, "ALREADY", "ASSIGNED_TO_THEM" if theirs else "ASSIGNED_SINCE")
        assigned = Assignment(
            to=to, to_display=to_display, by=by, by_display=display, at_ms=now_ms, version=after.version
        )
        after = replace(after, assigned=assigned)
    else:
        what, field = (command.agency, "dispatched") if command.op == "dispatch" else (command.item, "steps")
        done: tuple[Done, ...] = getattr(alert, field)
        for one in done:
            if one.what == what and not one.earlier:
                who = Who(one.by, one.by_display, one.at_ms)
                return refuse(alert, command, now_ms, who, "ALREADY", "DONE_BEFORE")
        others = (one for one in done if one.what != what)
        after = replace(after, **{field: (*others, Done(what=what, by=by, by_display=display, at_ms=now_ms))})
    return Answer(line(alert, after, command, now_ms, "DONE", "NOTED"), after)
