"""Chattering in plain words, for the model of the life of alerts: lists and numbers, nothing of the product."""

from __future__ import annotations

from dataclasses import dataclass, field

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
BACK_MS = 300_000  # a clock was set back


@dataclass
class Flutter:
    """One object: when it went away, and what is held because of that."""

    went: list[tuple[int, int]] = field(default_factory=list)  # arrival and event time
    changed_ms: int = 0
    changed_event_ms: int = 0
    delay_s: int = 60
    chatters: bool = False
    until_ms: int = 0  # 0: nothing is held

    def _remember(self, now_ms: int, event_ms: int = 0) -> None:
        long = abs(now_ms - self.changed_ms) >= HOUR_MS or event_ms - self.changed_event_ms >= HOUR_MS
        if not self.until_ms and long:
            self.went, self.chatters, self.delay_s = [], False, 60

    def _change(self, now_ms: int, event_ms: int) -> None:
        self.changed_ms, self.changed_event_ms = now_ms, max(event_ms, self.changed_event_ms)

    def goes(self, now_ms: int, event_ms: int, asks: bool) -> bool:
        """Is its alert held? ``asks``: the alert is not hidden."""
        self._remember(now_ms, event_ms)
        self.went.append((now_ms, event_ms))
        self._change(now_ms, event_ms)
        near = [at for at, event in self.went if abs(now_ms - at) <= MINUTE_MS and event_ms - event <= MINUTE_MS]
        often = len(near) >= 3
        self.chatters = asks and (self.chatters or often)
        if self.chatters:
            self.until_ms = now_ms + self.delay_s * 1000
        return self.chatters

    def comes(self, now_ms: int, event_ms: int) -> None:
        self._remember(now_ms, event_ms)
        self._change(now_ms, event_ms)
        if self.until_ms:
            self.until_ms, self.delay_s = 0, min(1800, self.delay_s * 2)

    def over(self, now_ms: int, event_ms: int = 0) -> bool:
        """Did it stay away for long enough, by one clock or the other?"""
        if not self.until_ms:
            self._remember(now_ms, event_ms)
            return False
        if now_ms < self.until_ms and event_ms - self.went[-1][1] < self.delay_s * 1000:
            if self.until_ms - now_ms > self.delay_s * 1000 + BACK_MS:
                self.until_ms = now_ms + self.delay_s * 1000
            return False
        self.until_ms, self.chatters = 0, False
        return True

    @property
    def says(self) -> tuple[int, int, int] | None:
        """How often it went away, the off-delay, and until when it is held."""
        return (len(self.went), self.delay_s, self.until_ms) if self.chatters else None
