"""One :class:`Value` of a format table → a function from the native record to the canonical value.

A function returns None for an optional value that is absent, and raises BadInput with the native path otherwise.
Everything that can be decided once is decided when the function is made.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal, cast

from ioc.domain.times import rfc3339
from ioc.errors import BadInput
from ioc.pipeline.mapping_table import Scalar, Value, conversion, path_steps
from ioc.pipeline.mapping_times import ReadTime, epoch_reader, local_reader, rfc3339_reader
from ioc.pipeline.validate import EXACT_INT_MAX, SINGLE_LINE_MAX, clean_text, type_word

Native = dict[str, Any]
Get = Callable[[Native], Any]
Convert = Callable[[Any], Any]
NUMBERS_CACHED = 4096  # number texts remembered per field: positions and levels repeat; emptied when full
Want = Literal["number", "integer", "flag", "text", "code", "any"]


def shown_path(value: Value) -> str:
    """The native place of a value, for reasons."""
    if isinstance(value.path, list):
        return ".".join(map(str, value.path))
    return value.path or value.template or ""


def getter(path: str | list[str | int]) -> Get:
    """What stands at a path, None when any part of the way is absent."""
    steps = path_steps(path)
    if len(steps) == 1:
        key = cast(str, steps[0])
        return lambda native: native.get(key)
    if len(steps) == 2 and isinstance(steps[1], str):
        outer, last = cast(str, steps[0]), steps[1]

        def get_two(native: Native) -> Any:
            inner = native.get(outer)
            return inner.get(last) if inner.__class__ is dict else None

        return get_two
    if len(steps) == 3 and isinstance(steps[1], str) and isinstance(steps[2], str):
        first, middle, end = cast(str, steps[0]), steps[1], steps[2]

        def get_three(native: Native) -> Any:
            one = native.get(first)
            two = one.get(middle) if one.__class__ is dict else None
            return two.get(end) if two.__class__ is dict else None

        return get_three

    def get(native: Native) -> Any:
        here: Any = native
        for step in steps:
            if isinstance(step, str):
                if here.__class__ is not dict:
                    return None
                here = here.get(step)
            elif here.__class__ is list and step < len(here):
                here = here[step]
            else:
                return None
        return here

    return get


def reader(value: Value, want: Want, text_max: int = 0) -> Get:
    """The function for one value.

    Args:
        value: a good table entry.
        want: kind of the canonical field; ``any`` leaves the value as it is (for checks).
        text_max: most characters of a text field; short ones are single lines without invisible characters.
    """
    if value.value is not None:
        constant = value.value
        return lambda native: constant
    path, optional = shown_path(value), value.optional
    raw = _template(value.template) if value.template is not None else getter(value.path or "")
    if value.units is not None:
        return _by_unit(value, raw, path)
    convert = converter(value, want, text_max, path)
    steps = path_steps(value.path or "")

    def finish(found: Any) -> Any:
        if found is None:
            if optional:
                return None
            raise BadInput("schema", path, "is missing or null")
        return found if convert is None else convert(found)

    # The two commonest shapes of a path are written out: a call less per field is a tenth of a record's time.
    if value.template is None and len(steps) == 1:
        key = cast(str, steps[0])

        def read_key(native: Native) -> Any:
            found = native.get(key)
            return convert(found) if found is not None and convert is not None else finish(found)

        return read_key
    if value.template is None and len(steps) == 2 and isinstance(steps[1], str):
        outer, last = cast(str, steps[0]), steps[1]

        def read_two(native: Native) -> Any:
            inner = native.get(outer)
            found = inner.get(last) if inner.__class__ is dict else None
            return convert(found) if found is not None and convert is not None else finish(found)

        return read_two
    return lambda native: finish(raw(native))


def time_reader(value: Value) -> Callable[[Native], int]:
    """The function for a time, in epoch milliseconds."""
    raw = getter(value.path) if value.path is not None else _template(value.template or "")
    read, path = read_time_of(value), shown_path(value)

    def read_time(native: Native) -> int:
        found = raw(native)
        if found is None:
            raise BadInput("schema", path, "is missing or null")
        return read(found, path)

    return read_time


def read_time_of(value: Value) -> ReadTime:
    """How the time of a table entry is written."""
    if value.time == "rfc3339":
        return rfc3339_reader()
    if value.time in ("epoch_ms", "epoch_s"):
        return epoch_reader(1 if value.time == "epoch_ms" else 1000, written=value.number != "plain")
    return local_reader(value.time or "", value.zone or "UTC")


def _template(template: str) -> Get:
    pieces = re.split(r"\{([^{}]*)\}", template)  # literal, path, literal, path, …
    parts = [(piece, getter(piece)) for piece in pieces[1::2]]
    literals = pieces[0::2]

    def fill(native: Native) -> str:
        made = [literals[0]]
        for (path, get), literal in zip(parts, literals[1:], strict=True):
            found = get(native)
            if found.__class__ is not str and found.__class__ is not int:
                raise BadInput("schema", path, f"must be a text or a whole number, not {type_word(found)}")
            made += (str(found), literal)
        return "".join(made)

    return fill


def converter(value: Value, want: Want, text_max: int, path: str) -> Convert | None:
    """What to do with the native value: cut, then one of look up, read a time, clean a text, read a number.

    None says that it stays as it is. Units that the record names are not seen to here.
    """
    last: Convert | None = None
    if value.lookup is not None:
        last = _lookup(value.lookup, path)
    elif value.time is not None:
        read = read_time_of(value)
        last = lambda found: rfc3339(read(found, path))  # noqa: E731 one of six ways, all of one line
    elif want == "text":
        single = 0 < text_max <= SINGLE_LINE_MAX
        last = lambda found: clean_text(found, path, single_line=single)  # noqa: E731
    elif want in ("number", "integer"):
        last = _scaled(value, path)
    elif want == "flag":
        last = lambda found: _flag(found, path)  # noqa: E731
    if value.split is None:
        return last
    cut = _split(value.split, value.item, value.rest, path)
    if last is None:
        return cut
    then = last
    return lambda found: then(cut(found))


# Numbers ---------------------------------------------------------------------------------------------------------


def _scaled(value: Value, path: str) -> Convert:
    read = _number(value, path)
    if value.convert is None and value.factor is None:
        return read
    factor, offset = conversion(value.convert) if value.convert is not None else (value.factor or 0.0, value.offset)
    return lambda found: round(read(found) * factor + offset, 9) + 0.0  # minus zero becomes zero


def _by_unit(value: Value, raw: Get, path: str) -> Get:
    read, unit_path, optional = _number(value, path), value.unit_path or "", value.optional
    unit, factors = getter(unit_path), {code: conversion(name) for code, name in (value.units or {}).items()}

    def read_with_unit(native: Native) -> float | None:
        found = raw(native)
        if found is None:
            if optional:
                return None
            raise BadInput("schema", path, "is missing or null")
        code = unit(native)
        if code.__class__ is not str or code not in factors:
            raise BadInput("unit", unit_path, f"unknown unit {str(code)[:80]!r}")
        factor, offset = factors[code]
        return cast(float, round(read(found) * factor + offset, 9) + 0.0)

    return read_with_unit


def _number(value: Value, path: str) -> Convert:
    """The number as it is written, before any conversion of units."""
    if value.number == "plain":
        return lambda found: _plain(found, path)
    mark = "," if value.number == "decimal_comma" else "."
    cache: dict[str, float | int] = {}

    def read(found: Any) -> float | int:
        if found.__class__ is not str:
            raise BadInput("schema", path, f"must be a number written as text, not {type_word(found)}")
        known = cache.get(found)
        if known is None:
            known = _written_number(found, mark, path)
            if len(cache) >= NUMBERS_CACHED:
                cache.clear()
            cache[found] = known
        return known

    return read


def _plain(found: Any, path: str) -> float | int:
    kind = found.__class__
    if kind is float:
        return cast(float, found + 0.0)  # minus zero becomes zero
    if kind is int:
        if -EXACT_INT_MAX <= found <= EXACT_INT_MAX:
            return cast(int, found)
        raise BadInput("range", path, "the whole number is too large to be kept exactly")
    raise BadInput("schema", path, f"must be a number, not {type_word(found)}")


def _written_number(text: str, mark: str, path: str) -> float | int:
    """Strict: an optional minus, digits, at most one mark between digits; no signs, spaces, exponents or groups."""
    body = text[1:] if text[:1] == "-" else text
    digits = body.replace(mark, "", 1)
    if not (digits.isdecimal() and digits.isascii() and body[0] != mark and body[-1] != mark and len(body) <= 24):
        raise BadInput("schema", path, f"must be a number such as 12{mark}5")
    return _plain(float(text.replace(mark, ".")) if mark in body else int(text), path)


# The others ------------------------------------------------------------------------------------------------------


def _flag(found: Any, path: str) -> bool:
    if found is True or found is False:
        return found
    raise BadInput("schema", path, f"must be true or false, not {type_word(found)}")


def _split(mark: str, item: int, rest: bool, path: str) -> Convert:
    cuts = item if rest else item + 1

    def cut(found: Any) -> str:
        if found.__class__ is not str:
            raise BadInput("schema", path, f"must be a text, not {type_word(found)}")
        parts: list[str] = found.split(mark, cuts)
        if len(parts) <= item:
            raise BadInput("schema", path, f"has fewer than {item + 1} parts separated by '{mark}'")
        return parts[item]

    return cut


def _lookup(table: dict[str, Scalar], path: str) -> Convert:
    def look(found: Any) -> Scalar:
        kind = found.__class__
        code = found if kind is str else str(found).lower() if kind is bool else str(found) if kind is int else None
        if code is None:
            raise BadInput("schema", path, f"must be a code, not {type_word(found)}")
        if code not in table:
            raise BadInput("enum", path, f"unknown code '{code[:60]}'")
        return table[code]

    return look
