"""Memory of answers to commands, so that a command that comes again has the same answer and no second effect.

It is part of the checkpoint: a retry after a restart finds it too. What leaves it leaves by age. Every answer is kept
for ``KEPT_MS``, however many others come; after that the newest of each kind stay: those that changed the alert
(*effective* ones) and those that did not. All go with the alert, a day after it closed. A record has at most
``BYTES_MAX``: beyond that the oldest that had no effect go first, whatever their age, then the oldest effective ones.

A repeat of what is not remembered is decided anew: it finds the alert as it left it, which most operations answer with
``ALREADY`` or ``STALE``; a comment would stand twice. A mismatch is no answer to the id it was given under, so it is
not remembered, and can push out nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct

from ioc.domain.alerts import Command, LogEntry
from ioc.wire.codec import encode

KEPT_MS = 600_000  # twice as long as a command may be under way; whoever retries has done so by then
EFFECTIVE_KEPT = 64  # per alert, of those that are older
OTHERS_KEPT = 32  # the same, without effect; also for all alerts together that are not known here
BYTES_MAX = 262_144  # of a record; an answer is usually 700 bytes
_UNKNOWN = "?"


class Kept(Struct, frozen=True):
    """An answer and its size as it is written, bytes."""

    entry: LogEntry
    size: int


class Answered:
    """Answers by alert id."""

    def __init__(self) -> None:
        self._answers: dict[str, list[Kept]] = {}
        self._first: dict[str, LogEntry] = {}  # by command id: what the id was used for first
        self._dirty: set[str] = set()

    def load(self, name: str, value: bytes) -> None:
        """Take one record of the checkpoint back: an alert's, or that of unknown ones; old ones have mismatches."""
        entries = msgspec.json.decode(value, type=list[LogEntry])
        self._answers[name] = [kept_of(entry) for entry in entries if entry.outcome != "MISMATCH"]
        for one in self._answers[name]:
            self._index(one.entry)

    def of(self, alert_id: str) -> list[LogEntry]:
        """Answers about an alert, oldest first."""
        return [one.entry for one in self._answers.get(alert_id, ())]

    def find(self, command: Command) -> LogEntry | None:
        """The answer that the same command had; answers of before there were digests are taken by id alone."""
        for name in (command.alert_id, _UNKNOWN):
            for one in self._answers.get(name, ()):
                entry = one.entry
                same = entry.command_id == command.command_id and entry.alert_id == command.alert_id
                if same and entry.digest in ("", command.digest):
                    return entry
        return None

    def used(self, command: Command) -> bool:
        """Was the id of the command given to another one, about this alert or another one of this partition?"""
        first = self._first.get(command.command_id)
        return first is not None and (first.alert_id, first.digest) != (command.alert_id, command.digest)

    def remember(self, entry: LogEntry, *, known: bool) -> None:
        """Keep an answer that was given now; ``known``: the alert is one of this partition."""
        if entry.outcome == "MISMATCH":
            return
        name = entry.alert_id if known else _UNKNOWN
        before = [*self._answers.get(name, ()), kept_of(entry)]
        self._index(entry)
        going = leaving(before, entry.at_ms)
        for place in going:
            self._unindex(before[place].entry)
        self._answers[name] = [one for place, one in enumerate(before) if place not in going]
        self._dirty.add(name)

    def forget(self, alert_id: str) -> None:
        """The alert is gone."""
        for old in self._answers.pop(alert_id, ()):
            self._unindex(old.entry)
            self._dirty.add(alert_id)

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        """Changed records by name."""
        rows = [(name, encode(self.of(name)) if name in self._answers else None) for name in sorted(self._dirty)]
        self._dirty.clear()
        return rows

    def _index(self, entry: LogEntry) -> None:
        if entry.command_id:
            self._first.setdefault(entry.command_id, entry)

    def _unindex(self, entry: LogEntry) -> None:
        if entry.command_id and self._first.get(entry.command_id) is entry:
            del self._first[entry.command_id]


def leaving(
    kept: Sequence[Kept],
    now_ms: int,
    *,
    effective_kept: int = EFFECTIVE_KEPT,
    others_kept: int = OTHERS_KEPT,
    bytes_max: int = BYTES_MAX,
) -> set[int]:
    """Places of those that go, oldest first in ``kept``; the newest never does."""
    found: set[int] = set()
    for effective, most in ((False, others_kept), (True, effective_kept)):
        kind = [place for place, one in enumerate(kept) if one.entry.accepted == effective]
        found |= {place for place in kind[:-most] if now_ms - kept[place].entry.at_ms >= KEPT_MS}
    over = sum(one.size for place, one in enumerate(kept) if place not in found) - bytes_max
    for place in _by_worth(kept, found):
        if over <= 0:
            break
        found.add(place)
        over -= kept[place].size
    return found


def _by_worth(kept: Sequence[Kept], gone: set[int]) -> Iterable[int]:
    """Those that stand, without the newest: what had no effect first, each oldest first."""
    places = [place for place in range(len(kept) - 1) if place not in gone]
    return sorted(places, key=lambda place: (kept[place].entry.accepted, place))


def kept_of(entry: LogEntry) -> Kept:
    """An answer with its size."""
    return Kept(entry, len(encode(entry)) + 1)
