"""Faults on the way from a centre to the province: what a bad link, a broken clock or a wrong setting does.

Each fault is a pure function of one message: none, one or several messages come out. So it does not depend on how
the stream is cut, and whom it hits is fixed by the seed and the id of the message. Faults only hold messages back,
they never send one before its time. Each counts what it did; :attr:`Tally.out` is exactly what went on.

Times are seconds after the start of the scenario. A fault without ``for_s`` lasts to the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct, structs

from simulators.draw import Part, bits, draw
from simulators.readings import Reading

Seconds = Annotated[float, Meta(ge=0, le=31_536_000)]
Length = Annotated[float, Meta(gt=0, le=31_536_000)]
Hold = Annotated[float, Meta(gt=0, le=86_400)]  # how long a message may be held back
Share = Annotated[float, Meta(gt=0, le=1)]
FAULTS_MAX = 40  # of one scenario


class Parcel(Struct, frozen=True):
    """One message on its way, before it is written in the format of its centre.

    Attributes:
        send_ms: when it is handed to the broker, epoch milliseconds; not before its reading was due.
        reading: what it says. Its time may be wrong when the clock of the site is.
        centre: whose topic it goes to.
        copy: 0 for the message itself, else the number of the repetition.
        damage: random bits that say how its bytes are broken; None for a whole message.
    """

    send_ms: int
    reading: Reading
    centre: str
    copy: int = 0
    damage: int | None = None

    @property
    def order(self) -> tuple[int, int, str, int]:
        """What is sent at the same instant goes in the order of its readings."""
        return self.send_ms, self.reading.time_ms, self.reading.id, self.copy


class Tally(Struct):
    """The book of one fault: messages that came in, that it changed, and that it took out or put in."""

    came: int = 0
    touched: int = 0
    dropped: int = 0
    added: int = 0

    @property
    def out(self) -> int:
        """Messages that went on."""
        return self.came - self.dropped + self.added


class Shape(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What all faults share: when they hold, and for whom.

    Attributes:
        at_s: from when, seconds after the start of the scenario.
        for_s: how long; None to the end.
        centre: only messages of this centre; None for all.
        feeds: only messages of these feeds; empty for all.
        sites: only messages of these sites; empty for all.
        share: share of the messages that are hit, more than 0, at most 1.
    """

    at_s: Seconds = 0.0
    for_s: Length | None = None
    centre: str | None = None
    feeds: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    share: Share = 1.0

    @property
    def most_s(self) -> float:
        """The longest that it holds a message back, seconds."""
        return 0.0

    def concerns(self, parcel: Parcel, start_ms: int) -> bool:
        """Is this one of the messages that may be hit?"""
        reading = parcel.reading
        since_s = (parcel.send_ms - start_ms) / 1000 - self.at_s
        return (
            (since_s >= 0 and (self.for_s is None or since_s < self.for_s))
            and (self.centre is None or self.centre == reading.centre)
            and (not self.feeds or reading.feed in self.feeds)
            and (not self.sites or reading.site in self.sites)
        )

    def apply(self, parcel: Parcel, chance: Chance, start_ms: int) -> tuple[Parcel, ...]:
        """What comes out instead of a message that is hit."""
        raise NotImplementedError


class Chance(Struct, frozen=True):
    """The chance that belongs to one message under one fault."""

    seed: int
    number: int  # of the fault in its chain
    fault: str

    def copy(self, parcel: Parcel, nth: int) -> Parcel:
        """The ``nth`` repetition, with a number that no other copy of the message has."""
        return structs.replace(parcel, copy=parcel.copy * 1000 + self.number * 21 + nth)

    def draw(self, what: str, parcel: Parcel) -> float:
        """Uniform in ``[0, 1)``."""
        return draw(self.seed, *self._parts(what, parcel))

    def bits(self, what: str, parcel: Parcel) -> int:
        """64 random bits."""
        return bits(self.seed, *self._parts(what, parcel))

    def _parts(self, what: str, parcel: Parcel) -> tuple[Part, ...]:
        return "fault", self.number, self.fault, what, parcel.reading.id, parcel.copy


