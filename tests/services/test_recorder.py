"""The recorder's loop and its rows, on a log and a database in memory that fail where they are told to."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.adapters.clock import monotonic_s
from ioc.errors import BadInput, Fenced, Unavailable
from ioc.pipeline.effects import InRecord, Record
from ioc.ports import Moves, Place, Tables
from ioc.services import recorder as module
from ioc.services.recorder import Recorder, count
from ioc.services.recorder_rows import COLUMNS
from tests.samples import alert_record, event_record, log_record

EVENTS = [Place("ioc.events", p) for p in range(3)]
ALERTS = Place("ioc.alerts", 0)
LOG = Place("ioc.alert-log", 0)
PLACES = [*EVENTS, ALERTS, LOG]


class MemoryLog:
    """A log in memory; ``deleted`` holds where a place begins."""

    def __init__(self, records: Mapping[Place, Sequence[Record]], chance: random.Random | None = None) -> None:
        self.records = records
        self.at = {place: 0 for place in PLACES}
        self.deleted: dict[Place, int] = {}
        self.chance = chance or random.Random(0)
        self.fail_after: int | None = None
        self.on_empty: Callable[[], None] = lambda: None

    async def fetch(self, records_max: int, wait_s: float) -> Sequence[tuple[Place, Sequence[Record]]]:
        if self.fail_after is not None:
            self.fail_after -= 1
            if self.fail_after < 0:
                self.fail_after = None
                raise Unavailable("kafka")
        found: list[tuple[Place, Sequence[Record]]] = []
        for place in self.chance.sample(PLACES, len(PLACES)):
            left = [r for r in self.records.get(place, ()) if r.offset >= self.at[place]]
            some = left[: self.chance.randint(0, min(len(left), records_max))]
            if some:
                found.append((place, some))
                self.at[place] = some[-1].offset + 1
                records_max -= len(some)
        if not found:
            self.on_empty()
            await asyncio.sleep(0)
        return found

    async def seek(self, positions: Mapping[Place, int]) -> Sequence[tuple[Place, int, int]]:
        self.at = {p: max(n, self.deleted.get(p, 0)) for p, n in positions.items()}
        return [(p, n, self.deleted[p]) for p, n in positions.items() if 0 < n < self.deleted.get(p, 0)]


class MemoryHistory:
    """A database in memory with the rules of the real one, and faults from a list: ``before`` and ``after`` the
    commit, or ``steal`` (another writer moves on with the same records)."""

    def __init__(self, faults: Sequence[str] = (), *, fenced: bool = True, bad: Callable[[Any], bool] | None = None):
        self.rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in COLUMNS}
        self.alerts: dict[str, tuple[Any, ...]] = {}
        self.keys: set[tuple[Any, ...]] = set()
        self.positions: dict[Place, int] = {}
        self.faults = list(faults)
        self.fenced = fenced
        self.bad = bad or (lambda row: False)
        self.versions_went_back = 0
        self.closed = 0
        self.unique = True  # a planted bug of a test switches it off

    async def open(self, places: Sequence[Place]) -> Mapping[Place, int]:
        if self.faults and self.faults[0] == "open":
            self.faults.pop(0)
            raise Unavailable("database")
        for place in places:
            self.positions.setdefault(place, 0)
        return dict(self.positions)

    async def write(self, tables: Tables, moves: Moves) -> Mapping[str, int]:
        await asyncio.sleep(0)
        fault = self.faults.pop(0) if self.faults else ""
        if fault in ("before", "open"):
            raise Unavailable("database", "before the commit")
        for table, rows in tables.items():
            if table != "recorder_reject" and any(self.bad(row) for row in rows):
                raise BadInput("refused_by_database")
        if self.fenced and any(self.positions[p] != before for p, (before, _) in moves.items()):
            raise Fenced("moved")
        stored = {table: sum(self._put(table, row) for row in rows) for table, rows in tables.items()}
        self.positions.update({p: after for p, (_, after) in moves.items()})
        if fault == "after":
            raise Unavailable("database", "after the commit")
        return stored

    def _put(self, table: str, row: tuple[Any, ...]) -> bool:
        if table == "alert":
            old = self.alerts.get(row[0])
            if old is not None and old[3] >= row[3]:
                return False
            self.alerts[row[0]] = row
            return True
        key = {"event": lambda: (row[1], row[5], row[0]), "alert_log": lambda: (row[0],)}.get(table, lambda: row)()
        if self.unique and (table, key) in self.keys:
            return False
        self.keys.add((table, key))
        self.rows[table].append(row)
        return True

    async def correct(self) -> int:
        await asyncio.sleep(0)
        return 0

    async def ping(self) -> None:
        await asyncio.sleep(0)

    async def close(self) -> None:
        self.closed += 1


def make(source: MemoryLog, history: MemoryHistory, **options: Any) -> Recorder:
    options = {"batch_wait_s": 0.002, "backoff_first_s": 0.0, **options}
    recorder = Recorder(source, history, PLACES, "ioc.", monotonic_s, **options)
    ends = {p: rs[-1].offset + 1 for p, rs in source.records.items() if rs}

    def finish() -> None:
        if all(history.positions.get(place) == end for place, end in ends.items()):
            recorder.stop()

    source.on_empty = finish
    return recorder


def a_log(events: int = 40, seed: int = 0) -> dict[Place, list[InRecord]]:
    """Events with holes between their offsets, some sent twice; an alert's versions; its audit trail."""
    chance = random.Random(seed)
    offsets = {place: 0 for place in PLACES}
    records: dict[Place, list[InRecord]] = {place: [] for place in PLACES}

    def put(place: Place, key: bytes, value: bytes | None) -> None:
        offsets[place] += chance.choice((0, 0, 0, 1, 2))
        records[place].append(InRecord(offsets[place], 0, key, value))
        offsets[place] += 1

    for n in range(events):
        place = EVENTS[n % 3]
        put(place, b"k", event_record(f"e{n}"))
        if chance.random() < 0.2:
            put(place, b"k", event_record(f"e{n}"))
    for version in (1, 2, 3, 2, 4):
        put(ALERTS, b"A-1", alert_record("A-1", version))
        put(ALERTS, b"@position", b"17")
        put(LOG, b"A-1", log_record(f"L-{version}", "A-1"))
    put(ALERTS, b"A-1", None)
    return records


