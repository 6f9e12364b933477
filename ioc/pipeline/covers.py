"""What alerting knows of what hides alerts, so that one that begins hidden never asks anybody; and the change it makes.

Kept in the topic ``alerts`` under ``@cover/<id>`` by each partition, as the desk told it (:mod:`ioc.domain.covers`). It
is gone with the desk: when that is silent for too long nobody could end what hides. What is lost hides nothing.

A silence and a window have an end that is known here; an alert that explains others ends when nobody knows. So it hides
only while the desk was heard lately, and no P1: that asks until the desk's own order hides it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
from msgspec.structs import replace

from ioc.domain.alerts import Alert
from ioc.domain.covers import COVERS_MAX, Cover, CoverSaid, covered
from ioc.pipeline.episodes import Change, explain, facts_of
from ioc.wire.codec import encode

_decode = msgspec.json.Decoder(Cover).decode
FRESH_MS = 150_000  # the desk says every minute that it lives; as long as the gateway waits for it


class Covers:
    """The covers that one partition knows; ``heard_ms``: when the desk spoke last in this life of the process."""

    def __init__(self) -> None:
        self.heard_ms: int | None = None
        self._covers: dict[str, Cover] = {}
        self._dirty: set[str] = set()

    def load(self, name: str, value: bytes) -> None:
        """Take one record back; ``name``: its key without the prefix.

        Raises:
            msgspec.MsgspecError: the record is not of this version.
        """
        self._covers[name] = _decode(value)

    def take(self, said: CoverSaid) -> None:
        """The desk said it. One more than ``COVERS_MAX`` is left out."""
        if not said.id:
            self.clear()
        elif said.cover is None:
            if self._covers.pop(said.id, None) is not None:
                self._dirty.add(said.id)
        elif self._covers.get(said.id) != said.cover and (said.id in self._covers or len(self._covers) < COVERS_MAX):
            self._covers[said.id] = said.cover
            self._dirty.add(said.id)

    def clear(self) -> None:
        """Nothing is known any more."""
        self._dirty |= self._covers.keys()
        self._covers = {}

    def settle(self, change: Change, now_ms: int, here: Mapping[str, Alert]) -> tuple[Change, Change | None]:
        """The change as it is when what is known hides the alert from the same moment on, and the line that says why.

        Only what begins to ask by the change. What explains it is noted one version on; of the one before nobody hears
        but by its line, so there is no moment in which it asks.

        Args:
            change: of an alert.
            now_ms: present.
            here: the alerts of this partition; one of them that is over explains nothing.
        """
        alert = change.alert
        if alert.state != "UNACK" or change.from_state == "UNACK" or not self._covers:
            return change, None
        fresh = self.heard_ms is not None and 0 <= now_ms - self.heard_ms < FRESH_MS
        why = covered(alert, self._usable(alert, fresh, here), now_ms)
        if why is None:
            return change, None
        hidden = _hidden(alert)
        explained = replace(hidden, version=hidden.version + 1, explained=why)
        muted = Change(explained, "muted", f"EXPLAINED_BY {why.kind} {why.id}", hidden.state)
        return msgspec.structs.replace(change, alert=hidden), muted

    def _usable(self, alert: Alert, fresh: bool, here: Mapping[str, Alert]) -> Iterator[Cover]:
        for cover in self._covers.values():
            if cover.explanation.kind == "alert":
                source = here.get(cover.explanation.id)
                if alert.priority == 1 or not fresh or (source is not None and not source.active):
                    continue
            yield cover

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        """Records that changed since the last call."""
        names, self._dirty = sorted(self._dirty), set()
        return [(name, encode(self._covers[name]) if name in self._covers else None) for name in names]


def _hidden(alert: Alert) -> Alert:
    facts = explain(facts_of(alert), True)
    return replace(
        alert,
        state=facts.state,
        suppression=facts.suppression,
        owed=facts.owed,
        asked_ms=None,
        hidden_changes=alert.hidden_changes + 1,
    )
