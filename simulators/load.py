"""Load: many messages per second that are real in form, and made in advance in substance.

To ask the world model for a reading and to write it in its centre's format costs more than to send it. So a load run
makes readings once, cuts their native bytes where the id, the time and the number in the series stand, and fills
these gaps anew for each message. The values repeat, ids and times are fresh: for everything behind the broker each
message is a new reading of its site. Whoever looks at the values sees the repetition; a load is not a scenario.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import cycle, islice

from msgspec import Struct, structs

from ioc.domain.profile import Profile
from ioc.domain.times import rfc3339
from ioc.errors import BadInput
from simulators import formats
from simulators.bulk import Books, BulkCourier
from simulators.courier import DRAIN_S, Message
from simulators.formats import bien_hoa, tinh
from simulators.plan import Scenario
from simulators.programme import Programme
from simulators.readings import Reading

TICK_S = 0.01  # pause between two looks at the clock
SLICE_MAX = 1_000  # messages made at once; bounds how long nothing else runs
MADE_OVER_S = 30  # of the world, from which the readings are taken
MADE_PER_S = 100.0

ORDINARY = Scenario(title_vi="Tải", title_en="Load")  # nothing happens in it

# How the native formats write an instant. One of them stands in each message.
_WRITINGS: tuple[Callable[[int], str], ...] = (rfc3339, bien_hoa._local, tinh._local)
_ID, _SEQ, _AT_MS = "Zload-0-0Z", 918_273_645, 1_795_573_419_137  # found in the bytes, where nothing else is like them
_ID2, _SEQ2, _AT2_MS = "Zload-1-77Z", 5, 1_802_345_678_901  # to see whether the cut was right


class Stencil(Struct, frozen=True):
    """The native bytes of one reading with gaps.

    ``template % (id, time, number)`` are the bytes of a message: id and time as bytes, the time as ``writing`` writes
    it, the number in the series as an int.
    """

    centre: str
    key: bytes
    about: str
    template: bytes
    writing: int

    def fill(self, id_: bytes, seq: int, time_ms: int) -> bytes:
        """The bytes of one message."""
        return self.template % (id_, writings(time_ms)[self.writing], seq)


def writings(time_ms: int) -> tuple[bytes, ...]:
    """An instant as each native format writes it."""
    return tuple(write(time_ms).encode() for write in _WRITINGS)


def stencil(profile: Profile, reading: Reading, exercise: str | None) -> Stencil | None:
    """A reading as a stencil; None when its bytes hold something else that depends on id, time or number."""

    def native(id_: str, seq: int, time_ms: int) -> tuple[bytes, bytes]:
        key, value = formats.encode(profile, structs.replace(reading, id=id_, seq=seq, time_ms=time_ms))
        return key, value if exercise is None else formats.mark(reading.centre, value, exercise)

    key, value = native(_ID, _SEQ, _AT_MS)
    times = writings(_AT_MS)
    writing = next((n for n, text in enumerate(times) if text in value), None)
    if writing is None:
        return None
    template = value.replace(b"%", b"%%")
    for mark, gap in ((_ID.encode(), b"%b"), (times[writing], b"%b"), (str(_SEQ).encode(), b"%d")):
        template = template.replace(mark, gap, 1)
    about = f"{reading.feed}/{reading.site}/{reading.type}"
    made = Stencil(reading.centre, key, about, template, writing)
    try:
        same = made.fill(_ID2.encode(), _SEQ2, _AT2_MS) == native(_ID2, _SEQ2, _AT2_MS)[1]
    except (TypeError, ValueError):  # the gaps stand in another order, or one is missing
        same = False
    return made if same else None


class Load(Struct, frozen=True):
    """What a load run sends: ``stencils`` in turn; ``left_out`` readings could not be used."""

    stencils: tuple[Stencil, ...]
    left_out: int


def load_of(profile: Profile, *, start_ms: int, seed: int, exercise: str | None) -> Load:
    """Readings of the first half minute of an ordinary day, as stencils, without heartbeats.

    Raises:
        BadInput: no reading of the profile can be used.
    """
    programme = Programme(
        profile, ORDINARY, start_ms=start_ms, seed=seed, rate=MADE_PER_S, duration_s=float(MADE_OVER_S)
    )
    readings = [r for r in programme.between(start_ms, programme.end_ms or start_ms) if r.type != "source.heartbeat"]
    stencils = [stencil(profile, reading, exercise) for reading in readings]
    good = tuple(one for one in stencils if one is not None)
    if not good:
        raise BadInput("profile", profile.id, f"no reading of {profile.id} can be sent as load")
    return Load(good, len(stencils) - len(good))


class Maker:
    """Makes the messages of a load: ids ``load-<run>-<n>``, numbers in the series per site.

    Args:
        load: what to send.
        run: plain text that no other run has; part of every id.
        first: number of the first message.
    """

    def __init__(self, load: Load, run: str, first: int = 0) -> None:
        self.made = first
        self._head = f"load-{run}-"
        id_ = self._head.encode().replace(b"%", b"%%") + b"%d"
        places = {(one.centre, one.key): n for n, one in enumerate(load.stencils)}
        self._rows = [
            (
                one.template.replace(b"%b", id_, 1),
                one.writing,
                places[one.centre, one.key],
                one.centre,
                one.key,
                one.about,
            )
            for one in load.stencils
        ]
        self._seqs = [first] * len(load.stencils)

    def make(self, count: int, time_ms: int) -> list[Message]:
        """The next messages, all of one instant."""
        times, head, seqs, many = writings(time_ms), self._head, self._seqs, len(self._rows)
        rows = islice(cycle(self._rows), self.made % many, None)
        found = []
        for number, (template, writing, place, centre, key, about) in zip(
            range(self.made, self.made + count), rows, strict=False
        ):
            seqs[place] = seq = seqs[place] + 1
            value = template % (number, times[writing], seq)
            found.append(Message(f"{head}{number}", centre, key, value, about, time_ms))
        self.made += count
        return found


class Loaded(Struct, frozen=True, kw_only=True):
    """What a load run did. ``wall_s`` until the last message was taken, ``drained_s`` until the end of the wait for
    answers; ``behind_max_s`` in wall seconds."""

    books: Books
    repeats: int
    failures: int
    spooled_most: int
    wall_s: float
    drained_s: float
    behind_max_s: float
    unbalanced: int


async def play_load(
    maker: Maker,
    courier: BulkCourier,
    *,
    now_ms: Callable[[], int],
    monotonic_s: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]],
    stopping: asyncio.Event,
    rate: float,
    count: int | None,
    drain_s: float = DRAIN_S,
    shown: Callable[[Books, float], None] = lambda books, behind_s: None,
) -> Loaded:
    """Send ``rate`` messages per second (0: as fast as they are taken) until ``count`` were sent or ``stopping``.

    A message has the time at which it is made. When the courier has no room the run falls behind, and makes up for it
    as fast as it can, without leaving any number out.
    """
    began_s = monotonic_s()
    first, behind_max_s, unbalanced = maker.made, 0.0, 0
    while not stopping.is_set():
        done = maker.made - first
        elapsed_s = monotonic_s() - began_s
        due = done + SLICE_MAX if rate <= 0 else int(elapsed_s * rate)
        due = due if count is None else min(due, count)
        if rate > 0:
            behind_max_s = max(behind_max_s, (due - done) / rate)
        if due > done:
            if not await courier.offer(maker.make(min(due - done, SLICE_MAX), now_ms())):
                break
            unbalanced += not courier.books.balanced
        elif count is not None and done >= count:
            break
        else:
            courier.flush()
            await sleep(TICK_S)
        shown(courier.books, (due - done) / rate if rate > 0 else 0.0)
    wall_s = monotonic_s() - began_s
    books = await courier.drain(drain_s)
    courier.flush()
    return Loaded(
        books=books,
        repeats=courier.repeats,
        failures=courier.failures,
        spooled_most=courier.spooled_most,
        wall_s=wall_s,
        drained_s=monotonic_s() - began_s,
        behind_max_s=behind_max_s,
        unbalanced=unbalanced,
    )
