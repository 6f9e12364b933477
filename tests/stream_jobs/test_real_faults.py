"""The real jobs under the faults that a random kill does not meet: workers that sleep, and a broker that is killed.

The same comparison as in :mod:`.test_real_jobs`: what came of the log, against the steps in memory.
"""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from pathlib import Path

import pytest

from ioc.adapters.profiles import load_profile
from ioc.domain.profile import Profile
from ioc.settings import Settings
from ioc.stack.testing import LocalStack
from tests.conftest import Stack
from tests.forms import form
from tests.stream_jobs.harness import until
from tests.stream_jobs.installation import JOBS, Chaos, Installation, in_memory
from tests.stream_jobs.native_load import Stage, stages
from tests.stream_jobs.picture import Picture, differences

pytestmark = [pytest.mark.stack, pytest.mark.chaos, pytest.mark.timeout(900)]
SLEEP_S = 25.0  # longer than the session, so that another worker has taken over meanwhile


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load_profile(Settings().profile)


async def work_off(installation: Installation, load: list[Stage], deeds: list[asyncio.Task[None]]) -> Picture:
    """All stages; the deeds end before the present of the first one passes on."""
    for stage in load:
        await installation.work_off(stage, rate_s=100)
        while deeds:
            await deeds.pop()
        await installation.passed(stage, 120)
    return await installation.picture()


def compare(profile: Profile, load: list[Stage], found: Picture) -> None:
    wanted = in_memory(profile, load)
    assert wanted.events.total() > 1_000
    assert len(wanted.rollups) > 30
    assert len(wanted.alerts) > 8
    assert not differences(wanted, found)


@pytest.mark.parametrize("seed", form([31], [31, 32, 33]))
async def test_workers_of_every_job_that_sleep(stack: Stack, tmp_path: Path, profile: Profile, seed: int) -> None:
    """One worker of each job is stopped for 25 s while records flow; the others take over, the sleepers are fenced."""
    load = list(stages(profile, 1, 2_500, seed))
    installation = Installation(stack.kafka, f"s{seed}.", tmp_path / "sleep", profile)
    try:
        await installation.make_topics()
        chaos = Chaos(installation, seed)
        chaos.start(workers=2)

        async def sleep() -> None:
            async def all_begun() -> bool:
                installation.supervise()
                return set(await installation.positions("alerting")) != set()

            await until(all_begun, "all jobs have begun", 60)
            sleepers = [chaos.rnd.choice(installation.of(job)) for job in JOBS]
            for worker in sleepers:
                worker.signal(signal.SIGSTOP)
            await asyncio.sleep(SLEEP_S)
            for worker in sleepers:
                worker.signal(signal.SIGCONT)

        found = await work_off(installation, load, [asyncio.create_task(sleep())])
        print(f"\nexit codes {[worker.codes for worker in installation.workers]}")
    finally:
        installation.close()
    compare(profile, load, found)


async def test_the_broker_is_killed_under_the_real_jobs(tmp_path: Path, profile: Profile) -> None:
    load = list(stages(profile, 1, 2_500, seed=34))
    stack = LocalStack(tmp_path / "stack", postgres=False)
    await asyncio.to_thread(stack.start)
    installation = Installation(stack.kafka, "b.", tmp_path / "jobs", profile)
    try:
        await installation.make_topics()
        Chaos(installation, 34).start(workers=2)

        async def kill() -> None:
            for n in range(form(1, 5)):
                await asyncio.sleep(3.0 + n)
                await asyncio.to_thread(stack.kill_kafka)
                await asyncio.to_thread(stack.start_kafka)

        found = await work_off(installation, load, [asyncio.create_task(kill())])
        stored = await installation.as_stored(load)
        print(f"\nexit codes {[worker.codes for worker in installation.workers]}")
    finally:
        installation.close()
        await asyncio.to_thread(stack.stop)
    twice = [Counter(made for made, *_ in stage.sent) for stage in stored]
    for stage, counts in zip(load, twice, strict=True):
        assert counts.keys() == {made for made, *_ in stage.sent}, "what was acknowledged is in the input"
    print(f"in the input twice: {sum(counts.total() - len(counts) for counts in twice)} records")
    compare(profile, stored, found)
