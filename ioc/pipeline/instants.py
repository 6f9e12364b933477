"""Fast reading of the instants of canonical events.

They all look like ``2026-11-24T03:00:00.000Z`` and come close together, so the whole second is remembered and only the
milliseconds are read from the text. Anything of another form goes the long way.
"""

from __future__ import annotations

from ioc.domain.times import parse_rfc3339

_SECONDS_MAX = 8192  # distinct seconds remembered, about 1 MB; when full, everything is forgotten and learnt again
_MILLIS = {f".{ms:03d}Z": ms for ms in range(1000)}


class Instants:
    """RFC 3339 text → epoch milliseconds; raises ValueError like :func:`ioc.domain.times.parse_rfc3339`."""

    def __init__(self) -> None:
        self._seconds: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        base_ms = self._seconds.get(text[:19])
        millis = _MILLIS.get(text[19:])
        if millis is None:
            return parse_rfc3339(text)
        if base_ms is None:
            if len(self._seconds) >= _SECONDS_MAX:
                self._seconds.clear()
            base_ms = self._seconds[text[:19]] = parse_rfc3339(text[:19] + ".000Z")
        return base_ms + millis
