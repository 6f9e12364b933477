from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from simulators import faults
from simulators.faults import Record
from simulators.programme import Programme
from simulators.scenario import Scenario
from tests.simulators.small_field import NOON_MS, profile

CENTRES = ("bien-hoa", "long-khanh", "tinh")
STREAMS = st.lists(st.integers(0, 10_000), min_size=1, max_size=80).map(
    lambda times: [Record(t, CENTRES[n % 3], f"M{n}", b"k", b'{"a": 12345}') for n, t in enumerate(sorted(times))]
)
SHARES = st.sampled_from([0.0, 0.2, 0.7, 1.0])


@settings(deadline=None)
@given(STREAMS, SHARES, st.integers(0, 99))
def test_counts_balance(records: list[Record], share: float, seed: int) -> None:
    twice = faults.duplicate(records, share, seed, 500)
    assert len(twice.records) == len(records) + twice.touched
    assert sum(n - 1 for n in Counter(r.id for r in twice.records).values()) == twice.touched
    late = faults.delay(records, share, seed, 2_000)
    before = {r.id: r.send_ms for r in records}
    assert sum(r.send_ms > before[r.id] for r in late.records) == late.touched
    assert all(r.send_ms - before[r.id] <= 2_000 for r in late.records)
    broken = faults.malformed(records, share, seed)
    assert sum(r.value != b'{"a": 12345}' for r in broken.records) == broken.touched
    lost = faults.wrong_centre(records, share, seed, CENTRES)
    centres = {r.id: r.centre for r in records}
    assert sum(r.centre != centres[r.id] for r in lost.records) == lost.touched
    for result in (late, broken, lost):
        assert sorted(r.id for r in result.records) == sorted(r.id for r in records)
        assert [r.send_ms for r in result.records] == sorted(r.send_ms for r in result.records)


@settings(deadline=None)
@given(STREAMS, st.integers(0, 99))
def test_shares_of_all_and_none(records: list[Record], seed: int) -> None:
    assert faults.duplicate(records, 0, seed).touched == 0
    assert faults.malformed(records, 1, seed).touched == len(records)


@settings(deadline=None)
@given(STREAMS, SHARES, st.integers(0, 99), st.integers(0, 80))
def test_victims_do_not_depend_on_how_the_stream_is_cut(
    records: list[Record], share: float, seed: int, cut: int
) -> None:
    whole = faults.malformed(records, share, seed)
    parts = [faults.malformed(part, share, seed) for part in (records[:cut], records[cut:])]
    assert [r.value for part in parts for r in part.records] == [r.value for r in whole.records]


def test_fast_clocks() -> None:
    played = Programme(profile(), Scenario(title_vi="x", title_en="x"), start_ms=NOON_MS, seed=7)
    readings = played.between(NOON_MS, NOON_MS + 60_000)
    moved, touched = faults.future_timestamp(readings, 0.3, 1, 3_600_000)
    assert touched == sum(a.time_ms != b.time_ms for a, b in zip(readings, moved, strict=True))
    assert 0.15 < touched / len(readings) < 0.45
    assert [r.id for r in moved] == [r.id for r in readings]
