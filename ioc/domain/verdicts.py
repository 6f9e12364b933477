"""What a rule answers, with its reason: the same word is in the signal, the log, the wall and the tests."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from ioc.domain.alerts import Priority, SignalState

Reason = Literal[
    "LIMIT_REACHED",  # threshold: beyond the limit for the whole on-delay
    "LEVEL_ROSE",  # threshold, count, occurrence: a worse level within the episode
    "LEVEL_FELL",  # threshold: a milder level within the episode
    "HELD_LONG",  # threshold: the level was held for its escalation time
    "VALUE_CHANGED",  # threshold: still on, another value (at most every 30 s of event time)
    "BACK_TO_NORMAL",  # threshold: back inside the deadband for the whole off-delay
    "LEVEL_REMOVED",  # threshold: the level that spoke is not in the rule any more, and no other goes on
    "NO_READINGS",  # threshold: a gap; nobody knows how it is now
    "SEEN_AGAIN",  # threshold: readings came back and it is still on
    "OCCURRED",  # occurrence: a matching event
    "REPEATED",  # occurrence: more of them within the hold time
    "HOLD_OVER",  # occurrence: none for the hold time
    "COUNT_REACHED",  # count: so many within the window
    "COUNT_FELL",  # count: fewer than the lowest level within the window
    "ALL_MEMBERS",  # combination: every member holds
    "MEMBER_OVER",  # combination: a member does not hold any more
    "MEMBER_BLIND",  # combination: nobody knows of a member
    "NO_HEARTBEAT",  # silence: nothing from the centre
    "HEARTBEAT",  # silence: heard again
    "OUT_OF_SERVICE",  # silence, absence: for so long that it is out of service, with a date of review
    "NOTHING_SENT",  # absence: nothing from the feed or site, and its centre is heard
    "CENTRE_SILENT",  # absence: the whole centre is silent, and its own alert says so; this one is muted
    "CENTRE_BACK",  # absence: the centre is heard again, the feed or site is not
    "HEARD_AGAIN",  # absence: an event came
    "REFUSED",  # refused: so many records refused for the rule's reasons
    "NONE_REFUSED",  # refused: none for the hold time
    "DESK_SILENT",  # of the system itself: the desk is not heard, nobody is called
    "DESK_HEARD",  # … and is heard again
    "INTAKE_SILENT",  # of the system itself: nobody reads what the centres send, nothing new is known of them
    "INTAKE_HEARD",  # … and it is read again
    "RULE_REMOVED",  # any: the rule is gone, or does not speak of the object any more
    "SITE_REMOVED",  # any: the profile does not have the site or centre any more
    "DRILL_OVER",  # any: nothing came of this feed of the drill for longer than the rules remember
]

# A reading that arrived this long after it was taken raises nothing: the moment to act is over. It still moves the
# picture of the object (it can end an episode), so that the next timely reading is judged against the truth.
LIVE_WITHIN_MS = 600_000
# While an episode is on and only its figures change, it is told anew at most this often, in event time per object.
REFRESH_MS = 30_000


class Verdict(Struct, frozen=True, kw_only=True):
    """One change of one object under one rule.

    Attributes:
        since_ms: start of the episode in event time; the same in every verdict of the episode.
        observed_ms: event time of what decided.
        level: name of the level that holds (for ``off``: the last one that held).
    """

    state: SignalState
    reason: Reason
    since_ms: int
    observed_ms: int
    priority: Priority
    level: str = ""
    value: float | None = None
    limit: float | None = None
    count: int = 1
