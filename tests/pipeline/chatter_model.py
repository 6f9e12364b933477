"""Chattering in plain words, for the model of the life of alerts: lists and numbers, nothing of the product."""

from __future__ import annotations

from dataclasses import dataclass, field

MINUTE_MS, HOUR_MS = 60_000, 3_600_000


@dataclass
class Flutter:
    """One object: when it went away, and what is held because of that."""

    went_ms: list[int] = field(default_factory=list)
    changed_ms: int = 0
    delay_s: int = 60
    chatters: bool = False
    until_ms: int = 0  # 0: nothing is held

    def _remember(self, now_ms: int) -> None:
        if not self.until_ms and now_ms - self.changed_ms >= HOUR_MS:
            self.went_ms, self.chatters, self.delay_s = [], False, 60

    def goes(self, now_ms: int, asks: bool) -> bool:
        """Is its alert held? ``asks``: the alert is not hidden."""
        self._remember(now_ms)
        self.went_ms.append(now_ms)
        self.changed_ms = now_ms
        often = len([at for at in self.went_ms if now_ms - at <= MINUTE_MS]) >= 3
        self.chatters = asks and (self.chatters or often)
        if self.chatters:
            self.until_ms = now_ms + self.delay_s * 1000
        return self.chatters

    def comes(self, now_ms: int) -> None:
        self._remember(now_ms)
        self.changed_ms = now_ms
        if self.until_ms:
            self.until_ms, self.delay_s = 0, min(1800, self.delay_s * 2)

    def over(self, now_ms: int) -> bool:
        """Did it stay away for long enough by now?"""
        if not self.until_ms:
            self._remember(now_ms)
            return False
        if now_ms < self.until_ms:
            return False
        self.until_ms, self.chatters = 0, False
        return True

    @property
    def says(self) -> tuple[int, int, int] | None:
        """How often it went away, the off-delay, and until when it is held."""
        return (len(self.went_ms), self.delay_s, self.until_ms) if self.chatters else None
