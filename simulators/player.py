"""The shell of the simulators: paces messages in real time, encodes them, hands them to the courier.

The only state is how far event time has been played. Messages are a function of time, so when the broker is away
nothing piles up: the player stands still, says that it is behind, and makes the missed messages when it can send
again, with the event times and ids they always have.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from msgspec import Struct, structs

from ioc.wire import drill_clock
from simulators import overrides
from simulators.courier import Courier, Message
from simulators.drill_time import DrillTime, Told
from simulators.faults import Parcel
from simulators.stream import Stream

log = logging.getLogger(__name__)

TICK_S = 0.05  # pause between two looks at the clock; a message is sent at most this late
SLICE_S = 1.0  # wall seconds of messages made at once when behind; bounds the memory of a burst
BEHIND_S = 2.0  # wall seconds behind from which it is reported
REPORT_S = 5.0  # pause between two reports that it is behind

Encode = Callable[[Parcel], tuple[bytes, bytes]]


class Progress(Struct, frozen=True, kw_only=True):
    """How a run stands: event time reached (epoch ms), messages sent, wall seconds behind."""

    event_ms: int
    sent: int
    behind_s: float


class Played(Struct, frozen=True):
    """What a run did. ``behind_max_s`` in wall seconds; ``event_ms`` how far event time came, epoch ms.

    ``took_s`` is how long the sending took, wall seconds, until the last acknowledgement; None when it was not measured
    because no clock paced it.
    """

    sent: int
    acked: int
    unacknowledged: int
    repeats: int
    failures: int
    behind_max_s: float
    event_ms: int
    took_s: float | None = None


async def play(
    stream: Stream,
    courier: Courier,
    encode: Encode,
    *,
    now_ms: Callable[[], int],
    sleep: Callable[[float], Awaitable[None]],
    stopping: asyncio.Event,
    speed: float = 1.0,
    held: overrides.Overrides | None = None,
    shown: Callable[[Progress], None] = lambda progress: None,
    time: DrillTime | None = None,
) -> Played:
    """Play a stream from its start, which is now, to its end or until ``stopping`` is set; then drain.

    Args:
        stream: what to send.
        courier: how to deliver it.
        encode: message → record key and native bytes.
        now_ms: wall clock.
        sleep: waits seconds.
        stopping: ends the run early.
        speed: event seconds per wall second.
        held: values that persons have put on sites.
        shown: told how the run stands, several times a second.
        time: the clock of a drill, which is told among the messages; None where it is none.
    """
    started_ms = now_ms()
    cursor_ms = stream.start_ms
    slice_ms = max(1, round(SLICE_S * 1000 * speed))
    behind_max_s, reported_ms, behind = 0.0, started_ms, False
    while not stopping.is_set() and not stream.over:
        wall_ms = now_ms()
        due_ms = stream.start_ms + int((wall_ms - started_ms) * speed)
        if stream.last_ms is not None:
            due_ms = min(due_ms, stream.last_ms + 1)
        behind_s = (due_ms - cursor_ms) / 1000 / speed
        behind_max_s = max(behind_max_s, behind_s)
        if behind_s > BEHIND_S and wall_ms - reported_ms >= REPORT_S * 1000:
            log.warning("behind by %.1f s; %d messages wait for the broker", behind_s, courier.unacknowledged)
            reported_ms, behind = wall_ms, True
        elif behind and behind_s < BEHIND_S:
            log.info("caught up")
            behind = False
        upto_ms = min(due_ms, cursor_ms + slice_ms)
        if upto_ms > cursor_ms:
            if not await _send(stream.take(upto_ms), upto_ms, courier, encode, held, wall_ms, time):
                break
            cursor_ms = upto_ms
            courier.flush()
            shown(Progress(event_ms=cursor_ms, sent=courier.sent, behind_s=behind_s))
        if upto_ms == due_ms:
            await sleep(TICK_S)
    played = await _end(stream, courier, cursor_ms, behind_max_s)
    return structs.replace(played, took_s=(now_ms() - started_ms) / 1000)


async def play_steps(
    stream: Stream,
    courier: Courier,
    encode: Encode,
    *,
    now_ms: Callable[[], int],
    ask: Callable[[Progress], Awaitable[bool]],
    step_ms: int,
    stopping: asyncio.Event,
    time: DrillTime | None = None,
) -> Played:
    """Play a stream one stretch of event time after the other, each when ``ask`` says so (False ends the run).

    The clock of the drill is told as by :func:`play`, so it stands still while somebody thinks.
    """
    cursor_ms = stream.start_ms
    while not stopping.is_set() and not stream.over:
        if not await ask(Progress(event_ms=cursor_ms, sent=courier.sent, behind_s=0.0)):
            break
        upto_ms = cursor_ms + step_ms
        if not await _send(stream.take(upto_ms), upto_ms, courier, encode, None, now_ms(), time):
            break
        cursor_ms += step_ms
        courier.flush()
    return await _end(stream, courier, cursor_ms, 0.0)


async def _send(
    parcels: list[Parcel],
    upto_ms: int,
    courier: Courier,
    encode: Encode,
    held: overrides.Overrides | None,
    wall_ms: int,
    time: DrillTime | None,
) -> bool:
    for parcel in parcels if time is None else time.among(parcels, upto_ms):
        if isinstance(parcel, Told):
            clock = Message("", parcel.centre, drill_clock.KEY, parcel.value, partition=parcel.partition)
            if not await courier.offer(clock):
                return False
            continue
        shown = parcel
        if held is not None:
            shown = structs.replace(parcel, reading=held.apply(parcel.reading, wall_ms))
        reading = shown.reading
        key, value = encode(shown)
        about = f"{reading.feed}/{reading.site}/{reading.type}"
        if not await courier.offer(Message(reading.id, shown.centre, key, value, about, reading.time_ms)):
            return False
    return True


async def _end(stream: Stream, courier: Courier, cursor_ms: int, behind_max_s: float) -> Played:
    left = await courier.drain()
    courier.flush()
    event_ms = cursor_ms if stream.end_ms is None else min(cursor_ms, stream.end_ms)
    return Played(courier.sent, courier.acked, left, courier.repeats, courier.failures, behind_max_s, event_ms)
