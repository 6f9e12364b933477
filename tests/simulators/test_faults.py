from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from simulators import faults, stream
from simulators.faults import Chain, Fault, Parcel
from simulators.plan import Scenario
from simulators.programme import Programme
from simulators.readings import Reading
from tests.simulators.small_field import NOON_MS, profile

CENTRES = ("bien-hoa", "long-khanh", "tinh")


def reading(number: int, after_ms: int) -> Reading:
    return Reading(
        centre=CENTRES[number % 3],
        feed=("hydro", "rain")[number % 2],
        site=f"S{number % 5}",
        area="731",
        type="hydro.level",
        time_ms=NOON_MS + after_ms,
        seq=number,
        data={"level_m": 1.5, "text": "x"},
        id=f"M{number}",
    )


READINGS = st.lists(st.integers(0, 60_000), min_size=1, max_size=60).map(
    lambda times: [reading(n, t) for n, t in enumerate(sorted(times))]
)
WINDOW = st.fixed_dictionaries(
    {},
    optional={
        "at_s": st.sampled_from([0.0, 10.0, 30.0]),
        "for_s": st.sampled_from([5.0, 20.0]),
        "centre": st.sampled_from(CENTRES),
        "feeds": st.just(("hydro",)),
        "sites": st.just(("S1", "S2")),
        "share": st.sampled_from([0.2, 0.7, 1.0]),
    },
)
ONE_FAULT = WINDOW.flatmap(
    lambda window: st.sampled_from(
        [
            faults.Delay(by_s=20, least_s=3, **window),
            faults.Drop(**window),
            faults.Duplicate(times=3, after_s=2, **window),
            faults.Reorder(within_s=7, **window),
            faults.Burst(every_s=9, **window),
            faults.Silence(catch_up_s=4, duplicates=0.5, **{**window, "for_s": 15.0}),
            faults.ClockSkew(by_s=-90, **window),
            faults.Malformed(**window),
            faults.WrongCentre(to="tinh", **window),
            faults.UnitMixUp(field="level_m", factor=100, **window),
        ]
    )
)
CHAINS = st.lists(ONE_FAULT, max_size=5)


def sent(readings: list[Reading], chain: Chain) -> list[Parcel]:
    return [out for one in readings for out in chain(Parcel(one.time_ms, one, one.centre))]


@settings(deadline=None, max_examples=200)
@given(READINGS, CHAINS, st.integers(0, 99))
def test_the_books_balance(readings: list[Reading], chain: list[Fault], seed: int) -> None:
    used = Chain(chain, seed, NOON_MS)
    found = sent(readings, used)
    came = len(readings)
    for tally in used.tallies:
        assert tally.came == came, "what one fault lets out is what the next gets"
        came = tally.out
        assert tally.out == tally.came - tally.dropped + tally.added
        assert tally.dropped <= tally.touched <= tally.came
    assert len(found) == came
    assert len({(p.reading.id, p.copy) for p in found}) == len(found), "every copy is told apart"
    due = {one.id: one.time_ms for one in readings}
    assert all(due[p.reading.id] <= p.send_ms <= due[p.reading.id] + used.most_ms for p in found), "never too early"


@settings(deadline=None)
@given(READINGS, ONE_FAULT, st.integers(0, 99))
def test_each_fault_does_its_thing_and_nothing_else(readings: list[Reading], fault: Fault, seed: int) -> None:
    used = Chain([fault], seed, NOON_MS)
    found = sent(readings, used)
    (tally,) = used.tallies
    due = {one.id: one for one in readings}
    counts = Counter(p.reading.id for p in found)
    same = [p for p in found if p == Parcel(due[p.reading.id].time_ms, due[p.reading.id], due[p.reading.id].centre)]
    match fault:
        case faults.Drop():
            assert len(readings) - len(found) == tally.touched == tally.dropped
            assert same == found
        case faults.Duplicate():
            assert tally.added == 3 * tally.touched
            assert all(count in (1, 4) for count in counts.values())
        case faults.Silence():
            from_ms, to_ms = NOON_MS + fault.at_s * 1000, NOON_MS + fault.at_s * 1000 + 15_000
            hit = [one for one in readings if from_ms <= one.time_ms < to_ms and fault.share == 1 and not fault.centre]
            if not fault.feeds and not fault.sites:
                held = [p for p in found if p.reading in hit]
                assert all(to_ms <= p.send_ms <= to_ms + 4_000 for p in held)
                alone = [p.reading.id for p in sorted(held, key=lambda p: p.order) if p.copy == 0]
                assert alone == [one.id for one in sorted(hit, key=lambda r: (r.time_ms, r.id))], "in their order"
            assert tally.added == sum(count - 1 for count in counts.values())
        case faults.ClockSkew():
            assert sum(p.reading.time_ms != due[p.reading.id].time_ms for p in found) == tally.touched
            assert all(p.send_ms == due[p.reading.id].time_ms for p in found)
        case faults.Malformed():
            assert sum(p.damage is not None for p in found) == tally.touched
        case faults.WrongCentre():
            moved = sum(p.centre != due[p.reading.id].centre for p in found)
            assert moved <= tally.touched
            assert {p.reading.centre for p in found} <= set(CENTRES)
        case faults.UnitMixUp():
            assert sum(p.reading.data["level_m"] == 150.0 for p in found) == tally.touched
        case _:
            assert counts == Counter(due.keys()), "held back, nothing lost or added"
            assert sum(p.send_ms != due[p.reading.id].time_ms for p in found) == tally.touched
    if not isinstance(fault, faults.Drop | faults.WrongCentre):
        assert len(same) == len(readings) - tally.touched + tally.touched * isinstance(fault, faults.Duplicate), (
            "who is not hit is left alone"
        )


