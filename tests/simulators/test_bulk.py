"""Delivery in bulk: the books balance at every moment, and whatever fails, everything arrives in order per key."""

from __future__ import annotations

import asyncio
import tempfile
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.bulk import Books, BulkCourier
from simulators.courier import Message
from simulators.ledger import Ledger, read_ids
from simulators.spool import Spool
from tests.simulators.fake_bulk import FakeBulkLink

KEYS = (b"a", b"b", b"c")


def some(first: int, count: int) -> list[Message]:
    return [Message(f"M{n}", "bien-hoa", KEYS[n % 3], b"value %d" % n, "f/s/t", n) for n in range(first, first + count)]


class Clock:
    """Short real sleeps, so that tasks run; the clock jumps by what was asked for."""

    def __init__(self) -> None:
        self.ms = 0.0

    def now_ms(self) -> int:
        return int(self.ms)

    async def sleep(self, seconds: float) -> None:
        self.ms += seconds * 1000
        for _ in range(10):
            await asyncio.sleep(0)


def courier(
    link: FakeBulkLink,
    spool: Spool | None = None,
    *,
    most: int = 50,
    ahead: bool = False,
    ledger: Ledger | None = None,
    kind: type[BulkCourier] = BulkCourier,
) -> BulkCourier:
    clock = Clock()
    return kind(
        link,
        clock=clock.now_ms,
        sleep=clock.sleep,
        stopping=asyncio.Event(),
        ledger=ledger,
        spool=spool,
        ahead=ahead,
        in_memory_max=most,
        answer_limit_s=0.05,
    )


def first_sights(log: list[Message]) -> dict[bytes, list[str]]:
    found: dict[bytes, list[str]] = defaultdict(list)
    for one in dict.fromkeys(log):
        found[one.key].append(one.id)
    return found


def in_order(count: int) -> dict[bytes, list[str]]:
    return first_sights(some(0, count))


async def test_all_arrives_and_is_in_the_ledger(tmp_path: Path) -> None:
    link, book = FakeBulkLink(), Ledger(tmp_path / "ledger")
    sender = courier(link, ledger=book)
    for n in range(0, 200, 20):
        assert await sender.offer(some(n, 20))
        assert sender.books.balanced
    assert await sender.drain() == Books(0, 200, 200, 0, 0)
    await sender.close()
    book.close()
    assert sorted(read_ids(tmp_path / "ledger")) == sorted(one.id for one in link.log)
    assert first_sights(link.log) == in_order(200)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("offer"), st.integers(1, 12)),
        st.tuples(st.just("turn"), st.integers(1, 8)),
        st.tuples(st.sampled_from(["away", "back", "lose", "lose_answer", "death"]), st.just(0)),
    ),
    max_size=40,
)


async def follow(
    folder: Path, steps: list[tuple[str, int]], ahead: bool, kind: type[BulkCourier], spool_kind: type[Spool]
) -> None:
    """Do what the steps say; each death leaves the spool alone, and what was only in memory is lost to the books."""
    link, path = FakeBulkLink(), folder / "spool"
    sender = courier(link, Spool(path), ahead=ahead, kind=kind)
    made, lost = 0, set[str]()
    try:
        for what, count in steps:
            if what == "offer":
                if sender.books.unacknowledged + count <= 50:
                    new = some(made, count)
                    assert await asyncio.wait_for(sender.offer(new), 5)
                    made += count
            elif what == "turn":
                for _ in range(count):
                    await asyncio.sleep(0)
            elif what == "death":
                if sender.books.unacknowledged:
                    assert not ahead
                    arrived = {one.id for one in link.log}
                    lost |= {one.id for lane in sender._lanes.values() for one in lane.waiting} - arrived
                await sender.close()
                assert sender._spool is not None
                kept = sender._spool.pending
                sender._spool.close()
                sender = courier(link, spool_kind(path), ahead=ahead, kind=kind)
                assert sender.books == Books(kept, 0, 0, 0, kept)
            else:
                link.away = what == "away"
                link.lose += what == "lose"
                link.lose_answer += what == "lose_answer"
            assert sender.books.balanced
        link.away = False
        books = await sender.drain(1_000)
        assert books.unacknowledged == books.spooled == 0
        assert books.balanced
        wanted = {key: [id_ for id_ in ids if id_ not in lost] for key, ids in in_order(made).items()}
        assert first_sights(link.log) == {key: ids for key, ids in wanted.items() if ids}
        assert path.stat().st_size == 0
    finally:
        await sender.close()
        assert sender._spool is not None
        sender._spool.close()


