"""Alerts, the signals and commands that move them, and the log of what happened.

Identity: an *alert key* names the rule and the object (``rule|centre|object``); an *alert id* names one episode
and is a hash of rule, key and the episode's start, so that a repeated computation finds the same id.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Literal

from msgspec import Struct

from ioc.domain.cap import Cap

Priority = Literal[1, 2, 3, 4]
SignalState = Literal["on", "off", "blind"]
Outcome = Literal["DONE", "ALREADY_ACKED", "CLEARED_ALREADY", "STALE", "NOT_FOUND", "REFUSED", "UNKNOWN"]


def alert_key(rule: str, centre: str, obj: str) -> str:
    """``rule|centre|object``, the key of ``ioc.alert-inputs``."""
    return f"{rule}|{centre}|{obj}"


def alert_id(rule: str, key: str, episode_start_ms: int, exercise: str | None = None) -> str:
    """Deterministic id of one episode: ``A-`` and 16 hexadecimal digits of SHA-256."""
    text = f"{rule}|{key}|{episode_start_ms}" + (f"|{exercise}" if exercise else "")
    return "A-" + sha256(text.encode()).hexdigest()[:16]


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


class Command(Struct, frozen=True, kw_only=True, tag="command", tag_field="kind"):
    """What a person wants done to one alert. ``command_id`` makes a repeat harmless."""

    key: str  # alert key, so that the command falls into the alert's partition
    command_id: str
    op: Literal["ack"]
    alert_id: str
    expected_version: int
    actor: str
    actor_display: str
    station: str = ""
    note: str | None = None
    sent_ms: int = 0


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


class CanaryPassed(Struct, frozen=True, kw_only=True, tag="canary", tag_field="kind"):
    """A canary (see :mod:`ioc.domain.canary`) that was sent at ``sent_ms`` has come this far. Nothing else follows."""

    sent_ms: int


AlertInput = Signal | Command | Condition | CanaryPassed


class Alert(Struct, frozen=True, kw_only=True):
    """One episode as it stands. Every accepted change raises ``version`` by one."""

    id: str
    key: str
    rule: str
    version: int
    state: str  # letter word of the life cycle table: UNACK, ACKED, RTNUN, NORM
    active: bool
    acked: bool
    blind: bool = False  # the source went silent: still shown, but nobody knows how it is now
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
    prior_count: int = 0  # part of ``count`` that earlier, never acknowledged episodes of the object left behind


class LogEntry(Struct, frozen=True, kw_only=True):
    """One line of the audit trail in ``ioc.alert-log``.

    ``kind`` is ``transition`` (raised, escalated, cleared, re-raised, blind, closed) or ``command``; a command that
    was refused is in the log too, with ``accepted`` false, because the timeline shows it. ``id`` is deterministic.
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
    command_id: str | None = None
    outcome: Outcome | None = None
    by: str | None = None  # for a conflict: who won, and when
    by_display: str | None = None
    by_at_ms: int | None = None
    exercise: str | None = None
