"""The answers that the desk gave: a repeated command has the same answer, also after a restart."""

from __future__ import annotations

from collections.abc import Callable

from ioc.domain.alerts import LogEntry
from ioc.domain.desk_commands import Command
from ioc.wire.codec import decode_log_entry, encode

ANSWERS_MAX = 1_000  # commands remembered; at one a minute more than two shifts. The oldest goes


class AnswerBook:
    """Answers by command id. ``prefix``: of their records in the topic ``desk``, ``@silence/answer/`` for instance."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._answers: dict[str, LogEntry] = {}  # oldest first once sorted
        self._sorted = True
        self._dirty: dict[str, bytes | None] = {}

    def load(self, key: str, value: bytes) -> None:
        """Take one record back, in any order."""
        self._answers[key.removeprefix(self.prefix)] = decode_log_entry(value)
        self._sorted = False

    def again(self, command: Command, mismatch: Callable[[], LogEntry]) -> LogEntry | None:
        """The answer to a command whose id was used before; None: it is new.

        Args:
            command: what is asked.
            mismatch: makes the answer to another content under that id.
        """
        before = self._answers.get(command.command_id) if command.command_id else None
        return before if before is None or before.digest == command.digest else mismatch()

    def remember(self, command: Command, entry: LogEntry) -> None:
        """Keep an answer; one without a command id is not kept."""
        if not command.command_id:
            return
        if not self._sorted:
            self._answers = dict(sorted(self._answers.items(), key=lambda item: (item[1].at_ms, item[0])))
            self._sorted = True
        self._answers[command.command_id] = entry
        self._dirty[self.prefix + command.command_id] = encode(entry)
        while len(self._answers) > ANSWERS_MAX:
            oldest = next(iter(self._answers))
            del self._answers[oldest]
            self._dirty[self.prefix + oldest] = None

    def take_dirty(self) -> dict[str, bytes | None]:
        """Records that changed since the last call."""
        rows, self._dirty = self._dirty, {}
        return rows
