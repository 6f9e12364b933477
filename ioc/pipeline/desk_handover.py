"""Handover of shifts as a part of the desk: what one shift leaves to the next, and the alert when nobody signs for it.

The alert asks from the due time on until somebody of the next shift signs, or the next handover falls due: then this
one is missed. The signature closes it: whoever signs has looked. What was missed stays listed until somebody looks. It
is said again until alerting obeys. Everything is decided from records and the time, so a restart announces nothing
twice; lines and signals come with the first tick at the earliest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from ioc.domain.alerts import Alert, LogEntry, Look, Signal, SourceTold, alert_id, alert_key
from ioc.domain.desk import OWN_RULES, UNSIGNED_RULE, Order
from ioc.domain.handover import Handover, HandoverCommand, Suppressing
from ioc.domain.handover_digest import Beside, concerns
from ioc.domain.profile import Profile
from ioc.domain.times import from_ms
from ioc.pipeline.desk_parts import Seen
from ioc.pipeline.handover_book import PREFIX, HandoverBook, View
from ioc.pipeline.own_alerts import home, own_signal
from ioc.pipeline.shift_calendar import Calendar
from ioc.pipeline.source_book import SourceBook

HandoverReason = Literal["HANDOVER_UNSIGNED", "HANDOVER_SIGNED", "HANDOVER_OVER"]
RETRY_MS = 10_000  # a signal that was not obeyed so long is given again


class HandoverPart:
    """See :class:`ioc.pipeline.desk_parts.DeskPart`.

    Args:
        profile: the installation.
        in_force: silences and windows that are in force at an instant.
    """

    prefix = PREFIX
    commands = HandoverCommand

    def __init__(self, profile: Profile, in_force: Callable[[int], tuple[Suppressing, ...]]) -> None:
        self.book = HandoverBook(Calendar(profile))
        self._in_force = in_force
        self._sources = SourceBook(profile)
        self._ticked = False
        self._sent_ms: dict[str, int] = {}  # by alert
        self._lines: list[LogEntry] = []
        self.use(profile)

    def use(self, profile: Profile) -> None:
        """Other shifts and times: drafts follow with the next tick, what fell due stays as it is."""
        setup = profile.duty.handover
        self.book.use(Calendar(profile))
        self._sources.use(profile)
        self._priority = setup.priority if setup is not None else 2
        self._zone = ZoneInfo(profile.timezone)
        self._centre = home(profile)
        self._source_rules = frozenset(rule.id for rule in profile.rules if rule.kind in ("silence", "absence"))

    def load(self, key: str, value: bytes) -> None:
        """Take one record back.

        Raises:
            msgspec.MsgspecError: the record is not of this version.
        """
        if not self._sources.load(key, value):
            self.book.load(key, value)

    def source(self, told: SourceTold) -> None:
        """A source is out of service, or is not any more."""
        self._sources.take(told)

    def seen(self, seen: Seen, alerts: Mapping[str, Alert], now_ms: int) -> list[Order | Signal]:
        """Count what began, ended and was acknowledged in its shift."""
        before, now = seen.before, seen.now
        if not concerns(now):
            return []
        self._lines += self.book.begin(now_ms)
        if now.rule not in OWN_RULES:
            for at_ms in (now.raised_ms, now.updated_ms, now_ms):  # the desk may hear of it after the end of its shift
                self.book.shifts.use(at_ms)
        self.book.shifts.heard(before, now)
        return []

    def tick(self, alerts: Mapping[str, Alert], now_ms: int) -> list[Order | Signal]:
        """Let time pass."""
        self._ticked = True
        self._elapse(alerts, now_ms)
        return self._signals(alerts, now_ms)

    def command(self, command: HandoverCommand, alerts: Mapping[str, Alert], now_ms: int) -> list[Order]:
        """Somebody writes a note or signs; the answer is a line of the log."""
        if self._ticked:
            self._elapse(alerts, now_ms, command.handover_id)
        self._lines.append(self.book.command(command, now_ms, awake=self._ticked))
        return []

    def take_lines(self) -> list[LogEntry]:
        """Lines for the log since the last call."""
        lines, self._lines = self._lines, []
        return lines

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        """Records that changed since the last call; None deletes."""
        return self.book.take_dirty() + self._sources.take_dirty()

    def beside(self, now_ms: int) -> Beside:
        """What is handed over beside alerts."""
        return Beside(suppressing=self._in_force(now_ms), out_of_service=self._sources.standing())

    def _elapse(self, alerts: Mapping[str, Alert], now_ms: int, hurry: str = "") -> None:
        beside = self.beside(now_ms)
        self._lines += self.book.begin(now_ms)
        standing = any(concerns(one) and one.rule not in OWN_RULES for one in alerts.values())
        if beside.silences or standing:
            self.book.shifts.use(now_ms)
        self._lines += self.book.elapse(View(alerts, beside, self._source_rules), now_ms, hurry)

    def _signals(self, alerts: Mapping[str, Alert], now_ms: int) -> list[Order | Signal]:
        centre = self._centre
        if centre is None:
            return []
        wanted: dict[str, tuple[str, Handover]] = {}
        for one in self.book.unsigned():
            key = alert_key(UNSIGNED_RULE, centre.id, one.id)
            wanted[alert_id(UNSIGNED_RULE, key, one.due_ms)] = (key, one)
        standing = {name: one for name, one in alerts.items() if one.rule == UNSIGNED_RULE and one.active}
        found: list[Order | Signal] = []
        for name in sorted(wanted.keys() - standing.keys()):
            if self._must_send(name, now_ms):
                key, handover = wanted[name]
                known = alerts.get(name)
                revision = 1 if known is None else known.signal_revision + 1
                found.append(self._on(key, handover, revision, now_ms))
        for name in sorted(standing.keys() - wanted.keys()):
            if self._must_send(name, now_ms):
                found.append(self._off(standing[name], now_ms))
        unsettled = wanted.keys() ^ standing.keys()
        self._sent_ms = {name: at_ms for name, at_ms in self._sent_ms.items() if name in unsettled}
        return found

    def _must_send(self, name: str, now_ms: int) -> bool:
        if 0 <= now_ms - self._sent_ms.get(name, -RETRY_MS) < RETRY_MS:
            return False
        self._sent_ms[name] = now_ms
        return True

    def _on(self, key: str, handover: Handover, revision: int, now_ms: int) -> Signal:
        assert self._centre is not None
        reason: HandoverReason = "HANDOVER_UNSIGNED"
        start, end = (from_ms(ms).astimezone(self._zone) for ms in (handover.shift_start_ms, handover.shift_end_ms))
        hours = f"{start:%H:%M}–{end:%H:%M} {start:%d/%m}"
        return own_signal(
            self._centre,
            key,
            UNSIGNED_RULE,
            True,
            priority=self._priority,
            since_ms=handover.due_ms,
            now_ms=now_ms,
            revision=revision,
            reason=reason,
            title_vi=f"Chưa ai ký nhận ca {hours} ({handover.roster_vi})",
            title_en=f"Nobody has signed for the shift {hours} ({handover.roster_en})",
        )

    def _off(self, alert: Alert, now_ms: int) -> Signal:
        assert self._centre is not None
        known = self.book.handovers.get(alert.key.rpartition("|")[2])
        signed = known.taken if known is not None else None
        reason: HandoverReason = "HANDOVER_OVER"
        looked = None
        if signed is not None:
            reason = "HANDOVER_SIGNED"
            looked = Look(by=signed.actor, by_display=signed.actor_display, at_ms=signed.at_ms)
        said = own_signal(
            self._centre,
            alert.key,
            UNSIGNED_RULE,
            False,
            priority=alert.present_priority,
            since_ms=alert.started_ms,
            now_ms=now_ms,
            revision=alert.signal_revision + 1,
            reason=reason,
            title_vi=alert.title_vi,
            title_en=alert.title_en,
            looked=looked,
        )
        return replace(said, centre=alert.centre, area=alert.area)
