"""The gateway as the command line starts it: ports, stopping, and what it says."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from ioc.stack.ports import free_ports
from tests.gateway.harness import running

ROOT = Path(__file__).resolve().parents[2]


async def started(tmp: Path, **environ: str) -> asyncio.subprocess.Process:
    http, live, nowhere = free_ports(3)
    values = {
        "IOC_DATA_DIR": str(tmp),
        "IOC_HTTP_PORT": str(http),
        "IOC_LIVE_PORT": str(live),
        "IOC_KAFKA": f"127.0.0.1:{nowhere}",
        "IOC_DATABASE_URL": f"postgresql://nobody@127.0.0.1:{nowhere}/none",
    } | environ
    clean = {name: value for name, value in os.environ.items() if not name.startswith("IOC_")}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ioc.cli", "gateway", cwd=ROOT, env=clean | values, stderr=asyncio.subprocess.PIPE
    )


async def test_a_taken_port_is_one_sentence_with_the_remedy(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = await started(tmp_path, IOC_HTTP_PORT=str(port))
        _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    assert f"port {port} cannot be used" in errors.decode()
    assert "IOC_HTTP_PORT" in errors.decode()
    assert "Traceback" not in errors.decode()


async def test_without_a_bus_and_a_database_it_waits_and_stops_when_told(tmp_path: Path) -> None:
    process = await started(tmp_path)
    assert process.stderr is not None
    async with asyncio.timeout(30):
        while b"the bus does not answer yet" not in await process.stderr.readline():
            pass
    process.send_signal(signal.SIGTERM)
    _, errors = await asyncio.wait_for(process.communicate(), 15)
    assert process.returncode == 0, errors.decode()
    assert b"Traceback" not in errors


async def test_a_failing_part_ends_the_gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wall that cannot be kept current must not go on looking alive."""
    fail = asyncio.Event()

    async def run(self: object) -> None:
        await fail.wait()
        raise RuntimeError("the log is gone")

    monkeypatch.setattr("tests.gateway.harness.FakeBus.run", run)

    async def life() -> None:
        async with running(tmp_path) as gateway, gateway.wall() as wall:
            fail.set()
            assert await wall.closed() == 1001

    with pytest.raises(ExceptionGroup) as failed:
        await life()
    assert failed.group_contains(RuntimeError, match="the log is gone")
