"""How far a longer command is, as one line on a terminal; nothing where nobody looks (a pipe, a log)."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.status import Status
from rich.text import Text

WORDS_MAX = 60  # characters of the name of a step


class Progress:
    """``with Progress(12) as progress``, then ``begin`` before each step. Writes to stderr: stdout is for results.

    Args:
        total: how many steps there are.
        stream: where to write; stderr when left out.
    """

    def __init__(self, total: int, stream: TextIO | None = None) -> None:
        console = Console(file=stream or sys.stderr, highlight=False, markup=False)
        self._total = total
        self._done = 0
        self._status = Status("", console=console) if console.is_terminal and total > 1 else None

    def __enter__(self) -> Progress:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        if self._status is not None:
            self._status.stop()

    def begin(self, group: str, name: str) -> None:
        """Say which step runs now."""
        self._done += 1
        if self._status is not None:
            self._status.update(Text(f"{self._done} of {self._total}  {group}: {name[:WORDS_MAX]}", no_wrap=True))
