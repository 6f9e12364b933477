"""``ioc bench stream``: what the job costs beside a floor and beside ordinary Faust, on a broker of its own.

In one invocation and interleaved, so that what else the machine does hits all alike: the product with its sink, the
floor with the same sink, both without sink, and an ordinary Faust agent on a part of the records. Each measured
process has a core to itself; the broker and this process use the others. Every output is checked by an oracle; a run
that fails it gives no number.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct, structs

from ioc.bench.stream_canonical import canonical
from ioc.bench.stream_kafka import delete_topics, fill, make_topics, own_prefix
from ioc.bench.stream_made import Stream
from ioc.bench.stream_native import native
from ioc.bench.stream_oracle import Oracle
from ioc.bench.stream_runs import Kind, Shared, measure
from ioc.bench.stream_truth_detect import DetectTruth
from ioc.bench.stream_truth_intake import IntakeTruth
from ioc.domain.profile import Profile
from ioc.errors import Unavailable
from ioc.settings import Settings
from ioc.wire.topics import Topics

Job = Literal["intake", "detect"]
EVENTS: dict[str, int] = {"detect": 1_000_000, "intake": 300_000}
STOCK_SHARE = 0.1  # stock Faust is so much slower that a part of the records says enough
PRODUCT = Kind("product", "product", "kafka")
FLOOR = Kind("floor", "floor", "kafka")
PRODUCT_NO_SINK = Kind("product, no sink", "product", "none")
FLOOR_NO_SINK = Kind("floor, no sink", "floor", "none")
STOCK = Kind("stock Faust, no sink", "stock", "none", STOCK_SHARE)
LIBRARIES = ("faust", "aiokafka", "msgspec", "orjson")


class Options(Struct, frozen=True, kw_only=True):
    """What a person may choose; ``kafka`` empty: a broker is started for the measurement and removed after it."""

    job: Job
    events: int
    repeats: int
    seed: int
    kafka: str = ""
    kinds: tuple[Kind, ...] = (PRODUCT, FLOOR, PRODUCT_NO_SINK, FLOOR_NO_SINK, STOCK)


class Row(Struct, frozen=True, kw_only=True):
    """Medians over the repeats of one kind. Rates per second of wall time; CPU of all threads of the process;
    ``step`` is the part inside the pure step (0 for ``stock``, which is not timed inside)."""

    name: str
    records: int
    events_per_s: float
    cpu_s_per_million: float
    step_cpu_s_per_million: float
    rss_max_mb: float
    step_ms: tuple[float, float, float]
    flush_ms: tuple[float, float, float]
    transactions: int
    emits: int
    runs_cpu_s_per_million: list[float]


class Result(Struct, frozen=True, kw_only=True):
    """Everything that is reported."""

    options: Options
    machine: dict[str, str]
    stream: dict[str, int]
    rows: list[Row]

    def ratio(self, over: Kind, under: Kind) -> float | None:
        """CPU per event of one kind over that of another; None when one was not measured."""
        found = {row.name: row.cpu_s_per_million for row in self.rows}
        if over.name not in found or under.name not in found:
            return None
        return found[over.name] / found[under.name]


Progress = Callable[[str, int, int], None]  # what, how far, of how many


async def run(options: Options, settings: Settings, profile: Profile, progress: Progress) -> Result:
    """Fill, measure, check.

    Raises:
        OracleFailed, RunFailed: a run was wrong; nothing is reported.
        Unavailable: no broker.
    """
    cores = sorted(os.sched_getaffinity(0))
    measured = cores[-1] if len(cores) > 1 else -1
    with _on(set(cores[:-1]) if measured >= 0 else set(cores)):
        async with AsyncExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ioc-bench-")))
            kafka = options.kafka or await own_broker(stack, folder)
            shared = Shared(
                job=options.job,
                settings=structs.replace(settings, kafka=kafka),
                centres=tuple(profile.centre_ids),
                inputs=own_prefix(),
                records=options.events,
                core=measured,
                folder=folder,
            )
            try:
                return await _measure_all(options, shared, profile, progress)
            finally:
                if options.kafka:
                    await delete_topics(shared.settings, shared.inputs.removesuffix("."))


async def own_broker(stack: AsyncExitStack, folder: Path) -> str:
    """Address of a Kafka that ends and is deleted with the stack.

    Raises:
        Unavailable: it did not start; the sentence says what to do.
    """
    from ioc.stack.state import StackError
    from ioc.stack.testing import LocalStack

    try:
        return (await stack.enter_async_context(LocalStack(folder / "stack", postgres=False))).kafka
    except ExceptionGroup as group:
        found = group.subgroup(StackError)
        if found is None:
            raise
        raise Unavailable("kafka", str(found.exceptions[0])) from None


def made_stream(job: Job, profile: Profile, events: int, seed: int) -> Stream:
    """The input of a job."""
    return (canonical if job == "detect" else native)(profile, events, seed)


def truth(job: Job, profile: Profile) -> Oracle:
    """The oracle of a job."""
    return DetectTruth(profile) if job == "detect" else IntakeTruth(profile)


async def _measure_all(options: Options, shared: Shared, profile: Profile, progress: Progress) -> Result:
    topics = Topics(shared.inputs, shared.centres)
    inputs = ["events"] if options.job == "detect" else list(topics.raw.values())
    await make_topics(shared.settings, topics, inputs)
    oracle = truth(options.job, profile)
    stream = made_stream(options.job, profile, options.events, options.seed)
    await fill(shared.settings, topics, stream, oracle, lambda n: progress("fill", n, options.events))
    figures: dict[str, list[dict[str, Any]]] = {kind.name: [] for kind in options.kinds}
    number = 0
    for repeat in range(options.repeats):
        for kind in options.kinds:
            number += 1
            label = f"{repeat + 1}/{options.repeats} {kind.name}"
            total = round(options.events * kind.share)
            got = await measure(shared, kind, oracle, _teller(progress, label, total), number)
            figures[kind.name].append(got)
    return Result(
        options=options,
        machine=machine(shared.core),
        stream=oracle.counts,
        rows=[summary(kind.name, figures[kind.name]) for kind in options.kinds],
    )


def _teller(progress: Progress, label: str, total: int) -> Callable[[int], None]:
    return lambda count: progress(label, count, total)


def summary(name: str, runs: list[dict[str, Any]]) -> Row:
    """The medians."""

    def median(values: list[float]) -> float:
        return float(statistics.median(values))

    cpu = [run["cpu_s"] / run["records"] * 1e6 for run in runs]
    return Row(
        name=name,
        records=runs[0]["records"],
        events_per_s=median([run["records"] / run["wall_s"] for run in runs]),
        cpu_s_per_million=median(cpu),
        step_cpu_s_per_million=median([run["step_cpu_s"] / run["records"] * 1e6 for run in runs]),
        rss_max_mb=median([run["rss_max_mb"] for run in runs]),
        step_ms=shares([ms for run in runs for ms in run["step_ms"]]),
        flush_ms=shares([ms for run in runs for ms in run["flush_ms"]]),
        transactions=round(median([len(run["flush_ms"]) for run in runs])),
        emits=round(median([run["emits"] for run in runs])),
        runs_cpu_s_per_million=[round(value, 3) for value in cpu],
    )


def shares(values: list[float]) -> tuple[float, float, float]:
    """p50, p95, p99 by nearest rank; zeros when there are none."""
    ordered = sorted(values)
    if not ordered:
        return (0.0, 0.0, 0.0)
    p50, p95, p99 = (ordered[max(0, -(-len(ordered) * share // 100) - 1)] for share in (50, 95, 99))
    return (p50, p95, p99)


def machine(core: int) -> dict[str, str]:
    """Facts that a figure depends on."""
    from importlib.metadata import version

    names = {"faust": "faust-streaming"}
    model = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "")
    return {
        "processor": model or platform.machine(),
        "cores": str(os.cpu_count()),
        "measured on core": "any" if core < 0 else str(core),
        "load": " ".join(f"{load:.1f}" for load in os.getloadavg()),
        "python": sys.version.split()[0],
        "system": f"{platform.system()} {platform.release()}",
        **{name: version(names.get(name, name)) for name in LIBRARIES},
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


@contextmanager
def _on(cores: set[int]) -> Iterator[None]:
    """Keep this process, and what it starts, off the measured core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
