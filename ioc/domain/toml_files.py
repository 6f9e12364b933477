"""The bytes of a TOML file → a typed value, or every mistake with its line: one reader for profile, rules and tests."""

from __future__ import annotations

import tomllib
from typing import TypeVar

from msgspec import Struct

from ioc.domain.tables import read_struct
from ioc.domain.toml_lines import deepest_line, line_of

T = TypeVar("T", bound=Struct)


def parse(content: bytes, kind: type[T]) -> tuple[T | None, str, list[tuple[int, str]]]:
    """What a file holds.

    Args:
        content: the bytes.
        kind: what they are to be; unknown keys are mistakes.

    Returns:
        The value, or None when something is wrong; the text, to find lines of what is wrong with the value as a whole
        (empty when it is no UTF-8); every mistake as line, from 1, and sentence.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as exc:
        return None, "", [(content.count(b"\n", 0, exc.start) + 1, f"is not UTF-8: byte {exc.start}")]
    said: list[str] = []
    value: T | None = None
    try:
        value = read_struct(kind, tomllib.loads(text), "", said)
    except tomllib.TOMLDecodeError as exc:
        said.append(f"is not TOML: {exc}")
    except RecursionError:
        return None, text, [(deepest_line(text), "is nested too deeply to be read")]
    return (None if said else value), text, [(line_of(text, one), one) for one in said]
