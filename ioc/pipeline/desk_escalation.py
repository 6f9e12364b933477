"""Escalation as a part of the desk: who is called about alerts that nobody acknowledges.

An alert escalates while it is UNACK and not of a drill: what is acknowledged, hidden, or went away calls nobody. It
begins when it becomes so, and again from the first step whenever it becomes so again. What went away unseen only rests,
unless its chain has ``escalate_gone``: when it is there again, or a successor takes its place, the run goes on where it
stood, so coming and going postpones no call. When it gets worse it begins with the chain that fits now, if that is
another one or the present one is through. The machine is :mod:`ioc.domain.escalation`.

Records: ``@escalation/<alert id>`` is the escalation of one alert, ``@escalation-left/<alert key>`` what a superseded
one left to its successor, of which the desk hears next, ``@escalation-audit`` what the auditor said last, and
``escalation/audit``, for everybody, how it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ioc.domain import escalation
from ioc.domain.alerts import Alert, Signal
from ioc.domain.desk import Order, Summoned
from ioc.domain.duty import Called, called, chain_of
from ioc.domain.escalation import Escalation
from ioc.domain.profile import Profile
from ioc.pipeline.desk_parts import Seen
from ioc.pipeline.escalation_audit import AUDIT_RULE, Auditor
from ioc.wire.codec import encode

RETRY_MS = 10_000  # an order that was not obeyed so long is made again, with the same number
_ONE = "@escalation/"
_LEFT = "@escalation-left/"
_AUDITOR = "@escalation-audit"
_PUBLIC = "escalation/audit"
_decode = msgspec.json.Decoder(Escalation).decode
LEFT_MS = 600_000  # so long a successor may take to be heard of
AHEAD_MS = 15_000  # so long an alert that is about to be hidden is waited for; an order that was lost comes after ten


class _Sent(Struct):
    """When the order of this life of the desk was made first and last; not kept, a restart makes it again."""

    number: int
    first_ms: int
    last_ms: int


class _Left(Struct, frozen=True):
    """What a superseded alert left; its successor is raised in the same moment."""

    running: Escalation
    at_ms: int


_decode_left = msgspec.json.Decoder(_Left).decode


def asks(alert: Alert) -> bool:
    """Does it escalate? Not drills, and not the auditor's own alert, which would call about itself."""
    return alert.state == "UNACK" and alert.exercise is None and alert.rule != AUDIT_RULE


def rests(alert: Alert) -> bool:
    """Did it go away unseen? Its run waits then."""
    return alert.state == "RTNUN" and alert.exercise is None and alert.rule != AUDIT_RULE


