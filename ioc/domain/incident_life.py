"""How an incident changes with its alerts: it opens, alerts join, change and leave, it closes. Decisions.

Each function takes the incident and gives it as it is afterwards; one that changes nothing gives the same object. When
its last alert has left it is :func:`empty`, and closes a moment later: a new occurrence of the same object that
supersedes this alert comes right after it, and goes on in its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

from msgspec.structs import replace

from ioc.domain import drills
from ioc.domain.alerts import Alert, LogEntry, Priority
from ioc.domain.desk_commands import TEXT_MAX, transition
from ioc.domain.grouping import Group
from ioc.domain.incidents import KEY, Incident, Line, Member

ROW_MAX = TEXT_MAX - 25  # characters of names in a line of the log; "part=500/500 alerts=" stands before them
TIMELINE_MAX = 100  # lines; the oldest go, the log has commands, opening and closing for ever


def incident_id(*parts: str) -> str:
    """``I-`` and 16 hexadecimal digits, of the group and the first members, or of the command that made it."""
    return "I-" + sha256(repr(parts).encode()).hexdigest()[:16]


def open_of(group: Group, alerts: Sequence[Alert], name: str, number: int, now_ms: int) -> Incident:
    """The incident that alerts of a group make. ``name``: its id; ``alerts``: not empty."""
    members = tuple(member_of(alert, now_ms) for alert in alerts)
    return Incident(
        id=name,
        number=number,
        group=group.id,
        title_vi=group.title_vi,
        title_en=group.title_en,
        priority=priority_of(members),
        members=members,
        opened_ms=now_ms,
        changed_ms=now_ms,
        timeline=(Line(at_ms=now_ms, word="opened"),),
        exercise=alerts[0].exercise,
    )


def member_of(alert: Alert, joined_ms: int, left_ms: int | None = None) -> Member:
    """An alert as a member."""
    return Member(
        alert_id=alert.id,
        key=alert.key,
        rule=alert.rule,
        centre=alert.centre,
        area=alert.area,
        priority=alert.priority,
        acked=alert.acked,
        hidden=alert.suppression != "none" or bool(alert.muted_by),
        title_vi=alert.title_vi,
        title_en=alert.title_en,
        place_vi=alert.place_vi,
        place_en=alert.place_en,
        lon=alert.lon,
        lat=alert.lat,
        raised_ms=alert.raised_ms,
        joined_ms=joined_ms,
        left_ms=left_ms,
    )


def priority_of(members: Iterable[Member]) -> Priority:
    """The worst of those that are still open and not hidden; of all when none is; 4 of none at all."""
    all_of = list(members)
    asking = [one.priority for one in all_of if _counts(one)]
    return min(asking or (one.priority for one in all_of), default=4)


def join(incident: Incident, alert: Alert, now_ms: int) -> Incident:
    """The alert is a member from now on."""
    return _with(incident, (*incident.members, member_of(alert, now_ms)), now_ms, joined=alert.id)


def update(incident: Incident, alert: Alert, now_ms: int) -> Incident:
    """A member changed: it is told anew, came back after it had closed, or closed."""
    at = next((n for n, one in enumerate(incident.members) if one.alert_id == alert.id), None)
    if at is None or incident.state == "closed":
        return incident
    before = incident.members[at]
    left_ms = None if not alert.closed else now_ms if before.left_ms is None else before.left_ms
    after = member_of(alert, before.joined_ms, left_ms)
    if after == before:
        return incident
    return _moved(incident, at, after, now_ms)


def lose(incident: Incident, alert_id: str, now_ms: int) -> Incident:
    """Nobody has told of a member for so long that it must have closed."""
    at = next((n for n, one in enumerate(incident.members) if one.alert_id == alert_id), None)
    if at is None or incident.state == "closed" or incident.members[at].left_ms is not None:
        return incident
    return _moved(incident, at, replace(incident.members[at], left_ms=now_ms), now_ms)


def succeed(incident: Incident, superseded: str, alert: Alert, now_ms: int) -> Incident:
    """A new occurrence of the object of a member takes its place: nobody was asked to end what they began."""
    members = (member_of(alert, now_ms) if one.alert_id == superseded else one for one in incident.members)
    return _with(incident, tuple(members), now_ms, joined=alert.id)


def empty(incident: Incident) -> bool:
    """Has the last alert of an open incident left?"""
    return incident.state == "open" and all(one.left_ms is not None for one in incident.members)


def drill_over(incident: Incident, alerts: Mapping[str, Alert], now_ms: int) -> bool:
    """Is an open incident one of a drill of which nothing is there any more?

    Its alerts close as well, in a moment; see :func:`ioc.domain.drills.is_left`.

    Args:
        incident: any.
        alerts: all that are open.
        now_ms: present.
    """
    if incident.exercise is None or incident.state == "closed":
        return False
    there = [alerts.get(one.alert_id) for one in incident.members if one.left_ms is None]
    return all(one is not None and drills.is_left(one, now_ms) for one in there)


def end_drill(incident: Incident, now_ms: int) -> Incident:
    """The incident of a drill when that is over: what is left of it has left."""
    members = tuple(one if one.left_ms is not None else replace(one, left_ms=now_ms) for one in incident.members)
    return close(replace(incident, members=members), now_ms)


def close(incident: Incident, now_ms: int, *, merged_into: str = "") -> Incident:
    """The incident when it is over."""
    after = replace(incident, state="closed", closed_ms=now_ms, changed_ms=now_ms, merged_into=merged_into)
    return after if merged_into else with_line(after, Line(at_ms=now_ms, word="closed"))


def with_members(incident: Incident, members: Iterable[Member], now_ms: int) -> Incident:
    """The incident with other members, by the hand of a person."""
    return _with(incident, tuple(members), now_ms)


def with_line(incident: Incident, *lines: Line) -> Incident:
    """The incident with lines at the end of its timeline."""
    return replace(incident, timeline=(*incident.timeline, *lines)[-TIMELINE_MAX:], changed_ms=lines[-1].at_ms)


def news(incident: Incident, what: str, now_ms: int, reason: str) -> LogEntry:
    """The line of the log that says that an incident opened or closed.

    Args:
        incident: as it is now.
        what: ``incident-opened`` or ``incident-closed``.
        now_ms: present.
        reason: code.
    """
    said = f"number={incident.number} group={incident.group} alerts={len(incident.members)}"
    into = f" into={incident.merged_into}" if incident.merged_into else ""
    return _line(incident, what, reason, now_ms, said + into)


def joined(incident: Incident, names: Sequence[str], now_ms: int, reason: str, cause: str) -> list[LogEntry]:
    """Lines of the log that say that alerts belong to an incident from now on, and to no other one any more.

    As many as it takes with none longer than a note, so that an auditor finds every alert of the largest incident.

    Args:
        incident: as it is now.
        names: ids of the alerts.
        now_ms: present.
        reason: ``GROUPED``, ``FITS``, ``SUCCEEDS``, ``MERGED`` or ``SPLIT``.
        cause: what makes the ids of the lines others than those of any other time: a command id, or of the moment.
    """
    rows = _rows(names)
    return [
        _line(
            incident,
            "incident-joined",
            reason,
            now_ms,
            f"part={n}/{len(rows)} alerts={row}",
            about=f"{incident.id}/{cause}/{n}",
        )
        for n, row in enumerate(rows, start=1)
    ]


def names_hash(names: Iterable[str]) -> str:
    """16 hexadecimal digits of a set of alerts, in any order."""
    return sha256(",".join(sorted(set(names))).encode()).hexdigest()[:16]


def names_text(names: Sequence[str]) -> str:
    """Alerts in a line of the log: all of them, or how many and their hash where that would be too long."""
    said = f"alerts={','.join(names)}"
    return said if len(said) <= ROW_MAX else f"alerts={len(set(names))} hash={names_hash(names)}"


def _rows(names: Sequence[str]) -> list[str]:
    rows = [""]
    for name in names:
        if rows[-1] and len(rows[-1]) + len(name) + 1 > ROW_MAX:
            rows.append("")
        rows[-1] += f",{name}" if rows[-1] else name
    return rows


def _line(incident: Incident, what: str, reason: str, now_ms: int, detail: str, about: str = "") -> LogEntry:
    return transition(
        KEY,
        incident.id,
        what,
        reason,
        now_ms,
        about=about,
        detail=detail,
        priority=incident.priority,
        exercise=incident.exercise,
    )


def _moved(incident: Incident, at: int, after: Member, now_ms: int) -> Incident:
    before = incident.members[at]
    members = (*incident.members[:at], after, *incident.members[at + 1 :])
    came = after.alert_id if before.left_ms is not None and after.left_ms is None else ""
    went = after.alert_id if before.left_ms is None and after.left_ms is not None else ""
    return _with(incident, members, now_ms, joined=came, left=went)


def _with(
    incident: Incident, members: tuple[Member, ...], now_ms: int, *, joined: str = "", left: str = ""
) -> Incident:
    lines = []
    if joined:
        lines.append(Line(at_ms=now_ms, word="joined", about=joined))
    if left:
        lines.append(Line(at_ms=now_ms, word="left", about=left))
    worst = min((one for one in members if _counts(one)), key=lambda one: one.priority, default=None)
    if worst is not None and worst.priority < incident.priority:
        lines.append(Line(at_ms=now_ms, word="worsened", about=worst.alert_id, text=f"P{worst.priority}"))
    after = replace(incident, members=members, priority=priority_of(members), changed_ms=now_ms)
    return with_line(after, *lines) if lines else after


def _counts(member: Member) -> bool:
    return member.left_ms is None and not member.hidden
