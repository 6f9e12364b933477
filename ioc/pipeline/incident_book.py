"""The incidents of an installation: which alert is in which, what waits, their commands, their records in ``desk``.

``incident/<id>`` is an incident as people see it. Private: ``@incident/number`` is the last number given,
``@incident/groups/<id>`` the groups that an incident collects where these are not its own (after a merge),
``@incident/split/<alert>`` says that an alert was split off by hand, and since when it is closed (0: it is open);
``@incident/answer/<command>`` is the answer to a command.

What waits (too few to be an incident) is not kept: after a start it is found again among the open alerts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import msgspec

from ioc.domain import incident_commands, incident_life
from ioc.domain.alerts import Alert, LogEntry
from ioc.domain.grouping import Group
from ioc.domain.incident_grouping import cluster, fits, may_join, may_start, moved
from ioc.domain.incidents import Incident, IncidentCommand
from ioc.pipeline.answer_book import AnswerBook
from ioc.pipeline.incident_waiting import Waiting
from ioc.wire.codec import decode_incident, encode

PREFIX = "incident/"
_NUMBER, _DRILL_NUMBER = "@incident/number", "@incident/drill-number"
_GROUPS, _SPLIT, _ANSWER = "@incident/groups/", "@incident/split/", "@incident/answer/"
KEPT_MS = 86_400_000  # an ended incident stays readable for a day; so long a closed alert stays split off
LOST_MS = 1_200_000  # alerting tells all open alerts every ten minutes: what was not told twice has closed
_decode_number = msgspec.json.Decoder(int).decode
_decode_groups = msgspec.json.Decoder(tuple[str, ...]).decode


class IncidentBook:
    """All incidents, open ones and those that ended within a day."""

    def __init__(self) -> None:
        self.incidents: dict[str, Incident] = {}
        self.held_up = False  # an alert waits that might not any more: look at all again
        self._open: set[str] = set()
        self._of: dict[str, str] = {}  # alert → open incident, also of members that closed
        self._groups: dict[str, tuple[str, ...]] = {}
        self._split: dict[str, int] = {}
        self._numbers = {_NUMBER: 0, _DRILL_NUMBER: 0}  # the newest given; drills count by themselves
        self._group_of: dict[str, Group] = {}  # by rule
        self.waiting = Waiting()
        self._emptied: set[str] = set()  # open ones of which the last alert has left: they close with the next tick
        self._ended: dict[tuple[str, str | None], Alert] = {}  # alerts that closed since the last tick, by object
        self._missing: dict[str, int] = {}
        self._answers = AnswerBook(_ANSWER)
        self._lines: list[LogEntry] = []
        self._dirty: dict[str, bytes | None] = {}

    def use(self, groups: Iterable[Group]) -> None:
        """Go on with other groups: incidents stay as they are, and nothing waits until it is placed again."""
        self._group_of = {rule: group for group in groups for rule in group.rules}
        self.waiting.clear()
        self.held_up = True

    def load(self, key: str, value: bytes) -> None:
        """Take one record back, in any order.

        Raises:
            msgspec.MsgspecError: the record is not of this version.
        """
        if key in self._numbers:
            self._numbers[key] = max(self._numbers[key], _decode_number(value))
        elif key.startswith(_GROUPS):
            self._groups[key.removeprefix(_GROUPS)] = _decode_groups(value)
        elif key.startswith(_SPLIT):
            self._split[key.removeprefix(_SPLIT)] = _decode_number(value)
        elif key.startswith(_ANSWER):
            self._answers.load(key, value)
        elif key.startswith(PREFIX):
            incident = decode_incident(value)
            counter = _counter(incident.exercise)
            self._numbers[counter] = max(self._numbers[counter], incident.number)
            self.incidents[incident.id] = incident
            self._index(incident)
            self._watch(incident)

    def wants(self, alert: Alert) -> bool:
        """Is it an open alert of a group that is in no incident and was not split off?"""
        return alert.rule in self._group_of and alert.id not in self._of and alert.id not in self._split

    def notice(self, alert: Alert, now_ms: int) -> None:
        """An alert is told: update its incident, or find one for it."""
        if alert.id in self._split and alert.closed == (self._split[alert.id] == 0):
            self._mark(alert.id, now_ms if alert.closed else 0)
        name = self._of.get(alert.id) or self._succeed(alert, now_ms)
        if name:
            self._tell(name, alert, now_ms)
        else:
            self.place(alert, now_ms)
        if alert.closed and (name or alert.id in self._split):
            self._ended[(alert.key, alert.exercise)] = alert

    def place(self, alert: Alert, now_ms: int) -> None:
        """Put an alert into the incident where it belongs, or begin one with those that wait, or let it wait."""
        group = self._group_of.get(alert.rule)
        if group is None or not self.wants(alert):
            return
        self.waiting.drop(alert.id)
        if not may_join(alert):
            return
        for incident in self._collecting(group.id):
            if fits(group, incident, alert):
                self._put(incident_life.join(incident, alert, now_ms), now_ms)
                self._absorb(incident.id, now_ms)
                return
        self.waiting.put(group, alert)
        if may_start(alert):
            self._begin(group, alert, now_ms)

    def command(self, command: IncidentCommand, now_ms: int) -> None:
        """Carry a command out, or refuse it: one line answers it."""
        again = self._answers.again(command, lambda: incident_commands.mismatch(command, now_ms))
        if again is not None:
            self._lines.append(again)
            return
        exercise = self._exercise(command)
        around = incident_commands.Around(
            incidents=self.incidents,
            opened=self._opened(exercise),
            number=self._numbers[_counter(exercise)] + 1,
            split=self._split.keys(),
        )
        decision = incident_commands.decide(around, command, now_ms)
        self._answers.remember(command, decision.entry)
        self._lines.append(decision.entry)
        if command.op == "merge" and decision.changed:
            self._set_groups(
                command.incident_id, {*self._collects(command.incident_id), *self._collects(command.other)}
            )
        for alert_id in decision.split:
            self._mark(alert_id, 0)
            self._of.pop(alert_id, None)
        # What closes goes first: its alerts are then free for the one that takes them over.
        for incident in sorted(decision.changed, key=lambda one: one.state == "open"):
            self._put(incident, now_ms, "SPLIT" if command.op == "split" else "MERGED", command.command_id)
        self.held_up = self.held_up or command.op in ("merge", "split")

    def _exercise(self, command: IncidentCommand) -> str | None:
        known = self.incidents.get(command.incident_id)
        return None if known is None else known.exercise

    def elapse(self, now_ms: int) -> None:
        """Close what has no alerts any more, and forget what ended a day ago."""
        self._ended.clear()
        for name in sorted(self._emptied):
            self._put(incident_life.close(self.incidents[name], now_ms), now_ms)
        for incident in list(self.incidents.values()):
            if incident.state == "closed" and now_ms - (incident.closed_ms or 0) >= KEPT_MS:
                del self.incidents[incident.id]
                self._dirty[PREFIX + incident.id] = None
                if self._groups.pop(incident.id, None) is not None:
                    self._dirty[_GROUPS + incident.id] = None

    def sweep(self, known: Collection[str], now_ms: int) -> None:
        """Look for alerts that nobody tells any more. ``known``: ids of all that are open."""
        gone = {
            member.alert_id: name
            for name in self._open
            for member in self.incidents[name].members
            if member.left_ms is None and member.alert_id not in known
        }
        self._missing = {alert_id: self._missing.get(alert_id, now_ms) for alert_id in gone}
        for alert_id, since_ms in self._missing.items():
            if now_ms - since_ms >= LOST_MS:
                self._put(incident_life.lose(self.incidents[gone[alert_id]], alert_id, now_ms), now_ms)
        for alert_id, closed_ms in list(self._split.items()):
            if alert_id in known:
                continue
            if not closed_ms:
                self._mark(alert_id, now_ms)
            elif now_ms - closed_ms >= KEPT_MS:
                del self._split[alert_id]
                self._dirty[_SPLIT + alert_id] = None

    def end_drills(self, alerts: Mapping[str, Alert], now_ms: int) -> None:
        """Close incidents of drills that are over. ``alerts``: all that are open, by id."""
        for name in sorted(self._open):
            if incident_life.drill_over(self.incidents[name], alerts, now_ms):
                self._put(incident_life.end_drill(self.incidents[name], now_ms), now_ms, "DRILL_OVER")

    def take_lines(self) -> list[LogEntry]:
        """Lines for the log since the last call."""
        lines, self._lines = self._lines, []
        return lines

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        """Records that changed since the last call; None deletes."""
        rows, self._dirty = self._dirty | self._answers.take_dirty(), {}
        return sorted(rows.items())

    def _tell(self, name: str, alert: Alert, now_ms: int) -> None:
        before = self.incidents[name]
        self._put(incident_life.update(before, alert, now_ms), now_ms)
        if any(one.alert_id == alert.id and moved(one, alert) for one in before.members):
            self._absorb(name, now_ms)

    def _succeed(self, alert: Alert, now_ms: int) -> str:
        """An alert that supersedes one of an incident goes on in its place: name of that incident, or empty.

        Alerting tells of both in one moment, of the one that it closes first. What was split off by hand stays so.
        """
        before = self._ended.get((alert.key, alert.exercise))
        if before is None or before.updated_ms != alert.raised_ms or alert.closed or alert.id in self._split:
            return ""
        if before.id in self._split:
            self._mark(alert.id, 0)
        name = self._of.pop(before.id, "")
        if name:
            self._put(incident_life.succeed(self.incidents[name], before.id, alert, now_ms), now_ms, "SUCCEEDS")
            self._absorb(name, now_ms)
        return name

    def _begin(self, group: Group, alert: Alert, now_ms: int) -> None:
        if self._full(alert.exercise):
            return
        found = cluster(group, alert, self.waiting.of(group, alert.exercise))
        if len(found) < group.alerts_min:
            return
        number = self._numbers[_counter(alert.exercise)] + 1
        name = self._free_id(group.id, *(one.id for one in found))
        self._put(incident_life.open_of(group, found, name, number, now_ms), now_ms)
        self._absorb(name, now_ms)

    def _full(self, exercise: str | None) -> bool:
        """Are so many incidents open that no more may begin? Those of drills take no room of the real ones."""
        return self._opened(exercise) >= incident_commands.INCIDENTS_MAX

    def _opened(self, exercise: str | None) -> int:
        drill = exercise is not None
        return sum((self.incidents[name].exercise is not None) == drill for name in self._open)

    def _free_id(self, *parts: str) -> str:
        """The same alerts may come together again within a day: the id is then of all that, and a count."""
        name, again = incident_life.incident_id(*parts), 0
        while name in self.incidents:
            again += 1
            name = incident_life.incident_id(*parts, str(again))
        return name

    def _absorb(self, name: str, now_ms: int) -> None:
        """An incident became larger: what waits may fit it now."""
        incident = self.incidents[name]
        kinds = {group.id: group for group in self._group_of.values() if group.id in self._collects(name)}
        more = True
        while more:
            more = False
            for group in kinds.values():
                waiting = self.waiting.of(group, incident.exercise)
                for alert in sorted(waiting.values(), key=lambda one: (one.raised_ms, one.id)):
                    if fits(group, incident, alert):
                        incident = incident_life.join(incident, alert, now_ms)
                        self._put(incident, now_ms)
                        more = True

    def _put(self, incident: Incident, now_ms: int, reason: str = "", cause: str = "") -> None:
        """Keep an incident as it is now, and say in the log what that changes; ``cause``: id of the command."""
        before = self.incidents.get(incident.id)
        if incident is before:
            return
        self.incidents[incident.id] = incident
        self._dirty[PREFIX + incident.id] = encode(incident)
        full = self._full(incident.exercise)
        same = before is not None and before.state == incident.state and _names(before) == _names(incident)
        if not same:
            self._index(incident)
        self._watch(incident)
        if before is None:
            counter = _counter(incident.exercise)
            self._numbers[counter] = max(self._numbers[counter], incident.number)
            self._dirty[counter] = encode(self._numbers[counter])
            self._lines.append(incident_life.news(incident, "incident-opened", now_ms, reason or "GROUPED"))
        elif incident.state == "closed" and before.state == "open":
            self.held_up = self.held_up or full  # there is room for another one
            self._lines.append(incident_life.news(incident, "incident-closed", now_ms, reason or "ALL_CLOSED"))
        if not same:
            self._say_joined(before, incident, now_ms, reason or ("FITS" if before else "GROUPED"), cause)

    def _say_joined(self, before: Incident | None, now: Incident, now_ms: int, reason: str, cause: str) -> None:
        there = set(_names(before)) if before is not None else set()
        names = [name for name in _names(now) if name not in there]
        if names:
            self._lines += incident_life.joined(now, names, now_ms, reason, cause or f"{names[0]}/{now_ms}")

    def _watch(self, incident: Incident) -> None:
        (self._emptied.add if incident_life.empty(incident) else self._emptied.discard)(incident.id)

    def _index(self, incident: Incident) -> None:
        if incident.state == "closed":
            self._open.discard(incident.id)
            self._of = {alert: name for alert, name in self._of.items() if name != incident.id}
            return
        self._open.add(incident.id)
        for member in incident.members:
            self._of[member.alert_id] = incident.id
            self.waiting.drop(member.alert_id)

    def _collecting(self, group_id: str) -> list[Incident]:
        """Open incidents that take alerts of a group, the oldest first."""
        found = (self.incidents[name] for name in self._open if group_id in self._collects(name))
        return sorted(found, key=lambda one: one.number)

    def _collects(self, name: str) -> tuple[str, ...]:
        own = self.incidents[name].group
        return self._groups.get(name, (own,) if own else ())

    def _set_groups(self, name: str, groups: Iterable[str]) -> None:
        kept = tuple(sorted(groups))
        if kept != self._collects(name):
            self._groups[name] = kept
            self._dirty[_GROUPS + name] = encode(kept)

    def _mark(self, alert_id: str, closed_ms: int) -> None:
        self._split[alert_id] = closed_ms
        self._dirty[_SPLIT + alert_id] = encode(closed_ms)


def _names(incident: Incident) -> list[str]:
    return [one.alert_id for one in incident.members]


def _counter(exercise: str | None) -> str:
    """Record of the newest number: a drill uses up none of the real ones."""
    return _NUMBER if exercise is None else _DRILL_NUMBER
