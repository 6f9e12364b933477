"""The real jobs on a broker, with a virtual clock and raw topics whose records keep the stamps that the test gives.

Two installations that are given the same stages get the same log, record for record, so what they make of it can be
compared.
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Iterable
from heapq import merge
from operator import itemgetter
from pathlib import Path

from aiokafka import TopicPartition

from ioc.adapters.kafka import Producer, log_ranges
from ioc.bench.stream_kafka import make_topics
from ioc.bench.stream_made import Made
from ioc.domain.profile import Profile
from ioc.pipeline.effects import Emit
from ioc.pipeline.runner import TICK_EVERY_MS, Runner
from ioc.wire import progress
from stream_jobs.exits import Exit
from tests.stream_jobs.harness import Bench, Worker, until
from tests.stream_jobs.native_load import START_MS, Sent, Stage
from tests.stream_jobs.picture import TOPICS, Picture, picture

JOBS = ("intake", "detect", "alerting")
STATE = {"intake": "checkpoints.intake", "detect": "checkpoints.detect", "alerting": "alerts"}
WORKERS_MAX = 4  # per job
FLUSHES_S = ("0.01", "0.1", "0.5", "1.0")
CHUNKS = ("3", "40", "2000")


class Installation(Bench):
    """Topics, workers of the three jobs, and the virtual clock."""

    def __init__(self, kafka: str, prefix: str, folder: Path, profile: Profile) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(kafka, prefix, folder, profile.centre_ids)
        self.clock = folder / "now_ms"
        self.set_clock(START_MS)

    def set_clock(self, now_ms: int) -> None:
        """Move the present of all workers."""
        new = self.clock.with_suffix(".new")
        new.write_text(str(now_ms))
        new.replace(self.clock)

    async def make_topics(self) -> None:
        await make_topics(self.settings, self.topics)

    def start(self, job: str, **environ: str) -> Worker:
        """One more worker of a job."""
        name = f"{job}-{len(self.workers)}"
        environ |= {"REAL_CLOCK": str(self.clock), "REAL_IDLE_S": "0.3"}
        worker = Worker(name, self.settings, self.folder, environ, ("tests.stream_jobs.real_worker", job))
        self.workers.append(worker)
        return worker.start()

    def of(self, job: str) -> list[Worker]:
        """The workers of a job that are wanted."""
        return [worker for worker in self.workers if worker.wanted and worker.module[-1] == job]

    async def feed(self, stage: Stage, rate_s: float = 0.0) -> None:
        """Send a stage at no more than so many records a second; waits for every acknowledgement."""
        loop = asyncio.get_running_loop()
        async with Producer(self.settings, self.topics, linger_ms=2) as producer:
            began_s, sends = loop.time(), []
            for i, (made, *_) in enumerate(stage.sent):
                send = producer.send(made.topic, made.key, made.value, timestamp_ms=made.arrival_ms)
                sends.append(asyncio.create_task(send))
                if rate_s and i % 20 == 0:
                    await asyncio.sleep(max(0.0, began_s + i / rate_s - loop.time()))
            await asyncio.gather(*sends)

    async def settled(self, limit_s: float = 60.0) -> None:
        """Wait until every job has done all there is; restart workers that left meanwhile."""
        raw = {
            TopicPartition(self.topics.name(topic), p): f"{topic}/{p}"
            for topic in self.topics.raw.values()
            for p in range(self.topics.partitions(topic))
        }
        ends = {raw[tp]: found.end for tp, found in (await log_ranges(self.kafka, raw)).items()}

        async def done() -> bool:
            self.supervise()
            wanted = ends
            for job, output in (("intake", "events"), ("detect", "alert-inputs"), ("alerting", "")):
                positions = await self.positions(job)
                if any(positions.get(source, 0) < end for source, end in wanted.items()):
                    return False
                wanted = {f"{output}/{r.partition}": r.offset + 1 for r in await self.read(output)} if output else {}
            return True

        tails = "\n".join(f"--- {w.name} {w.codes}\n{w.text[-600:]}" for w in self.workers)
        await until(done, f"everything done\n{tails}", limit_s, 0.3)

    async def work_off(self, stage: Stage, rate_s: float = 0.0) -> None:
        """Send a stage and wait until all is done. The present passes on only then: no record comes before it was
        sent, and what intake says of the end of a topic is true."""
        self.set_clock(min(sent.made.arrival_ms for sent in stage.sent))
        await self.feed(stage, rate_s)

    async def passed(self, stage: Stage, limit_s: float = 60.0) -> None:
        """Wait until every job has done all there is, let the present come to the end of the stage, and wait until
        detect knows that everything up to there was read."""
        await self.settled(limit_s)
        self.set_clock(stage.end_ms)

        async def known() -> bool:
            self.supervise()
            positions = await self.positions("detect")
            left = {
                (n, centre, part)
                for n in range(self.topics.partitions("events"))
                for centre, topic in self.topics.raw.items()
                for part in range(self.topics.partitions(topic))
            }
            for record in await self.read("events", private=True):
                if record.key == progress.KEY and record.offset < positions.get(f"events/{record.partition}", 0):
                    for centre, read_ms in progress.decode(record.value or b"").read_ms.items():
                        late = {part for part, ms in read_ms.items() if ms < stage.end_ms - 1_000}
                        left -= {(record.partition, centre, part) for part in read_ms.keys() - late}
            return not left

        await until(known, "everything known to be read", limit_s, 0.3)
        await self.settled(limit_s)

    async def as_stored(self, stages: Iterable[Stage]) -> list[Stage]:
        """The stages as the broker has them, a partition's records in their order.

        One may be there twice. Its stamp is a year old here, and a broker that starts anew forgets producers whose
        newest record is more than a day old (``producer.id.expiration.ms``): it does not know a repeat as one.
        """
        lanes: dict[tuple[str, int], list[tuple[int, Sent]]] = {}
        for record in await self.read(*self.topics.raw.values()):
            made = Made(self.logical(record.topic), record.key or b"", record.value or b"", record.timestamp)
            lane = lanes.setdefault((record.topic, record.partition), [])
            newest_ms = max(made.arrival_ms, lane[-1][0] if lane else 0)  # of a repeat: it came later than it says
            lane.append((newest_ms, Sent(made, "")))
        found, begin_ms = list(merge(*lanes.values(), key=itemgetter(0))), 0
        stored = []
        for stage in stages:
            sent = [one for newest_ms, one in found if begin_ms <= newest_ms < stage.end_ms]
            stored.append(stage._replace(sent=sent))
            begin_ms = stage.end_ms
        return stored

    async def positions(self, job: str) -> dict[str, int]:
        """Next input offset per source ``topic/partition``, as the checkpoint says it."""
        found = {}
        for record in await self.read(STATE[job]):
            key = record.key.decode()
            if key.endswith("@position"):
                topic = "alert-inputs" if job == "alerting" else key.partition("|")[0]
                found[f"{topic}/{record.partition}"] = int(record.value)
        return found

    async def picture(self) -> Picture:
        """What came of it all, as soon as readers see all that is written."""
        await self.visible(*TOPICS)
        return picture({topic: [(r.key, r.value) for r in await self.read(topic)] for topic in TOPICS})


def in_memory(profile: Profile, stages: Iterable[Stage]) -> Picture:
    """What the steps make of the same stages in one process, record by record, without anything going wrong."""
    runner = Runner(profile, START_MS, with_desk=False)
    for stage in stages:
        for made, *_ in stage.sent:
            runner.now_ms = made.arrival_ms
            runner.native(made.topic.removeprefix("raw."), made.key, made.value)
        runner.now_ms = stage.end_ms - TICK_EVERY_MS
        runner.advance(TICK_EVERY_MS)
    return picture({topic: [(r.key, r.value) for r in runner.records(topic)] for topic in TOPICS})


def in_pieces(profile: Profile, stages: Iterable[Stage], rnd: random.Random) -> Picture:
    """The same in pieces: raw partitions are read one ahead of the other, time passes and intake says how far it has
    come whenever it likes, as long as it is true."""
    runner = Runner(profile, START_MS, with_desk=False)
    raws = [(topic, n) for topic in runner.topics.raw.values() for n in range(runner.topics.partitions(topic))]
    places = range(runner.topics.partitions("events"))

    def say(read_ms: dict[tuple[str, int], int]) -> None:
        said: dict[str, dict[int, int]] = {}
        for (topic, part), ms in read_ms.items():
            said.setdefault(topic.removeprefix("raw."), {})[part] = ms
        value = progress.encode(progress.Progress(read_ms=said))
        for place in places:
            runner.put(Emit("events", progress.KEY, value, place))
        runner.settle()

    for stage in stages:
        begin_ms = min(sent.made.arrival_ms for sent in stage.sent)
        left: dict[tuple[str, int], list[Sent]] = {}
        for sent in stage.sent:
            topic = sent.made.topic
            left.setdefault((topic, runner.topics.partition(topic, sent.made.key)), []).append(sent)
        read_ms, newest_ms = dict.fromkeys(raws, begin_ms - 200), begin_ms
        while left:
            raw = rnd.choice(sorted(left))
            count = rnd.choice([1, 5, 50, 500])
            took, rest = left[raw][:count], left.pop(raw)[count:]
            if rest:
                left[raw] = rest
            for made, *_ in took:
                runner.now_ms = made.arrival_ms
                runner.put(Emit(made.topic, made.key, made.value))
            read_ms[raw] = max(read_ms[raw], took[-1].made.arrival_ms - 1)
            newest_ms = max(newest_ms, took[-1].made.arrival_ms)
            runner.now_ms = newest_ms
            runner.settle()
            if rnd.random() < 0.3:
                say(read_ms)
            if rnd.random() < 0.3:
                runner.tick()
        runner.now_ms = stage.end_ms
        runner.tick()
        say(dict.fromkeys(raws, stage.end_ms - 200))
        runner.tick()
    return picture({topic: [(r.key, r.value) for r in runner.records(topic)] for topic in TOPICS})


class Chaos:
    """Workers are killed, join and leave at random while a stage is worked off."""

    def __init__(self, installation: Installation, seed: int) -> None:
        self.installation, self.rnd = installation, random.Random(f"chaos {seed}")
        self.kills = self.joins = self.leaves = 0

    def start(self, workers: int) -> None:
        """So many workers per job; each cuts its work in its own way."""
        for job in JOBS:
            for n in range(workers):
                self._start(job, REAL_INSTANCE=f"{job}-{n}")

    def _start(self, job: str, **environ: str) -> None:
        environ |= {"IOC_FLUSH_S": self.rnd.choice(FLUSHES_S), "REAL_CHUNK": self.rnd.choice(CHUNKS)}
        self.installation.start(job, **environ)

    async def run(self, pause_s: tuple[float, float]) -> None:
        """One deed after the other until cancelled; most are kills."""
        while True:
            await asyncio.sleep(self.rnd.uniform(*pause_s))
            self.installation.supervise()
            job, deed = self.rnd.choice(JOBS), self.rnd.random()
            workers = self.installation.of(job)
            if deed < 0.7:
                await self.kill(self.rnd.choice(workers))
            elif deed < 0.85 and len(workers) < WORKERS_MAX:
                self.joins += 1
                self._start(job)
            elif len(workers) > 1:
                self.leaves += 1
                await self._leave(self.rnd.choice(workers))

    async def kill(self, victim: Worker) -> None:
        """kill -9; the supervisor starts it again."""
        self.kills += 1
        victim.signal(signal.SIGKILL)
        await asyncio.to_thread(victim.process.wait)
        self.installation.supervise()

    async def _leave(self, worker: Worker) -> None:
        worker.wanted = False
        if worker.process.poll() is None:
            code = await worker.stop()
            assert code in (Exit.OK, -signal.SIGTERM), worker.text[-2000:]  # the latter: it had not begun
