"""The clocks of drills in one partition of a raw topic, and who was heard between two of their records.

Lives in intake, which alone knows the order in a raw partition. What it passes on depends on that order only: not on
how it was cut into batches, nor on who reads how fast. Of a drill whose player tells no clock nothing is noted.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct, field

from ioc.domain import canary
from ioc.domain.drills import DRILL_OVER_MS, DRILLS_MAX, OTHER
from ioc.errors import BadInput
from ioc.pipeline.effects import Emit
from ioc.pipeline.validate import is_id
from ioc.wire import drill_clock, progress
from ioc.wire.codec import encode
from ioc.wire.drill_clock import SELDOM_MAX, SELDOM_MAX_S, STEP_MAX_MS, DrillClock
from ioc.wire.progress import DrillHeard, Heard

# A clock says a time in the years 2000 to 2099, as a scenario's start must.
FROM_MS, TO_MS = 946_684_800_000, 4_102_444_800_000

Place = tuple[str, str, str, str]  # feed, area, site, type


class Clock(Struct):
    """One drill, as it is in the checkpoint; ``heard`` since ``upto_ms``, bounded by the registry."""

    upto_ms: int
    arrived_ms: int
    heard: list[Heard] = []


class Kept(Struct):
    """The same, as it is worked with."""

    upto_ms: int
    arrived_ms: int
    heard: dict[Place, int] = field(default_factory=dict)


class DrillClocks:
    """Of one raw partition: at most ``DRILLS_MAX`` drills at a time; the clocks of further ones are let pass unheard.

    Args:
        centre: whose topic this is.
        partition: number of the partition.
    """

    def __init__(self, centre: str, partition: int) -> None:
        self._centre, self._partition = centre, partition
        self._home = progress.home_of(centre)
        self._known: dict[str, Kept] = {}
        self._dirty: set[str] = set()

    def load(self, exercise: str, value: bytes) -> None:
        """Take one record of the checkpoint back."""
        kept = msgspec.json.decode(value, type=Clock)
        heard = {(one.feed, one.area, one.site, one.type): one.time_ms for one in kept.heard}
        self._known[exercise] = Kept(kept.upto_ms, kept.arrived_ms, heard)

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        """``drill-clock/<exercise>`` of what changed since the last call."""
        rows: list[tuple[str, bytes | None]] = []
        for exercise in sorted(self._dirty):
            kept = self._known.get(exercise)
            value = None if kept is None else encode(Clock(kept.upto_ms, kept.arrived_ms, _heard(kept)))
            rows.append((f"drill-clock/{exercise}", value))
        self._dirty.clear()
        return rows

    def hear(self, exercise: str, place: Place, time_ms: int) -> None:
        """An event of a drill went through."""
        kept = self._known.get(exercise)
        if kept is not None:
            kept.heard[place] = max(kept.heard.get(place, time_ms), time_ms)
            self._dirty.add(exercise)

    def take(self, value: bytes, arrived_ms: int) -> Emit | None:
        """What to pass on of a clock's record; None for a repeat, or when there are too many drills.

        Raises:
            BadInput: it cannot be read, or says what it may not say.
        """
        said = self._read(value)
        kept = self._known.get(said.exercise)
        if kept is not None and said.upto_ms <= kept.upto_ms:
            return None  # its sender had no answer, and sent it again
        begins = kept is None or said.since_ms != kept.upto_ms
        if kept is None or begins:
            if kept is None and not self._room(arrived_ms):
                return None
            kept = self._known[said.exercise] = Kept(said.upto_ms, arrived_ms)
        told = DrillHeard(
            exercise=said.exercise,
            centre=self._centre,
            partition=self._partition,
            since_ms=said.upto_ms if begins else said.since_ms,
            upto_ms=said.upto_ms,
            arrived_ms=arrived_ms,
            heard=tuple(_heard(kept)),
            seldom=said.seldom,
        )
        kept.upto_ms, kept.arrived_ms, kept.heard = said.upto_ms, arrived_ms, {}
        self._dirty.add(said.exercise)
        return Emit("events", progress.KEY, progress.encode(told), self._home)

    def _read(self, value: bytes) -> DrillClock:
        try:
            said = drill_clock.decode(value)
        except msgspec.ValidationError as exc:
            raise BadInput("schema", "", f"the record is no clock of a drill: {exc}") from exc
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise BadInput("malformed", "", f"the clock of a drill cannot be read: {exc}") from exc
        if is_id(said.exercise) is None or said.exercise in (canary.EXERCISE, OTHER):
            raise BadInput("id", "exercise", "no drill has this id")
        if said.centre != self._centre:
            detail = f"a clock of {said.centre[:64]!r} in the topic of another centre"
            raise BadInput("centre_mismatch", "centre", detail)
        if said.partition != self._partition:
            detail = f"a clock of partition {said.partition} in partition {self._partition}"
            raise BadInput("range", "partition", detail)
        if not FROM_MS <= said.since_ms <= said.upto_ms < TO_MS:
            raise BadInput("time", "upto_ms", "a clock of a drill goes forward, in the years 2000 to 2099")
        if said.upto_ms - said.since_ms > STEP_MAX_MS:
            detail = f"a clock of a drill goes on by at most {STEP_MAX_MS // 1000} s at once"
            raise BadInput("range", "upto_ms", detail)
        if len(said.seldom) > SELDOM_MAX or not all(
            0 <= seconds <= SELDOM_MAX_S for each in said.seldom.values() for seconds in each
        ):
            raise BadInput("range", "seldom", f"at most {SELDOM_MAX} feeds, each of at most {SELDOM_MAX_S:.0f} s")
        return said

    def _room(self, arrived_ms: int) -> bool:
        """Is there room for another drill? Those that are over leave it."""
        if len(self._known) >= DRILLS_MAX:
            over = [name for name, kept in self._known.items() if arrived_ms - kept.arrived_ms >= DRILL_OVER_MS]
            for name in over:
                del self._known[name]
            self._dirty.update(over)
        return len(self._known) < DRILLS_MAX


def _heard(kept: Kept) -> list[Heard]:
    return [Heard(*place, time_ms) for place, time_ms in sorted(kept.heard.items())]
