"""Incidents: alerts that belong together by what they are, where and when. Values and commands.

An incident groups alerts for people and takes nothing away from any of them: each keeps its life, its version and its
place in the log. An alert belongs to one incident at a time.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from ioc.domain.alerts import Priority
from ioc.domain.desk_commands import Command

KEY = "incident|"
"""How the ``key`` of a line of the log about an incident begins."""
HANDLERS = frozenset({"dispatcher", "admin"})  # roles that may command incidents

IncidentOp = Literal["take", "release", "rename", "note", "merge", "split"]
LineWord = Literal[
    "opened", "joined", "left", "worsened", "took", "released", "renamed", "noted", "merged", "split", "closed"
]


class Member(Struct, frozen=True, kw_only=True):
    """An alert of an incident, as it was told last. ``left_ms``: when it closed. What was split off is no member."""

    alert_id: str
    key: str
    rule: str
    centre: str
    area: str
    priority: Priority
    acked: bool
    hidden: bool  # shelved, suppressed or out of service: asks nobody
    title_vi: str
    title_en: str
    place_vi: str = ""
    place_en: str = ""
    lon: float | None = None
    lat: float | None = None
    raised_ms: int
    joined_ms: int
    left_ms: int | None = None


class Line(Struct, frozen=True, kw_only=True):
    """One line of the timeline. ``about``: id of an alert or an incident, where the word needs one."""

    at_ms: int
    word: LineWord
    about: str = ""
    text: str = ""
    actor: str | None = None
    actor_display: str | None = None


class Incident(Struct, frozen=True, kw_only=True):
    """An incident as it stands; ``incident/<id>`` of the topic ``desk``.

    Attributes:
        number: short name for people, counted up from 1 by the installation, drills by themselves: ``S-118``.
        group: id of the group of ``incidents.toml`` that made it; empty when it was split off by hand.
        priority: the worst of the members that are still open and not hidden; of all members when none is.
        owner: who leads it; None: nobody took it.
        owner_since_ms: when they took it; None in records from before there was this field.
        timeline: the newest 100 lines, oldest first.
        merged_into: id of the incident that took its members over; then it is closed.
    """

    id: str
    number: int
    group: str
    title_vi: str
    title_en: str
    state: Literal["open", "closed"] = "open"
    priority: Priority
    members: tuple[Member, ...]
    owner: str | None = None
    owner_display: str | None = None
    owner_since_ms: int | None = None
    opened_ms: int
    changed_ms: int
    closed_ms: int | None = None
    merged_into: str = ""
    timeline: tuple[Line, ...] = ()
    exercise: str | None = None


class IncidentCommand(Command, frozen=True, kw_only=True, tag="incident", tag_field="kind"):
    """What a person wants done to an incident. ``command_id`` makes a repeat harmless.

    ``take`` and ``release`` set and empty the owner; ``rename`` reads ``text`` as the title (both languages); ``note``
    reads ``text``; ``merge`` takes the members of the incident ``other`` over; ``split`` takes the alerts ``alert_ids``
    out: into a new incident of their own when there are two or more, else into none. What was split off by hand does
    not come back by itself.

    What the sender saw, so that nobody overwrites what they have not seen: ``expected_owner`` of ``take`` and
    ``release`` (empty, or None when nothing is said of it: nobody), ``expected_title`` of ``rename`` (in either
    language; None: whatever it is).
    """

    op: IncidentOp
    incident_id: str
    other: str = ""
    alert_ids: tuple[str, ...] = ()
    text: str = ""
    expected_owner: str | None = None
    expected_title: str | None = None

    @property
    def subject_id(self) -> str:
        """Id of the incident."""
        return self.incident_id

    @property
    def asked(self) -> tuple[object, ...]:
        """See the base. What is left out of the expected does not count: it came later than other commands."""
        expected = (("owner", self.expected_owner), ("title", self.expected_title))
        said = tuple(one for one in expected if one[1] is not None)
        return (self.op, self.incident_id, self.other, self.alert_ids, self.text, *said)
