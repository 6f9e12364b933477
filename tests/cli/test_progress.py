"""The progress of a longer command: on a terminal only, and never in the results."""

from __future__ import annotations

import io

from ioc.cli.progress import Progress


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
