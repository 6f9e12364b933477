from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.domain.profile import WindowSpec
from ioc.domain.times import from_ms, to_ms
from ioc.domain.windows import MINUTE_MS, fixed_offset_ms, holds, problems, rollup_key, start_of, starts_of

instants = st.integers(-(10**15), 10**15)
sizes = st.integers(1, 86_400_000)


@given(instants, sizes)
def test_an_instant_is_in_its_window_and_in_no_neighbour(time_ms: int, size_ms: int) -> None:
    start = start_of(time_ms, size_ms)
    assert start % size_ms == 0
    assert holds(start, size_ms, time_ms)
    assert not holds(start - size_ms, size_ms, time_ms)
    assert not holds(start + size_ms, size_ms, time_ms)


def test_the_start_is_inside_and_the_end_is_not() -> None:
    assert start_of(120_000, MINUTE_MS) == 120_000
    assert start_of(119_999, MINUTE_MS) == 60_000
    assert holds(60_000, MINUTE_MS, 60_000)
    assert not holds(60_000, MINUTE_MS, 120_000)


def test_a_window_without_length_is_refused() -> None:
    with pytest.raises(ValueError, match="holds nothing"):
        start_of(1, 0)


def test_a_drill_has_its_own_key() -> None:
    live = rollup_key("c", "1", "f", "t", 0, MINUTE_MS, None)
    assert live == "c/1/f/t/0/60000"
    assert rollup_key("c", "1", "f", "t", 0, MINUTE_MS, "drill-7") == live + "/drill-7"


@given(instants, st.integers(1, 3_600_000), st.integers(1, 60))
def test_an_instant_is_in_all_sliding_windows_that_hold_it_and_in_no_other(time_ms: int, hop_ms: int, n: int) -> None:
    size_ms = hop_ms * n
    starts = list(starts_of(time_ms, size_ms, hop_ms))
    assert len(starts) == n
    assert all(start % hop_ms == 0 and holds(start, size_ms, time_ms) for start in starts)
    assert not holds(starts[0] - hop_ms, size_ms, time_ms)
    assert not holds(starts[-1] + hop_ms, size_ms, time_ms)


def test_a_tumbling_window_is_a_sliding_one_whose_hop_is_its_size() -> None:
    assert list(starts_of(61_000, MINUTE_MS, MINUTE_MS)) == [start_of(61_000, MINUTE_MS)]
    with pytest.raises(ValueError, match="does not divide"):
        starts_of(0, 60_000, 7_000)


FIELDS = {"traffic.flow": ("speed_km_h",), "emergency.call": ("kind",)}


def said(*specs: WindowSpec) -> list[str]:
    return problems(specs, FIELDS, ["traffic.flow"])


def test_good_windows_have_no_problem() -> None:
    assert said(
        WindowSpec(type="traffic.flow", size_s=10),
        WindowSpec(type="traffic.flow", size_s=86_400, hop_s=3_600, quantiles=(0.5, 0.95), distinct="site"),
        WindowSpec(type="emergency.call", size_s=3_600, feed="a", distinct="kind"),
        WindowSpec(type="emergency.call", size_s=3_600, feed="b"),
    ) == []  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        (WindowSpec(type="no.such", size_s=10), "not in the catalogue"),
        (WindowSpec(type="traffic.flow", size_s=9), "10 to 86400"),
        (WindowSpec(type="traffic.flow", size_s=86_401), "10 to 86400"),
        (WindowSpec(type="traffic.flow", size_s=60), "always there"),
        (WindowSpec(type="traffic.flow", size_s=100, hop_s=30), "must divide"),
        (WindowSpec(type="traffic.flow", size_s=6_100, hop_s=100), "1 to 60 parts"),
        (WindowSpec(type="traffic.flow", size_s=600, quantiles=(1.5,)), "from 0 to 1"),
        (WindowSpec(type="emergency.call", size_s=600, quantiles=(0.5,)), "has no number"),
        (WindowSpec(type="traffic.flow", size_s=600, distinct="plate"), "'plate' is not in the payload"),
    ],
)
def test_every_mistake_in_a_window_is_named(spec: WindowSpec, word: str) -> None:
    assert any(word in text for text in said(spec)), said(spec)


def test_a_window_twice() -> None:
    one = WindowSpec(type="traffic.flow", size_s=600)
    assert any("declared already" in text for text in said(one, WindowSpec(type="traffic.flow", size_s=600, hop_s=60)))
    assert any("declared already" in text for text in said(one, WindowSpec(type="traffic.flow", size_s=600, feed="x")))


HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("zone", "hours"),
    [("Asia/Ho_Chi_Minh", 7), ("UTC", 0), ("Asia/Kathmandu", 5.75), ("America/Lima", -5)],
)
def test_a_zone_whose_clocks_never_change_has_one_distance_from_utc(zone: str, hours: float) -> None:
    assert fixed_offset_ms(zone) == hours * HOUR_MS


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Santiago", "Africa/Casablanca", "Australia/Lord_Howe"])
def test_a_zone_whose_clocks_change_has_none(zone: str) -> None:
    assert fixed_offset_ms(zone) is None


@given(st.datetimes(datetime(2020, 1, 1), datetime(2045, 12, 30)), st.sampled_from([1, 2, 6, 24]))  # noqa: DTZ001
def test_local_windows_begin_at_local_midnight_and_whole_hops_after_it(at: datetime, hop_h: int) -> None:
    zone = ZoneInfo("Asia/Ho_Chi_Minh")
    time_ms = to_ms(at.replace(tzinfo=zone))
    [start_ms] = starts_of(time_ms, hop_h * HOUR_MS, hop_h * HOUR_MS, 7 * HOUR_MS)
    assert holds(start_ms, hop_h * HOUR_MS, time_ms)
    local = from_ms(start_ms).astimezone(zone)
    assert (local.hour % hop_h, local.minute, local.second, local.microsecond) == (0, 0, 0, 0)
    if hop_h == 24:
        assert local.date() == at.date()


def test_local_windows_that_cannot_be_are_refused() -> None:
    def of(zone: str, **more: int) -> list[str]:
        spec = WindowSpec(type="traffic.flow", align="local", **({"size_s": 86_400} | more))  # type: ignore[arg-type]
        return problems([spec], FIELDS, [], zone)

    assert of("Asia/Ho_Chi_Minh") == []
    assert of("Asia/Ho_Chi_Minh", hop_s=7_200) == []
    [said_] = of("Europe/Berlin")
    assert "a local day has 23, 24 or 25 hours" in said_
    assert any("3600 s or longer" in text for text in of("Asia/Ho_Chi_Minh", size_s=1_800))
    assert any("divides a day" in text for text in of("Asia/Ho_Chi_Minh", size_s=7 * 3_600))
