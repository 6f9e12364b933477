"""Alerts that wait for enough others to be an incident, by group and drill; nothing is kept of a kind without any."""

from __future__ import annotations

from collections.abc import Mapping

from ioc.domain.alerts import Alert
from ioc.domain.grouping import Group

_NONE: Mapping[str, Alert] = {}


class Waiting:
    """Each alert waits once, of the group and drill with which it was put in."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str | None], dict[str, Alert]] = {}
        self._kind_of: dict[str, tuple[str, str | None]] = {}

    def __len__(self) -> int:
        return len(self._kind_of)

    @property
    def kinds(self) -> int:
        """How many groups and drills have any that wait."""
        return len(self._kinds)

    def put(self, group: Group, alert: Alert) -> None:
        """The alert waits, as it is now; of drills by themselves."""
        self.drop(alert.id)
        kind = (group.id, alert.exercise)
        self._kinds.setdefault(kind, {})[alert.id] = alert
        self._kind_of[alert.id] = kind

    def drop(self, alert_id: str) -> None:
        """The alert waits no more, if it did."""
        kind = self._kind_of.pop(alert_id, None)
        if kind is None:
            return
        del self._kinds[kind][alert_id]
        if not self._kinds[kind]:
            del self._kinds[kind]

    def of(self, group: Group, exercise: str | None) -> Mapping[str, Alert]:
        """Those that wait of a group and drill, by id; to be read only until the next ``put`` or ``drop``."""
        return self._kinds.get((group.id, exercise), _NONE)

    def clear(self) -> None:
        """Nothing waits any more."""
        self._kinds.clear()
        self._kind_of.clear()
