"""A simple model of the life of alerts, for the random machine that drives the real step beside it.

Facts move by the rules in words that the test of the table has; times are plain numbers; a command's outcome is said in
a few lines per operation. Nothing here is taken from ``ioc.pipeline``.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from ioc.domain.alerts import Command, Signal, alert_id
from ioc.domain.handling import RIGHTS
from ioc.domain.lifecycle import NOT_RAISED, Event, Facts
from tests.domain.test_lifecycle import HIDE, SHELVES, letter, rules
from tests.pipeline.chatter_model import BACK_MS, Flutter

SHIFT_MS = 8 * 3_600_000
EVENTS: dict[str, Event] = {
    "unack": "UNACK",
    "unshelve": "UNSHELVE",
    "out_of_service": "OUT",
    "return_to_service": "BACK",
    "reset": "RESET",
    "close": "CLOSE",
    "reopen": "REOPEN",
}


@dataclass
class Occurrence:
    """One alert as the model sees it; ``decisive`` and ``given`` count changes, as a person would tell them apart."""

    key: str
    since_ms: int
    facts: Facts
    priority: int
    present: int
    decisive: int = 1
    given: int = 0
    to: str = ""
    until_ms: int = 0
    shelved_ms: int = 0
    review_ms: int = 0
    realarm_ms: int = 0
    muted: bool = False
    taken: bool = False
    result: bool = False
    done: set[str] = field(default_factory=set)
    former: set[str] = field(default_factory=set)  # of these, in a former occurrence; "to" when whose it is is so
    comments: int = 0
    hidden_changes: int = 0
    realarms: int = 0
    says: tuple[int, int, int] | None = None  # of its chattering

    @property
    def closed(self) -> bool:
        return letter(self.facts) == "NORM"

    @property
    def hidden(self) -> bool:
        return self.facts.suppression != "none"

    def become(self, facts: Facts, *, decisive: bool = True) -> None:
        """Take facts on; what belongs to facts that are over goes."""
        self.facts = facts
        self.decisive += decisive
        if not facts.acked:
            self.result = self.taken = False
        if not facts.active or not facts.acked or self.hidden:
            self.realarm_ms = 0
        if not facts.active:
            self.says = None
        if facts.suppression not in SHELVES:
            self.until_ms = 0
        if facts.suppression != "out-of-service":
            self.review_ms = 0

    def move(self, event: Event, latching: bool = False) -> bool:
        """One event of the table that matters to people; False when it is refused."""
        wanted = rules(self.facts, event, latching)
        if wanted is None:
            return False
        self.become(wanted)
        return True

    def explain(self) -> None:
        """Suppression by design, behind a shelf and out of service."""
        wanted = rules(self.facts, "SUPPRESS" if self.muted else "UNSUPPRESS", False)
        if wanted is not None:
            self.become(wanted, decisive=self.facts.acked and not wanted.acked)


@dataclass
class Seen:
    """What a person had on the screen when they gave a command."""

    version: int
    decisive: int
    given: int


def rule_of(key: str) -> str:
    """The rule that an alert key names."""
    return key.partition("|")[0]


class Model:
    """All objects of one partition."""

    def __init__(self, latching: set[str], realarm_ms: dict[str, int], agencies: set[str], steps: set[str]) -> None:
        self.latching, self.realarm_ms, self.agencies, self.steps = latching, realarm_ms, agencies, steps
        self.all: dict[str, Occurrence] = {}
        self.newest: dict[str, str] = {}
        self.begun_ms: dict[str, int] = {}
        self.flutter: dict[str, Flutter] = {}
        self.carried: dict[str, tuple[int, str]] = {}  # object → its newest episode, and the alert that goes on with it
        self.answers: dict[str, tuple[str, str]] = {}  # command id → digest, outcome

    def copy(self) -> Model:
        return deepcopy(self)

    def open_of(self, key: str) -> str | None:
        """Id of the object's open alert."""
        return next((name for name, one in self.all.items() if one.key == key and not one.closed), None)

    # --- signals and time ---

    def signal(self, signal: Signal, now_ms: int) -> None:
        name = alert_id(signal.rule, signal.key, signal.since_ms)
        since_ms, other = self.carried.get(signal.key, (0, ""))
        if name not in self.all and since_ms == signal.since_ms:
            name = other
        one = self.all.get(name)
        flutter = self.flutter.setdefault(signal.key, Flutter())
        if one is None:
            if signal.state != "on" or signal.since_ms <= self.begun_ms.get(signal.key, 0):
                return
            self._pass(signal.key, now_ms, signal.since_ms)
            standing = self.open_of(signal.key) or ""
            if flutter.chatters and self.all[standing].facts.active:
                self.carried[signal.key] = (signal.since_ms, standing)
                self.begun_ms[signal.key] = signal.since_ms
                self._go_on(self.all[standing], signal, flutter, now_ms)
            else:
                self._begin(name, signal)
                flutter.comes(now_ms, signal.since_ms)
        elif not one.closed:
            self._go_on(one, signal, flutter, now_ms)

    def _begin(self, name: str, signal: Signal) -> None:
        before = self.all.get(self.open_of(signal.key) or "")
        raised = rules(NOT_RAISED, "RAISE", signal.rule in self.latching)
        assert raised is not None
        one = Occurrence(signal.key, signal.since_ms, raised, signal.priority, signal.priority)
        one.muted = bool(signal.muted_by)
        if before is not None:
            f = before.facts
            urgent = signal.priority == 1 < before.priority
            if f.suppression == "out-of-service" or (f.suppression in SHELVES and not urgent):
                one.facts = Facts(True, False, raised.latched, f.suppression, f.owed)
                one.until_ms, one.review_ms = before.until_ms, before.review_ms
                one.shelved_ms = before.shelved_ms
                one.hidden_changes = before.hidden_changes
            if not f.acked and (f.suppression == "none" or f.active or f.owed):
                one.priority = min(one.priority, before.priority)
            one.to, one.done = before.to, set(before.done)
            one.former = before.done | ({"to"} if before.to else set())
            before.move("SUPERSEDE")
            before.muted = False
        one.explain()
        one.decisive = 1
        one.hidden_changes += one.hidden
        self.all[name] = one
        self.newest[signal.key] = name
        self.begun_ms[signal.key] = signal.since_ms

    @staticmethod
    def _go_away(one: Occurrence) -> None:
        was_hidden = one.hidden
        if one.move("RETURN"):
            one.muted = False
            one.explain()
            one.hidden_changes += was_hidden

    def _go_on(self, one: Occurrence, signal: Signal, flutter: Flutter, now_ms: int) -> None:
        was_hidden, away = one.hidden, not one.facts.active or flutter.until_ms > 0
        if signal.state == "off":
            if not away and not flutter.goes(now_ms, signal.observed_ms, not was_hidden):
                self._go_away(one)
            one.says = flutter.says if one.facts.active else None
            return
        if away:
            flutter.comes(now_ms, max(signal.since_ms, signal.observed_ms))
        one.says = flutter.says
        latched = signal.rule in self.latching or one.facts.latched
        if not one.facts.active:
            one.move("RAISE", latched)
            one.hidden_changes += was_hidden
        elif signal.priority < one.priority:
            one.move("WORSEN")
            one.hidden_changes += was_hidden
        if signal.priority == 1 < one.priority:
            one.move("URGENT")
        one.muted = bool(signal.muted_by)
        one.explain()
        one.present = signal.priority
        one.priority = signal.priority if one.facts.acked else min(one.priority, signal.priority)

    def elapse(self, now_ms: int) -> None:
        for key in self.flutter:
            self._pass(key, now_ms)
        for one in self.all.values():
            if one.facts.suppression in SHELVES:
                if one.shelved_ms - now_ms > BACK_MS or one.until_ms - now_ms > SHIFT_MS + BACK_MS:
                    self._show(one, "LOST")
                elif one.until_ms <= now_ms:
                    self._show(one, "SHELF_END")
            elif one.realarm_ms and one.realarm_ms <= now_ms and not (one.says and one.says[2]):
                one.move("REALARM")
                one.realarms += 1
            elif one.realarm_ms and one.realarm_ms - now_ms > self.realarm_ms[rule_of(one.key)] + BACK_MS:
                one.realarm_ms = now_ms + self.realarm_ms[rule_of(one.key)]

    def _pass(self, key: str, now_ms: int, event_ms: int = 0) -> None:
        flutter, standing = self.flutter[key], self.all.get(self.open_of(key) or "")
        if flutter.over(now_ms, event_ms) and standing is not None:
            self._go_away(standing)
        if standing is not None and standing.facts.active:
            standing.says = flutter.says

    @staticmethod
    def _show(one: Occurrence, event: Event) -> bool:
        if not one.move(event):
            return False
        if one.facts.active:
            one.explain()
        return True

    # --- commands ---

    def command(self, command: Command, seen: Seen, now_ms: int) -> str:
        """The outcome, and its effect."""
        known = self.answers.get(command.command_id)
        if known is not None:
            return known[1] if known[0] == command.digest else "MISMATCH"
        outcome = self._in_time(command, seen, now_ms)
        self.answers[command.command_id] = (command.digest, outcome)
        return outcome

    def _in_time(self, command: Command, seen: Seen, now_ms: int) -> str:
        """What was asked more than five minutes ago changes nothing."""
        if not command.sent_ms or now_ms - command.sent_ms <= 300_000:
            return self._decide(command, seen, now_ms)
        late = self.copy()
        outcome = late._decide(command, seen, now_ms)
        return outcome if late.all == self.all else "REFUSED"

    def _decide(self, command: Command, seen: Seen, now_ms: int) -> str:
        op = command.op
        if op not in RIGHTS.get(command.role, frozenset()):
            return "FORBIDDEN"
        one = self.all.get(command.alert_id)
        if one is None:
            return "NOT_FOUND"
        knew = seen.decisive == one.decisive
        if op == "ack":
            return self._ack(one, knew, command, now_ms)
        if op in ("unack", "shelve", "out_of_service", "reopen") and not command.reason:
            return "REFUSED"
        if op == "dispatch" and command.agency not in self.agencies:
            return "REFUSED"
        if op == "step" and command.item not in self.steps:
            return "REFUSED"
        if op in ("comment", "take", "assign", "dispatch", "step"):
            return self._note(one, seen, command)
        return self._move(one, knew, command, now_ms)

    def _ack(self, one: Occurrence, knew: bool, command: Command, now_ms: int) -> str:
        if one.closed:
            return "ALREADY_ACKED" if one.taken else "CLEARED_ALREADY"
        if not one.hidden and one.facts.acked:
            return "ALREADY_ACKED"
        if (one.facts.active or one.hidden) and not knew:
            return "STALE"
        if not one.move("ACK"):
            return "REFUSED"
        self._taken(one)
        rule = rule_of(command.key)
        if one.facts.active and rule in self.realarm_ms:
            one.realarm_ms = now_ms + self.realarm_ms[rule]
        return "DONE" if knew else "CLEARED_ALREADY"

    @staticmethod
    def _taken(one: Occurrence) -> None:
        one.priority, one.taken = one.present, True

    def _note(self, one: Occurrence, seen: Seen, command: Command) -> str:
        if command.op == "comment":
            one.comments += 1
            return "DONE"
        if one.closed:
            return "CLEARED_ALREADY"
        if command.op in ("take", "assign"):
            to = command.actor if command.op == "take" else command.assignee
            if one.to and (one.to == to or seen.given != one.given):
                return "ALREADY"
            one.to, one.given = to, one.given + 1
            one.former.discard("to")
            return "DONE"
        what = command.agency or command.item
        if what in one.done - one.former:
            return "ALREADY"
        one.former.discard(what)
        one.done.add(what)
        return "DONE"

    def _move(self, one: Occurrence, knew: bool, command: Command, now_ms: int) -> str:
        op, was_closed = command.op, one.closed
        event: Event = ("SHELVE_ONCE" if command.once else "SHELVE") if op == "shelve" else EVENTS[op]
        state = letter(one.facts)
        if op == "close" and one.result:
            return "ALREADY"
        so_already = {
            "unack": not one.facts.acked and not one.hidden,
            "shelve": state == "SHLVD",
            "unshelve": state != "SHLVD",
            "out_of_service": state == "OOSRV",
            "return_to_service": state != "OOSRV",
            "reset": state == "NORM",
            "reopen": state != "NORM",
        }
        if so_already.get(op, False):
            return "ALREADY"
        if op == "unack" and was_closed:
            return "CLEARED_ALREADY"
        if rules(one.facts, event, False) is None:
            return "REFUSED" if knew else "STALE"
        if was_closed and op != "close":
            if self.newest[one.key] != command.alert_id or self.open_of(one.key) is not None:
                return "REFUSED"
            if not knew:
                return "CLEARED_ALREADY"
        if not was_closed and not knew:
            return "STALE"
        acked = one.facts.acked
        if event in ("UNSHELVE", "BACK"):
            self._show(one, event)
        else:
            one.move(event)
        if op == "shelve":
            one.shelved_ms = now_ms
            one.until_ms = now_ms + (1000 * (command.for_s or (SHIFT_MS // 1000 if command.once else 7200)))
        if op == "out_of_service":
            one.review_ms = command.review_ms or 0
        if op == "close":
            one.result, one.realarm_ms = True, 0
            if not acked:
                self._taken(one)
        return "DONE" if knew else "CLEARED_ALREADY"


def same(one: Occurrence, alert: Any) -> list[str]:
    """What differs between the model and an alert."""
    hidden, said = alert.hidden, alert.chatter
    pairs = {
        "facts": (one.facts, Facts(alert.active, alert.acked, alert.latched, alert.suppression, alert.owed)),
        "state": (letter(one.facts), alert.state),
        "closed": (one.closed, alert.closed),
        "priority": (one.priority, alert.priority),
        "until": (one.until_ms, (hidden.until_ms or 0) if hidden else 0),
        "review": (one.review_ms, (hidden.review_ms or 0) if hidden else 0),
        "realarm": (one.realarm_ms, alert.realarm_ms or 0),
        "result": (one.result, alert.result is not None),
        "to": (one.to, alert.assigned.to if alert.assigned else ""),
        "comments": (one.comments, alert.comments),
        "hidden changes": (one.hidden_changes, alert.hidden_changes),
        "realarms": (one.realarms, alert.realarms),
        "chatter": (one.says, said and (said.times, said.off_delay_s, said.returns_at_ms or 0)),
        "done": (one.done, {d.what for d in (*alert.dispatched, *alert.steps)}),
        "former": (one.former, _former(alert)),
    }
    return [f"{name}: model {a!r}, alert {b!r}" for name, (a, b) in pairs.items() if a != b]


def _former(alert: Any) -> set[str]:
    found = {one.what for one in (*alert.dispatched, *alert.steps) if one.earlier}
    return found | {"to"} if alert.assigned is not None and alert.assigned.earlier else found


assert set(HIDE) == {"SHELVE", "SHELVE_ONCE", "OUT", "SUPPRESS"}