def event_ids(history: MemoryHistory) -> list[str]:
    return [row[COLUMNS["event"].index("id")] for row in history.rows["event"]]


def check(history: MemoryHistory, records: Mapping[Place, Sequence[InRecord]], events: int) -> None:
    """What must hold, however the run went."""
    assert sorted(event_ids(history)) == sorted(f"e{n}" for n in range(events))
    assert history.alerts["A-1"][3] == 4
    assert [row[0] for row in history.rows["alert_log"]] == ["L-1", "L-2", "L-3", "L-4"]
    assert history.positions == {p: (rs[-1].offset + 1 if rs else 0) for p, rs in records.items()}


async def run_with_kills(
    records: Mapping[Place, Sequence[InRecord]], history: MemoryHistory, kills: Sequence[int], seed: int
) -> None:
    """Run recorders one after the other; each but the last is killed after some turns of the loop."""
    for steps in kills:
        recorder = make(MemoryLog(records, random.Random(seed)), history, batch_records_max=7)
        task = asyncio.create_task(recorder.run())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    last = make(MemoryLog(records, random.Random(seed + 1)), history, batch_records_max=7)
    await asyncio.wait_for(last.run(), 20)


faults = st.lists(st.sampled_from(["", "", "before", "after", "open"]), max_size=12)


@settings(max_examples=60, deadline=None)
@given(faults=faults, kills=st.lists(st.integers(0, 60), max_size=4), seed=st.integers(0, 999))
async def test_each_event_once_whatever_fails(faults: list[str], kills: list[int], seed: int) -> None:
    records = a_log(30, seed)
    history = MemoryHistory(faults)
    await run_with_kills(records, history, kills, seed)
    check(history, records, 30)


