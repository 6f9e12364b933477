"""Readings that come too late for the streams correct the stored minutes: against the real TimescaleDB."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from msgspec import structs

from ioc.adapters import corrections
from ioc.adapters.queries import Queries
from ioc.adapters.timescale import Timescale
from ioc.domain.summaries import Summary
from ioc.domain.times import rfc3339
from ioc.domain.windows import MINUTE_MS
from ioc.errors import Unavailable
from ioc.pipeline.detect import DetectPartition
from ioc.pipeline.effects import InRecord
from ioc.ports import Place
from ioc.services.recorder_rows import build
from ioc.wire import codec, progress
from ioc.wire.topics import RAW_PARTITIONS
from tests.pipeline.small_province import PROFILE, S, T, river
from tests.samples import T0_MS, rollup_record

pytestmark = pytest.mark.stack

EVENTS = Place("ioc.events", 0)
M0 = T0_MS - T0_MS % MINUTE_MS
KEY = "bien-hoa/731/hydro/hydro.level"
LATE_MS = 600_000


def reading(
    id_: str, time_ms: int, level: float | None, *, late_ms: int = LATE_MS, feed: str = "hydro", exercise: str = ""
) -> bytes:
    """A canonical event that arrived ``late_ms`` after its time."""
    data = "{}" if level is None else f'{{"level_m":{level!r}}}'
    drill = f'"exercise":"{exercise}",' if exercise else ""
    return (
        f'{{"specversion":"1.0","id":"{id_}","source":"/bien-hoa/{feed}/BIENHOA","type":"hydro.level",{drill}'
        f'"subject":"731","time":"{rfc3339(time_ms)}","recordedtime":"{rfc3339(time_ms + late_ms)}",'
        f'"centre":"bien-hoa","area":"731","feed":"{feed}","data":{data}}}'
    ).encode()


def chunk(topic: str, *values: bytes) -> list[tuple[Place, list[InRecord]]]:
    return [(Place(f"ioc.{topic}", 0), [InRecord(n, 0, b"k", value) for n, value in enumerate(values)])]


async def put(history: Timescale, topic: str, *values: bytes, moves: Any = None) -> None:
    await history.write(build("ioc.", chunk(topic, *values)).tables, moves or {})


def rows_of(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as conn:
        return conn.execute(query.encode()).fetchall()


async def drain(history: Timescale) -> int:
    changed = 0
    while True:
        before = history._due
        changed += await history.correct()
        if not before:
            return changed


@pytest.fixture
async def history(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Timescale]:
    """An open writer that corrects at once."""
    monkeypatch.setattr(corrections.correct, "__kwdefaults__", {"settle_s": 0.0})
    writer = Timescale(database_url, cluster="c1", name="t.", grace_s={("bien-hoa", "slow"): 900.0})
    await writer.open([EVENTS])
    yield writer
    await writer.close()


@pytest.fixture
async def queries(database_url: str) -> AsyncIterator[Queries]:
    reader = Queries(database_url)
    await reader.open()
    yield reader
    await reader.close()


async def test_minutes_of_a_lost_link_are_whole_after_the_redelivery(history: Timescale, queries: Queries) -> None:
    # The link went away in the first minute: one reading of it was counted, nothing of the second.
    await put(history, "events", reading("a0", M0, 1.5, late_ms=400))
    await put(history, "rollups", rollup_record(3, n=1, window_start_ms=M0, mean=1.5))
    late = [reading(f"a{n}", M0 + n * 10_000, 1.5 + n / 10) for n in range(1, 12)]
    await put(history, "events", *late, reading("nothing", M0 + 65_000, None))
    assert await drain(history) == 2
    first, second = await queries.series(KEY, M0, M0 + 2 * MINUTE_MS, points_max=1000)
    assert (first.n, first.min, first.max, first.last, first.final) == (6, 1.5, 2.0, 2.0, True)
    assert first.mean == pytest.approx(1.75)
    assert (second.start_ms, second.n, second.min, second.max, second.last) == (M0 + MINUTE_MS, 7, 2.1, 2.6, 2.6)
    assert second.mean == pytest.approx(2.35)  # of the six that carried a number
    assert (first.corrected, second.corrected) == (True, True)
    assert await drain(history) == 0


async def test_what_comes_in_time_is_left_to_the_streams(history: Timescale, database_url: str) -> None:
    await put(
        history,
        "events",
        reading("now", M0, 1.0, late_ms=400),
        reading("grace", M0 + 1_000, 1.0, late_ms=60_000 + 50_000),
        reading("slow", M0 + 2_000, 1.0, feed="slow"),
        reading("drill", M0 + 3_000, 1.0, exercise="storm"),
    )
    assert rows_of(database_url, "SELECT * FROM rollup_due") == []
    await put(history, "rollups", rollup_record(5, n=2, window_start_ms=M0))
    assert await drain(history) == 0
    assert rows_of(database_url, "SELECT n, corrected FROM rollup") == [(2, False)]


async def test_a_correction_is_exactly_what_the_streams_would_have_said(history: Timescale, database_url: str) -> None:
    rng = random.Random(4)
    summaries: dict[int, Summary] = {}
    values = []
    for n in range(400):
        time_ms = M0 + rng.randrange(5 * MINUTE_MS)
        level = None if rng.random() < 0.1 else rng.choice([rng.uniform(-5, 150), 0.1, 1e-7, 2.5e-6, 0.0])
        summaries.setdefault(time_ms // MINUTE_MS, Summary()).add(level, time_ms, f"e{n}")
        values.append(reading(f"e{n}", time_ms, level))
    rng.shuffle(values)
    for start in range(0, 400, 80):
        await put(history, "events", *values[start : start + 80])
        await history.correct()  # in the middle: what was noted again is made anew again
    await drain(history)
    found = rows_of(
        database_url,
        "SELECT (extract(epoch FROM window_start) / 60)::int8, n, sum, min, max, last, revision, final FROM rollup",
    )
    assert {row[0]: row[1:] for row in found} == {
        minute: (s.n, s.total, s.least, s.greatest, s.last, 2 * s.n + 1, True) for minute, s in summaries.items()
    }


async def test_the_streams_do_not_take_a_correction_back_and_may_know_more(
    history: Timescale, database_url: str
) -> None:
    await put(history, "events", *(reading(f"a{n}", M0 + n * 1000, 1.0) for n in range(5)))
    await drain(history)
    await put(history, "rollups", rollup_record(7, n=3, window_start_ms=M0))  # told late, of less
    assert rows_of(database_url, "SELECT n, revision, corrected FROM rollup") == [(5, 11, True)]
    await put(history, "rollups", rollup_record(13, n=6, window_start_ms=M0))
    await put(history, "events", reading("a0", M0, 1.0))  # delivered again
    await drain(history)
    assert rows_of(database_url, "SELECT n, revision, corrected FROM rollup") == [(6, 13, True)]


async def test_no_end_in_between_loses_a_correction(
    history: Timescale, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(history, "events", reading("a", M0, 1.0), reading("b", M0 + MINUTE_MS, 2.0), moves={EVENTS: (0, 2)})
    # The process ends after the batch: another one goes on.
    await history.close()
    positions = await history.open([EVENTS])
    assert positions[EVENTS] == 2
    # The server goes away in the middle of a correction: nothing of it stays, it is still noted.
    conn = history._connected()
    pid = conn.info.backend_pid
    asked = conn.execute

    async def killed(query: Any, values: Any = None, **options: Any) -> Any:
        result = await asked(query, values, **options)
        if b"INSERT INTO rollup AS old" in (query if isinstance(query, bytes) else query.encode()):
            with psycopg.connect(database_url, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s)", [pid])
        return result

    monkeypatch.setattr(conn, "execute", killed)
    with pytest.raises(Unavailable):
        await history.correct()
    assert rows_of(database_url, "SELECT * FROM rollup") == []
    assert len(rows_of(database_url, "SELECT * FROM rollup_due")) == 2
    await history.open([EVENTS])
    assert await drain(history) == 2
    assert rows_of(database_url, "SELECT * FROM rollup_due") == []


async def test_a_batch_that_is_rolled_back_notes_nothing(history: Timescale, database_url: str) -> None:
    with pytest.raises(Exception, match="positions"):
        await put(history, "events", reading("a", M0, 1.0), moves={EVENTS: (7, 8)})
    assert rows_of(database_url, "SELECT * FROM rollup_due") == []


async def test_the_work_of_one_go_is_bounded(history: Timescale, database_url: str) -> None:
    minutes = 3 * corrections.MINUTES_MAX
    values = [reading(f"e{n}", M0 + n % minutes * MINUTE_MS + n, float(n % 9)) for n in range(6_000)]
    started_s = time.perf_counter()
    await put(history, "events", *values[:5_000])
    await put(history, "events", *values[5_000:])
    wrote_s = time.perf_counter() - started_s
    goes = []
    while history._due:
        started_s = time.perf_counter()
        assert await history.correct() <= corrections.MINUTES_MAX
        goes.append(time.perf_counter() - started_s)
    assert len(goes) >= 3
    [(n, windows)] = rows_of(database_url, "SELECT sum(n)::int8, count(*) FROM rollup")
    assert (n, windows) == (6_000, minutes)
    print(f"wrote 6,000 in {wrote_s:.2f} s, corrected in {', '.join(f'{one:.3f} s' for one in goes)}")
    assert max(goes) < 5.0, goes


async def test_minutes_given_up_behind_a_dead_intake_partition_are_corrected(
    history: Timescale, database_url: str
) -> None:
    # R2's readings reach the raw topic in time, but the worker of their partition is away for four minutes.
    detect = DetectPartition(PROFILE, 0)
    stored: list[InRecord] = []

    def put_in(value: bytes, now_ms: int, key: bytes = b"k") -> None:
        record = InRecord(len(stored), now_ms, key, value)
        stored.append(record)
        detect.step([record], now_ms)

    held: list[bytes] = []
    for second in range(300):
        now_ms = T + second * S
        if second % 10 == 0:
            put_in(river("R1", now_ms - 500, 1.0, arrived_ms=now_ms), now_ms)
            other = river("R2", now_ms - 500, 1.0, arrived_ms=now_ms)
            if second < 60:
                put_in(other, now_ms)
            else:
                held.append(other)
        read_ms = {n: now_ms - 1 for n in range(RAW_PARTITIONS) if n != 1 or second < 60}
        put_in(progress.encode(progress.Progress(read_ms={"north": read_ms})), now_ms, progress.KEY)
        detect.tick(now_ms)
    for value in held:
        put_in(value, T + 301 * S)
    given_up = detect.counters.too_late
    assert len(held) == 24
    assert given_up > 0
    await history.write(build("ioc.", [(EVENTS, stored)]).tables, {})
    noted = rows_of(database_url, "SELECT window_start FROM rollup_due")
    assert len(noted) * 6 >= given_up
    assert await drain(history) == len(noted)
    # Six readings a minute of each station, in every minute that the streams gave up.
    assert set(rows_of(database_url, "SELECT n, corrected FROM rollup")) == {(12, True)}


async def test_a_stamp_outside_the_calendar_makes_nothing_late(history: Timescale, database_url: str) -> None:
    records = [
        InRecord(n, stamp, b"k", reading(f"e{n}", M0, 1.0, late_ms=400)) for n, stamp in enumerate((-1, 2**62, M0))
    ]
    await history.write(build("ioc.", [(EVENTS, records)]).tables, {})
    assert rows_of(database_url, "SELECT * FROM rollup_due") == []
    assert rows_of(database_url, "SELECT count(*) FROM event") == [(3,)]


async def test_a_correction_that_takes_too_long_ends_alone_and_the_others_go_on(
    history: Timescale, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(history, "events", reading("a", M0, 1.0), reading("b", M0 + MINUTE_MS, 2.0))
    with psycopg.connect(database_url, autocommit=True) as other:  # the newest minute never ends
        other.execute(
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN IF NEW.max = 2.0 THEN PERFORM pg_sleep(20); END IF; RETURN NEW; END $$"
        )
        other.execute("CREATE TRIGGER slow BEFORE INSERT ON rollup FOR EACH ROW EXECUTE FUNCTION slow()")
    monkeypatch.setattr(corrections, "STATEMENT_TIMEOUT_S", 0.3)
    started_s = time.perf_counter()
    with pytest.raises(Unavailable, match="statement timeout"):
        await history.correct()
    assert time.perf_counter() - started_s < 5.0
    # The session is the same and as before: a batch is stored, its time-out is the long one, the older minute is made.
    await put(history, "events", reading("c", M0 + 1_000, 3.0), moves={EVENTS: (0, 1)})
    row = await (await history._connected().execute("SHOW statement_timeout")).fetchone()
    assert row == ("30s",)
    assert await history.correct() == 1
    assert rows_of(database_url, "SELECT n, max FROM rollup") == [(2, 3.0)]
    assert len(rows_of(database_url, "SELECT * FROM rollup_due WHERE noted_at > now()")) == 1
    with psycopg.connect(database_url, autocommit=True) as other:  # its time has come, and it is quick again
        other.execute("DROP TRIGGER slow ON rollup")
        other.execute("UPDATE rollup_due SET noted_at = now()")
    assert await drain(history) == 1
    assert rows_of(database_url, "SELECT n, max FROM rollup ORDER BY max") == [(1, 2.0), (2, 3.0)]


async def test_a_minute_that_is_locked_is_put_off(
    history: Timescale, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(history, "events", reading("a", M0, 1.0))
    monkeypatch.setattr(corrections, "STATEMENT_TIMEOUT_S", 0.3)
    with psycopg.connect(database_url) as other:
        other.execute("LOCK TABLE rollup IN EXCLUSIVE MODE")
        with pytest.raises(Unavailable):
            await history.correct()
    assert await history.correct() == 0
    assert len(rows_of(database_url, "SELECT * FROM rollup_due WHERE noted_at > now()")) == 1


async def test_only_what_is_due_is_made_anew(history: Timescale, database_url: str) -> None:
    await put(history, "events", *(reading(f"t{n}", M0 + n, 1.0, late_ms=400, feed="other") for n in range(50)))
    await put(history, "events", reading("late", M0 + 60, 2.0))
    assert await drain(history) == 1
    assert rows_of(database_url, "SELECT feed, n FROM rollup") == [("hydro", 1)]


async def test_the_mean_is_of_what_carried_a_number_and_old_rows_count_all(
    history: Timescale, queries: Queries, database_url: str
) -> None:
    told = codec.decode_rollup(rollup_record(13, n=6, window_start_ms=M0, mean=2.0))
    await put(history, "rollups", codec.encode(structs.replace(told, sum=6.0, values=3)))
    assert (await queries.series(KEY, M0, M0 + MINUTE_MS))[0].mean == pytest.approx(2.0)
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute("UPDATE rollup SET measured = NULL")
    assert (await queries.series(KEY, M0, M0 + MINUTE_MS))[0].mean == pytest.approx(1.0)


async def test_a_value_that_is_no_number_stops_nothing(history: Timescale, database_url: str) -> None:
    odd = reading("odd", M0, 1.0).replace(b'"level_m":1.0', b'"level_m":"x"')
    huge = reading("huge", M0 + 1, 1.0).replace(b'"level_m":1.0', b'"level_m":1e400')
    await put(history, "events", odd, huge, reading("good", M0 + 2, 1.0))
    assert await drain(history) == 1
    assert rows_of(database_url, "SELECT n, sum, last FROM rollup") == [(3, 1.0, 1.0)]
