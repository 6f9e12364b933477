"""The notifier keeps since when lines wait for their alerts, and forgets it when the database was away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ioc.adapters import notifier_loop, outbox
from ioc.adapters.notifier_loop import Notifier
from ioc.adapters.outbox import Judged
from ioc.adapters.profiles import load_profile
from tests.samples import T0_MS


class Connection:
    """A database that has the schema, and nothing else."""

    closed = False

    async def execute(self, query: str, values: object = None) -> Connection:
        return self

    async def fetchone(self) -> tuple[int]:
        return (1,)

    async def close(self) -> None:
        self.closed = True


async def test_waits_are_kept_between_turns_of_one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Mapping[int, int]] = []

    async def judge(conn: object, profile: object, now_ms: int, behind: Mapping[int, int], started_ms: int) -> Judged:
        assert started_ms == T0_MS
        given.append(behind)
        return Judged(behind={8: T0_MS})

    async def take_back(conn: object, now_ms: int) -> int:
        return 0

    async def claim(conn: object, claimant: int, now_ms: int) -> list[Any]:
        return []

    async def connect(**args: Any) -> Connection:
        return Connection()

    monkeypatch.setattr(outbox, "judge", judge)
    monkeypatch.setattr(outbox, "take_back", take_back)
    monkeypatch.setattr(outbox, "claim", claim)
    monkeypatch.setattr(notifier_loop.AsyncConnection, "connect", connect)
    notifier = Notifier("postgresql://nowhere/", load_profile("dongnai-2023"), {}, lambda: T0_MS)
    await notifier.turn()
    await notifier.turn()
    await notifier.close()
    await notifier.turn()
    assert given == [{}, {8: T0_MS}, {}]
