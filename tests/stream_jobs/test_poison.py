"""A fifth of what the centres send is poison of many kinds: no worker ends, each good record becomes one event, each
bad one gets one dead letter with its reason."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from ioc.adapters.kafka import Producer
from ioc.adapters.profiles import load_profile
from ioc.domain.profile import Profile
from ioc.settings import Settings
from ioc.wire import codec
from tests.conftest import Stack
from tests.forms import LONG
from tests.stream_jobs.harness import Bench, Worker
from tests.stream_jobs.native_load import DUPLICATE, EVENT, POISON, Load, Sent

pytestmark = pytest.mark.stack
RATE_S = 300
POISON_SHARE, AGAIN_SHARE = 0.2, 0.03
WORKERS = 2


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load_profile(Settings().profile)


@pytest_asyncio.fixture
async def raw(stack: Stack, tmp_path: Path, profile: Profile) -> AsyncIterator[Bench]:
    """The product's topics, stamped by the broker."""
    made = Bench(stack.kafka, f"t{uuid.uuid4().hex[:10]}.", tmp_path, profile.centre_ids)
    await made.make_topics()
    yield made
    made.close()


def next_record(load: Load) -> Sent:
    """One record of the present."""
    rnd, now_ms = load.rnd, time.time_ns() // 1_000_000
    time_ms, share = now_ms - rnd.randrange(2_000), rnd.random()
    if share < POISON_SHARE:
        return load.any_poison(time_ms, now_ms)
    if share < POISON_SHARE + AGAIN_SHARE and load.count > 100:
        return load.again(now_ms, rnd.random() < 0.1)
    return load.good(rnd.choice(load.sources), time_ms, now_ms)


async def send(bench: Bench, profile: Profile, seconds: float, seed: int) -> Counter[str]:
    """Keep to the rate for so long; how many records of each outcome were acknowledged."""
    load, outcomes, sends = Load(profile, seed), Counter[str](), []
    began_s, count = time.monotonic(), int(seconds * RATE_S)
    async with Producer(bench.settings, bench.topics, linger_ms=2) as producer:
        for i in range(count):
            made, outcome, _ = next_record(load)
            outcomes[outcome] += 1
            sends.append(asyncio.create_task(producer.send(made.topic, made.key, made.value)))
            await asyncio.sleep(max(0.0, began_s + (i + 1) / RATE_S - time.monotonic()))
        await asyncio.gather(*sends)
    return outcomes


async def problems(bench: Bench, sent: Counter[str]) -> list[str]:
    """What is not as it must be."""
    said = [
        f"{worker.name} ended with {worker.codes}\n{worker.text[-800:]}" for worker in bench.workers if worker.codes
    ]
    events = Counter((e.centre, e.id) for e in [codec.decode_event(r.value) for r in await bench.read("events")])
    letters = [codec.decode_dead(record.value) for record in await bench.read("dead")]
    if len(events) != sent[EVENT]:
        said.append(f"{len(events)} different events, must be {sent[EVENT]}")
    said += [f"event {name} came {times} times" for name, times in events.items() if times != 1][:5]
    said += [f"letter {id_} {times} times" for id_, times in Counter(d.id for d in letters).items() if times != 1][:5]
    codes = Counter(letter.code for letter in letters)
    said += [
        f"{codes[code]} dead letters {code}, must be {sent[code]}"
        for code in sorted((codes | sent).keys() - {EVENT, DUPLICATE})
        if codes[code] != sent[code]
    ]
    return said


async def run(bench: Bench, profile: Profile, seconds: float, seed: int, bug: str = "") -> list[str]:
    """Send and have it worked off, unless a worker ends; what is wrong then."""
    for n in range(WORKERS):
        environ = {"REAL_BUG": bug} if bug else {}
        worker = Worker(
            f"intake-{n}", bench.settings, bench.folder, environ, ("tests.stream_jobs.real_worker", "intake")
        )
        bench.workers.append(worker.start())
    await asyncio.gather(*(worker.owns(len(bench.sources) // WORKERS) for worker in bench.workers))
    sent = await send(bench, profile, seconds, seed)
    bench.supervise()
    if not any(worker.codes for worker in bench.workers):
        await bench.processed()
    dead = {code: n for code, n in sorted(sent.items()) if code not in (EVENT, DUPLICATE)}
    print(f"\n{sent.total()} records in {seconds:g} s: {sent[EVENT]} good, {sent[DUPLICATE]} again, refused {dead}")
    assert dead.keys() >= set(POISON.values())
    return await problems(bench, sent)


async def test_poison_stops_nothing(raw: Bench, profile: Profile) -> None:
    assert not await run(raw, profile, 10.0, seed=1)


@pytest.mark.chaos
@pytest.mark.skipif(not LONG, reason="the long form runs with `make chaos`; the one above is the short form")
@pytest.mark.timeout(300)
async def test_a_minute_of_poison(raw: Bench, profile: Profile) -> None:
    assert not await run(raw, profile, 60.0, seed=2)


@pytest.mark.parametrize(
    ("bug", "sign"), [("lose letters", "dead letters too_deep, must be"), ("die of poison", "ended with [70")]
)
async def test_a_planted_bug_is_found(raw: Bench, profile: Profile, bug: str, sign: str) -> None:
    said = await run(raw, profile, 3.0, seed=3, bug=bug)
    assert any(sign in text for text in said), said
