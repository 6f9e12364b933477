"""Times as the centres write them → epoch milliseconds. Made once per format, then fast: texts repeat."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from ioc.domain.times import MAX_MS, to_ms
from ioc.errors import BadInput

ReadTime = Callable[[object, str], int]
CACHE_MAX = 4096  # texts remembered per reader; emptied when full

_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:)(\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)")
_WIDTHS = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2, "f": 3}


def rfc3339_reader() -> ReadTime:
    """RFC 3339 with a zone; a leap second counts as the next second; decimals beyond three are cut."""
    cache: dict[str, int] = {}

    def read(value: object, path: str) -> int:
        if value.__class__ is not str:
            raise BadInput("schema", path, "must be a time as text")
        text: str = value
        # The usual forms end in Z or +07:00 after three decimals: then only the decimals are new within a second.
        # What stands behind them must be the zone: .12345678Z has the length of .123+07:00, and more decimals.
        usual = text[19:20] == "." and len(text) in (24, 29) and text[23] in "Zz+-"
        key = text[:19] + text[23:] if usual else text
        known = cache.get(key)
        if known is not None:
            if not usual:
                return known
            decimals = text[20:23]
            if decimals.isdecimal() and decimals.isascii():
                return known + int(decimals)
        ms = _parse_rfc3339(text, path)
        if len(cache) >= CACHE_MAX:
            cache.clear()
        cache[key] = ms - int(text[20:23]) if usual and text[20:23].isdecimal() else ms
        return ms

    return read


def _parse_rfc3339(text: str, path: str) -> int:
    match = _RFC3339.fullmatch(text) if text.isascii() else None
    if match is None:
        raise BadInput("time", path, "is not a time such as 2026-11-24T03:00:00Z, with a zone")
    day, minute, second, decimals, zone = match.groups()
    leap_ms = 1000 if second == "60" else 0
    try:
        moment = datetime.fromisoformat(f"{day}T{minute}{'59' if leap_ms else second}{zone.upper()}")
    except ValueError as exc:
        raise BadInput("time", path, f"there is no such time: {exc}") from None
    return _in_range(to_ms(moment) + leap_ms + int((decimals or "0").ljust(3, "0")[:3]), path)


def epoch_reader(unit_ms: int, *, written: bool = False) -> ReadTime:
    """A count of seconds (``unit_ms`` 1000) or milliseconds (1) since 1970-01-01 UTC, as a number or ``written``."""

    def read(value: object, path: str) -> int:
        if written:
            if not (isinstance(value, str) and value.isdecimal() and value.isascii() and len(value) <= 20):
                raise BadInput("schema", path, "must be a whole number of the epoch")
            return _in_range(int(value) * unit_ms, path)
        if value.__class__ is int:
            return _in_range(value * unit_ms, path)
        if value.__class__ is float and unit_ms > 1:
            return _in_range(int(value * unit_ms), path)
        raise BadInput("schema", path, "must be a whole number of the epoch")

    return read


def pattern_problem(pattern: str) -> str | None:
    """What is wrong with a pattern, as a sentence; None when it is good."""
    letters = re.findall(r"%(.?)", pattern)
    unknown = [letter for letter in letters if letter not in _WIDTHS]
    if unknown:
        return f"%{unknown[0]} is not known; use %Y %m %d %H %M %S and %f (three decimals)"
    if len(set(letters)) != len(letters):
        return "names a part twice"
    missing = [letter for letter in "YmdHM" if letter not in letters]
    return f"%{missing[0]} is missing" if missing else None


def local_reader(pattern: str, zone: str) -> ReadTime:
    """A fixed-width local time such as ``%d/%m/%Y %H:%M:%S`` in the named zone; nothing may be left out."""
    regex = re.compile(
        "".join(
            f"(?P<{part[1]}>[0-9]{{{_WIDTHS[part[1]]}}})" if part.startswith("%") else re.escape(part)
            for part in re.findall(r"%.|[^%]", pattern)
        )
    )
    tz = ZoneInfo(zone)
    cache: dict[str, int] = {}

    def read(value: object, path: str) -> int:
        if value.__class__ is not str:
            raise BadInput("schema", path, "must be a time as text")
        text: str = value
        known = cache.get(text)
        if known is not None:
            return known
        match = regex.fullmatch(text)
        if match is None:
            raise BadInput("time", path, f"is not a time in the form {pattern}")
        parts = {name: int(digits) for name, digits in match.groupdict().items()}
        leap_ms = 1000 if parts.get("S") == 60 else 0
        try:
            moment = datetime(
                parts["Y"],
                parts["m"],
                parts["d"],
                parts["H"],
                parts["M"],
                59 if leap_ms else parts.get("S", 0),
                parts.get("f", 0) * 1000,
                tzinfo=tz,
            ).astimezone(UTC)
        except (ValueError, OverflowError) as exc:
            raise BadInput("time", path, f"there is no such time: {exc}") from None
        ms = _in_range(to_ms(moment) + leap_ms, path)
        if len(cache) >= CACHE_MAX:
            cache.clear()
        cache[text] = ms
        return ms

    return read


def _in_range(ms: int, path: str) -> int:
    if not 0 <= ms <= MAX_MS:
        raise BadInput("range", path, "the time lies outside the years 1970 to 9999")
    return ms
