"""The usual way through intake, in one piece, says and remembers what the long way does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from ioc.pipeline.effects import Effects, Emit, InRecord
from ioc.pipeline.feed_health import FeedWatch
from ioc.pipeline.intake import IntakePartition
from ioc.pipeline.intake_usual import UsualWay
from ioc.pipeline.redriven import headers
from ioc.pipeline.sequences import Source
from ioc.wire.codec import decode_feed
from ioc.wire.topics import RAW_PARTITIONS, partition_for
from tests.pipeline.made_up import NOW, centre, level, record
from tests.pipeline.test_sequences import counted

S = 1_000


class Reading(Struct, frozen=True):
    """What a source sends: how far its number goes on, the age of the event, the wait before it arrives."""

    step: int
    age_ms: int
    wait_ms: int
    feet: float
    first_ms: int | None  # of a record that is driven again: how long before this arrival it first came
    again: bool = False
    id_back: int = 0  # it bears the id that was given so many readings before


READINGS = st.lists(
    st.builds(
        Reading,
        st.sampled_from([1] * 12 + [0, 2, 3, 70, -1, -2, -70, -1000]),
        st.sampled_from([0, 1, 200, 1_500, 2_500, 70_000, 700_000, 90_000_000, -1, -500, -30_000, -130_000]),
        st.sampled_from([0, 0, 0, 5, 400, 20_000, 61_000]),
        st.sampled_from([10.0, 10.0, 11.5]),
        st.sampled_from([None] * 8 + [0, 100, 100_000, 80_000_000]),
        st.sampled_from([False] * 9 + [True]),
        st.sampled_from([0] * 12 + [1, 1, 2, 63, 64, 65]),
    ),
    min_size=1,
    max_size=120,
)


def sent(readings: list[Reading]) -> list[InRecord]:
    records: list[InRecord] = []
    number, arrival_ms = 0, NOW
    for offset, reading in enumerate(readings):
        arrival_ms += reading.wait_ms
        number = max(0, number + reading.step)
        native = level(
            number,
            uid=f"u{offset - min(reading.id_back, offset)}",
            at=arrival_ms - reading.age_ms,
            values=[{"ft": reading.feet}],
        )
        one = record(native, offset, arrival_ms)
        if reading.again and records:
            one = InRecord(offset, arrival_ms, one.key, records[-1].value)
        if reading.first_ms is not None:
            redriven = headers("dead", arrival_ms - reading.first_ms)
            one = InRecord(offset, arrival_ms, one.key, one.value, redriven)
        records.append(one)
    return records


def the_long_way(step: IntakePartition) -> IntakePartition:
    read = step._mapper.stencils.read

    def found(key: bytes | None, value: bytes, arrival: object) -> object:
        try:
            return read(key, value)
        except Exception:  # noqa: BLE001 - the contract of Stencils.read
            return None

    step._usual = found  # type: ignore[assignment]
    return step


def taught(step: IntakePartition) -> IntakePartition:
    """It knows the form of a level; before every event time of the test."""
    for n in range(2):
        native = level(n, uid=f"first{n}", at=NOW - 10 * S + n, values=[{"ft": 10.0}])
        step.step([record(native, at_ms=NOW - 5 * S)], NOW - 5 * S)
    return step


def same(readings: list[Reading], cuts: list[int], make: Callable[[], IntakePartition] = counted) -> bool:
    """Whether both ways give the same effects, checkpoints and health, wherever the fetches end."""
    return same_ways(readings, cuts, make(), counted())


def same_ways(readings: list[Reading], cuts: list[int], usual: IntakePartition, long: IntakePartition) -> bool:
    one, other = taught(usual), taught(the_long_way(long))
    records, at = sent(readings), 0
    for size in (*cuts, len(records)):
        part, at = records[at : at + size], at + size
        if part:
            now_ms = part[-1].timestamp + 50
            effects: list[Effects] = [step.step(part, now_ms) for step in (one, other)]
            if effects[0] != effects[1]:
                return False
            if size % 2 and one.take_dirty() != other.take_dirty():
                return False
            if size % 3 == 0 and one.tick(now_ms) != other.tick(now_ms):
                return False
    end_ms = records[-1].timestamp + 70 * S
    return one.tick(end_ms) == other.tick(end_ms) and one.take_dirty() == other.take_dirty()


CUTS = st.lists(st.integers(1, 40), max_size=6)
STEADY = [Reading(1, 200, 400, 10.0, None)] * 300


HOME = partition_for(b"w-1", RAW_PARTITIONS)  # of all its readings, when they are sent under their site


@settings(max_examples=150, deadline=None)
@given(READINGS, CUTS, st.sampled_from([HOME, HOME, (HOME + 1) % RAW_PARTITIONS]))
def test_the_usual_way_and_the_long_way_say_the_same(readings: list[Reading], cuts: list[int], partition: int) -> None:
    assert same_ways(readings, cuts, counted(partition), counted(partition))


@pytest.mark.parametrize(("partition", "share"), [(HOME, 0), ((HOME + 1) % RAW_PARTITIONS, 1)])
def test_readings_in_a_partition_that_is_not_their_site_are_counted(partition: int, share: int) -> None:
    step, records = taught(counted(partition)), sent(STEADY)
    assert same_ways(STEADY, [7, 30, 100], counted(partition), counted(partition))
    step.step(records, records[-1].timestamp)
    end_ms = records[-1].timestamp + S
    [health] = [
        decode_feed(e.value or b"") for e in step.tick(end_ms).emits if (e.key or b"").startswith(b"alpha/water")
    ]
    assert health.accepted == len(STEADY) + 2
    assert health.unkeyed == share * health.accepted


def test_the_comparison_sees_a_reading_elsewhere_that_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    astray, settle = (HOME + 1) % RAW_PARTITIONS, FeedWatch.settle

    def forgetful(self: FeedWatch) -> None:
        self.astray = []
        settle(self)

    monkeypatch.setattr(FeedWatch, "settle", forgetful)
    assert not same_ways(STEADY, [100], counted(astray), counted(astray))


def test_a_steady_source_goes_the_usual_way() -> None:
    step, came = taught(counted()), 0
    take = step._usual

    def counting(*given: object) -> object:
        nonlocal came
        found = take(*given)  # type: ignore[arg-type]
        came += found.__class__ is Emit
        return found

    step._usual = counting  # type: ignore[assignment]
    records = sent(STEADY)
    assert len(step.step(records, NOW).emits) == len(records)
    assert came >= len(records) - 2
    assert same(STEADY, [7, 30, 100])


LATE = [*STEADY[:60], Reading(1, 70_000, 10, 10.0, None), Reading(1, 700_000, 10, 10.0, None), *STEADY[:60]]
RESTART = [*STEADY, Reading(-1000, 0, 5, 10.0, None), *STEADY[:2], Reading(1, 100_000, 0, 10.0, None), *STEADY[:3]]


USED_IDS = [
    *STEADY[:70],
    *(Reading(1, 200, 400, feet, None, id_back=n) for n in (1, 63, 64, 65) for feet in (10.0, 11.5)),
]


@pytest.mark.parametrize("readings", [LATE, RESTART, USED_IDS])
def test_late_readings_restarts_and_used_ids(readings: list[Reading]) -> None:
    assert same(readings, [50, 10, 31, 70])


def test_the_comparison_sees_a_late_reading_that_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    settle = FeedWatch.settle

    def forgetful(self: FeedWatch) -> None:
        before = self.minutes.now.late
        settle(self)
        if self.minutes.now.accepted:
            self.minutes.now.late = before

    monkeypatch.setattr(FeedWatch, "settle", forgetful)
    assert not same(LATE, [len(LATE)])


def test_the_comparison_sees_a_number_that_is_taken_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    follows = Source.follows

    def gullible(self: Source, number: int, event_id: bytes, content: int, time_ms: int) -> bool:
        if number == self.run.high:
            self.run.high -= 1
            self.run.top = b""
        return follows(self, number, event_id, content, time_ms)

    monkeypatch.setattr(Source, "follows", gullible)
    assert not same([*STEADY[:5], Reading(0, 200, 400, 10.0, None, True)], [10])


def test_the_comparison_sees_a_used_id_that_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    follows = Source.follows

    def gullible(self: Source, number: int, event_id: bytes, content: int, time_ms: int) -> bool:
        self.run.top, top = b"", self.run.top
        taken = follows(self, number, event_id, content, time_ms)
        self.run.top = self.run.top if taken else top
        return taken

    monkeypatch.setattr(Source, "follows", gullible)
    assert not same(USED_IDS, [10])


def test_the_comparison_sees_a_time_that_is_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    take = UsualWay.take

    def careless(self: UsualWay, key: bytes | None, value: bytes, arrival: object) -> object:
        arrival.oldest_ms = 0  # type: ignore[attr-defined]
        return take(self, key, value, arrival)  # type: ignore[arg-type]

    monkeypatch.setattr(UsualWay, "take", careless)
    assert not same([*STEADY[:5], Reading(1, 90_000_000, 400, 10.0, None)], [10])


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([1] * 6 + [0, 2, 65, -1, -3, -500]),
            st.integers(-3, 3),
            st.integers(0, 9),
            st.sampled_from([7] * 9 + [6, 8, 200, -60]),  # or another number's id
        ),
        max_size=200,
    )
)
def test_what_follows_is_remembered_as_it_is_seen(moves: list[tuple[int, int, int, int]]) -> None:
    one, other, number, time_ms = Source("s"), Source("s"), 0, 1_000
    for step, later, content, tag in moves:
        number, time_ms = max(0, number + step), max(0, time_ms + later)
        given_ = (number, b"%d" % max(0, number + tag), content, time_ms)
        verdict = other.see(*given_, time_ms)
        assert ("new" if one.follows(*given_) else one.see(*given_, time_ms)) == verdict
        assert one.dump() == other.dump()


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 0, 5, 3_000, 61_000]),
            st.sampled_from([0, 100, 2_500, 65_000, 400_000]),
            st.sampled_from(["later", "later", "later", "accept", "duplicate", "reject", "health", "dirty"]),
        ),
        max_size=60,
    )
)
def test_what_is_settled_together_counts_as_what_is_accepted_alone(moves: list[tuple[int, int, str]]) -> None:
    feed = centre().feeds[0]
    one, other, arrival_ms = FeedWatch("c", feed, 0), FeedWatch("c", feed, 0), NOW
    for wait_ms, age_ms, what in moves:
        arrival_ms += wait_ms
        if what in ("later", "accept"):
            other.accept(arrival_ms - age_ms, arrival_ms)
            if what == "accept":
                one.accept(arrival_ms - age_ms, arrival_ms)
            else:
                one.times_ms.append(arrival_ms - age_ms)
                one.arrivals_ms.append(arrival_ms)
        for watch in (one, other):
            if what == "duplicate":
                watch.duplicate(arrival_ms, presumed=age_ms == 0)
            elif what == "reject":
                watch.reject(arrival_ms, "future")
        if what == "health":
            assert one.health(arrival_ms, arrival_ms) == other.health(arrival_ms, arrival_ms)
        if what == "dirty":
            assert one.take_dirty() == other.take_dirty()
    assert one.take_dirty() == other.take_dirty()
    assert one.health(arrival_ms, arrival_ms + 90_000) == other.health(arrival_ms, arrival_ms + 90_000)
