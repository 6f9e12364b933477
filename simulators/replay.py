"""A recording as a stream of messages for the player: real bytes, marked as of a drill, at the replay's time. Pure.

*The replay's time.* A replay keeps the order and the gaps of the arrivals, and all event times move together, by
default by whole days: to the last days that lie wholly in the past when the replay ends. So the time of day, which
rules with hours and windows of an hour or a day go by, is the recorded one, and no reading is ever of the future.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Literal, cast

import msgspec
from msgspec import Struct

from ioc.adapters.recording import opened
from ioc.domain.profile import Profile
from ioc.domain.times import parse_rfc3339
from ioc.errors import BadInput
from ioc.pipeline.restamp import Restamper
from ioc.wire import recording
from ioc.wire.recording import End, Head, Message
from simulators.expect import Expect
from simulators.readings import Reading
from simulators.stream import Stream

DAY_MS = 86_400_000
Start = Literal["day", "now", "original"]


class Recording(Struct, frozen=True, kw_only=True):
    """What a file holds; its messages stay in the file."""

    file: Path
    from_ms: int
    to_ms: int
    centres: tuple[str, ...]
    end: End
    expect: tuple[Expect, ...]


class Parcel(Struct, frozen=True, kw_only=True):
    """One message on its way; ``reading`` says what it is about and has no payload."""

    send_ms: int
    reading: Reading
    centre: str
    key: bytes
    value: bytes


def look(file: Path, profile: Profile) -> Recording:
    """Read a recording through once, and check all of it.

    Raises:
        BadInput: it cannot be read, was cut off or changed, or holds centres that the profile does not have.
    """
    head: Head | None = None
    end: End | None = None
    with opened(file) as lines:
        for part in recording.read(lines, str(file)):
            if isinstance(part, Head):
                head = part
            elif isinstance(part, End):
                end = part
    assert head is not None
    assert end is not None
    if unknown := set(head.centres) - set(profile.centre_ids):
        detail = f"{file}: holds {', '.join(sorted(unknown))}, which {profile.id} does not have"
        raise BadInput("recording", str(file), detail)
    try:
        expect = msgspec.convert(end.expect, tuple[Expect, ...])
    except msgspec.ValidationError as exc:
        raise BadInput("recording", str(file), f"{file}: its expectations cannot be read: {exc}") from exc
    return Recording(
        file=file,
        from_ms=parse_rfc3339(head.from_),
        to_ms=parse_rfc3339(head.to),
        centres=head.centres,
        end=end,
        expect=expect,
    )


def start_of(found: Recording, start: Start, speed: float, now_ms: int) -> int:
    """Event time at which the replay begins, epoch milliseconds; whole seconds away from the recorded one.

    Args:
        found: what is replayed.
        start: ``day`` keeps the time of day, ``original`` also the date; with ``now`` the event times end at the
            present when the replay ends, and begin at it when it is not faster than real time.
        speed: times real time.
        now_ms: the present.
    """
    if start == "original":
        return found.from_ms
    length_ms = found.to_ms - found.from_ms
    latest_ms = now_ms - round(length_ms * max(0.0, 1 - 1 / speed))
    step_ms = DAY_MS if start == "day" else 1000
    return found.from_ms + (latest_ms - found.from_ms) // step_ms * step_ms


class ReplayStream:
    """The messages of a recording, in the order of their arrival; what the player asks of a stream.

    Args:
        found: what is replayed.
        profile: with the formats of its centres.
        centres: whose messages are replayed; the others are left out.
        exercise: id of the drill.
        start_ms: event time at which it begins, see :func:`start_of`.

    Attributes:
        made: messages of these centres so far.
        taken: messages given out so far.
        skipped: messages that cannot be replayed, by reason: intake's code.

    Raises:
        BadInput: the format of a centre has no place for a drill.
    """

    def __init__(
        self, found: Recording, profile: Profile, centres: Iterable[str], exercise: str, start_ms: int
    ) -> None:
        self.start_ms = start_ms
        self.end_ms = self.last_ms = start_ms + found.to_ms - found.from_ms
        self.made = self.taken = 0
        self.skipped: Counter[str] = Counter()
        wanted = set(centres)
        shift_ms = start_ms - found.from_ms
        self._stampers = {
            one.id: Restamper(one, profile.geo_box, exercise, shift_ms) for one in profile.centres if one.id in wanted
        }
        self._source = self._parcels(found.file)
        self._next = next(self._source, None)
        self._upto_ms = start_ms

    @property
    def over(self) -> bool:
        """Everything has been given out, and its time has passed."""
        return self._next is None and self._upto_ms >= self.end_ms

    @property
    def as_stream(self) -> Stream:
        """For the player, which asks nothing of a stream that this has not."""
        return cast(Stream, self)

    def take(self, upto_ms: int) -> list[Parcel]:
        """Messages that are sent before ``upto_ms`` and were not given out yet."""
        found = []
        while self._next is not None and self._next.send_ms < upto_ms:
            found.append(self._next)
            self._next = next(self._source, None)
        self._upto_ms = max(self._upto_ms, upto_ms)
        self.taken += len(found)
        return found

    def close(self) -> None:
        """Let go of the file."""
        self._source.close()

    def _parcels(self, file: Path) -> Generator[Parcel, None, None]:
        with opened(file) as lines:
            for part in recording.read(lines, str(file)):
                if isinstance(part, Message) and (stamper := self._stampers.get(part.centre)) is not None:
                    self.made += 1
                    parcel = self._parcel(part, stamper)
                    if parcel is not None:
                        yield parcel

    def _parcel(self, part: Message, stamper: Restamper) -> Parcel | None:
        """The message as one of the drill; None when it cannot be one. Never the message as it was."""
        try:
            stamped = stamper(part.value_bytes)
        except BadInput as refusal:
            self.skipped[refusal.code] += 1
            return None
        reading = Reading(
            centre=part.centre,
            feed=stamped.feed,
            site=stamped.site,
            area="",
            type=stamped.type,
            time_ms=stamped.time_ms,
            seq=0,
            data={},
            id=stamped.id,
        )
        return Parcel(
            send_ms=self.start_ms + part.at_ms,
            reading=reading,
            centre=part.centre,
            key=part.key_bytes,
            value=stamped.value,
        )
