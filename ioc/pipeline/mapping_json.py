"""Strict JSON for hostile input: one object, no key twice, finite numbers, at most 16 levels, real UTF-8.

``orjson`` refuses most of it by itself and decides in half a microsecond; only what it cannot see is checked here.
The expensive search for the reason runs for refused input alone.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import orjson

from ioc.errors import BadInput

DEPTH_MAX = 16
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"{[}]"))
_BOM = b"\xef\xbb\xbf"


def decode_object(data: bytes) -> dict[str, Any]:
    """The one JSON object in ``data``.

    Raises:
        BadInput: ``malformed``, ``encoding``, ``too_deep``, ``not_object``, ``duplicate_key`` or ``not_finite``.
    """
    return _decode(data, dict)  # type: ignore[no-any-return]


def decode_list(data: bytes) -> list[Any]:
    """The one JSON list in ``data``, just as strictly.

    Raises:
        BadInput: as :func:`decode_object`; ``schema`` when it is no list.
    """
    return _decode(data, list)  # type: ignore[no-any-return]


def _decode(data: bytes, want: type) -> Any:
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError as exc:
        _explain(data, str(exc))
    if (
        (data.find(b"{", 1) >= 0 or b"[" in data)
        and data.count(b"{") + data.count(b"[") > DEPTH_MAX
        and _deeper(found, DEPTH_MAX)
    ):
        raise BadInput("too_deep", "", f"nested deeper than {DEPTH_MAX} levels")
    if found.__class__ is not want:
        if want is list:
            raise BadInput("schema", "", f"the document is {_word(found)}, not a list")
        raise BadInput("not_object", "", f"the document is {_word(found)}, not an object")
    # A dropped duplicate is not written again. So what is byte for byte as before has none. Otherwise (blanks, other
    # ways to write a number) colons are counted, which a duplicate takes with it; only an escaped colon inside a text
    # (\u003a) could hide one, and that is looked at closely.
    again = orjson.dumps(found)
    if again != data and (data.count(b":") != again.count(b":") or b"\\u003" in data):
        _refuse_duplicates(data)
    return found


def _deeper(found: Any, levels: int) -> bool:
    """Whether a decoded value is nested deeper than so many levels."""
    if found.__class__ is dict:
        found = found.values()
    elif found.__class__ is not list:
        return False
    if levels == 0:
        return True
    return any((inner.__class__ is dict or inner.__class__ is list) and _deeper(inner, levels - 1) for inner in found)


def nesting(data: bytes) -> int:
    """How deep objects and lists are nested in bytes that are no good JSON; brackets inside texts do not count."""
    deepest = depth = 0
    for byte in _STRING.sub(b"", data).translate(None, _NO_BRACKETS):
        if byte in b"{[":
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    return deepest


def _refuse_duplicates(data: bytes) -> None:
    def unique(pairs: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise BadInput("duplicate_key", key[:100], "the key occurs twice in one object")
            seen.add(key)

    json.loads(data, object_pairs_hook=unique)


def _explain(data: bytes, words: str) -> NoReturn:
    """Find out why ``data`` is not acceptable; called only after the decoder refused it."""
    if data.startswith(_BOM):
        raise BadInput("malformed", "", "starts with a byte order mark")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise BadInput("encoding", "", f"not UTF-8 at byte {exc.start}") from None
    if nesting(data) > DEPTH_MAX:
        raise BadInput("too_deep", "", f"nested deeper than {DEPTH_MAX} levels")

    try:
        _EXPLAINING.decode(text)
    except (ValueError, RecursionError):
        raise BadInput("malformed", "", words) from None
    raise BadInput("encoding", "", "half of a surrogate pair in a text")


def _refuse_constant(word: str) -> NoReturn:
    raise BadInput("not_finite", "", f"{word} is not a number of JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise BadInput("not_finite", "", "a number is too large for a double")
    return value


def _representable(digits: str) -> int:
    if len(digits) > 300:  # also spares Python, which refuses to read integers of thousands of digits
        raise BadInput("range", "", "a whole number has more than 300 digits")
    return int(digits)


_EXPLAINING = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite, parse_int=_representable)


def _word(found: object) -> str:
    return {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}.get(
        type(found), "a number"
    )
