"""Faults as pure transforms of what is sent: each returns the new stream and counts what it did.

They work on native records before the broker, the way a bad link or a broken centre would; the choice of victims
is fixed by the seed and each record's id, so it does not depend on how the stream is cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct, structs

from simulators.draw import bits, draw
from simulators.readings import Reading


class Record(Struct, frozen=True):
    """One native message: when it is sent, to which centre's topic, under which id."""

    send_ms: int
    centre: str
    id: str
    key: bytes
    value: bytes


class Result(Struct, frozen=True):
    """The stream after a fault, ordered by send time, and how many records the fault touched."""

    records: tuple[Record, ...]
    touched: int


def duplicate(records: Iterable[Record], share: float, seed: int, after_ms: int = 0) -> Result:
    """Send a share of the records a second time, ``after_ms`` later, bytes and id unchanged."""
    found = list(records)
    again = [structs.replace(r, send_ms=r.send_ms + after_ms) for r in found if _hit(share, seed, "duplicate", r)]
    return Result(_ordered(found + again), len(again))


def delay(records: Iterable[Record], share: float, seed: int, most_ms: int) -> Result:
    """Hold a share of the records back for up to ``most_ms``; event times inside stay, so they arrive late."""

    def late(record: Record) -> Record:
        return structs.replace(record, send_ms=record.send_ms + 1 + bits(seed, "delay/ms", record.id) % most_ms)

    return _change(records, share, seed, "delay", late)


def malformed(records: Iterable[Record], share: float, seed: int) -> Result:
    """Damage the bytes of a share of the records: cut off, or overwritten with bytes that are no text."""

    def damage(record: Record) -> Record:
        middle = len(record.value) // 2
        if bits(seed, "malformed/how", record.id) % 2:
            return structs.replace(record, value=record.value[:middle])
        return structs.replace(record, value=b"\xff\xfe\x00" + record.value[3:])

    return _change(records, share, seed, "malformed", damage)


def wrong_centre(records: Iterable[Record], share: float, seed: int, centres: tuple[str, ...]) -> Result:
    """Send a share of the records to the topic of another centre; needs two or more ``centres``."""

    def misroute(record: Record) -> Record:
        others = [centre for centre in centres if centre != record.centre]
        return structs.replace(record, centre=others[bits(seed, "wrong/which", record.id) % len(others)])

    return _change(records, share, seed, "wrong", misroute)


def future_timestamp(
    readings: Iterable[Reading], share: float, seed: int, ahead_ms: int
) -> tuple[tuple[Reading, ...], int]:
    """Move a share of the readings ``ahead_ms`` into the future, as a fast clock would; ids and order stay.

    Works on readings, because the time is inside the native bytes. Returns the stream and the number moved.
    """
    changed, touched = [], 0
    for reading in readings:
        if draw(seed, "future", reading.id) < share:
            touched += 1
            changed.append(structs.replace(reading, time_ms=reading.time_ms + ahead_ms))
        else:
            changed.append(reading)
    return tuple(changed), touched


def _change(
    records: Iterable[Record], share: float, seed: int, name: str, change: Callable[[Record], Record]
) -> Result:
    changed, touched = [], 0
    for record in records:
        if _hit(share, seed, name, record):
            touched += 1
            changed.append(change(record))
        else:
            changed.append(record)
    return Result(_ordered(changed), touched)


def _hit(share: float, seed: int, name: str, record: Record) -> bool:
    return draw(seed, name, record.id) < share


def _ordered(records: list[Record]) -> tuple[Record, ...]:
    """By send time; records of the same instant keep their order."""
    return tuple(sorted(records, key=lambda record: record.send_ms))
