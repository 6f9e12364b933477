"""The clock that a player tells: it stands behind all that it speaks of, whatever happens to the broker and the player;
and what intake, detect and alerting make of it, whichever partition is read first."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.adapters.profiles import load_profile
from ioc.domain.alerts import Alert
from ioc.domain.profile import Profile
from ioc.pipeline import drill_silence
from ioc.pipeline.drill_clocks import DrillClocks
from ioc.pipeline.effects import Emit
from ioc.pipeline.runner import Runner
from ioc.wire import drill_clock
from ioc.wire.drill_clock import KEY, STEP_MS, DrillClock
from ioc.wire.topics import RAW_PARTITIONS, Topics
from simulators.courier import Message
from simulators.drill_time import DrillTime, Told
from simulators.dry import run_dry
from simulators.faults import Parcel, Silence
from simulators.player import Progress, play, play_steps
from simulators.programme import Programme
from simulators.runs import Wish, plan_of
from simulators.stream import encode
from tests.simulators.small_field import NOON_MS
from tests.simulators.test_player import Run
from tests.simulators.test_player import encode as plain

CENTRES = ("bien-hoa", "long-khanh", "tinh")
FAULTS = (Silence(at_s=5, for_s=20, centre="long-khanh", catch_up_s=5),)


def drill_time(run: Run) -> DrillTime:
    return DrillTime("d", CENTRES, run.stream.start_ms, run.stream.end_ms)


def place_of(message: Message) -> tuple[str, int]:
    topics = Topics("", CENTRES)
    logical = f"raw.{message.centre}"
    partition = topics.partition(logical, message.key) if message.partition is None else message.partition
    return message.centre, partition


def untruths(log: Sequence[Message], sent_ms: dict[str, int]) -> list[str]:
    """What is wrong with the clocks in what the broker stored.

    Args:
        log: in the order of storing; each partition keeps it.
        sent_ms: id of each message → when it was to be sent, in the drill's time.
    """
    wrong, told = list[str](), dict[tuple[str, int], list[int]]()
    first: dict[str, int] = {}
    for at, message in enumerate(log):
        if message.key != KEY:
            first.setdefault(message.id, at)
    for at, message in enumerate(log):
        if message.key != KEY:
            continue
        said, place = drill_clock.decode(message.value), place_of(message)
        assert (said.centre, said.partition, said.exercise) == (*place, "d")
        chain = told.setdefault(place, [])
        if not chain and said.since_ms != said.upto_ms:
            wrong.append(f"{place} begins in the middle")
        if said.upto_ms not in chain:
            if chain and said.since_ms != chain[-1]:
                wrong.append(f"{place} goes on at {said.since_ms}")
            chain.append(said.upto_ms)
        for other in log[at + 1 :]:
            if other.key != KEY and place_of(other) == place and first[other.id] > at:
                if sent_ms[other.id] < said.upto_ms:
                    wrong.append(f"{place}: {other.id} of {sent_ms[other.id]} comes behind the clock of {said.upto_ms}")
                break
    if told.keys() != {(centre, n) for centre in CENTRES for n in range(RAW_PARTITIONS)}:
        wrong.append(f"only {sorted(told)} are told the time")
    return wrong


def sent_at(seconds: float) -> dict[str, int]:
    parcels = Run(seconds=seconds, faults=FAULTS).stream.take(NOON_MS + 3_600_000)
    return {parcel.reading.id: parcel.send_ms for parcel in parcels}


async def gone(run: Run) -> list[Message]:
    played = await play(
        run.stream,
        run.courier,
        plain,
        now_ms=run.clock.now_ms,
        sleep=run.clock.sleep,
        stopping=run.stopping,
        speed=run.speed,
        time=drill_time(run),
    )
    messages = [one for one in run.link.log if one.key != KEY]
    assert played.sent == len({one.id for one in messages}), "the clock is no message"
    assert played.acked + played.unacknowledged == played.sent
    return run.link.log


@pytest.mark.parametrize("speed", [0.5, 1, 60, 1000])
async def test_at_any_speed_the_clock_stands_behind_what_it_speaks_of(speed: float) -> None:
    log = await gone(Run(seconds=32, speed=speed, faults=FAULTS))
    assert untruths(log, sent_at(32)) == []
    said = sorted({drill_clock.decode(one.value).upto_ms - NOON_MS for one in log if one.key == KEY})
    assert said == [*range(0, 32_000, STEP_MS), 32_000], "never beyond the end"
    assert log == await gone(Run(seconds=32, faults=FAULTS)), "the same records in the same order"


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.sampled_from(["lose", "lose_answer", "away"])), max_size=6))
def test_a_broker_that_fails_does_not_let_the_clock_overtake(fates: list[tuple[int, str]]) -> None:
    async def go() -> list[Message]:
        run = Run(seconds=30, faults=FAULTS)
        for second, fate in fates:
            call: Any = lambda fate=fate: setattr(run.link, fate, 2)  # noqa: E731
            if fate == "away":
                call = run.link.drop_connection
                run.clock.at.append((NOON_MS + second * 1_000 + 7_000, lambda: setattr(run.link, "away", False)))
            run.clock.at.append((NOON_MS + second * 1_000, call))
        return await gone(run)

    assert untruths(asyncio.run(go()), sent_at(30)) == []


async def test_a_player_that_is_stopped_stops_the_clock() -> None:
    run = Run(seconds=60)
    run.clock.at.append((NOON_MS + 12_000, run.stopping.set))
    log = await gone(run)
    assert max(drill_clock.decode(one.value).upto_ms for one in log if one.key == KEY) == NOON_MS + 10_000


async def test_step_by_step_the_clock_stands_still_while_somebody_thinks() -> None:
    run, asked = Run(seconds=60), list[Progress]()

    async def ask(progress: Progress) -> bool:
        asked.append(progress)
        await run.clock.sleep(1_000)
        return len(asked) < 3

    await play_steps(
        run.stream,
        run.courier,
        plain,
        now_ms=run.clock.now_ms,
        ask=ask,
        step_ms=7_000,
        stopping=run.stopping,
        time=drill_time(run),
    )
    assert untruths(run.link.log, sent_at(60)) == []
    said = {drill_clock.decode(one.value).upto_ms - NOON_MS for one in run.link.log if one.key == KEY}
    assert said == {0, 5_000, 10_000}


async def test_a_clock_that_is_told_before_its_messages_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the clock of a stretch goes out before its messages."""

    def hasty(self: DrillTime, messages: Iterable[Any], upto_ms: int) -> Iterator[Any]:
        yield from self._due(upto_ms)
        yield from messages

    monkeypatch.setattr(DrillTime, "among", hasty)
    found = untruths(await gone(Run(seconds=32, speed=60, faults=FAULTS)), sent_at(32))
    assert any("comes behind the clock" in one for one in found)


