"""The audit chain in the real TimescaleDB: sealed with the rows, once, by one writer; every tampering is named."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ioc.adapters import audit_store
from ioc.adapters.anchors import AnchorFile, AnchorTopic, read_topic
from ioc.adapters.audit_store import Report, verify
from ioc.adapters.timescale import Timescale
from ioc.cli import main
from ioc.domain.audit import ANCHOR_EVERY_MS, Anchor
from ioc.errors import Fenced, Unavailable
from ioc.pipeline.effects import InRecord
from ioc.ports import Place
from ioc.services.recorder_rows import build
from ioc.settings import Settings
from tests.samples import T0_MS, log_record

pytestmark = pytest.mark.stack

LOG = Place("ioc.alert-log", 0)
ROWS = 12


@pytest.fixture
async def history(database_url: str) -> AsyncIterator[Timescale]:
    writer = Timescale(database_url, cluster="c1", name="t.")
    await writer.open([LOG])
    yield writer
    await writer.close()


async def put(history: Timescale, first: int, count: int, *, moves: dict[Place, tuple[int, int]] | None = None) -> int:
    records = [
        InRecord(n, 0, b"k", log_record(f"L{n}", f"A-{n % 3}", at_ms=T0_MS + n)) for n in range(first, first + count)
    ]
    return (await history.write(build("ioc.", [(LOG, records)]).tables, moves or {}))["alert_log"]


def tamper(url: str, *statements: str) -> None:
    """As the owner of the tables, who can switch the triggers off."""
    with psycopg.connect(url) as conn:
        for table in ("alert_log", "audit_chain"):
            conn.execute(f"GRANT UPDATE, DELETE, TRUNCATE ON {table} TO CURRENT_USER".encode())
            conn.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
        for statement in statements:
            conn.execute(statement.encode())


def count(url: str, table: str) -> int:
    with psycopg.connect(url) as conn:
        [(n,)] = conn.execute(f"SELECT count(*) FROM {table}".encode()).fetchall()
        return int(n)


async def test_what_was_sealed_is_good_whatever_the_batches(history: Timescale, database_url: str) -> None:
    assert verify(database_url).rows == 0
    for first, n in ((1, 1), (2, 3), (5, 7)):
        assert await put(history, first, n) == n
    report = verify(database_url)
    assert report == Report(chain=report.chain, rows=11, first=1, last=11, head=11, anchored=0, finding=None)
    assert history.audit_head is not None
    assert (history.audit_head.chain, history.audit_head.position) == (report.chain, 11)


async def test_a_record_that_comes_again_gets_no_second_link(history: Timescale, database_url: str) -> None:
    await put(history, 1, 5)
    assert await put(history, 3, 5) == 2
    assert await put(history, 1, 7) == 0
    assert verify(database_url).rows == 7


async def test_text_of_every_kind_is_sealed_as_it_is_stored(history: Timescale, database_url: str) -> None:
    odd = ["Cầu Hóa An", "e\u0301", "\\u0041", '"', "😀", "a" * 3000, "\t\r\n", "1.50"]
    values = [
        log_record(f"L{n}", "A").replace(
            b'"raised"', ('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"').encode()
        )
        for n, text in enumerate(odd)
        if text.isprintable()
    ]
    values.append(
        log_record("numbers", "A").replace(b'"version":1', b'"version":1,"more":[1.50,1e3,-0,0.1,12345678901234567890]')
    )
    chunks = [(LOG, [InRecord(n, 0, b"k", value) for n, value in enumerate(values)])]
    await history.write(build("ioc.", chunks).tables, {})
    report = verify(database_url)
    assert (report.rows, report.finding) == (len(values), None)


async def test_killed_before_the_commit_neither_row_nor_link_nor_position_is_there(
    history: Timescale, database_url: str
) -> None:
    await put(history, 1, 3, moves={LOG: (0, 4)})
    with pytest.raises(Fenced):
        await put(history, 4, 3, moves={LOG: (1, 7)})  # rolled back after the links were written
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'ioc-recorder' AND datname = current_database()"
        )
    with pytest.raises(Unavailable):
        await put(history, 4, 3, moves={LOG: (4, 7)})
    assert history.audit_head is not None
    assert history.audit_head.position == 3, "what was not committed is never noted as an anchor"
    assert count(database_url, "audit_chain") == 3
    assert (await history.open([LOG]))[LOG] == 4
    await put(history, 4, 3, moves={LOG: (4, 7)})
    report = verify(database_url)
    assert (report.rows, report.finding) == (6, None)


async def test_two_recorders_of_one_database_make_one_chain(history: Timescale, database_url: str) -> None:
    """Of different prefixes: no lock keeps them apart but the head of the chain."""
    others = [Timescale(database_url, cluster="c1", name=f"{n}.") for n in range(3)]
    for other in others:
        await other.open([LOG])

    async def many(writer: Timescale, start: int) -> None:
        rng = random.Random(start)
        at = start
        while at < start + 60:
            n = rng.randint(1, 6)
            await put(writer, at, n)
            at += n

    await asyncio.gather(*(many(writer, 1000 * n) for n, writer in enumerate([history, *others])))
    for other in others:
        await other.close()
    report = verify(database_url)
    assert report.finding is None
    assert report.rows == report.head == count(database_url, "alert_log") >= 240


async def test_links_of_writers_that_take_no_turns_are_refused(
    history: Timescale, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted bug: a writer that reads the head without its lock stops, and no row is set aside for it."""
    stale = await _head_without_lock(history)
    await put(history, 1, 3)

    async def unlocked(conn: object) -> object:
        return stale

    monkeypatch.setattr(audit_store, "lock_head", unlocked)
    with pytest.raises(Unavailable, match="audit verify"):
        await put(history, 4, 2)
    monkeypatch.undo()
    await put(history, 4, 2)
    assert verify(database_url).finding is None


