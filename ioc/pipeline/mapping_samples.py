"""Tries a centre's format on sample records: which canonical events it makes, or what is wrong with each."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from ioc.domain.events import Event
from ioc.domain.measures import DeadLetter
from ioc.domain.profile import Profile
from ioc.domain.registry import Registry
from ioc.errors import BadInput
from ioc.pipeline.effects import InRecord
from ioc.pipeline.intake import IntakePartition
from ioc.pipeline.mapping import Mapper
from ioc.wire.codec import decode_dead, decode_event


class Result(Struct, frozen=True, kw_only=True):
    """What became of one sample: an event, or a reason. A repeated sample has the code ``duplicate``."""

    sample: int  # from 0, in the order given
    event: Event | None = None
    code: str = ""
    path: str = ""
    detail: str = ""

    @property
    def good(self) -> bool:
        """True when it became an event."""
        return self.event is not None


def check_samples(
    profile: Profile, centre: str, samples: Iterable[bytes], received_ms: int | None = None
) -> list[Result]:
    """Run samples through the whole intake of a centre, without any broker.

    Args:
        profile: the installation, with the centre to try.
        centre: id of the centre.
        samples: native records.
        received_ms: when they arrive, epoch milliseconds; None takes each at its own time, so that old samples
            are not refused as ``ancient``.

    Raises:
        BadSettings: the centre's format table is wrong.
        KeyError: the profile has no such centre.
    """
    found = Registry(profile).centre(centre)
    if found is None:
        raise KeyError(centre)
    mapper = Mapper(found, profile.geo_box)
    intake = IntakePartition(profile, centre, 0)
    results = []
    for number, sample in enumerate(samples):
        at_ms = received_ms if received_ms is not None else _own_time(mapper, sample)
        emits = intake.step([InRecord(number, at_ms, None, sample)], at_ms).emits
        results.append(_result(number, emits[0].topic, emits[0].value) if emits else _repeated(number))
    return results


def _own_time(mapper: Mapper, sample: bytes) -> int:
    try:
        native = mapper.native(sample)
        return mapper.plan(native).read_time(native)
    except BadInput:  # the intake says what is wrong with it
        return 0


def _result(number: int, topic: str, value: bytes | None) -> Result:
    if topic == "events":
        return Result(sample=number, event=decode_event(value or b""))
    letter: DeadLetter = decode_dead(value or b"")
    return Result(sample=number, code=letter.code, path=letter.path, detail=letter.detail)


def _repeated(number: int) -> Result:
    return Result(sample=number, code="duplicate", detail="the same record came before")
