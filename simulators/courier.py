"""Delivery with a bounded memory of what is not acknowledged yet.

Every message stays here until the broker acknowledged it. When the link fails, it is closed, opened again and all
messages still here are sent again, in their order and with their ids; one that had been stored all the same
arrives twice, and the receiver knows it by its id.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

from msgspec import Struct

from ioc.errors import Unavailable
from simulators.ledger import Ledger

log = logging.getLogger(__name__)

IN_FLIGHT_MAX = 1000  # messages without acknowledgement; when full, the player waits and falls behind
BACKOFF_FIRST_S, BACKOFF_MAX_S = 0.25, 5.0  # pause between attempts to open the link; no limit of attempts
DRAIN_S = 10.0  # how long the end waits for acknowledgements
DRAIN_STEP_S = 0.05
WAIT_REPORT_S = 5.0  # a full courier says so this often


class Message(Struct, frozen=True, gc=False):
    """One native message on its way to the raw topic of its centre.

    With a ``partition`` it is a record of a drill's clock (:mod:`ioc.wire.drill_clock`): no message, so it is in no
    count and in no ledger, but it keeps its place among the messages as they do.
    """

    id: str
    centre: str
    key: bytes
    value: bytes
    about: str = ""  # feed/site/type, for the ledger
    time_ms: int = 0
    partition: int | None = None  # None: that of the key


class Link(Protocol):
    """A way to the broker. After a failure it is closed and opened again by the courier."""

    async def open(self) -> None:
        """Connect; raises Unavailable when the broker does not answer."""
        ...

    async def send(self, message: Message) -> asyncio.Future[Any]:
        """Queue a message; the future ends with the acknowledgement or an error. Order holds per partition: after an
        error nothing later is stored until the link is opened again.

        Raises Unavailable when it cannot even be queued.
        """
        ...

    async def close(self) -> None:
        """Disconnect within a few seconds, whatever the state; may be called twice."""
        ...


class Courier:
    """Sends messages in order over a link that may fail.

    Args:
        link: not yet open.
        clock: wall clock, epoch milliseconds, for the ledger.
        sleep: waits the given seconds.
        stopping: set when the process shall end; then nothing new is taken when that would wait.
        ledger: where acknowledgements are noted.
    """

    def __init__(
        self,
        link: Link,
        *,
        clock: Callable[[], int],
        sleep: Callable[[float], Awaitable[None]],
        stopping: asyncio.Event,
        ledger: Ledger | None = None,
        in_flight_max: int = IN_FLIGHT_MAX,
    ) -> None:
        self.sent = 0  # messages taken, without repeats
        self.acked = 0
        self.repeats = 0  # messages sent again after a failure
        self.failures = 0  # times the link failed or could not be opened
        self._link = link
        self._clock = clock
        self._sleep = sleep
        self._stopping = stopping
        self._ledger = ledger
        self._max = in_flight_max
        self._pending: dict[int, Message] = {}
        self._broken = True  # not open yet
        self._generation = self._taken = 0
        self._changed = asyncio.Event()

    @property
    def unacknowledged(self) -> int:
        """Messages taken and not acknowledged, at most the limit."""
        return len(self._pending)

    async def offer(self, message: Message) -> bool:
        """Take a message, waiting for room; False when the process is ending and there is none."""
        while self._broken or len(self._pending) >= self._max:
            if self._broken:
                await self.heal()
                if self._broken:
                    return False
            else:
                if self._stopping.is_set():
                    return False
                await self._room_or_end()
        number = self._taken
        self._taken += 1
        self.sent += message.partition is None
        self._pending[number] = message
        await self._post(number, message)
        return True

    async def heal(self) -> None:
        """When the link has failed: open it again and repeat what is unacknowledged; returns when that is done, or
        when the process is ending and an attempt has failed."""
        pause_s = BACKOFF_FIRST_S
        while self._broken:
            await self._link.close()
            self._generation += 1
            self._broken = False
            try:
                await self._link.open()
            except Unavailable as exc:
                self._broken = True
                self.failures += 1
                log.warning("broker not reached, %d messages wait: %s", len(self._pending), exc)
            for number, message in list(self._pending.items()):
                if self._broken:
                    break
                if number in self._pending:
                    self.repeats += message.partition is None
                    await self._post(number, message)
            if self._broken:
                if self._stopping.is_set():
                    return
                await self._sleep(pause_s)
                pause_s = min(2 * pause_s, BACKOFF_MAX_S)

    async def drain(self, limit_s: float = DRAIN_S) -> int:
        """Wait until all is acknowledged, at most about ``limit_s``; returns how many are not."""
        deadline_ms = self._clock() + round(limit_s * 1000)
        while self._pending and self._clock() < deadline_ms:
            if self._broken:
                await self.heal()
            await self._sleep(DRAIN_STEP_S)
        return sum(message.partition is None for message in self._pending.values())

    async def close(self) -> None:
        """Close the link and write the ledger out."""
        await self._link.close()
        self.flush()

    def flush(self) -> None:
        """Write the ledger out."""
        if self._ledger is not None:
            self._ledger.flush()

    async def _room_or_end(self) -> None:
        """Wait until an acknowledgement or a failure came, or the process shall end, or it is time to say so."""
        if not await change_or_end(self._changed, self._stopping, WAIT_REPORT_S):
            log.warning("standing still: the broker acknowledges none of %d messages", len(self._pending))

    async def _post(self, number: int, message: Message) -> None:
        try:
            future = await self._link.send(message)
        except Unavailable as exc:
            self._fail(exc)
            return
        future.add_done_callback(partial(self._answered, number, self._generation))

    def _answered(self, number: int, generation: int, future: asyncio.Future[Any]) -> None:
        if future.cancelled() or (error := future.exception()) is not None:
            if generation == self._generation:
                self._fail("cancelled" if future.cancelled() else error)
            return
        message = self._pending.pop(number, None)
        if message is not None:  # else an earlier attempt was acknowledged, too
            self.acked += message.partition is None
            if self._ledger is not None and message.partition is None:
                self._ledger.add(message.id, message.centre, self._clock(), message.about, message.time_ms)
            self._changed.set()

    def _fail(self, error: object) -> None:
        if not self._broken:
            self._broken = True
            self.failures += 1
            log.warning("link failed, %d messages will be sent again: %s", len(self._pending), error)
        self._changed.set()


async def change_or_end(changed: asyncio.Event, stopping: asyncio.Event, limit_s: float) -> bool:
    """Wait for the next change or the end of the process, at most ``limit_s``; False when neither came."""
    changed.clear()
    waiters = [asyncio.create_task(changed.wait()), asyncio.create_task(stopping.wait())]
    try:
        done, _ = await asyncio.wait(waiters, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for waiter in waiters:
            waiter.cancel()
    return bool(done)