async def _head_without_lock(history: Timescale) -> object:
    assert history.audit_head is not None
    return history.audit_head


async def test_what_is_older_than_the_chain_is_adopted_once(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_store, "ADOPT_ROWS", 4)
    insert = (
        "INSERT INTO alert_log (id, alert_id, at, kind, what, accepted, version, body, topic_partition, topic_offset)"
        " VALUES (%s, 'A', now(), 'transition', 'raised', true, 1, '{}', 0, 0)"
    )
    with psycopg.connect(database_url) as conn:
        for n in range(10):
            conn.execute(insert, [f"old{n}"])
    assert verify(database_url).finding is None, "not looked at yet by a writer"
    writer = Timescale(database_url, cluster="c1", name="t.")
    await writer.open([LOG])
    await put(writer, 1, 2)
    report = verify(database_url)
    assert (report.rows, report.finding) == (12, None)
    with psycopg.connect(database_url) as conn:
        conn.execute(insert, ["forged"])
    await writer.open([LOG])
    await put(writer, 3, 2)
    finding = verify(database_url).finding
    assert finding is not None
    assert (finding.fault, finding.id) == ("inserted", "forged")
    await writer.close()


Damage = Callable[[int], tuple[str, ...]]
COPY_ROW = (
    "INSERT INTO alert_log (seq, id, alert_id, at, kind, what, accepted, version, body, topic_partition, topic_offset)"
    " OVERRIDING SYSTEM VALUE SELECT {seq}, 'forged', alert_id, at, kind, what, accepted, version, body,"
    " topic_partition, topic_offset FROM alert_log WHERE id = 'L1'"
)
DAMAGE: dict[str, tuple[Damage, set[str]]] = {
    **{
        f"changed {column}": (
            lambda at, c=column, v=value: (f"UPDATE alert_log SET {c} = {v} WHERE id = 'L{at}'",),
            {"changed"},
        )
        for column, value in {
            "alert_id": "alert_id || 'x'",
            "at": "at + interval '1 microsecond'",
            "kind": "'command'",
            "what": "'Raised'",
            "accepted": "NOT accepted",
            "version": "version + 1",
            "actor": "''",
            "command_id": "'c'",
            "outcome": "'DONE'",
            "exercise": "'x'",
            "topic_partition": "1",
            "topic_offset": "topic_offset + 1",
            "seq": "DEFAULT",
            "body": "jsonb_set(body, '{note}', '\"x\"')",
        }.items()
    },
    "changed hash": (
        lambda at: (
            f"UPDATE audit_chain SET hash = set_byte(hash, 7, (get_byte(hash, 7) + 1) % 256) WHERE position = {at}",
        ),
        {"changed"},
    ),
    "changed previous": (
        lambda at: (
            "UPDATE audit_chain SET previous = set_byte(previous, 0, (get_byte(previous, 0) + 1) % 256)"
            f" WHERE position = {at}",
        ),
        {"moved"},
    ),
    "deleted row": (lambda at: (f"DELETE FROM alert_log WHERE id = 'L{at}'",), {"missing"}),
    "deleted with link": (
        lambda at: (f"DELETE FROM alert_log WHERE id = 'L{at}'", f"DELETE FROM audit_chain WHERE position = {at}"),
        {"missing"},
    ),
    "swapped rows": (
        lambda at: (
            f"UPDATE alert_log SET id = 'tmp' WHERE id = 'L{at}'",
            f"UPDATE alert_log SET id = 'L{at}' WHERE id = 'L{at + 1}'",
            f"UPDATE alert_log SET id = 'L{at + 1}' WHERE id = 'tmp'",
        ),
        {"changed"},
    ),
    "swapped links": (
        lambda at: (
            f"UPDATE audit_chain SET position = 0 WHERE position = {at}",
            f"UPDATE audit_chain SET position = {at} WHERE position = {at + 1}",
            f"UPDATE audit_chain SET position = {at + 1} WHERE position = 0",
        ),
        {"moved"},
    ),
    "inserted row": (
        lambda at: (COPY_ROW.format(seq="1000"),),
        {"inserted"},
    ),
    "cut tail": (
        lambda at: (
            f"DELETE FROM alert_log WHERE topic_offset >= {at}",
            f"DELETE FROM audit_chain WHERE position >= {at}",
        ),
        {"cut"},
    ),
    "emptied": (lambda at: ("TRUNCATE alert_log", "TRUNCATE audit_chain"), {"cut"}),
    "head put back": (lambda at: (f"UPDATE audit_head SET position = {at}",), {"inserted"}),
    "head deleted": (lambda at: ("DELETE FROM audit_head",), {"missing"}),
}


