"""Incidents on the desk: alerts that belong together, for people; no order follows from one.

Every alert that changes is looked at once: its incident is updated, or one is found for it. After a start and with
other groups all open alerts are looked at again, ``LOOK_MAX`` with each tick, so that no tick takes long.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from ioc.domain.alerts import Alert, LogEntry
from ioc.domain.desk import Order
from ioc.domain.incidents import IncidentCommand
from ioc.domain.profile import Profile
from ioc.pipeline.desk_parts import Seen
from ioc.pipeline.incident_book import PREFIX, IncidentBook

LOOK_MAX = 100  # alerts looked at again in one tick; of 3,000 that wait they take 0.2 s
SWEEP_EVERY_MS = 60_000


class IncidentPart:
    """The part of the desk; see :class:`ioc.pipeline.desk_parts.CommandedPart`."""

    prefix = PREFIX
    ahead = True
    commands = IncidentCommand

    def __init__(self, profile: Profile) -> None:
        self.book = IncidentBook()
        self._again: deque[str] = deque()  # alerts to be looked at
        self._swept_ms = -SWEEP_EVERY_MS
        self.use(profile)

    def use(self, profile: Profile) -> None:
        """Other groups: what is in no incident is looked at anew with the next ticks."""
        self.book.use(profile.grouping.groups)

    def load(self, key: str, value: bytes) -> None:
        """Take one record back.

        Raises:
            msgspec.MsgspecError: the record is not of this version; going on would lose what people did.
        """
        self.book.load(key, value)

    def seen(self, seen: Seen, alerts: Mapping[str, Alert], now_ms: int) -> list[Order]:
        """An alert changed: so does its incident, or it gets one."""
        self.book.notice(seen.now, now_ms)
        return []

    def tick(self, alerts: Mapping[str, Alert], now_ms: int) -> list[Order]:
        """Close what is over, forget what ended long ago, and look again at what may have a place by now."""
        self.book.elapse(now_ms)
        if not 0 <= now_ms - self._swept_ms < SWEEP_EVERY_MS:
            self._swept_ms = now_ms
            self.book.end_drills(alerts, now_ms)
            self.book.sweep(alerts.keys(), now_ms)
        if self.book.held_up and not self._again:  # the newest have their turn before the oldest are looked at anew
            self.book.held_up = False
            wanted = (alert for alert in alerts.values() if self.book.wants(alert))
            self._again = deque(one.id for one in sorted(wanted, key=lambda one: (one.raised_ms, one.id)))
        for _ in range(min(LOOK_MAX, len(self._again))):
            alert = alerts.get(self._again.popleft())
            if alert is not None:
                self.book.place(alert, now_ms)
        return []

    def command(self, command: IncidentCommand, alerts: Mapping[str, Alert], now_ms: int) -> list[Order]:
        """A person commands an incident; the answer is a line of the log."""
        self.book.command(command, now_ms)
        return []

    def take_lines(self) -> list[LogEntry]:
        """Lines for the log since the last call."""
        return self.book.take_lines()

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        """Records that changed since the last call; None deletes."""
        return self.book.take_dirty()
