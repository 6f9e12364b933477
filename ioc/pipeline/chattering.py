"""The objects of one partition that went away lately, and the alerts that are held because they chatter.

What is remembered of an object is a private record ``@chatter/<alert key>`` of the topic ``alerts``; the alert itself
says what people need to know (:class:`ioc.domain.chatter.Chatter`). Both are written together.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from ioc.domain import chatter
from ioc.domain.alerts import Alert, Signal
from ioc.domain.chatter import Past
from ioc.pipeline import episodes
from ioc.pipeline.episodes import Change
from ioc.wire.codec import encode

# Ends for good: nothing is held for what will not come back.
FOR_GOOD = frozenset({"OUT_OF_SERVICE", "RULE_REMOVED", "SITE_REMOVED", "DRILL_OVER"})


class Chattering:
    """What is remembered, by object."""

    def __init__(self) -> None:
        self._past: dict[str, Past] = {}
        self._chattering: set[str] = set()  # objects that time alone can change
        self._dirty: set[str] = set()

    def load(self, key: str, value: bytes) -> None:
        """Take one record back.

        Raises:
            msgspec.MsgspecError: the record is not of this version.
        """
        self._hold(key, msgspec.json.decode(value, type=Past))

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        """Changed records by object; None: forgotten."""
        rows = [(key, encode(self._past[key]) if key in self._past else None) for key in sorted(self._dirty)]
        self._dirty.clear()
        return rows

    def sweep(self, now_ms: int) -> None:
        """Forget what is over."""
        for key, past in list(self._past.items()):
            if key not in self._chattering:
                self._keep(key, chatter.recalled(past, now_ms))

    def carries(self, alert: Alert | None) -> bool:
        """Does the alert go on with the object's next episode, without a new occurrence?"""
        return alert is not None and alert.active and alert.chatter is not None

    def begun(self, key: str, event_ms: int, now_ms: int) -> None:
        """A new alert of the object was raised; its episode began at ``event_ms``."""
        if key in self._past:
            self._keep(key, chatter.came(self._past[key], now_ms, event_ms))

    def apply(
        self, key: str, alert: Alert, signal: Signal, now_ms: int, *, latching: bool, known: bool
    ) -> Change | None:
        """What a signal does to its alert, as :func:`ioc.pipeline.episodes.apply`, with the hold.

        Args:
            key: of the object.
            alert: that the signal is about.
            signal: the signal.
            now_ms: arrival.
            latching: of the rule.
            known: is the rule one of the profile? What the system says of itself is never held.
        """
        past = self._past.get(key, Past())
        if past.held and signal.state != "on":
            return None  # it is away already
        there = alert.active and not past.held
        change = episodes.apply(alert, signal, now_ms, latching=latching)
        if change is None:
            return None
        if signal.state == "off":
            may_hold = known and alert.suppression == "none" and signal.reason not in FOR_GOOD
            after = chatter.went(past, now_ms, signal.observed_ms, may_hold=may_hold)
            self._keep(key, after)
            said = after.shown
            if said is None:
                return change
            tell = past.since_ms is None or after.told_s != past.told_s
            return episodes.hold(alert, signal, said, now_ms, tell=tell)
        if signal.state == "on" and not there:
            self._keep(key, chatter.came(past, now_ms, max(signal.since_ms, signal.observed_ms)))
        shown = self._past[key].shown if key in self._past else None
        if change.alert.chatter == shown:
            return change
        return replace(change, alert=replace(change.alert, chatter=shown))

    def elapse(self, key: str, alert: Alert | None, now_ms: int, event_ms: int | None = None) -> Change | None:
        """What time did to an object by now; None when it did nothing to the alert.

        Args:
            key: of the object.
            alert: its open one.
            now_ms: arrival.
            event_ms: start of a new episode of the object. If the condition had stayed away for long enough by then,
                or if nothing is remembered after so long, the episode is another occurrence, however soon it arrives.
        """
        past = self._past.get(key, Past())
        after = chatter.passed(past, now_ms, event_ms)
        if after == past:
            return None
        self._keep(key, after)
        if alert is None or not alert.active:
            return None
        if past.held and not after.held:
            return episodes.hold_over(alert, now_ms)
        return episodes.say_chatter(alert, after.shown, now_ms)

    @property
    def running(self) -> list[str]:
        """Objects that chatter, in a fixed order."""
        return sorted(self._chattering)

    def _keep(self, key: str, past: Past) -> None:
        if self._past.get(key, Past()) != past:
            self._dirty.add(key)
            self._hold(key, past)

    def _hold(self, key: str, past: Past) -> None:
        if past == Past():
            self._past.pop(key, None)
        else:
            self._past[key] = past
        if past.since_ms is None:
            self._chattering.discard(key)
        else:
            self._chattering.add(key)
