"""Notices that a file was changed and has come to rest, so that a half-written one is not taken."""

from __future__ import annotations

import logging
from pathlib import Path

from ioc.adapters.rule_files import Mark, mark_of

log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0


class AtRest:
    """One file.

    Args:
        file: may be absent.
        unseen: what is logged once when a file that was there cannot be looked at any more, with its reason behind it.
    """

    def __init__(self, file: Path, unseen: str) -> None:
        self._file, self._unseen = file, unseen
        self._due_s = float("-inf")
        self._seen: Mark | None = None
        self._judged: Mark | None = None

    def look(self, now_s: float) -> bool:
        """Was it changed, and is it the same as at the look before? True once for each change. Never raises.

        Args:
            now_s: monotonic clock; the file is looked at every 2 s.
        """
        if now_s < self._due_s:
            return False
        self._due_s = now_s + LOOK_EVERY_S
        mark = self._mark()
        before, self._seen = self._seen, mark
        if mark is None or mark != before or mark == self._judged:
            return False
        self._judged = mark
        return True

    def again(self) -> None:
        """What was judged is to be judged once more, by other rules for instance."""
        self._judged = None

    def _mark(self) -> Mark | None:
        try:
            return mark_of(self._file)
        except OSError as exc:
            if self._judged is not None or self._seen is not None:
                log.error("%s: %s", self._unseen, exc)
            self._judged = None
            return None
