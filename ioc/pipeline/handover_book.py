"""The handovers of an installation: their drafts, signatures and time, and their records in ``desk``.

``handover/<id>`` is a handover as people see it. ``@handover/shift/<id>`` counts what happens during a shift that is
not over; ``@handover/answer/<command>`` is the answer to a command, so that a repeat has the same.

A shift is judged when it ends: one in which nobody was at work and no alert was open has no handover. The draft is made
anew until then, and not afterwards, so that who comes later signs what was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ioc.domain.alerts import Alert, LogEntry
from ioc.domain.handover import Handover, HandoverCommand
from ioc.domain.handover_digest import Tally, digest_hash, digest_of
from ioc.domain.handover_signing import decide, mismatch, missed
from ioc.domain.shift_times import ShiftTime
from ioc.pipeline.answer_book import AnswerBook
from ioc.pipeline.shift_calendar import Calendar
from ioc.wire.codec import decode_handover, encode

PREFIX = "handover/"
KEPT_MS = 3 * 86_400_000  # a handover that was signed or missed stays readable so long; the log has it for ever
REFRESH_MS = 10_000  # a draft is made anew so often at most
_SHIFT, _ANSWER = "@handover/shift/", "@handover/answer/"


class Running(Struct, kw_only=True):
    """A shift that is not over, and what happened in it so far."""

    shift: ShiftTime
    tally: Tally = msgspec.field(default_factory=Tally)


class View(Struct, frozen=True):
    """What a digest is made of, beside the tally: open alerts by id, running silences, rules about silent sources."""

    alerts: Mapping[str, Alert]
    silences: int
    source_rules: AbstractSet[str]


_decode_running = msgspec.json.Decoder(Running).decode


class HandoverBook:
    """See the module. ``calendar``: of the profile; another one may be set, what follows comes with :meth:`elapse`."""

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar
        self.handovers: dict[str, Handover] = {}
        self._running: dict[str, Running] = {}  # by id of the handover at its end
        self._answers = AnswerBook(_ANSWER)
        self._made_ms: dict[str, int] = {}  # when a draft was looked at last; not kept
        self._changed: set[str] = set()  # handovers
        self._counted: set[str] = set()  # shifts

    def load(self, key: str, value: bytes) -> None:
        """Take one record back, in any order.

        Raises:
            msgspec.MsgspecError: the record is not of this version; going on would lose signatures.
        """
        if key.startswith(_SHIFT):
            self._running[key.removeprefix(_SHIFT)] = _decode_running(value)
        elif key.startswith(_ANSWER):
            self._answers.load(key, value)
        elif key.startswith(PREFIX):
            self.handovers[key.removeprefix(PREFIX)] = decode_handover(value)

    def tally_at(self, at_ms: int) -> Tally | None:
        """What is counted of the shift that holds an instant, to be changed; None when none is counted then."""
        for name, running in self._running.items():
            if running.shift.start_ms <= at_ms < running.shift.end_ms:
                self._counted.add(name)
                return running.tally
        return None

    def use_shift(self, at_ms: int) -> None:
        """The shift that holds an instant, if it is still counted, has something to hand over."""
        for name, running in self._running.items():
            if running.shift.start_ms <= at_ms < running.shift.end_ms and not running.tally.used:
                running.tally.used = True
                self._counted.add(name)

    def begin(self, now_ms: int) -> None:
        """Count the present shift from now on. One that was judged before (a clock was set back) stays as it is."""
        shift = self.calendar.at(now_ms)
        name = "" if shift is None else self.calendar.name(shift)
        if shift is not None and name not in self._running and name not in self.handovers:
            self._running[name] = Running(shift=shift)
            self._counted.add(name)

    def elapse(self, view: View, now_ms: int, hurry: str = "") -> list[LogEntry]:
        """Let time pass: drafts, ends of shifts, what falls due, is missed, is old. Lines for the log.

        Args:
            view: of the alerts.
            now_ms: present.
            hurry: id of the draft that is made anew though it is fresh, because somebody acts on it.
        """
        self._follow_calendar(now_ms)
        self.begin(now_ms)
        for name, running in list(self._running.items()):
            draft = self.handovers.get(name)
            if now_ms >= running.shift.end_ms:
                self._end(name, running, view, now_ms)
                continue
            soon = draft is not None or running.shift.end_ms - self.calendar.draft_before_ms <= now_ms
            fresh = 0 <= now_ms - self._made_ms.get(name, -REFRESH_MS) < REFRESH_MS
            if soon and (name == hurry or not fresh):
                self._draft(name, running, view, now_ms)
        lines: list[LogEntry] = []
        for one in list(self.handovers.values()):
            if one.state in ("draft", "given"):
                if now_ms >= one.missed_ms:
                    lines.append(missed(one, now_ms))
                    self._put(replace(one, state="missed"))
                elif now_ms >= one.due_ms and one.unsigned_ms is None:
                    self._put(replace(one, unsigned_ms=now_ms))
            elif now_ms - (one.missed_ms if one.taken is None else one.taken.at_ms) >= KEPT_MS:
                self._forget(one.id)
        return lines

    def command(self, command: HandoverCommand, now_ms: int, *, awake: bool = True) -> LogEntry:
        """Answer a command. ``awake``: the desk has read all that was told before its start."""
        again = self._answers.again(command, lambda: mismatch(command, now_ms))
        if again is not None:
            return again
        decision = decide(self.handovers.get(command.handover_id), command, now_ms, awake=awake)
        self._answers.remember(command, decision.entry)
        if decision.handover is not None:
            self._put(decision.handover)
        return decision.entry

    def unsigned(self) -> list[Handover]:
        """Those about which an alert has to stand."""
        return [
            one for one in self.handovers.values() if one.unsigned_ms is not None and one.state in ("draft", "given")
        ]

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        """Records that changed since the last call; None deletes."""
        rows = dict(self._answers.take_dirty())
        rows |= {
            PREFIX + name: encode(self.handovers[name]) if name in self.handovers else None for name in self._changed
        }
        rows |= {
            _SHIFT + name: encode(self._running[name]) if name in self._running else None for name in self._counted
        }
        self._changed.clear()
        self._counted.clear()
        return sorted(rows.items())

    def _follow_calendar(self, now_ms: int) -> None:
        """Shifts that another profile does not have: they are not counted any more, and have no empty draft."""
        for name, running in list(self._running.items()):
            present = self.calendar.same(running.shift, name)
            if present is not None:
                if present != running.shift:  # other people
                    running.shift = present
                    self._counted.add(name)
                continue
            self._stop(name)
            draft = self.handovers.get(name)
            over = running.shift.end_ms <= now_ms and running.tally.used
            if draft is not None and draft.state == "draft" and not draft.notes and not over:
                self._forget(name)
        if not self.calendar.used:
            for one in [one for one in self.handovers.values() if one.state in ("draft", "given")]:
                self._forget(one.id)

    def _end(self, name: str, running: Running, view: View, now_ms: int) -> None:
        """The shift is over: its draft is made for the last time, or goes when there is nothing to hand over."""
        draft = self.handovers.get(name)
        at_work = running.tally.used or (draft is not None and (draft.notes or draft.state != "draft"))
        if at_work:
            self._draft(name, running, view, now_ms)
        elif draft is not None:
            self._forget(name)
        self._stop(name)

    def _draft(self, name: str, running: Running, view: View, now_ms: int) -> None:
        known = self.handovers.get(name)
        if known is not None and known.state != "draft":
            return
        self._made_ms[name] = now_ms
        digest = digest_of(view.alerts, running.tally, view.silences, view.source_rules, now_ms)
        if known is not None and replace(digest, at_ms=known.digest.at_ms) == known.digest:
            digest = known.digest
        notes = () if known is None else known.notes
        after = replace(
            self.calendar.handover(running.shift, digest), notes=notes, digest_hash=digest_hash(digest, notes)
        )
        if after != known:
            self._put(after)

    def _put(self, handover: Handover) -> None:
        self.handovers[handover.id] = handover
        self._changed.add(handover.id)

    def _forget(self, name: str) -> None:
        del self.handovers[name]
        self._changed.add(name)

    def _stop(self, name: str) -> None:
        del self._running[name]
        self._made_ms.pop(name, None)
        self._counted.add(name)
