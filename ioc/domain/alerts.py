"""Alerts, the signals and commands that move them, and the log of what happened.

Identity: an *alert key* names the rule and the object (``rule|centre|object``); an *alert id* names one episode
and is a hash of rule, key and the episode's start, so that a repeated computation finds the same id.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Literal

from msgspec import Struct

from ioc.domain.cap import Cap
from ioc.domain.chatter import Chatter
from ioc.domain.desk import DeskAlive, Explained, Explanation, Summoned, Summons
from ioc.domain.handling import Assignment, Done, Hidden, Op, Result, ResultCode
from ioc.domain.lifecycle import Suppression

Priority = Literal[1, 2, 3, 4]
SignalState = Literal["on", "off", "blind"]
PartWord = Literal["heard", "absent", "out", "gone"]
Outcome = Literal[
    "DONE", "ALREADY_ACKED", "ALREADY", "CLEARED_ALREADY", "STALE", "NOT_FOUND", "FORBIDDEN", "MISMATCH", "REFUSED",
    "UNKNOWN",
]  # fmt: skip


def alert_key(rule: str, centre: str, obj: str) -> str:
    """``rule|centre|object``, the key of ``ioc.alert-inputs``."""
    return f"{rule}|{centre}|{obj}"


def alert_id(rule: str, key: str, episode_start_ms: int, exercise: str | None = None) -> str:
    """Deterministic id of one episode: ``A-`` and 16 hexadecimal digits of SHA-256."""
    text = f"{rule}|{key}|{episode_start_ms}" + (f"|{exercise}" if exercise else "")
    return "A-" + sha256(text.encode()).hexdigest()[:16]


class Look(Struct, frozen=True, kw_only=True):
    """A person who looked at what an alert is about by what they did elsewhere: who, and when."""

    by: str
    by_display: str
    at_ms: int


class Signal(Struct, frozen=True, kw_only=True, tag="signal", tag_field="kind"):
    """What a rule says about one object now.

    ``since_ms`` is the start of the episode in event time and stays the same for all signals of an episode;
    ``observed_ms`` is the event time of the reading that decided. ``revision`` grows within an alert key.
    """

    key: str
    rule: str
    state: SignalState
    centre: str
    area: str
    site: str
    feed: str
    type: str
    priority: Priority
    level: str = ""  # which of the rule's levels, for instance "BĐ2"
    since_ms: int
    observed_ms: int
    revision: int
    value: float | None = None
    limit: float | None = None
    unit: str = ""
    title_vi: str = ""
    title_en: str = ""
    place_vi: str = ""
    place_en: str = ""
    lon: float | None = None
    lat: float | None = None
    reason: str = ""
    event_id: str = ""
    count: int = 1
    exercise: str | None = None
    cap: Cap | None = None  # of the rule at this level; an ``off`` leaves the alert's as it is
    muted_by: str = ""  # id of the alert that explains this one; nobody is asked while it stands
    looked: Look | None = None  # of an ``off``: what ended it was somebody's look, nobody else need take notice


class Command(Struct, frozen=True, kw_only=True, tag="command", tag_field="kind"):
    """What a person wants done to one alert. ``command_id`` makes a repeat harmless.

    Beside what every command carries, each operation reads its own fields:

    ==================  ==========================================================================================
    ``note``            text of ``comment``; otherwise a remark that goes into the log
    ``reason``          why: ``unack``, ``shelve``, ``out_of_service``, ``reopen`` are refused without it
    ``assignee``        of ``assign``: name of an account
    ``agency``          of ``dispatch``: id of an agency of the profile
    ``item``            of ``step``: id of a step of the rule's checklist
    ``for_s``           of ``shelve``: how long, seconds; None is two hours, or a shift when ``once``
    ``once``            of ``shelve``: ends by itself when the condition next goes away
    ``review_ms``       of ``out_of_service``: when somebody should look at it again
    ``result``          of ``close``
    ==================  ==========================================================================================
    """

    key: str  # alert key, so that the command falls into the alert's partition
    command_id: str
    op: Op
    alert_id: str
    expected_version: int
    actor: str
    actor_display: str
    role: str = ""
    station: str = ""
    note: str | None = None
    reason: str = ""
    assignee: str = ""
    agency: str = ""
    item: str = ""
    for_s: int | None = None
    once: bool = False
    review_ms: int | None = None
    result: ResultCode | None = None
    sent_ms: int = 0

    @property
    def digest(self) -> str:
        """What is asked, by whom, of what, as 16 hexadecimal digits: a repeat has the same, from any station.

        Fields that were left out do not count, so that a field that comes later changes no digest of before.
        """
        asked = (self.op, self.alert_id, self.expected_version, self.actor)
        given = [(name, getattr(self, name)) for name in _ARGUMENTS if getattr(self, name) not in (None, "", False)]
        return sha256(repr((asked, given)).encode()).hexdigest()[:16]


_ARGUMENTS = ("note", "reason", "assignee", "agency", "item", "for_s", "once", "review_ms", "result")


class Condition(Struct, frozen=True, kw_only=True, tag="condition", tag_field="kind"):
    """A change of one object of a rule that is a member of a combination, sent under the combination's alert key.

    ``since_ms``, ``observed_ms`` and ``priority`` as in the object's signal; ``object`` is the object's alert key.
    """

    key: str
    rule: str  # the combination
    object: str
    state: SignalState
    since_ms: int
    observed_ms: int
    priority: Priority
    centre: str
    area: str
    exercise: str | None = None


class PartHeard(Struct, frozen=True, kw_only=True, tag="part", tag_field="kind"):
    """How one part (an area) of a feed or site stands under an absence rule, sent under the alert key of the rule.

    ``heard``; ``absent``, said again every minute; ``out`` of service; ``gone``: the registry has nothing there.
    """

    key: str
    rule: str
    part: str  # the area
    word: PartWord
    since_ms: int  # event time of its last event
    observed_ms: int  # arrival time up to which its partition had been read
    centre: str
    feed: str
    site: str = ""  # empty: the whole feed


class CentreSilent(Struct, frozen=True, kw_only=True, tag="centre", tag_field="kind"):
    """A centre fell silent or was heard again; sent to every partition, because its feeds' alerts are everywhere."""

    key: str  # alert key of the silence
    centre: str
    alert_id: str  # of the silence; empty when the centre was heard again
    observed_ms: int


