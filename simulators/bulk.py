"""Delivery of many messages with exact books, and a spool for the time when the broker is away.

Every message that was taken is in exactly one of three states, at any moment::

    found + sent = acked + unacknowledged + spooled

*found* were in the spool when it was opened, *sent* were taken since, *acked* the broker has acknowledged,
*unacknowledged* wait in memory, *spooled* wait on disk (on their way or not). The terms are counted apart from each
other, so a mistake in one of them shows.

::

              an answer fails or is late                   opened again
    direct ───────────────────────────────► spool, away ──────────────────► spool, sending
      ▲    memory goes to the spool              ▲   an answer fails or is late   │
      │                                          └────────────────────────────────┤
      └───────────────────────────────────────────────────────────────────────────┘
                 all of the spool is in memory, on its way: newer ones queue up behind it

As long as the spool holds anything that is not on its way yet, everything new goes into it: nothing overtakes what
waits there. Each partition has one batch on its way at a time; after a failure the same messages are sent again, in
the same order and with the same ids, before anything newer. So the first sight of each id is in order per key, and
what had arrived after all arrives twice and is dropped by its id.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Any, Protocol

from msgspec import Struct

from ioc.errors import Unavailable
from simulators.courier import BACKOFF_FIRST_S, BACKOFF_MAX_S, DRAIN_S, DRAIN_STEP_S, Message, change_or_end
from simulators.ledger import Ledger
from simulators.spool import Spool

log = logging.getLogger(__name__)

IN_MEMORY_MAX = 40_000  # messages without acknowledgement in memory (20 MB at 300 bytes); when full, senders wait
BATCH_MAX = 2_000  # messages of one batch
WAIT_S = 1.0  # who waits for room looks for a broken task so often
ANSWER_LIMIT_S = 3.0  # a batch without an answer for so long is a failure of the link

Place = tuple[str, int]  # centre, partition of its raw topic


class BulkLink(Protocol):
    """A way to the broker for batches. After a failure it is closed and opened again by the courier."""

    async def open(self) -> None:
        """Connect; raises Unavailable when the broker does not answer."""
        ...

    def place_of(self, centre: str, key: bytes) -> Place:
        """Where the messages of a key go."""
        ...

    async def send(self, place: Place, messages: Sequence[Message]) -> tuple[int, asyncio.Future[Any]]:
        """Queue as many of the messages as one batch holds, at least one; how many, and the answer for all of them.

        Raises Unavailable when they cannot even be queued.
        """
        ...

    async def close(self) -> None:
        """Disconnect within a few seconds, whatever the state; may be called twice."""
        ...


class Books(Struct, frozen=True):
    """How many messages are in which state; see the head of the module."""

    found: int
    sent: int
    acked: int
    unacknowledged: int
    spooled: int

    @property
    def balanced(self) -> bool:
        """Nothing is missing and nothing is counted twice."""
        return self.found + self.sent == self.acked + self.unacknowledged + self.spooled


class _Lane:
    """The messages of one partition, oldest first. The first of them are from the spool: ``numbers`` are theirs."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.waiting: deque[Message] = deque()
        self.numbers: deque[int] = deque()
        self.wake = asyncio.Event()


