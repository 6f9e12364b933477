"""The progress of a longer command: on a terminal only, and never in the results."""

from __future__ import annotations

import io
import sys

import pytest
from rich.progress import MofNCompleteColumn

from ioc.cli.progress import Progress, bar


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_is_told_which_step_runs() -> None:
    stream = Terminal()
    with Progress(3, stream) as progress:
        progress.begin("heavy-rain", "a cloudburst")
        progress.begin("heavy-rain", "[bold]steady[/bold]" + "x" * 200)
    said = stream.getvalue()
    assert "2 of 3  heavy-rain: " in said
    assert "[bold]steady[/bold]" in said  # a name is no markup


def test_a_pipe_is_told_nothing() -> None:
    stream = io.StringIO()
    with Progress(3, stream) as progress:
        progress.begin("heavy-rain", "a cloudburst")
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("terminal", "quiet", "shown"), [(True, False, True), (True, True, False), (False, False, False)]
)
def test_a_bar_is_on_a_terminal_only_and_never_for_programs(
    terminal: bool, quiet: bool, shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    with bar(MofNCompleteColumn(), quiet=quiet) as progress:
        progress.update(progress.add_task("replay", total=4), completed=1)
    assert ("replay" in stream.getvalue()) is shown
