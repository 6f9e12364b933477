"""The desk: one step that sees all open alerts together, and gives orders about them.

Its input has one partition. ``alerting`` writes every change of an alert into it, in the transaction that makes the
change; after each take-over, and then every ten minutes, it also tells all open alerts and sources out of service, so a
desk that is new, or whose topics were lost, gets to know them. Orders go back into ``alert-inputs``, to the alert's own
partition; the first when all that was told before a start has been read, so that nothing is decided about a past. Once
a minute the desk says that it lives: alerting shows what it had explained when that has not been heard for ten minutes.

The topic ``desk`` is state and output. ``@alert/<id>`` are the open alerts as they were told last; everything else
belongs to the parts (:mod:`ioc.pipeline.desk_parts`). What begins while something explains it that alerting was not
told of before (:mod:`ioc.pipeline.covers`) asks until alerting has obeyed, a second at most; parts that look ahead see
it hidden from the beginning, for ``AHEAD_MS`` and no longer: what is still not hidden then counts as what it is.
Alerts of drills are told like others: each part decides what it does with them, and none mixes them with live ones.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec import Struct

from ioc.domain.alerts import Alert, AlertTold, Signal, SourceTold
from ioc.domain.desk import DeskAlive, Order
from ioc.domain.profile import Profile
from ioc.pipeline.desk_escalation import EscalationPart
from ioc.pipeline.desk_flood import FloodPart
from ioc.pipeline.desk_handover import HandoverPart
from ioc.pipeline.desk_incidents import IncidentPart
from ioc.pipeline.desk_parts import AheadPart, CommandedPart, DeskPart, ExplainingPart, Seen, SourcePart, SpeakingPart
from ioc.pipeline.desk_suppression import Suppression
from ioc.pipeline.desk_watch import PARTITIONS as ALERT_INPUTS
from ioc.pipeline.effects import Effects, Emit, Record
from ioc.wire.codec import DeskCommand, decode_alert, decode_desk_input, encode

_ALERT = "@alert/"
ALIVE_EVERY_MS = 60_000
AHEAD_MS = 15_000  # an order that was lost is given again after ten seconds


class Counters(Struct, kw_only=True):
    """Inputs and outputs of this process so far; not kept."""

    told: int = 0
    repeats: int = 0
    commands: int = 0
    orders: int = 0
    undecodable: int = 0


class DeskPartition:
    """State and decisions; see :class:`ioc.pipeline.effects.Step`.

    Args:
        profile: the installation.
        parts: the concerns, in the order in which they see a change.
    """

    def __init__(self, profile: Profile, parts: Sequence[DeskPart]) -> None:
        self.counters = Counters()
        self.alerts: dict[str, Alert] = {}  # open ones
        self.parts = list(parts)
        # Found once: whether an object fits a Protocol is dear to ask, and this step is asked twice a second.
        self._speaking = [part for part in self.parts if isinstance(part, SpeakingPart)]
        self._commanded = [part for part in self.parts if isinstance(part, CommandedPart)]
        self._told_sources = [part for part in self.parts if isinstance(part, SourcePart)]
        self._explaining = [part for part in self.parts if isinstance(part, ExplainingPart)]
        self.looking_ahead = [part for part in self.parts if isinstance(part, AheadPart) and part.ahead]
        # What asks and is about to be hidden, as it will be, and since when that is so; not kept, a start finds it.
        self._coming: dict[str, Alert] = {}
        self._coming_ms: dict[str, int] = {}
        self._to_come: Mapping[str, Alert] = ChainMap(self._coming, self.alerts)
        self._dirty: set[str] = set()
        self._live = False  # the first tick comes when all that was told before has been read; no order goes out before
        self._said_ms = -ALIVE_EVERY_MS

    def load(self, key: str, value: bytes) -> None:
        """Take one record of ``desk`` back.

        Raises:
            msgspec.MsgspecError: the record is not of this version; going on would forget open alerts.
        """
        if key.startswith(_ALERT):
            alert = decode_alert(value)
            self.alerts[alert.id] = alert
            return
        for part in self.parts:
            if key.removeprefix("@").startswith(part.prefix):
                part.load(key, value)

    def step(self, records: Sequence[Record], now_ms: int) -> Effects:
        """Apply what alerting told and people command, in its order; a record that is none is counted and left."""
        effects = Effects([])
        for record in records:
            try:
                told = decode_desk_input(record.value)  # type: ignore[arg-type]
            except (msgspec.MsgspecError, TypeError):
                self.counters.undecodable += 1
                continue
            if isinstance(told, AlertTold):
                self.counters.told += 1
                self._tell(told.alert, now_ms, effects)
            elif isinstance(told, SourceTold):
                self.counters.told += 1
                for part in self._told_sources:
                    part.source(told)
            else:
                self.counters.commands += 1
                self._command(told, now_ms, effects)
        self._say(effects)
        self._cover(now_ms, effects)
        effects.urgent = bool(effects.emits)
        return effects

    def tick(self, now_ms: int) -> Effects:
        """Let time pass for every part."""
        effects = Effects([])
        begins, self._live = not self._live, True
        if not 0 <= now_ms - self._said_ms < ALIVE_EVERY_MS:
            self._said_ms = now_ms
            alive = encode(DeskAlive(at_ms=now_ms))
            effects.emits += [Emit("alert-inputs", b"@desk", alive, n) for n in range(ALERT_INPUTS)]
        looked = False
        for part in self.parts:
            ahead = part in self.looking_ahead
            if ahead and not looked:  # behind the parts that explain
                looked = True
                self._look_ahead(begins, now_ms, effects)
            self._order(part.tick(self._to_come if ahead else self.alerts, now_ms), effects)
        self._say(effects)
        self._cover(now_ms, effects)
        effects.urgent = bool(effects.emits)
        return effects

    def use(self, profile: Profile, now_ms: int) -> Effects:
        """Go on with another profile; the next tick brings what follows from it."""
        for part in self.parts:
            part.use(profile)
        return Effects([])

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        """Changed records: alerts, then those of the parts."""
        rows: list[tuple[str, bytes | None]] = [
            (_ALERT + name, encode(self.alerts[name]) if name in self.alerts else None) for name in sorted(self._dirty)
        ]
        self._dirty.clear()
        for part in self.parts:
            rows += part.take_dirty()
        return rows

    def _tell(self, alert: Alert, now_ms: int, effects: Effects) -> None:
        before = self.alerts.get(alert.id)
        if before is not None and alert.version <= before.version:
            self.counters.repeats += 1
            return
        if alert.closed:
            self.alerts.pop(alert.id, None)
        else:
            self.alerts[alert.id] = alert
        if before is not None or not alert.closed:
            self._dirty.add(alert.id)
        seen, coming = Seen(before, alert), None
        for part in self.parts:
            if part not in self.looking_ahead:
                self._order(part.seen(seen, self.alerts, now_ms), effects)
                continue
            if coming is None:  # behind the parts that explain
                was = self._coming.get(alert.id, before)
                coming = Seen(was, self._foresee(alert, now_ms))
            self._order(part.seen(coming, self._to_come, now_ms), effects)

    def _foresee(self, alert: Alert, now_ms: int) -> Alert:
        """The alert as parts that look ahead see it."""
        since_ms = self._coming_ms.get(alert.id, now_ms)
        if not alert.closed and 0 <= now_ms - since_ms < AHEAD_MS:
            for part in self._explaining:
                coming = part.foresee(alert, now_ms)
                if coming is not alert:
                    self._coming[alert.id], self._coming_ms[alert.id] = coming, since_ms
                    return coming
        self._coming.pop(alert.id, None)
        if alert.state != "UNACK":
            self._coming_ms.pop(alert.id, None)  # obeyed, or over; what was waited for in vain is not waited for again
        return alert

    def _look_ahead(self, begins: bool, now_ms: int, effects: Effects) -> None:
        """Tell of what was about to be hidden and is not any more; after a start, look which alerts are about to be."""
        for name in [name for name in self._coming_ms if name not in self.alerts]:
            self._coming.pop(name, None)
            del self._coming_ms[name]
        if begins:
            for alert in self.alerts.values():
                if alert.state == "UNACK" and alert.id not in self._coming:
                    self._foresee(alert, now_ms)
        for name, was in list(self._coming.items()):
            now = self._foresee(self.alerts[name], now_ms)
            if now is self.alerts[name]:
                for part in self.looking_ahead:
                    self._order(part.seen(Seen(was, now), self._to_come, now_ms), effects)

    def _command(self, command: DeskCommand, now_ms: int, effects: Effects) -> None:
        for part in self._commanded:
            if isinstance(command, part.commands):
                self._order(part.command(command, self.alerts, now_ms), effects)

    def _say(self, effects: Effects) -> None:
        for part in self._speaking:
            if lines := part.take_lines():
                effects.emits += [Emit("alert-log", one.alert_id.encode(), encode(one)) for one in lines]

    def _cover(self, now_ms: int, effects: Effects) -> None:
        for part in self._explaining if self._live else ():
            for said in part.take_covers(now_ms):
                effects.emits += [Emit("alert-inputs", b"@desk", encode(said), n) for n in range(ALERT_INPUTS)]

    def _order(self, orders: Iterable[Order | Signal], effects: Effects) -> None:
        for order in orders if self._live else ():
            self.counters.orders += 1
            effects.emits.append(Emit("alert-inputs", order.key.encode(), encode(order)))


def make_desk(profile: Profile) -> DeskPartition:
    """The desk with all its parts."""
    suppression = Suppression(profile)
    parts: list[DeskPart] = [
        suppression,
        EscalationPart(profile, suppression.foresee),
        IncidentPart(profile),
        FloodPart(profile),
        HandoverPart(profile, suppression.in_force),
    ]
    return DeskPartition(profile, parts)
