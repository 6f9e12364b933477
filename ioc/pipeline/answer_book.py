"""The answers that the desk gave: a repeated command has the same answer, also after a restart.

They leave by the rule of :mod:`ioc.pipeline.answered`: every one is kept for its ``KEPT_MS``, however many others come;
after that the newest of each kind stay. A book has at most ``BYTES_MAX``.
"""

from __future__ import annotations

from collections.abc import Callable

from ioc.domain.alerts import LogEntry
from ioc.domain.desk_commands import Command
from ioc.pipeline.answered import Kept, kept_of, leaving
from ioc.wire.codec import decode_log_entry, encode

EFFECTIVE_KEPT = 800  # of those that are older than is promised; at one a minute more than a shift
OTHERS_KEPT = 200  # the same, without effect
BYTES_MAX = 8_388_608  # about 10,000 answers; beyond it the oldest without effect go first, whatever their age


class AnswerBook:
    """Answers by command id. ``prefix``: of their records in the topic ``desk``, ``@silence/answer/`` for instance."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._answers: dict[str, Kept] = {}  # oldest first once sorted
        self._sorted = True
        self._dirty: dict[str, bytes | None] = {}

    def load(self, key: str, value: bytes) -> None:
        """Take one record back, in any order."""
        self._answers[key.removeprefix(self.prefix)] = kept_of(decode_log_entry(value))
        self._sorted = False

    def again(self, command: Command, mismatch: Callable[[], LogEntry]) -> LogEntry | None:
        """The answer to a command whose id was used before; None: it is new.

        Args:
            command: what is asked.
            mismatch: makes the answer to another content under that id.
        """
        before = self._answers.get(command.command_id) if command.command_id else None
        if before is None:
            return None
        return before.entry if before.entry.digest == command.digest else mismatch()

    def remember(self, command: Command, entry: LogEntry) -> None:
        """Keep an answer; one without a command id is not kept."""
        if not command.command_id:
            return
        if not self._sorted:
            self._answers = dict(sorted(self._answers.items(), key=lambda item: (item[1].entry.at_ms, item[0])))
            self._sorted = True
        self._answers[command.command_id] = kept_of(entry)
        self._dirty[self.prefix + command.command_id] = encode(entry)
        names, kept = list(self._answers), list(self._answers.values())
        bounds = {"effective_kept": EFFECTIVE_KEPT, "others_kept": OTHERS_KEPT, "bytes_max": BYTES_MAX}
        for place in leaving(kept, entry.at_ms, **bounds):
            del self._answers[names[place]]
            self._dirty[self.prefix + names[place]] = None

    def take_dirty(self) -> dict[str, bytes | None]:
        """Records that changed since the last call."""
        rows, self._dirty = self._dirty, {}
        return rows