def test_an_endless_run_tells_the_time_too() -> None:
    time = DrillTime("d", ("tinh",), 0, None)
    told = [one for one in time.among(list[Parcel](), 20_000) if isinstance(one, Told)]
    assert [one.upto_ms for one in told[::RAW_PARTITIONS]] == [0, 5_000, 10_000, 15_000, 20_000]
    assert not list(time.among(list[Parcel](), 20_000))


# ---- to the alerts ---------------------------------------------------------------------------------------------------

FROM_S, TO_S = 540, 2_040  # of source-loss: from a minute before the silence to what comes late


@lru_cache(maxsize=1)
def province() -> Profile:
    return load_profile("dongnai-2023")


@lru_cache(maxsize=1)
def logs() -> dict[tuple[str, int], list[Emit]]:
    """What a drill of source-loss writes into each partition of the raw topics."""
    profile = province()
    wish = Wish(name="source-loss", exercise="d", from_s=FROM_S, duration_s=TO_S, start_ms=NOON_MS, dry=True)
    plan = plan_of(wish, profile, now_ms=NOON_MS, default_seed=1)
    stream = plan.stream(profile)
    time, topics = plan.drill_time(profile, stream), Topics("", profile.centre_ids)
    assert time is not None
    found: dict[tuple[str, int], list[Emit]] = {}
    for one in time.among(stream.take(plan.from_ms + 3_600_000), plan.from_ms + 3_600_000):
        if isinstance(one, Told):
            emit = Emit(f"raw.{one.centre}", KEY, one.value, one.partition)
        else:
            topic, (key, value) = f"raw.{one.centre}", encode(profile, one, "d")
            emit = Emit(topic, key, value, topics.partition(topic, key))
        assert emit.partition is not None
        found.setdefault((emit.topic, emit.partition), []).append(emit)
    return found


