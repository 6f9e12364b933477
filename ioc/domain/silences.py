"""Silences: a person says for a while that nobody need be asked about some alerts, and why. Values and decisions.

A silence has an owner, a reason and an end, never later than one shift; what it hides stays visible with all three, and
it counts what it hid. So nobody can forget one: it ends by itself, and says so ten minutes before.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from ioc.domain.alerts import LogEntry, Outcome
from ioc.domain.desk_commands import TEXT_MAX, Command, answer, bad_text, barred, is_old, transition
from ioc.domain.handling import SHIFT_S
from ioc.domain.matcher import Matcher, Names
from ioc.domain.matcher import problems as matcher_problems

SILENCERS = frozenset({"dispatcher", "admin"})
KEY = "silence|"
"""How the ``key`` of a line of the log about a silence begins; there is no alert to such a line."""
ENDING_MS = 600_000  # a silence is said to end so long before
KEPT_MS = 86_400_000  # an ended silence stays readable for a day; the log has it for ever
SILENCES_MAX = 200  # running at once; more are refused: nobody could tell any more what is hidden

SilenceOp = Literal["create", "expire"]
WORDS: dict[SilenceOp, str] = {"create": "silence", "expire": "unsilence"}


class SilenceCommand(Command, frozen=True, kw_only=True, tag="silence", tag_field="kind"):
    """What a person wants done to a silence. ``command_id`` makes a repeat harmless.

    ``create`` reads ``matcher``, ``reason`` and ``for_s`` (seconds, at most a shift); ``expire`` names the silence.
    ``silence_id`` of a new one is :func:`silence_id` of its command.
    """

    op: SilenceOp
    silence_id: str
    matcher: Matcher = Matcher()
    reason: str = ""
    for_s: int = 0

    @property
    def subject_id(self) -> str:
        """Id of the silence."""
        return self.silence_id

    @property
    def asked(self) -> tuple[object, ...]:
        """See the base."""
        return (
            self.op,
            self.silence_id,
            self.matcher,
            self.reason,
            self.for_s,
        )


class Silence(Struct, frozen=True, kw_only=True):
    """A silence as it stands; ``silence/<id>`` of the topic ``desk``.

    ``ending`` from ten minutes before ``end_ms`` on; ``count``: alerts it hid, each once. ``ended_ms`` and ``ended_by``
    once it is over; without a person its time was over.
    """

    id: str
    matcher: Matcher
    reason: str
    owner: str
    owner_display: str
    start_ms: int
    end_ms: int
    state: Literal["active", "expired"] = "active"
    ending: bool = False
    count: int = 0
    ended_ms: int | None = None
    ended_by: str | None = None
    ended_by_display: str | None = None


class Decision(Struct, frozen=True):
    """The answer to a command, and the silence afterwards when the command changed one."""

    entry: LogEntry
    silence: Silence | None = None


def silence_id(command_id: str) -> str:
    """Id of the silence that a command creates: ``S-`` and 16 hexadecimal digits."""
    return "S-" + sha256(command_id.encode()).hexdigest()[:16]


def decide(known: Silence | None, running: int, command: SilenceCommand, names: Names, now_ms: int) -> Decision:
    """Answer one command.

    Args:
        known: the silence of that id, if there is one.
        running: how many run now.
        command: what is asked.
        names: of the profile.
        now_ms: present.
    """
    if (bar := barred(command, SILENCERS)) is not None:
        return _answer(command, now_ms, *bar)
    if command.op == "expire":
        return _expire(known, command, now_ms)
    if known is not None or command.silence_id != silence_id(command.command_id):
        return _answer(command, now_ms, "REFUSED", "BAD_ID")
    if (lacking := _lacking(command, names)) is not None:
        return _answer(command, now_ms, "REFUSED", lacking)
    if is_old(command, now_ms):
        return _answer(command, now_ms, "REFUSED", "TOO_OLD")
    if running >= SILENCES_MAX:
        return _answer(command, now_ms, "REFUSED", "TOO_MANY")
    made = Silence(
        id=command.silence_id,
        matcher=command.matcher,
        reason=command.reason.strip(),
        owner=command.actor,
        owner_display=command.actor_display,
        start_ms=now_ms,
        end_ms=now_ms + command.for_s * 1000,
    )
    return Decision(_answer(command, now_ms, "DONE", "SILENCED").entry, made)


def _lacking(command: SilenceCommand, names: Names) -> str | None:
    if (wrong := bad_text(command.reason, needed=True)) is not None:
        return wrong
    if not 0 < command.for_s <= SHIFT_S:
        return "BAD_DURATION"
    if command.matcher.empty:
        return "NO_CONDITION"
    if any(True for _ in matcher_problems(command.matcher, names)):
        return "UNKNOWN_NAME"
    return None


def _expire(known: Silence | None, command: SilenceCommand, now_ms: int) -> Decision:
    if known is None:
        return _answer(command, now_ms, "NOT_FOUND", "UNKNOWN_SILENCE")
    if known.state == "expired":
        return _answer(command, now_ms, "ALREADY", "ENDED", known)
    after = end(known, now_ms, command.actor, command.actor_display)
    return Decision(_answer(command, now_ms, "DONE", "UNSILENCED").entry, after)


def end(silence: Silence, now_ms: int, by: str | None = None, by_display: str | None = None) -> Silence:
    """The silence when it is over: by a person, or because its time is."""
    return replace(
        silence, state="expired", ending=False, ended_ms=now_ms, ended_by=by, ended_by_display=by_display
    )  # fmt: skip


def mismatch(command: SilenceCommand, now_ms: int) -> LogEntry:
    """The answer to another content under an id that was used."""
    return _answer(command, now_ms, "MISMATCH", "idempotency_mismatch").entry


def _answer(
    command: SilenceCommand, now_ms: int, outcome: Outcome, reason: str, won: Silence | None = None
) -> Decision:
    return Decision(
        answer(
            command,
            KEY,
            WORDS[command.op],
            outcome,
            reason,
            now_ms,
            note=command.reason,
            detail=detail(command),
            by=won.ended_by if won else None,
            by_display=won.ended_by_display if won else None,
            by_at_ms=won.ended_ms if won else None,
        )
    )


def detail(command: SilenceCommand) -> str:
    """What a new silence is about and for how long: ``rules=congestion areas=731 for=1800``; empty for an end."""
    if command.op == "expire":
        return ""
    return f"{about(command.matcher)[:TEXT_MAX]} for={command.for_s}".strip()


def about(matcher: Matcher) -> str:
    """A matcher in one line, its conditions only."""
    lists = ("rules", "types", "centres", "areas", "sites", "feeds")
    said = [f"{name}={','.join(getattr(matcher, name))}" for name in lists if getattr(matcher, name)]
    return " ".join([*said, f"priority={matcher.priority}"] if matcher.priority > 1 else said)


def news(silence: Silence, what: Literal["silence-ending", "silence-ended"], now_ms: int) -> LogEntry:
    """The line of the log that says that a silence ends soon, or that its time is over."""
    reason = "TIME_OVER" if what == "silence-ended" else "ENDS_SOON"
    said = f"{about(silence.matcher)} count={silence.count} until={silence.end_ms}"
    return transition(KEY, silence.id, what, reason, now_ms, detail=said)
