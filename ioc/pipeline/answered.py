"""Memory of answers to commands, so that a command that comes again has the same answer and no second effect.

It is part of the checkpoint: a retry after a restart finds it too. Bounded per alert, the oldest goes; all go with the
alert, a day after it closed. A repeat that is older than what is remembered is decided anew: it finds the alert as it
left it, which most operations answer with ``ALREADY`` or ``STALE``; a comment would stand twice.
"""

from __future__ import annotations

import msgspec

from ioc.domain.alerts import Command, LogEntry
from ioc.wire.codec import encode

ANSWERS_PER_ALERT = 32
ANSWERS_UNKNOWN = 64  # for all alerts together that are not known here
_UNKNOWN = "?"


class Answered:
    """Answers by alert id."""

    def __init__(self) -> None:
        self._answers: dict[str, list[LogEntry]] = {}
        self._first: dict[str, LogEntry] = {}  # by command id: what the id was used for first
        self._dirty: set[str] = set()

    def load(self, name: str, value: bytes) -> None:
        """Take one record of the checkpoint back: an alert's, or that of unknown ones."""
        self._answers[name] = msgspec.json.decode(value, type=list[LogEntry])
        for entry in self._answers[name]:
            self._index(entry)

    def of(self, alert_id: str) -> list[LogEntry]:
        """Answers about an alert, oldest first."""
        return self._answers.get(alert_id, [])

    def find(self, command: Command) -> LogEntry | None:
        """The answer that the same command had; answers of before there were digests are taken by id alone."""
        for entry in (*self.of(command.alert_id), *self.of(_UNKNOWN)):
            same = entry.command_id == command.command_id and entry.alert_id == command.alert_id
            if same and entry.digest in ("", command.digest):
                return entry
        return None

    def used(self, command: Command) -> bool:
        """Was the id of the command given to another one, about this alert or another one of this partition?"""
        first = self._first.get(command.command_id)
        return first is not None and (first.alert_id, first.digest) != (command.alert_id, command.digest)

    def remember(self, entry: LogEntry, *, known: bool) -> None:
        """Keep an answer; ``known``: the alert is one of this partition."""
        name = entry.alert_id if known else _UNKNOWN
        entries = self._answers.setdefault(name, [])
        entries.append(entry)
        self._index(entry)
        most = ANSWERS_PER_ALERT if known else ANSWERS_UNKNOWN
        for old in entries[:-most]:
            self._unindex(old)
        del entries[:-most]
        self._dirty.add(name)

    def forget(self, alert_id: str) -> None:
        """The alert is gone."""
        for old in self._answers.pop(alert_id, ()):
            self._unindex(old)
            self._dirty.add(alert_id)

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        """Changed records by name."""
        rows = [(name, encode(self._answers[name]) if name in self._answers else None) for name in sorted(self._dirty)]
        self._dirty.clear()
        return rows

    def _index(self, entry: LogEntry) -> None:
        if entry.outcome != "MISMATCH" and entry.command_id:
            self._first.setdefault(entry.command_id, entry)

    def _unindex(self, entry: LogEntry) -> None:
        if entry.command_id and self._first.get(entry.command_id) is entry:
            del self._first[entry.command_id]