def alerts_of(seed: int) -> list[Alert]:
    """Every partition is read in portions, one ahead of the other; jobs crash; all within a few seconds."""
    chance = random.Random(seed)
    runner = Runner(province(), NOON_MS + 3_000_000, with_desk=False)
    left = {place: list(emits) for place, emits in logs().items()}
    while left:
        place = chance.choice(sorted(left))
        for emit in left[place][: (size := chance.choice([50, 400, 2_000]))]:
            runner.put(emit)
        left[place] = left[place][size:]
        if not left[place]:
            del left[place]
        runner.settle()
        runner.advance(500)
        if chance.random() < 0.2:
            runner.crash(chance.choice(["events", "raw.long-khanh", "alert-inputs"]))
    runner.advance(2_000)
    found = [one for one in runner.alerts().values() if one.rule in ("source-silent", "feed-silent")]
    return [one for one in found if one.exercise == "d"]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [1, 2])
def test_source_loss_gives_one_silence_whichever_partition_is_read_first(seed: int) -> None:
    [silent] = alerts_of(seed)
    start_ms = NOON_MS
    assert (silent.rule, silent.centre, silent.active, silent.reason) == (
        "source-silent", "long-khanh", False, "HEARTBEAT",
    )  # fmt: skip
    assert 590_000 <= silent.started_ms - start_ms < 600_000
    assert 1_795_000 <= silent.observed_ms - start_ms <= 1_890_000


@pytest.mark.timeout(600)
def test_a_clock_by_the_newest_that_was_told_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drill_silence, "come_to", lambda told: max(told.values()))
    assert len(alerts_of(1)) > 1, "false silences"


@pytest.mark.timeout(600)
def test_a_clock_by_the_newest_event_time_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: nothing is told; each event sets the clock of its centre to its own time."""
    right = DrillClocks.take
    newest_ms = dict[str, int]()

    def by_events(self: DrillClocks, value: bytes, arrived_ms: int) -> Emit | None:
        said = drill_clock.decode(value)
        times_ms = [max(kept.heard.values(), default=0) for kept in self._known.values()]
        newest_ms[said.centre] = max([newest_ms.get(said.centre, said.upto_ms), *times_ms])
        now_ms = max(said.upto_ms, newest_ms[said.centre])
        kept = self._known.get("d")
        since_ms = min(now_ms, now_ms if kept is None else max(kept.upto_ms, now_ms - 60_000))
        if kept is not None:
            kept.upto_ms = since_ms
        clock = DrillClock(
            exercise="d", centre=said.centre, partition=said.partition, since_ms=since_ms, upto_ms=now_ms
        )
        return right(self, drill_clock.encode(clock), arrived_ms)

    monkeypatch.setattr(DrillClocks, "take", by_events)
    assert len(alerts_of(1)) > 1, "false silences"


def absences(length_s: float) -> int:
    """Alerts of feeds in a drill of a day that is played with a tenth of its readings."""
    wish = Wish(name="calm-day", exercise="d", duration_s=length_s, rate=2.0, dry=True)
    result = run_dry(plan_of(wish, province(), now_ms=NOON_MS, default_seed=1), province())
    assert result.verdict is not None
    return result.verdict.by_rule.get("feed-silent", 0)


@pytest.mark.timeout(600)
def test_fewer_readings_are_no_absence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the player does not say how seldom the feeds report."""
    assert absences(3_000.0) == 0
    monkeypatch.setattr(Programme, "seldom", lambda self, profile: {})
    assert absences(3_000.0) > 0


def test_at_its_own_rate_a_scenario_has_nothing_seldom() -> None:
    profile = province()
    for rate, seldom in ((None, set()), (5.0, {"bien-hoa", "long-khanh"})):
        plan = plan_of(Wish(name="calm-day", rate=rate, dry=True), profile, now_ms=NOON_MS, default_seed=1)
        assert set(plan.stream(profile).programme.seldom(profile)) == seldom


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["cyber-incident", "river-rise", "holiday-return-ql51"])
def test_no_drill_raises_another_silence_than_the_live_picture(name: str) -> None:
    """The same stretch, as the live picture and as a drill."""
    profile, found = province(), []
    for exercise in (None, "d"):
        wish = Wish(name=name, exercise=exercise, duration_s=900.0, rate=3.0, dry=True)
        result = run_dry(plan_of(wish, profile, now_ms=NOON_MS, default_seed=1), profile)
        assert result.verdict is not None
        assert not [one for one in result.verdict.findings if not one.holds], name
        found.append({rule: n for rule, n in result.verdict.by_rule.items() if rule.endswith("-silent")})
    assert found[0] == found[1]
