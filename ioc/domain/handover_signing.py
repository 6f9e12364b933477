"""What a command does to a handover: notes, and the two signatures."""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct
from msgspec.structs import replace

from ioc.domain.alerts import LogEntry, Outcome
from ioc.domain.desk_commands import answer, bad_text, barred, is_old, transition
from ioc.domain.handover import KEY, SIGNERS, Handover, HandoverCommand, HandoverOp, ShiftNote, Signature
from ioc.domain.handover_digest import digest_hash, next_hash

NOTES_MAX = 100
WORDS: dict[HandoverOp, str] = {"note": "handover-note", "give": "handover-give", "take": "handover-take"}


class Decision(Struct, frozen=True):
    """The answer to a command, and the handover afterwards when the command changed it."""

    entry: LogEntry
    handover: Handover | None = None


def decide(known: Handover | None, command: HandoverCommand, now_ms: int, *, awake: bool = True) -> Decision:
    """Answer one command.

    Args:
        known: the handover of that id, if there is one.
        command: what is asked.
        now_ms: present.
        awake: has the desk read all that was told before its start? Until then the digest may be an old one.
    """
    if (bar := barred(command, SIGNERS)) is not None:
        return Decision(_entry(command, now_ms, *bar))
    if known is None:
        return Decision(_entry(command, now_ms, "NOT_FOUND", "UNKNOWN_HANDOVER"))
    if is_old(command, now_ms):
        return _refused(command, now_ms, "TOO_OLD")
    if command.op == "note":
        return _note(known, command, now_ms)
    if not awake:
        return _refused(command, now_ms, "STARTING")
    if command.op == "give":
        return _give(known, command, now_ms)
    return _take(known, command, now_ms)


def mismatch(command: HandoverCommand, now_ms: int) -> LogEntry:
    """The answer to another content under an id that was used."""
    return _entry(command, now_ms, "MISMATCH", "idempotency_mismatch")


def missed(handover: Handover, now_ms: int) -> LogEntry:
    """The line of the log that says that nobody signed in time."""
    said = f"digest={handover.digest_hash}"
    return transition(
        KEY, handover.id, "handover-missed", "NOT_SIGNED", now_ms, detail=said, from_state=handover.state
    )  # fmt: skip


def dropped(handover: Handover, now_ms: int) -> LogEntry:
    """The line that says that a draft went because nobody hands over any more; its notes are in lines of their own."""
    said = f"digest={handover.digest_hash}"
    return transition(
        KEY, handover.id, "handover-dropped", "NOT_IN_PROFILE", now_ms, detail=said, from_state=handover.state
    )  # fmt: skip


def slept(first: str, last: str, shifts: int, now_ms: int) -> LogEntry:
    """The line about shifts without a handover, because the desk did not run and there were too many.

    Args:
        first, last: ids that their handovers would have had.
        shifts: how many.
        now_ms: present.
    """
    return transition(KEY, first, "handover-missed", "DESK_DOWN", now_ms, detail=f"shifts={shifts} last={last}")


def _note(known: Handover, command: HandoverCommand, now_ms: int) -> Decision:
    if known.state == "missed" or (known.state == "draft" and now_ms >= known.missed_ms):
        return _refused(command, now_ms, "MISSED")
    if known.state != "draft":
        return _refused(command, now_ms, "LOCKED")
    if (wrong := bad_text(command.text, needed=True, lines=True)) is not None:
        return _refused(command, now_ms, wrong)
    if len(known.notes) >= NOTES_MAX:
        return _refused(command, now_ms, "TOO_MANY")
    said = ShiftNote(
        at_ms=now_ms, actor=command.actor, actor_display=command.actor_display, text=command.text.strip()
    )  # fmt: skip
    notes = (*known.notes, said)
    after = replace(known, notes=notes)
    return Decision(_entry(command, now_ms, "DONE", "NOTED"), replace(after, digest_hash=next_hash(after)))


