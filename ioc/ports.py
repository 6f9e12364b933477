"""What services ask of the outside, as Protocols; each method states its ordering and delivery promise.

``ioc.adapters`` implements them on the real parts and in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from msgspec import Struct

from ioc.domain.alarm_quality import Line
from ioc.domain.alerts import Alert, LogEntry
from ioc.pipeline.effects import Record
from ioc.wire.cap import Entry


class Clock(Protocol):
    """Wall clock in epoch milliseconds."""

    def __call__(self) -> int: ...


class Place(NamedTuple):
    """One partition of one topic, by the topic's real name."""

    topic: str
    partition: int


class EventLog(Protocol):
    """The log as a recorder reads it: committed records only, every partition, no consumer group."""

    async def fetch(self, records_max: int, wait_s: float) -> Sequence[tuple[Place, Sequence[Record]]]:
        """Up to ``records_max`` records, in offset order within a place; empty when nothing came within ``wait_s``.

        Each record is given once, until :meth:`seek` moves the place. Holds a bounded number of bytes in advance.

        Raises:
            Unavailable: what was given before stands, but :meth:`seek` must be called before the next fetch.
        """

    async def seek(self, positions: Mapping[Place, int]) -> Sequence[tuple[Place, int, int]]:
        """Continue from these offsets.

        Returns:
            stretches ``(place, from, to)`` that the log has already deleted, unread.

        Raises:
            Unavailable: the log does not answer.
        """


Tables = Mapping[str, Sequence[tuple[object, ...]]]
Moves = Mapping[Place, tuple[int, int]]


class History(Protocol):
    """The database as a recorder writes it."""

    async def open(self, places: Sequence[Place]) -> Mapping[Place, int]:
        """Become the one writer, waiting for another one to end, and return the next offset of each place.

        Raises:
            Unavailable: try again later; what was held is given back.
        """

    async def write(self, tables: Tables, moves: Moves) -> Mapping[str, int]:
        """Store rows and move the positions ``place → (expected, next)`` in one transaction: all or nothing.

        A row that is there already is left out; of an older revision or version too.

        Returns:
            table → rows that were new or newer.

        Raises:
            Unavailable: nothing is known about this write; :meth:`open` again tells by the positions.
            BadInput: a row is refused; nothing was stored.
            Fenced: a position is not the expected one: somebody else writes. Nothing was stored.
        """

    async def correct(self) -> int:
        """Make some summaries anew to which readings came too late: a bounded number at once, and nothing when there
        are none. Which they are is stored with the readings; whoever opens next goes on.

        Returns:
            Summaries that changed.

        Raises:
            Unavailable: it took too long, or nothing is known about it. It may be repeated, and writing may go on: if
                the connection is lost, :meth:`write` says so.
        """

    async def ping(self) -> None:
        """Show that this writer lives; without it the server ends a silent session. Raises Unavailable."""

    async def close(self) -> None:
        """Give the writer's place back."""


class Account(Protocol):
    """One account as it is stored. A changed ``session_epoch`` ends every session that was begun before."""

    @property
    def name(self) -> str: ...
    @property
    def display(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def password_hash(self) -> str: ...
    @property
    def disabled(self) -> bool: ...
    @property
    def session_epoch(self) -> int: ...


class AccountStore(Protocol):
    """Where accounts are kept."""

    async def accounts(self) -> Sequence[Account]:
        """All accounts, disabled ones too. Raises Unavailable within a few seconds."""


class DeliveryCount(Struct, frozen=True, kw_only=True):
    """Notices of one channel in one state (``due``, ``done``, ``dead``); ``oldest_ms``: when the oldest was made."""

    channel: str
    state: str
    n: int
    oldest_ms: int


class HistoryQueries(Protocol):
    """What the gateway asks of the history; nothing on the live path waits for it."""

    async def ping(self) -> None:
        """Show that the history answers. Raises Unavailable within a few seconds."""

    async def newest_canary(self, centre: str) -> int | None:
        """When the newest canary of a centre that is stored was sent, of the last hour. Raises Unavailable."""

    async def alert_log(self, alert_id: str) -> Sequence[LogEntry]:
        """All log entries of one alert, oldest first; empty for an unknown id. Raises Unavailable."""

    async def alerts_between(self, from_ms: int, to_ms: int) -> Sequence[Alert]:
        """Alerts of the live picture raised in ``[from_ms, to_ms)``, newest first, at most 500. Raises Unavailable."""

    async def recorded_spans(self, from_ms: int, to_ms: int) -> Sequence[tuple[int, int]]:
        """When anything at all was recorded within ``[from_ms, to_ms)``: spans of event time, oldest first, with the
        gaps of ten minutes and more between them left out. Raises Unavailable."""

    async def log_lines(self, from_ms: int, to_ms: int, lines_max: int) -> Sequence[Line]:
        """Accepted lines of the alert log in ``[from_ms, to_ms)`` without drills, the newest ``lines_max`` of them,
        oldest first. Raises Unavailable."""

    async def cap_entries(self, exercise: str | None, after_ms: int) -> Sequence[Entry]:
        """The newest CAP message of each alert of the live picture, or of one exercise, sent after ``after_ms``; newest
        first, at most 200. Raises Unavailable."""

    async def cap_message(self, identifier: str) -> str | None:
        """A CAP message as it was published, None for an unknown one. Raises Unavailable."""

    async def delivery_counts(self, after_ms: int) -> Sequence[DeliveryCount]:
        """Notices made after ``after_ms`` by channel and state. Raises Unavailable."""

    async def series(self, key: str, from_ms: int, to_ms: int) -> Sequence[Struct]:
        """Points of ``centre/area/feed/type`` in ``[from_ms, to_ms)``, oldest first, a bounded number of them.

        Raises Unavailable, and BadInput for a key or a range that makes no sense.
        """
