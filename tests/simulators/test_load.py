"""A load: made in advance, fresh in id, time and number, and real in form for the product that takes it in."""

from __future__ import annotations

import asyncio
from collections import defaultdict

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from ioc.adapters.profiles import load_profile
from ioc.domain.profile import Profile
from ioc.pipeline.effects import InRecord
from ioc.pipeline.intake import IntakePartition
from ioc.settings import Settings
from ioc.wire.topics import Topics
from simulators import formats
from simulators.bulk import BulkCourier
from simulators.load import Load, Maker, load_of, play_load, stencil, writings
from simulators.programme import Programme
from simulators.scenario import load as scenario_of
from tests.simulators.fake_bulk import FakeBulkLink

START_MS = 1_795_500_000_000


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load_profile(Settings().profile)


@pytest.fixture(scope="module")
def load(profile: Profile) -> Load:
    return load_of(profile, start_ms=START_MS, seed=3, exercise="load-1")


@pytest.mark.parametrize("exercise", [None, "load-1"])
def test_a_filled_stencil_is_the_native_message_of_a_reading(profile: Profile, exercise: str | None) -> None:
    """Whatever the id, the number and the time: the same bytes as the format makes."""
    programme = Programme(profile, scenario_of("live"), start_ms=START_MS, seed=3, rate=60)
    readings = programme.between(START_MS, START_MS + 4_000)
    pairs = [(r, one) for r in readings if (one := stencil(profile, r, exercise)) is not None]
    assert len({r.centre for r, _ in pairs}) >= 2
    assert len(pairs) > 100

    @given(st.sampled_from(pairs), st.from_regex(r"[A-Za-z0-9_.-]{1,40}", fullmatch=True), st.integers(0, 10**12),
           st.integers(1_600_000_000_000, 2_000_000_000_000))  # fmt: skip
    def holds(pair, id_, seq, time_ms):  # type: ignore[no-untyped-def]
        reading, one = pair
        key, value = formats.encode(profile, structs.replace(reading, id=id_, seq=seq, time_ms=time_ms))
        if exercise is not None:
            value = formats.mark(reading.centre, value, exercise)
        assert one.fill(id_.encode(), seq, time_ms) == value
        assert one.key == key

    holds()


def test_messages_have_ids_of_their_own_and_numbers_without_holes_per_site(load: Load) -> None:
    maker = Maker(load, "r1")
    made = maker.make(2_000, START_MS) + maker.make(len(load.stencils) * 2, START_MS + 1)
    assert [one.id for one in made] == [f"load-r1-{n}" for n in range(len(made))]
    numbers = defaultdict(list)
    for one in made:
        assert one.id.encode() in one.value
        assert any(text in one.value for text in writings(one.time_ms))
        body = orjson.loads(one.value)
        seq = body.get("so_thu_tu", body.get("sequence", body.get("sequenceNumber")))
        numbers[one.centre, one.key].append(int(seq["value"] if isinstance(seq, dict) else seq))
    for found in numbers.values():
        assert found == list(range(1, len(found) + 1))


def test_intake_takes_a_load_as_readings_of_a_drill(profile: Profile, load: Load) -> None:
    topics = Topics("t.", profile.centre_ids)
    lanes: dict[tuple[str, int], list[InRecord]] = defaultdict(list)
    for one in Maker(load, "r2").make(3_000, START_MS):
        lane = lanes[one.centre, topics.partition(f"raw.{one.centre}", one.key)]
        lane.append(InRecord(len(lane), START_MS + 500, one.key, one.value))
    events: list[dict[str, object]] = []
    for (centre, part), records in lanes.items():
        for emit in IntakePartition(profile, centre, part).step(records, START_MS + 600).emits:
            assert emit.topic != "dead", emit.value
            if emit.topic == "events" and emit.value is not None:
                events.append(orjson.loads(emit.value))
    assert len(events) == 3_000
    assert {event["exercise"] for event in events} == {"load-1"}
    assert len({event["id"] for event in events}) == 3_000


class Steady:
    """A clock that sleeping moves, and each offer by ``cost_s``."""

    def __init__(self) -> None:
        self.s = 1_000.0

    def now_ms(self) -> int:
        return int(self.s * 1000)

    def monotonic_s(self) -> float:
        return self.s

    async def sleep(self, seconds: float) -> None:
        self.s += seconds
        for _ in range(10):
            await asyncio.sleep(0)


async def test_the_pace_is_kept_and_the_count_is_exact(load: Load) -> None:
    link, clock, stopping = FakeBulkLink(most=2_000), Steady(), asyncio.Event()
    courier = BulkCourier(link, clock=clock.now_ms, sleep=clock.sleep, stopping=stopping)
    done = await play_load(
        Maker(load, "r3"), courier, now_ms=clock.now_ms, monotonic_s=clock.monotonic_s, sleep=clock.sleep,
        stopping=stopping, rate=20_000, count=25_000,
    )  # fmt: skip
    assert done.books.sent == done.books.acked == len(link.log) == 25_000
    assert done.wall_s == pytest.approx(1.25, abs=0.05)
    assert done.unbalanced == 0
    times = [one.time_ms for one in link.log]
    assert max(times) - min(times) == pytest.approx(1_240, abs=30), "each has the time at which it was made"
    await courier.close()


async def test_a_request_to_end_ends_it_with_balanced_books(load: Load) -> None:
    link, clock, stopping = FakeBulkLink(most=2_000), Steady(), asyncio.Event()
    courier = BulkCourier(link, clock=clock.now_ms, sleep=clock.sleep, stopping=stopping)
    shown = iter(range(1_000))

    def stop(*_: object) -> None:
        if next(shown) == 20:
            stopping.set()

    done = await play_load(
        Maker(load, "r4"), courier, now_ms=clock.now_ms, monotonic_s=clock.monotonic_s, sleep=clock.sleep,
        stopping=stopping, rate=10_000, count=None, shown=stop,
    )  # fmt: skip
    assert 0 < done.books.sent == done.books.acked == len(link.log)
    await courier.close()
