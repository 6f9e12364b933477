from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import orjson
import pytest

from ioc.adapters.profiles import load_profile
from ioc.errors import BadInput
from simulators import overrides
from simulators.courier import Courier
from simulators.faults import Fault, Parcel, Silence
from simulators.ledger import Ledger, read_ids
from simulators.plan import Scenario
from simulators.player import Played, Progress, play, play_steps
from simulators.programme import Programme
from simulators.runs import Wish, plan_of, silences_of, start_of
from simulators.stream import Stream
from tests.simulators.fakes import FakeClock, FakeLink
from tests.simulators.small_field import NOON_MS, profile

PLAN = Scenario(title_vi="x", title_en="x")


def encode(parcel: Parcel) -> tuple[bytes, bytes]:
    reading = parcel.reading
    return reading.site.encode(), orjson.dumps({"id": reading.id, "t": reading.time_ms, "data": reading.data})


class Run:
    """One play of the small profile against the fake broker."""

    def __init__(
        self,
        *,
        seconds: float | None = 20,
        rate: float = 40,
        speed: float = 1,
        ledger: Ledger | None = None,
        faults: tuple[Fault, ...] = (),
    ) -> None:
        self.clock, self.link, self.stopping = FakeClock(NOON_MS), FakeLink(), asyncio.Event()
        self.programme = Programme(profile(), PLAN, start_ms=NOON_MS, seed=7, rate=rate, duration_s=seconds)
        self.stream = Stream(self.programme, faults)
        self.speed = speed
        self.courier = Courier(
            self.link, clock=self.clock.now_ms, sleep=self.clock.sleep, stopping=self.stopping, ledger=ledger
        )

    async def go(self, held: overrides.Overrides | None = None) -> Played:
        return await play(
            self.stream,
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


async def test_what_is_held_back_comes_after_the_end() -> None:
    run = Run(seconds=20, faults=(Silence(at_s=5, for_s=20, centre="long-khanh", catch_up_s=5),))
    played = await run.go()
    assert sorted(m.id for m in run.link.log) == sorted(run.expected_ids())
    assert played.event_ms == NOON_MS + 20_000
    late = [m for m in run.link.log if m.centre == "long-khanh" and m.time_ms >= NOON_MS + 5_000]
    assert late
    assert run.link.log[-len(late) :] == late
    assert (run.clock.ms - NOON_MS) / 1000 == pytest.approx(25 + 5 * 15 / 20, abs=0.2), "the last one waited 15 of 20 s"


async def test_progress_is_told() -> None:
    run, told = Run(seconds=5), list[Progress]()
    await play(
        run.stream,
        run.courier,
        encode,
        now_ms=run.clock.now_ms,
        sleep=run.clock.sleep,
        stopping=run.stopping,
        shown=told.append,
    )
    assert [p.event_ms for p in told] == sorted(p.event_ms for p in told)
    assert told[-1].sent == len(run.link.log)


async def test_each_step_sends_its_stretch_and_no_more() -> None:
    run, asked = Run(seconds=60), list[Progress]()

    async def ask(progress: Progress) -> bool:
        asked.append(progress)
        await run.clock.sleep(100)  # however long somebody thinks
        return len(asked) < 5

    played = await play_steps(
        run.stream,
        run.courier,
        encode,
        now_ms=run.clock.now_ms,
        ask=ask,
        step_ms=10_000,
        stopping=run.stopping,
    )
    assert [p.event_ms - NOON_MS for p in asked] == [0, 10_000, 20_000, 30_000, 40_000]
    assert played.event_ms == NOON_MS + 40_000
    assert [m.id for m in run.link.log] == run.expected_ids(40)
    assert asked[2].sent == len(run.expected_ids(20))


def wish(**more: object) -> Wish:
    return Wish(**{"name": "x", **more})  # type: ignore[arg-type]


def test_a_run_never_begins_so_that_it_reaches_the_future() -> None:
    minute = Scenario(title_vi="x", title_en="x", duration_s=60)
    assert start_of(wish(), minute, NOON_MS) == NOON_MS
    assert start_of(wish(speed=0.5), minute, NOON_MS) == NOON_MS
    assert start_of(wish(speed=60), minute, NOON_MS) == NOON_MS - 59_000
    assert start_of(wish(speed=4, duration_s=40), PLAN, NOON_MS) == NOON_MS - 30_000
    assert start_of(wish(from_s=20), minute, NOON_MS) == NOON_MS - 20_000
    assert start_of(wish(from_s=20, speed=4), minute, NOON_MS) == NOON_MS - 50_000
    with pytest.raises(BadInput, match="endless"):
        start_of(wish(speed=2), PLAN, NOON_MS)
    fixed = Scenario(title_vi="x", title_en="x", start="2023-08-01T00:00:00Z")
    assert start_of(wish(speed=60), fixed, NOON_MS) == 1_690_848_000_000


HEAD = 'title_vi = "a"\ntitle_en = "b"\n'
JUDGED = HEAD + "duration_s = 3600\n[alerts]\nmost = 5\n"


@pytest.mark.parametrize(
    ("text", "more", "said"),
    [
        (HEAD, {"speed": 0.4}, "--speed must be from 0.5 to 1000"),
        (HEAD, {"speed": 1001.0}, "--speed must be from 0.5 to 1000"),
        (HEAD, {"duration_s": 0.0}, "--duration-s must be above 0"),
        (HEAD, {"exercise": "a drill"}, "'a drill' is not 1 to 128 plain ASCII letters"),
        (HEAD, {"exercise": "canary"}, "the id 'canary' belongs to the software itself"),
        (HEAD, {"quiet": ("NOWHERE",)}, "--quiet: no site 'NOWHERE'"),
        (JUDGED, {"from_s": 3600.0}, "--from is not before the end of the scenario (3600 s)"),
        (JUDGED, {"from_s": -1.0}, "--from must not be before the start"),
        (HEAD, {"stepwise": True}, "--step lets event time stand still, which only a drill may"),
        (JUDGED, {"speed": 4.0}, "up to 45 minutes old when they arrive, and those older than 10 raise no alert"),
        (JUDGED, {"speed": 0.5}, "up to 60 minutes old"),
        (HEAD + 'start = "2023-08-01T00:00:00Z"\n', {}, "which the live picture refuses; run it as a drill"),
    ],
)
def test_a_wish_that_cannot_be_granted_is_one_sentence(
    text: str, more: dict[str, object], said: str, tmp_path: Path
) -> None:
    file = tmp_path / "own.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput) as refused:
        plan_of(wish(name=str(file), **more), profile(), now_ms=NOON_MS, default_seed=1)
    assert said in refused.value.detail


@pytest.mark.parametrize("more", [{"speed": 4.0, "exercise": "d"}, {"speed": 4.0, "dry": True}, {"speed": 1.1}])
def test_a_drill_or_a_run_in_memory_may_be_of_any_time(more: dict[str, object], tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(JUDGED, encoding="utf-8")
    plan = plan_of(wish(name=str(file), **more), profile(), now_ms=NOON_MS, default_seed=9)
    assert plan.seed == 9
    assert plan.duration_s == 3600


def test_rules_that_ask_when_something_arrived_are_those_of_silence_and_of_absence() -> None:
    rules = load_profile("dongnai-2023").rules
    assert silences_of(load_profile("dongnai-2023")) == {"source-silent", "feed-silent"}
    assert {rule.kind for rule in rules if rule.id in ("source-silent", "feed-silent")} == {"silence", "absence"}