def test_a_fault_that_hits_too_many_would_be_seen() -> None:
    """The tests above stand on ``touched``; this one knows by itself whom a window and a centre mean."""
    readings = [reading(n, n * 1000) for n in range(60)]
    used = Chain([faults.Drop(at_s=10, for_s=20, centre="tinh")], 1, NOON_MS)
    lost = {one.id for one in readings} - {p.reading.id for p in sent(readings, used)}
    assert lost == {f"M{n}" for n in range(10, 30) if n % 3 == 2}
    assert used.books()[0][0] == "drop"
    assert used.tallies[0].dropped == len(lost)


@pytest.mark.parametrize(
    ("value", "factor", "sent_as"),
    [(1.5, 100, 150.0), (3, 2.54, 7.62), (0, 10, None), (True, 10, None), ("x", 10, None)],
)
def test_a_unit_mix_up_hits_what_it_changes(value: object, factor: float, sent_as: float | None) -> None:
    """Nothing times ten is nothing, and what is on or off has no unit."""
    one = structs.replace(reading(0, 0), data={"level_m": value})
    used = Chain([faults.UnitMixUp(field="level_m", factor=factor)], 1, NOON_MS)
    ((parcel,),) = [used(Parcel(one.time_ms, one, one.centre))]
    assert used.tallies[0].touched == (sent_as is not None)
    assert parcel.reading.data["level_m"] == (value if sent_as is None else sent_as)
    assert type(parcel.reading.data["level_m"]) is (type(value) if sent_as is None else float)


@pytest.mark.parametrize("damage", [2, 3])
def test_damaged_bytes_are_never_whole(damage: int) -> None:
    value = b'{"a": 12345}'
    assert faults.damaged(value, damage) != value
    assert not faults.damaged(value, damage).endswith(b"}") or faults.damaged(value, damage).startswith(b"\xff")


def test_a_share_hits_about_so_many() -> None:
    readings = [reading(n, n) for n in range(3000)]
    used = Chain([faults.Drop(share=0.3), faults.Drop(share=0.3)], 5, NOON_MS)
    sent(readings, used)
    assert used.tallies[0].touched == pytest.approx(900, rel=0.1)
    assert used.tallies[1].touched == pytest.approx(630, rel=0.12), "two faults do not hit the same ones"


PLAN = Scenario(title_vi="x", title_en="x", feedback_factor=50, call_factor=50)
SEVERAL: tuple[Fault, ...] = (
    faults.Silence(at_s=10, for_s=20, centre="long-khanh", duplicates=0.3, catch_up_s=5),
    faults.Duplicate(share=0.2, times=2, after_s=3),
    faults.Delay(share=0.3, by_s=12),
    faults.Reorder(at_s=20, for_s=20, within_s=4, feeds=("traffic",)),
    faults.Drop(share=0.1),
)


def whole(seconds: int = 60, seed: int = 7, from_s: int = 0) -> stream.Stream:
    programme = Programme(profile(), PLAN, start_ms=NOON_MS, seed=7, rate=8, duration_s=seconds)
    return stream.Stream(programme, SEVERAL, seed=seed, from_ms=NOON_MS + from_s * 1000)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 130_000), max_size=8))
def test_however_time_is_cut_the_same_is_sent(cuts: list[int]) -> None:
    at_once, piecewise = whole(), whole()
    expected = at_once.take(NOON_MS + 200_000)
    found = [p for cut in (*sorted(cuts), 200_000) for p in piecewise.take(NOON_MS + cut)]
    assert found == expected
    assert [p.order for p in found] == sorted(p.order for p in found)
    assert at_once.over
    assert piecewise.over
    assert piecewise.chain.tallies == at_once.chain.tallies
    changed = sum(tally.added - tally.dropped for tally in at_once.chain.tallies)
    assert at_once.taken == at_once.made + changed, "made, plus what was added, minus what was dropped"


def test_another_seed_hits_others() -> None:
    assert whole(seed=7).take(NOON_MS + 200_000) != whole(seed=8).take(NOON_MS + 200_000)


@pytest.mark.parametrize("from_s", [5, 25, 45])
def test_a_run_that_begins_later_sends_the_rest(from_s: int) -> None:
    everything = whole().take(NOON_MS + 200_000)
    late = whole(from_s=from_s)
    rest = late.take(NOON_MS + 200_000)
    assert rest == [p for p in everything if p.send_ms >= NOON_MS + from_s * 1000]
    assert late.taken == len(rest)


def test_what_is_held_back_at_the_end_still_comes() -> None:
    programme = Programme(profile(), PLAN, start_ms=NOON_MS, seed=7, rate=8, duration_s=60)
    used = stream.Stream(programme, (faults.Silence(at_s=50, for_s=60),), seed=1)
    upto_end = used.take(NOON_MS + 60_000)
    assert not used.over
    assert used.waiting
    assert used.last_ms is not None
    rest = used.take(used.last_ms + 1)
    assert used.over
    assert {p.reading.id for p in (*upto_end, *rest)} == {r.id for r in programme.between(NOON_MS, NOON_MS + 60_000)}
