"""Text that every part of the system can keep: no control characters. PostgreSQL takes no NUL at all, and the others
change what a terminal or a log shows. Text of several lines may have line feeds and tabs.
"""

from __future__ import annotations

import unicodedata

REPLACEMENT = "\ufffd"
_LINES = "\n\t"


def is_plain(text: str, *, lines: bool = False) -> bool:
    """Is the text free of control characters? ``lines``: it may have several lines."""
    return not any(unicodedata.category(char) == "Cc" and not (lines and char in _LINES) for char in text)


def made_plain(text: str) -> str:
    """The text with U+FFFD for each control character but line feeds and tabs."""
    if is_plain(text, lines=True):
        return text
    return "".join(char if is_plain(char, lines=True) else REPLACEMENT for char in text)
