"""What a step asks the shell to do, and what a step looks like.

A step is one object per owned partition. It holds that partition's state, does no I/O, reads no clock and never
raises on bad data. The shell keeps the input position, puts ``emits`` and ``take_dirty()`` into one transaction,
and feeds ``load`` with the records of the checkpoint after a take-over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct


class Record(Protocol):
    """The part of a Kafka record that a step may look at; ``timestamp`` is epoch milliseconds."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


class InRecord(Struct, frozen=True):
    """A record for tests and for the in-memory runner."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class Emit(Struct, frozen=True):
    """One record to be written. ``topic`` is the logical name (``events``, ``rollups`` …); ``partition`` None
    means the partition of the key."""

    topic: str
    key: bytes
    value: bytes | None
    partition: int | None = None


class Effects(Struct):
    """Everything one call of a step asks for.

    ``urgent`` asks for a flush at once. ``idle``: nothing came of the records that would be worth a flush of its own;
    they may as well be read again.
    """

    emits: list[Emit]
    urgent: bool = False
    idle: bool = False


class Step(Protocol):
    """One partition's deciding object."""

    def load(self, key: str, value: bytes) -> None:
        """Take one record of the checkpoint back; the newest value of each key, in any order."""

    def step(self, records: Sequence[Record], now_ms: int) -> Effects:
        """Apply records in offset order."""

    def tick(self, now_ms: int) -> Effects:
        """Let time pass: timers, watermarks, silence. Called about twice a second."""

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        """State changed since the last call, for the checkpoint; None deletes the key."""
