"""Instants as integer milliseconds since 1970-01-01 UTC, and their RFC 3339 text."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")

MIN_MS = 0
MAX_MS = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z
CLOCK_BACK_MS = 300_000
"""By more than this something that was noted lies in the future, or a wait is longer than anybody can have asked for:
the clock was set back. What is lost by that fails towards visible."""


def to_ms(moment: datetime) -> int:
    """Whole milliseconds of an aware datetime, rounded down.

    Raises:
        ValueError: ``moment`` has no zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a datetime without a zone has no instant")
    return (moment - _EPOCH) // _MS


def from_ms(ms: int) -> datetime:
    """The instant as an aware UTC datetime; ``ms`` must lie in ``MIN_MS … MAX_MS``."""
    return _EPOCH + ms * _MS


def rfc3339(ms: int) -> str:
    """``2026-11-24T03:00:00.000Z``: always UTC, always three decimals, hence sortable as text."""
    second, decimals = divmod(ms, 1000)
    return _second(second) + _DECIMALS[decimals]


_DECIMALS = tuple(f".{ms:03d}Z" for ms in range(1000))


@lru_cache(maxsize=4096)
def _second(second: int) -> str:
    """``2026-11-24T03:00:00``; what is written together lies close together, and formatting costs 2 µs."""
    return f"{from_ms(second * 1000):%Y-%m-%dT%H:%M:%S}"


def parse_rfc3339(text: str) -> int:
    """Milliseconds of an RFC 3339 instant; a zone is required, more than three decimals are cut.

    Raises:
        ValueError: not an instant with a zone.
    """
    return to_ms(datetime.fromisoformat(text))


def minute_of(clock: str) -> int:
    """Minutes since midnight of ``HH:MM``, ``24:00`` included.

    Raises:
        ValueError: another form.
    """
    if not _CLOCK.fullmatch(clock):
        raise ValueError(f"{clock!r} is not a time of day such as 07:30 or 24:00")
    return int(clock[:2]) * 60 + int(clock[3:])
