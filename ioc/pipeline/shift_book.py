"""What happens during which shift, until the next one begins; and which shifts the desk slept through.

``@handover/shift/<id>`` counts a shift from its beginning until the next one begins: first what its digest says, and
from the moment at which that was locked (a signature, or its end) what comes later. What nobody's signature covers in
the end is handed on to the next shift, so that nothing is lost between two of them.

``@handover/looked`` is until when all ends of shifts were noticed. After a stop the shifts that ended meanwhile are
counted too, the newest ``SLEPT_MAX`` of them: what alerting told is still read, with its times.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import Struct

from ioc.domain.alerts import Alert
from ioc.domain.handover_digest import Later, Tally
from ioc.domain.shift_times import ShiftTime
from ioc.pipeline.shift_calendar import Calendar
from ioc.wire.codec import encode

SLEPT_MAX = 6  # shifts slept through that get a handover each; of older ones the log has one line
SLEPT_MS = 600_000  # an end that is noticed so late was slept through: nobody knows whether somebody was at work
LOOKED_EVERY_MS = 600_000  # so often it is written how far was looked
TOLD_LATE_MS = 600_000  # what is heard so long after its shift was done with counts in the next one
CLOCK_AHEAD_MS = 86_400_000  # a clock that was ahead by more was wrong: what it began and noticed is forgotten
_SHIFT, _LOOKED = "@handover/shift/", "@handover/looked"


class Running(Struct, kw_only=True):
    """A shift that is counted.

    Attributes:
        shift: its times and people.
        tally: what its digest says.
        until_ms: when the next shift begins; 0 in records of before: its end.
        over: its end was noticed.
        later: since its digest was locked; None: it is not.
    """

    shift: ShiftTime
    tally: Tally = msgspec.field(default_factory=Tally)
    until_ms: int = 0
    over: bool = False
    later: Later | None = None

    @property
    def present(self) -> Tally:
        """Where something counts that is heard of now."""
        return self.tally if self.later is None else self.later.tally

    @property
    def done_ms(self) -> int:
        """When nothing is counted here any more."""
        return max(self.shift.end_ms, self.until_ms)


class Looked(Struct, frozen=True):
    """Until when all ends of shifts were noticed."""

    at_ms: int


_decode_running = msgspec.json.Decoder(Running).decode
_decode_looked = msgspec.json.Decoder(Looked).decode


class ShiftBook:
    """See the module. ``calendar``: of the profile; another one may be set."""

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar
        self.running: dict[str, Running] = {}  # by id of the handover at its end
        self._looked_ms: int | None = None
        self._kept_ms: int | None = None  # of that, what is written
        self._left: list[Running] = []  # shifts of another calendar, for the one that takes their place
        self._changed: set[str] = set()
        self._looked_changed = False

    def load(self, key: str, value: bytes) -> bool:
        """Take one record back, in any order; False: it is none of this book.

        Raises:
            msgspec.MsgspecError: the record is not of this version.
        """
        if key.startswith(_SHIFT):
            self.running[key.removeprefix(_SHIFT)] = _decode_running(value)
        elif key == _LOOKED:
            self._looked_ms = self._kept_ms = _decode_looked(value).at_ms
        else:
            return False
        return True

    def begin(self, now_ms: int, judged: Callable[[str], bool]) -> list[ShiftTime]:
        """Count the present shift from now on, and those that were slept through; all ends up to now are noticed then.

        Args:
            now_ms: present.
            judged: was the end of the shift with a handover of this id noticed before? Then a clock was set back, and
                it stays as it is.

        Returns:
            The shifts that were slept through and are not counted, because there were too many; oldest first.
        """
        slept = self._slept(now_ms, judged)
        for shift in slept[-SLEPT_MAX:]:
            self._start(shift, Tally(used=True))
        present = self.calendar.at(now_ms)
        if present is not None and not judged(name := self.calendar.name(present)):
            if name not in self.running:
                self._start(present, Tally())
            for left in self._left:
                if left.shift.start_ms < present.end_ms and left.shift.end_ms > present.start_ms:
                    self.running[name].tally.take(left.present)
                    self._changed.add(name)
        self._left.clear()
        self._notice(now_ms)
        return slept[:-SLEPT_MAX]

    def _notice(self, now_ms: int) -> None:
        """All ends of shifts up to now were noticed."""
        if not self.calendar.used:
            self._looked_changed = self._looked_changed or self._kept_ms is not None
            self._looked_ms = self._kept_ms = None
            return
        if self._looked_ms is None or not self._looked_ms - CLOCK_AHEAD_MS <= now_ms <= self._looked_ms:
            self._looked_ms = now_ms
        kept_ms = self._kept_ms
        if (
            kept_ms is None
            or not 0 <= self._looked_ms - kept_ms < LOOKED_EVERY_MS
            or self.calendar.ended(kept_ms, self._looked_ms)
        ):
            self._kept_ms, self._looked_changed = self._looked_ms, True

    def heard(self, before: Alert | None, now: Alert) -> None:
        """An alert changed: count what began, ended and was acknowledged in its shift."""
        for tally in self._tallies(now.raised_ms) if before is None and now.updated_ms == now.raised_ms else ():
            tally.raised += 1
        if before is None and now.closed:
            return
        for tally in self._tallies(now.updated_ms) if now.closed else ():
            tally.end(now)
        if before is not None and before.state == "UNACK" and now.acked and now.acked_ms is not None:
            asked_ms = before.raised_ms if before.asked_ms is None else before.asked_ms
            for tally in self._tallies(now.acked_ms):
                tally.acknowledge.add(max(0, now.acked_ms - asked_ms) / 1000)
        for name in self._at(now.updated_ms):
            if (later := self.running[name].later) is not None:
                later.note(before, now)
                self._changed.add(name)

    def use(self, at_ms: int) -> None:
        """The shift that holds an instant has something to hand over, if its end was not noticed yet."""
        for name, running in self.running.items():
            if running.shift.start_ms <= at_ms < running.shift.end_ms and not running.tally.used:
                running.tally.used = True
                self._changed.add(name)

    def lock(self, name: str, at_ms: int, *, over: bool = False, anew: bool = False) -> None:
        """The digest of a shift says nothing more from now on: what comes is later.

        Args:
            name: id of the handover; one whose shift is not counted any more is left.
            at_ms: present.
            over: the end of the shift was noticed.
            anew: what came later so far was signed for.
        """
        running = self.running.get(name)
        if running is None:
            return
        running.over = running.over or over
        if running.later is None or anew:
            running.later = Later(since_ms=at_ms)
        self._changed.add(name)

    def move(self, name: str, shift: ShiftTime) -> None:
        """The shift has another start or other people now, or the next one begins at another time."""
        running, until_ms = self.running[name], self.calendar.next_begins_ms(shift)
        if (running.shift, running.until_ms) != (shift, until_ms):
            running.shift, running.until_ms = shift, until_ms
            self._changed.add(name)

    def leave(self, name: str) -> None:
        """Another calendar has no such shift: what it counted is of the one in its place."""
        self._left.append(self.running[name])
        self.stop(name)

    def forget_far(self, now_ms: int) -> None:
        """Shifts that a clock that was far ahead began."""
        for name, running in list(self.running.items()):
            if running.shift.start_ms > now_ms + CLOCK_AHEAD_MS:
                self.stop(name)

    def stop(self, name: str, *, hand_on: bool = False) -> None:
        """It is not counted any more. ``hand_on``: what came later is in no digest, and so of the next shift."""
        ended = self.running.pop(name)
        self._changed.add(name)
        after = [key for key, one in self.running.items() if one.shift.start_ms >= ended.shift.end_ms]
        if hand_on and ended.later is not None and after:
            following = min(after, key=lambda key: self.running[key].shift.start_ms)
            tally = self.running[following].present
            tally.take(ended.later.tally)
            tally.used = tally.used or bool(tally.raised or tally.ended)
            self._changed.add(following)

    def take_dirty(self) -> dict[str, bytes | None]:
        """Records that changed since the last call; None deletes."""
        rows = {_SHIFT + name: encode(self.running[name]) if name in self.running else None for name in self._changed}
        if self._looked_changed:
            rows[_LOOKED] = None if self._kept_ms is None else encode(Looked(self._kept_ms))
        self._changed.clear()
        self._looked_changed = False
        return rows

    def _start(self, shift: ShiftTime, tally: Tally) -> None:
        name = self.calendar.name(shift)
        self.running[name] = Running(shift=shift, tally=tally, until_ms=self.calendar.next_begins_ms(shift))
        self._changed.add(name)

    def _slept(self, now_ms: int, judged: Callable[[str], bool]) -> list[ShiftTime]:
        """Shifts that ended since the last look and are not counted."""
        if self._looked_ms is None or now_ms <= self._looked_ms:
            return []
        ended = self.calendar.ended(self._looked_ms, now_ms)
        return [one for one in ended if (name := self.calendar.name(one)) not in self.running and not judged(name)]

    def _tallies(self, at_ms: int) -> list[Tally]:
        """What is counted at an instant, to be changed."""
        names = self._at(at_ms)
        self._changed.update(names)
        return [self.running[name].present for name in names]

    def _at(self, at_ms: int) -> list[str]:
        """The shift in which something counts that happened at an instant, and is heard of now; several where what
        was written stays to its own end although another calendar has another shift then."""
        spans = sorted((one.shift.start_ms, one.done_ms, name) for name, one in self.running.items())
        found = [name for start_ms, done_ms, name in spans if start_ms <= at_ms < done_ms]
        if found:
            return found
        for start_ms, done_ms, name in spans:  # heard too late for its own shift, or by a clock that is ahead
            if start_ms - TOLD_LATE_MS <= at_ms < done_ms + TOLD_LATE_MS:
                return [name]
        return []
