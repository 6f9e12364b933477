"""``ioc bench player``: what sending costs, beside a bare aiokafka loop, every run checked against the broker's log."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections import deque
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from time import process_time
from typing import Any

from msgspec import Struct, structs

from ioc.adapters import clock
from ioc.adapters.kafka import ensure_topics, new_producer
from ioc.bench.stream import machine, own_broker
from ioc.bench.stream_kafka import delete_topics, own_prefix
from ioc.bench.stream_runs import RunFailed
from ioc.domain.profile import Profile
from ioc.settings import Settings
from ioc.wire.topics import Topics
from simulators.courier import Message
from simulators.link import BATCH_BYTES
from simulators.load import Load, Maker, load_of
from simulators.load_run import InLog, LoadWish, checked, in_log, problems_of, run_load

BARE, PLAYER, PACED, SPOOLED = "bare loop", "player", "player, paced", "player, spool first"
SENDS_OPEN_MAX = 16  # batches of the bare loop without an answer
Tell = Callable[[str, int, int], None]


class Row(Struct, frozen=True, kw_only=True):
    """The medians of one kind of run. Times are of the sending process alone; ``behind_max_s`` in wall seconds."""

    name: str
    events_per_s: float
    cpu_s_per_million: float
    behind_max_s: float
    runs_events_per_s: list[float]
    runs_cpu_s_per_million: list[float]


class Report(Struct, frozen=True, kw_only=True):
    """What was measured. ``bytes_mean`` is the mean size of a message's value."""

    events: int
    rate: float
    repeats: int
    bytes_mean: float
    stencils: int
    machine: dict[str, str]
    rows: list[Row]

    def ratio(self, over: str, under: str) -> float:
        """CPU per message of one kind over that of another, medians."""
        found = {row.name: row.cpu_s_per_million for row in self.rows}
        return found[over] / found[under]


class Figures(Struct, frozen=True):
    """One run: seconds until all was acknowledged, CPU seconds of this process, seconds behind."""

    wall_s: float
    cpu_s: float
    behind_max_s: float = 0.0


