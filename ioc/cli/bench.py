"""``ioc bench …``: measurements as commands."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Literal

import msgspec
from cyclopts import App, Parameter
from cyclopts.validators import Number

from ioc.bootstrap import load_profile, read_settings

Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")]
Count = Annotated[int, Parameter(validator=Number(gte=1))]


def register(app: App) -> None:
    """Add the commands."""
    bench = App(name="bench", help="Measurements.\n\nExample: `ioc bench live --rate 300 --seconds 60`")
    for function in (live, stream, restore, player, audit):
        bench.command(function)
    app.command(bench)


def live(
    *,
    rate: float = 300.0,
    seconds: float = 60.0,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Delay from a feed's acknowledgement to a frame at a wall, on the demo that runs; and memory per process.

    Example: `ioc bench live --rate 300 --seconds 60`

    Exit codes: 0 measured, 3 nothing runs.

    Parameters
    ----------
    rate
        Events per second, beside those of the demo.
    seconds
        How long.
    """
    from ioc.bench.live import measure

    latency, memory = asyncio.run(
        measure(read_settings(), rate=rate, seconds=seconds, say=lambda text: print(text, file=sys.stderr))
    )
    if as_json:
        print(json.dumps({"latency": msgspec.structs.asdict(latency), "resident_mb": memory}))
        return 0
    print(f"feed acknowledgement → wall frame, {latency.events} events, {latency.unseen} not seen")
    shares = {"p50": latency.p50_ms, "p95": latency.p95_ms, "p99": latency.p99_ms, "max": latency.max_ms}
    print("  " + " · ".join(f"{name} {ms:.0f} ms" for name, ms in shares.items()))
    print("resident memory: " + " · ".join(f"{name} {mb:.0f} MB" for name, mb in memory.items()))
    return 0


def stream(
    job: Literal["detect", "intake"] = "detect",
    *,
    events: Count | None = None,
    repeats: Count = 3,
    sink: Literal["both", "kafka", "none"] = "both",
    stock: bool = True,
    kafka: str = "",
    seed: int = 1,
    as_json: Json = False,
) -> int:
    """What a job costs per event, beside a bare aiokafka loop and ordinary Faust with the same step.

    Starts a Kafka of its own, fills it with made readings (late, twice, from the future, broken), measures each kind
    on one core, and compares every output with an oracle.

    Example: `ioc bench stream detect --events 1000000`

    Exit codes: 0 measured, 1 an output was wrong or a process failed (then no number is printed), 3 no Kafka.

    Parameters
    ----------
    job
        Which job.
    events
        Records to work off; by default 1,000,000 for detect and 300,000 for intake.
    repeats
        Runs of each kind, interleaved; the medians are reported.
    sink
        Write the results to Kafka, only count what would be written, or both.
    stock
        Measure ordinary Faust too, on a tenth of the records.
    kafka
        Address of a Kafka that runs, host:port; topics of its own are made there and deleted.
    seed
        Of the made readings.
    """
    from ioc.bench import stream as bench
    from ioc.bench.stream_report import stream_report
    from ioc.bench.stream_runs import RunFailed

    kinds = (bench.PRODUCT, bench.FLOOR, bench.PRODUCT_NO_SINK, bench.FLOOR_NO_SINK)
    wanted = tuple(kind for kind in kinds if sink in ("both", kind.sink)) + ((bench.STOCK,) if stock else ())
    options = bench.Options(
        job=job, events=events or bench.EVENTS[job], repeats=repeats, seed=seed, kafka=kafka, kinds=wanted
    )
    settings = read_settings()
    try:
        with progress() as tell:
            result = asyncio.run(bench.run(options, settings, load_profile(settings), tell))
    except RunFailed as exc:
        print(f"ioc: {exc}", file=sys.stderr)
        return 1
    print(msgspec.json.encode(result).decode() if as_json else stream_report(result))
    return 0


def restore(*, keys: Count = 100_000, kafka: str = "", as_json: Json = False) -> int:
    """How long detect needs to have its state back after a restart, and to go on after kill -9.

    Example: `ioc bench restore --keys 100000`

    Exit codes: 0 measured, 1 a worker did not come back, 3 no Kafka.

    Parameters
    ----------
    keys
        State keys, over all partitions.
    kafka
        Address of a Kafka that runs, host:port; topics of its own are made there and deleted.
    """
    from ioc.bench import stream_restore
    from ioc.bench.stream_report import restore_report
    from ioc.bench.stream_runs import RunFailed

    settings = read_settings()
    try:
        result = asyncio.run(stream_restore.run(keys, kafka, settings, load_profile(settings)))
    except RunFailed as exc:
        print(f"ioc: {exc}", file=sys.stderr)
        return 1
    print(msgspec.json.encode(result).decode() if as_json else restore_report(result))
    return 0


def player(
    *, events: Count = 500_000, rate: float = 100_000.0, repeats: Count = 3, kafka: str = "", as_json: Json = False
) -> int:
    """What the simulators' player costs when it sends a load, beside a bare aiokafka loop in the same run.

    Starts a Kafka of its own. Four kinds take turns: the bare loop, the player as fast as it can, the player at a
    rate, and the player with every message in the spool first. After each run of the player its books are compared
    with the broker's log. The readings are made in advance and repeated, with fresh ids, times and numbers.

    Example: `ioc bench player --events 1000000 --rate 100000`

    Exit codes: 0 measured, 1 the books do not agree with the log (then no number is printed), 3 no Kafka.

    Parameters
    ----------
    events
        Messages of each run.
    rate
        Messages per second of the run at a rate.
    repeats
        Runs of each kind, interleaved; the medians are reported.
    kafka
        Address of a Kafka that runs, host:port; topics of its own are made there and deleted.
    """
    from ioc.bench.stream_runs import RunFailed
    from simulators import load_bench

    settings = read_settings()
    try:
        with progress() as tell:
            result = asyncio.run(
                load_bench.run(
                    settings,
                    load_profile(settings),
                    events=events,
                    rate=rate,
                    repeats=repeats,
                    kafka=kafka,
                    tell=tell,
                )
            )
    except RunFailed as exc:
        print(f"ioc: {exc}", file=sys.stderr)
        return 1
    print(msgspec.json.encode(result).decode() if as_json else load_bench.report_text(result))
    return 0


def audit(*, rows: Count = 100_000, repeats: Count = 3, as_json: Json = False) -> int:
    """How long it takes to follow the audit chain, with a PostgreSQL of its own.

    Example: `ioc bench audit --rows 100000`

    Exit codes: 0 measured, 1 a row that was changed on purpose was not named (then no number is printed), 3 no
    PostgreSQL.

    Parameters
    ----------
    rows
        Rows of the alert log.
    repeats
        How often the whole chain is followed.
    """
    from ioc.bench import audit as bench

    try:
        found = bench.run(rows, repeats)
    except bench.NotFound as exc:
        print(f"ioc: {exc}", file=sys.stderr)
        return 1
    if as_json:
        print(msgspec.json.encode(found).decode())
        return 0
    print(f"{found.rows} rows written and sealed in {found.write_s:.1f} s")
    rounds = zip(found.verify_s, found.verify_cpu_s, strict=True)
    print("followed in " + " · ".join(f"{s:.2f} s ({cpu:.2f} s of CPU here)" for s, cpu in rounds))
    print("a changed row was named")
    return 0


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on standard error for what is going on: (what, how far, of how many)."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<26}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                for task in tasks.values():
                    bars.update(task, visible=False)
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=min(done, total))

        yield tell
