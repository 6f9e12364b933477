"""When a process is restarted because others cannot go on with it: pure, so that it can be tried without processes.

A broker that stood still can come back half: it answers, but every take-over waits for ever (see docs/performance.md).
It does not die of that, and the workers that do are started again in vain. So a death can blame a neighbour.
"""

from __future__ import annotations

from dataclasses import dataclass, field

BLAMED_TIMES = 2  # one worker alone may be slow itself
BLAMED_WITHIN_S = 180.0  # a stuck worker leaves after 60 s and is back within 20
REST_S = 65.0  # who died so soon after it came up had begun to wait before: the watchdog's 60 s, and its period
REST_MAX_S = 3600.0  # a restart that did not help is not repeated soon: then it is the workers that are slow


@dataclass
class Blame:
    """Deaths of workers that blame one neighbour.

    Attributes:
        deaths_s: when each was, in seconds of a monotonic clock; at most ``BLAMED_TIMES`` are kept.
        rest_s: how long the neighbour is left alone after it came up; twice as long after each restart, up to
            ``REST_MAX_S``, and as at first when nobody blamed it for that long.
        last_s: when it was blamed last.
    """

    deaths_s: list[float] = field(default_factory=list)
    rest_s: float = 0.0
    last_s: float | None = None

    def died(self, now_s: float, up_since_s: float | None) -> bool:
        """Somebody died and blames the neighbour. Is that one to be restarted now?

        Args:
            now_s: the time of the death.
            up_since_s: since when the neighbour serves; None while it does not, and it is left alone then.
        """
        if self.last_s is None or now_s - self.last_s > REST_MAX_S:
            self.rest_s = REST_S
        self.last_s = now_s
        if up_since_s is None or now_s - up_since_s < self.rest_s:
            self.deaths_s.clear()
            return False
        self.deaths_s = [*(at_s for at_s in self.deaths_s if now_s - at_s <= BLAMED_WITHIN_S), now_s]
        if len(self.deaths_s) < BLAMED_TIMES:
            return False
        self.deaths_s.clear()
        self.rest_s = min(2 * self.rest_s, REST_MAX_S)
        return True
