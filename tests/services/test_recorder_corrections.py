"""Corrections of late readings in the recorder's loop."""

from __future__ import annotations

import asyncio

from ioc.errors import Unavailable
from tests.services.test_recorder import MemoryHistory, MemoryLog, make


async def test_a_database_that_goes_away_during_a_correction_loses_nothing() -> None:
    history = MemoryHistory()
    away = [True, True]

    async def correct() -> int:
        if away:
            away.pop()
            raise Unavailable("database", "in the middle")
        recorder.stop()
        return 1

    history.correct = correct  # type: ignore[method-assign]
    source = MemoryLog({})
    recorder = make(source, history)
    source.on_empty = lambda: None
    await asyncio.wait_for(recorder.run(), 5)
    assert (recorder.stats.corrected, recorder.stats.retries) == (1, 2)
