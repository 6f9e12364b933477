"""What a part of the desk looks like: one concern (suppression, incidents) over all alerts of the installation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from msgspec import Struct

from ioc.domain.alerts import Alert, LogEntry, Signal, SourceTold
from ioc.domain.covers import CoverSaid
from ioc.domain.desk import Order
from ioc.domain.profile import Profile
from ioc.wire.codec import DeskCommand


class Seen(Struct, frozen=True):
    """An alert that changed: as it was before (None: not known, or closed then) and as it is now (maybe closed)."""

    before: Alert | None
    now: Alert


class DeskPart(Protocol):
    """A part: holds its own state, decides by values and the time, does no I/O and never raises on bad data.

    Its records in the topic ``desk`` have keys that begin with :attr:`prefix`. With an ``@`` before it they are
    private; the others are what walls and consoles show.

    An order is made again only when it was not obeyed: the alert as it comes back says whether it was. A signal is
    of an alert about the desk itself.
    """

    prefix: str

    def load(self, key: str, value: bytes) -> None:
        """Take one record back; in any order, before anything else and before any alert is known."""

    def seen(self, seen: Seen, alerts: Mapping[str, Alert], now_ms: int) -> Sequence[Order | Signal]:
        """An alert changed. ``alerts``: all that are open now, by id, this one among them when it is open."""

    def tick(self, alerts: Mapping[str, Alert], now_ms: int) -> Sequence[Order | Signal]:
        """Let time pass; called about twice a second."""

    def use(self, profile: Profile) -> None:
        """Go on with another profile of the same installation; what follows from it comes with the next tick."""

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        """Records that changed since the last call; None deletes."""


@runtime_checkable
class ExplainingPart(DeskPart, Protocol):
    """A part that hides alerts by its orders."""

    def foresee(self, alert: Alert, now_ms: int) -> Alert:
        """The alert, open and just told, as it will be when the order about it is obeyed; itself where none is due."""

    def take_covers(self, now_ms: int) -> list[CoverSaid]:
        """What alerting has to know beforehand, so that what begins hidden asks nobody; since the last call."""


@runtime_checkable
class AheadPart(DeskPart, Protocol):
    """A part that may look ahead. ``ahead``: it is told of what is about to be hidden as if it were hidden already.

    So nothing comes of an alert that asks for the moment only until alerting obeys. An alert that is not hidden after
    all is told to it, as one that begins to ask.
    """

    ahead: bool


@runtime_checkable
class SourcePart(DeskPart, Protocol):
    """A part that wants to know which sources are out of service."""

    def source(self, told: SourceTold) -> None:
        """One is, or is not any more; told again it is the same."""


@runtime_checkable
class SpeakingPart(DeskPart, Protocol):
    """A part that writes lines of its own into the log."""

    def take_lines(self) -> list[LogEntry]:
        """Lines for the log since the last call."""


@runtime_checkable
class CommandedPart(SpeakingPart, Protocol):
    """A part that people command. ``commands``: those that it takes."""

    commands: type[DeskCommand]

    def command(self, command: Any, alerts: Mapping[str, Alert], now_ms: int) -> list[Order]:
        """Carry a command out, or refuse it: exactly one line of the log answers it."""
