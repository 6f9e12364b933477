"""The life of an alert, as a table.

The story. An alert is one *episode* of one condition at one object. Two independent facts say where it stands: is the
condition there now (``active``), and has a person taken notice (``acked``)? The state word that people see is derived
from them, so a fact can never disagree with a state:

========  ======  =====  ==========================================================================================
state     active  acked  meaning on the wall
========  ======  =====  ==========================================================================================
NORM      no      yes    not raised yet, or closed: nothing asks for anybody
UNACK     yes     no     it is there and nobody has it: flashes, sounds, escalates
ACKED     yes     yes    it is there and somebody has it: steady, silent
RTNUN     no      no     it went away before anybody took notice: stays listed until somebody does
========  ======  =====  ==========================================================================================

What can happen to it:

* ``RAISE``: the rule says *on*. A new episode, or the same one again while it is still listed as gone.
* ``WORSEN``: the rule says *on* with a higher priority than the alert has. Who acknowledged the smaller thing has not
  acknowledged the greater one: it asks anew.
* ``RETURN``: the rule says *off*.
* ``ACK``: a person takes notice.
* ``SUPERSEDE``: a new episode of the same object began. The new alert takes over what the old one still asks for, so
  that an object has one open alert; the old one closes without an acknowledgement of its own.

Every pair of state and event has a row. A move that is not allowed is answered with a reason and changes nothing; no
pair raises an exception. Priority while nobody has acknowledged keeps its worst value; that and ``version`` are kept
by :mod:`ioc.pipeline.alerting`.

A silent source that goes out of service is a ``RETURN`` with the reason ``OUT_OF_SERVICE``: the alert asks no longer,
its feed carries the state and a date of review, and the next silence after it was heard again is a new episode.

Shelving, suppression by design and out of service will be a third fact beside the two, with ``SHLVD``, ``DSUPR`` and
``OOSRV`` derived before the states above; the rows below stay as they are.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

State = Literal["NORM", "UNACK", "ACKED", "RTNUN"]
Event = Literal["RAISE", "WORSEN", "RETURN", "ACK", "SUPERSEDE"]
STATES: tuple[State, ...] = ("NORM", "UNACK", "ACKED", "RTNUN")
EVENTS: tuple[Event, ...] = ("RAISE", "WORSEN", "RETURN", "ACK", "SUPERSEDE")


class Facts(Struct, frozen=True):
    """The independent facts of one alert."""

    active: bool
    acked: bool

    @property
    def state(self) -> State:
        """The state word."""
        if self.active:
            return "ACKED" if self.acked else "UNACK"
        return "NORM" if self.acked else "RTNUN"

    @property
    def closed(self) -> bool:
        """Nothing is there and nobody is asked for: the episode is over."""
        return not self.active and self.acked


NOT_RAISED = Facts(active=False, acked=True)


class Move(Struct, frozen=True):
    """An allowed move: the state it leads to and its reason code."""

    to: State
    reason: str


class Refusal(Struct, frozen=True):
    """A move that is not allowed; nothing changes."""

    reason: str


TABLE: dict[State, dict[Event, Move | Refusal]] = {
    "NORM": {
        "RAISE": Move("UNACK", "RAISED"),
        "WORSEN": Refusal("NOT_ACTIVE"),
        "RETURN": Refusal("NOT_ACTIVE"),
        "ACK": Refusal("CLOSED"),
        "SUPERSEDE": Refusal("CLOSED"),
    },
    "UNACK": {
        "RAISE": Refusal("ALREADY_ACTIVE"),
        "WORSEN": Move("UNACK", "WORSENED"),
        "RETURN": Move("RTNUN", "RETURNED_UNSEEN"),
        "ACK": Move("ACKED", "ACKNOWLEDGED"),
        "SUPERSEDE": Move("NORM", "SUPERSEDED"),
    },
    "ACKED": {
        "RAISE": Refusal("ALREADY_ACTIVE"),
        "WORSEN": Move("UNACK", "WORSENED"),
        "RETURN": Move("NORM", "RETURNED"),
        "ACK": Refusal("ALREADY_ACKED"),
        "SUPERSEDE": Move("NORM", "SUPERSEDED"),
    },
    "RTNUN": {
        "RAISE": Move("UNACK", "RAISED_AGAIN"),
        "WORSEN": Refusal("NOT_ACTIVE"),
        "RETURN": Refusal("NOT_ACTIVE"),
        "ACK": Move("NORM", "SEEN_AFTERWARDS"),
        "SUPERSEDE": Move("NORM", "SUPERSEDED"),
    },
}

_FACTS: dict[State, Facts] = {
    "NORM": Facts(active=False, acked=True),
    "UNACK": Facts(active=True, acked=False),
    "ACKED": Facts(active=True, acked=True),
    "RTNUN": Facts(active=False, acked=False),
}


class Step(Struct, frozen=True):
    """Answer of the table: the facts afterwards (unchanged when refused) and the reason."""

    accepted: bool
    facts: Facts
    reason: str


def move(facts: Facts, event: Event) -> Step:
    """What an event does to an alert; every pair is answered."""
    row = TABLE[facts.state][event]
    if isinstance(row, Refusal):
        return Step(False, facts, row.reason)
    return Step(True, _FACTS[row.to], row.reason)


def diagram() -> str:
    """The table as a Mermaid state diagram, for ``docs/alerts.md``."""
    lines = ["stateDiagram-v2", "    [*] --> NORM"]
    for state in STATES:
        for event in EVENTS:
            row = TABLE[state][event]
            if isinstance(row, Move):
                lines.append(f"    {state} --> {row.to}: {event} / {row.reason}")
    return "\n".join(lines)


def table() -> str:
    """All pairs as a Markdown table, for ``docs/alerts.md``; refusals in italics."""
    lines = ["| state | " + " | ".join(EVENTS) + " |", "| --- |" + " --- |" * len(EVENTS)]
    for state in STATES:
        cells = []
        for event in EVENTS:
            row = TABLE[state][event]
            cells.append(f"*{row.reason}*" if isinstance(row, Refusal) else f"**{row.to}** {row.reason}")
        lines.append(f"| {state} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
