"""How long partitions stood still after a kill, seen from outside: when a reader of the outputs saw them move again."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median
from types import TracebackType

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from msgspec import Struct

from ioc.adapters.kafka import new_reader
from tests.stream_jobs.harness import Bench
from tests.stream_jobs.toy import OUT, decode_tally

LIMIT_S = 15.0  # within this processing must go on


class Kill(Struct, frozen=True):
    """A kill of ``who`` at a moment (monotonic seconds), and the sources that stood still."""

    who: str
    at_s: float
    sources: frozenset[str]


class Tail:
    """Reads the outputs as they become visible. ``seen`` has the moments per source, ascending, monotonic seconds.

    Outputs and input position are one transaction, so a new output is a position that moved.
    """

    def __init__(self, bench: Bench) -> None:
        self.seen: dict[str, list[float]] = defaultdict(list)
        self._bench = bench

    async def __aenter__(self) -> Tail:
        topics = self._bench.topics
        self._reader = new_reader(self._bench.kafka, fetch_max_wait_ms=50)
        await self._reader.start()
        self._reader.assign([TopicPartition(topics.name(OUT), p) for p in range(topics.partitions(OUT))])
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._reader.stop()

    async def _run(self) -> None:
        while True:
            try:
                found = await self._reader.getmany(timeout_ms=200)
            except KafkaError:  # the broker is away
                await asyncio.sleep(0.1)
                continue
            now_s = time.monotonic()
            for records in found.values():
                for source in {decode_tally(record.value).src for record in records}:
                    self.seen[source].append(now_s)

    def moved(self, sources: Iterable[str], after_s: float) -> bool:
        """Has each of the sources moved since?"""
        return all(self.seen[source] and self.seen[source][-1] > after_s for source in sources)


def still_s(seen: dict[str, list[float]], sources: Iterable[str], at_s: float) -> float:
    """Seconds until the last of the sources moved again; infinite if one never did."""
    waits = []
    for source in sources:
        moments = seen.get(source, [])
        next_ = bisect_right(moments, at_s)
        waits.append(moments[next_] - at_s if next_ < len(moments) else float("inf"))
    return max(waits, default=0.0)


def resumes_s(kills: Sequence[Kill], seen: dict[str, list[float]]) -> tuple[list[float], int]:
    """For each kill the seconds until its sources moved again, and how many kills were cut short.

    A kill is cut short when the same worker was killed again before that: then the later kill is measured.
    """
    found, cut_short = [], 0
    for number, kill in enumerate(kills):
        wait_s = still_s(seen, kill.sources, kill.at_s)
        again_s = next((later.at_s for later in kills[number + 1 :] if later.who == kill.who), float("inf"))
        if again_s < kill.at_s + wait_s:
            cut_short += 1
        else:
            found.append(wait_s)
    return found, cut_short


def longest_s(seen: dict[str, list[float]]) -> float:
    """The longest pause between two moves of one source, whatever the reason."""
    return max((b - a for moments in seen.values() for a, b in pairwise(moments)), default=float("inf"))


def words(what: str, waits_s: Sequence[float]) -> str:
    """The figures in one line."""
    if not waits_s:
        return f"{what}: nothing measured"
    return f"{what}: {len(waits_s)} measured, resume median {median(waits_s):.2f} s, max {max(waits_s):.2f} s"


def assert_quick(what: str, waits_s: Sequence[float], limit_s: float = LIMIT_S) -> None:
    """Print the figures; fail when one is above the limit, or there is none."""
    print(f"\n{words(what, waits_s)}")
    assert waits_s, what
    assert max(waits_s) <= limit_s, words(what, waits_s)
