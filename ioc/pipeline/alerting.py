"""The alerting step: signals of the rules and commands of people in, alerts and their log out.

Both come through one partition of ``alert-inputs``, so there is one order per alert and two people never both win.
The topic ``alerts`` is the output and the state: an alert is written once per accepted change, into the partition of
its input, and read back from there. Every change is told to the desk as well, which sees all partitions
(:mod:`ioc.pipeline.desk`) and answers with orders. Beside the alerts it holds private records that readers skip:

* ``@last/<alert key>``: start of the newest episode of an object (with the drill at the end). Episodes of an object
  start strictly one after the other, so this one number keeps a replayed signal from raising what was closed and
  forgotten long ago.
* ``@cmd/<alert id>``: answers to commands, see :mod:`ioc.pipeline.answered`. A command that comes again (a retry after
  a lost answer) gets the same line of the log, with the same id, and has no second effect; another content under the
  same id is a mismatch. ``@cmd/?`` does the same for alerts not known here.
* ``@absent/<alert key>`` and ``@absent/centre/<centre>``: feeds and sites under absence rules, and centres silent.
* ``@out/<alert key>``: sources out of service; see :mod:`ioc.pipeline.sources_out`.
* ``@chatter/<alert key>``: objects that went away lately; see :mod:`ioc.pipeline.chattering`.
* ``@cover/<id>``: what would hide an alert that begins now; see :mod:`ioc.pipeline.covers`.
* ``@canary``: the newest canary that came through here, for whoever measures how far canaries come.

What time alone does (a shelf ends, an alert asks anew) is in the alerts as due times; see :mod:`ioc.pipeline.timed`.

An object has one open alert. When a new episode begins while the earlier alert is still open, the earlier one closes as
superseded and its successor takes over its priority and count if nobody had acknowledged it. An alert that chatters
goes on with the new episode instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ioc.domain import canary, drills
from ioc.domain.alerts import (
    Alert,
    AlertTold,
    CanaryPassed,
    CentreSilent,
    Command,
    Condition,
    PartHeard,
    Signal,
    SourceTold,
)
from ioc.domain.covers import CoverSaid
from ioc.domain.desk import UNSIGNED_RULE, DeskAlive, Explained, Summoned
from ioc.domain.profile import Profile
from ioc.pipeline import desk_watch, episodes, handle, timed
from ioc.pipeline.absences import Absences
from ioc.pipeline.answered import Answered
from ioc.pipeline.answers import Who, refuse
from ioc.pipeline.chattering import Chattering
from ioc.pipeline.combined import Combined
from ioc.pipeline.covers import Covers
from ioc.pipeline.effects import Effects, Emit, Record
from ioc.pipeline.own_alerts import home, own_realarm_s
from ioc.pipeline.sources_out import PREFIX as OUT
from ioc.pipeline.sources_out import SourcesOut
from ioc.wire.codec import decode_alert, decode_alert_input, encode

# A closed alert stays readable for a day, then its record is deleted; the history has it for ever.
CLOSED_KEPT_MS = 86_400_000
# Longer than ``alert-inputs`` keeps anything: what could be replayed is remembered.
LAST_KEPT_MS = 30 * 86_400_000
SWEEP_EVERY_MS = 60_000
TELL_DESK_EVERY_MS = 600_000
PAUSE_MS = 30_000  # between two ticks: this process stood still, nobody was silent because of that
DESK_LOST_MS = 600_000  # what a desk explained that is silent for so long is shown: nobody could end it


class Last(Struct):
    """Start of the newest episode of an object, and when the province knew.

    ``alert``: the id of an earlier episode's alert that went on with this one; empty when it has its own.
    """

    since_ms: int
    at_ms: int
    alert: str = ""


class Counters(Struct, kw_only=True):
    """Inputs of this process so far; not kept."""

    signals: int = 0
    commands: int = 0
    conditions: int = 0
    undecodable: int = 0
    orders: int = 0
    without_effect: int = 0


class AlertingPartition:
    """State and decisions of one partition of ``alert-inputs``; see :class:`ioc.pipeline.effects.Step`."""

    def __init__(self, profile: Profile, partition: int) -> None:
        self.partition = partition
        self._know(profile)
        self.counters = Counters()
        self.alerts: dict[str, Alert] = {}
        self._open: dict[str, str] = {}  # object → id of its open alert
        self._last: dict[str, Last] = {}
        self._answers = Answered()
        self._chattering, self._covers = Chattering(), Covers()
        self._timed: set[str] = set()  # ids of alerts that time alone can change
        self._combined, self._absences = Combined(profile), Absences(profile)
        self._out = SourcesOut()
        self._dirty: set[str] = set()  # objects whose newest episode changed
        self._swept_ms = 0
        self._canary_ms, self._canary_dirty = 0, False
        self._desk_told_ms = -TELL_DESK_EVERY_MS  # when it was told all open alerts
        self._desk_heard_ms: int | None = None  # when it last said that it lives; at first, since when we listen
        self._looked_ms = 0

    def load(self, key: str, value: bytes) -> None:
        """Take one record of ``alerts`` back: an alert, or a private one; other private keys are the shell's.

        Raises:
            msgspec.MsgspecError: the record is not of this version; going on would forget open alerts.
        """
        if key.startswith("@last/"):
            self._last[key.removeprefix("@last/")] = msgspec.json.decode(value, type=Last)
        elif key.startswith("@cmd/"):
            self._answers.load(key.removeprefix("@cmd/"), value)
        elif key.startswith("@chatter/"):
            self._chattering.load(key.removeprefix("@chatter/"), value)
        elif key.startswith("@cover/"):
            self._covers.load(key.removeprefix("@cover/"), value)
        elif key.startswith("@comb/"):
            self._combined.load(key.removeprefix("@comb/"), value)
        elif key.startswith("@absent/"):
            self._absences.load(key.removeprefix("@absent/"), value)
        elif key.startswith(OUT):
            self._out.load(key.removeprefix(OUT), value)
        elif not key.startswith("@"):
            self._hold(decode_alert(value))

    def step(self, records: Sequence[Record], now_ms: int) -> Effects:
        """Apply signals, conditions and commands in offset order; a record that is none is counted and left."""
        effects = Effects([])
        self._elapse(now_ms, effects)
        self._signals(self._combined.take_waiting(now_ms), now_ms, effects)
        for record in records:
            try:
                given = decode_alert_input(record.value)  # type: ignore[arg-type]
            except (msgspec.MsgspecError, TypeError):
                self.counters.undecodable += 1
                continue
            if isinstance(given, Signal):
                self.counters.signals += 1
                self._signal(given, now_ms, effects)
            elif isinstance(given, Condition):
                self.counters.conditions += 1
                if (combined := self._combined.take(given, now_ms)) is not None:
                    self._signal(combined, now_ms, effects)
            elif isinstance(given, PartHeard):
                self.counters.conditions += 1
                self._signals(self._absences.take(given, now_ms), now_ms, effects)
                self._tell_sources(self._out.part(given, self._absences), effects)
            elif isinstance(given, CentreSilent):
                self.counters.conditions += 1
                self._signals(self._absences.centre(given), now_ms, effects)
                self._tell_sources(self._out.centre(given), effects)
            elif isinstance(given, Explained | Summoned | CoverSaid | DeskAlive):
                self._desk_heard_ms = self._covers.heard_ms = now_ms
                self._from_desk(given, now_ms, effects)
            elif isinstance(given, CanaryPassed):
                self._canary_ms = max(self._canary_ms, given.sent_ms)
                self._canary_dirty = True
            else:
                self.counters.commands += 1
                self._command(given, now_ms, effects)
        effects.urgent = bool(effects.emits)
        return effects

    def tick(self, now_ms: int) -> Effects:
        """Let time pass: what is due happens; what is left of drills closes; closed alerts leave after a day."""
        effects = Effects([])
        self._elapse(now_ms, effects)
        self._look_at_desk(now_ms, effects)
        if 0 <= now_ms - self._swept_ms < SWEEP_EVERY_MS:
            effects.urgent = bool(effects.emits)
            return effects
        self._swept_ms = now_ms
        for alert in list(self.alerts.values()):
            if alert.closed and now_ms - alert.updated_ms >= CLOSED_KEPT_MS:
                del self.alerts[alert.id]
                effects.emits.append(Emit("alerts", alert.id.encode(), None, self.partition))
                self._answers.forget(alert.id)
            elif drills.is_left(alert, now_ms):
                self._accept(episodes.end_drill(alert, now_ms), None, now_ms, effects)
        for key, last in list(self._last.items()):
            if now_ms - last.at_ms >= LAST_KEPT_MS and key not in self._open:
                del self._last[key]
                self._dirty.add(key)
        self._combined.sweep(now_ms)
        self._chattering.sweep(now_ms)
        self._end_removed(now_ms, effects)
        self._signals(self._combined.judge_again(now_ms), now_ms, effects)
        effects.urgent = bool(effects.emits)
        return effects

    def use(self, profile: Profile, now_ms: int) -> Effects:
        """Go on with other rules of the same installation; all alerts are kept.

        A combination that is gone ends; the others are judged by what is held.
        """
        self._know(profile)
        self._combined.use(profile)
        self._absences.use(profile)
        effects = Effects([])
        self._end_removed(now_ms, effects)
        self._signals(self._combined.judge_again(now_ms), now_ms, effects)
        effects.urgent = bool(effects.emits)
        return effects

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        """Changed private records. Alerts are not among them: each change was emitted, once."""
        rows: list[tuple[str, bytes | None]] = []
        for key in sorted(self._dirty):
            last = self._last.get(key)
            rows.append((f"@last/{key}", None if last is None else encode(last)))
        self._dirty.clear()
        rows += [(f"@cmd/{name}", value) for name, value in self._answers.take_dirty()]
        if self._canary_dirty:
            self._canary_dirty = False
            rows.append((canary.KEY, encode(CanaryPassed(sent_ms=self._canary_ms))))
        rows += [(f"@chatter/{key}", value) for key, value in self._chattering.take_dirty()]
        rows += [(f"@cover/{key}", value) for key, value in self._covers.take_dirty()]
        rows += [(f"@comb/{key}", value) for key, value in self._combined.take_dirty()]
        rows += [(f"@absent/{key}", value) for key, value in self._absences.take_dirty()]
        return rows + self._out.take_dirty()

    def _know(self, profile: Profile) -> None:
        self.profile = profile
        self._rules = {rule.id: rule for rule in profile.rules}
        self._agencies = frozenset(agency.id for agency in profile.agencies)
        self._watches_desk = desk_watch.watches(profile, self.partition)

    def _elapse(self, now_ms: int, effects: Effects) -> None:
        # What stayed away long enough goes first: it is not to ask anew in the same moment.
        for key in self._chattering.running:
            self._settle(key, now_ms, effects)
        for alert_id in sorted(self._timed):
            alert = self.alerts[alert_id]
            change = timed.elapse(alert, now_ms, self._realarm_s(alert))
            if change is not None:
                self._accept(change, None, now_ms, effects)

    def _settle(self, key: str, now_ms: int, effects: Effects, event_ms: int | None = None) -> None:
        held = self.alerts.get(self._open.get(key, ""))
        change = self._chattering.elapse(key, held, now_ms, event_ms)
        if change is not None:
            self._accept(change, change.alert.observed_ms, now_ms, effects)

    def _latching(self, signal: Signal) -> bool:
        rule = self._rules.get(signal.rule)
        return rule is not None and rule.latching

    def _realarm_s(self, alert: Alert) -> float:
        rule = self._rules.get(alert.rule)
        return own_realarm_s(alert.rule, self.profile) if rule is None else rule.realarm_s

    def _end_removed(self, now_ms: int, effects: Effects) -> None:
        self._signals(self._combined.end_removed(now_ms), now_ms, effects)
        self._signals(self._absences.end_removed(now_ms), now_ms, effects)
        self._signals(self._absences.judge_again(), now_ms, effects)
        self._tell_sources(self._out.sweep(self._rules, self._absences), effects)

    def _signals(self, signals: Iterable[Signal], now_ms: int, effects: Effects) -> None:
        for signal in signals:
            self._signal(signal, now_ms, effects)

    def _signal(self, signal: Signal, now_ms: int, effects: Effects) -> None:
        key = _object_key(signal.key, signal.exercise)
        last = self._last.get(key)
        alert = self.alerts.get(episodes.episode_id(signal))
        if alert is None and last is not None and last.since_ms == signal.since_ms:
            alert = self.alerts.get(last.alert)
        if alert is not None:
            self._apply(key, alert, signal, now_ms, effects)
            return
        if signal.state != "on" or (last is not None and signal.since_ms <= last.since_ms):
            self.counters.without_effect += 1
            return
        self._settle(key, now_ms, effects, signal.since_ms)
        before = self.alerts.get(self._open.get(key, ""))
        self._dirty.add(key)
        if before is not None and self._chattering.carries(before):
            self._last[key] = Last(signal.since_ms, now_ms, before.id)
            goes_on = replace(before, prior_count=before.count, signal_revision=signal.revision - 1)
            self._apply(key, goes_on, signal, now_ms, effects)
            return
        begun = episodes.begin(signal, now_ms, before, latching=self._latching(signal))
        if before is not None:
            self._accept(episodes.supersede(before, begun.alert.id, now_ms), signal.since_ms, now_ms, effects)
        self._last[key] = Last(signal.since_ms, now_ms)
        self._chattering.begun(key, signal.since_ms, now_ms)
        self._accept(begun, signal.observed_ms, now_ms, effects)

    def _apply(self, key: str, alert: Alert, signal: Signal, now_ms: int, effects: Effects) -> None:
        known, latching = signal.rule in self._rules, self._latching(signal)
        change = self._chattering.apply(key, alert, signal, now_ms, latching=latching, known=known)
        if change is None:
            self.counters.without_effect += 1
        else:
            self._accept(change, signal.observed_ms, now_ms, effects)
            self._tell_sources(self._out.signal(signal, self._rules.get(signal.rule)), effects)

    def _command(self, command: Command, now_ms: int, effects: Effects) -> None:
        entry, muted = self._answers.find(command), None
        if entry is None:
            alert = self.alerts.get(command.alert_id)
            if self._answers.used(command):
                answer = refuse(alert, command, now_ms, Who(), "MISMATCH", "idempotency_mismatch")
            else:
                answer = handle.decide(alert, command, self._around(alert), now_ms)
            entry = answer.entry
            if answer.alert is not None:
                change = episodes.Change(answer.alert, entry.what, entry.reason, entry.from_state)
                change, muted = self._covers.settle(change, now_ms, self.alerts)
                entry = replace(entry, to_state=change.alert.state)
                self._write((muted or change).alert, effects)
            if answer.unasked and answer.alert is not None:
                closing = episodes.Change(answer.alert, episodes.HIDDEN_OCCURRENCE, entry.reason, entry.from_state)
                self._log(closing, None, now_ms, effects)
            self._answers.remember(entry, known=entry.alert_id in self.alerts)
        effects.emits.append(Emit("alert-log", entry.alert_id.encode(), encode(entry)))
        if muted is not None:
            self._log(muted, None, now_ms, effects)

    def _around(self, alert: Alert | None) -> handle.Around:
        if alert is None:
            return handle.Around(agencies=self._agencies)
        key = _object_key(alert.key, alert.exercise)
        last = self._last.get(key)
        rule = self._rules.get(alert.rule)
        return handle.Around(
            rule=rule,
            realarm_s=self._realarm_s(alert),
            insists=alert.rule == UNSIGNED_RULE,
            agencies=self._agencies,
            newest=self._open.get(key) in (None, alert.id)
            and (last is None or alert.started_ms >= last.since_ms or last.alert == alert.id),
            history=self._answers.of(alert.id),
        )

    def _look_at_desk(self, now_ms: int, effects: Effects) -> None:
        if not 0 <= now_ms - self._desk_told_ms < TELL_DESK_EVERY_MS:
            self._desk_told_ms = now_ms
            for alert in self.alerts.values():
                if not alert.closed:
                    self._tell_desk(alert, effects)
            self._tell_sources(self._out.known.values(), effects)
        if self._desk_heard_ms is None or not 0 <= now_ms - self._looked_ms <= PAUSE_MS:
            self._desk_heard_ms = now_ms
        self._looked_ms = now_ms
        silent = now_ms - self._desk_heard_ms >= DESK_LOST_MS
        if silent:
            self._covers.clear()  # before the desk's own alert begins
        if self._watches_desk and (centre := home(self.profile)) is not None:
            stands = self.alerts.get(self._open.get(desk_watch.key_of(centre), ""))
            said = desk_watch.say(centre, silent, stands, self._desk_heard_ms, now_ms)
            spoke = self._covers.heard_ms == self._desk_heard_ms  # that we listen anew is no word of it
            if said is not None and (silent or spoke):
                self._signal(said, now_ms, effects)
        if silent:
            for alert in [alert for alert in self.alerts.values() if alert.explained is not None]:
                change = episodes.explain_by(alert, None, now_ms, "DESK_LOST")
                if change is not None:
                    self._accept(change, None, now_ms, effects)

    def _from_desk(self, given: Explained | Summoned | CoverSaid | DeskAlive, now_ms: int, effects: Effects) -> None:
        if isinstance(given, Explained | Summoned):
            self.counters.orders += 1
            self._order(given, now_ms, effects)
        elif isinstance(given, CoverSaid):
            self._covers.take(given)

    def _order(self, order: Explained | Summoned, now_ms: int, effects: Effects) -> None:
        alert, change = self.alerts.get(order.alert_id), None
        if alert is not None and isinstance(order, Explained):
            change = episodes.explain_by(alert, order.explanation, now_ms)
        elif alert is not None and isinstance(order, Summoned):
            change = episodes.summon(alert, order.summons, now_ms)
        if change is None:
            self.counters.without_effect += 1
        else:
            self._write(change.alert, effects)  # what the desk orders stands, whatever it said before
            self._log(change, None, now_ms, effects)

    def _accept(self, change: episodes.Change, event_ms: int | None, now_ms: int, effects: Effects) -> None:
        change, muted = self._covers.settle(change, now_ms, self.alerts)
        self._write((muted or change).alert, effects)
        self._log(change, event_ms, now_ms, effects)
        if muted is not None:
            self._log(muted, None, now_ms, effects)

    def _log(self, change: episodes.Change, event_ms: int | None, now_ms: int, effects: Effects) -> None:
        line = episodes.log_line(change, event_ms, now_ms)
        if line is not None:
            effects.emits.append(Emit("alert-log", change.alert.id.encode(), encode(line)))

    def _write(self, alert: Alert, effects: Effects) -> None:
        self._hold(alert)
        effects.emits.append(Emit("alerts", alert.id.encode(), encode(alert), self.partition))
        self._tell_desk(alert, effects)

    def _tell_desk(self, alert: Alert, effects: Effects) -> None:
        effects.emits.append(Emit("desk-inputs", alert.id.encode(), encode(AlertTold(alert=alert)), 0))

    def _tell_sources(self, sources: Iterable[SourceTold], effects: Effects) -> None:
        effects.emits += [Emit("desk-inputs", one.key.encode(), encode(one), 0) for one in sources]

    def _hold(self, alert: Alert) -> None:
        self.alerts[alert.id] = alert
        if timed.is_timed(alert):
            self._timed.add(alert.id)
        else:
            self._timed.discard(alert.id)
        key = _object_key(alert.key, alert.exercise)
        if not alert.closed:
            self._open[key] = alert.id
        elif self._open.get(key) == alert.id:
            del self._open[key]


def _object_key(key: str, exercise: str | None) -> str:
    return f"{key}|{exercise}" if exercise else key
