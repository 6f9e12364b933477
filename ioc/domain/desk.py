"""What travels between ``alerting``, which knows each alert, and ``desk``, which sees all of them together.

``alerting`` tells the desk of every change in the transaction that makes it; the desk answers with orders, which come
to the alert in the one order that holds for it. So what only an overview can decide (one alert explains another, a
silence, who is called next) is a change of the alert like any other: versioned, logged once, shown by every wall.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

AUDIT_RULE = "escalation-audit"
"""Rule of the alert that says that escalation is stuck. No rule of the profile: the desk says it of itself."""

DESK_RULE = "desk-silent"
"""Rule of the alert that says that the desk itself is silent; ``alerting`` says it."""

INTAKE_RULE = "intake-silent"
"""Rule of the alert that says that nobody reads what the centres send; ``detect`` says it."""

UNSIGNED_RULE = "handover-unsigned"
"""Rule of the alert that says that nobody signed for a shift. No rule of the profile: the desk says it of itself."""

OWN_RULES = frozenset({AUDIT_RULE, DESK_RULE, INTAKE_RULE, UNSIGNED_RULE})
"""Rules of alerts about the centre's own work. They concern nobody outside, and no scenario speaks of them."""

Explainer = Literal["alert", "silence", "window"]


class Explanation(Struct, frozen=True, kw_only=True):
    """Why nobody is asked about an alert that is there: another alert, a silence of a person, a planned window.

    ``id`` names it; ``until_ms`` is its end where that is known; ``why_vi`` and ``why_en`` say it in one line.
    """

    kind: Explainer
    id: str
    until_ms: int | None = None
    why_vi: str = ""
    why_en: str = ""


class Summons(Struct, frozen=True, kw_only=True):
    """A step of an escalation that fell due: who was called about the alert, and how.

    Attributes:
        number: of the alert's summonses, from 1; an order that comes again has the same.
        step: of the chain, from 0.
        round: how often the chain was begun anew before, from 0.
        whom: names of those who are called; empty when nobody was there to be called.
        channels: ids of channels of ``dispatch.toml``.
        reason: ``STEP_DUE``, ``STEP_LATE``, or why nobody was called (:mod:`ioc.domain.escalation`).
        at_ms: when it fell due.
        began_ms: when this run of the chain began: the change of the alert that it follows.
        gone: people are called also when the alert has gone away unseen.
    """

    number: int
    step: int
    round: int
    whom: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    reason: str = "STEP_DUE"
    at_ms: int
    began_ms: int = 0
    gone: bool = False


class Explained(Struct, frozen=True, kw_only=True, tag="explained", tag_field="kind"):
    """Order: this explains the alert now; None when nothing does any more. Said again it changes nothing."""

    key: str
    alert_id: str
    explanation: Explanation | None
    at_ms: int


class Summoned(Struct, frozen=True, kw_only=True, tag="summoned", tag_field="kind"):
    """Order: note that people were called."""

    key: str
    alert_id: str
    summons: Summons


class DeskAlive(Struct, frozen=True, kw_only=True, tag="desk", tag_field="kind"):
    """The desk lives; said to every partition of ``alert-inputs`` once a minute. What it explained holds that long."""

    at_ms: int


Order = Explained | Summoned
