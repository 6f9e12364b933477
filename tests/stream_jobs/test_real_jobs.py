"""``intake``, ``detect`` and ``alerting`` on a real broker: the same log gives the same result, whatever happens.

The result is the canonical events, the dead letters, the final rollups and the alert episodes (:mod:`.picture`).
A plain run with one worker per job is compared with the steps in memory, and a run with several workers, that are
killed, join and leave and cut their work in other ways, with both. The log is the same record for record and the
present is virtual (:mod:`.installation`), so equal means equal.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ioc.adapters.profiles import load_profile
from ioc.domain.profile import Profile
from ioc.settings import Settings
from tests.conftest import Stack
from tests.forms import LONG
from tests.stream_jobs.installation import JOBS, Chaos, Installation, in_memory
from tests.stream_jobs.native_load import DUPLICATE, EVENT, STAGES_PER_SLICE, Stage, stages
from tests.stream_jobs.picture import Picture, differences

pytestmark = pytest.mark.stack
Make = Callable[[str], Any]


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load_profile(Settings().profile)


@pytest_asyncio.fixture
async def make(stack: Stack, tmp_path: Path, profile: Profile) -> AsyncIterator[Make]:
    """Makes installations whose workers end with the test."""
    made: list[Installation] = []

    async def new(name: str) -> Installation:
        made.append(Installation(stack.kafka, f"t{uuid.uuid4().hex[:10]}.", tmp_path / name, profile))
        await made[-1].make_topics()
        return made[-1]

    yield new
    for installation in made:
        installation.close()


async def plain_run(installation: Installation, load: list[Stage]) -> Picture:
    """One worker per job, undisturbed."""
    for job in JOBS:
        installation.start(job)
    for stage in load:
        await installation.work_off(stage)
        await installation.passed(stage)
    assert [worker.codes for worker in installation.workers] == [[], [], []], "a worker left by itself"
    return await installation.picture()


async def disturbed_run(
    installation: Installation, load: list[Stage], seed: int, rate_s: float, pause_s: tuple[float, float]
) -> tuple[Picture, Chaos]:
    """Several workers per job; deeds of chaos while each slice flows, and none while its windows are closed."""
    chaos = Chaos(installation, seed)
    chaos.start(workers=2)
    for number, stage in enumerate(load):
        deeds = asyncio.create_task(chaos.run(pause_s)) if number % STAGES_PER_SLICE == 0 else None
        await installation.work_off(stage, rate_s)
        if deeds is not None:
            deeds.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await deeds
        await installation.passed(stage, 90)
    return await installation.picture(), chaos


def assert_worth_comparing(load: list[Stage], found: Picture) -> None:
    """The stream holds all that was meant to be in it, and every record had its outcome."""
    sent = Counter(sent.outcome for stage in load for sent in stage.sent)
    assert sent[EVENT] == sum(found.events.values())
    assert found.codes == Counter({k: n for k, n in sent.items() if k not in (EVENT, DUPLICATE)})
    assert sent[DUPLICATE] > 50
    assert len(found.codes) >= 11
    assert len(found.rollups) > 100
    assert {r.window_ms for r in found.rollups.values()} >= {60_000, 3_600_000}
    assert len(found.alerts) > 15
    assert len({alert["rule"] for alert in found.alerts.values()}) >= 3
    # What returned unseen is mostly replaced by the next slice's episode of the same object, and closed by that.
    assert {alert["state"] for alert in found.alerts.values()} >= {"UNACK", "NORM"}


async def compare(make: Make, profile: Profile, load: list[Stage], seed: int, rate_s: float, plain: bool) -> None:
    wanted = in_memory(profile, load)
    assert_worth_comparing(load, wanted)
    if plain:
        assert not differences(wanted, await plain_run(await make("plain"), load))
    installation = await make("disturbed")
    found, chaos = await disturbed_run(installation, load, seed, rate_s, (0.3, 2.0))
    codes = Counter(code for worker in installation.workers for code in worker.codes)
    print(
        f"\n{sum(len(s.sent) for s in load)} records, {chaos.kills} kills, {chaos.joins} joins, {chaos.leaves} leaves; "
        f"{found.events.total()} events, {found.dead.total()} dead letters, {len(found.rollups)} final rollups, "
        f"{len(found.alerts)} alert episodes, raised {found.raised.total()} times; exit codes {dict(codes)}"
    )
    assert not differences(wanted, found)
    assert chaos.kills >= 3


@pytest.mark.timeout(300)
async def test_the_same_log_gives_the_same_result(make: Make, profile: Profile) -> None:
    await compare(make, profile, list(stages(profile, 2, 2_500, seed=1)), seed=1, rate_s=600, plain=True)


@pytest.mark.chaos
@pytest.mark.skipif(not LONG, reason="the long form runs with `make chaos`; the one above is the short form")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [2, 3])
async def test_the_same_log_gives_the_same_result_for_long(make: Make, profile: Profile, seed: int) -> None:
    await compare(make, profile, list(stages(profile, 5, 4_000, seed)), seed, rate_s=300, plain=True)


@pytest.mark.parametrize(
    ("bug", "job", "sign"),
    [("forget windows", "detect", "rollups: "), ("repeat", "intake", "events: ")],
)
async def test_a_planted_bug_is_found(make: Make, profile: Profile, bug: str, job: str, sign: str) -> None:
    """One worker of one job has a bug and is killed once, in the middle of a slice."""
    load = list(stages(profile, 1, 800, seed=4))
    first, *calm = load
    half = len(first.sent) // 2
    installation = await make("bug")
    for name in JOBS:
        installation.start(name, **({"REAL_BUG": bug} if name == job else {}))
    chaos = Chaos(installation, 4)
    await installation.work_off(Stage(first.sent[:half], first.end_ms))
    await installation.settled()
    (victim,) = installation.of(job)
    await chaos.kill(victim)
    await installation.feed(Stage(first.sent[half:], first.end_ms))
    await installation.passed(first)
    for stage in calm:
        await installation.work_off(stage)
        await installation.passed(stage)
    said = differences(in_memory(profile, load), await installation.picture())
    assert any(text.startswith(sign) for text in said), said
