"""What a gateway knows of the desk: the public records of the topic ``desk``, and the frame that screens get of them.

The frame is the whole of it. Whoever has it and asked for changes gets from then on the incidents that changed, against
the version that was sent to them last: one connection delivers in order, so nothing can be missing in between, and a
client that finds a gap all the same connects again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.structs import replace

from ioc.domain.flood import Flood
from ioc.domain.handover import Handover
from ioc.domain.incidents import Incident
from ioc.domain.silences import Silence
from ioc.pipeline.escalation_audit import Audit
from ioc.wire import codec
from ioc.wire.frames import DeskDelta, DeskFrame, encode_frame

FRAME_MEMBERS_MAX = 2_000  # about 0.6 MB
FRAME_LINES_MAX = 20
SILENT_AFTER_MS = 150_000  # the desk says every minute how it stands: two of them are missing

_log = logging.getLogger(__name__)
_decode_audit = msgspec.json.Decoder(Audit).decode


@dataclass(frozen=True)
class Shown:
    """What a frame of ``version`` shows: id of an incident → the version at which it changed last."""

    version: int
    stamps: Mapping[str, int]


class DeskView:
    """Silences, incidents, the flood, the handovers and how the escalation stands, as the desk says them."""

    def __init__(self) -> None:
        self.silences: dict[str, Silence] = {}
        self.incidents: dict[str, Incident] = {}
        self.handovers: dict[str, Handover] = {}
        self.flood: Flood | None = None
        self.audit: Audit | None = None  # of the escalation; None: the desk has not said how it stands
        self.version = 0  # grows with every change that the frame shows
        self._stamps: dict[str, int] = {}
        self._frame: tuple[int, bytes] | None = None
        self._bounded: tuple[Shown, list[Incident]] | None = None
        self._changes: dict[int, bytes] = {}  # to the present version, by the one before; so many as screens differ

    def take(self, key: bytes, value: bytes | None) -> None:
        """Take one record of ``desk``; what is not public, or cannot be read, is left."""
        kind, _, name = key.decode(errors="replace").partition("/")
        try:
            if kind == "silence":
                _put(self.silences, name, value, codec.decode_silence)
            elif kind == "handover":
                _put(self.handovers, name, value, codec.decode_handover)
            elif kind == "incident":
                _put(self.incidents, name, value, codec.decode_incident)
                self._moved()
                self._stamps[name] = self.version
                if value is None:
                    del self._stamps[name]
            elif kind == "flood":
                self.flood = None if value is None else codec.decode_flood(value)
                self._moved()
            elif kind == "escalation" and name == "audit":
                self.audit = None if value is None else _decode_audit(value)
        except msgspec.MsgspecError as exc:
            _log.error("the record %s of the desk could not be read: %s", key.decode(errors="replace"), exc)

    def silent(self, now_ms: int) -> bool:
        """Has the desk stopped saying how it stands? What it said, of a flood too, may be over then.

        A desk that never said anything is not silent: whether there is one is not known here.
        """
        return self.audit is not None and now_ms - self.audit.as_of_ms > SILENT_AFTER_MS

    def all_silences(self) -> list[Silence]:
        """Running ones first, by their end; then those that ended within a day, the newest first."""
        running = [one for one in self.silences.values() if one.state == "active"]
        ended = [one for one in self.silences.values() if one.state != "active"]
        running.sort(key=lambda one: (one.end_ms, one.id))
        ended.sort(key=lambda one: (-(one.ended_ms or 0), one.id))
        return [*running, *ended]

    def all_incidents(self) -> list[Incident]:
        """Open ones first, live before drills, the worst and newest first; then those that ended within a day."""
        ended = [one for one in self.incidents.values() if one.state != "open"]
        ended.sort(key=lambda one: (-(one.closed_ms or 0), one.id))
        return [*self._open_incidents(), *ended]

    def all_handovers(self) -> list[Handover]:
        """The newest end of a shift first; a draft of the present shift is the first one."""
        return sorted(self.handovers.values(), key=lambda one: (-one.shift_end_ms, one.id))

    def frame(self) -> bytes:
        """The frame of the present version: open incidents, the worst and newest first, and the flood.

        Of an incident the newest ``FRAME_LINES_MAX`` lines; of all incidents together ``FRAME_MEMBERS_MAX`` members.
        Incidents beyond that are left out, so that their alerts stand for themselves on the screens.
        """
        if self._frame is None or self._frame[0] != self.version:
            incidents = self._present()[1]
            numbers = self._named(incidents, incidents)
            frame = DeskFrame(incidents=incidents, numbers=numbers, flood=self.flood, version=self.version)
            self._frame = (self.version, encode_frame(frame))
        return self._frame[1]

    def shown(self) -> Shown:
        """What :meth:`frame` shows now; to be given back to :meth:`changes`."""
        return self._present()[0]

    def changes(self, before: Shown) -> bytes:
        """The frame that leads from what was shown before to the present; of an earlier version of this view."""
        if before.version not in self._changes:
            now, incidents = self._present()
            changed = [one for one in incidents if before.stamps.get(one.id) != now.stamps[one.id]]
            frame = DeskDelta(
                prev=before.version,
                version=now.version,
                incidents=changed,
                numbers=self._named(changed, incidents),
                gone=sorted(before.stamps.keys() - now.stamps.keys()),
                flood=self.flood,
            )
            self._changes[before.version] = encode_frame(frame)
        return self._changes[before.version]

    def _named(self, lines_of: Iterable[Incident], shown: Iterable[Incident]) -> dict[str, int]:
        """Numbers of incidents that lines name and that are not shown: a screen may never have seen them."""
        names = {line.about for one in lines_of for line in one.timeline} - {one.id for one in shown}
        return {name: self.incidents[name].number for name in sorted(names & self.incidents.keys())}

    def _moved(self) -> None:
        self.version += 1
        self._changes.clear()

    def _present(self) -> tuple[Shown, list[Incident]]:
        """The bounded list of the present version, and what it is made of."""
        if self._bounded is None or self._bounded[0].version != self.version:
            incidents = list(_bounded(self._open_incidents()))
            stamps = {one.id: self._stamps[one.id] for one in incidents}
            self._bounded = (Shown(self.version, stamps), incidents)
        return self._bounded

    def _open_incidents(self) -> list[Incident]:
        opened = [one for one in self.incidents.values() if one.state == "open"]
        return sorted(opened, key=lambda one: (one.exercise is not None, one.priority, -one.opened_ms, one.id))


def _bounded(incidents: Iterable[Incident]) -> Iterator[Incident]:
    room = FRAME_MEMBERS_MAX
    for one in incidents:
        if len(one.members) <= room:
            room -= len(one.members)
            yield replace(one, timeline=one.timeline[-FRAME_LINES_MAX:])


def _put(store: dict[str, Any], name: str, value: bytes | None, decode: Callable[[bytes], Any]) -> None:
    if value is None:
        store.pop(name, None)
    else:
        store[name] = decode(value)
