"""Fast reading of the instants of canonical events.

They all look like ``2026-11-24T03:00:00.000Z`` and come close together, so the whole second is remembered and only the
milliseconds are read from the text. Anything of another form goes the long way.
"""

from __future__ import annotations

from ioc.domain.times import parse_rfc3339

_SECONDS_MAX = 8192  # distinct seconds remembered, about 1 MB; when full, everything is forgotten and learnt again


class Instants:
    """RFC 3339 text → epoch milliseconds; raises ValueError like :func:`ioc.domain.times.parse_rfc3339`."""

    def __init__(self) -> None:
        self._seconds: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        millis = text[20:23]
        if len(text) == 24 and text[19] == "." and text[23] == "Z" and millis.isdecimal() and millis.isascii():
            second = text[:19]
            base_ms = self._seconds.get(second)
            if base_ms is None:
                if len(self._seconds) >= _SECONDS_MAX:
                    self._seconds.clear()
                base_ms = self._seconds[second] = parse_rfc3339(second + ".000Z")
            return base_ms + int(millis)
        return parse_rfc3339(text)
