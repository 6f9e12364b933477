from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import orjson
import pytest

from ioc.errors import BadInput
from simulators import overrides
from simulators.courier import Courier
from simulators.ledger import Ledger, read_ids
from simulators.player import Played, play, start_of
from simulators.programme import Programme
from simulators.readings import Reading
from simulators.scenario import Scenario
from tests.simulators.fakes import FakeClock, FakeLink
from tests.simulators.small_field import NOON_MS, profile

PLAN = Scenario(title_vi="x", title_en="x")


def encode(reading: Reading) -> tuple[bytes, bytes]:
    return reading.site.encode(), orjson.dumps({"id": reading.id, "t": reading.time_ms, "data": reading.data})


class Run:
    """One play of the small profile against the fake broker."""

    def __init__(
        self, *, seconds: float | None = 20, rate: float = 40, speed: float = 1, ledger: Ledger | None = None
    ) -> None:
        self.clock, self.link, self.stopping = FakeClock(NOON_MS), FakeLink(), asyncio.Event()
        self.programme = Programme(profile(), PLAN, start_ms=NOON_MS, seed=7, rate=rate, duration_s=seconds)
        self.speed = speed
        self.courier = Courier(
            self.link, clock=self.clock.now_ms, sleep=self.clock.sleep, stopping=self.stopping, ledger=ledger
        )

    async def go(self, held: overrides.Overrides | None = None) -> Played:
        return await play(
            self.programme,
            self.courier,
            encode,
            now_ms=self.clock.now_ms,
            sleep=self.clock.sleep,
            stopping=self.stopping,
            speed=self.speed,
            held=held,
        )

    def expected_ids(self, seconds: float = 20) -> list[str]:
        return [r.id for r in self.programme.between(NOON_MS, NOON_MS + round(seconds * 1000))]


async def test_everything_is_sent_in_order_and_on_time() -> None:
    run = Run()
    sent_at: list[tuple[int, int]] = []
    send = run.link.send

    async def noting(message):  # type: ignore[no-untyped-def]
        sent_at.append((run.clock.now_ms(), orjson.loads(message.value)["t"]))
        return await send(message)

    run.link.send = noting  # type: ignore[method-assign]
    played = await run.go()
    assert [m.id for m in run.link.log] == run.expected_ids()
    assert played.sent == played.acked == len(run.link.log) == pytest.approx(800, rel=0.02)
    assert all(0 <= sent - event <= 60 for sent, event in sent_at), "never of the future, at most a tick late"
    assert played.behind_max_s < 0.1


@pytest.mark.parametrize(("speed", "wall_s"), [(0.5, 40), (4, 5), (100, 0.2)])
async def test_speed_scales_the_clock_and_keeps_the_bytes(speed: float, wall_s: float) -> None:
    run = Run(speed=speed)
    await run.go()
    assert [m.id for m in run.link.log] == run.expected_ids()
    assert (run.clock.ms - NOON_MS) / 1000 == pytest.approx(wall_s, abs=0.2)


async def test_a_broker_away_for_a_minute_loses_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    book = Ledger(tmp_path / "ledger.jsonl")
    run = Run(seconds=90, ledger=book)
    run.link.lose_answer = 3
    run.clock.at += [
        (NOON_MS + 10_000, run.link.drop_connection),
        (NOON_MS + 70_000, lambda: setattr(run.link, "away", False)),
    ]
    with caplog.at_level(logging.INFO):
        played = await run.go()
    book.close()
    expected = run.expected_ids(90)
    assert list(dict.fromkeys(m.id for m in run.link.log)) == expected
    assert sorted(read_ids(tmp_path / "ledger.jsonl")) == sorted(expected), "every acknowledged one, once"
    assert played.unacknowledged == 0
    assert 55 < played.behind_max_s < 70
    assert "behind by" in caplog.text
    assert "caught up" in caplog.text


async def test_a_request_to_end_drains() -> None:
    run = Run(seconds=None)
    run.clock.at.append((NOON_MS + 5_000, run.stopping.set))
    played = await run.go()
    assert played.unacknowledged == 0
    assert played.sent == played.acked == pytest.approx(200, abs=10)


async def test_an_injected_value_stays_for_its_time(tmp_path: Path) -> None:
    path = tmp_path / "sim" / "overrides.json"
    overrides.hold(path, "bien-hoa/BIENHOA", {"level_m": 2.05}, NOON_MS + 10_000, NOON_MS)
    run = Run(rate=40)
    await run.go(overrides.Overrides(path))
    levels = {
        orjson.loads(m.value)["t"] - NOON_MS: orjson.loads(m.value)["data"]["level_m"]
        for m in run.link.log
        if m.key == b"BIENHOA"
    }
    assert {level for t, level in levels.items() if t < 9_900} == {2.05}
    assert 2.05 not in {level for t, level in levels.items() if t > 10_100}


def test_a_run_never_begins_so_that_it_reaches_the_future() -> None:
    minute = Scenario(title_vi="x", title_en="x", duration_s=60)
    assert start_of("x", minute, NOON_MS, 1, None) == NOON_MS
    assert start_of("x", minute, NOON_MS, 0.5, None) == NOON_MS
    assert start_of("x", minute, NOON_MS, 60, None) == NOON_MS - 59_000
    assert start_of("x", PLAN, NOON_MS, 4, 40) == NOON_MS - 30_000
    with pytest.raises(BadInput, match="endless"):
        start_of("x", PLAN, NOON_MS, 2, None)
    fixed = Scenario(title_vi="x", title_en="x", start="2023-08-01T00:00:00Z")
    assert start_of("x", fixed, NOON_MS, 60, None) == 1_690_848_000_000
