"""One viewer of the hub: where its client stands, and the frames that bring it to the present.

Nothing is queued per viewer. A slow one simply stands further back, and its next delta holds the newest state of
everything that changed meanwhile: memory per viewer is two strings. Viewers at the same place share the bytes.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal, TypeVar

from ioc.services.hub import Changes, Hub
from ioc.wire.frames import Beat, Delta, Gap, Gone, Since, Snapshot, SnapshotBegin, SnapshotEnd, encode_frame

DELTAS_CACHED = 64  # viewers that keep up all share one; the rest is for a few slow ones
SNAPSHOT_MAX_AGE_MS = 500  # a storm of reconnects costs two snapshots a second, not one per client
# Entities per snapshot frame: about 64 KiB of JSON each, so that a slow link never has to swallow megabytes at once.
ALERTS_PER_FRAME, FEEDS_PER_FRAME, READINGS_PER_FRAME, MINUTES_PER_FRAME = 50, 100, 200, 400

_T = TypeVar("_T")
Reason = Literal["fresh", "epoch", "too_old", "bad_position", "gap"]


class FrameCache:
    """Encoded frames shared by all viewers of one hub."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self._deltas: OrderedDict[tuple[int, int], bytes | None] = OrderedDict()
        self._snapshot: tuple[int, str, int, list[bytes]] | None = None

    def delta(self, seq: int, prev: str, now_ms: int) -> bytes | None:
        """Delta from sequence ``seq`` (position ``prev``) to now; empty bytes: nothing to say; None: forgotten."""
        wanted = (seq, self.hub.seq)
        if wanted in self._deltas:
            return self._deltas[wanted]
        changes = self.hub.since_seq(seq)
        if changes is None:
            return None
        frame = encode_delta(changes, prev, self.hub.pos, now_ms) if changes else b""
        self._deltas[wanted] = frame
        if len(self._deltas) > DELTAS_CACHED:
            self._deltas.popitem(last=False)
        return frame

    def snapshot(self, now_ms: int, *, present: bool = False) -> tuple[int, str, list[bytes]]:
        """Sequence, position and pieces of a snapshot at most 500 ms old, or of the ``present`` one."""
        cached = self._snapshot
        if cached is not None:
            young = not present and 0 <= now_ms - cached[2] < SNAPSHOT_MAX_AGE_MS
            if cached[0] == self.hub.seq or (young and self.hub.remembers(cached[0])):
                return cached[0], cached[1], cached[3]
        pieces = [encode_frame(piece) for piece in _pieces(self.hub.snapshot())]
        self._snapshot = (self.hub.seq, self.hub.pos, now_ms, pieces)
        return self.hub.seq, self.hub.pos, pieces


class Viewer:
    """Position of one client. ``pos`` is always exactly where the client stands once it has read what was given."""

    def __init__(self, cache: FrameCache) -> None:
        self._cache = cache
        self._hub = cache.hub
        self._seq = 0
        self.pos = ""

    def start(self, since: Since | None, now_ms: int) -> list[bytes]:
        """Frames that begin the picture: one delta if ``since`` can be continued, otherwise a snapshot."""
        if since is None:
            return self._snapshot("fresh", now_ms)
        found = self._hub.resume(since)
        if isinstance(found, str):
            return self._snapshot(found, now_ms)
        self._seq, self.pos = self._hub.seq, self._hub.pos
        return [encode_delta(found, since.pos, self.pos, now_ms)]

    def advance(self, now_ms: int, *, even_if_empty: bool = False) -> list[bytes]:
        """Frames from where the client stands to the present; none if nothing changed.

        ``even_if_empty`` moves the client's position although no entity changed, so that a later resume is short.
        """
        if self._seq == self._hub.seq:
            return []
        delta = self._cache.delta(self._seq, self.pos, now_ms)
        if delta is None:
            return [encode_frame(Gap(reason="too_old")), *self._snapshot("gap", now_ms)]
        if not delta:
            if not even_if_empty:
                return []
            delta = encode_delta(Changes([], [], [], [], {}), self.pos, self._hub.pos, now_ms)
        self._seq, self.pos = self._hub.seq, self._hub.pos
        return [delta]

    def beat(self, now_ms: int, lag_s: float | None, degraded: list[str]) -> bytes:
        """A sign of life from where the client stands."""
        return encode_frame(
            Beat(
                server_time_ms=now_ms,
                pos=self.pos,
                lag_s=None if lag_s is None else round(lag_s, 3),
                watermarks=self._hub.watermarks(),
                degraded=degraded,
            )
        )

    @property
    def lacks_alerts(self) -> bool:
        """True if an alert changed since where the client stands."""
        return self._hub.alerts_seq > self._seq

    def _snapshot(self, reason: Reason, now_ms: int) -> list[bytes]:
        # After a gap nothing but the present will do: from an older snapshot the next step could be a gap again.
        self._seq, self.pos, pieces = self._cache.snapshot(now_ms, present=reason == "gap")
        begin = encode_frame(SnapshotBegin(pos=self.pos, reason=reason))
        return [begin, *pieces, encode_frame(SnapshotEnd(pos=self.pos))]


def encode_delta(changes: Changes, prev: str, pos: str, now_ms: int) -> bytes:
    """One ``delta`` frame."""
    return encode_frame(
        Delta(
            prev=prev,
            pos=pos,
            server_time_ms=now_ms,
            alerts=changes.alerts,
            feeds=changes.feeds,
            readings=changes.readings,
            minutes=changes.minutes,
            gone=Gone(**changes.gone) if changes.gone else None,
        )
    )


def _pieces(whole: Changes) -> list[Snapshot]:
    pieces = [Snapshot(alerts=part) for part in _cut(whole.alerts, ALERTS_PER_FRAME)]
    pieces += [Snapshot(feeds=part) for part in _cut(whole.feeds, FEEDS_PER_FRAME)]
    pieces += [Snapshot(readings=part) for part in _cut(whole.readings, READINGS_PER_FRAME)]
    pieces += [Snapshot(minutes=part) for part in _cut(whole.minutes, MINUTES_PER_FRAME)]
    return pieces


def _cut(items: list[_T], size: int) -> list[list[_T]]:
    return [items[at : at + size] for at in range(0, len(items), size)]
