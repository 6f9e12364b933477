"""The toy job on a real broker under faults: whatever is killed, stopped, added or removed, the result is exact.

"Exact" is what :func:`tests.stream_jobs.toy.check` finds nothing against: every output equals the tally of the input
log's prefix that it claims, none is repeated or missing, every poison record has one dead letter, and the checkpoint
holds the final tally. All three raw topics are loaded, which share checkpoint partitions; 2 % of the records are
poison.
"""

from __future__ import annotations

import asyncio
import random
import signal
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from ioc.adapters.kafka import Producer, log_ranges
from ioc.stack.testing import LocalStack
from stream_jobs.app import group_id
from stream_jobs.exits import Exit
from tests.forms import form
from tests.stream_jobs.harness import SESSION_S, Bench, Worker, assert_exact, until
from tests.stream_jobs.resume import LIMIT_S, Kill, Tail, assert_quick, longest_s, resumes_s, still_s
from tests.stream_jobs.toy import check

pytestmark = pytest.mark.stack
ALL = 12  # three raw topics of four partitions
FOR_EVER = 1_000_000  # an hour at 300 a second; a test ends its load itself, however slow the machine is


async def committed(bench: Bench) -> dict[str, int]:
    """The group's committed offset per source, 0 when there is none."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bench.kafka)
    await admin.start()
    try:
        found = await admin.list_consumer_group_offsets(group_id("intake", bench.settings))
    finally:
        await admin.close()
    return {f"{bench.logical(tp.topic)}/{tp.partition}": max(0, o.offset) for tp, o in found.items()}


async def checkpoint_ends(bench: Bench) -> list[int]:
    topic = bench.topics.name("checkpoints.intake")
    ranges = await log_ranges(bench.kafka, [TopicPartition(topic, p) for p in range(4)])
    return [r.end for r in ranges.values()]


async def test_a_graceful_stop_commits_and_a_restart_goes_on(bench: Bench) -> None:
    first = bench.worker()
    await first.owns(ALL)
    await bench.produce(400, seed=1)
    await bench.processed()
    assert await first.stop() == Exit.OK
    restored = await bench.restored()
    assert await committed(bench) == {source: r.position for source, r in restored.items() if r.position}

    await bench.produce(300, seed=2)  # nobody is there
    second = bench.worker()
    await second.owns(ALL)
    await bench.processed()
    assert_exact(check(await bench.log()), bench.workers)

    async def both_ticked() -> bool:
        return sorted(await bench.notices()) == sorted(2 * [f"{raw}/{p}" for raw, p in bench.sources])

    await until(both_ticked, "one tick notice per partition and life", 10)
    before = await checkpoint_ends(bench)
    await asyncio.sleep(2.0)  # four ticks that change nothing
    assert await checkpoint_ends(bench) == before, "an idle worker wrote transactions"
    assert await second.stop() == Exit.OK


async def test_the_clock_of_an_idle_partition_ticks_after_a_take_over(bench: Bench) -> None:
    """No record was ever written, so no event could have loaded these partitions."""
    worker = bench.worker()
    await worker.owns(ALL)

    async def all_ticked() -> bool:
        return len(await bench.notices()) == ALL

    await until(all_ticked, "a tick of every idle partition", 10)


async def kill_often(bench: Bench, workers: list[Worker], kills: int, seed: int) -> None:
    """kill -9 one that has work, again and again, 0.3–2 s after it owns something; the supervisor starts it again."""
    rnd = random.Random(seed)
    for n in range(kills):
        victim = workers[n % len(workers)]
        lives = take_overs(victim)

        async def back(victim: Worker = victim, lives: int = lives, first: bool = n < len(workers)) -> bool:
            bench.supervise()
            return first or take_overs(victim) > lives - 1

        await until(back, f"{victim.name} owns partitions again", 40)
        await asyncio.sleep(rnd.uniform(0.3, 2.0))
        victim.signal(signal.SIGKILL)
        await asyncio.to_thread(victim.process.wait)
        bench.supervise()


async def test_kill_9_again_and_again(bench: Bench) -> None:
    worker = bench.worker(TOY_INSTANCE="one")
    await worker.owns(ALL)
    load = asyncio.create_task(bench.produce(2000, seed=3, rate_s=150))
    await kill_often(bench, [worker], kills=5, seed=3)
    await load
    await bench.processed()
    assert worker.codes == [-signal.SIGKILL] * 5
    assert_exact(check(await bench.log()), bench.workers)


async def test_workers_come_and_go(bench: Bench) -> None:
    first = bench.worker()
    await first.owns(ALL)
    load = asyncio.create_task(bench.produce(2500, seed=4, rate_s=200))
    second = bench.worker()
    await asyncio.gather(first.owns(ALL // 2), second.owns(ALL // 2))
    third = bench.worker()
    await asyncio.gather(*(worker.owns(ALL // 3) for worker in (first, second, third)))
    assert await first.stop() == Exit.OK
    await asyncio.gather(second.owns(ALL // 2), third.owns(ALL // 2))
    assert await third.stop() == Exit.OK
    await second.owns(ALL)
    await load
    await bench.processed()
    assert [worker.codes for worker in bench.workers] == [[], [], []], "a worker left by itself"
    assert_exact(check(await bench.log()), bench.workers)


async def stop_one_in_the_middle(bench: Bench, **environ: str) -> tuple[Worker, Worker]:
    """A worker stops (SIGSTOP) between its outputs and its commit; a second one takes over; the first goes on."""
    flag = bench.folder / "stop.flag"
    zombie = bench.worker(TOY_STOP_FLAG=str(flag), **environ)
    await zombie.owns(ALL)
    await bench.produce(300, seed=5)
    await bench.processed()
    flag.touch()
    load = asyncio.create_task(bench.produce(600, seed=6, rate_s=60))

    async def stopped() -> bool:
        return zombie.stopped

    await until(stopped, "the worker stops itself", 10)
    zombie.wanted = False
    heir = bench.worker(**environ)
    await heir.owns(ALL)
    zombie.signal(signal.SIGCONT)
    await load
    return zombie, heir


async def test_a_worker_that_slept_is_fenced_and_ends(bench: Bench) -> None:
    zombie, _ = await stop_one_in_the_middle(bench)
    assert await zombie.exit_code(20) == Exit.FENCED
    await bench.processed()
    assert_exact(check(await bench.log()), bench.workers)


async def test_without_the_fence_the_checker_sees_the_damage(bench: Bench) -> None:
    """The planted bug: transactional ids that differ per process, and a take-over that waits for nobody.

    The sleeper then commits what the heir did as well.
    """
    for _ in range(3):  # a sleeper that is told of its lost membership first leaves without harm: then once more
        for worker in await stop_one_in_the_middle(bench, TOY_BUG="no fence"):
            await bench.processed()
            worker.wanted = False
            if worker.process.poll() is None:
                await worker.stop()
        if check(await bench.log()):
            return
    raise AssertionError("the checker does not find the outputs of three sleepers")


async def test_the_broker_is_killed(tmp_path: Path) -> None:
    stack = LocalStack(tmp_path / "stack", postgres=False)
    await asyncio.to_thread(stack.start)
    bench = Bench(stack.kafka, "t.", tmp_path)
    try:
        await bench.make_topics()
        worker = bench.worker(TOY_INSTANCE="one")
        await worker.owns(ALL)
        await bench.produce(500, seed=7)
        load = asyncio.create_task(bench.produce(1000, seed=8, rate_s=250))
        await asyncio.sleep(1.0)
        await asyncio.to_thread(stack.kill_kafka)
        await asyncio.to_thread(stack.start_kafka)
        await load
        await bench.produce(200, seed=9)
        await bench.processed()
        assert_exact(check(await bench.log()), bench.workers)
    finally:
        bench.close()
        await asyncio.to_thread(stack.stop)


async def test_a_checkpoint_that_lost_records_is_refused(bench: Bench) -> None:
    await bench.produce(200, seed=10)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bench.kafka, group_id=group_id("intake", bench.settings), enable_auto_commit=False
    )
    await consumer.start()
    source = TopicPartition(bench.topics.name("raw.beta"), 1)
    consumer.assign([source])
    await consumer.commit({source: 3})  # as if the checkpoint of offset 3 had been lost
    await consumer.stop()
    worker = bench.worker()
    assert await worker.exit_code(20) == Exit.FAILED
    assert "raw.beta/1 has lost records: it says offset 0, but 3 was committed" in worker.text


async def test_an_input_made_anew_is_refused(bench: Bench) -> None:
    await bench.produce(200, seed=11)
    async with Producer(bench.settings, bench.topics) as producer:
        await producer.send("checkpoints.intake", b"raw.gamma|@position", b"100000", partition=2)
    worker = bench.worker()
    assert await worker.exit_code(20) == Exit.FAILED
    assert "says offset 100000, but the log ends at" in worker.text


# ---- the long tests, in a short form unless `make chaos` runs them ------------------------------------------------


async def three_workers(bench: Bench) -> list[Worker]:
    """Three with static names, each with its share."""
    workers = [bench.worker(TOY_INSTANCE=f"i{n}") for n in range(3)]
    await asyncio.gather(*(worker.owns(ALL // 3) for worker in workers))
    return workers


async def killed(worker: Worker) -> Kill:
    """kill -9, and what stood still from then on."""
    sources = frozenset(worker.sources)
    at_s = time.monotonic()
    worker.signal(signal.SIGKILL)
    await asyncio.to_thread(worker.process.wait)
    return Kill(worker.name, at_s, sources)


@pytest.mark.chaos
@pytest.mark.timeout(600)
async def test_kills_of_three_workers(bench: Bench) -> None:
    """One after the other: each time the partitions of the victim move again before the next kill."""
    workers = await three_workers(bench)
    load = asyncio.create_task(bench.produce(FOR_EVER, seed=12, rate_s=300))
    kills, rnd, count = [], random.Random(12), form(6, 30)
    async with Tail(bench) as tail:
        for n in range(count):
            await asyncio.sleep(rnd.uniform(0.1, 1.0))
            kill = await killed(workers[n % 3])
            kills.append(kill)
            bench.supervise()

            async def moves(kill: Kill = kill) -> bool:
                bench.supervise()
                return tail.moved(kill.sources, kill.at_s)

            await until(moves, f"the partitions of {kill.who} move again", 40, 0.05)
        await enough(load)
        await bench.processed(120)
        waits_s, _ = resumes_s(kills, tail.seen)
    assert_exact(check(await bench.log()), bench.workers)
    assert len(waits_s) == count
    assert_quick(f"{count} kills one after the other", waits_s)


async def enough(load: asyncio.Task[None]) -> None:
    """End a load before its time; what was sent is sent."""
    load.cancel()
    await asyncio.gather(load, return_exceptions=True)


@pytest.mark.chaos
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", form([14], [14, 15, 16]))
async def test_kills_in_seconds(bench: Bench, seed: int) -> None:
    """0.1 to 1 s apart, also while the victim is still starting; what stands still moves 15 s after it is let be."""
    workers = await three_workers(bench)
    load = asyncio.create_task(bench.produce(FOR_EVER, seed=seed, rate_s=300))
    kills, rnd, count = [], random.Random(seed), form(10, 30)
    async with Tail(bench) as tail:
        await asyncio.sleep(1.0)
        for _ in range(count):
            await asyncio.sleep(rnd.uniform(0.1, 1.0))
            kills.append(await killed(rnd.choice(workers)))
            bench.supervise()
        over_s = time.monotonic()

        async def all_move() -> bool:
            bench.supervise()
            return tail.moved((f"{raw}/{p}" for raw, p in bench.sources), over_s)

        await until(all_move, "everything moves again", 60, 0.05)
        await enough(load)
        await bench.processed(120)
        waits_s, cut_short = resumes_s(kills, tail.seen)
        after_s = still_s(tail.seen, (f"{raw}/{p}" for raw, p in bench.sources), over_s)
    assert_exact(check(await bench.log()), bench.workers)
    print(f"\n{cut_short} of {count} hit a worker before it had resumed; all moved {after_s:.2f} s after the last kill")
    print(f"longest pause of one partition from first to last: {longest_s(tail.seen):.2f} s")
    assert_quick(f"{count} kills in seconds", [*waits_s, after_s])


def take_overs(worker: Worker) -> int:
    """How often it has taken partitions over, in all its lives."""
    return worker.text.count(" more partitions in generation ")


@pytest.mark.chaos
@pytest.mark.timeout(600)
async def test_workers_that_sleep_25_s_anywhere(bench: Bench) -> None:
    """Longer than the session; the other one works on, the sleeper does no harm."""
    workers = [bench.worker(), bench.worker()]
    await asyncio.gather(*(worker.owns(ALL // 2) for worker in workers))
    load = asyncio.create_task(bench.produce(FOR_EVER, seed=17, rate_s=300))
    rnd, waits_s = random.Random(17), []
    async with Tail(bench) as tail:
        for sleeper in workers[: form(1, 2)]:
            await asyncio.sleep(rnd.uniform(2.0, 4.0))
            began_s = time.monotonic()
            sleeper.signal(signal.SIGSTOP)
            await asyncio.sleep(25.0)
            waits_s.append(still_s(tail.seen, (f"{raw}/{p}" for raw, p in bench.sources), began_s))
            lives = [take_overs(worker) for worker in workers]
            sleeper.signal(signal.SIGCONT)

            async def both_own(lives: list[int] = lives) -> bool:
                bench.supervise()
                return all(take_overs(worker) > before for worker, before in zip(workers, lives, strict=True))

            await until(both_own, "both own partitions again", 40)
        await enough(load)
        await bench.processed(120)
    print(f"\nexit codes of the sleepers: {[worker.codes for worker in workers]}")
    assert {code for worker in workers for code in worker.codes} <= {Exit.FENCED}
    assert_exact(check(await bench.log()), bench.workers)
    assert_quick("the other worker takes over from a sleeper", waits_s, SESSION_S + LIMIT_S)


@pytest.mark.chaos
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", form([18], [18, 19]))
async def test_a_worker_that_sleeps_25_s_between_outputs_and_commit(bench: Bench, seed: int) -> None:
    flag = bench.folder / "stop.flag"
    zombie, heir = bench.worker(TOY_STOP_FLAG=str(flag)), bench.worker()
    await asyncio.gather(zombie.owns(ALL // 2), heir.owns(ALL // 2))
    load = asyncio.create_task(bench.produce(FOR_EVER, seed=seed, rate_s=300))
    await asyncio.sleep(random.Random(seed).uniform(1.0, 3.0))
    flag.touch()

    async def stopped() -> bool:
        return zombie.stopped

    await until(stopped, "the worker stops itself", 10)
    zombie.wanted = False
    await asyncio.sleep(25.0)
    zombie.signal(signal.SIGCONT)
    assert await zombie.exit_code(20) == Exit.FENCED
    await enough(load)
    await bench.processed(120)
    assert heir.codes == []
    assert_exact(check(await bench.log()), bench.workers)


@pytest.mark.chaos
@pytest.mark.timeout(600)
async def test_the_broker_is_killed_again_and_again(tmp_path: Path) -> None:
    stack = LocalStack(tmp_path / "stack", postgres=False)
    await asyncio.to_thread(stack.start)
    bench = Bench(stack.kafka, "t.", tmp_path)
    every = [f"{raw}/{p}" for raw, p in bench.sources]
    back_s, waits_s = [], []
    try:
        await bench.make_topics()
        workers = [bench.worker(TOY_INSTANCE=f"i{n}") for n in range(2)]
        await asyncio.gather(*(worker.owns(ALL // 2) for worker in workers))
        load = asyncio.create_task(bench.produce(FOR_EVER, seed=20, rate_s=300))
        async with Tail(bench) as tail:
            for n in range(form(2, 5)):
                await asyncio.sleep(2.0 + n)
                killed_s = time.monotonic()
                await asyncio.to_thread(stack.kill_kafka)
                await asyncio.to_thread(stack.start_kafka)
                ready_s = time.monotonic()
                back_s.append(ready_s - killed_s)

                async def all_move(since_s: float = ready_s) -> bool:
                    bench.supervise()
                    return tail.moved(every, since_s)

                await until(all_move, "everything moves again", 60, 0.05)
                waits_s.append(still_s(tail.seen, every, ready_s))
        assert not load.done(), "the load ended too early"
        await enough(load)
        await bench.processed(120)
        print(f"\nbroker away for {[round(s, 1) for s in back_s]} s; workers ended with {[w.codes for w in workers]}")
        assert_exact(check(await bench.log()), bench.workers)
        assert_quick("after the broker is back", waits_s)
    finally:
        bench.close()
        await asyncio.to_thread(stack.stop)


@pytest.mark.chaos
@pytest.mark.timeout(600)
async def test_workers_come_and_go_for_a_minute(bench: Bench) -> None:
    workers = [bench.worker(), bench.worker()]
    load = asyncio.create_task(bench.produce(form(7_000, 20_000), seed=13, rate_s=300))
    for n in range(form(4, 12)):
        await asyncio.sleep(5)
        if n % 2 == 0:
            workers.append(bench.worker())
        else:
            assert await workers.pop(0).stop() == Exit.OK
    await load
    await bench.processed(120)
    assert_exact(check(await bench.log()), bench.workers)
