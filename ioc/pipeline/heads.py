"""How far the bus has been read, per centre, as one partition of ``events`` knows it.

Of a centre of which intake says how far it has come, that counts (:mod:`ioc.pipeline.reach`). All others, which are
those of a bus without intake, share one head: the newest arrival time in the partition, or the present when nothing
came for some time.

While intake says nothing of a centre that it spoke of before, no time passes there: what it sends may be in the queue.
What waits for its turn is judged all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from ioc.pipeline.drill_silence import DrillSilence
from ioc.pipeline.effects import Effects, Emit
from ioc.pipeline.in_order import InOrder
from ioc.pipeline.intake_watch import IntakeWatch
from ioc.pipeline.reach import Reach
from ioc.pipeline.routes import NO_DUE, Feed, Turn
from ioc.wire import progress
from ioc.wire.codec import encode
from ioc.wire.progress import Progress
from ioc.wire.topics import RAW_PARTITIONS

# No record for this long: what is in the partition has been read, "now" is how far we are. Longer than any fetch.
QUIET_MS = 5_000
# The same for what waits for its turn: a neighbour that is not here by then would have been fetched.
ORDER_QUIET_MS = 2_000


class Heads:
    """The heads of one partition.

    Args:
        judge: lets the rules see readings of one feed, in this order.
        watch: says when intake is silent.
        drills: judges silence in drills, by their own clocks.

    Attributes:
        shared: of the centres of which intake says nothing.
    """

    def __init__(
        self, judge: Callable[[Feed, Sequence[Turn], Effects], None], watch: IntakeWatch, drills: DrillSilence
    ) -> None:
        self._judge, self.watch, self.drills = judge, watch, drills
        self.shared = InOrder(judge)
        self._told: dict[str, InOrder] = {}
        self._dirty: set[str] = set()

    def of(self, centre: str) -> InOrder:
        """The head that a centre's feeds follow."""
        return self._told.get(centre, self.shared)

    def clock_of(self, centre: str, base_ms: int, fed: bool) -> tuple[int, int]:
        """How far a centre was read, and since when without a pause: what silence and absence are judged by.

        Args:
            centre: its id.
            base_ms: since when this process listens without a pause.
            fed: an event ever came here.

        Returns:
            Arrival time, -1 while nobody can know, and the later one of ``base_ms`` and when somebody began to read.
        """
        line = self._told.get(centre)
        if line is None:  # intake has not come to it, or is not there yet; or there is none
            known = not self._told and (fed or not self.watch.watch)
            return (self.shared.head_ms if known else -1), base_ms
        assert line.reach is not None
        return line.head_ms, max(base_ms, line.reach.since_ms)

    def look_at_intake(self, base_ms: int, lagging: bool, now_ms: int, effects: Effects) -> None:
        """Say it when intake is silent, or speaks again; see :meth:`IntakeWatch.look`."""
        reaches = {centre: line.reach for centre, line in self._told.items() if line.reach is not None}
        if (said := self.watch.look(reaches, base_ms, lagging, now_ms)) is not None:
            effects.emits.append(Emit("alert-inputs", said.key.encode(), encode(said)))
            effects.urgent = True

    def load(self, centre: str, value: bytes, feeds: Iterable[Feed]) -> None:
        """Take one record of the checkpoint back; ``feeds`` are those taken back before, nothing waits yet."""
        line = self._told[centre] = InOrder(self._judge, msgspec.json.decode(value, type=Reach))
        for feed in feeds:
            if feed.centre == centre:
                _move(feed, line, Effects([]))

    def anew(self) -> None:
        """Begin with empty queues: the feeds are made anew. How far the bus was read stays."""
        fresh = InOrder(self._judge)
        fresh.head_ms, self.shared = self.shared.head_ms, fresh
        for centre, old in self._told.items():
            fresh = self._told[centre] = InOrder(self._judge, old.reach)
            fresh.head_ms = old.head_ms

    def wait_anew(self, now_ms: int) -> None:
        """Nobody listened for some time."""
        for line in self._told.values():
            assert line.reach is not None
            line.reach.wait_anew(now_ms)

    def take(self, value: bytes | None, feeds: Iterable[Feed], now_ms: int, effects: Effects) -> bool:
        """As :meth:`tell`, of a record's value, or what is said of a drill; False when it cannot be read."""
        try:
            said = progress.decode_any(value or b"")
        except msgspec.MsgspecError:
            return False
        if isinstance(said, Progress):
            self.tell(said, feeds, now_ms, effects)
        else:
            self.drills.take(said, effects)
        return True

    def tell(self, said: Progress, feeds: Iterable[Feed], now_ms: int, effects: Effects) -> None:
        """Take in how far intake has come."""
        for centre, partitions in said.read_ms.items():
            line = self._told.get(centre)
            if line is None:
                line = self._told[centre] = InOrder(self._judge, Reach(RAW_PARTITIONS, since_ms=now_ms))
                self._dirty.add(centre)
                for feed in feeds:
                    if feed.centre == centre:
                        _move(feed, line, effects)
            assert line.reach is not None
            for partition, read_ms in partitions.items():
                line.reach.tell(partition, read_ms, now_ms)
            self._follow(line, now_ms, effects)

    def pass_time(self, now_ms: int, fed_ms: int, effects: Effects) -> None:
        """Let time pass. ``fed_ms`` is when the last record came."""
        shared = self.shared
        if now_ms - fed_ms >= QUIET_MS:
            shared.read_to(now_ms, effects)
        elif now_ms - fed_ms >= ORDER_QUIET_MS:
            shared.come_due(max(shared.head_ms, now_ms), effects)
        for line in self._told.values():
            self._follow(line, now_ms, effects)
        self.drills.end_over(lambda centre: self.of(centre).head_ms, effects)

    def _follow(self, line: InOrder, now_ms: int, effects: Effects) -> None:
        assert line.reach is not None
        read_ms = line.reach.read_ms(now_ms)
        if read_ms is None:  # nobody reads this centre: its neighbours would have come by now
            if line.due_ms <= now_ms:
                line.come_due(now_ms, effects)
            return
        read_ms = min(read_ms, now_ms)  # a clock that is ahead must not move us there for good
        line.read_to(read_ms, effects)
        if line.due_ms <= line.head_ms:
            line.come_due(line.head_ms, effects)
        if read_ms > self.shared.head_ms:  # the others have at least come as far
            self.shared.read_to(read_ms, effects)

    def lines(self) -> Iterator[InOrder]:
        """All of them."""
        yield self.shared
        yield from self._told.values()

    def take_moved(self) -> set[Feed]:
        """Feeds of which readings came due or whose clock moved since the last call."""
        moved: set[Feed] = set()
        for line in self.lines():
            moved |= line.moved
            line.moved.clear()
        return moved

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        """``intake``, ``drill/…``, and ``reach/<centre>`` of the centres of which intake spoke for the first time.

        How far they were read is said again before it is missed.
        """
        rows = self.watch.take_dirty() + self.drills.take_dirty()
        for centre in self._dirty:
            reach = self._told[centre].reach
            assert reach is not None
            rows.append((f"reach/{centre}", encode(Reach(reach.partitions, reach.told))))
        self._dirty = set()
        return rows


def _move(feed: Feed, line: InOrder, effects: Effects) -> None:
    """What waits goes on waiting in another queue; what the clock has not seen it will see there."""
    turns, dues = sorted(feed.held + feed.fresh, key=lambda turn: turn[2]), list(feed.dues.values())
    feed.in_order, feed.held, feed.fresh, feed.waiting, feed.dues, feed.due = line, [], [], 0, {}, NO_DUE
    for due in dues:
        line.take_back(feed, (due.newest_ms, due.arrived_ms, due.passed_ms, due.seen))
    for turn in turns:
        line.put(feed, turn, effects)