class CanaryPassed(Struct, frozen=True, kw_only=True, tag="canary", tag_field="kind"):
    """A canary (see :mod:`ioc.domain.canary`) that was sent at ``sent_ms`` has come this far. Nothing else follows."""

    sent_ms: int


AlertInput = Signal | Command | Condition | PartHeard | CentreSilent | CanaryPassed | Explained | Summoned | DeskAlive


class Alert(Struct, frozen=True, kw_only=True):
    """One occurrence as it stands. Every accepted change raises ``version`` by one."""

    id: str
    key: str
    rule: str
    version: int
    state: str  # letter word of the life cycle table: UNACK, ACKED, RTNUN, NORM, SHLVD, DSUPR, OOSRV
    active: bool
    acked: bool
    blind: bool = False  # the source went silent: still shown, but nobody knows how it is now
    muted_by: str = ""  # id of the alert that explains this one (its centre is silent): shown, but asks nobody
    closed: bool = False
    priority: Priority
    level: str = ""
    centre: str
    area: str
    site: str
    feed: str
    type: str
    title_vi: str
    title_en: str
    place_vi: str = ""
    place_en: str = ""
    lon: float | None = None
    lat: float | None = None
    value: float | None = None
    limit: float | None = None
    unit: str = ""
    reason: str = ""
    count: int = 1
    started_ms: int  # event time: when it began out there
    raised_ms: int  # processing time: when the province knew
    updated_ms: int
    observed_ms: int
    cleared_ms: int | None = None
    acked_ms: int | None = None
    acked_by: str | None = None
    acked_by_display: str | None = None
    ack_note: str | None = None
    late_s: float = 0.0  # how long after its event time the alert was raised, seconds
    exercise: str | None = None
    present_priority: Priority = 4  # of the newest signal; ``priority`` keeps the worst until somebody acknowledges
    decisive_version: int = 1  # of the last change that matters to a person who acknowledges; see docs/alerts.md
    signal_revision: int = 0  # of the newest signal applied: an older one is a repeat
    cap: Cap | None = None  # category, urgency, severity and certainty of CAP 1.2, by the newest signal
    prior_count: int = 0  # part of ``count`` of earlier episodes: never acknowledged, or gone on with by this alert
    latched: bool = False  # its rule wants a reset by hand after it went away
    suppression: Suppression = "none"
    owed: bool = False  # it was RTNUN when it was hidden: comes back as that
    hidden: Hidden | None = None  # of a shelf and of out of service; ``muted_by`` is of suppression by design
    hidden_changes: int = 0  # how often the condition came, became worse or went away behind a shelf and the like
    realarm_ms: int | None = None  # acknowledged and still there then: asks anew
    realarms: int = 0  # how often it did
    assigned: Assignment | None = None
    dispatched: tuple[Done, ...] = ()
    steps: tuple[Done, ...] = ()  # of the rule's checklist, as they were done
    comments: int = 0  # their texts are in the log
    result: Result | None = None
    explained: Explanation | None = None  # by the desk; ``muted_by`` is of the alert's own rule
    summons: Summons | None = None  # the last one
    asked_ms: int | None = None  # since when it is UNACK; of RTNUN: since when it was, or out of hiding
    chatter: Chatter | None = None  # it comes and goes too fast: it stays active until it has stayed away