@pytest.mark.parametrize("name", DAMAGE)
@pytest.mark.parametrize("at", [1, 6, ROWS - 1])
async def test_every_tampering_is_named(history: Timescale, database_url: str, name: str, at: int) -> None:
    await put(history, 1, ROWS)
    assert verify(database_url).finding is None
    make, words = DAMAGE[name]
    tamper(database_url, *make(at))
    finding = verify(database_url).finding
    assert finding is not None
    assert finding.fault in words
    places = {"inserted row": None, "emptied": 1, "head put back": at + 1, "head deleted": None}
    assert finding.position == places.get(name, at)


async def test_an_inserted_row_comes_before_what_is_behind_it(history: Timescale, database_url: str) -> None:
    await put(history, 1, ROWS)
    tamper(
        database_url,
        COPY_ROW.format(seq="0"),
        "UPDATE alert_log SET what = 'x' WHERE id = 'L7'",
    )
    finding = verify(database_url).finding
    assert finding is not None
    assert (finding.fault, finding.id) == ("inserted", "forged")
    finding = verify(database_url, from_position=3).finding
    assert finding is not None
    assert (finding.fault, finding.position) == ("changed", 7)
    assert verify(database_url, from_position=8).finding is None
    assert verify(database_url, from_position=3, to_position=6).finding is None
    assert verify(database_url, from_ms=T0_MS + 8).first == 8
    assert verify(database_url, from_ms=T0_MS + 3, to_ms=T0_MS + 6).last == 5
    assert verify(database_url, from_ms=T0_MS + 3, to_ms=T0_MS + 6).finding is None


async def test_a_writer_goes_on_from_its_head_and_not_from_a_cut_tail(history: Timescale, database_url: str) -> None:
    await put(history, 1, ROWS)
    tamper(database_url, *DAMAGE["cut tail"][0](9))
    await put(history, 50, 3)
    finding = verify(database_url).finding
    assert finding is not None
    assert (finding.fault, finding.position) == ("missing", 9)


def anchors_of(report: Report, history: Timescale, path: Path) -> list[Anchor]:
    assert history.audit_head is not None
    file = AnchorFile(path)
    file.note(history.audit_head, ANCHOR_EVERY_MS)
    return file.read()[0]


async def test_only_an_anchor_knows_of_a_tail_cut_with_its_head(
    history: Timescale, database_url: str, tmp_path: Path
) -> None:
    await put(history, 1, ROWS)
    anchors = anchors_of(verify(database_url), history, tmp_path / "a")
    tamper(
        database_url,
        *DAMAGE["cut tail"][0](8),
        "UPDATE audit_head SET position = 7, hash = (SELECT hash FROM audit_chain WHERE position = 7)",
    )
    assert verify(database_url).finding is None
    finding = verify(database_url, anchors).finding
    assert finding is not None
    assert (finding.fault, finding.position) == ("cut", 8)
    await put(history, 90, 9)  # time goes by, and the gap is filled
    assert verify(database_url).finding is None
    finding = verify(database_url, anchors).finding
    assert finding is not None
    assert (finding.fault, finding.position) == ("rewritten", ROWS)


async def test_the_command_says_it_with_its_exit_code(
    history: Timescale,
    database_url: str,
    prefix: str,
    stack: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await put(history, 1, ROWS)
    settings = Settings(kafka=stack.kafka, database_url=database_url, topic_prefix=prefix, data_dir=tmp_path)
    monkeypatch.delenv("IOC_SCHEMAS_DIR", raising=False)  # of tests, no setting
    for name, value in settings.to_environ().items():
        monkeypatch.setenv(name, value)

    async def run(*words: str) -> int:
        return await asyncio.to_thread(main, ["audit", "verify", *words])

    assert await run("--no-kafka") == 4
    assert await run("--from", "3", "--to", "5") == 0
    assert "rows 3 to 5 of 12" in capsys.readouterr().out
    assert await run("--from", "0") == 2
    assert await run("--to", "soon") == 2
    assert await run("--anchors", str(tmp_path / "none")) == 2

    assert history.audit_head is not None
    line = AnchorFile(tmp_path / "audit" / "anchors.jsonl").note(history.audit_head, 5)
    assert line is not None
    assert await run("--no-kafka") == 0
    topic = AnchorTopic(settings)
    await topic.send(b"c", line)
    await topic.close()
    (tmp_path / "audit" / "anchors.jsonl").unlink()
    assert [a.position for a in (await read_topic(settings))[0]] == [ROWS]
    capsys.readouterr()
    assert await run("--json") == 0, "the bus knows it too"
    assert '"anchored":12' in capsys.readouterr().out
    tamper(database_url, "UPDATE alert_log SET actor = 'nobody' WHERE id = 'L4'")
    assert await run() == 1
    assert "BAD: row 4 (L4) was changed" in capsys.readouterr().out
    monkeypatch.setenv("IOC_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    assert await run() == 3
