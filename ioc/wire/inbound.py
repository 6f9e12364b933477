"""Text of a client → one client frame, or the closed-list reason why not. Nothing lenient: parsers that disagree
about duplicate keys, NaN or huge numbers are a way around checks.

Codes: ``malformed``, ``not_object``, ``too_deep``, ``duplicate_key``, ``range``, ``encoding``, ``control_char``,
``unknown_type``, ``schema``.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from typing import Any

import msgspec

from ioc.errors import BadInput
from ioc.wire.frames import Auth, ClientFrame, CommandFrame, Subscribe

FRAME_MAX_BYTES = 32_768  # OWASP: at most 64 KiB; the longest honest frame has a note and a reason of 2,000 characters
DEPTH_MAX = 16
INTEGER_MAX = 2**53  # beyond it JavaScript and Python disagree
NOTE_MAX_CHARS = 2_000
TICKET_MAX_CHARS = 128
NAME_MAX_CHARS = 64  # of an account, an agency, a step
_COMMAND_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ALERT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TYPES = {"auth": Auth, "subscribe": Subscribe, "command": CommandFrame}


def parse(text: str) -> ClientFrame:
    """One client frame; text is NFC and free of control characters afterwards, unknown fields are ignored.

    Raises:
        BadInput: with one of the codes above; ``detail`` never repeats the input.
    """
    _check_depth(text)
    try:
        value = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_int=_integer, parse_float=_real
        )
    except (ValueError, RecursionError):
        raise BadInput("malformed", "", "not one JSON document") from None
    if not isinstance(value, dict):
        raise BadInput("not_object", "", "a frame is a JSON object")
    kind = _TYPES.get(value["t"]) if isinstance(value.get("t"), str) else None
    if kind is None:
        raise BadInput("unknown_type", "t", "known frames: " + ", ".join(_TYPES))
    try:
        frame: ClientFrame = msgspec.convert(_clean(value), ClientFrame)
    except msgspec.ValidationError as exc:
        raise BadInput("schema", *_where(str(exc))) from None
    _check_fields(frame)
    return frame


def _check_fields(frame: ClientFrame) -> None:
    if isinstance(frame, Auth):
        if not 1 <= len(frame.ticket) <= TICKET_MAX_CHARS:
            raise BadInput("schema", "ticket", f"1 to {TICKET_MAX_CHARS} characters")
    elif isinstance(frame, CommandFrame):
        if not _COMMAND_ID.fullmatch(frame.command_id):
            raise BadInput("schema", "command_id", "1 to 64 letters, digits, - or _")
        if not _ALERT_ID.fullmatch(frame.alert_id):
            raise BadInput("schema", "alert_id", "1 to 64 letters, digits, - or _")
        if frame.expected_version < 0:
            raise BadInput("range", "expected_version", "0 or more")
        for name, most in (("note", NOTE_MAX_CHARS), ("reason", NOTE_MAX_CHARS)):
            if len(getattr(frame, name) or "") > most:
                raise BadInput("schema", name, f"at most {most} characters")
        for name in ("assignee", "agency", "item"):
            if len(getattr(frame, name)) > NAME_MAX_CHARS or "\n" in getattr(frame, name):
                raise BadInput("schema", name, f"at most {NAME_MAX_CHARS} characters, one line")
        for name in ("for_s", "review_ms"):
            if (getattr(frame, name) or 0) < 0:
                raise BadInput("range", name, "0 or more")


def _check_depth(text: str) -> None:
    """Brackets outside strings nest at most ``DEPTH_MAX`` deep; checked before the parser recurses."""
    depth = 0
    inside = escaped = False
    for char in text:
        if inside:
            if escaped:
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == '"':
                inside = False
        elif char == '"':
            inside = True
        elif char in "[{":
            depth += 1
            if depth > DEPTH_MAX:
                raise BadInput("too_deep", "", f"more than {DEPTH_MAX} levels")
        elif char in "]}":
            depth -= 1


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadInput("duplicate_key", "", "a key stands twice in one object")
    return found


def _refuse_constant(name: str) -> Any:
    raise BadInput("range", "", f"{name} is not a JSON number")


def _integer(digits: str) -> int:
    if len(digits) > 17 or abs(int(digits)) > INTEGER_MAX:
        raise BadInput("range", "", "a whole number beyond 2^53")
    return int(digits)


def _real(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise BadInput("range", "", "a number that is not finite")
    return value


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise BadInput("encoding", "", "half of a surrogate pair") from None
        if any(unicodedata.category(char) == "Cc" and char not in "\n\t" for char in value):
            raise BadInput("control_char", "", "control characters are not text")
        return unicodedata.normalize("NFC", value)
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return value


def _where(message: str) -> tuple[str, str]:
    """``msgspec`` says "Expected `int`, got `str` - at `$.expected_version`": path and sentence apart."""
    detail, _, path = message.partition(" - at ")
    return path.strip("`").removeprefix("$").removeprefix("."), detail