class AlertTold(Struct, frozen=True, kw_only=True, tag="alert", tag_field="kind"):
    """Alerting to the desk: the alert as it is now. Told again it has the same version."""

    alert: Alert


class SourceTold(Struct, frozen=True, kw_only=True, tag="source", tag_field="kind"):
    """Alerting to the desk: a centre, feed or site is out of service, or is not any more. Told again it is the same.

    ``key`` and ``rule``: of the silence or absence that watches it; without ``feed`` it is the whole centre, without
    ``site`` the whole feed. ``since_ms``: event time of the last that was heard; ``out_ms``: arrival time up to which
    the bus had been read when it was declared out of service.
    """

    key: str
    rule: str
    centre: str
    feed: str = ""
    site: str = ""
    out: bool
    since_ms: int
    out_ms: int


class LogEntry(Struct, frozen=True, kw_only=True):
    """One line of the audit trail in ``ioc.alert-log``.

    ``kind`` is ``transition`` (raised, escalated, cleared, re-raised, blind, closed, and so on) or ``command``; a
    command that was refused is in the log too, with ``accepted`` false, because the timeline shows it. ``id`` is
    deterministic. ``detail`` is what a command was about (agency, step, result, assignee, end of a shelf), ``digest``
    its content: a repeat under the same ``command_id`` with another one is a mismatch.
    """

    id: str
    alert_id: str
    key: str
    kind: Literal["transition", "command"]
    what: str
    accepted: bool
    at_ms: int
    event_ms: int | None = None
    version: int = 0
    from_state: str = ""
    to_state: str = ""
    priority: int = 4
    reason: str = ""
    actor: str | None = None
    actor_display: str | None = None
    station: str = ""
    note: str | None = None
    role: str = ""
    detail: str = ""
    command_id: str | None = None
    digest: str = ""
    outcome: Outcome | None = None
    by: str | None = None  # for a conflict: who won, and when; of ``closed``: whose look it was
    by_display: str | None = None
    by_at_ms: int | None = None
    exercise: str | None = None
    summons: Summons | None = None  # of the word ``summoned``