def _give(known: Handover, command: HandoverCommand, now_ms: int) -> Decision:
    if (signed := known.given or known.taken) is not None:
        return Decision(_entry(command, now_ms, "ALREADY", "SIGNED", by=signed))
    if known.state == "missed" or now_ms >= known.missed_ms:
        return _refused(command, now_ms, "MISSED")
    if (bar := _off_roster(command, known.outgoing_accounts)) is not None:
        return _refused(command, now_ms, bar)
    if command.digest_hash not in ("", known.digest_hash):
        return Decision(_entry(command, now_ms, "STALE", "DIGEST_CHANGED", known.digest_hash))
    locked = digest_hash(known.digest, known.notes)
    signed = _signature(command, known.outgoing_accounts, locked, now_ms)
    after = replace(known, state="given", given=signed)
    entry = _entry(command, now_ms, "DONE", "GIVEN", locked, signed=signed)
    return Decision(entry, replace(after, digest_hash=next_hash(after)))


def _take(known: Handover, command: HandoverCommand, now_ms: int) -> Decision:
    if known.taken is not None:
        return Decision(_entry(command, now_ms, "ALREADY", "SIGNED", by=known.taken))
    if known.state == "missed" or now_ms >= known.missed_ms:
        return _refused(command, now_ms, "MISSED")
    if known.given is None and now_ms < known.shift_end_ms:
        return _refused(command, now_ms, "NOT_GIVEN")
    if known.given is not None and known.given.actor == command.actor:
        return _refused(command, now_ms, "SAME_PERSON")
    if (bar := _off_roster(command, known.incoming_accounts)) is not None:
        return _refused(command, now_ms, bar)
    if command.digest_hash != known.digest_hash:
        return Decision(_entry(command, now_ms, "STALE", "DIGEST_CHANGED", known.digest_hash))
    signed = _signature(command, known.incoming_accounts, known.digest_hash, now_ms)
    after = replace(known, state="taken", taken=signed)
    return Decision(_entry(command, now_ms, "DONE", "TAKEN", after.digest_hash, signed=signed), after)


def _off_roster(command: HandoverCommand, accounts: Collection[str]) -> str | None:
    """Why somebody may not sign for a shift whose people have these accounts; None: they may."""
    if _stands_in(command, accounts):
        return bad_text(command.reason, needed=True)
    if accounts and command.actor not in accounts:
        return "NOT_ON_ROSTER"
    return None


def _stands_in(command: HandoverCommand, accounts: Collection[str]) -> bool:
    """Who is on the roster stands in for nobody."""
    return command.standing_in and command.actor not in accounts


def _signature(command: HandoverCommand, accounts: Collection[str], signed: str, now_ms: int) -> Signature:
    return Signature(
        actor=command.actor,
        actor_display=command.actor_display,
        station=command.station,
        at_ms=now_ms,
        digest_hash=signed,
        standing_in=command.reason.strip() if _stands_in(command, accounts) else "",
    )


def _refused(command: HandoverCommand, now_ms: int, reason: str) -> Decision:
    return Decision(_entry(command, now_ms, "REFUSED", reason))


def _entry(
    command: HandoverCommand,
    now_ms: int,
    outcome: Outcome,
    reason: str,
    digest: str = "",
    *,
    by: Signature | None = None,
    signed: Signature | None = None,
) -> LogEntry:
    """The answer. ``by``: who had signed already; ``signed``: the signature that was given."""
    standing_in = signed.standing_in if signed else ""
    detail = f"digest={digest}" if digest else ""
    return answer(
        command,
        KEY,
        WORDS[command.op],
        outcome,
        reason,
        now_ms,
        note=command.text if command.op == "note" else standing_in,
        detail=f"{detail} standing_in" if standing_in else detail,
        by=by.actor if by else None,
        by_display=by.actor_display if by else None,
        by_at_ms=by.at_ms if by else None,
    )
