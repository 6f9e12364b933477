"""How far a longer command is, as one line on a terminal; nothing where nobody looks (a pipe, a log)."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, TextColumn
from rich.progress import Progress as Bar
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


def bar(*columns: ProgressColumn, head: str = "{task.description}", quiet: bool = False) -> Bar:
    """A bar on standard error, gone at the end; nothing for programs.

    Args:
        columns: behind the bar.
        head: before it, a format of the task.
        quiet: show nothing.
    """
    return Bar(
        TextColumn(head),
        BarColumn(),
        *columns,
        console=Console(stderr=True),
        transient=True,
        disable=quiet or not sys.stderr.isatty(),
    )
