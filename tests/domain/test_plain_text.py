"""Text without control characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.domain.plain_text import is_plain, made_plain


@pytest.mark.parametrize(
    ("text", "one_line", "lines"),
    [
        ("", True, True),
        ("Đã gọi trưởng ca – 113", True, True),
        ("một\nhai\tba", False, True),
        ("a\x00b", False, False),
        ("a\rb", False, False),
        ("\x1b[2J", False, False),
        ("\x7f", False, False),
        ("\x85", False, False),
    ],
)
def test_what_is_plain(text: str, one_line: bool, lines: bool) -> None:
    assert (is_plain(text), is_plain(text, lines=True)) == (one_line, lines)


@given(st.text())
def test_what_was_made_plain_is_plain_and_as_long(text: str) -> None:
    made = made_plain(text)
    assert is_plain(made, lines=True)
    assert len(made) == len(text)
    assert made_plain(made) == made
    assert (made == text) == is_plain(text, lines=True)
