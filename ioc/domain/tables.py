"""Reads data tables (what a TOML file holds) into Structs and reports every problem, not only the first.

msgspec stops at the first mistake; a person who mends a profile wants to see all of them with their places.
"""

from __future__ import annotations

import math
import types
import typing
from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec import NODEFAULT, Struct

T = TypeVar("T", bound=Struct)
_WHOLE_MAX = 2**63 - 1


class _Noted(Exception):
    """A value could not be read and its problem is already in the list; never leaves this module."""


def read_struct(kind: type[T], raw: object, where: str, problems: list[str]) -> T | None:
    """One Struct from a table; every problem is appended as ``where.key: sentence``.

    Args:
        kind: the Struct to make; nested Structs and tuples of Structs are read the same way.
        raw: what the file holds at this place.
        where: path of this place, for the sentences; empty at the top.
        problems: the list to append to.

    Returns:
        The value, or None when something at or below this place was wrong.
    """
    if not isinstance(raw, dict):
        problems.append(f"{where or 'file'}: must be a table, not {_word(raw)}")
        return None
    before = len(problems)
    values: dict[str, Any] = {}
    fields = _fields(kind)
    known = {field.encode_name for field in fields}
    for key in raw:
        if key not in known:
            problems.append(f"{_join(where, key)}: no such key here; known are {', '.join(sorted(known))}")
    for field in fields:
        if field.encode_name in raw:
            place = _join(where, field.encode_name)
            try:
                values[field.name] = _read(field.type, raw[field.encode_name], place, problems)
            except _Noted:
                continue
        elif field.default is NODEFAULT and field.default_factory is NODEFAULT:
            problems.append(f"{_join(where, field.encode_name)}: is missing")
    return kind(**values) if len(problems) == before else None


@cache
def _fields(kind: type[Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(kind)


def _read(kind: Any, raw: object, where: str, problems: list[str]) -> Any:
    struct = _struct_in(kind)
    if struct is not None:
        value = read_struct(struct, raw, where, problems)
        if value is None:
            raise _Noted(where)
        return value
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    item = _struct_in(arguments[-1] if origin is dict else arguments[0]) if origin in (tuple, dict) else None
    if item is not None and origin is tuple:
        if not isinstance(raw, list):
            problems.append(f"{where}: must be a list of tables, not {_word(raw)}")
            raise _Noted(where)
        found = [read_struct(item, entry, f"{where}[{i}]", problems) for i, entry in enumerate(raw)]
        if any(value is None for value in found):
            raise _Noted(where)
        return tuple(found)
    if item is not None and origin is dict:
        if not isinstance(raw, dict):
            problems.append(f"{where}: must be a table, not {_word(raw)}")
            raise _Noted(where)
        named = {key: read_struct(item, entry, _join(where, key), problems) for key, entry in raw.items()}
        if any(value is None for value in named.values()):
            raise _Noted(where)
        return named
    if not _is_finite(raw):
        problems.append(f"{where}: must be a finite number")
        raise _Noted(where)
    try:
        return msgspec.convert(raw, kind, strict=True)
    except msgspec.ValidationError as exc:
        text, _, place = str(exc).partition(" - at `$")
        if text.startswith("Invalid enum value") and (words := _words(kind)):
            text += f"; known are {', '.join(str(word) for word in words)}"
        problems.append(f"{where}{place.rstrip('`')}: {text[:1].lower()}{text[1:]}".replace("`", ""))
        raise _Noted(where) from exc


def _is_finite(raw: object) -> bool:
    """Is every number at or below this place finite, also as a double?"""
    if isinstance(raw, dict):
        return all(_is_finite(one) for one in raw.values())
    if isinstance(raw, list):
        return all(_is_finite(one) for one in raw)
    if isinstance(raw, int):
        return -_WHOLE_MAX <= raw <= _WHOLE_MAX
    return not isinstance(raw, float) or math.isfinite(raw)


def _words(kind: Any) -> list[object]:
    """The values that the Literals inside a type allow, in their order."""
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) is typing.Literal:
        return list(arguments)
    return list(dict.fromkeys(word for argument in arguments for word in _words(argument)))


def _struct_in(kind: Any) -> type[Struct] | None:
    """The Struct of ``S`` or ``S | None``; None for anything else."""
    options = typing.get_args(kind) if typing.get_origin(kind) in (types.UnionType, typing.Union) else (kind,)
    structs = [option for option in options if isinstance(option, type) and issubclass(option, Struct)]
    return structs[0] if len(structs) == 1 else None


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _word(raw: object) -> str:
    return {dict: "a table", list: "a list", str: "a text", bool: "true or false"}.get(type(raw), type(raw).__name__)