async def broken_runs() -> None:
    """Runs as above with faults in different places, for the planted bugs: one of them must notice."""
    pattern = ["", "after", "before", "", "", "after", "open"]
    for turn in range(len(pattern)):
        records = a_log(30, turn)
        history = MemoryHistory(pattern[turn:] + pattern[:turn])
        await run_with_kills(records, history, [20, 35], turn)
        check(history, records, 30)


async def test_the_runs_for_planted_bugs_pass_without_one() -> None:
    await broken_runs()


async def test_planted_bug_offsets_after_the_rows_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Positions in a second write instead of the same one, and no unique key: doubles appear."""
    real = MemoryHistory.write

    async def two_steps(self: MemoryHistory, tables: Tables, moves: Moves) -> Mapping[str, int]:
        self.unique = False
        stored = await real(self, tables, {})
        await real(self, {}, moves)
        return stored

    monkeypatch.setattr(MemoryHistory, "write", two_steps)
    with pytest.raises(AssertionError):
        await broken_runs()


async def test_planted_bug_positions_before_the_rows_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    real = MemoryHistory.write

    async def two_steps(self: MemoryHistory, tables: Tables, moves: Moves) -> Mapping[str, int]:
        await real(self, {}, moves)
        return await real(self, tables, {})

    monkeypatch.setattr(MemoryHistory, "write", two_steps)
    with pytest.raises(AssertionError):
        await broken_runs()


async def test_planted_bug_lowest_version_wins_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def put(self: MemoryHistory, table: str, row: tuple[Any, ...], real: Any = MemoryHistory._put) -> bool:
        if table == "alert":
            self.alerts[row[0]] = row
            return True
        return bool(real(self, table, row))

    monkeypatch.setattr(MemoryHistory, "_put", put)
    records = a_log(3)
    records[ALERTS] = records[ALERTS][:-3]  # ends with version 2 after 3
    history = MemoryHistory()
    await make(MemoryLog(records), history).run()
    assert history.alerts["A-1"][3] == 2, "the planted bug must show"


async def test_planted_bug_keeping_a_batch_of_unknown_outcome_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recorder that does not look at the positions after a lost connection is stopped by the fence."""
    real = Recorder._become_active

    async def trusting(self: Recorder) -> bool:
        known = dict(self._positions)
        kept = list(self._pending)
        result = await real(self)
        if known:
            self._positions = known
            self._pending.clear()
            self._pending.extend(kept)
        return result

    monkeypatch.setattr(Recorder, "_become_active", trusting)
    records = a_log(30)
    with pytest.raises(Fenced):
        await make(MemoryLog(records), MemoryHistory(["", "after"]), batch_records_max=7).run()


async def test_a_second_writer_is_noticed() -> None:
    records = a_log(30)
    history = MemoryHistory()
    recorder = make(MemoryLog(records), history, batch_records_max=5)
    real = history.write

    async def write_after_another(tables: Tables, moves: Moves) -> Mapping[str, int]:
        if recorder.stats.batches == 2:
            place = next(iter(moves))
            history.positions[place] += 1
        return await real(tables, moves)

    history.write = write_after_another  # type: ignore[method-assign]
    with pytest.raises(Fenced):
        await recorder.run()
    assert history.closed


async def test_bad_rows_are_set_aside_and_the_rest_is_stored() -> None:
    records = a_log(40)
    bad = {"e3", "e4", "e17", "e39"}
    history = MemoryHistory(bad=lambda row: len(row) > 5 and row[5] in bad)
    recorder = make(MemoryLog(records), history)
    await recorder.run()
    assert set(event_ids(history)) == {f"e{n}" for n in range(40)} - bad
    rejected = history.rows["recorder_reject"]
    assert {msgspec.json.decode(row[6])["id"] for row in rejected} == bad
    assert {row[3] for row in rejected} == {"refused_by_database"}
    assert history.positions == {p: rs[-1].offset + 1 for p, rs in records.items()}