async def run(
    settings: Settings, profile: Profile, *, events: int, rate: float, repeats: int, kafka: str, tell: Tell
) -> Report:
    """Measure each kind ``repeats`` times, interleaved.

    Raises:
        RunFailed: the books of a run do not agree with the log; then there is no number.
        Unavailable: no broker.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ioc-bench-")))
        address = kafka or await own_broker(stack, folder)
        settings = structs.replace(settings, kafka=address, kafka_centres="", centres_secrets=None)
        load = load_of(profile, start_ms=clock.now_ms(), seed=settings.seed, exercise="load-bench")
        sample = Maker(load, "sample").make(min(events, 20_000), clock.now_ms())
        found: dict[str, list[Figures]] = {}
        for repeat in range(repeats):
            for name in (BARE, PLAYER, PACED, SPOOLED):
                tell(f"{repeat + 1}/{repeats} {name}", 0, events)
                own = structs.replace(settings, topic_prefix=own_prefix())
                topics = Topics(own.topic_prefix, profile.centre_ids)
                await ensure_topics(own.kafka, [topics.specs[raw] for raw in topics.raw.values()], topics.prefix)
                try:
                    if name == BARE:
                        figures = await _bare(own, topics, sample, events)
                    else:
                        spool = folder / f"spool-{repeat}" if name == SPOOLED else None
                        wish = LoadWish(
                            rate=rate if name == PACED else 0, events=events, spool=spool, ahead=spool is not None
                        )
                        figures = await _player(own, topics, profile, checked(wish), load, name, tell)
                finally:
                    await delete_topics(own, own.topic_prefix)
                found.setdefault(name, []).append(figures)
    return Report(
        events=events,
        rate=rate,
        repeats=repeats,
        bytes_mean=round(statistics.mean(len(one.value) for one in sample)),
        stencils=len(load.stencils),
        machine=machine(-1),
        rows=[_row(name, events, runs) for name, runs in found.items()],
    )


def _row(name: str, events: int, runs: list[Figures]) -> Row:
    per_s = [events / one.wall_s for one in runs]
    cpu = [one.cpu_s / events * 1e6 for one in runs]
    return Row(
        name=name,
        events_per_s=statistics.median(per_s),
        cpu_s_per_million=statistics.median(cpu),
        behind_max_s=statistics.median(one.behind_max_s for one in runs),
        runs_events_per_s=[round(value) for value in per_s],
        runs_cpu_s_per_million=[round(value, 2) for value in cpu],
    )


async def _player(
    settings: Settings, topics: Topics, profile: Profile, wish: LoadWish, load: Load, name: str, tell: Tell
) -> Figures:
    cpu_s = process_time()
    loaded = await run_load(
        settings,
        profile,
        wish,
        load=load,
        handle_signals=False,
        shown=lambda books, _: tell(name, books.acked, wish.events or 0),
    )
    cpu_s = process_time() - cpu_s
    log = await in_log(settings, topics, wish.run, loaded.books.sent)
    problems = problems_of(loaded, log)
    if loaded.books.acked != wish.events:
        problems.append(f"{loaded.books.acked} of {wish.events} messages were acknowledged")
    if problems:
        raise RunFailed(f"{name}: the books do not agree with the log, so there is no number: {'; '.join(problems)}")
    return Figures(loaded.drained_s, cpu_s, loaded.behind_max_s)


async def _bare(settings: Settings, topics: Topics, sample: list[Message], events: int) -> Figures:
    """The floor: ready bytes, always the same ones, into batches; no ids, no books, no repeats."""
    places: dict[tuple[str, bytes], tuple[str, int]] = {}
    for one in sample:
        logical = f"raw.{one.centre}"
        places[one.centre, one.key] = topics.name(logical), topics.partition(logical, one.key)
    rows = [(places[one.centre, one.key], one.key, one.value) for one in sample]
    batches: dict[tuple[str, int], Any] = {}
    waiting: deque[asyncio.Future[Any]] = deque()
    cpu_s, began_s = process_time(), clock.monotonic_s()
    producer = new_producer(settings, max_batch_size=BATCH_BYTES)
    await producer.start()
    try:

        async def hand_over(place: tuple[str, int]) -> None:
            waiting.append(await producer.send_batch(batches.pop(place), place[0], partition=place[1]))
            while len(waiting) > SENDS_OPEN_MAX:
                await waiting.popleft()

        now_ms = clock.now_ms()
        for number in range(events):
            place, key, value = rows[number % len(rows)]
            batch = batches.get(place)
            if batch is None:
                batch = batches[place] = producer.create_batch()
            if batch.append(timestamp=now_ms, key=key, value=value) is None:
                await hand_over(place)
                batch = batches[place] = producer.create_batch()
                batch.append(timestamp=now_ms, key=key, value=value)
        for place in list(batches):
            await hand_over(place)
        await asyncio.gather(*waiting)
    finally:
        await producer.stop()
    figures = Figures(clock.monotonic_s() - began_s, process_time() - cpu_s)
    log = await in_log(settings, topics, "sample", len(sample))
    wanted = InLog(events, min(events, len(sample)), (), 0)
    if log != wanted:
        raise RunFailed(f"{BARE}: the log holds {log}, not {wanted}")
    return figures


def report_text(report: Report) -> str:
    """The table for people."""
    facts = " · ".join(f"{name} {value}" for name, value in report.machine.items())
    lines = [
        f"{report.events:,} messages of {report.bytes_mean:.0f} bytes, median of {report.repeats}; every run of the "
        "player checked against the broker's log",
        f"readings made in advance and repeated ({report.stencils:,}), with fresh ids, times and numbers",
        "  " + facts,
        "",
        f"{'':<22}{'messages/s':>12}{'CPU s per 10⁶':>15}{'behind at most':>16}",
    ]
    for row in report.rows:
        name = f"{row.name} {report.rate:,.0f}/s" if row.name == PACED else row.name
        behind = f"{row.behind_max_s:.2f} s" if row.name == PACED else ""
        lines.append(f"{name:<22}{row.events_per_s:>12,.0f}{row.cpu_s_per_million:>15.2f}{behind:>16}")
    lines.append("")
    for name in (PLAYER, SPOOLED):
        lines.append(f"CPU per message, {name} / {BARE}: {report.ratio(name, BARE):.2f}")
    return "\n".join(lines)
