"""Pieces of canonical JSON that are remembered by the native value they came from.

Readings repeat: a level of "1,83", a position, a code, a second of local time. What was read, converted, checked and
encoded once is looked up from then on. A value that cannot be read raises BadInput and is not remembered.

Only texts and pairs of one kind may be keys: in Python 1, 1.0 and True are one key, in JSON they are three values.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from ioc.domain.times import rfc3339
from ioc.errors import BadInput
from ioc.pipeline.mapping_table import Value
from ioc.pipeline.mapping_times import ReadTime

# Values per field; when full, everything is forgotten and learnt again. What a longer text gives is made anew always.
# So a field holds about 2 MB, and in the worst case 20 MB: 8,192 texts of 256 letters of four bytes, and as much made.
REMEMBERED_MAX, TEXT_MAX = 8_192, 256
Made = TypeVar("Made")
Instant = tuple[int, bytes]  # epoch milliseconds and the canonical text


# Only an escape can bring these into a text of JSON; stencils look texts up that may hold them as they are.
_unclean = re.compile(r"[\\\x00-\x1f]").search


class Remembered(dict[Any, Made]):
    """Native value → what ``make`` makes of it; ``fixed`` entries are always there.

    Texts with a backslash or a control character raise BadInput: they go the careful way.
    """

    __slots__ = ("_fixed", "_make")

    def __init__(self, make: Callable[[Any], Made], fixed: dict[Any, Made] | None = None) -> None:
        super().__init__(fixed or {})
        self._make, self._fixed = make, fixed or {}

    def __missing__(self, key: Any) -> Made:
        if key.__class__ is str or key.__class__ is tuple:
            for one in (key,) if key.__class__ is str else key:
                if one.__class__ is str and _unclean(one):
                    raise BadInput("control_char", "", "a backslash or a control character: goes the careful way")
        made = self._make(key)
        if key.__class__ is str:
            if len(key) > TEXT_MAX:
                return made
        elif key.__class__ is tuple and any(one.__class__ is str and len(one) > TEXT_MAX for one in key):
            return made
        if len(self) >= REMEMBERED_MAX:
            self.clear()
            self.update(self._fixed)
        self[key] = made
        return made


_MILLIS = {f".{ms:03d}": (ms, f".{ms:03d}Z".encode()) for ms in range(1000)}


def instant_reader(value: Value, read: ReadTime) -> Callable[[Any], Instant]:
    """Native time → instant with its canonical text; equal to ``read``, which is asked for everything unusual."""
    seconds: Remembered[bytes] = Remembered(lambda second: rfc3339(second * 1000)[:19].encode())

    def instant(found: Any) -> Instant:
        ms = read(found, "")
        return ms, b"%b%b" % (seconds[ms // 1000], _MILLIS[f".{ms % 1000:03d}"][1])

    if value.time == "rfc3339":
        # Within a second only the decimals are new: 2026-11-24T03:00:00.250Z and …T10:00:00.250+07:00.
        wholes: Remembered[tuple[int, bytes]] = Remembered(lambda key: _whole(read, key))

        def rfc3339_instant(found: str) -> Instant:
            decimals = _MILLIS.get(found[19:23])
            if decimals is None:
                return instant(found)
            base_ms, text = wholes[found[:19] + found[23:]]
            return base_ms + decimals[0], text + decimals[1]

        return rfc3339_instant
    if value.time in ("epoch_ms", "epoch_s"):
        return instant
    whole: Remembered[Instant] = Remembered(instant)  # a text of a local pattern is a key as it is
    return whole.__getitem__


def _whole(read: ReadTime, key: str) -> tuple[int, bytes]:
    if key[17:19] == "60" or key[19:20] == ".":
        raise BadInput("time", "", "a leap second, or a second point: goes the long way")
    ms = read(key, "")
    return ms, rfc3339(ms)[:19].encode()