class Delay(Shape, frozen=True, kw_only=True, tag="delay"):
    """Each message comes later, by ``least_s`` to ``by_s``; times inside stay, so it arrives late."""

    by_s: Hold
    least_s: Annotated[float, Meta(ge=0, le=86_400)] = 0.0

    @property
    def most_s(self) -> float:
        return self.by_s

    def apply(self, parcel: Parcel, chance: Chance, start_ms: int) -> tuple[Parcel, ...]:
        hold_s = self.least_s + (self.by_s - self.least_s) * chance.draw("by", parcel)
        return (_later(parcel, max(1, round(hold_s * 1000))),)


class Drop(Shape, frozen=True, kw_only=True, tag="drop"):
    """The message is lost."""

    def apply(self, parcel: Parcel, chance: Chance, start_ms: int) -> tuple[Parcel, ...]:
        return ()


class Duplicate(Shape, frozen=True, kw_only=True, tag="duplicate"):
    """The same bytes come again, ``times`` times, each ``after_s`` later than the one before."""

    times: Annotated[int, Meta(ge=1, le=20)] = 1
    after_s: Annotated[float, Meta(ge=0, le=3600)] = 0.0

    @property
    def most_s(self) -> float:
        return self.times * self.after_s

    def apply(self, parcel: Parcel, chance: Chance, start_ms: int) -> tuple[Parcel, ...]:
        step_ms = round(self.after_s * 1000)
        return (parcel, *(chance.copy(_later(parcel, step_ms * n), n) for n in range(1, self.times + 1)))


class Reorder(Shape, frozen=True, kw_only=True, tag="reorder"):
    """Messages are gathered for ``within_s`` and sent shuffled during the next ``within_s``."""

    within_s: Annotated[float, Meta(gt=0, le=3600)]

    @property
    def most_s(self) -> float:
        return 2 * self.within_s

    def apply(self, parcel: Parcel, chance: Chance, start_ms: int) -> tuple[Parcel, ...]:
        end_ms, span_ms = _window_end(parcel, start_ms + round(self.at_s * 1000), self.within_s)
        return (structs.replace(parcel, send_ms=end_ms + chance.bits("slot", parcel) % span_ms),)


class Burst(Shape, frozen=True, kw_only=True, tag="burst"):
    """Messages are gathered for ``every_s`` and then sent all at once, in their order."""

    every_s: Annotated[float, Meta(gt=0, le=3600)]

    @property
    def most_s(self) -> float:
        return self.every_s

    def apply(self, parcel: Parcel, chance: Chance, start_ms: int) -> tuple[Parcel, ...]:
        end_ms, _ = _window_end(parcel, start_ms + round(self.at_s * 1000), self.every_s)
        return (structs.replace(parcel, send_ms=end_ms),)


class Silence(Shape, frozen=True, kw_only=True, tag="silence"):
    """The link is down; what was measured meanwhile comes when it is up again, within ``catch_up_s``, in its order.

    A share ``duplicates`` of it comes twice, as senders do that are not sure what was stored.
    """

    for_s: Length
    catch_up_s: Annotated[float, Meta(ge=0, le=3600)] = 30.0
    duplicates: Annotated[float, Meta(ge=0, le=1)] = 0.0

    @property
    def most_s(self) -> float:
        return self.for_s + self.catch_up_s

    def apply(self, parcel: Parcel, chance: Chance, start_ms: int) -> tuple[Parcel, ...]:
        from_ms, length_ms = start_ms + round(self.at_s * 1000), max(1, round(self.for_s * 1000))
        into = (parcel.send_ms - from_ms) / length_ms
        held = structs.replace(parcel, send_ms=from_ms + length_ms + int(into * self.catch_up_s * 1000))
        if chance.draw("twice", parcel) >= self.duplicates:
            return (held,)
        return held, chance.copy(held, 1)


class ClockSkew(Shape, frozen=True, kw_only=True, tag="clock_skew"):
    """The clock of the site is wrong by ``by_s``; negative is behind. Ids and the order of sending stay."""

    by_s: Annotated[float, Meta(ge=-31_536_000, le=31_536_000)]

    def apply(self, parcel: Parcel, chance: Chance, start_ms: int) -> tuple[Parcel, ...]:
        time_ms = max(0, parcel.reading.time_ms + round(self.by_s * 1000))
        return (structs.replace(parcel, reading=structs.replace(parcel.reading, time_ms=time_ms)),)


