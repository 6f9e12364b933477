"""The life of an alert, as a table over independent facts.

The story. An alert is one *occurrence* of one condition at one object. Independent facts say where it stands: is the
condition there now (``active``), has a person taken notice (``acked``), does its rule ask for a reset by hand
(``latched``), and is it hidden (``suppression``)? The letter word that people see is derived from them, so a fact can
never disagree with a state:

========  =====================================  ===================================================================
state     facts                                  meaning on the wall
========  =====================================  ===================================================================
OOSRV     out-of-service                         an engineer took the object out: own list, with a date of review
DSUPR     by-design                              another alert explains it: shown with that alert, asks nobody
SHLVD     shelved-until, shelved-oneshot         a dispatcher put it aside: own list, with the time that remains
UNACK     active, not acked                      it is there and nobody has it: flashes, sounds, escalates
ACKED     active and acked                       it is there and somebody has it: steady, silent
RTNUN     not active, not acked                  it went away before anybody took notice: stays until somebody does
ACKED     not active, acked, latched             it went away, somebody has it, and it waits for a reset
NORM      not active, acked, not latched         not raised yet, or closed: nothing asks for anybody
========  =====================================  ===================================================================

What hides an alert changes ``suppression`` alone: ``active`` goes on being tracked, so nothing that happens behind a
shelf is lost. What becomes priority 1 ends a shelf (``URGENT``), though not out of service. When hiding ends, what is
still there asks anew, also when it had been acknowledged: after hiding, look again. What came or went while hidden
closes without asking, and the log says that there was a *hidden occurrence*. What was RTNUN when it was hidden
(``owed``) still owes somebody a look, and comes back as RTNUN.

The rows of the table are *places*: the states, with the acknowledged one that waits for its reset apart (``LATCHED``),
and the hidden ones parted by whether the condition is there (``SHLVD+``) or not (``SHLVD-``). ``ONCE`` is a shelf that
ends by itself when the condition next goes away. Every pair of place and event has a cell. A move that is not allowed
is answered with a reason and changes nothing; no pair raises an exception.

Source: the alarm states A to G of ISA-18.2 as Alerta, OPC UA Part 9 and Phoebus implement them (the standard's own
text was not at hand), with the differences that ``docs/alerts.md`` names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Literal, get_args

from msgspec import Struct
from msgspec.structs import replace

State = Literal["NORM", "UNACK", "ACKED", "RTNUN", "SHLVD", "DSUPR", "OOSRV"]
Suppression = Literal["none", "shelved-until", "shelved-oneshot", "by-design", "out-of-service"]
Place = Literal[
    "NORM", "UNACK", "ACKED", "LATCHED", "RTNUN",
    "SHLVD+", "SHLVD-", "ONCE+", "ONCE-", "DSUPR+", "DSUPR-", "OOSRV+", "OOSRV-",
]  # fmt: skip
Event = Literal[
    "RAISE", "WORSEN", "EASE", "RETURN", "SUPERSEDE", "SUPPRESS", "UNSUPPRESS",
    "REALARM", "SHELF_END", "LOST", "URGENT", "DRILL_END",
    "ACK", "UNACK", "SHELVE", "SHELVE_ONCE", "UNSHELVE", "OUT", "BACK", "RESET", "CLOSE", "REOPEN",
]  # fmt: skip
STATES: tuple[State, ...] = get_args(State)
PLACES: tuple[Place, ...] = get_args(Place)
EVENTS: tuple[Event, ...] = get_args(Event)
SUPPRESSIONS: tuple[Suppression, ...] = get_args(Suppression)

# In words, for the document and for readers of the table.
MEANING: dict[Event, str] = {
    "RAISE": "the rule says *on*: a new occurrence, or the same one again",
    "WORSEN": "the rule says *on* with a higher priority than the alert has",
    "EASE": "the rule says *on* with a lower priority",
    "RETURN": "the rule says *off*",
    "SUPERSEDE": "a new occurrence of the object began; it takes over what this one still asks for",
    "SUPPRESS": "another alert that explains this one began",
    "UNSUPPRESS": "that other alert ended",
    "REALARM": "the rule's re-alarm time is over",
    "SHELF_END": "the time of the shelf is over",
    "LOST": "until when it is shelved is not known any more",
    "URGENT": "what was put aside with a lower priority is priority 1 now",
    "DRILL_END": "its drill is over; nobody will look at what is left of it",
    "ACK": "a person takes notice",
    "UNACK": "a person gives it back",
    "SHELVE": "a dispatcher puts it aside until a time",
    "SHELVE_ONCE": "a dispatcher puts it aside until it next goes away",
    "UNSHELVE": "a dispatcher takes it from the shelf",
    "OUT": "an engineer takes the object out of service",
    "BACK": "an engineer returns the object to service",
    "RESET": "a person resets a latched alert",
    "CLOSE": "a person closes it with a result; what is still there is acknowledged, and closes when it goes away",
    "REOPEN": "a person opens a closed alert again",
}


class Facts(Struct, frozen=True):
    """The independent facts of one alert. ``owed``: it was RTNUN when it was hidden."""

    active: bool
    acked: bool
    latched: bool = False
    suppression: Suppression = "none"
    owed: bool = False

    @property
    def state(self) -> State:
        """The letter word."""
        place = self.place
        if place == "LATCHED":
            return "ACKED"
        if place in ("ONCE+", "ONCE-"):
            return "SHLVD"
        return place.rstrip("+-")  # type: ignore[return-value]

    @property
    def place(self) -> Place:
        """Row of the table."""
        if self.suppression != "none":
            return f"{_LETTERS[self.suppression]}{'+' if self.active else '-'}"  # type: ignore[return-value]
        if self.active:
            return "ACKED" if self.acked else "UNACK"
        if not self.acked:
            return "RTNUN"
        return "LATCHED" if self.latched else "NORM"

    @property
    def hidden(self) -> bool:
        """Is it kept from asking anybody?"""
        return self.suppression != "none"

    @property
    def closed(self) -> bool:
        """Nothing is there, nobody is asked for, nothing waits for a reset or behind a shelf: it is over."""
        return self.place == "NORM"


_LETTERS: dict[Suppression, str] = {
    "shelved-until": "SHLVD",
    "shelved-oneshot": "ONCE",
    "by-design": "DSUPR",
    "out-of-service": "OOSRV",
}
NOT_RAISED = Facts(active=False, acked=True)


class Move(Struct, frozen=True):
    """An allowed move and its reason code."""

    reason: str


class Refusal(Struct, frozen=True):
    """A move that is not allowed; nothing changes."""

    reason: str


def _seen(  # rows of what is not hidden
    worsen: Move | Refusal, back: Move | Refusal, ack: Move | Refusal, other: dict[Event, Move | Refusal] | None = None
) -> dict[Event, Move | Refusal]:
    row: dict[Event, Move | Refusal] = {
        "RAISE": Refusal("ALREADY_ACTIVE"),
        "WORSEN": worsen,
        "EASE": Refusal("NOT_ACTIVE" if isinstance(worsen, Refusal) else "MILDER"),
        "RETURN": back,
        "SUPERSEDE": Move("SUPERSEDED"),
        "SUPPRESS": Move("SUPPRESSED"),
        "UNSUPPRESS": Refusal("NOT_SUPPRESSED"),
        "REALARM": Refusal("NOT_ACKED"),
        "SHELF_END": Refusal("NOT_SHELVED"),
        "LOST": Refusal("NOT_SHELVED"),
        "URGENT": Refusal("NOT_SHELVED"),
        "DRILL_END": Refusal("STILL_ACTIVE"),
        "ACK": ack,
        "UNACK": Refusal("NOT_ACKED"),
        "SHELVE": Move("SHELVED"),
        "SHELVE_ONCE": Move("SHELVED"),
        "UNSHELVE": Refusal("NOT_SHELVED"),
        "OUT": Move("TAKEN_OUT"),
        "BACK": Refusal("NOT_OUT"),
        "RESET": Refusal("STILL_ACTIVE"),
        "CLOSE": Move("CLOSES_WHEN_GONE"),
        "REOPEN": Refusal("OPEN"),
    }
    return row | (other or {})


def _hidden(there: bool, why: str, other: dict[Event, Move | Refusal] | None = None) -> dict[Event, Move | Refusal]:
    row: dict[Event, Move | Refusal] = dict.fromkeys(EVENTS, Refusal(why))
    row |= {
        "RAISE": Refusal("ALREADY_ACTIVE") if there else Move("RAISED_HIDDEN"),
        "WORSEN": Move("WORSENED_HIDDEN") if there else Refusal("NOT_ACTIVE"),
        "EASE": Refusal("MILDER" if there else "NOT_ACTIVE"),
        "RETURN": Move("RETURNED_HIDDEN") if there else Refusal("NOT_ACTIVE"),
        "SUPERSEDE": Move("SUPERSEDED"),
        "UNSUPPRESS": Refusal("NOT_SUPPRESSED"),
        "SHELF_END": Refusal("NOT_SHELVED"),
        "LOST": Refusal("NOT_SHELVED"),
        "URGENT": Refusal("NOT_SHELVED"),
        "DRILL_END": Refusal("STILL_ACTIVE") if there else Move("DRILL_OVER"),
        "UNSHELVE": Refusal("NOT_SHELVED"),
        "BACK": Refusal("NOT_OUT"),
        "REOPEN": Refusal("OPEN"),
    }
    return row | (other or {})


_SHELF: dict[Event, Move | Refusal] = {
    "SHELF_END": Move("SHELF_OVER"),
    "LOST": Move("SHELF_LOST"),
    "URGENT": Move("SHELF_URGENT"),
    "UNSHELVE": Move("UNSHELVED"),
}
_GONE = Refusal("NOT_ACTIVE")
TABLE: dict[Place, dict[Event, Move | Refusal]] = {
    "NORM": _seen(
        _GONE,
        _GONE,
        Refusal("CLOSED"),
        {
            "RAISE": Move("RAISED"),
            "SUPERSEDE": Refusal("CLOSED"),
            "DRILL_END": Refusal("CLOSED"),
            "REALARM": _GONE,
            "UNACK": Refusal("CLOSED"),
            "RESET": Refusal("NOT_LATCHED"),
            "CLOSE": Move("RESULT_RECORDED"),
            "REOPEN": Move("REOPENED"),
        },
    ),
    "UNACK": _seen(Move("WORSENED"), Move("RETURNED_UNSEEN"), Move("ACKNOWLEDGED")),
    "ACKED": _seen(
        Move("WORSENED"),
        Move("RETURNED"),
        Refusal("ALREADY_ACKED"),
        {
            "REALARM": Move("REALARMED"),
            "UNACK": Move("GIVEN_BACK"),
        },
    ),
    "LATCHED": _seen(
        _GONE,
        _GONE,
        Refusal("ALREADY_ACKED"),
        {
            "RAISE": Move("RAISED_AGAIN"),
            "REALARM": _GONE,
            "DRILL_END": Move("DRILL_OVER"),
            "UNACK": Move("GIVEN_BACK"),
            "RESET": Move("RESET_BY_HAND"),
            "CLOSE": Move("CLOSED_BY_HAND"),
        },
    ),
    "RTNUN": _seen(
        _GONE,
        _GONE,
        Move("SEEN_AFTERWARDS"),
        {
            "RAISE": Move("RAISED_AGAIN"),
            "REALARM": _GONE,
            "DRILL_END": Move("DRILL_OVER"),
            "RESET": Refusal("NOT_ACKED"),
            "CLOSE": Move("CLOSED_BY_HAND"),
        },
    ),
    "SHLVD+": _hidden(True, "SHELVED_NOW", _SHELF),
    "SHLVD-": _hidden(False, "SHELVED_NOW", _SHELF | {"URGENT": _GONE}),
    "ONCE+": _hidden(True, "SHELVED_NOW", _SHELF | {"RETURN": Move("ONE_SHOT_OVER")}),
    "ONCE-": _hidden(False, "SHELVED_NOW", _SHELF | {"URGENT": _GONE}),
    "DSUPR+": _hidden(True, "SUPPRESSED_NOW", {"UNSUPPRESS": Move("SUPPRESSION_OVER")}),
    "DSUPR-": _hidden(False, "SUPPRESSED_NOW", {"UNSUPPRESS": Move("SUPPRESSION_OVER")}),
    "OOSRV+": _hidden(True, "OUT_NOW", {"BACK": Move("RETURNED_TO_SERVICE")}),
    "OOSRV-": _hidden(False, "OUT_NOW", {"BACK": Move("RETURNED_TO_SERVICE")}),
}


# What each event does to the facts where the table allows it -------------------------------------------------------


def _raise(facts: Facts, latching: bool) -> Facts:
    return replace(facts, active=True, acked=False, latched=latching)


def _return(facts: Facts) -> Facts:
    gone = replace(facts, active=False)
    return _unhide(gone) if facts.suppression == "shelved-oneshot" else gone


def _hide(facts: Facts, suppression: Suppression) -> Facts:
    return replace(facts, suppression=suppression, owed=facts.place == "RTNUN")


def _unhide(facts: Facts) -> Facts:
    """Still there: look again. Went away while hidden: over, unless somebody owes it a look from before."""
    acked = False if facts.active else not facts.owed
    return replace(facts, suppression="none", owed=False, acked=acked)


_EFFECTS: dict[Event, Callable[[Facts], Facts]] = {
    "WORSEN": lambda f: replace(f, acked=False),
    "RETURN": _return,
    "SUPERSEDE": lambda f: NOT_RAISED,
    "DRILL_END": lambda f: NOT_RAISED,
    "SUPPRESS": lambda f: _hide(f, "by-design"),
    "UNSUPPRESS": _unhide,
    "REALARM": lambda f: replace(f, acked=False),
    "SHELF_END": _unhide,
    "LOST": _unhide,
    "URGENT": _unhide,
    "ACK": lambda f: replace(f, acked=True),
    "UNACK": lambda f: replace(f, acked=False),
    "SHELVE": lambda f: _hide(f, "shelved-until"),
    "SHELVE_ONCE": lambda f: _hide(f, "shelved-oneshot"),
    "UNSHELVE": _unhide,
    "OUT": lambda f: _hide(f, "out-of-service"),
    "BACK": _unhide,
    "RESET": lambda f: replace(f, latched=False),
    "CLOSE": lambda f: replace(f, acked=True, latched=False),
    "REOPEN": lambda f: replace(f, acked=False),
}


class Step(Struct, frozen=True):
    """Answer of the table: the facts afterwards (unchanged when refused) and the reason."""

    accepted: bool
    facts: Facts
    reason: str


def move(facts: Facts, event: Event, *, latching: bool = False) -> Step:
    """What an event does to an alert; every pair is answered. ``latching``: of the rule, read when it is raised."""
    cell = TABLE[facts.place][event]
    if isinstance(cell, Refusal):
        return Step(False, facts, cell.reason)
    after = _raise(facts, latching) if event == "RAISE" else _EFFECTS[event](facts)
    return Step(True, after, cell.reason)


def all_facts() -> Iterator[Facts]:
    """Every combination that can be: an ``owed`` look belongs to what is hidden."""
    yes_no = (True, False)
    for active, acked, latched, suppression, owed in product(yes_no, yes_no, yes_no, SUPPRESSIONS, yes_no):
        if suppression != "none" or not owed:
            yield Facts(active, acked, latched, suppression, owed)


def targets(place: Place, event: Event) -> list[Place]:
    """Where the facts of a place can go by an event; empty when it is refused."""
    steps = [
        move(facts, event, latching=latching) for facts in all_facts() if facts.place == place
        for latching in (False, facts.latched)
    ]  # fmt: skip
    found = {step.facts.place for step in steps if step.accepted}
    return [one for one in PLACES if one in found]
