"""The hub: one picture of the province built from the bus, and the answer to "what changed since then".

Pure state, no I/O. A shell calls :meth:`Hub.apply` with records in offset order per partition, partitions in any
interleaving. Invariant, tested as a property: applying the changes between two positions to the picture at the first
gives the picture at the second, also when another hub that read the partitions in another order answers.

Memory: the entities of the picture, ``TOMBSTONES_MAX`` remembered gone entities, one number per partition.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

import msgspec
from msgspec import Struct

from ioc.domain import canary, detect_counters
from ioc.domain.alerts import Alert
from ioc.domain.detect_counters import Counters
from ioc.errors import BadInput
from ioc.services import picture
from ioc.services.canary import Sightings
from ioc.services.changes import TOMBSTONES_MAX, ChangeLog, Key
from ioc.wire import codec, positions, progress
from ioc.wire.frames import FeedView, Minute, Reading, Since
from ioc.wire.positions import Layout

READ_BACK_MS = 75 * picture.MINUTE_MS  # events and rollups are read from so long ago
_AHEAD_MS = 3 * picture.MINUTE_MS  # event time may be up to 120 s ahead of the record's; plus one minute of rounding

WINDOWED = ("events", "rollups")  # topics that are not read from their beginning
PICTURE_TOPICS = ("alerts", "feeds", "events", "rollups")

_CANARY_KEY = canary.KEY.encode()

Refusal = Literal["epoch", "too_old", "bad_position"]


class Changes(Struct):
    """Newest state of entities that changed, and keys of those that are gone."""

    alerts: list[Alert]
    feeds: list[FeedView]
    readings: list[Reading]
    minutes: list[Minute]
    gone: dict[str, list[str]]

    def __bool__(self) -> bool:
        return bool(self.alerts or self.feeds or self.readings or self.minutes or self.gone)


class Hub:
    """The picture. ``start``: first offset that will be read of each partition of ``layout``.

    ``read_from_ms``: for each windowed topic the record time that reading began at; None (or absent) means that
    the topic is read from its very first record.
    """

    def __init__(
        self,
        layout: Layout,
        epoch: str,
        start: Iterable[int],
        read_from_ms: Mapping[str, int | None] | None = None,
        *,
        tombstones_max: int = TOMBSTONES_MAX,
    ) -> None:
        self.layout = layout
        self.epoch = epoch
        self.seq = 0
        self.alerts_seq = 0  # seq of the last change of an alert: what the shell hurries for
        self.canaries = Sightings()  # beside the picture, never in it
        self.skipped: Counter[str] = Counter()  # records that could not be read, by topic
        self.detected: dict[bytes, Counters] = {}  # what each partition of detect counted; beside the picture too
        self._next = list(start)
        self._pairs = layout.pairs()
        self._log = ChangeLog(layout.size, tombstones_max)
        self._alerts = picture.Alerts()
        self._feeds = picture.Feeds()
        self._readings = picture.Readings()
        self._minutes = picture.Minutes()
        self._gone_keys: OrderedDict[str, str] = OrderedDict()
        self._gone_keys_max = tombstones_max
        self._need_ms = {
            topic: from_ms + picture.KEEP_MS + _AHEAD_MS
            for topic, from_ms in (read_from_ms or {}).items()
            if from_ms is not None
        }
        self._witness: dict[str, dict[int, int]] = {topic: {} for topic in self._need_ms}
        self._pos: tuple[int, str] | None = None
        self._apply: dict[str, Callable[[int, int, bytes, bytes | None], None]] = {
            "alerts": self._alert,
            "feeds": self._feed,
            "events": self._event,
            "rollups": self._rollup,
        }

    # --- in ---

    def apply(self, index: int, offset: int, key: bytes | None, value: bytes | None) -> None:
        """Take the record at ``offset`` of entry ``index`` of the layout; a record that was taken before, or that
        cannot be read, changes nothing but the position. Never raises on bad data."""
        if offset < self._next[index]:
            return
        self.seq += 1
        self._next[index] = offset + 1
        topic = self._pairs[index][0]
        try:
            self._apply[topic](index, offset, key or b"", value)
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError):
            self.skipped[topic] += 1

    def _alert(self, index: int, offset: int, key: bytes, value: bytes | None) -> None:
        if key.startswith(b"@"):  # private state of alerting
            if key == _CANARY_KEY and value is not None:
                self.canaries.see("alerting", codec.decode_canary(value).sent_ms)
            return
        name = key.decode()
        alert = None if value is None else codec.decode_alert(value)
        if alert is not None and alert.exercise is not None:
            return
        before = self._alerts.live.get(name)
        touched = self._alerts.apply(name, alert)
        if alert is None and before is not None:
            self._gone_keys[name] = before.key
            if len(self._gone_keys) > self._gone_keys_max:
                self._gone_keys.popitem(last=False)
        if touched:
            self.alerts_seq = self.seq
        self._note("alert", touched, index, offset)

    def _feed(self, index: int, offset: int, key: bytes, value: bytes | None) -> None:
        if key.startswith(detect_counters.PREFIX):
            if value is not None:
                self.detected[key] = detect_counters.decode(value)
            return
        health = None if value is None else codec.decode_feed(value)
        self._note("feed", self._feeds.apply(key.decode(), health), index, offset)

    def _event(self, index: int, offset: int, key: bytes, value: bytes | None) -> None:
        if value is None or key == progress.KEY:
            return
        event = codec.decode_event(value)
        if event.exercise == canary.EXERCISE:
            self.canaries.event(event.time_ms)
        if event.exercise is not msgspec.UNSET or event.type in picture.NOT_SHOWN_TYPES:
            return
        time_ms = event.time_ms
        self._see("events", index, offset, time_ms)
        touched = self._readings.apply(index, offset, event, time_ms)
        self._note("reading", touched, index, offset, self._readings.moved_by)

    def _rollup(self, index: int, offset: int, _key: bytes, value: bytes | None) -> None:
        if value is None:
            return
        rollup = codec.decode_rollup(value)
        if rollup.exercise is not None:
            if rollup.exercise == canary.EXERCISE and rollup.window_ms == picture.MINUTE_MS:
                self.canaries.rollup(rollup.window_start_ms, rollup.n)
            return
        if rollup.window_ms == picture.MINUTE_MS:
            self._see("rollups", index, offset, rollup.window_start_ms)
        touched = self._minutes.apply(index, offset, rollup)
        self._note("minute", touched, index, offset, self._minutes.moved_by)

    def _note(
        self, kind: str, touched: picture.Touched, index: int, offset: int, moved_by: tuple[int, int] | None = None
    ) -> None:
        for name, gone in touched:
            at = moved_by if gone and moved_by is not None else (index, offset)
            self._log.note((kind, name), self.seq, *at, gone=gone)

    def _see(self, topic: str, index: int, offset: int, time_ms: int) -> None:
        """Remember, per partition, the first record that proves a position's last hour to be all within what was
        read here."""
        witness = self._witness.get(topic)
        if witness is not None and index not in witness and time_ms >= self._need_ms[topic]:
            witness[index] = offset

    # --- out ---

    @property
    def pos(self) -> str:
        """Text of the position that the picture stands at.

        While the last hour of the picture reaches back to before the first record read here (nothing came for a long
        time before the start), the picture may lack what others hold: nobody can resume from such a position.
        """
        if self._pos is None or self._pos[0] != self.seq:
            encode = positions.encode if all(self._witness.values()) else positions.encode_partial
            self._pos = (self.seq, encode(self._next))
        return self._pos[1]

    def next_offset(self, index: int) -> int:
        """Offset to read next of one entry of the layout."""
        return self._next[index]

    def snapshot(self) -> Changes:
        """The whole picture."""
        return Changes(
            list(self._alerts.live.values()),
            list(self._feeds.live.values()),
            list(self._readings.live.values()),
            list(self._minutes.live.values()),
            {},
        )

    def since_seq(self, seq: int) -> Changes | None:
        """Changes after sequence number ``seq`` of this hub; None if some are forgotten."""
        found = self._log.since_seq(seq)
        return None if found is None else self._collect(found)

    def remembers(self, seq: int) -> bool:
        """True if everything that changed after ``seq`` is still known."""
        return self._log.remembers(seq)

    def resume(self, since: Since) -> Changes | Refusal:
        """Changes that a client at ``since`` lacks, wherever it got the position; or why only a snapshot helps."""
        if since.epoch != self.epoch:
            return "epoch"
        try:
            vector = positions.decode(since.pos, self.layout.size)
        except BadInput:
            return "bad_position"
        if not positions.at_most(vector, self._next):
            return "bad_position"  # from the future: the client has seen what this hub has not
        for topic, witness in self._witness.items():
            if not any(vector[index] > witness.get(index, positions.OFFSET_MAX) for index in self._range(topic)):
                return "too_old"  # its last hour reaches back to before the first record read here
        found = self._log.since_vector(vector)
        return "too_old" if found is None else self._collect(found)

    def alerts(self) -> list[Alert]:
        """All alerts of the picture, closed ones of the last day too."""
        return list(self._alerts.live.values())

    def alert(self, alert_id: str) -> Alert | None:
        """The live alert with this id."""
        return self._alerts.live.get(alert_id)

    def alert_key(self, alert_id: str) -> str | None:
        """Alert key of a live or a recently removed alert."""
        alert = self._alerts.live.get(alert_id)
        return alert.key if alert is not None else self._gone_keys.get(alert_id)

    def watermarks(self) -> dict[str, int]:
        """See :meth:`ioc.services.picture.Feeds.watermarks`."""
        return self._feeds.watermarks()

    def late(self) -> dict[str, tuple[int, int]]:
        """Feed → events of the last hour that were late, and too late, for their minute; for metrics."""
        return {key: (feed.late, feed.too_late) for key, feed in self._feeds.live.items()}

    def sizes(self) -> dict[str, int]:
        """Entities by kind, for metrics and for ``/readyz``."""
        return {
            "alerts": len(self._alerts.live),
            "feeds": len(self._feeds.live),
            "readings": len(self._readings.live),
            "minutes": len(self._minutes.live),
            "tombstones": self._log.tombstones,
        }

    def centres_seen(self) -> set[str]:
        """Centres with at least one reading in the picture."""
        return {reading.centre for reading in self._readings.live.values()}

    def _range(self, topic: str) -> range:
        return self.layout.indices(topic)

    def _collect(self, found: list[tuple[Key, bool]]) -> Changes:
        changes = Changes([], [], [], [], {})
        for (kind, name), gone in found:
            if gone:
                changes.gone.setdefault(kind + "s", []).append(name)
            elif kind == "alert":
                changes.alerts.append(self._alerts.live[name])
            elif kind == "feed":
                changes.feeds.append(self._feeds.live[name])
            elif kind == "reading":
                changes.readings.append(self._readings.live[name])
            else:
                changes.minutes.append(self._minutes.live[name])
        return changes
