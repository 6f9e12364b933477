"""The first step: a centre's native records → canonical events, dead letters and the health of its feeds.

For each record, or each line of a record that holds lines, exactly one thing happens: an event, a dead letter, or it
is counted as duplicate or tombstone. Order is kept. Nothing here raises: a failure of our own code becomes a dead
letter ``internal``.

There are three ways with one result. Records of a form that came before are read from their text
(:mod:`ioc.pipeline.mapping_stencil`); other well-formed records are decoded and go the quick way
(:mod:`ioc.pipeline.mapping_fast`). Both only ever say "yes"; everything else goes the careful way from the beginning,
which finds the reason.

Times are judged against the record's Kafka timestamp, when the province received it, and not against the clock of
the moment: a backlog worked off after an outage, or a record processed again after a crash, gets the same verdict
as the first time. Raw topics therefore stamp records on arrival (log append time), so no sender can move it. The one
exception is a record driven again, see :mod:`ioc.pipeline.redriven`: its *age* is judged by its first arrival.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from zlib import crc32

import msgspec
from msgspec import Struct

from ioc.domain.profile import Profile
from ioc.domain.registry import Registry
from ioc.domain.times import rfc3339
from ioc.errors import BadInput
from ioc.pipeline.dead_letter import dead_letter
from ioc.pipeline.drill_clocks import DrillClocks
from ioc.pipeline.effects import Effects, Emit, Record
from ioc.pipeline.feed_health import PUBLISH_EVERY_MS, FeedWatch
from ioc.pipeline.intake_arrival import Arrival, arrival_of
from ioc.pipeline.intake_usual import UsualWay
from ioc.pipeline.known_ids import HORIZON_MIN, KnownIds
from ioc.pipeline.mapping import Plan, mapper_of
from ioc.pipeline.mapping_csv import Line
from ioc.pipeline.mapping_each import Element
from ioc.pipeline.mapping_fast import Found
from ioc.pipeline.mapping_values import Native
from ioc.pipeline.refusals import Refusals
from ioc.pipeline.sequences import Source
from ioc.pipeline.targets import Target, Targets, horizons_min
from ioc.pipeline.validate import FUTURE_MAX_MS, PAST_MAX_MS, check_time, good_id, looks_garbled
from ioc.wire import drill_clock

# Ids of all drills together that one partition remembers: a drill at a thousandfold speed must not push live ones out.
DRILL_IDS_MAX = 500_000
# As for the detecting step: no record for this long, then what is in the partition has been read; and nobody called for
# this long, then there may be a backlog.
QUIET_MS, STALL_MS = 5_000, 10_000

_encode = msgspec.json.Encoder().encode


class Totals(Struct):
    """Counters of a partition that belong to no feed; kept in the checkpoint.

    ``events``, ``dead`` and ``duplicates`` are of the live traffic.
    """

    records: int = 0
    events: int = 0
    dead: int = 0
    duplicates: int = 0
    tombstones: int = 0
    unattributed: int = 0  # dead letters whose feed could not be told; of a drill only when its mark cannot be read
    drills: int = 0  # messages of drills, replays and the canary, whatever came of them


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
        self._centre, self._partition, self._of = centre, partition, found
        self._mapper = mapper_of(found, profile.geo_box)
        self._quick = self._mapper.quick
        self._targets = Targets(registry, found, partition, horizons_min(profile, found))
        self._watches: dict[str, FeedWatch] = self._targets.watches
        self._ids = KnownIds(long_min=max(self._targets.long_min.values(), default=HORIZON_MIN))
        self._drill_ids = KnownIds(DRILL_IDS_MAX, kind="drill-ids")
        self._clocks = DrillClocks(centre, partition)
        self._moved: dict[Source, None] = {}  # sources whose numbers changed since the last flush
        self._way = UsualWay(self._mapper.stencils, self._targets.quick, self._moved)
        self._usual = self._way.take
        self._head_ms = self._fed_ms = -1  # how far the partition was read, by arrival; when something was read
        self._called_ms = -STALL_MS
        self._published_ms = -PUBLISH_EVERY_MS
        self._totals_dirty = False
        self.totals = Totals()
        self._refusals, self._said = Refusals(profile, centre, partition), []  # type: tuple[Refusals, list[Emit]]

    # The step -------------------------------------------------------------------------------------------------

    def load(self, key: str, value: bytes) -> None:
        """Take one record of the checkpoint back; what the profile no longer has is left alone."""
        kind, _, rest = key.partition("/")
        if kind == "ids":
            self._ids.load(key, value)
        elif kind == "drill-ids":
            self._drill_ids.load(key, value)
        elif kind == "drill-clock":
            self._clocks.load(rest, value)
        elif kind == "feed":
            feed, _, place = rest.partition("/")
            if feed in self._watches:
                self._watches[feed].load(place, value)
        elif kind == "seq":
            source = self._targets.source(rest)
            if source is not None:
                source.load(value)
        elif kind == "refused":
            self._refusals.load(rest, value)
        elif kind == "totals":
            self.totals = msgspec.json.decode(value, type=Totals)

    def step(self, records: Sequence[Record], now_ms: int) -> Effects:
        """Records in offset order → events and dead letters in the same order."""
        emits: list[Emit] = []
        of_lines, usual = self._mapper.of_lines, self._usual
        arrival, stamp = Arrival(-1, -1, now_ms, b"", -1), -2
        for record in records:
            value = record.value
            if value is None:
                self.totals.tombstones += 1
                continue
            if record.timestamp != stamp or record.headers:
                arrival = arrival_of(record, now_ms)
                stamp = record.timestamp if not record.headers else -2
            if record.key == drill_clock.KEY:
                emits += self._clock(record, value, arrival)
                continue
            if of_lines:
                emits += self._lines(record, value, arrival)
                continue
            found = usual(record.key, value, arrival)
            if isinstance(found, Emit):
                emits.append(found)
                continue
            done = self._quickly(found, record, None, arrival) if found is not None else False
            if done is False:
                done = self._decoded(record, value, found is None, arrival)
            if done is not None:
                emits.append(done)
        self.totals.events, self._way.events = self.totals.events + self._way.events, 0
        if records:
            self.totals.records += len(records)
            self._totals_dirty = True
            self._fed_ms, self._head_ms = now_ms, max(self._head_ms, arrival.arrival_ms)
        if self._said:
            emits += self._said
            self._said.clear()
            return Effects(emits, urgent=True)
        return Effects(emits)

    def tick(self, now_ms: int) -> Effects:
        """Every 2 s the health of each feed that changed."""
        emits: list[Emit] = []
        if now_ms - self._called_ms >= STALL_MS:
            self._fed_ms = now_ms
        self._called_ms = now_ms
        if now_ms - self._fed_ms >= QUIET_MS:
            self._head_ms = max(self._head_ms, now_ms)
        if now_ms - self._published_ms >= PUBLISH_EVERY_MS:
            self._published_ms = now_ms
            emits += self._refusals.tick(self._head_ms)
            for watch in self._watches.values():
                health = watch.health(now_ms, self._head_ms)
                if health is not None:
                    emits.append(Emit("feeds", health.key.encode(), _encode(health)))
        return Effects(emits)

    def use(self, profile: Profile, now_ms: int) -> Effects:
        """Go on with other rules and windows of the same installation: ids are known for as long as these count."""
        self._targets.use(horizons_min(profile, self._of))
        self._ids.keep_for(max(self._targets.long_min.values(), default=HORIZON_MIN))
        self._refusals.use(profile)
        return Effects([])

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        """Changed state: ``ids/…``, ``drill-ids/…``, ``drill-clock/…``, ``seq/…``, ``feed/…``, ``totals``,
        ``refused/…``."""
        out = self._ids.take_dirty() + self._drill_ids.take_dirty() + self._clocks.take_dirty()
        out += [(source.key, source.dump()) for source in self._moved]
        self._moved.clear()
        for watch in self._watches.values():
            out += watch.take_dirty()
        if self._totals_dirty:
            self._totals_dirty = False
            out.append(("totals", _encode(self.totals)))
        return out + self._refusals.take_dirty()

    @property
    def forgotten_ids(self) -> int:
        """Ids dropped before their hour because the memory was full; for the metrics."""
        return self._ids.forgotten

    # The quick way --------------------------------------------------------------------------------------------

    def _quick_found(self, native: Native) -> Found | None:
        """What the quick way makes of a decoded record, None when the careful way must look at it."""
        try:
            return self._quick(native)
        except Exception:  # noqa: BLE001 whatever it was, the careful way does it again and says what is wrong
            return None

    def _quickly(
        self, found: Found, record: Record, line: Line | Element | None, arrival: Arrival
    ) -> Emit | Literal[False] | None:
        """The event or the dead letter, None for a duplicate, False when the careful way must look at it.

        The record is good in itself, and what was found is what the careful way would find; so whether its time, its
        site or its id are refused is known without reading it again.
        """
        try:
            kind, event_id, time_ms, time, site, sequence, data = found
            target = self._targets.quick[kind].get(site)
            if target is None or not (
                -PAST_MAX_MS <= time_ms - arrival.received_ms <= FUTURE_MAX_MS
                and target.from_ms <= time_ms < target.to_ms
            ):
                plan = self._mapper.plans[kind]
                check_time(time_ms, arrival.received_ms, plan.time_path)
                target = self._targets.find(plan, site, time_ms)
            return self._finish(target, event_id, time_ms, time, sequence, None, data, arrival)
        except BadInput as refusal:
            return self._refuse(record, line, refusal, self._mapper.plans[found[0]], arrival)
        except Exception:  # noqa: BLE001 whatever it was, the careful way does it again and says what is wrong
            return False

    def _decoded(self, record: Record, value: bytes, try_quickly: bool, arrival: Arrival) -> Emit | None:
        """A record that fits no stencil, or that was found wanting after it did."""
        try:
            native = self._mapper.native(value)
        except Exception as exc:  # noqa: BLE001 one record must never stop the stream; it is counted and kept
            return self._refuse(record, None, _reason(exc), None, arrival)
        found = self._quick_found(native) if try_quickly else None
        done = self._quickly(found, record, None, arrival) if found is not None else False
        if done is False:
            return self._carefully(record, None, native, arrival)
        if found is not None and (done is None or done.topic == "events"):
            self._mapper.stencils.learn(record.key, value, found)
        return done

    # The careful way ------------------------------------------------------------------------------------------

    def _lines(self, record: Record, value: bytes, arrival: Arrival) -> list[Emit]:
        try:
            lines = self._mapper.lines(value)
        except Exception as exc:  # noqa: BLE001 as above
            return [self._refuse(record, None, _reason(exc), None, arrival)]
        emits: list[Emit] = []
        for line in lines:
            try:
                native = line.native()
            except BadInput as refusal:
                emits.append(self._refuse(record, line, refusal, None, arrival))
                continue
            found = self._quick_found(native)
            done = self._quickly(found, record, line, arrival) if found is not None else False
            if done is False:
                done = self._carefully(record, line, native, arrival)
            if done is not None:
                emits.append(done)
        return emits

    def _carefully(self, record: Record, line: Line | Element | None, native: Native, arrival: Arrival) -> Emit | None:
        plan: Plan | None = None
        try:
            plan = self._mapper.plan(native)
            return self._event(native, plan, arrival)
        except Exception as exc:  # noqa: BLE001 as above
            return self._refuse(record, line, _reason(exc), plan, arrival, drill=self._mapper.of_drill(native))

    def _event(self, native: Native, plan: Plan, arrival: Arrival) -> Emit | None:
        event_id = good_id(plan.read_id(native), plan.id_path)
        time_ms = plan.read_time(native)
        exercise = self._mapper.exercise(native)
        check_time(time_ms, arrival.received_ms, plan.time_path, any_past=exercise is not None)
        target = self._targets.find(plan, plan.read_site(native), time_ms)
        if plan.read_area is not None:
            place = plan.read_area(native)
            if place is not None:
                target = self._targets.moved_to(target, plan, place, time_ms)
        data = plan.payload(native)
        sequence = plan.read_sequence(native) if plan.read_sequence is not None else None
        return self._finish(target, event_id, time_ms, rfc3339(time_ms).encode(), sequence, exercise, data, arrival)

    def _clock(self, record: Record, value: bytes, arrival: Arrival) -> list[Emit]:
        """What the clock of a drill says goes on; a bad one is a dead letter of a drill."""
        try:
            told = self._clocks.take(value, arrival.arrival_ms)
        except Exception as exc:  # noqa: BLE001 as above
            return [self._refuse(record, None, _reason(exc), None, arrival, drill=True)]
        self.totals.drills += 1
        return [] if told is None else [told]

    def _refuse(
        self,
        record: Record,
        line: Line | Element | None,
        refusal: BadInput,
        plan: Plan | None,
        arrival: Arrival,
        drill: bool = False,
    ) -> Emit:
        if refusal.code == "id_conflict" and plan is not None:
            refusal = BadInput(refusal.code, plan.id_path, refusal.detail)
        if drill:
            self.totals.drills += 1
        else:
            self.totals.dead += 1
            self._said += self._refusals.refuse(refusal.code, arrival.arrival_ms)
            if plan is None:
                self.totals.unattributed += 1
            else:
                self._watches[plan.feed].reject(arrival.received_ms, refusal.code)
        return dead_letter(self._centre, self._partition, record, line, refusal, arrival.received_ms, arrival.now_ms)

    # Both ways ------------------------------------------------------------------------------------------------

    def _finish(
        self,
        target: Target,
        event_id: str,
        time_ms: int,
        time: bytes,
        sequence: int | None,
        exercise: str | None,
        data: bytes,
        arrival: Arrival,
    ) -> Emit | None:
        """A record that is good in itself, against what came before: the event, or None for a duplicate.

        Raises:
            BadInput: ``id_conflict``; nothing was counted or remembered.
        """
        id_bytes = event_id.encode()
        content = crc32(data, crc32(time, target.crc))
        source, verdict = target.source, "unsure"
        if source is not None and sequence is not None and exercise is None:
            # A clock ahead, or some holes: the number proves too little, see the sequences. The ids are asked first,
            # for a conflict must not use the number up: the careful way sees it again, and would say duplicate.
            by_id = time_ms > arrival.arrival_ms or source.unproved(sequence, time_ms)
            if by_id and self._ids.find(event_id, content, arrival.arrival_ms) == "conflict":
                raise _conflict(event_id)
            verdict = source.see(sequence, id_bytes, content, time_ms, arrival.arrival_ms)
            if verdict == "new" or verdict == "duplicate":  # one that came before may use up a number
                self._moved[source] = None
                if by_id and verdict == "new":
                    verdict = "unsure"
        if verdict == "unsure":
            if exercise is None:
                verdict = self._ids.see(event_id, content, arrival.arrival_ms, target.long)
            else:  # a drill may replay real ids
                verdict = self._drill_ids.see(f"{exercise}|{event_id}", content, arrival.arrival_ms)
        if verdict == "duplicate" or verdict == "presumed":
            if exercise is None:
                target.watch.duplicate(arrival.received_ms, presumed=verdict == "presumed")
                self.totals.duplicates += 1
            else:
                self.totals.drills += 1
            return None
        if verdict == "conflict":
            raise _conflict(event_id)
        if exercise is None:
            minute = target.watch.accept(time_ms, arrival.received_ms)
            if target.by_chance:
                minute.by_chance += 1
            if target.astray:
                minute.unkeyed += 1
            if not data.isascii() and looks_garbled(data):
                minute.flagged += 1
            self.totals.events += 1
        else:  # no sign of life of the source, and no fault of its link: see feed_health
            self.totals.drills += 1
            self._clocks.hear(exercise, target.place, time_ms)
        extra = b"" if sequence is None else b'","sequence":"%012d' % sequence
        if exercise is not None:
            extra += b'","exercise":"' + exercise.encode()
        # Written by hand because every part is known to be plain ASCII; a test compares it with the typed encoder.
        value = b"".join(
            (
                b'{"specversion":"1.0","id":"',
                id_bytes,
                target.after_id,
                time,
                arrival.text,
                target.after_recorded,
                extra,
                b'","datacontenttype":"application/json","data":',
                data,
                b"}",
            )
        )
        return Emit("events", target.key, value)


def _reason(exc: Exception) -> BadInput:
    """What a record is refused for; a failure of our own code is a reason too."""
    return exc if isinstance(exc, BadInput) else BadInput("internal", "", type(exc).__name__)


def _conflict(event_id: str) -> BadInput:
    return BadInput("id_conflict", "", f"id {event_id} came before with another content")
