"""What a payload field can hold: its type with the plausible range, as validation reads it and as rules are checked.

A value that cannot pass validation never reaches a rule, so a condition that wants one never holds.
"""

from __future__ import annotations

import math
import unicodedata
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from ioc.domain.catalogue import PAYLOADS, RANGES


def bounded_type(kind: Any, bounds: tuple[float, float] | None) -> Any:
    """A field's type without None, with its plausible range, so that decoding checks both in one go."""
    options = [option for option in get_args(kind) if option is not type(None)]
    if get_origin(kind) is not None and len(options) != len(get_args(kind)):  # ``X | None``
        kind = options[0]
    return Annotated[kind, Meta(ge=bounds[0], le=bounds[1])] if bounds else kind


class Field(Struct, frozen=True):
    """One payload field.

    Attributes:
        kind: its type as validation has it.
        word: what it is, for sentences; ``words`` of a closed list are its values.
        least, greatest: plausible range of a number, both allowed; infinite where there is none.
    """

    kind: Any
    word: Literal["number", "integer", "flag", "text", "code"]
    words: tuple[str, ...] = ()
    least: float = -math.inf
    greatest: float = math.inf
    optional: bool = False

    @property
    def is_number(self) -> bool:
        """Can it be compared with limits?"""
        return self.word in ("number", "integer")


@cache
def field_of(type_: str, name: str) -> Field | None:
    """A field of a type of the catalogue; None when there is none of that name."""
    payload = PAYLOADS.get(type_)
    found = [one for one in msgspec.structs.fields(payload) if one.name == name] if payload else []
    if not found:
        return None
    bounds = RANGES[type_].get(name)
    kind = bounded_type(found[0].type, bounds)
    plain = kind
    least, greatest = bounds or (-math.inf, math.inf)
    while get_origin(plain) is Annotated:
        plain, *notes = get_args(plain)
        for note in notes:
            least = max(least, -math.inf if note.ge is None else note.ge)
            greatest = min(greatest, math.inf if note.le is None else note.le)
    optional = found[0].default is None
    if get_origin(plain) is Literal:
        return Field(kind, "code", words=get_args(plain), optional=optional)
    words: dict[Any, Literal["number", "integer", "flag", "text"]] = {
        float: "number", int: "integer", bool: "flag", str: "text",
    }  # fmt: skip
    return Field(kind, words[plain], least=least, greatest=greatest, optional=optional)


def never(field: Field, value: object) -> str | None:
    """Why a field never has a value, as the end of a sentence; None when it may have it."""
    if field.word == "code" and value not in field.words:
        return f"is not one of {', '.join(repr(word) for word in field.words)}"
    wanted = {"number": (int, float), "integer": (int, float), "flag": (bool,), "text": (str,), "code": (str,)}
    if not isinstance(value, wanted[field.word]) or (field.is_number and isinstance(value, bool)):
        said = {"number": "a number", "integer": "a whole number", "flag": "true or false", "text": "a text"}
        return f"can never be: the field is {said.get(field.word, 'a text')}"
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        if field.word == "integer" and value != math.floor(value):
            return "can never be: the field is a whole number"
        if not field.least <= value <= field.greatest:
            return f"is outside the plausible range of {field.least:g} to {field.greatest:g}"
        return None
    if isinstance(value, str) and unicodedata.normalize("NFC", value) != value:
        return "can never be: texts are in the composed form (NFC)"
    try:
        msgspec.convert(value, field.kind)
    except msgspec.ValidationError as exc:
        return f"can never be: {str(exc).replace('`', '')[:1].lower()}{str(exc).replace('`', '')[1:]}"
    return None
