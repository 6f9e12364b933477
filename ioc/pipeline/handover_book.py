"""The handovers of an installation: their drafts, signatures and time, and their records in ``desk``.

``handover/<id>`` is a handover as people see it; ``@handover/answer/<command>`` is the answer to a command, so that a
repeat has the same. What is counted of each shift is in :mod:`ioc.pipeline.shift_book`.

A shift is judged when it ends: one in which nobody was at work and no alert was open has no handover, unless the desk
did not run at its end. The draft is made anew until then, and not afterwards, so that who comes later signs what was
read. What happens after the digest was locked, by a signature or by the end of the shift, and before the next shift
begins, is in its addendum; what happens after the incoming signature is of the next shift.

No other profile takes away what was signed. It may end drafts that nobody signed; the log says so when somebody wrote
in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from msgspec import Struct
from msgspec.structs import replace

from ioc.domain.alerts import Alert, LogEntry
from ioc.domain.handover import Handover, HandoverCommand
from ioc.domain.handover_digest import Beside, addendum_of, digest_of, next_hash
from ioc.domain.handover_signing import decide, dropped, mismatch, missed, slept
from ioc.pipeline.answer_book import AnswerBook
from ioc.pipeline.shift_book import CLOCK_AHEAD_MS, SLEPT_MS, Running, ShiftBook
from ioc.pipeline.shift_calendar import Calendar
from ioc.wire.codec import decode_handover, encode

PREFIX = "handover/"
KEPT_MS = 3 * 86_400_000  # a handover that was signed or missed stays readable so long; the log has it for ever
REFRESH_MS = 10_000  # a draft is made anew so often at most
_ANSWER = "@handover/answer/"


class View(Struct, frozen=True):
    """What a digest is made of, beside the tally: open alerts by id, what else stands, rules about silent sources."""

    alerts: Mapping[str, Alert]
    beside: Beside
    source_rules: AbstractSet[str]


class HandoverBook:
    """See the module. ``calendar``: of the profile."""

    def __init__(self, calendar: Calendar) -> None:
        self.shifts = ShiftBook(calendar)
        self.handovers: dict[str, Handover] = {}
        self._answers = AnswerBook(_ANSWER)
        self._made_ms: dict[str, int] = {}  # when a draft or an addendum was looked at last; not kept
        self._followed: Calendar | None = None  # the calendar that handovers follow already
        self._changed: set[str] = set()  # handovers

    def load(self, key: str, value: bytes) -> None:
        """Take one record back, in any order.

        Raises:
            msgspec.MsgspecError: the record is not of this version; going on would lose signatures.
        """
        if key.startswith(_ANSWER):
            self._answers.load(key, value)
        elif key.startswith(PREFIX):
            self.handovers[key.removeprefix(PREFIX)] = decode_handover(value)
        else:
            self.shifts.load(key, value)

    def use(self, calendar: Calendar) -> None:
        """Another calendar; what follows comes with :meth:`elapse`."""
        self.shifts.calendar = calendar

    def begin(self, now_ms: int) -> list[LogEntry]:
        """Count the present shift from now on, and those that were slept through; a line for the log when those were
        too many to have a handover each."""
        unseen = [self.shifts.calendar.name(shift) for shift in self.shifts.begin(now_ms, self._judged)]
        return [slept(unseen[0], unseen[-1], len(unseen), now_ms)] if unseen else []

    def elapse(self, view: View, now_ms: int, hurry: str = "") -> list[LogEntry]:
        """Let time pass: drafts, ends of shifts, what falls due, is missed, is old. Lines for the log.

        Args:
            view: of the alerts.
            now_ms: present.
            hurry: id of the handover that is made anew though it is fresh, because somebody acts on it.
        """
        lines = self._follow_calendar(now_ms)
        lines += self.begin(now_ms)
        self.shifts.forget_far(now_ms)
        for name, running in sorted(self.shifts.running.items(), key=lambda item: item[1].shift.end_ms):
            self._pass(name, running, view, now_ms, hurry)
        for one in list(self.handovers.values()):
            if one.shift_start_ms > now_ms + CLOCK_AHEAD_MS and not (one.given or one.taken):
                self._forget(one.id)
            elif one.state in ("draft", "given"):
                if now_ms >= one.missed_ms:
                    lines.append(missed(one, now_ms))
                    self._put(replace(one, state="missed"))
                elif now_ms >= one.due_ms and one.unsigned_ms is None:
                    self._put(replace(one, unsigned_ms=now_ms))
            elif now_ms - _over_ms(one) >= KEPT_MS:
                self._forget(one.id)
        return lines

    def command(self, command: HandoverCommand, now_ms: int, *, awake: bool = True) -> LogEntry:
        """Answer a command. ``awake``: the desk has read all that was told before its start."""
        again = self._answers.again(command, lambda: mismatch(command, now_ms))
        if again is not None:
            return again
        decision = decide(self.handovers.get(command.handover_id), command, now_ms, awake=awake)
        self._answers.remember(command, decision.entry)
        after = decision.handover
        if after is not None:
            self._put(after)
            if after.state != "draft":
                self.shifts.lock(after.id, now_ms, anew=after.state == "taken")
        return decision.entry

    def unsigned(self) -> list[Handover]:
        """Those about which an alert has to stand."""
        return [
            one for one in self.handovers.values() if one.unsigned_ms is not None and one.state in ("draft", "given")
        ]

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        """Records that changed since the last call; None deletes."""
        rows = dict(self._answers.take_dirty()) | self.shifts.take_dirty()
        rows |= {
            PREFIX + name: encode(self.handovers[name]) if name in self.handovers else None for name in self._changed
        }
        self._changed.clear()
        return sorted(rows.items())

    def _judged(self, name: str) -> bool:
        known = self.handovers.get(name)
        return known is not None and known.ended_ms is not None

    def _follow_calendar(self, now_ms: int) -> list[LogEntry]:
        """Shifts that another profile does not have are not counted any more and have no empty draft; lines to log."""
        calendar, lines = self.shifts.calendar, []
        if calendar is self._followed:
            return []
        self._followed = calendar
        for name, running in list(self.shifts.running.items()):
            present, known = calendar.same(running.shift, name), self.handovers.get(name)
            if present is not None:
                self.shifts.move(name, present)
            elif known is None or not self._goes_on(known, running, now_ms):
                self.shifts.leave(name)
                if known is not None and calendar.used:
                    self._forget(name)
        for one in list(self.handovers.values()):
            if one.state == "draft" and not calendar.used:
                if one.notes or one.unsigned_ms is not None:
                    lines.append(dropped(one, now_ms))
                self._forget(one.id)
            elif one.state in ("draft", "given"):
                self._put_changed(calendar.renamed(one))
        return lines

    def _goes_on(self, known: Handover, running: Running, now_ms: int) -> bool:
        """Is a handover kept to its own end although no shift ends there any more?"""
        if known.state != "draft":
            return True
        written = bool(known.notes) or (running.shift.end_ms <= now_ms and running.tally.used)
        return written and self.shifts.calendar.used

    def _pass(self, name: str, running: Running, view: View, now_ms: int, hurry: str) -> None:
        """Let time pass for one shift that is counted."""
        known, end_ms = self.handovers.get(name), running.shift.end_ms
        fresh = name != hurry and 0 <= now_ms - self._made_ms.get(name, -REFRESH_MS) < REFRESH_MS
        if now_ms >= end_ms and not running.over:
            self._end(name, running, view, now_ms)
        soon = known is not None or end_ms - self.shifts.calendar.draft_before_ms <= now_ms
        if now_ms < end_ms and soon and not fresh:
            self._draft(name, running, view, now_ms)
        if now_ms >= running.done_ms or not fresh:
            self._append(name, running, view, now_ms)
        if now_ms >= running.done_ms:
            after = self.handovers.get(name)
            self.shifts.stop(name, hand_on=after is None or after.state in ("taken", "missed"))
            self._made_ms.pop(name, None)

    def _end(self, name: str, running: Running, view: View, now_ms: int) -> None:
        """The shift is over: its draft is made for the last time, or goes when there is nothing to hand over."""
        known = self.handovers.get(name)
        slept_through = now_ms - running.shift.end_ms >= SLEPT_MS
        if running.tally.used or slept_through or (known is not None and (known.notes or known.state != "draft")):
            self._draft(name, running, view, now_ms)
            if name in self.handovers:
                self._put(replace(self.handovers[name], ended_ms=now_ms))
        elif known is not None:
            self._forget(name)
        self.shifts.lock(name, now_ms, over=True)

    def _draft(self, name: str, running: Running, view: View, now_ms: int) -> None:
        known = self.handovers.get(name)
        if known is not None and known.state != "draft":
            return
        self._made_ms[name] = now_ms
        digest = digest_of(view.alerts, running.tally, view.beside, view.source_rules, now_ms)
        if known is not None and replace(digest, at_ms=known.digest.at_ms) == known.digest:
            digest = known.digest
        if self.shifts.calendar.same(running.shift, name) is not None:
            after = self.shifts.calendar.handover(running.shift, digest)
        elif known is not None:
            after = replace(known, digest=digest)
        else:
            return
        after = replace(after, notes=() if known is None else known.notes)
        self._put_changed(replace(after, digest_hash=next_hash(after)))

    def _append(self, name: str, running: Running, view: View, now_ms: int) -> None:
        """Make the addendum of a locked digest anew."""
        known = self.handovers.get(name)
        if known is None or known.state not in ("draft", "given") or running.later is None:
            return
        self._made_ms[name] = now_ms
        addendum = addendum_of(view.alerts, running.later, view.beside, view.source_rules, now_ms)
        before = known.addendum
        if addendum is None and before is None:
            return
        if addendum is not None and before is not None and replace(addendum, at_ms=before.at_ms) == before:
            return
        after = replace(known, addendum=addendum)
        self._put(replace(after, digest_hash=next_hash(after)))

    def _put(self, handover: Handover) -> None:
        self.handovers[handover.id] = handover
        self._changed.add(handover.id)

    def _put_changed(self, handover: Handover) -> None:
        if self.handovers.get(handover.id) != handover:
            self._put(handover)

    def _forget(self, name: str) -> None:
        del self.handovers[name]
        self._made_ms.pop(name, None)
        self._changed.add(name)


def _over_ms(one: Handover) -> int:
    """When it was signed or missed; what the desk slept through was missed when it woke."""
    return max(one.missed_ms, one.ended_ms or 0) if one.taken is None else one.taken.at_ms
