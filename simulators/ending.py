"""How a run ends early: a request by SIGTERM or SIGINT, and waits that it cuts short."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Iterator
from types import FrameType


def on_signals(handle: bool) -> asyncio.Event:
    """What is set when the run shall end; by signals only when the caller is the whole process (``handle``)."""
    stopping = asyncio.Event()
    if handle:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping


@contextlib.contextmanager
def asked_to_end() -> Iterator[Callable[[], bool]]:
    """Tells a run in memory whether SIGTERM or SIGINT came; a second one does what it always does.

    Only in the main thread of a process.
    """
    asked = False
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def ask(_: int, __: FrameType | None) -> None:
        nonlocal asked
        asked = True
        restore()

    for number in before:
        signal.signal(number, ask)
    try:
        yield lambda: asked
    finally:
        restore()


def sleep_until(stopping: asyncio.Event) -> Callable[[float], Awaitable[None]]:
    """A wait for seconds; a request to end cuts the first such wait short, the later ones are waited out."""

    async def sleep(seconds: float) -> None:
        if stopping.is_set():
            await asyncio.sleep(seconds)
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), seconds)

    return sleep
