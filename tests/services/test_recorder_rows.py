"""Records become rows: columns, limits, and what is set aside."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.pipeline.effects import InRecord
from ioc.ports import Place
from ioc.services.recorder import count, halves
from ioc.services.recorder_rows import COLUMNS, NOTED, READERS, build
from tests.samples import alert_record, event_record, log_record, rollup_record

EVENTS = [Place("ioc.events", p) for p in range(3)]


@given(
    st.lists(st.lists(st.integers(), min_size=1, max_size=6), min_size=1, max_size=6).filter(lambda p: len(p[0]) > 1)
)
def test_halves_keep_order_and_lose_nothing(sizes: list[list[int]]) -> None:
    part = [(EVENTS[n % 3], [InRecord(i, 0, None, None) for i in range(len(size))]) for n, size in enumerate(sizes)]
    left, right = halves(part)
    assert count(left) == count(part) // 2
    assert count(left) + count(right) == count(part)
    flat = [(place, r.offset) for some in (left, right) for place, found in some for r in found]
    assert flat == [(place, r.offset) for place, found in part for r in found]


def one(value: bytes | None, topic: str = "events", key: bytes | None = b"k") -> tuple[str, tuple[Any, ...]]:
    built = build("ioc.", [(Place(f"ioc.{topic}", 1), [InRecord(7, 0, key, value)])])
    [(table, [row])] = built.tables.items()
    return table, row


def test_every_row_has_the_columns_of_its_table() -> None:
    for topic, value in {
        "events": event_record("e"),
        "alerts": alert_record("A-1", 1),
        "alert-log": log_record("L", "A-1"),
        "rollups": rollup_record(1),
    }.items():
        table, row = one(value, topic)
        assert len(row) == len(COLUMNS[table] + NOTED.get(table, ())), table
    assert set(READERS) == {"events", "alerts", "alert-log", "rollups", "dead", "feeds"}


def test_an_event_becomes_a_row() -> None:
    table, row = one(event_record("e1"))
    values = dict(zip(COLUMNS[table] + NOTED[table], row, strict=True))
    assert values["id"] == "e1"
    assert values["site"] == "BIENHOA"
    assert values["time"].isoformat() == "2026-11-24T03:00:00+00:00"
    assert msgspec.json.decode(values["data"]) == {"level_m": 1.83}
    assert (values["topic_partition"], values["topic_offset"]) == (1, 7)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "malformed"),
        (b"{", "malformed"),
        (b"\xff\xfe", "malformed"),
        (event_record("e").replace(b"1.83", b"[" * 5000 + b"]" * 5000), "malformed"),
        (event_record("e").replace(b"BIENHOA", b"\xff"), "malformed"),
        (b"[]", "wrong_shape"),
        (event_record("e").replace(b'"centre"', b'"Centre"'), "wrong_shape"),
        (event_record("e").replace(b"03:00:00.000Z", b"03:00:00"), "wrong_shape"),
        (event_record("x" * 600), "wrong_shape"),
        (event_record("a\\u0000b"), "nul_character"),
        (event_record("e").replace(b"1.83", b'"\\u0000"'), "nul_character"),
    ],
)
def test_what_cannot_be_a_row_is_set_aside_with_its_reason(value: bytes, reason: str) -> None:
    table, row = one(value)
    values = dict(zip(COLUMNS[table], row, strict=True))
    assert (table, values["reason"]) == ("recorder_reject", reason)
    assert (values["topic"], values["partition"], values["record_offset"]) == ("ioc.events", 1, 7)
    assert values["size_bytes"] == len(value)
    assert len(values["sample"]) <= 4096


def test_an_escaped_backslash_before_u0000_is_no_nul() -> None:
    assert one(event_record("a\\\\u0000b"))[0] == "event"


def test_instants_outside_the_calendar_are_set_aside() -> None:
    table, row = one(rollup_record(1, window_start_ms=2**62), "rollups")
    assert (table, row[3]) == ("recorder_reject", "out_of_range")


@given(st.binary(max_size=200), st.sampled_from(sorted(READERS)), st.one_of(st.none(), st.binary(max_size=9)))
def test_no_bytes_raise(value: bytes, topic: str, key: bytes | None) -> None:
    built = build("ioc.", [(Place(f"ioc.{topic}", 0), [InRecord(0, 0, key, value)])])
    assert sum(map(len, built.tables.values())) + sum(built.skipped.values()) == 1


def test_private_entries_and_tombstones_are_left_out() -> None:
    place = Place("ioc.alerts", 0)
    records = [InRecord(0, 0, b"@position", b"17"), InRecord(1, 0, b"A-1", None), InRecord(2, 0, b"@x", None)]
    built = build("ioc.", [(place, records)])
    assert built.tables == {}
    assert built.skipped == {"private": 1, "tombstone": 2}
