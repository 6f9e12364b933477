"""What people do to incidents by hand: lead one, name it, note something, merge two, split alerts off. Decisions."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec import Struct
from msgspec.structs import replace

from ioc.domain import incident_races as races
from ioc.domain.alerts import LogEntry, Outcome
from ioc.domain.desk_commands import answer, bad_text, barred, is_old
from ioc.domain.grouping import TITLE_MAX
from ioc.domain.incident_grouping import MEMBERS_MAX
from ioc.domain.incident_life import close, incident_id, names_text, priority_of, with_line, with_members
from ioc.domain.incident_races import Faster
from ioc.domain.incidents import HANDLERS, KEY, Incident, IncidentCommand, Line, LineWord, Member

INCIDENTS_MAX = 200  # open at once; more are not opened, their alerts stay single: nobody reads a longer list
_TEXTS = {"NO_REASON": "NO_TEXT", "LONG_REASON": "LONG_TEXT"}
_DONE = {
    "take": "TAKEN", "release": "RELEASED", "rename": "RENAMED", "note": "NOTED", "merge": "MERGED", "split": "SPLIT",
}  # fmt: skip


class Decision(Struct, frozen=True):
    """The answer to a command, and what it changed.

    ``changed``: incidents as they are afterwards, the commanded one first; ``split``: alerts that nothing brings back
    by itself.
    """

    entry: LogEntry
    changed: tuple[Incident, ...] = ()
    split: tuple[str, ...] = ()


class Around(Struct, frozen=True, kw_only=True):
    """What a decision needs to know beside the command.

    Attributes:
        incidents: all that are known, ended ones too.
        opened: how many are open.
        number: of the next incident.
        split: ids of alerts that were split off by hand.
    """

    incidents: Mapping[str, Incident]
    opened: int
    number: int
    split: Collection[str] = frozenset()


def decide(around: Around, command: IncidentCommand, now_ms: int) -> Decision:
    """Answer one command. ``now_ms``: present."""
    known = around.incidents.get(command.incident_id)
    decision = _decide(known, around, command, now_ms)
    if known is None or known.exercise is None:
        return decision
    return Decision(replace(decision.entry, exercise=known.exercise), decision.changed, decision.split)


def mismatch(command: IncidentCommand, now_ms: int) -> LogEntry:
    """The answer to another content under an id that was used."""
    return _answer(command, now_ms, "MISMATCH", "idempotency_mismatch")


def _decide(known: Incident | None, around: Around, command: IncidentCommand, now_ms: int) -> Decision:
    if (bar := barred(command, HANDLERS)) is not None:
        return Decision(_answer(command, now_ms, *bar))
    if known is None:
        return Decision(_answer(command, now_ms, "NOT_FOUND", "UNKNOWN_INCIDENT"))
    if is_old(command, now_ms):
        return _refuse(command, now_ms, "TOO_OLD")
    if (faster := races.gone(around.incidents, known, command)) is not None:
        return _late(command, now_ms, faster)
    if command.op == "note":
        return _note(known, command, now_ms)  # also of one that is over: it is read for a day
    if known.state == "closed":
        return _refuse(command, now_ms, "CLOSED")
    if command.op == "merge":
        return _merge(known, around, command, now_ms)
    if command.op == "split":
        return _split(known, around, command, now_ms)
    if command.op == "rename":
        return _rename(known, command, now_ms)
    return _lead(known, command, now_ms)


def _lead(known: Incident, command: IncidentCommand, now_ms: int) -> Decision:
    """Who takes what another one leads takes it over, and may release it for them, when they saw who it is."""
    if (faster := races.lost_lead(known, command)) is not None:
        return _late(command, now_ms, faster)
    before = known.owner_display or known.owner or ""
    if command.op == "take":
        if known.owner == command.actor:
            return _late(command, now_ms, races.led_by(known, outcome="ALREADY"))
        after = replace(
            known, owner=command.actor, owner_display=command.actor_display, owner_since_ms=now_ms
        )  # fmt: skip
        return _done(command, now_ms, with_line(after, _line(command, "took", now_ms, text=before)))
    if known.owner is None:
        return _late(command, now_ms, races.by_line(races.last(known, "released"), "NO_OWNER"))
    after = replace(known, owner=None, owner_display=None, owner_since_ms=None)
    return _done(command, now_ms, with_line(after, _line(command, "released", now_ms, text=before)))


def _rename(known: Incident, command: IncidentCommand, now_ms: int) -> Decision:
    title = command.text.strip()
    if (wrong := bad_text(title, needed=True)) is not None:
        return _refuse(command, now_ms, _TEXTS.get(wrong, wrong))
    if len(title) > TITLE_MAX:
        return _refuse(command, now_ms, "LONG_TEXT")
    if known.title_vi == known.title_en == title:
        return _late(command, now_ms, races.by_line(races.last(known, "renamed"), "SAME_TITLE"))
    if (faster := races.renamed(known, command)) is not None:
        return _late(command, now_ms, faster)
    line = _line(command, "renamed", now_ms, text=title)
    return _done(command, now_ms, with_line(replace(known, title_vi=title, title_en=title), line))


def _note(known: Incident, command: IncidentCommand, now_ms: int) -> Decision:
    if (wrong := bad_text(command.text, needed=True, lines=True)) is not None:
        return _refuse(command, now_ms, _TEXTS.get(wrong, wrong))
    return _done(command, now_ms, with_line(known, _line(command, "noted", now_ms, text=command.text.strip())))


def _merge(known: Incident, around: Around, command: IncidentCommand, now_ms: int) -> Decision:
    """The members of the other one move, and the other one closes. What the named one collects is now both's.

    Who leads the other one leads on, where nobody leads this one.
    """
    other = around.incidents.get(command.other)
    if command.other == known.id:
        return _refuse(command, now_ms, "SAME")
    if other is None:
        return Decision(_answer(command, now_ms, "NOT_FOUND", "UNKNOWN_INCIDENT"))
    if (faster := races.other_gone(around.incidents, known, other)) is not None:
        return _late(command, now_ms, faster)
    if other.state == "closed":
        return _refuse(command, now_ms, "CLOSED")
    if other.exercise != known.exercise:
        return _refuse(command, now_ms, "OTHER_DRILL")
    there = {one.alert_id: one for one in known.members}
    for one in other.members:
        if one.alert_id not in there or one.left_ms is None:
            there[one.alert_id] = one
    if len(there) > MEMBERS_MAX:
        return _refuse(command, now_ms, "TOO_MANY")
    led = "" if other.owner in (None, known.owner) else f"{'other_' if known.owner else ''}owner={other.owner}"
    by = other.owner_display or other.owner or ""
    line = _line(command, "merged", now_ms, about=other.id, text=by if led else "")
    after = with_line(known, line)
    if known.owner is None:
        after = replace(
            after, owner=other.owner, owner_display=other.owner_display, owner_since_ms=other.owner_since_ms
        )  # fmt: skip
    after = with_members(after, there.values(), now_ms)
    gone = with_line(replace(other, members=()), _line(command, "merged", now_ms, about=known.id))
    return _done(command, now_ms, after, close(gone, now_ms, merged_into=known.id), led=led)


def _split(known: Incident, around: Around, command: IncidentCommand, now_ms: int) -> Decision:
    names = tuple(dict.fromkeys(command.alert_ids))
    if not names:
        return _refuse(command, now_ms, "NO_ALERTS")
    still = {one.alert_id for one in known.members if one.left_ms is None}
    if not still.issuperset(names):
        faster = races.moved(around.incidents, known, names, around.split)
        if faster is not None:
            return _late(command, now_ms, faster)
        return _refuse(command, now_ms, "NOT_MEMBER")
    if still == set(names):
        return _refuse(command, now_ms, "ALL")  # nothing would be left; a rename says the same
    if len(names) > 1 and around.opened >= INCIDENTS_MAX:
        return _refuse(command, now_ms, "TOO_MANY")
    taken = tuple(one for one in known.members if one.alert_id in names)
    made = _split_off(known, taken, around.number, command, now_ms) if len(names) > 1 else None
    about = made.id if made is not None else names[0]
    after = with_line(known, _line(command, "split", now_ms, about=about))
    after = with_members(after, (one for one in known.members if one.alert_id not in names), now_ms)
    return _done(command, now_ms, after, *(() if made is None else (made,)), split=names, into=about)


def _split_off(
    known: Incident, members: tuple[Member, ...], number: int, command: IncidentCommand, now_ms: int
) -> Incident:
    return Incident(
        id=incident_id("split", command.command_id),
        number=number,
        group="",
        title_vi=known.title_vi,
        title_en=known.title_en,
        priority=priority_of(members),
        members=tuple(replace(one, joined_ms=now_ms) for one in members),
        opened_ms=now_ms,
        changed_ms=now_ms,
        timeline=(_line(command, "opened", now_ms, about=known.id),),
        exercise=known.exercise,
    )


def _line(command: IncidentCommand, word: LineWord, now_ms: int, *, about: str = "", text: str = "") -> Line:
    return Line(
        at_ms=now_ms, word=word, about=about, text=text, actor=command.actor, actor_display=command.actor_display
    )


def _done(
    command: IncidentCommand,
    now_ms: int,
    *changed: Incident,
    split: tuple[str, ...] = (),
    into: str = "",
    led: str = "",
) -> Decision:
    return Decision(_answer(command, now_ms, "DONE", _DONE[command.op], into=into, led=led), changed, split)


def _late(command: IncidentCommand, now_ms: int, faster: Faster) -> Decision:
    return Decision(_answer(command, now_ms, faster.outcome, faster.reason, faster))


def _refuse(command: IncidentCommand, now_ms: int, reason: str) -> Decision:
    return Decision(_answer(command, now_ms, "REFUSED", reason))


def _answer(
    command: IncidentCommand,
    now_ms: int,
    outcome: Outcome,
    reason: str,
    faster: Faster | None = None,
    *,
    into: str = "",
    led: str = "",
) -> LogEntry:
    into = into or (faster.into if faster else "")
    said = [f"into={into}"] if into else []
    if command.op == "merge":
        said += [f"other={command.other}", *([led] if led else [])]
    if command.op == "split":
        said.append(names_text(command.alert_ids))
    return answer(
        command,
        KEY,
        f"incident-{command.op}",
        outcome,
        reason,
        now_ms,
        note=command.text,
        detail=" ".join(said),
        by=faster.by if faster else None,
        by_display=faster.by_display if faster else None,
        by_at_ms=faster.by_at_ms if faster else None,
    )