class EscalationPart:
    """See :class:`ioc.pipeline.desk_parts.DeskPart`.

    Nobody is called within one group wait after a start, when what hides alerts may not be known yet, nor about what is
    about to be hidden. ``foresee``: of the part that hides, see :class:`ioc.pipeline.desk_parts.ExplainingPart`.
    """

    prefix = "escalation"

    def __init__(self, profile: Profile, foresee: Callable[[Alert, int], Alert] = lambda alert, now_ms: alert) -> None:
        self._foresee = foresee
        self._started_ms: int | None = None  # the first tick of this life
        self.live: dict[str, Escalation] = {}  # by alert
        self.auditor = Auditor(profile)
        self._sent: dict[str, _Sent] = {}
        self._dirty: set[str] = set()
        self._left: dict[str, _Left] = {}  # by alert key
        self._left_dirty: set[str] = set()
        self.use(profile)

    def use(self, profile: Profile) -> None:
        """Go on with another profile; chains that run stay as they were, rosters are the new ones."""
        self._duty, self._group_wait_ms = profile.duty, round(profile.dispatch.group_wait_s * 1000)
        self._zone, self._holidays = ZoneInfo(profile.timezone), frozenset(profile.holidays)
        self.auditor.use(profile)
        self._look_again = True  # a chain may fit now where none did

    def load(self, key: str, value: bytes) -> None:
        """Take one record back.

        Raises:
            msgspec.MsgspecError: the record is not of this version; going on would call anew from the first step.
        """
        if key.startswith(_ONE):
            self.live[key.removeprefix(_ONE)] = _decode(value)
        elif key.startswith(_LEFT):
            self._left[key.removeprefix(_LEFT)] = _decode_left(value)
        elif key == _AUDITOR:
            self.auditor.load(value)

    def seen(self, seen: Seen, alerts: Mapping[str, Alert], now_ms: int) -> Sequence[Order | Signal]:
        """Begin, go on or stop; what falls due comes with the next tick."""
        alert = seen.now
        running = self.live.get(alert.id)
        if not asks(alert):
            self._stop(seen, running)
        elif running is None:
            if _has_begun_to_ask(seen):
                left = self._take_left(alert) if seen.before is None else None
                self._begin_or_go_on(left, alert)
            else:
                self._look_again = True  # it has asked for some time, unknown here: it begins with the next tick
        elif (alert.asked_ms or 0) > running.began_ms:
            # Otherwise what lay between, an acknowledgement that was given back, was lost.
            self._begin_or_go_on(running if _is_back(seen) else None, alert)
        else:
            self._put(alert.id, self._after_change(running, alert))
        return ()

    def tick(self, alerts: Mapping[str, Alert], now_ms: int) -> Sequence[Order | Signal]:
        """Make what is due into orders, order again what was not obeyed, and let the auditor look."""
        if self._started_ms is None:
            self._started_ms = now_ms
        if self._look_again:
            self._look_again = False
            self._adopt(alerts, now_ms)
        for key in [key for key, left in self._left.items() if now_ms - left.at_ms > LEFT_MS]:
            self._leave(key, None)
        orders: list[Order | Signal] = []
        for name in list(self.live):
            alert = alerts.get(name)
            if alert is not None and rests(alert) and not escalation.calls_gone(self.live[name].chain):
                continue
            if alert is None or not (asks(alert) or rests(alert)):
                self._drop(name)
                continue
            self._put(name, escalation.not_later(self.live[name], now_ms))
            if escalation.is_due(self.live[name], now_ms):
                running = self.live[name]
                self._put(name, escalation.decide(running, self._called(running, now_ms), alert.summons, now_ms))
            owed = self.live[name].owed
            if owed is not None and not self._waits(alert, now_ms) and self._must_send(name, owed.number, now_ms):
                orders.append(Summoned(key=alert.key, alert_id=name, summons=owed))
        asking = [alert for alert in alerts.values() if self._calls(alert)] if self._duty.chains else []
        ordered = {name: sent.first_ms for name, sent in self._sent.items()}
        return orders + self.auditor.look(asking, self.live, ordered, alerts, now_ms)

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        """Changed escalations, then what the auditor says."""
        rows: list[tuple[str, bytes | None]] = [
            (_ONE + name, encode(self.live[name]) if name in self.live else None) for name in sorted(self._dirty)
        ]
        rows += [
            (_LEFT + key, encode(self._left[key]) if key in self._left else None) for key in sorted(self._left_dirty)
        ]
        self._dirty.clear()
        self._left_dirty.clear()
        said, shown = self.auditor.take_dirty()
        rows += [] if said is None else [(_AUDITOR, said)]
        return rows + ([] if shown is None else [(_PUBLIC, shown)])

    def _begin(self, alert: Alert, at_ms: int) -> None:
        """Nothing begins in an installation without chains."""
        if self._duty.chains:
            chain = chain_of(self._duty.chains, alert)
            self._put(alert.id, escalation.begin(chain, alert.priority, at_ms, alert.summons))

    def _calls(self, alert: Alert) -> bool:
        """Has somebody to be called about it: it asks, or went away unseen and its chain calls about such?"""
        if asks(alert) or not rests(alert):
            return asks(alert)
        running = self.live.get(alert.id)
        return escalation.calls_gone(chain_of(self._duty.chains, alert) if running is None else running.chain)

    def _begin_or_go_on(self, running: Escalation | None, alert: Alert) -> None:
        on = None if running is None else escalation.go_on(running, _changed_ms(alert))
        if on is None:
            self._begin(alert, _changed_ms(alert))
        else:
            self._put(alert.id, self._after_change(on, alert))

    def _stop(self, seen: Seen, running: Escalation | None) -> None:
        """It does not ask now. What went away unseen rests, what was superseded unseen leaves its run to the next."""
        before, alert = seen.before, seen.now
        if running is None:
            self._take_left(alert)  # a successor that is hidden from its beginning: whatever hides ends a run
            if self._calls(alert):
                if before is not None and not rests(before):
                    self._begin(alert, _changed_ms(alert))
                else:
                    self._look_again = True
        elif rests(alert):
            self._put(alert.id, escalation.settle(running, alert.summons, alert.updated_ms))
        else:
            if alert.closed and alert.acked_by is None and before is not None and (asks(before) or rests(before)):
                settled = escalation.settle(running, alert.summons, alert.updated_ms)
                self._leave(alert.key, _Left(settled, alert.updated_ms))
            self._drop(alert.id)

    def _take_left(self, alert: Alert) -> Escalation | None:
        left = self._left.get(alert.key)
        if left is None or alert.closed or alert.exercise is not None:
            return None
        self._leave(alert.key, None)
        return left.running if left.at_ms == alert.raised_ms else None

    def _leave(self, key: str, left: _Left | None) -> None:
        if left is None:
            self._left.pop(key, None)
        else:
            self._left[key] = left
        self._left_dirty.add(key)

    def _after_change(self, running: Escalation, alert: Alert) -> Escalation:
        running = escalation.settle(running, alert.summons, alert.updated_ms)
        if alert.priority >= running.priority:
            return running
        chain = chain_of(self._duty.chains, alert)
        same = chain is not None and running.chain is not None and chain.id == running.chain.id
        if chain is None or (same and not running.over):
            return replace(running, priority=alert.priority)
        at_ms = max(alert.updated_ms, alert.asked_ms or 0)
        return escalation.begin(chain, alert.priority, at_ms, alert.summons)

    def _called(self, running: Escalation, now_ms: int) -> Called:
        if running.chain is None:
            return Called()  # nothing to look up
        return called(self._duty, running.chain.steps[running.step], now_ms, self._zone, self._holidays)

    def _adopt(self, alerts: Mapping[str, Alert], now_ms: int) -> None:
        """Alerts that asked before the profile had a chain for them begin now."""
        for alert in alerts.values():
            running = self.live.get(alert.id)
            if not self._calls(alert) or (running is not None and running.chain is not None):
                continue
            if running is None or chain_of(self._duty.chains, alert) is not None:
                self._begin(alert, max(now_ms, alert.asked_ms or 0))

    def _waits(self, alert: Alert, now_ms: int) -> bool:
        """Is it too early to call: shortly after a start, or as something is about to hide what begins to ask?"""
        if self._started_ms is not None and 0 <= now_ms - self._started_ms < self._group_wait_ms:
            return True
        fresh = alert.asked_ms is not None and 0 <= now_ms - alert.asked_ms < AHEAD_MS
        return fresh and self._foresee(alert, now_ms) is not alert

    def _must_send(self, name: str, number: int, now_ms: int) -> bool:
        sent = self._sent.get(name)
        if sent is None or sent.number != number:
            self._sent[name] = _Sent(number, now_ms, now_ms)
            return True
        if 0 <= now_ms - sent.last_ms < RETRY_MS:
            return False
        sent.last_ms = now_ms
        return True

    def _put(self, name: str, running: Escalation) -> None:
        if self.live.get(name) != running:
            self.live[name] = running
            self._dirty.add(name)
        if running.owed is None:
            self._sent.pop(name, None)

    def _drop(self, name: str) -> None:
        self._sent.pop(name, None)
        if self.live.pop(name, None) is not None:
            self._dirty.add(name)


def _has_begun_to_ask(seen: Seen) -> bool:
    """Was it this change that made it ask?"""
    before, now = seen.before, seen.now
    if before is None:
        return now.version == 1
    return not asks(before) or before.asked_ms != now.asked_ms


def _is_back(seen: Seen) -> bool:
    """Is it there again after it went away unseen, with nothing in between?"""
    return seen.before is not None and rests(seen.before) and seen.now.version == seen.before.version + 1


def _changed_ms(alert: Alert) -> int:
    """The change that made it ask, by the clock of whoever made the change: a replay finds the same."""
    return alert.updated_ms if alert.asked_ms is None else alert.asked_ms
