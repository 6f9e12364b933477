"""Corrections of late readings in the recorder's loop."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from ioc.errors import Unavailable
from ioc.services import recorder as module
from tests.services.test_recorder import MemoryHistory, MemoryLog, a_log, make


class Stopwatch:
    """Seconds that go on by a little with each look."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        self.now_s += 0.0005
        return self.now_s


async def test_a_correction_that_fails_alone_stops_no_live_record() -> None:
    history = MemoryHistory()
    tries = 0

    async def correct() -> int:
        nonlocal tries
        tries += 1
        clock.now_s += 30.0  # as long as the statement time-out of a batch
        raise Unavailable("database", "canceling statement due to statement timeout")

    history.correct = correct  # type: ignore[method-assign]
    records = a_log(60)
    clock = Stopwatch()
    recorder = make(MemoryLog(records), history, batch_records_max=5)
    recorder._monotonic_s = clock
    await asyncio.wait_for(recorder.run(), 5)
    assert tries == recorder.stats.uncorrected > 0
    assert (recorder.stats.retries, recorder.stats.rereads, history.closed) == (0, 0, 1)
    assert recorder.stats.records == sum(map(len, records.values()))


async def test_goes_are_as_far_apart_as_they_are_long_and_failures_move_them_apart() -> None:
    history = MemoryHistory()
    clock = Stopwatch()
    goes: list[tuple[float, float]] = []
    lengths = [0.0, 0.0, 3.0, 0.5, None, None, None, 0.0, 0.0]

    async def correct() -> int:
        length = lengths[len(goes)]
        goes.append((clock.now_s, clock.now_s + (length or 0.0)))
        clock.now_s += length or 0.0
        if len(goes) == len(lengths):
            recorder.stop()
        if length is None:
            raise Unavailable("database", "too slow")
        return 1

    history.correct = correct  # type: ignore[method-assign]
    source = MemoryLog({})
    recorder = make(source, history)
    recorder._monotonic_s = clock
    source.on_empty = lambda: None
    await asyncio.wait_for(recorder.run(), 20)
    pauses = [after[0] - before[1] for before, after in pairwise(goes)]
    wanted = [1.0, 1.0, 3.0 * module.CORRECT_PAUSE_SHARE, 2.0, 2.0, 4.0, 8.0, 1.0]
    assert all(want <= pause < want + 0.1 for want, pause in zip(wanted, pauses, strict=True)), pauses
    assert (recorder.stats.corrected, recorder.stats.uncorrected) == (6, 3)


async def test_a_database_that_goes_away_during_a_correction_is_opened_again() -> None:
    history = MemoryHistory()
    gone = False
    opened = 0
    really_open, really_write = history.open, history.write

    async def correct() -> int:
        nonlocal gone
        if not opened_again():
            gone = True
            raise Unavailable("database", "in the middle")
        return 1

    def opened_again() -> bool:
        return opened > 1

    async def open_(places):  # type: ignore[no-untyped-def]
        nonlocal opened, gone
        opened += 1
        gone = False
        return await really_open(places)

    async def write(tables, moves):  # type: ignore[no-untyped-def]
        if gone:
            raise Unavailable("database", "no connection")
        return await really_write(tables, moves)

    history.correct, history.open, history.write = correct, open_, write  # type: ignore[method-assign]
    records = a_log(60)
    recorder = make(MemoryLog(records), history, batch_records_max=5)
    await asyncio.wait_for(recorder.run(), 5)
    assert (recorder.stats.uncorrected, recorder.stats.retries, opened) == (1, 1, 2)
    assert recorder.stats.records == sum(map(len, records.values()))
