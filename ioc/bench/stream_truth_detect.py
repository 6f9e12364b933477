"""Oracle of ``detect``: count, sum, least, greatest and newest value of each minute and key, after all readings.

The rules it repeats: a reading belongs to the minute of its event time. The watermark of a feed is the newest event
time seen, at most 5 s ahead of the arrival, minus 2 s, and never goes back. A reading is too late when the watermark
has passed the end of its minute by the feed's grace; it then counts nowhere. What is not an event of a known type
counts nowhere either.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from ioc.bench.stream_made import Made
from ioc.bench.stream_oracle import Outputs
from ioc.domain.profile import Profile

MINUTE_MS = 60_000
AHEAD_MAX_MS = 5_000
DISORDER_MS = 2_000
VALUE = {
    "hydro.level": "level_m",
    "rain.gauge": "mm_1h",
    "air.quality": "pm25_ug_m3",
    "traffic.flow": "speed_km_h",
    "traffic.incident": None,
    "emergency.call": None,
    "feedback.1022": None,
    "service.kpi": "value",
    "source.heartbeat": "lag_s",
}
FIELDS = ("n", "sum", "min", "max", "last")


class _Minute:
    def __init__(self) -> None:
        self.n = 0
        self.cents: list[int] = []  # all values are whole hundredths
        self.newest: tuple[int, str, float] = (-1, "", 0.0)

    def result(self) -> dict[str, float | int | None]:
        if not self.cents:
            return {"n": self.n, "sum": None, "min": None, "max": None, "last": None}
        cents = self.cents
        return {
            "n": self.n,
            "sum": sum(cents) / 100,
            "min": min(cents) / 100,
            "max": max(cents) / 100,
            "last": self.newest[2],
        }


class DetectTruth:
    """See :class:`ioc.bench.stream_oracle.Oracle`."""

    outputs = ("rollups",)

    def __init__(self, profile: Profile) -> None:
        self._grace_ms = {(c.id, feed.id): int(feed.grace_s * 1000) for c in profile.centres for feed in c.feeds}
        self._minutes: dict[str, _Minute] = defaultdict(_Minute)
        self._newest_ms: dict[str, int] = {}
        self.counts: dict[str, int] = {"in time or late": 0, "too late": 0, "broken": 0}

    def see(self, made: Made, partition: int) -> None:
        """One record of ``events``."""
        try:
            event = json.loads(made.value)
        except ValueError:
            event = {}
        if event.get("type") not in VALUE:
            self.counts["broken"] += 1
            return
        key = f"{event['centre']}/{event['area']}/{event['feed']}"
        time_ms, arrival_ms = _ms(event["time"]), _ms(event["recordedtime"])
        newest_ms = max(self._newest_ms.get(key, 0), min(time_ms, arrival_ms + AHEAD_MAX_MS))
        self._newest_ms[key] = newest_ms
        start_ms = time_ms // MINUTE_MS * MINUTE_MS
        if newest_ms - DISORDER_MS >= start_ms + MINUTE_MS + self._grace_ms[event["centre"], event["feed"]]:
            self.counts["too late"] += 1
            return
        self.counts["in time or late"] += 1
        minute = self._minutes[f"{key}/{event['type']}/{start_ms}/{MINUTE_MS}"]
        minute.n += 1
        field = VALUE[event["type"]]
        if field is not None:
            value = event["data"][field]
            minute.cents.append(round(value * 100))
            minute.newest = max(minute.newest, (time_ms, event["id"], value))

    def differences(self, outputs: Outputs) -> list[str]:
        """The rollup with the highest revision of each key must be the truth; records of one key may repeat."""
        found: dict[str, dict[str, Any]] = {}
        for _, name, value in outputs["rollups"]:
            rollup, key = json.loads(value or b"{}"), name.decode()
            if rollup["window_ms"] == MINUTE_MS and rollup["revision"] >= found.get(key, rollup)["revision"]:
                found[key] = rollup
        said = [f"rollup {key} is missing" for key in sorted(self._minutes.keys() - found.keys())]
        said += [f"rollup {key} should not be there" for key in sorted(found.keys() - self._minutes.keys())]
        for key in sorted(found.keys() & self._minutes.keys()):
            wanted, got = self._minutes[key].result(), found[key]
            for field in FIELDS:
                if not _same(wanted[field], got[field]):
                    said.append(f"rollup {key}: {field} is {got[field]}, must be {wanted[field]}")
        return said


def _same(a: float | int | None, b: float | int | None) -> bool:
    if a is None or b is None:
        return a is b
    return abs(a - b) <= 1e-6


_DAYS: dict[str, int] = {}


def _ms(text: str) -> int:
    """``2025-11-24T00:00:00.000Z`` → epoch ms, by the calendar of the standard library."""
    day = _DAYS.get(text[:10])
    if day is None:
        from datetime import date

        day = _DAYS[text[:10]] = (date.fromisoformat(text[:10]) - date(1970, 1, 1)).days
    seconds = (day * 24 + int(text[11:13])) * 3600 + int(text[14:16]) * 60 + int(text[17:19])
    return seconds * 1000 + int(text[20:23])
