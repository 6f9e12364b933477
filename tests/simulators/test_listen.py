"""The judge hears a run to its end: also when the jobs are behind, and never for ever."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ioc.settings import Settings
from ioc.wire.topics import Topics
from simulators import listen
from simulators.listen import Listener

END_MS = 1_000_000  # wall clock at which the last message was sent
Script = Callable[[Listener, int], None]


class Wall:
    """A wall clock that moves by what is slept, and lets a script act meanwhile."""

    def __init__(self) -> None:
        self.now_ms = END_MS


async def settled(monkeypatch: pytest.MonkeyPatch, script: Script, limit_s: float = 40, quiet_s: float = 6) -> float:
    """Seconds until it was certain; -1 when it never was."""
    wall = Wall()
    listener = Listener(Settings(), Topics("", ("tinh",)), lambda: wall.now_ms)

    async def sleep(seconds: float) -> None:
        wall.now_ms += round(seconds * 1000)
        assert wall.now_ms < END_MS + 3_600_000, "it waits for ever"
        script(listener, wall.now_ms - END_MS)

    monkeypatch.setattr(listen.asyncio, "sleep", sleep)  # type: ignore[attr-defined]
    certain = await listener.settled(END_MS, limit_s, quiet_s)
    monkeypatch.undo()
    return (wall.now_ms - END_MS) / 1000 if certain else -1


def canaries(behind_s: float, factor: float = 1.0, until_s: float = 1e9) -> Script:
    """Canaries come through; the jobs are behind at the end and work ``factor`` times as fast as time goes by."""

    def script(listener: Listener, passed_ms: int) -> None:
        if passed_ms <= until_s * 1000:
            listener._canary_ms = END_MS + round(passed_ms * factor - behind_s * 1000)

    return script


async def test_jobs_that_are_minutes_behind_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await settled(monkeypatch, canaries(0)) == pytest.approx(6, abs=0.5)
    assert await settled(monkeypatch, canaries(300, 2)) == pytest.approx(150, abs=1)
    assert await settled(monkeypatch, canaries(300, 0.5)) == pytest.approx(600, abs=1)


async def test_without_canaries_it_is_never_certain(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await settled(monkeypatch, lambda listener, passed_ms: None) == -1
    assert await settled(monkeypatch, canaries(300, until_s=100)) == -1, "they stopped on the way"


async def test_a_run_that_never_rests_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def script(listener: Listener, passed_ms: int) -> None:
        canaries(0)(listener, passed_ms)
        listener._news_ms = END_MS + passed_ms

    assert await settled(monkeypatch, script) == -1