@settings(max_examples=60)
@given(STEPS, st.booleans())
def test_whatever_fails_and_dies_everything_arrives_in_order_per_key(steps: list[tuple[str, int]], ahead: bool) -> None:
    """Without ``ahead`` a death loses what was only in memory, and nothing else; with it, nothing at all."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(follow(Path(folder), steps, ahead, BulkCourier, Spool))


class ForgetsAcks(BulkCourier):
    """Planted: the answer to every batch counts for one message less."""

    def _acknowledged(self, lane, messages):  # type: ignore[no-untyped-def]
        super()._acknowledged(lane, messages)
        self.acked -= 1


class DropsFirst(Spool):
    """Planted: what an earlier process left is read without its first message."""

    def _take_over(self) -> None:
        super()._take_over()
        self._next += self.unread


@pytest.mark.parametrize(("kind", "spool_kind"), [(ForgetsAcks, Spool), (BulkCourier, DropsFirst)])
def test_planted_mistakes_are_found(tmp_path: Path, kind: type[BulkCourier], spool_kind: type[Spool]) -> None:
    steps = [("away", 0), ("offer", 7), ("turn", 8), ("death", 0), ("back", 0), ("turn", 8), ("offer", 7)]
    with pytest.raises(AssertionError):
        asyncio.run(follow(tmp_path, steps, ahead=True, kind=kind, spool_kind=spool_kind))
    asyncio.run(follow(tmp_path / "good", steps, ahead=True, kind=BulkCourier, spool_kind=Spool))


async def test_a_broker_that_is_away_from_the_beginning_fills_the_spool(tmp_path: Path) -> None:
    link = FakeBulkLink()
    link.away = True
    sender = courier(link, Spool(tmp_path / "spool"), most=50)
    for n in range(0, 300, 20):
        assert await asyncio.wait_for(sender.offer(some(n, 20)), 5)
    assert sender.books == Books(0, 300, 0, 0, 300)
    link.away = False
    assert await sender.drain(1_000) == Books(0, 300, 300, 0, 0)
    assert first_sights(link.log) == in_order(300)
    assert await sender.offer(some(300, 1))
    assert sender.books.unacknowledged + sender.books.acked == 301, "directly again"
    await sender.close()


async def test_a_stopped_broker_that_wakes_up_late_stores_twice_and_in_order(tmp_path: Path) -> None:
    link = FakeBulkLink()
    sender = courier(link, Spool(tmp_path / "spool"), most=500)
    assert await sender.offer(some(0, 20))
    await asyncio.sleep(0.01)
    link.mute = True
    assert await sender.offer(some(20, 20))
    async with asyncio.timeout(5):
        while not sender.failures:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert sender.books.spooled == 20
    link.wake()
    assert await sender.offer(some(40, 20))
    async with asyncio.timeout(5):
        while sender.acked < 60:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert first_sights(link.log) == in_order(60)
    assert len(link.log) > 60
    await sender.close()


async def test_without_a_spool_a_full_memory_stands_still_and_repeats_in_order() -> None:
    link = FakeBulkLink()
    link.away = True
    sender = courier(link, most=30)
    assert await sender.offer(some(0, 30))
    waiting = asyncio.create_task(sender.offer(some(30, 10)))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    assert sender.books == Books(0, 30, 0, 30, 0)
    link.away = False
    assert await asyncio.wait_for(waiting, 5)
    assert await sender.drain(1_000) == Books(0, 40, 40, 0, 0)
    assert first_sights(link.log) == in_order(40)
    await sender.close()


async def test_a_full_spool_stands_still_until_it_is_delivered(tmp_path: Path) -> None:
    link = FakeBulkLink()
    link.away = True
    sender = courier(link, Spool(tmp_path / "spool", max_bytes=2_000), ahead=True)
    taken = 0
    while await _taken(sender, some(taken, 5)):
        taken += 5
    assert 10 < taken < 60
    assert sender.books == Books(0, taken, 0, 0, taken)
    link.away = False
    assert await asyncio.wait_for(sender.offer(some(taken, 5)), 5)
    assert await sender.drain(1_000) == Books(0, taken + 5, taken + 5, 0, 0)
    assert first_sights(link.log) == in_order(taken + 5)
    await sender.close()


async def _taken(sender: BulkCourier, messages: list[Message]) -> bool:
    task = asyncio.create_task(sender.offer(messages))
    done, _ = await asyncio.wait({task}, timeout=0.1)
    if not done:
        task.cancel()
        await asyncio.wait({task})
    return bool(done)


async def test_an_end_while_the_broker_is_away_leaves_everything_in_the_spool(tmp_path: Path) -> None:
    link = FakeBulkLink()
    sender = courier(link, Spool(tmp_path / "spool"), most=500)
    await sender.offer(some(0, 10))
    await sender.drain(1_000)
    link.mute = True
    await sender.offer(some(10, 10))
    assert await sender.drain(0) == Books(0, 20, 10, 0, 10)
    sender._stopping.set()
    await sender.close()


async def test_a_mistake_in_a_task_ends_the_run(tmp_path: Path) -> None:
    class Wrong(FakeBulkLink):
        async def send(self, place, messages):  # type: ignore[no-untyped-def]
            raise ZeroDivisionError

    sender = courier(Wrong())
    await sender.offer(some(0, 5))
    await asyncio.sleep(0.01)
    with pytest.raises(ZeroDivisionError):
        await sender.offer(some(5, 5))
    with pytest.raises(ZeroDivisionError):
        await sender.close()


async def test_newer_messages_queue_up_behind_a_spool_that_is_on_its_way(tmp_path: Path) -> None:
    """Under a steady load something is always on its way: the spool must not be in use for ever for that."""
    before = Spool(tmp_path / "spool")
    before.append(some(0, 10))
    before.close()
    link = FakeBulkLink()
    link.mute = True
    sender = courier(link, Spool(tmp_path / "spool"), most=500)
    await asyncio.sleep(0.01)
    assert await sender.offer(some(10, 10))
    assert sender.books == Books(10, 10, 0, 10, 10)
    async with asyncio.timeout(5):
        while not sender.failures:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert sender.books == Books(10, 10, 0, 0, 20), "the newer ones went behind them into the spool"
    link.mute = False
    link._held.clear()
    assert await sender.drain(10_000) == Books(10, 10, 20, 0, 0)
    assert first_sights(link.log) == in_order(20)
    await sender.close()
