"""How far canaries come, and since when not: sightings in, ages and the part to blame out. Pure.

The *age* of a stage is how long ago the newest canary that was seen there had been sent. In a system that works it
lies between the way through (below a second) and that plus the period. It grows by a second per second as soon as a
stage, or one before it, stands still.

``bus``: the broker has it · ``intake``: it is a canonical event · ``detect``: it is counted in a rollup ·
``alerting``: alerting has passed it on · ``recorder``: it is in the database.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Collection, Mapping
from typing import Literal, get_args

Stage = Literal["bus", "intake", "detect", "alerting", "recorder"]
STAGES: tuple[Stage, ...] = get_args(Stage)
LATE_AFTER_PERIODS = 3.0  # one lost canary is chance
MINUTE_MS = 60_000
MINUTES_KEPT = 5  # of sending times, for rollups that tell only how many there were


class Sightings:
    """The newest canary that was seen at each stage, by the time when it was sent. The order of calls does not matter,
    except that a rollup counts what ``event`` has told before."""

    def __init__(self) -> None:
        self.newest: dict[Stage, int] = {}
        self._sent: dict[int, list[int]] = {}  # minute's start → times when the canaries in it were sent

    def see(self, stage: Stage, sent_ms: int) -> None:
        """A canary that was sent then is at this stage."""
        self.newest[stage] = max(sent_ms, self.newest.get(stage, sent_ms))

    def event(self, sent_ms: int) -> None:
        """A canonical event."""
        self.see("intake", sent_ms)
        start_ms = sent_ms // MINUTE_MS * MINUTE_MS
        times = self._sent.setdefault(start_ms, [])
        if sent_ms not in times:
            insort(times, sent_ms)
        while len(self._sent) > MINUTES_KEPT:
            del self._sent[min(self._sent)]

    def rollup(self, start_ms: int, n: int) -> None:
        """Detect has counted ``n`` canaries of a minute: at least the ``n``-th that was sent in it."""
        times = self._sent.get(start_ms, [])
        counted = times[: max(0, n)]
        self.see("detect", counted[-1] if counted else start_ms)


def ages(newest: Mapping[Stage, int], since_ms: int, now_ms: int) -> dict[str, float]:
    """Age of each stage in seconds, but never longer than since ``since_ms``, when watching and sending began: what
    was not sent before proves nothing."""
    return {stage: round(max(0, now_ms - max(newest.get(stage, 0), since_ms)) / 1000, 1) for stage in STAGES}


def blamed(found: Mapping[str, float], period_s: float, away: Collection[str] = ()) -> list[str]:
    """The parts that stand still: of those that follow each other the first whose age is too great.

    The recorder reads what intake writes, so it is blamed when it is late and intake is not.

    Args:
        found: ages.
        period_s: between two canaries.
        away: parts that are known to be away; they are not named again, and the recorder not for a missing database.
    """
    late = {stage for stage in STAGES if found[stage] > period_s * LATE_AFTER_PERIODS}
    first = next((stage for stage in STAGES[:-1] if stage in late), None)
    said: list[str] = [] if first is None or first in away or "bus" in away else [first]
    if "recorder" in late and not late & {"bus", "intake"} and not {"database", "bus"} & set(away):
        said.append("recorder")
    return said
