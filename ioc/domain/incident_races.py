"""What became of an incident since the person who commands it looked: who was faster, when, and what is now. Decisions.

Of two who command the same incident at the same moment the desk hears one first. The other one is told so instead of
being carried out over it: ``STALE``, or ``ALREADY`` where exactly what they ask for was done.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct

from ioc.domain.alerts import Outcome
from ioc.domain.incidents import Incident, IncidentCommand, Line, LineWord


class Faster(Struct, frozen=True):
    """The answer to who came too late: outcome and reason, who was faster and when, and ``into``, where it is now."""

    outcome: Outcome
    reason: str
    by: str | None = None
    by_display: str | None = None
    by_at_ms: int | None = None
    into: str = ""


def led_by(incident: Incident, reason: str = "OWNER", outcome: Outcome = "STALE") -> Faster:
    """Who leads an incident, and since when."""
    took = last(incident, "took")
    at_ms = incident.owner_since_ms
    if at_ms is None and took is not None and took.actor == incident.owner:
        at_ms = took.at_ms  # a record from before there was ``owner_since_ms``
    return Faster(outcome, reason, incident.owner, incident.owner_display, at_ms)


def lost_lead(incident: Incident, command: IncidentCommand) -> Faster | None:
    """Does somebody lead whom the sender of a ``take`` or ``release`` neither is nor saw?

    Who says nothing of what they saw saw nobody.
    """
    if incident.owner in (None, command.actor) or incident.owner == command.expected_owner:
        return None
    return led_by(incident)


def renamed(incident: Incident, command: IncidentCommand) -> Faster | None:
    """Does the incident have another name than the sender of a ``rename`` saw? Who says nothing of it overwrites."""
    if command.expected_title in (None, incident.title_vi, incident.title_en):
        return None
    return _by(last(incident, "renamed"), "STALE", "RENAMED_SINCE")


def gone(incidents: Mapping[str, Incident], incident: Incident, command: IncidentCommand) -> Faster | None:
    """Was the incident merged into another one?

    A ``merge`` of two that are one by now is ``ALREADY`` done, whichever way round.
    """
    if not incident.merged_into:
        return None
    into = home(incidents, incident)
    merged = last(incident, "merged")
    other = incidents.get(command.other) if command.op == "merge" else None
    if other is not None and other.id != incident.id and home(incidents, other) == into:
        return _by(merged, "ALREADY", "MERGED", into)
    return _by(merged, "STALE", "MERGED", into)


def other_gone(incidents: Mapping[str, Incident], incident: Incident, other: Incident) -> Faster | None:
    """Was the one that an open incident is to take over merged already, into this one or elsewhere?"""
    if not other.merged_into:
        return None
    into = home(incidents, other)
    merged = last(other, "merged")
    return _by(merged, "ALREADY", "MERGED", into) if into == incident.id else _by(merged, "STALE", "MERGED", into)


def moved(
    incidents: Mapping[str, Incident], incident: Incident, names: Sequence[str], alone: Collection[str]
) -> Faster | None:
    """Were alerts that are to be split off an incident, and are not in it, split off already?

    Args:
        incidents: all that are known.
        incident: from which they are to be split off.
        names: ids of the alerts, each once.
        alone: ids of all alerts that were split off by hand.
    """
    here = _there(incident)
    where = {name: one.id for one in incidents.values() for name in _there(one) & set(names)}
    away = [name for name in names if name not in here and name in alone]
    if not away:
        return None
    into = where.get(away[0], away[0])
    line = next((one for one in reversed(incident.timeline) if one.word == "split" and one.about == into), None)
    together = _there(incidents[into]) if into in incidents else {into}
    if line is not None and together == set(names):
        return _by(line, "ALREADY", "SPLIT", into)
    return _by(line, "STALE", "MOVED", into)


def home(incidents: Mapping[str, Incident], incident: Incident) -> str:
    """Id of the incident where the members of one are now, after any number of merges."""
    seen = {incident.id}
    while incident.merged_into and incident.merged_into not in seen:
        seen.add(incident.merged_into)
        after = incidents.get(incident.merged_into)
        if after is None:
            return incident.merged_into
        incident = after
    return incident.id


def last(incident: Incident, word: LineWord) -> Line | None:
    """The newest line of the timeline with a word."""
    return next((line for line in reversed(incident.timeline) if line.word == word), None)


def by_line(line: Line | None, reason: str) -> Faster:
    """It is so already, by whoever wrote a line of the timeline; None: not known any more."""
    return _by(line, "ALREADY", reason)


def _by(line: Line | None, outcome: Outcome, reason: str, into: str = "") -> Faster:
    if line is None:
        return Faster(outcome, reason, into=into)
    return Faster(outcome, reason, line.actor, line.actor_display, line.at_ms, into)


def _there(incident: Incident) -> set[str]:
    return {one.alert_id for one in incident.members if one.left_ms is None} if incident.state == "open" else set()
