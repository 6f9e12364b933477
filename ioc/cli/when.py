"""Instants on the command line."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from ioc.domain.times import to_ms
from ioc.errors import BadInput

_AGO = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
WORDS = "an instant (2026-11-24T03:00:00Z), a local day or time (2026-11-24, 2026-11-24T10:00), or so long ago (2h)"


def parse_when(text: str, name: str, timezone: str, now_ms: int) -> int:
    """Epoch milliseconds of an instant with zone, of a local day or time of the profile's zone, or of ``2h`` ago.

    Raises:
        BadInput: it is none of these.
    """
    if ago := _AGO.fullmatch(text):
        return now_ms - int(timedelta(**{_UNITS[ago[2]]: int(ago[1])}).total_seconds() * 1000)
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            at = at.replace(tzinfo=ZoneInfo(timezone))
        return to_ms(at)
    except (ValueError, OverflowError):
        raise BadInput("bad_time", name, f"{name} {text!r} is not {WORDS}") from None
