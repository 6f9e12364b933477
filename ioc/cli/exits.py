"""Exit codes that several commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulators.replay_run import Replayed
    from simulators.runs import Outcome

EXIT_UNJUDGED = 4  # something is expected, but nothing of it could be judged
EXIT_UNSENT = 75  # ended with messages that the broker did not acknowledge


def exit_code(result: Outcome | Replayed) -> int:
    """Of a run that is judged: 0 all that was judged holds, or nothing is expected; 1 something does not hold."""
    if result.unacknowledged:
        return EXIT_UNSENT
    if result.verdict is None:
        return 0
    if not result.verdict.holds:
        return 1
    return 0 if result.verdict.judged else EXIT_UNJUDGED
