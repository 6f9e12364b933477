"""``ioc bench live``: a load, a wall, and the time between them, on the system that runs."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from websockets.asyncio.client import connect

from ioc.adapters.clock import monotonic_s, now_ms
from ioc.adapters.http_client import post_json
from ioc.bench.latency import Acked, Latency, Shown, delays_ms, percentiles
from ioc.errors import Unavailable
from ioc.settings import Settings

SETTLE_S = 5.0  # events of the first seconds are not counted: connections are made, caches fill
DRAIN_S = 5.0  # how long the wall may still show what was acknowledged last
FRAME_MAX = 16 * 1024 * 1024  # bytes; a snapshot of a large province


async def measure(
    settings: Settings, *, rate: float, seconds: float, say: Callable[[str], None]
) -> tuple[Latency, dict[str, float]]:
    """Play ``rate`` events per second for ``seconds`` and watch them arrive; also the resident MB of each process.

    Only sites whose native format carries milliseconds are timed: with whole seconds two readings of one second could
    not be told apart, and the figure would flatter.

    Raises:
        Unavailable: no gateway answers.
    """
    with tempfile.TemporaryDirectory() as folder:
        ledger = Path(folder) / "ledger.jsonl"
        shown: list[Shown] = []
        ready = asyncio.Event()
        wall = asyncio.create_task(_watch(settings, shown, ready))
        await asyncio.wait({wall, asyncio.create_task(ready.wait())}, return_when=asyncio.FIRST_COMPLETED)
        if wall.done():
            wall.result()
        say(f"a wall is connected; {rate:g} events/s for {seconds:g} s")
        started_ms, t0 = now_ms(), monotonic_s()
        options = {"--rate": rate, "--duration-s": seconds, "--ledger": ledger}
        feed = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ioc.cli", "sim", "run", "live"),
            *(str(part) for pair in options.items() for part in pair),
            env={**os.environ, **settings.to_environ()},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            ended = asyncio.create_task(feed.wait())
            await asyncio.wait({wall, ended}, return_when=asyncio.FIRST_COMPLETED)
            if wall.done():
                wall.result()
        finally:
            if feed.returncode is None:
                feed.terminate()
        memory = await asyncio.to_thread(resident_mb, settings)
        await asyncio.sleep(DRAIN_S)
        wall.cancel()
        fine = {reading.key for reading in shown if reading.time_ms % 1000}
        acked = [a for a in read_ledger(ledger) if a.ack_ms >= started_ms + SETTLE_S * 1000 and a.key in fine]
        say(f"{len(acked)} events acknowledged in {monotonic_s() - t0 - DRAIN_S - SETTLE_S:.0f} s")
    return percentiles(*delays_ms(acked, shown)), memory


def read_ledger(path: Path) -> list[Acked]:
    """Acknowledged events that a wall shows (heartbeats are not readings)."""
    found = []
    for text in path.read_bytes().split(b"\n")[:-1]:
        entry = orjson.loads(text)
        if not entry["about"].endswith("/source.heartbeat"):
            found.append(Acked(f"{entry['centre']}/{entry['about']}", entry["time_ms"], entry["t_ack_ms"]))
    return found


async def _watch(settings: Settings, shown: list[Shown], ready: asyncio.Event) -> None:
    """A wall without pixels: notes when each reading came."""
    base = f"http://{settings.http_host}:{settings.http_port}"
    ticket = await asyncio.to_thread(post_json, f"{base}/api/ticket", {"wall": True}, base)
    if "ticket" not in ticket:
        raise Unavailable("gateway", "no ticket for a wall: this measures a demo (`make demo`)")
    async with connect(ticket["live_url"], origin=base, max_size=FRAME_MAX, compression=None) as socket:  # type: ignore[arg-type]
        await socket.send(json.dumps({"t": "auth", "ticket": ticket["ticket"], "proto": 1}))
        await socket.send(json.dumps({"t": "subscribe", "channels": ["wall"], "filter": {}, "since": None}))
        async for text in socket:
            seen_ms = now_ms()
            frame: dict[str, Any] = orjson.loads(text)
            if frame["t"] == "delta":
                shown += [Shown(r["key"], r["time_ms"], seen_ms) for r in frame.get("readings", ())]
            elif frame["t"] == "snapshot_end":
                ready.set()
    raise Unavailable("gateway", "the wall's connection was closed")


def resident_mb(settings: Settings) -> dict[str, float]:
    """Resident memory of each process of ``ioc up``, MB (10^6 bytes … as ``ioc status`` reports it)."""
    done = subprocess.run(
        [sys.executable, "-m", "ioc.cli", "status", "--json"],
        env={**os.environ, **settings.to_environ()},
        capture_output=True,
        text=True,
        check=False,
    )
    report = json.loads(done.stdout)
    return {p["name"]: p["resident_mb"] for p in report["processes"] if p["resident_mb"]}
