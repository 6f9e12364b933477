"""``ioc bench …``: measurements as commands."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from ioc.bootstrap import read_settings


def register(app: App) -> None:
    """Add the commands."""
    bench = App(name="bench", help="Measurements.\n\nExample: `ioc bench live --rate 300 --seconds 60`")
    bench.command(live)
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
