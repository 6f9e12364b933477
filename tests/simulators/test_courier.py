from __future__ import annotations

import asyncio
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.courier import Courier, Message
from simulators.ledger import Ledger, read_ids
from tests.simulators.fakes import FakeClock, FakeLink


def message(n: int) -> Message:
    return Message(f"M{n}", "bien-hoa", b"k", b"v")


def courier(link: FakeLink, clock: FakeClock, ledger: Ledger | None = None, most: int = 1000) -> Courier:
    return Courier(
        link, clock=clock.now_ms, sleep=clock.sleep, stopping=asyncio.Event(), ledger=ledger, in_flight_max=most
    )


def first_seen(link: FakeLink) -> list[str]:
    return list(dict.fromkeys(m.id for m in link.log))


async def test_all_in_order_and_in_the_ledger(tmp_path: Path) -> None:
    link, clock = FakeLink(), FakeClock(1_000)
    book = Ledger(tmp_path / "a" / "ledger.jsonl")
    sender = courier(link, clock, book)
    for n in range(50):
        assert await sender.offer(message(n))
    assert await sender.drain() == 0
    await sender.close()
    book.close()
    assert [m.id for m in link.log] == [f"M{n}" for n in range(50)]
    assert read_ids(tmp_path / "a" / "ledger.jsonl") == [f"M{n}" for n in range(50)]
    assert (sender.sent, sender.acked, sender.repeats) == (50, 50, 0)


@settings(deadline=None)
@given(st.lists(st.sampled_from(["ok", "lose", "lose_answer"]), min_size=1, max_size=60))
def test_whatever_fails_everything_arrives_in_order(fates: list[str]) -> None:
    """Each message meets one fate at its first attempt; the receiver sees every id, first sights in order."""

    async def run() -> None:
        link, clock = FakeLink(), FakeClock(0)
        sender = courier(link, clock)
        for n, fate in enumerate(fates):
            if fate != "ok":
                setattr(link, fate, 1)
            assert await sender.offer(message(n))
            await asyncio.sleep(0)  # the answer arrives before the next message is sent
        assert await sender.drain() == 0
        assert first_seen(link) == [f"M{n}" for n in range(len(fates))]
        assert sender.acked == sender.sent == len(fates)
        assert len(link.log) == len(fates) + fates.count("lose_answer")

    asyncio.run(run())


async def test_a_failure_behind_a_window_repeats_the_window_in_order() -> None:
    link, clock = FakeLink(), FakeClock(0)
    sender = courier(link, clock)
    link.hold = True
    for n in range(20):
        await sender.offer(message(n))
    link.drop_connection()
    clock.at.append((5_000, lambda: setattr(link, "away", False)))
    link.hold = False
    await sender.offer(message(20))
    assert await sender.drain() == 0
    assert [m.id for m in link.log] == [f"M{n}" for n in range(21)]
    assert sender.repeats >= 20
    assert clock.ms >= 5_000
    assert link.opened == 2


async def test_no_more_than_the_limit_is_in_flight() -> None:
    link, clock = FakeLink(), FakeClock(0)
    sender = courier(link, clock, most=10)
    link.hold = True
    for n in range(10):
        assert await sender.offer(message(n))
    waiting = asyncio.create_task(sender.offer(message(10)))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    assert sender.unacknowledged == 10
    link.release()
    assert await asyncio.wait_for(waiting, 5)
    assert await sender.drain() == 0


async def test_an_end_while_the_broker_is_away_is_bounded_and_says_what_is_left() -> None:
    link, clock = FakeLink(), FakeClock(0)
    sender = courier(link, clock)
    link.hold = True
    await sender.offer(message(0))
    link.drop_connection()
    await asyncio.sleep(0)
    sender._stopping.set()
    assert not await sender.offer(message(1))
    assert await sender.drain(10) == 1
    assert 9_000 <= clock.ms <= 12_000
    assert sender.acked == 0


async def test_a_full_courier_lets_go_at_the_end() -> None:
    link, clock = FakeLink(), FakeClock(0)
    sender = courier(link, clock, most=1)
    link.hold = True
    await sender.offer(message(0))
    waiting = asyncio.create_task(sender.offer(message(1)))
    await asyncio.sleep(0)
    sender._stopping.set()
    assert await asyncio.wait_for(waiting, 5) is False