async def test_the_database_away_loses_nothing_and_fetches_nothing() -> None:
    records = a_log(30)
    source = MemoryLog(records)
    history = MemoryHistory(["", *["before", "open"] * 10])
    recorder = make(source, history, batch_records_max=5)
    fetched: list[int] = []
    real = source.fetch

    async def fetch(records_max: int, wait_s: float) -> Sequence[tuple[Place, Sequence[Record]]]:
        fetched.append(sum(count(part) for part in recorder._pending))
        return await real(records_max, wait_s)

    source.fetch = fetch  # type: ignore[method-assign]
    await recorder.run()
    check(history, records, 30)
    assert recorder.stats.retries >= 10
    assert set(fetched) == {0}, "a batch waits, so nothing more may be fetched"


async def test_records_of_a_batch_survive_a_failing_fetch() -> None:
    records = a_log(30)
    source = MemoryLog(records)
    history = MemoryHistory()
    recorder = make(source, history)
    source.fail_after = 1
    await recorder.run()
    check(history, records, 30)


async def test_a_batch_too_big_for_the_time_limit_is_cut() -> None:
    records = a_log(30)
    history = MemoryHistory()
    real = history.write

    async def slow(tables: Tables, moves: Moves) -> Mapping[str, int]:
        if sum(map(len, tables.values())) > 3:
            raise Unavailable("database", "canceling statement due to statement timeout")
        return await real(tables, moves)

    history.write = slow  # type: ignore[method-assign]
    await make(MemoryLog(records), history).run()
    check(history, records, 30)


async def test_a_stretch_that_the_log_deleted_is_written_down() -> None:
    records = a_log(30)
    place = EVENTS[0]
    source = MemoryLog(records)
    history = MemoryHistory()
    history.positions = {place: 2}
    source.deleted[place] = 6
    await make(source, history).run()
    [gap] = [row for row in history.rows["recorder_reject"] if row[3] == "gap"]
    assert gap[:3] == ("ioc.events", 0, 2)
    assert "2 to 5" in gap[4]
    assert history.positions[place] == records[place][-1].offset + 1


async def test_stop_finishes_the_batch_and_gives_up_when_the_database_is_away() -> None:
    records = a_log(30)
    history = MemoryHistory(["before"] * 10_000)
    recorder = make(MemoryLog(records), history, backoff_first_s=0.01)
    task = asyncio.create_task(recorder.run())
    failed_often = asyncio.Event()
    real = history.open

    async def opened(places: Sequence[Place]) -> Mapping[Place, int]:
        if recorder.stats.retries >= 3:
            failed_often.set()
        return await real(places)

    history.open = opened  # type: ignore[method-assign]
    await asyncio.wait_for(failed_often.wait(), 5)
    recorder.stop()
    await asyncio.wait_for(task, 2)
    assert not event_ids(history)
    assert not recorder.stats.active


async def test_an_idle_recorder_shows_that_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IDLE_PING_S", 0.01)
    pings = 0
    history = MemoryHistory()

    async def ping() -> None:
        nonlocal pings
        pings += 1
        if pings == 3:
            recorder.stop()

    history.ping = ping  # type: ignore[method-assign]
    source = MemoryLog({})
    recorder = make(source, history)
    source.on_empty = lambda: None
    await asyncio.wait_for(recorder.run(), 5)
    assert pings == 3


async def test_late_readings_are_corrected_now_and_then_and_an_idle_recorder_still_shows_that_it_lives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "IDLE_PING_S", 0.02)
    monkeypatch.setattr(module, "CORRECT_EVERY_S", 0.01)
    said: list[str] = []
    history = MemoryHistory()

    async def correct() -> int:
        said.append("correct")
        return 3

    async def ping() -> None:
        said.append("ping")
        if said.count("ping") == 2:
            recorder.stop()

    history.correct, history.ping = correct, ping  # type: ignore[method-assign]
    source = MemoryLog({})
    recorder = make(source, history)
    source.on_empty = lambda: None
    await asyncio.wait_for(recorder.run(), 5)
    assert said.count("correct") > 1
    assert recorder.stats.corrected == 3 * said.count("correct")