class BulkCourier:
    """Sends messages in batches, in order per key, over a link that may fail.

    Args:
        link: not yet open.
        clock: wall clock, epoch milliseconds, for the ledger.
        sleep: waits the given seconds.
        stopping: set when the process shall end; then nothing new is taken when that would wait.
        ledger: where acknowledgements are noted.
        spool: where messages go that cannot be sent; without one they stay in memory and senders wait.
        ahead: every message goes to the spool before it is sent, so that the death of this process loses none.
        in_memory_max: see :data:`IN_MEMORY_MAX`.
        answer_limit_s: see :data:`ANSWER_LIMIT_S`.
    """

    def __init__(
        self,
        link: BulkLink,
        *,
        clock: Callable[[], int],
        sleep: Callable[[float], Awaitable[None]],
        stopping: asyncio.Event,
        ledger: Ledger | None = None,
        spool: Spool | None = None,
        ahead: bool = False,
        in_memory_max: int = IN_MEMORY_MAX,
        answer_limit_s: float = ANSWER_LIMIT_S,
    ) -> None:
        self.sent = 0
        self.acked = 0
        self.repeats = 0  # messages that were on their way when the link failed
        self.failures = 0  # times the link failed or could not be opened
        self.spooled_most = 0  # the most messages that the spool held at once
        self._link = link
        self._clock = clock
        self._sleep = sleep
        self._stopping = stopping
        self._ledger = ledger
        self._spool = spool
        self._ahead = ahead and spool is not None
        self._max = in_memory_max
        self._limit_s = answer_limit_s
        self._spooling = spool is not None and (ahead or spool.pending > 0)
        self._lanes: dict[Place, _Lane] = {}
        self._by_key: dict[tuple[str, bytes], _Lane] = {}
        self._in_memory = 0  # messages in all lanes
        self._open = False
        self._generation = 0
        self._changed = asyncio.Event()
        self._failed = asyncio.Event()
        self._failed.set()  # not open yet
        self._tasks = [asyncio.create_task(self._heal_always())]

    @property
    def books(self) -> Books:
        """The books as they are now."""
        spool = self._spool
        direct = sum(len(lane.waiting) - len(lane.numbers) for lane in self._lanes.values())
        return Books(
            found=0 if spool is None else spool.found,
            sent=self.sent,
            acked=self.acked,
            unacknowledged=direct,
            spooled=0 if spool is None else spool.pending,
        )

    async def offer(self, messages: Sequence[Message]) -> bool:
        """Take messages, all or none, waiting for room; False when the process is ending and there is none."""
        while not self._take(messages):
            if self._stopping.is_set():
                return False
            await change_or_end(self._changed, self._stopping, WAIT_S)
        await asyncio.sleep(0)  # lanes send between two offers
        return True

    async def drain(self, limit_s: float = DRAIN_S) -> Books:
        """Wait until all is acknowledged, at most about ``limit_s``; what is in memory then goes to the spool."""
        deadline_ms = self._clock() + round(limit_s * 1000)
        while (left := self.books).unacknowledged + left.spooled and self._clock() < deadline_ms:
            self._check_tasks()
            await self._sleep(DRAIN_STEP_S)
        if self.books.unacknowledged and self._spool is not None:
            self._give_up()
        return self.books

    async def close(self) -> None:
        """Close the link, end the tasks, write the ledger out."""
        for task in self._tasks:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._link.close()
        self.flush()
        for outcome in ended:
            if isinstance(outcome, Exception):
                raise outcome

    def flush(self) -> None:
        """Write the ledger out."""
        if self._ledger is not None:
            self._ledger.flush()

    # -- taking ---------------------------------------------------------------------------------------------------

    def _take(self, messages: Sequence[Message]) -> bool:
        self._check_tasks()
        if self._spooling:
            if not self._keep(messages):
                return False
            self.sent += len(messages)
            self._pump()
            return True
        if self._in_memory and self._in_memory + len(messages) > self._max:
            return False
        self.sent += len(messages)
        self._put(messages)
        return True

    def _put(self, messages: Sequence[Message]) -> None:
        by_key = self._by_key
        for message in messages:
            lane = by_key.get((message.centre, message.key)) or self._lane_of(message)
            if not lane.waiting:  # else it is at work, or waits for the link
                lane.wake.set()
            lane.waiting.append(message)
        self._in_memory += len(messages)

    def _lane_of(self, message: Message) -> _Lane:
        place = self._link.place_of(message.centre, message.key)
        lane = self._lanes.get(place)
        if lane is None:
            lane = self._lanes[place] = _Lane(place)
            self._tasks.append(asyncio.create_task(self._run_lane(lane)))
        self._by_key[message.centre, message.key] = lane
        return lane

    def _keep(self, messages: Sequence[Message]) -> bool:
        """Put messages into the spool; False when it has no room."""
        assert self._spool is not None
        try:
            kept = self._spool.append(messages)
        except Unavailable as exc:
            log.warning("%s; standing still", exc)
            return False
        self.spooled_most = max(self.spooled_most, self._spool.pending)
        return kept

    def _pump(self) -> None:
        """Take from the spool into the lanes while there is room; when all of it is there, go the direct way again."""
        spool = self._spool
        if spool is None or not self._spooling or not self._open:
            return
        while spool.unread and self._in_memory < self._max:
            rows = spool.read(self._max - self._in_memory)
            self._put([message for _, message in rows])
            for number, message in rows:
                self._by_key[message.centre, message.key].numbers.append(number)
        if not spool.unread and not self._ahead:
            self._spooling = False
            log.info("all of the spool is on its way; sending directly again")

    # -- sending --------------------------------------------------------------------------------------------------

    async def _run_lane(self, lane: _Lane) -> None:
        while True:
            await lane.wake.wait()
            lane.wake.clear()
            while self._open and lane.waiting:
                await self._send_batch(lane)

    async def _send_batch(self, lane: _Lane) -> None:
        generation = self._generation
        batch = list(islice(lane.waiting, BATCH_MAX))
        try:
            async with asyncio.timeout(self._limit_s):
                count, answer = await self._link.send(lane.place, batch)
                await answer
        except TimeoutError:
            self._fail(generation, f"no answer within {self._limit_s:g} s")
            return
        except Unavailable as exc:
            self._fail(generation, exc)
            return
        if generation == self._generation:  # else these are in the spool by now, and will be sent again
            self._acknowledged(lane, batch[:count])

    def _acknowledged(self, lane: _Lane, messages: Sequence[Message]) -> None:
        for _ in messages:
            lane.waiting.popleft()
        self._in_memory -= len(messages)
        self.acked += len(messages)
        if lane.numbers:
            assert self._spool is not None
            self._spool.ack([lane.numbers.popleft() for _ in messages[: len(lane.numbers)]])
            self._pump()
        if self._ledger is not None:
            now_ms = self._clock()
            for one in messages:
                self._ledger.add(one.id, one.centre, now_ms, one.about, one.time_ms)
        self._changed.set()

    # -- failing --------------------------------------------------------------------------------------------------

    def _fail(self, generation: int, error: object) -> None:
        """The link of that generation has failed, if nobody has said so before."""
        if generation != self._generation:
            return
        self.failures += 1
        self.repeats += sum(min(len(lane.waiting), BATCH_MAX) for lane in self._lanes.values())
        log.warning("link failed: %s; %s", error, self.books)
        self._give_up()
        self._failed.set()

    def _give_up(self) -> None:
        """Expect no answers any more: what is in memory goes to the spool, or is sent first when there is none."""
        self._generation += 1
        self._open = False
        if self._spool is not None and not self._spooling:
            direct = [m for lane in self._lanes.values() for m in islice(lane.waiting, len(lane.numbers), None)]
            self._spooling = self._keep(direct)
        if self._spooling:
            assert self._spool is not None
            for lane in self._lanes.values():
                lane.waiting.clear()
                lane.numbers.clear()
            self._in_memory = 0
            self._spool.rewind()
        self._changed.set()

    async def _heal_always(self) -> None:
        while True:
            await self._failed.wait()
            pause_s = BACKOFF_FIRST_S
            while not self._open:
                await self._link.close()
                try:
                    await self._link.open()
                except Unavailable as exc:
                    self.failures += 1
                    self._give_up()
                    log.warning("broker not reached: %s; %s", exc, self.books)
                    await self._sleep(pause_s)
                    pause_s = min(2 * pause_s, BACKOFF_MAX_S)
                else:
                    self._failed.clear()
                    self._open = True
            self._pump()
            for lane in self._lanes.values():
                lane.wake.set()
            self._changed.set()

    # -- waiting --------------------------------------------------------------------------------------------------

    def _check_tasks(self) -> None:
        """Let a mistake in a task end the run instead of being forgotten."""
        for task in self._tasks:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise error