class Malformed(Shape, frozen=True, kw_only=True, tag="malformed"):
    """The bytes are damaged: cut off in the middle, or overwritten with bytes that are no text."""

    def apply(self, parcel: Parcel, chance: Chance, start_ms: int) -> tuple[Parcel, ...]:
        return (structs.replace(parcel, damage=chance.bits("how", parcel)),)


class WrongCentre(Shape, frozen=True, kw_only=True, tag="wrong_centre"):
    """The message goes to the topic of the centre ``to``."""

    to: str

    def apply(self, parcel: Parcel, chance: Chance, start_ms: int) -> tuple[Parcel, ...]:
        return (structs.replace(parcel, centre=self.to),)


class UnitMixUp(Shape, frozen=True, kw_only=True, tag="unit_mixup"):
    """A field is sent in another unit than agreed: its value times ``factor`` (metres as centimetres: 100)."""

    field: str
    factor: Annotated[float, Meta(gt=0, le=1_000_000)]

    def concerns(self, parcel: Parcel, start_ms: int) -> bool:
        value = parcel.reading.data.get(self.field)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return self._wrong(value) != value and super().concerns(parcel, start_ms)

    def apply(self, parcel: Parcel, chance: Chance, start_ms: int) -> tuple[Parcel, ...]:
        data = parcel.reading.data
        changed = {**data, self.field: self._wrong(data[self.field])}
        return (structs.replace(parcel, reading=structs.replace(parcel.reading, data=changed)),)

    def _wrong(self, value: float) -> float:
        return round(value * self.factor, 6)


Fault = Delay | Drop | Duplicate | Reorder | Burst | Silence | ClockSkew | Malformed | WrongCentre | UnitMixUp


class Chain:
    """The faults of a scenario, one after the other, each with its book.

    Args:
        faults: in the order in which a message meets them.
        seed: fixes who is hit.
        start_ms: start of the scenario, epoch milliseconds.
    """

    def __init__(self, faults: Sequence[Fault], seed: int, start_ms: int) -> None:
        self.faults = tuple(faults)
        self.tallies = tuple(Tally() for _ in faults)
        self._chances = tuple(Chance(seed, n, _tag(fault)) for n, fault in enumerate(faults))
        self._start_ms = start_ms

    @property
    def most_ms(self) -> int:
        """The longest that all of them together hold a message back."""
        return sum(round(fault.most_s * 1000) + 1 for fault in self.faults)

    def __call__(self, parcel: Parcel) -> tuple[Parcel, ...]:
        """What becomes of one message."""
        parcels: tuple[Parcel, ...] = (parcel,)
        for fault, tally, chance in zip(self.faults, self.tallies, self._chances, strict=True):
            parcels = tuple(out for one in parcels for out in self._one(fault, tally, chance, one))
        return parcels

    def _one(self, fault: Fault, tally: Tally, chance: Chance, parcel: Parcel) -> tuple[Parcel, ...]:
        tally.came += 1
        if not fault.concerns(parcel, self._start_ms) or chance.draw("hit", parcel) >= fault.share:
            return (parcel,)
        found = fault.apply(parcel, chance, self._start_ms)
        tally.touched += 1
        tally.dropped += not found
        tally.added += max(0, len(found) - 1)
        return found

    def books(self) -> list[tuple[str, Tally]]:
        """Kind and book of every fault, in order."""
        return [(_tag(fault), tally) for fault, tally in zip(self.faults, self.tallies, strict=True)]


def damaged(value: bytes, damage: int) -> bytes:
    """The bytes of a message whose damage these bits fix: never the same bytes, never a whole message."""
    if damage % 2:
        return value[: len(value) // 2]
    return b"\xff\xfe\x00" + value[3:]


def _tag(fault: Fault) -> str:
    return str(fault.__struct_config__.tag)


def _later(parcel: Parcel, by_ms: int) -> Parcel:
    return structs.replace(parcel, send_ms=parcel.send_ms + by_ms)


def _window_end(parcel: Parcel, from_ms: int, length_s: float) -> tuple[int, int]:
    """End of the stretch of ``length_s`` that the message falls into, and the length in milliseconds."""
    length_ms = max(1, round(length_s * 1000))
    return from_ms + ((parcel.send_ms - from_ms) // length_ms + 1) * length_ms, length_ms
