"""The rules that every canonical event must meet, whatever format it came in: ids, texts, payload, place, time."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from ioc.domain.catalogue import PAYLOADS, RANGES
from ioc.domain.fields import bounded_type
from ioc.domain.times import rfc3339
from ioc.errors import BadInput

FUTURE_MAX_MS = 120_000  # a clock that runs ahead further than this is broken
PAST_MAX_MS = 86_400_000  # older than a day is not operations but history
EXACT_INT_MAX = 2**53  # beyond this doubles, and with them browsers, lose digits
SINGLE_LINE_MAX = 200  # texts of at most this length are names and titles: one line, nothing invisible

is_id = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:~+-]{0,127}").fullmatch  # None for a text that is no identifier
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROL_IN_PROSE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# zero-width, soft hyphen, bidirectional controls, tags, variation selectors
_INVISIBLE = re.compile("[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff\U000e0000-\U000e01ef]")
# One letter that is neither blank nor invisible; a few fillers count as letters elsewhere and show nothing.
_SEEN = f"[^\\s\u034f\u115f\u1160\u180e\u2800\u3164\uffa0{_INVISIBLE.pattern[1:-1]}]"
_MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0e31-\u0e4e"
    "\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
)
_ZALGO = re.compile(f"[{_MARKS}]{{9,}}")
# Traces of a wrong decoder or keyboard in Vietnamese. Ð and ð (U+00D0, U+00F0) are Icelandic, Đ and đ (U+0110, U+0111)
# are meant. "Ã¢", "áº¿", "á»“", "Æ°", "Ä‘" is UTF-8 that was read as Latin-1 or Windows-1252. "Hµ Néi" is TCVN3.
_SUSPECT = re.compile(
    "[Ðð]|Ã[\u0080-\u00bf]|á[º»][\u0080-\u00bf\u2018-\u203a€ƒ…†‡ˆ‰ŠŒŽ™š˜œžŸ]|Æ[°¡]|Ä[\u0091‘\u0090ƒ©¨‚]|[a-zA-Z][µ¶·¸¹«¬®]"
)


def looks_garbled(payload: bytes) -> bool:
    """Whether a canonical payload holds letters that Vietnamese does not have but wrong decoders make.

    Such a text is kept as it came and counted (``flagged``): only its sender can know what was meant.
    """
    return not payload.isascii() and _SUSPECT.search(payload.decode("utf-8", "replace")) is not None


def good_id(value: object, path: str) -> str:
    """An identifier: 1 to 128 ASCII letters, digits and ``. _ : ~ + -``, starting with a letter or digit.

    Raises:
        BadInput: ``schema`` when it is not a text, ``id`` when it has other characters or another length.
    """
    if value.__class__ is not str:
        raise BadInput("schema", path, f"must be a text, not {type_word(value)}")
    if is_id(value) is None:
        raise BadInput("id", path, "is not 1 to 128 plain ASCII letters, digits and . _ : ~ + -")
    return value


def clean_text(value: object, path: str, *, single_line: bool) -> str:
    """A text in NFC. From names and titles (``single_line``) invisible characters are taken out.

    Raises:
        BadInput: ``schema``, ``control_char`` (prose may hold line ends and tabs) or ``combining``.
    """
    if not isinstance(value, str):
        raise BadInput("schema", path, f"must be a text, not {type_word(value)}")
    text = value
    if not text.isascii():
        if not unicodedata.is_normalized("NFC", text):
            text = unicodedata.normalize("NFC", text)
        if _ZALGO.search(text):
            raise BadInput("combining", path, "a letter carries more than 8 combining marks")
        if single_line:
            text = _INVISIBLE.sub("", text)
    if not text.isprintable():
        if not single_line:
            text = text.replace("\r\n", "\n")
        if (_CONTROL if single_line else _CONTROL_IN_PROSE).search(text):
            raise BadInput("control_char", path, "holds a control character")
    return text


def check_time(time_ms: int, received_ms: int, path: str, *, any_past: bool = False) -> None:
    """Accept ``received − 24 h … received + 120 s``; with ``any_past`` (a drill has its own clock) all that is past.

    Raises:
        BadInput: ``future`` or ``ancient``.
    """
    if time_ms > received_ms + FUTURE_MAX_MS:
        raise BadInput("future", path, f"{rfc3339(time_ms)} is more than 120 s after it was received")
    if not any_past and time_ms < received_ms - PAST_MAX_MS:
        raise BadInput("ancient", path, f"{rfc3339(time_ms)} is more than 24 h before it was received")


def check_place(
    lon: object, lat: object, box: tuple[float, float, float, float] | None, path: str
) -> tuple[float, float]:
    """Longitude and latitude in WGS 84 degrees, both, and inside the territory ``box`` (west, south, east, north).

    Swapped values are recognised and said, never silently mended.

    Raises:
        BadInput: ``geo``.
    """
    if not isinstance(lon, float | int) or not isinstance(lat, float | int) or bool in (lon.__class__, lat.__class__):
        raise BadInput("geo", path, "longitude and latitude must both be numbers")
    x, y = lon + 0.0, lat + 0.0  # minus zero becomes zero
    west, south, east, north = box or (-180.0, -90.0, 180.0, 90.0)
    if not (west <= x <= east and south <= y <= north):
        if west <= y <= east and south <= x <= north:
            raise BadInput("geo", path, f"longitude and latitude look swapped: {x}, {y}")
        raise BadInput("geo", path, f"{x}, {y} is outside the territory")
    return x, y


def type_word(value: object) -> str:
    """The JSON kind of a value, for sentences."""
    words = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return words.get(type(value), "a number")


# Payloads ----------------------------------------------------------------------------------------------------------


def _checked(name: str, payload: type[Struct]) -> type[Struct]:
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for field in msgspec.structs.fields(payload):
        kind = bounded_type(field.type, RANGES[name].get(field.name))
        if field.default is None:
            fields.append((field.name, kind | UnsetType, UNSET))  # an absent value stays absent on the wire
        elif field.required:
            if field_kinds(name)[field.name][0] == "text":
                kind = Annotated[kind, Meta(pattern=_SEEN)]
            fields.append((field.name, kind))
        else:
            fields.append((field.name, kind, field.default))
    return msgspec.defstruct(payload.__name__, fields, frozen=True, kw_only=True, forbid_unknown_fields=True)


Kind = Literal["number", "integer", "flag", "text", "code"]


@cache
def field_kinds(event_type: str) -> dict[str, tuple[Kind, int]]:
    """For each payload field its kind and, for a text, the most characters (0 for others)."""
    found: dict[str, tuple[Kind, int]] = {}
    for field in msgspec.structs.fields(PAYLOADS[event_type]):
        kind, limit = field.type, 0
        options = [option for option in get_args(kind) if option is not type(None)]
        if get_origin(kind) is not Literal and type(None) in get_args(kind):
            kind = options[0]
        if get_origin(kind) is Annotated:
            limit = next((m.max_length for m in get_args(kind)[1:] if m.max_length), 0)
            kind = get_args(kind)[0]
        if get_origin(kind) is Literal:
            found[field.name] = ("code", 0)
        else:
            words: dict[Any, Kind] = {float: "number", int: "integer", bool: "flag", str: "text"}
            found[field.name] = (words[kind], limit)
    return found


@cache
def required_fields(event_type: str) -> frozenset[str]:
    """Payload fields that must be present."""
    return frozenset(field.name for field in msgspec.structs.fields(PAYLOADS[event_type]) if field.required)


CHECKED: dict[str, type[Struct]] = {name: _checked(name, payload) for name, payload in PAYLOADS.items()}

_PLACE = re.compile(r" - at `\$\.?([^`]*)`$")
_encode = msgspec.json.Encoder().encode


def encode_payload(event_type: str, data: dict[str, Any], paths: Mapping[str, str]) -> bytes:
    """The payload as canonical JSON, after types, codes and plausible ranges were checked.

    Args:
        event_type: key of the catalogue.
        data: canonical field names and values; absent fields are left out.
        paths: where each field came from in the native record, for the reason.

    Raises:
        BadInput: ``schema`` (also for a required text with nothing to see), ``enum``, ``range`` or ``too_long``.
    """
    try:
        return _encode(msgspec.convert(data, CHECKED[event_type]))
    except msgspec.ValidationError as exc:
        raise _refusal(str(exc), data, paths) from None


def encode_field(event_type: str, name: str, value: object) -> bytes:
    """One field's value as canonical JSON, exactly as :func:`encode_payload` writes it inside the payload.

    Raises:
        BadInput: ``schema``, ``enum``, ``range`` or ``too_long``.
    """
    try:
        return _encode(msgspec.convert({name: value}, _alone(event_type, name)))[len(name) + 4 : -1]
    except msgspec.ValidationError as exc:
        raise _refusal(str(exc), {name: value}, {}) from None


@cache
def _alone(event_type: str, name: str) -> type[Struct]:
    kind = next(field.type for field in msgspec.structs.fields(CHECKED[event_type]) if field.name == name)
    return msgspec.defstruct("Alone", [(name, kind)], kw_only=True, forbid_unknown_fields=True)


def _refusal(words: str, data: dict[str, Any], paths: Mapping[str, str]) -> BadInput:
    place = _PLACE.search(words)
    field = place[1] if place else ""
    said = (words[: place.start()] if place else words).replace("`", "")
    value = data.get(field)
    if repr(_SEEN) in words or _SEEN in words:
        said = "is empty, or holds nothing that can be seen"
    if "Invalid enum" in said:
        code = "enum"
    elif "of length" in said:
        code = "too_long"
    elif "<=" in said or ">=" in said:
        code = "range"
    elif value.__class__ in (int, float) and abs(value) > EXACT_INT_MAX:
        code, said = "range", "the whole number is too large to be kept exactly"
    else:
        code = "schema"
    if value.__class__ in (int, float, bool) and code == "range":
        said = f"{said}, got {value!r}"[:200]
    return BadInput(code, paths.get(field, field), f"{field}: {said}" if field else said)
