"""One-time tickets: how a signed-in browser proves itself on the websocket without a token in an address.

256 random bits, valid once and for 30 s, kept in this process only: after a restart the client asks for a new one.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict

from msgspec import Struct

from ioc.ports import Clock
from ioc.wire.frames import User

LIFE_MS = 30_000
TICKETS_MAX = 2_000  # unredeemed at one time; the oldest gives way, its client asks again
_BYTES = 32


class Grant(Struct, frozen=True, kw_only=True):
    """What a ticket stands for. ``session_epoch`` None: the open wall, which has no account."""

    user: User
    expires_ms: int
    session_epoch: int | None
    session: str = ""  # of the cookie that asked for the ticket


class Tickets:
    """Issues and redeems tickets."""

    def __init__(self, clock: Clock, tickets_max: int = TICKETS_MAX) -> None:
        self._clock = clock
        self._max = tickets_max
        self._open: OrderedDict[str, tuple[int, Grant]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._open)

    def issue(self, grant: Grant) -> str:
        """A new ticket for this grant."""
        now_ms = self._clock()
        while self._open and next(iter(self._open.values()))[0] + LIFE_MS <= now_ms:
            self._open.popitem(last=False)
        if len(self._open) >= self._max:
            self._open.popitem(last=False)
        ticket = secrets.token_urlsafe(_BYTES)
        self._open[ticket] = (now_ms, grant)
        return ticket

    def redeem(self, ticket: str) -> Grant | None:
        """The grant, once; None when unknown, used or older than 30 s."""
        found = self._open.pop(ticket, None)
        if found is None or self._clock() >= found[0] + LIFE_MS:
            return None
        return found[1]
