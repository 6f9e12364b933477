"""The part of the generated code that makes the payload: a piece of JSON per field, in the order of the catalogue.

Three ways for a field, the quickest that its table entry allows: a look-up of the native text among the pieces made
before; a number that is checked and encoded on the spot; or the careful reader followed by the encoder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import UNSET
from orjson import loads

from ioc.domain.catalogue import RANGES
from ioc.errors import BadInput
from ioc.pipeline.mapping_pieces import Remembered
from ioc.pipeline.mapping_table import RecordKind, Value, conversion, path_steps
from ioc.pipeline.mapping_text import Path, Text
from ioc.pipeline.mapping_values import Want, converter, reader
from ioc.pipeline.validate import (
    CHECKED,
    EXACT_INT_MAX,
    SINGLE_LINE_MAX,
    check_place,
    encode_field,
    field_kinds,
)

Box = tuple[float, float, float, float]
_encode = msgspec.json.Encoder().encode


def write_payload(text: Text, kind: RecordKind, box: Box | None) -> str:
    """Write the lines that make the payload; returns the variable that holds its bytes."""
    place = _place(text, kind, box)
    fields = [field for field in msgspec.structs.fields(CHECKED[kind.type]) if field.name not in ("lon", "lat")]
    required = [field.name for field in fields if field.required]
    if not required and any(field.default is not UNSET for field in fields):
        text.say("return None  # whether any field has a value cannot be seen from the pieces")
    parts, seen = [], False
    for field in fields:
        if seen or not required:
            before, after = ",", ""
        else:
            before, after = "", "" if field.required else ","
        seen = seen or field.required
        default = None if field.required or field.default is UNSET else field.default
        parts += _Field(text, kind, field.name, before, after, default).write()
    if required:
        return text.variable(f"b''.join((b'{{', {', '.join([place, *parts])}, b'}}'))")
    body = text.variable(f"b''.join(({', '.join(parts)},))")
    text.give_up_if(f"not {body}")
    return text.variable(f"b'{{%b%b}}' % ({place}, {body}[1:])")


# The place ---------------------------------------------------------------------------------------------------------


def _place(text: Text, kind: RecordKind, box: Box | None) -> str:
    """Expression of ``"lon":…,"lat":…,`` or of nothing."""
    position, lon, lat = (kind.fields.get(name) for name in ("position", "lon", "lat"))
    if position is not None and lon is None and lat is None:
        if (written := _written_place(text, [[*path_steps(position.path or ""), n] for n in (0, 1)], box)) is not None:
            return written
        two_floats, x, y, absent = text.pair(position.path or "", optional=position.optional)
        return _floats(text, two_floats, f"{text.kept('place', lambda: _pair(box, None, None))}[{x}, {y}]", absent)
    if position is None and lon is None and lat is None:
        return "b''"
    if position is None and lon is not None and lat is not None and lon.path is not None and lat.path is not None:
        to_lon, to_lat = (converter(value, "number", 0, "") for value in (lon, lat))
        bare = [value.lookup is None and value.units is None and value.time is None for value in (lon, lat)]
        if all(bare) and lon.number != "plain" and lat.number != "plain":  # both readers refuse all but texts
            x, y = (text.looked_up(value.path or "", optional=value.optional) for value in (lon, lat))
            none = {(None, None): b""} if lon.optional and lat.optional else {}
            return f"{text.kept('place', lambda: _pair(box, to_lon, to_lat, none))}[{x}, {y}]"
        if all(bare) and lon.number == lat.number == "plain" and lon.split is None and lat.split is None:
            if (lon.convert, lat.convert, lon.factor, lat.factor) == (None,) * 4 and (
                written := _written_place(text, [lon.path, lat.path], box)
            ) is not None:
                return written
            x, y = text.raw(lon.path, optional=lon.optional), text.raw(lat.path, optional=lat.optional)
            absent = f"{x} is None and {y} is None" if lon.optional and lat.optional else ""
            pieces = f"{text.kept('place', lambda: _pair(box, to_lon, to_lat))}[{x}, {y}]"
            return _floats(text, f"{x}.__class__ is {y}.__class__ is float", pieces, absent)
    text.say("return None  # the position is told in an unusual way")
    return "b''"


def _written_place(text: Text, paths: Sequence[Path], box: Box | None) -> str | None:
    """Expression of the place by two numbers as they are written; None when they are decoded already."""
    x, y = map(text.written, paths)
    if x is None or y is None:
        return None
    return f"{text.kept('place_written', lambda: _pair(box, _written_float, _written_float))}[{x}, {y}]"


def _written_float(written: str) -> float:
    number = loads(written)
    if number.__class__ is not float:
        raise BadInput("geo", "", "goes the careful way")
    return float(number) + 0.0  # minus zero becomes zero


def _floats(text: Text, condition: str, piece: str, absent: str) -> str:
    text.say(f"if {condition}:", f"    place = {piece}")
    if absent:
        text.say(f"elif {absent}:", "    place = b''")
    text.say("else:", "    return None")
    return "place"


Convert = Callable[[Any], Any]


def _pair(
    box: Box | None, to_lon: Convert | None, to_lat: Convert | None, fixed: dict[Any, bytes] | None = None
) -> Remembered[bytes]:
    def make(pair: tuple[Any, Any]) -> bytes:
        lon, lat = (to(value) if to else value for to, value in zip((to_lon, to_lat), pair, strict=True))
        check_place(lon, lat, box, "")
        return b'"lon":%b,"lat":%b,' % (
            encode_field("hydro.level", "lon", lon),
            encode_field("hydro.level", "lat", lat),
        )

    return Remembered(make, fixed)


# One field ---------------------------------------------------------------------------------------------------------


class _Field:
    """Writes the piece of one field; ``default`` None says that an absent field stays absent."""

    def __init__(self, text: Text, kind: RecordKind, name: str, before: str, after: str, default: object) -> None:
        self._text, self._type, self._name = text, kind.type, name
        self._value = kind.fields.get(name)
        self._before, self._after = f'{before}"{name}":'.encode(), after.encode()
        self._absent = b"" if default is None else self._before + _encode(default) + self._after
        self._want, self._limit = field_kinds(kind.type)[name]
        # A number within these is as it must be; nothing lies within those of other kinds.
        self._low, self._high = RANGES[kind.type].get(name, (1.0, 0.0)) if self._want == "number" else (1.0, 0.0)

    def write(self) -> list[str]:
        """Expressions of bytes, to be joined."""
        value = self._value
        if value is None:
            return [repr(self._absent)] if self._absent else []
        if value.value is not None:
            try:
                return [repr(self._piece(value.value))]
            except BadInput:
                self._text.say("return None  # the constant is refused")
                return []
        if value.path is None:
            return self._careful(value)
        if value.units is not None:
            return self._number(value) if value.number == "plain" and self._want == "number" else self._careful(value)
        if value.lookup is not None and value.split is None:
            return self._looked_up(value)
        if self._only_texts(value):
            found = self._text.looked_up(value.path, optional=value.optional)
            return [f"{self._text.kept(self._name, lambda: self._remembered(value))}[{found}]"]
        if self._want == "flag" and value.split is None and value.time is None:
            return self._flag(value)
        if self._want == "number" and value.split is None and value.time is None:
            return self._number(value)
        if self._want == "integer" and value.split is None and value.convert is None and value.factor is None:
            return self._integer(value)
        return self._careful(value)

    def _raw(self, value: Value) -> str:
        return self._text.raw(value.path or "", optional=value.optional)

    def _piece(self, made: Any) -> bytes:
        if made.__class__ is float and self._low <= made <= self._high:
            return self._before + _encode(made) + self._after
        return self._before + encode_field(self._type, self._name, made) + self._after

    def _only_texts(self, value: Value) -> bool:
        """Whether its reader refuses all that is not a text, so that texts may be keys; and texts come again."""
        if value.split is not None or value.time not in (None, "epoch_ms", "epoch_s"):
            return True
        if value.time is not None:
            return False
        if self._want in ("number", "integer"):
            return value.number != "plain"
        return self._want == "code" or (self._want == "text" and self._limit <= SINGLE_LINE_MAX)

    def _remembered(self, value: Value, decode: Callable[[str], Any] | None = None) -> Remembered[bytes]:
        convert = self._convert(value)
        if decode is not None:
            return Remembered(lambda written: self._piece(convert(decode(written))))
        return Remembered(lambda found: self._piece(convert(found)), {None: self._absent} if value.optional else {})

    def _convert(self, value: Value) -> Callable[[Any], Any]:
        want: Want = self._want
        return converter(value, want, self._limit, "") or (lambda found: found)

    def _looked_up(self, value: Value) -> list[str]:
        raw, convert = self._text.looked_up(value.path or "", optional=value.optional), self._convert(value)
        texts, numbers = (
            self._text.kept(f"{self._name}_{what}", lambda: Remembered(lambda found: self._piece(convert(found))))
            for what in ("texts", "numbers")
        )
        none = f"{self._absent!r} if {raw} is None else " if value.optional else ""
        return [
            f"({none}{texts}[{raw}] if {raw}.__class__ is str else {numbers}[{raw} if {raw}.__class__ is int else ()])"
        ]

    def _flag(self, value: Value) -> list[str]:
        raw = self._raw(value)
        none = f"{self._absent!r} if {raw} is None else " if value.optional else ""
        true, false = self._piece(True), self._piece(False)
        return [
            f"({none}{true!r} if {raw} is True else {false!r} if {raw} is False else None)"
        ]  # None cannot be joined

    def _number(self, value: Value) -> list[str]:
        bounds = RANGES[self._type].get(self._name)
        if bounds is None:
            return self._careful(value)
        text = self._text
        if value.units is None and (written := text.written(value.path or "")) is not None:
            return [f"{text.kept(f'{self._name}_written', lambda: self._remembered(value, loads))}[{written}]"]
        raw = self._raw(value)
        piece = text.variable(repr(self._absent))
        inner = [
            f"if not ({raw}.__class__ is float or {raw}.__class__ is int"
            f" and -{EXACT_INT_MAX} <= {raw} <= {EXACT_INT_MAX}):"
        ]
        inner.append("    return None")
        number = f"{raw} + 0.0"  # minus zero becomes zero, a whole number becomes what the catalogue wants
        if value.units is not None:
            factors = {code: conversion(name) for code, name in value.units.items()}
            unit = text.raw(value.unit_path or "", optional=True)
            inner += [
                f"if {unit}.__class__ is not str:",
                "    return None",
                f"factor, offset = {text.name(factors)}[{unit}]",
            ]
            number = f"round(({raw} + 0.0) * factor + offset, 9) + 0.0"
        elif value.convert is not None or value.factor is not None:
            factor, offset = (
                conversion(value.convert) if value.convert is not None else (value.factor or 0.0, value.offset)
            )
            number = f"round(({raw} + 0.0) * {factor!r} + {offset!r}, 9) + 0.0"
        inner += [
            f"number = {number}",
            f"if not {bounds[0]!r} <= number <= {bounds[1]!r}:",
            "    return None",
            f"{piece} = {self._before!r} + {text.name(_encode)}(number){f' + {self._after!r}' if self._after else ''}",
        ]
        if value.optional:
            text.say(f"if {raw} is not None:", *(f"    {line}" for line in inner))
        else:
            text.say(*inner)
        return [piece]

    def _integer(self, value: Value) -> list[str]:
        low, high = RANGES[self._type].get(self._name, (-EXACT_INT_MAX, EXACT_INT_MAX))
        raw = self._raw(value)
        none = f"{self._absent!r} if {raw} is None else " if value.optional else ""
        written = f"{self._before.replace(b'%', b'%%') + b'%d' + self._after!r} % {raw}"
        return [
            f"({none}{written} if {raw}.__class__ is int"
            f" and {max(low, -EXACT_INT_MAX)} <= {raw} <= {min(high, EXACT_INT_MAX)} else None)"
        ]

    def _careful(self, value: Value) -> list[str]:
        read = reader(value, self._want, self._limit)

        def piece(native: dict[str, Any]) -> bytes:
            made = read(native)
            return self._absent if made is None else self._piece(made)

        return [f"{self._text.name(piece)}({self._text.native()})"]
