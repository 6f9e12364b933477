"""A broker for batches that can be told to misbehave; it stores what a real one would."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from ioc.errors import Unavailable
from simulators.bulk import Place
from simulators.courier import Message


class FakeBulkLink:
    """``log`` is what the broker stored, in its order.

    Attributes:
        away: no connection, and no answers.
        lose: batches still to be refused.
        lose_answer: batches still to be stored without an answer.
        mute: nothing is answered, and nothing is stored until :meth:`wake` (a broker that was stopped).
        most: messages that fit into a batch.
    """

    def __init__(self, most: int = 5) -> None:
        self.log: list[Message] = []
        self.away = False
        self.lose = 0
        self.lose_answer = 0
        self.mute = False
        self.most = most
        self.opened = 0
        self._is_open = False
        self._held: list[Sequence[Message]] = []

    async def open(self) -> None:
        if self.away:
            raise Unavailable("kafka", "away")
        self._is_open = True
        self.opened += 1

    def place_of(self, centre: str, key: bytes) -> Place:
        return centre, key[-1] % 2

    async def send(self, place: Place, messages: Sequence[Message]) -> tuple[int, asyncio.Future[Any]]:
        assert all(self.place_of(one.centre, one.key) == place for one in messages)
        if self.away or not self._is_open:
            raise Unavailable("kafka", "away")
        batch = messages[: self.most]
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self.mute:
            self._held.append(batch)
        elif self.lose:
            self.lose -= 1
            self._is_open = False
            answer.set_exception(Unavailable("kafka", "lost"))
        elif self.lose_answer:
            self.lose_answer -= 1
            self._is_open = False
            self.log += batch
            answer.set_exception(Unavailable("kafka", "answer lost"))
        else:
            self.log += batch
            asyncio.get_running_loop().call_soon(lambda: answer.done() or answer.set_result(None))
        return len(batch), answer

    def wake(self) -> None:
        """Stores what came while it was stopped; nobody waits for the answers any more."""
        self.mute = False
        for batch in self._held:
            self.log += batch
        self._held.clear()

    async def close(self) -> None:
        self._is_open = False
