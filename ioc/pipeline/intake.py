"""The first step: a centre's native records → canonical events, dead letters and the health of its feeds.

For each record exactly one thing happens: an event, a dead letter, or it is counted as duplicate or tombstone.
Order is kept. Nothing here raises: a failure of our own code becomes a dead letter ``internal``.

Times are judged against the record's Kafka timestamp, when the province received it, and not against the clock of
the moment: a backlog worked off after an outage, or a record processed again after a crash, gets the same verdict
as the first time. Raw topics therefore stamp records on arrival (log append time), so no sender can move it.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from hashlib import sha256
from zlib import crc32

import msgspec
from msgspec import Struct

from ioc.domain.measures import DeadLetter
from ioc.domain.profile import Profile, Site
from ioc.domain.registry import Registry
from ioc.domain.times import rfc3339
from ioc.errors import BadInput
from ioc.pipeline.effects import Effects, Emit, Record
from ioc.pipeline.feed_health import PUBLISH_EVERY_MS, FeedWatch
from ioc.pipeline.known_ids import KnownIds
from ioc.pipeline.mapping import Mapper, Plan
from ioc.pipeline.validate import check_time, good_id, type_word

SAMPLE_BYTES_MAX = 65_536
SECONDS_CACHED = 4096  # seconds whose text is remembered; emptied when full

_encode = msgspec.json.Encoder().encode


class Totals(Struct):
    """Counters of a partition that belong to no feed; kept in the checkpoint."""

    records: int = 0
    events: int = 0
    dead: int = 0
    duplicates: int = 0
    tombstones: int = 0
    unattributed: int = 0  # dead letters whose feed could not be told


class _Target:
    """What all events of one site and type have in common, as bytes."""

    __slots__ = ("after_id", "after_recorded", "crc", "from_ms", "key", "to_ms", "watch")

    def __init__(self, centre: str, plan: Plan, site: Site, span: tuple[int, int], watch: FeedWatch) -> None:
        self.from_ms, self.to_ms, self.watch = *span, watch
        self.key = f"{centre}/{site.area}/{plan.feed}".encode()
        self.after_id = (
            f'","source":"/{centre}/{plan.feed}/{site.id}","type":"{plan.type}","subject":"{site.area}","time":"'
        ).encode()
        self.after_recorded = f'","centre":"{centre}","area":"{site.area}","feed":"{plan.feed}'.encode()
        self.crc = crc32(self.after_id)


class IntakePartition:
    """One partition of one centre's raw topic; see :class:`ioc.pipeline.effects.Step`.

    Args:
        profile: the installation.
        centre: id of the centre whose topic this is.
        partition: number of the partition.

    Raises:
        BadSettings: the centre's format table is wrong.
        KeyError: the profile has no such centre.
    """

    def __init__(self, profile: Profile, centre: str, partition: int) -> None:
        registry = Registry(profile)
        found = registry.centre(centre)
        if found is None:
            raise KeyError(centre)
        self._registry = registry
        self._centre, self._partition = centre, partition
        self._mapper = Mapper(found, profile.geo_box)
        self._watches = {feed.id: FeedWatch(centre, feed, partition) for feed in found.feeds}
        self._targets: dict[tuple[str, str, str], list[_Target]] = {}
        self._ids = KnownIds()
        self._seconds: dict[int, bytes] = {}
        self._published_ms = -PUBLISH_EVERY_MS
        self._totals_dirty = False
        self.totals = Totals()

    # The step -------------------------------------------------------------------------------------------------

    def load(self, key: str, value: bytes) -> None:
        """Take one record of the checkpoint back; feeds that the profile no longer has are left alone."""
        kind, _, rest = key.partition("/")
        if kind == "ids":
            self._ids.load(key, value)
        elif kind == "feed" and rest in self._watches:
            self._watches[rest].load(value)
        elif kind == "totals":
            self.totals = msgspec.json.decode(value, type=Totals)

    def step(self, records: Sequence[Record], now_ms: int) -> Effects:
        """Records in offset order → events and dead letters in the same order."""
        emits: list[Emit] = []
        totals = self.totals
        for record in records:
            value = record.value
            if value is None:
                totals.tombstones += 1
                continue
            arrival_ms = record.timestamp if record.timestamp >= 0 else now_ms
            plan: Plan | None = None
            try:
                native = self._mapper.native(value)
                plan = self._mapper.plan(native)
                emit = self._event(native, plan, arrival_ms)
            except BadInput as refusal:
                emit = self._refuse(record, value, refusal, plan, arrival_ms, now_ms)
            except Exception as bug:  # noqa: BLE001 one record must never stop the stream; it is counted and kept
                failure = BadInput("internal", "", type(bug).__name__)
                emit = self._refuse(record, value, failure, plan, arrival_ms, now_ms)
            if emit is not None:
                emits.append(emit)
        if records:
            totals.records += len(records)
            self._totals_dirty = True
        return Effects(emits)

    def tick(self, now_ms: int) -> Effects:
        """Every 2 s the health of each feed that changed."""
        emits: list[Emit] = []
        if now_ms - self._published_ms >= PUBLISH_EVERY_MS:
            self._published_ms = now_ms
            for watch in self._watches.values():
                health = watch.health(now_ms)
                if health is not None:
                    emits.append(Emit("feeds", health.key.encode(), _encode(health)))
        return Effects(emits)

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        """Changed state since the last call: ``ids/…``, ``feed/<id>``, ``totals``."""
        out = self._ids.take_dirty()
        out += [(f"feed/{watch.feed.id}", watch.dump()) for watch in self._watches.values() if watch.dirty]
        if self._totals_dirty:
            self._totals_dirty = False
            out.append(("totals", _encode(self.totals)))
        return out

    @property
    def forgotten_ids(self) -> int:
        """Ids dropped before their hour because the memory was full; for the metrics."""
        return self._ids.forgotten

    # One record -----------------------------------------------------------------------------------------------

    def _event(self, native: dict[str, object], plan: Plan, arrival_ms: int) -> Emit | None:
        event_id = good_id(plan.read_id(native), plan.id_path)
        time_ms = plan.read_time(native)
        check_time(time_ms, arrival_ms, plan.time_path)
        target = self._target(plan, plan.read_site(native), time_ms)
        data = plan.payload(native)
        time = self._rfc3339(time_ms)
        extra = b""
        if plan.read_sequence is not None:
            sequence = plan.read_sequence(native)
            if sequence is not None:
                extra = b'","sequence":"%012d' % sequence
        exercise = self._mapper.exercise(native)
        own_id = event_id
        if exercise is not None:
            extra += b'","exercise":"' + exercise.encode()
            own_id = f"{exercise}|{event_id}"  # a drill may replay real ids
        verdict = self._ids.see(own_id, crc32(data, crc32(time, target.crc)), arrival_ms)
        if verdict == "duplicate":
            target.watch.duplicate(arrival_ms)
            self.totals.duplicates += 1
            return None
        if verdict == "conflict":
            raise BadInput("id_conflict", plan.id_path, f"id {event_id} came before with another content")
        target.watch.accept(time_ms, arrival_ms)
        self.totals.events += 1
        # Written by hand because every part is known to be plain ASCII; a test compares it with the typed encoder.
        value = b"".join(
            (
                b'{"specversion":"1.0","id":"',
                event_id.encode(),
                target.after_id,
                time,
                b'","recordedtime":"',
                self._rfc3339(arrival_ms),
                target.after_recorded,
                extra,
                b'","datacontenttype":"application/json","data":',
                data,
                b"}",
            )
        )
        return Emit("events", target.key, value)

    def _target(self, plan: Plan, native_site: object, time_ms: int) -> _Target:
        """The site's entry that holds at that time, from the registry."""
        if not isinstance(native_site, str):
            raise BadInput("schema", plan.site_path, f"must be a text, not {type_word(native_site)}")
        key = (plan.feed, plan.type, native_site)
        targets = self._targets.get(key)
        if targets is None:
            targets = self._find_targets(plan, native_site)
            if targets:  # only known sites are remembered, so that strangers cannot fill the memory
                self._targets[key] = targets
        for target in targets:
            if target.from_ms <= time_ms < target.to_ms:
                return target
        shown = native_site[:60]
        raise BadInput("unknown_source", plan.site_path, f"no site '{shown}' of feed {plan.feed} is registered then")

    def _find_targets(self, plan: Plan, native_site: str) -> list[_Target]:
        return [
            _Target(self._centre, plan, span.site, (span.from_ms, span.to_ms), self._watches[plan.feed])
            for span in self._registry.site_spans(self._centre, native_site)
            if span.site.feed == plan.feed
        ]

    def _rfc3339(self, ms: int) -> bytes:
        second, millis = divmod(ms, 1000)
        text = self._seconds.get(second)
        if text is None:
            if len(self._seconds) >= SECONDS_CACHED:
                self._seconds.clear()
            text = self._seconds[second] = rfc3339(second * 1000)[:20].encode()
        return b"%b%03dZ" % (text, millis)

    def _refuse(
        self, record: Record, value: bytes, refusal: BadInput, plan: Plan | None, arrival_ms: int, now_ms: int
    ) -> Emit:
        self.totals.dead += 1
        if plan is None:
            self.totals.unattributed += 1
        else:
            self._watches[plan.feed].reject(arrival_ms)
        return dead_letter(self._centre, self._partition, record, value, refusal, arrival_ms, now_ms)


def dead_letter(
    centre: str, partition: int, record: Record, value: bytes, refusal: BadInput, arrival_ms: int, now_ms: int
) -> Emit:
    """The record's entry in ``ioc.dead``; ``topic`` is the logical name, whatever prefix an installation uses."""
    topic = f"raw.{centre}"
    letter = DeadLetter(
        id=f"{topic}/{partition}/{record.offset}",
        code=refusal.code,
        path=refusal.path[:200],
        detail=refusal.detail,
        centre=centre,
        topic=topic,
        partition=partition,
        offset=record.offset,
        received_ms=arrival_ms,
        refused_ms=now_ms,
        size_bytes=len(value),
        sha256=sha256(value).hexdigest(),
        key_b64=base64.b64encode(record.key).decode() if record.key is not None else None,
        sample_b64=base64.b64encode(value[:SAMPLE_BYTES_MAX]).decode(),
    )
    return Emit("dead", record.key or b"", _encode(letter))
