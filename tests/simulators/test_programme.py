from __future__ import annotations

import itertools
from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.domain.catalogue import PAYLOADS, RANGES
from ioc.errors import BadInput
from simulators.incidents import Accident, Call, SourceLoss
from simulators.local_time import day_start_ms
from simulators.plan import Scenario
from simulators.programme import Programme
from simulators.readings import Reading
from tests.simulators.small_field import DAY_MS, NOON_MS, profile

EVENTFUL = Scenario(
    title_vi="x",
    title_en="x",
    feedback_factor=100,
    call_factor=100,
    incident=(
        Call(at_s=20, every_s=30, number="114", what="fire"),
        Accident(at_s=10, every_s=400, site="BH-T1", injured=1, minutes=5),
        SourceLoss(at_s=30, for_s=10, centre="long-khanh"),
    ),
)


def programme(plan: Scenario = EVENTFUL, **options: object) -> Programme:
    return Programme(profile(), plan, start_ms=NOON_MS, **{"seed": 7, **options})  # type: ignore[arg-type]


def to_bytes(readings: list[Reading]) -> bytes:
    return msgspec.json.encode(readings)


def test_same_seed_same_bytes_other_seed_others() -> None:
    first, second = programme().between(NOON_MS, NOON_MS + 60_000), programme().between(NOON_MS, NOON_MS + 60_000)
    assert to_bytes(first) == to_bytes(second)
    assert to_bytes(first) != to_bytes(programme(seed=8).between(NOON_MS, NOON_MS + 60_000))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 90_000), max_size=8), st.sampled_from([None, 5.0, 60.0]))
def test_however_time_is_cut_the_pieces_are_the_whole(cuts: list[int], rate: float | None) -> None:
    edges = [NOON_MS, *(NOON_MS + cut for cut in sorted(cuts)), NOON_MS + 90_000]
    played = programme(rate=rate)
    pieces = [r for a, b in itertools.pairwise(edges) for r in played.between(a, b)]
    assert to_bytes(pieces) == to_bytes(programme(rate=rate).between(NOON_MS, NOON_MS + 90_000))


def test_every_reading_is_sound() -> None:
    played = programme(rate=40)
    readings = [
        r for minute in range(30) for r in played.between(NOON_MS + minute * 60_000, NOON_MS + (minute + 1) * 60_000)
    ]
    assert {r.type for r in readings} == {k for c in profile().centres for f in c.feeds for k in f.types}
    assert [r.time_ms for r in readings] == sorted(r.time_ms for r in readings)
    assert len({r.id for r in readings}) == len(readings)
    known = {(c.id, s.feed, s.id, s.area) for c in profile().centres for s in c.sites}
    last: dict[tuple[str, str, str], int] = {}
    for reading in readings:
        assert (reading.centre, reading.feed, reading.site, reading.area) in known
        assert reading.id.isascii()
        msgspec.convert(reading.data, PAYLOADS[reading.type])
        for field, (low, high) in RANGES[reading.type].items():
            value = reading.data.get(field)
            assert value is None or low <= value <= high, (reading.type, field, value)
        site = (reading.centre, reading.site, reading.type)
        assert reading.seq >= last.get(site, 0)
        last[site] = reading.seq


def test_a_periodic_site_counts_without_holes() -> None:
    played = [r for r in programme().between(NOON_MS, NOON_MS + 120_000) if r.site == "BIENHOA"]
    assert [r.seq for r in played] == list(range(played[0].seq, played[0].seq + len(played)))
    assert {b.time_ms - a.time_ms for a, b in itertools.pairwise(played)} == {5_000}


@pytest.mark.parametrize("rate", [5.0, 30.0, 300.0])
def test_the_wanted_rate_is_reached(rate: float) -> None:
    calm = Scenario(title_vi="x", title_en="x", feedback_factor=0, call_factor=0)
    played = programme(calm, rate=rate)
    assert played.per_second == pytest.approx(rate, rel=0.01)
    assert len(played.between(NOON_MS, NOON_MS + 60_000)) / 60 == pytest.approx(rate, rel=0.02)


def test_heartbeats_and_indicators_keep_their_period_at_any_rate() -> None:
    for rate in (5.0, 300.0):
        kinds = Counter(
            r.type
            for r in programme(Scenario(title_vi="x", title_en="x"), rate=rate).between(NOON_MS, NOON_MS + 60_000)
        )
        assert kinds["source.heartbeat"] == 3 * 6
        assert kinds["service.kpi"] == 2 * 2


def test_a_rate_that_cannot_be_is_refused() -> None:
    with pytest.raises(BadInput, match="heartbeats and indicators"):
        programme(rate=0.1)


def test_a_day_of_chance_events_is_near_the_calibrated_numbers() -> None:
    small = profile()
    plan = Scenario(title_vi="x", title_en="x")
    by_kind: Counter[str] = Counter()
    days = 12
    for seed in range(days):
        start_ms = day_start_ms(19_358 + 44 + seed)
        played = Programme(small, plan, start_ms=start_ms, seed=seed)
        chance = [s for s in played._sources if type(s).__name__ in ("Incidents", "Reports", "Calls")]
        for source in chance:
            for reading in source.between(played.world, start_ms, start_ms + DAY_MS):
                if reading.data.get("state") != "overdue":
                    by_kind[f"{reading.centre}/{reading.type}"] += 1
    assert by_kind["bien-hoa/feedback.1022"] / days == pytest.approx(60 * (5 + 2 * 0.7) / 7, rel=0.15)
    assert by_kind["long-khanh/feedback.1022"] / days == pytest.approx(10 * (5 + 2 * 0.7) / 7, rel=0.35)
    assert by_kind["tinh/emergency.call"] / days == pytest.approx(53, rel=0.15)
    assert 0.2 < by_kind["bien-hoa/traffic.incident"] / days < 1.8


def test_scripted_incidents_reach_the_stream() -> None:
    readings = programme().between(NOON_MS, NOON_MS + 60_000)
    fires = [r.time_ms - NOON_MS for r in readings if r.type == "emergency.call" and r.id.endswith(("S0-0", "S0-1"))]
    assert fires == [20_000, 50_000]
    assert [r.data["injured"] for r in readings if r.type == "traffic.incident" and r.site == "BH-T1"] == [1]
    lost = [r for r in readings if r.centre == "long-khanh" and 30_000 <= r.time_ms - NOON_MS < 40_000]
    assert not lost
    assert [r for r in readings if r.centre == "long-khanh" and r.time_ms - NOON_MS > 41_000]


def test_quiet_sites_and_chosen_centres() -> None:
    only = Scenario(title_vi="x", title_en="x", centres=("bien-hoa",))
    readings = programme(only, quiet=("BIENHOA",)).between(NOON_MS, NOON_MS + 60_000)
    assert {r.centre for r in readings} == {"bien-hoa"}
    assert "BIENHOA" not in {r.site for r in readings}


def test_targets_come_from_the_profile() -> None:
    readings = programme().between(NOON_MS, NOON_MS + 60_000)
    data = {r.site: r.data for r in readings if r.type == "service.kpi"}
    assert data["DVC_ONLINE_PCT"]["target"] == 40
    assert "target" not in data["DTI_RANK"]
