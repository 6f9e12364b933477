"""Sends a canary every period and looks for the newest one in the database; what comes back on the bus the hub sees."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable

from ioc.domain import canary
from ioc.domain.profile import Profile
from ioc.errors import Unavailable
from ioc.ports import Clock, HistoryQueries
from ioc.services.canary import Sightings, ages, blamed

Send = Callable[[str, bytes, bytes], Awaitable[object]]

_log = logging.getLogger(__name__)


class CanaryLoop:
    """The canaries of one gateway. Several gateways may send: ids differ, and each sees those of the others too.

    Args:
        profile: says through which centre, and how a canary is written there; it may say nothing, then all is idle.
        send: writes a record to a logical topic; raises Unavailable.
        history: asked for the newest canary.
        clock: epoch milliseconds.
        period_s: between two canaries; 0 sends none.
    """

    def __init__(self, profile: Profile, send: Send, history: HistoryQueries, clock: Clock, period_s: float) -> None:
        self.sightings = Sightings()
        self._home = canary.home_of(profile) if period_s > 0 else None
        self._send, self._history, self._clock, self._period_s = send, history, clock, period_s
        self._since_ms = clock()

    def ages(self, now_ms: int) -> dict[str, float]:
        """Age of each stage, seconds; empty when there are no canaries."""
        return {} if self._home is None else ages(self.sightings.newest, self._since_ms, now_ms)

    def blamed(self, now_ms: int, away: list[str]) -> list[str]:
        """Parts that stand still and are not in ``away``."""
        if self._home is None:
            return []
        return blamed(ages(self.sightings.newest, self._since_ms, now_ms), self._period_s, away)

    async def run(self) -> None:
        """Send and look until cancelled."""
        if self._home is None:
            return
        self._since_ms = self._clock()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sending())
            group.create_task(self._looking())

    async def _sending(self) -> None:
        assert self._home is not None
        centre, how = self._home
        sender, seq = secrets.token_hex(4), 0
        while True:
            seq += 1
            sent_ms = self._clock()
            try:
                await self._send(f"raw.{centre.id}", how.key.encode(), canary.compose(how, sender, seq, sent_ms))
                self.sightings.see("bus", sent_ms)
            except Unavailable as exc:
                _log.warning("a canary could not be sent: %s", exc)
            await asyncio.sleep(max(0.0, self._period_s - (self._clock() - sent_ms) / 1000))

    async def _looking(self) -> None:
        assert self._home is not None
        centre, _ = self._home
        while True:
            try:
                newest_ms = await self._history.newest_canary(centre.id)
                if newest_ms is not None:
                    self.sightings.see("recorder", newest_ms)
            except Unavailable:
                pass  # the gateway's own look at the database says so
            except Exception:  # noqa: BLE001 - whatever the database does, the wall goes on
                _log.exception("the newest canary could not be asked for")
            await asyncio.sleep(self._period_s / 3)
