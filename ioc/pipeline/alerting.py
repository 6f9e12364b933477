"""The alerting step: signals of the rules and commands of people in, alerts and their log out.

Both come through one partition of ``alert-inputs``, so there is one order per alert and two people never both win.
The topic ``alerts`` is the output and the state: an alert is written once per accepted change, into the partition of
its input, and read back from there. Beside the alerts it holds private records that readers skip:

* ``@last/<alert key>``: start of the newest episode of an object (with the drill at the end). Episodes of an object
  start strictly one after the other, so this one number keeps a replayed signal from raising what was closed and
  forgotten long ago.
* ``@cmd/<alert id>``: answers to the last commands. A command that comes again (a retry after a lost answer) gets the
  same line of the log, with the same id, and has no second effect. ``@cmd/?`` does the same for alerts not known here.
* ``@canary``: the newest canary that came through here, for whoever measures how far canaries come.

An object has one open alert. When a new episode begins while the earlier alert is still open, the earlier one closes as
superseded and its successor takes over its priority and count if nobody had acknowledged it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct

from ioc.domain import canary
from ioc.domain.alerts import Alert, CanaryPassed, Command, Condition, LogEntry, Signal
from ioc.domain.profile import Profile
from ioc.pipeline import acknowledge, episodes
from ioc.pipeline.combined import Combined
from ioc.pipeline.effects import Effects, Emit, Record
from ioc.wire.codec import decode_alert, decode_alert_input, encode

# A closed alert stays readable for a day, then its record is deleted; the history has it for ever.
CLOSED_KEPT_MS = 86_400_000
# Longer than ``alert-inputs`` keeps anything: what could be replayed is remembered.
LAST_KEPT_MS = 30 * 86_400_000
# Answers remembered per alert, and for unknown alerts together; the oldest goes. An older repeat is decided anew, which
# can only answer that the alert is acknowledged or closed.
ANSWERS_PER_ALERT = 32
ANSWERS_UNKNOWN = 64
SWEEP_EVERY_MS = 60_000
_UNKNOWN = "?"


class Last(Struct):
    """Start of the newest episode of an object, and when the province knew."""

    since_ms: int
    at_ms: int


class Counters(Struct, kw_only=True):
    """Inputs of this process so far; not kept."""

    signals: int = 0
    commands: int = 0
    conditions: int = 0
    undecodable: int = 0
    without_effect: int = 0


class AlertingPartition:
    """State and decisions of one partition of ``alert-inputs``; see :class:`ioc.pipeline.effects.Step`."""

    def __init__(self, profile: Profile, partition: int) -> None:
        self.profile = profile
        self.partition = partition
        self.counters = Counters()
        self.alerts: dict[str, Alert] = {}
        self._open: dict[str, str] = {}  # object → id of its open alert
        self._last: dict[str, Last] = {}
        self._answers: dict[str, list[LogEntry]] = {}
        self._combined = Combined(profile)
        self._dirty: set[str] = set()
        self._swept_ms = 0
        self._canary_ms, self._canary_dirty = 0, False

    def load(self, key: str, value: bytes) -> None:
        """Take one record of ``alerts`` back: an alert, or a private one; other private keys are the shell's.

        Raises:
            msgspec.MsgspecError: the record is not of this version; going on would forget open alerts.
        """
        if key.startswith("@last/"):
            self._last[key.removeprefix("@last/")] = msgspec.json.decode(value, type=Last)
        elif key.startswith("@cmd/"):
            self._answers[key.removeprefix("@cmd/")] = msgspec.json.decode(value, type=list[LogEntry])
        elif key.startswith("@comb/"):
            self._combined.load(key.removeprefix("@comb/"), value)
        elif not key.startswith("@"):
            self._hold(decode_alert(value))

    def step(self, records: Sequence[Record], now_ms: int) -> Effects:
        """Apply signals, conditions and commands in offset order; a record that is none is counted and left."""
        effects = Effects([])
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
            elif isinstance(given, CanaryPassed):
                self._canary_ms = max(self._canary_ms, given.sent_ms)
                self._canary_dirty = True
            else:
                self.counters.commands += 1
                self._command(given, now_ms, effects)
        effects.urgent = bool(effects.emits)
        return effects

    def tick(self, now_ms: int) -> Effects:
        """Let time pass: closed alerts leave after a day."""
        effects = Effects([])
        if now_ms - self._swept_ms < SWEEP_EVERY_MS:
            return effects
        self._swept_ms = now_ms
        for alert in list(self.alerts.values()):
            if alert.closed and now_ms - alert.updated_ms >= CLOSED_KEPT_MS:
                del self.alerts[alert.id]
                effects.emits.append(Emit("alerts", alert.id.encode(), None, self.partition))
                if self._answers.pop(alert.id, None) is not None:
                    self._dirty.add(f"@cmd/{alert.id}")
        for key, last in list(self._last.items()):
            if now_ms - last.at_ms >= LAST_KEPT_MS and key not in self._open:
                del self._last[key]
                self._dirty.add(f"@last/{key}")
        self._combined.sweep(now_ms)
        self._end_removed(now_ms, effects)
        self._signals(self._combined.judge_again(now_ms), now_ms, effects)
        effects.urgent = bool(effects.emits)
        return effects

    def use(self, profile: Profile, now_ms: int) -> Effects:
        """Go on with other rules of the same installation; all alerts are kept.

        A combination that is gone ends; the others are judged by what is held.
        """
        self.profile = profile
        self._combined.use(profile)
        effects = Effects([])
        self._end_removed(now_ms, effects)
        self._signals(self._combined.judge_again(now_ms), now_ms, effects)
        effects.urgent = bool(effects.emits)
        return effects

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        """Changed private records. Alerts are not among them: each change was emitted, once."""
        rows: list[tuple[str, bytes | None]] = []
        for key in sorted(self._dirty):
            kind, _, name = key.partition("/")
            held = self._last.get(name) if kind == "@last" else self._answers.get(name)
            rows.append((key, None if held is None else encode(held)))
        self._dirty.clear()
        if self._canary_dirty:
            self._canary_dirty = False
            rows.append((canary.KEY, encode(CanaryPassed(sent_ms=self._canary_ms))))
        return rows + [(f"@comb/{key}", value) for key, value in self._combined.take_dirty()]

    def _end_removed(self, now_ms: int, effects: Effects) -> None:
        self._signals(self._combined.end_removed(now_ms), now_ms, effects)

    def _signals(self, signals: Iterable[Signal], now_ms: int, effects: Effects) -> None:
        for signal in signals:
            self._signal(signal, now_ms, effects)

    def _signal(self, signal: Signal, now_ms: int, effects: Effects) -> None:
        alert = self.alerts.get(episodes.episode_id(signal))
        if alert is not None:
            change = episodes.apply(alert, signal, now_ms)
            if change is None:
                self.counters.without_effect += 1
            else:
                self._accept(change, signal.observed_ms, now_ms, effects)
            return
        key = _object_key(signal.key, signal.exercise)
        last = self._last.get(key)
        if signal.state != "on" or (last is not None and signal.since_ms <= last.since_ms):
            self.counters.without_effect += 1
            return
        before = self.alerts.get(self._open.get(key, ""))
        begun = episodes.begin(signal, now_ms, before)
        if before is not None:
            self._accept(episodes.supersede(before, begun.alert.id, now_ms), signal.since_ms, now_ms, effects)
        self._last[key] = Last(signal.since_ms, now_ms)
        self._dirty.add(f"@last/{key}")
        self._accept(begun, signal.observed_ms, now_ms, effects)

    def _command(self, command: Command, now_ms: int, effects: Effects) -> None:
        entry = self._answered(command)
        if entry is None:
            answer = acknowledge.decide(self.alerts.get(command.alert_id), command, now_ms)
            entry = answer.entry
            if answer.alert is not None:
                self._write(answer.alert, effects)
            self._remember(entry)
        effects.emits.append(Emit("alert-log", entry.alert_id.encode(), encode(entry)))

    def _answered(self, command: Command) -> LogEntry | None:
        for memory in (command.alert_id, _UNKNOWN):
            for entry in self._answers.get(memory, ()):
                if entry.command_id == command.command_id and entry.alert_id == command.alert_id:
                    return entry
        return None

    def _remember(self, entry: LogEntry) -> None:
        known = entry.alert_id in self.alerts
        memory = entry.alert_id if known else _UNKNOWN
        entries = self._answers.setdefault(memory, [])
        entries.append(entry)
        del entries[: -(ANSWERS_PER_ALERT if known else ANSWERS_UNKNOWN)]
        self._dirty.add(f"@cmd/{memory}")

    def _accept(self, change: episodes.Change, event_ms: int, now_ms: int, effects: Effects) -> None:
        self._write(change.alert, effects)
        line = episodes.log_line(change, event_ms, now_ms)
        if line is not None:
            effects.emits.append(Emit("alert-log", change.alert.id.encode(), encode(line)))

    def _write(self, alert: Alert, effects: Effects) -> None:
        self._hold(alert)
        effects.emits.append(Emit("alerts", alert.id.encode(), encode(alert), self.partition))

    def _hold(self, alert: Alert) -> None:
        self.alerts[alert.id] = alert
        key = _object_key(alert.key, alert.exercise)
        if not alert.closed:
            self._open[key] = alert.id
        elif self._open.get(key) == alert.id:
            del self._open[key]


def _object_key(key: str, exercise: str | None) -> str:
    return f"{key}|{exercise}" if exercise else key
