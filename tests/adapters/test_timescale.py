"""The recorder's side of the real TimescaleDB: all or nothing, once, newest wins, one writer."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ioc.adapters import timescale as module
from ioc.adapters.timescale import TARGETS, Timescale
from ioc.errors import BadInput, BadSettings, Fenced, Unavailable
from ioc.pipeline.effects import InRecord
from ioc.ports import Place
from ioc.services.recorder_rows import COLUMNS, NOTED, build
from tests.adapters.empty import empty_database
from tests.samples import T0_MS, alert_record, dead_record, event_record, feed_record, log_record, rollup_record

pytestmark = pytest.mark.stack

EVENTS = Place("ioc.events", 0)
PLACES = [EVENTS, Place("ioc.events", 1), Place("ioc.alerts", 0)]
Part = list[tuple[Place, list[InRecord]]]


def part(topic: str, *values: bytes, first: int = 0, key: bytes = b"k") -> Part:
    return [(Place(f"ioc.{topic}", 0), [InRecord(first + n, 0, key, v) for n, v in enumerate(values)])]


def rows_of(url: str, query: str, *values: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as conn:
        return conn.execute(query.encode(), values).fetchall()


@pytest.fixture
async def history(database_url: str) -> AsyncIterator[Timescale]:
    """An open writer."""
    writer = Timescale(database_url, cluster="c1", name="t.")
    await writer.open(PLACES)
    yield writer
    await writer.close()


async def put(history: Timescale, chunks: Part, moves: dict[Place, tuple[int, int]] | None = None) -> dict[str, int]:
    return dict(await history.write(build("ioc.", chunks).tables, moves or {}))


def test_staging_and_rows_agree() -> None:
    assert set(TARGETS) == set(COLUMNS)
    for table, target in TARGETS.items():
        assert len(target.types.split()) == len(COLUMNS[table] + NOTED.get(table, ())), table
        assert set(target.casts) | set(target.key) <= set(COLUMNS[table])


async def test_an_event_is_stored_as_it_came_and_once(history: Timescale, database_url: str) -> None:
    value = event_record("e1", data='{"level_m":1.83,"text":"Cầu Hóa An"}')
    assert await put(history, part("events", value, value)) == {"event": 1}
    assert await put(history, part("events", value, first=9)) == {"event": 0}
    [row] = rows_of(
        database_url,
        "SELECT id, site, centre, sequence, exercise, data->>'text', (extract(epoch FROM time)*1000)::int8,"
        " (extract(epoch FROM recorded_at)*1000)::int8, topic_partition, topic_offset FROM event",
    )
    assert row == ("e1", "BIENHOA", "bien-hoa", "0" * 10 + "42", None, "Cầu Hóa An", T0_MS, T0_MS + 410, 0, 0)


async def test_the_same_id_of_two_centres_is_two_events(history: Timescale) -> None:
    assert await put(history, part("events", event_record("e"), event_record("e", centre="tinh"))) == {"event": 2}


async def test_the_highest_revision_wins_in_the_batch_and_later(history: Timescale, database_url: str) -> None:
    assert await put(history, part("rollups", *(rollup_record(r, n=r) for r in (2, 3, 1)))) == {"rollup": 1}
    assert rows_of(database_url, "SELECT revision, n FROM rollup") == [(3, 3)]
    assert await put(history, part("rollups", rollup_record(2, n=2), rollup_record(3, n=99))) == {"rollup": 0}
    assert await put(history, part("rollups", rollup_record(4, n=4))) == {"rollup": 1}
    assert rows_of(database_url, "SELECT revision, n FROM rollup") == [(4, 4)]


async def test_the_highest_version_of_an_alert_wins(history: Timescale, database_url: str) -> None:
    assert await put(history, part("alerts", alert_record("A-1", 2), alert_record("A-1", 1))) == {"alert": 1}
    assert await put(history, part("alerts", alert_record("A-1", 1))) == {"alert": 0}
    assert await put(history, part("alerts", alert_record("A-1", 3), alert_record("A-2", 1))) == {"alert": 2}
    query = "SELECT id, version, acked, (body->>'version')::int FROM alert ORDER BY id"
    assert rows_of(database_url, query) == [("A-1", 3, True, 3), ("A-2", 1, False, 1)]


async def test_the_audit_trail_keeps_the_first_and_its_order(history: Timescale, database_url: str) -> None:
    await put(history, part("alert-log", log_record("L1", "A"), log_record("L2", "A"), log_record("L1", "B")))
    assert await put(history, part("alert-log", log_record("L2", "B"), first=5)) == {"alert_log": 0}
    query = "SELECT id, alert_id, topic_offset FROM alert_log ORDER BY seq"
    assert rows_of(database_url, query) == [("L1", "A", 0), ("L2", "A", 1)]


async def test_dead_letters_and_feeds(history: Timescale, database_url: str) -> None:
    dead = part("dead", dead_record(7), dead_record(7), dead_record(8, received_ms=-1))
    assert await put(history, dead) == {"dead_letter": 2}
    feeds = [feed_record(T0_MS + ms, accepted=ms) for ms in (0, 10_000, 59_999, 60_000)]
    feeds.append(feed_record(T0_MS + 20_000, state="silent"))
    assert await put(history, part("feeds", *feeds)) == {"feed_health": 3}
    query = "SELECT state, accepted FROM feed_health ORDER BY minute, state"
    assert rows_of(database_url, query) == [("on_time", 0), ("silent", 10), ("on_time", 60_000)]


async def test_positions_move_with_the_rows_or_not_at_all(history: Timescale, database_url: str) -> None:
    assert await history.open(PLACES) == dict.fromkeys(PLACES, 0)
    await put(history, part("events", event_record("e1")), {EVENTS: (0, 5)})
    assert (await history.open(PLACES))[EVENTS] == 5
    with pytest.raises(Fenced):
        await put(history, part("events", event_record("e2")), {EVENTS: (0, 6)})
    with pytest.raises(BadInput):  # more than jsonb's numbers can hold
        await put(history, part("events", event_record("e3", data='{"n":1e999999}')), {EVENTS: (5, 6)})
    assert rows_of(database_url, "SELECT id FROM event") == [("e1",)]
    assert (await history.open(PLACES))[EVENTS] == 5


async def test_another_cluster_begins_at_the_beginning(history: Timescale, database_url: str) -> None:
    await put(history, [], {EVENTS: (0, 5)})
    await history.close()
    other = Timescale(database_url, cluster="c2", name="t.")
    assert (await other.open(PLACES))[EVENTS] == 0
    await other.close()


@pytest.mark.parametrize(
    "data",
    ['{"n":1e999999}', '"\\udc00\\ud800"', "[" * 40_000 + "]" * 40_000],
    ids=["number", "surrogates", "depth"],
)
async def test_what_the_database_refuses_is_bad_input(history: Timescale, data: str) -> None:
    row = list(build("ioc.", part("events", event_record("e"))).tables["event"][0])
    row[COLUMNS["event"].index("data")] = data
    with pytest.raises(BadInput):
        await history.write({"event": [tuple(row)]}, {})
    assert await put(history, part("events", event_record("e"))) == {"event": 1}, "the connection is still good"


@pytest.mark.parametrize(("column", "value"), [("id", "a\x00b"), ("topic_offset", 2**70), ("centre", "\udc80")])
async def test_what_the_driver_refuses_is_bad_input(history: Timescale, column: str, value: object) -> None:
    row = list(build("ioc.", part("events", event_record("e"))).tables["event"][0])
    row[COLUMNS["event"].index(column)] = value
    with pytest.raises(BadInput):
        await history.write({"event": [tuple(row)]}, {})
    assert await put(history, part("events", event_record("e"))) == {"event": 1}, "the connection is still good"


async def test_a_second_writer_waits_until_the_first_has_gone(
    history: Timescale, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STANDBY_TRY_S", 0.05)
    await put(history, [], {EVENTS: (0, 3)})
    standby = Timescale(database_url, cluster="c1", name="t.")
    waiting = asyncio.create_task(standby.open(PLACES))
    done, _ = await asyncio.wait({waiting}, timeout=0.5)
    assert not done
    await put(history, [], {EVENTS: (3, 4)})
    await history.close()
    assert (await asyncio.wait_for(waiting, 5))[EVENTS] == 4
    await standby.close()


async def test_a_writer_that_lost_its_session_cannot_write(history: Timescale, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'ioc-recorder' AND datname = current_database()"
        )
    with pytest.raises(Unavailable):
        await put(history, part("events", event_record("e")), {EVENTS: (0, 1)})
    with pytest.raises(Unavailable):
        await history.ping()
    assert (await history.open(PLACES))[EVENTS] == 0


async def test_an_old_schema_and_no_database_are_told_apart(stack: object) -> None:
    with empty_database(stack) as url, pytest.raises(BadSettings, match="ioc db migrate"):
        await Timescale(url, cluster="c", name="t.").open(PLACES)
    with pytest.raises(Unavailable):
        await Timescale("postgresql://nobody@127.0.0.1:1/none", cluster="c", name="t.").open(PLACES)


async def test_nothing_is_left_in_the_catalogue_by_batches(history: Timescale, database_url: str) -> None:
    count = "SELECT count(*) FROM pg_class"
    await put(history, part("events", event_record("first")))
    before = rows_of(database_url, count)
    for n in range(20):
        await put(history, part("events", event_record(f"e{n}")))
    assert rows_of(database_url, count) == before


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cuts=st.lists(st.integers(1, 11), min_size=1, max_size=6),
    seed=st.integers(0, 10_000),
    again=st.lists(st.booleans(), min_size=6, max_size=6),
)
async def test_batches_in_any_cut_and_any_repetition_give_the_same(
    stack: object, database_url: str, cuts: Sequence[int], seed: int, again: Sequence[bool]
) -> None:
    """Without the fence (no moves) too: ids, revisions and versions alone make a repetition harmless."""
    chance = random.Random(seed)
    values = [("events", event_record(f"{seed}-{n}")) for n in range(12)]
    values += [("rollups", rollup_record(r, n=r, window_start_ms=T0_MS + seed * 60_000)) for r in range(1, 6)]
    values += [("alerts", alert_record(f"A-{seed}", v)) for v in range(1, 6)]
    values += [("alert-log", log_record(f"L-{seed}-{v}", f"A-{seed}")) for v in range(1, 6)]
    chance.shuffle(values)
    writer = Timescale(database_url, cluster="c1", name="t.")
    await writer.open(PLACES)
    try:
        batches, rest = [], values
        for cut in cuts:
            batches.append(rest[:cut])
            rest = rest[cut:]
        batches.append(rest)
        batches += [batch for batch, repeat in zip(batches, again, strict=False) if repeat]
        for batch in batches:
            chunks = [(Place(f"ioc.{topic}", 0), [InRecord(n, 0, b"k", v)]) for n, (topic, v) in enumerate(batch)]
            await put(writer, chunks)
    finally:
        await writer.close()
    window = "to_timestamp(%s)"
    assert rows_of(database_url, "SELECT count(*), count(DISTINCT id) FROM event WHERE id LIKE %s", f"{seed}-%") == [
        (12, 12)
    ]
    assert rows_of(
        database_url, f"SELECT revision FROM rollup WHERE window_start = {window}", T0_MS / 1000 + seed * 60
    ) == [(5,)]
    assert rows_of(database_url, "SELECT version FROM alert WHERE id = %s", f"A-{seed}") == [(5,)]
    assert rows_of(database_url, "SELECT count(*) FROM alert_log WHERE alert_id = %s", f"A-{seed}") == [(5,)]


async def test_planted_bug_a_merge_that_does_not_compare_versions_is_caught(
    history: Timescale, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge = module._MERGE["alert"]
    broken = merge.replace(" WHERE old.version < excluded.version", "")
    assert broken != merge
    monkeypatch.setitem(module._MERGE, "alert", broken)
    await put(history, part("alerts", alert_record("A-1", 3)))
    await put(history, part("alerts", alert_record("A-1", 1)))
    assert rows_of(database_url, "SELECT version FROM alert") == [(1,)], "the planted bug must show"
