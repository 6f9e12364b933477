"""The supervisor, tried on toy processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from pathlib import Path

import pytest

from ioc.stack import processes
from ioc.stack.commands import say
from ioc.stack.spec import levels
from ioc.stack.supervisor import Backoff
from tests.stack.toys import Run, made, shell, until


async def test_starts_in_order_and_stops_in_reverse(tmp_path: Path) -> None:
    story = tmp_path / "story"
    script = 'trap "echo stop-{0} >> {1}; exit 0" TERM; echo start-{0} >> {1}; touch {2}; while :; do sleep 0.02; done'

    def toy(name: str, *needs: str) -> object:
        ready = tmp_path / f"{name}.ready"
        return shell(name, script.format(name, story, ready), depends_on=needs, ready=made(ready))

    specs = (toy("worker", "broker", "tables"), toy("broker"), shell("tables", f"echo tables >> {story}", kind="task"))
    async with Run(tmp_path, *specs) as run:  # type: ignore[arg-type]
        await asyncio.wait_for(run.ready.wait(), 10)
        assert run.state("tables") == "done"
        assert await run.stop() == 0
    lines = story.read_text().split()
    assert set(lines[:2]) == {"start-broker", "tables"}
    assert lines[2:] == ["start-worker", "stop-worker", "stop-broker"]
    assert processes.recorded(tmp_path / "run") == []


async def test_restarts_what_dies_with_growing_waits_and_says_so(tmp_path: Path) -> None:
    spec = shell("flaky", "exec sleep 1000")
    backoff = Backoff(first_s=0.05, longest_s=0.1, reset_after_s=60.0, give_up_after=3)
    async with Run(tmp_path, spec, backoff=backoff) as run:
        await asyncio.wait_for(run.ready.wait(), 10)
        for wait, count in (("0.05", 1), ("0.1", 2), ("0.1", 3)):
            await until(lambda: run.state("flaky") == "running")
            os.kill(run.pid("flaky"), signal.SIGKILL)
            await until(lambda: run.restarts("flaky") == count)  # noqa: B023 - awaited before the loop goes on
            death = [line for line in run.lines if "ended" in line][-1]
            assert f"(killed by SIGKILL); starts again in {wait} s; log: {tmp_path}/logs/flaky.log" in death
        await until(lambda: run.state("flaky") == "running")


async def test_the_wait_begins_anew_after_a_long_life(tmp_path: Path) -> None:
    backoff = Backoff(first_s=0.01, longest_s=10.0, reset_after_s=0.0, give_up_after=3)
    async with Run(tmp_path, shell("flaky", "exec sleep 1000"), backoff=backoff) as run:
        for count in range(1, 5):
            await until(lambda: run.state("flaky") == "running")
            os.kill(run.pid("flaky"), signal.SIGKILL)
            await until(lambda: run.restarts("flaky") == count)  # noqa: B023
        assert all("again in 0.01 s" in line for line in run.lines if "ended" in line)


async def test_gives_up_on_what_never_gets_ready_with_its_last_words(tmp_path: Path) -> None:
    specs = (shell("other", "exec sleep 1000"), shell("broken", "echo no such thing; exit 4", kind="task"))
    async with Run(tmp_path, *specs) as run:
        assert await run.wait() == 1
    assert "broken failed 3 times (exit code 4)" in run.lines[-1]
    assert run.lines[-1].endswith("no such thing")
    assert processes.recorded(tmp_path / "run") == []


async def test_a_service_that_is_never_ready_is_ended_and_tried_again(tmp_path: Path) -> None:
    spec = shell("deaf", "exec sleep 1000", ready=made(tmp_path / "never"), ready_limit_s=0.2)
    async with Run(tmp_path, spec) as run:
        await until(lambda: run.restarts("deaf") >= 1)
        assert any("not ready within 0.2 s" in line for line in run.lines)


async def test_kills_what_ignores_the_stop_signal_and_all_its_children(tmp_path: Path) -> None:
    child = tmp_path / "child"
    spec = shell("stubborn", f'trap "" TERM; sleep 1000 & echo $! > {child}; wait; wait; wait', stop_limit_s=0.3)
    async with Run(tmp_path, spec) as run:
        await until(lambda: child.exists() and child.read_text().strip())
        pids = [run.pid("stubborn"), int(child.read_text())]
        before = [processes.identity(pid) for pid in pids]
        began = time.monotonic()
        assert await run.stop() == 0
        assert time.monotonic() - began < 5
    assert all(before)
    assert processes.wait_gone([item for item in before if item], 5.0)
    assert any("did not stop within 0.3 s: killed" in line for line in run.lines)


async def test_a_second_stop_kills_at_once(tmp_path: Path) -> None:
    spec = shell("stubborn", 'trap "" TERM; while :; do sleep 0.05; done', stop_limit_s=60.0)
    async with Run(tmp_path, spec) as run:
        await asyncio.wait_for(run.ready.wait(), 10)
        run.supervisor.request_stop()
        run.supervisor.request_stop()
        assert await asyncio.wait_for(run.wait(), 5) == 0


async def test_a_stop_is_a_stop_though_nobody_can_be_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The terminal, or the pipe behind it, is gone: every write to it fails."""
    reader, writer = os.pipe()
    os.close(reader)
    monkeypatch.setattr("sys.stdout", os.fdopen(writer, "w"))
    with pytest.raises(BrokenPipeError):
        print("x", flush=True)
    async with Run(tmp_path, shell("worker", "sleep 1000"), report=say) as run:
        await asyncio.wait_for(run.ready.wait(), 10)
        run.supervisor.request_stop("stopping in order")
        assert await run.wait() == 0


async def test_the_summary_tells_state_pid_and_restarts(tmp_path: Path) -> None:
    async with Run(tmp_path, shell("toy", "exec sleep 1000", role="a toy")) as run:
        await until(lambda: run.state("toy") == "running")
        (row,) = json.loads((tmp_path / "run" / "summary.json").read_text())
        assert (row["name"], row["role"], row["state"], row["restarts"]) == ("toy", "a toy", "running", 0)
        assert row["pid"] == run.pid("toy")


async def test_prepare_runs_before_every_start(tmp_path: Path) -> None:
    calls: list[int] = []
    async with Run(tmp_path, shell("toy", "exec sleep 1000", prepare=lambda: calls.append(1))) as run:
        await until(lambda: run.state("toy") == "running")
        os.kill(run.pid("toy"), signal.SIGKILL)
        await until(lambda: run.restarts("toy") == 1 and run.state("toy") == "running")
    assert len(calls) == 2


def test_a_plan_with_a_circle_or_a_hole_is_refused() -> None:
    with pytest.raises(ValueError, match="wait for each other"):
        levels((shell("a", "", depends_on=("b",)), shell("b", "", depends_on=("a",))))
    with pytest.raises(ValueError, match="not in the plan"):
        levels((shell("a", "", depends_on=("b",)),))
    with pytest.raises(ValueError, match="same name"):
        levels((shell("a", ""), shell("a", "")))
