"""A clock that moves only when somebody sleeps, and a broker that can be told to misbehave."""

from __future__ import annotations

import asyncio
from typing import Any

from ioc.errors import Unavailable
from simulators.courier import Message


class FakeClock:
    """Wall clock in milliseconds; ``sleep`` moves it and lets other tasks run."""

    def __init__(self, now_ms: int) -> None:
        self.ms = float(now_ms)
        self.at: list[tuple[float, Any]] = []  # (when, call) to be made on the way

    def now_ms(self) -> int:
        return int(self.ms)

    async def sleep(self, seconds: float) -> None:
        target = self.ms + seconds * 1000
        for when, call in sorted(self.at, key=lambda item: item[0]):
            if when <= target:
                self.at.remove((when, call))
                self.ms = max(self.ms, when)
                call()
        self.ms = target
        for _ in range(3):
            await asyncio.sleep(0)


class FakeLink:
    """Broker and link in one: ``log`` is what it stored, in order.

    Attributes:
        away: no connection and no acknowledgement while True.
        lose: number of messages still to be refused after having been taken.
        lose_answer: number of messages still to be stored without an answer (the answer is an error).
        hold: acknowledgements wait until :meth:`release`.
    """

    def __init__(self) -> None:
        self.log: list[Message] = []
        self.away = False
        self.lose = 0
        self.lose_answer = 0
        self.hold = False
        self.is_open = False
        self.opened = 0
        self._failed = False  # as a producer after a fatal error: nothing passes until it is opened again
        self._held: list[tuple[asyncio.Future[Any], Message]] = []

    async def open(self) -> None:
        if self.away:
            raise Unavailable("kafka", "away")
        self.is_open = True
        self.opened += 1
        self._failed = False

    async def send(self, message: Message) -> asyncio.Future[Any]:
        if self.away or not self.is_open or self._failed:
            raise Unavailable("kafka", "away")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self.lose:
            self.lose -= 1
            self._failed = True
            future.set_exception(Unavailable("kafka", "lost"))
        elif self.lose_answer:
            self.lose_answer -= 1
            self._failed = True
            self.log.append(message)
            future.set_exception(Unavailable("kafka", "answer lost"))
        elif self.hold:
            self._held.append((future, message))
        else:
            self.log.append(message)
            future.set_result(None)
        return future

    def release(self) -> None:
        self.hold = False
        for future, message in self._held:
            self.log.append(message)
            future.set_result(None)
        self._held.clear()

    def drop_connection(self) -> None:
        """Goes away with everything that is on the way."""
        self.away = True
        for future, _ in self._held:
            future.set_exception(Unavailable("kafka", "connection lost"))
        self._held.clear()

    async def close(self) -> None:
        self.is_open = False
