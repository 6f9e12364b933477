"""Chattering: a condition that comes and goes faster than anybody can look.

The story. A loose contact or a level at its limit goes away and comes back every few seconds. Each time would be a new
alert, a new sound and a new call. So an object that goes away for the third time within a minute is *chattering*: its
alert stays active, as it is, until the condition has stayed away for the *off-delay*. That is a minute at first, twice
as long whenever the condition comes back during a hold, and at most half an hour. After an hour without a change of
the condition all is forgotten.

Both clocks must agree that it is chattering, and that it goes on: what only arrives close together (a backlog after an
outage, a drill at sixty times the speed) is neither. A hold runs by arrival, since nothing comes from what stays away;
when the condition comes back and had stayed away for the off-delay in event time, it was over before that. All values
are those of one object of one rule.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from ioc.domain.times import CLOCK_BACK_MS

ChatterReason = Literal["CHATTERING", "CHATTER_OVER"]
TIMES, WITHIN_MS = 3, 60_000
FIRST_DELAY_S, MAX_DELAY_S = 60, 1_800
FORGOTTEN_MS = 3_600_000


class Chatter(Struct, frozen=True, kw_only=True):
    """What an alert says of its chattering.

    Attributes:
        times: how often the condition went away, as far as that is remembered.
        off_delay_s: how long it has to stay away, seconds.
        since_ms: when the chattering was noticed, by arrival.
        returns_at_ms: it is away now, and the alert goes then if it stays away; None: it is there.
    """

    times: int
    off_delay_s: int
    since_ms: int
    returns_at_ms: int | None = None


class Gone(Struct, frozen=True):
    """One time that the condition went away: by arrival, and in event time."""

    at_ms: int
    event_ms: int


class Past(Struct, frozen=True, kw_only=True):
    """What is remembered of an object.

    Attributes:
        gone: the last ``TIMES`` times that it went away, the newest last.
        times: all of them.
        off_delay_s: of the next hold, or of the present one; 0 when there was none.
        told_s: off-delay of the newest hold.
        since_ms: when the present chattering was noticed; None: it does not chatter.
        until_ms: end of the present hold; None: nothing is held.
        changed_ms: when the condition last came or went, by arrival.
        changed_event_ms: the same in event time; 0: not known.
    """

    gone: tuple[Gone, ...] = ()
    times: int = 0
    off_delay_s: int = 0
    told_s: int = 0
    since_ms: int | None = None
    until_ms: int | None = None
    changed_ms: int = 0
    changed_event_ms: int = 0

    @property
    def held(self) -> bool:
        """Is the condition away and its alert held?"""
        return self.until_ms is not None

    @property
    def shown(self) -> Chatter | None:
        """What the alert says; None when the object does not chatter."""
        if self.since_ms is None:
            return None
        return Chatter(
            times=self.times, off_delay_s=self.off_delay_s, since_ms=self.since_ms, returns_at_ms=self.until_ms
        )


def went(past: Past, now_ms: int, event_ms: int, *, may_hold: bool = True) -> Past:
    """The condition goes away; the alert is held when the result is ``held``.

    Args:
        past: of the object.
        now_ms: arrival.
        event_ms: when it went away, in event time.
        may_hold: not when the alert asks nobody anyway, or the end is one for good. It is remembered all the same.
    """
    past = recalled(past, now_ms, event_ms)
    gone = (*past.gone, Gone(now_ms, event_ms))[-TIMES:]
    near = [
        one for one in gone if abs(now_ms - one.at_ms) <= WITHIN_MS and abs(event_ms - one.event_ms) <= WITHIN_MS
    ]  # fmt: skip
    after = replace(
        past,
        gone=gone,
        times=past.times + 1,
        since_ms=None,
        until_ms=None,
        changed_ms=now_ms,
        changed_event_ms=max(past.changed_event_ms, event_ms),
    )
    if not may_hold or (past.since_ms is None and len(near) < TIMES):
        return after
    delay_s = past.off_delay_s or FIRST_DELAY_S
    since_ms = now_ms if past.since_ms is None else past.since_ms
    return replace(after, off_delay_s=delay_s, told_s=delay_s, since_ms=since_ms, until_ms=now_ms + delay_s * 1000)


def came(past: Past, now_ms: int, event_ms: int) -> Past:
    """The condition comes, in event time at ``event_ms``. During a hold that is what makes the next one longer."""
    past = recalled(past, now_ms, event_ms)
    if not past.times:
        return past
    delay_s = min(2 * past.off_delay_s, MAX_DELAY_S) if past.held else past.off_delay_s
    return replace(
        past,
        off_delay_s=delay_s,
        until_ms=None,
        changed_ms=now_ms,
        changed_event_ms=max(past.changed_event_ms, event_ms),
    )


def passed(past: Past, now_ms: int, event_ms: int | None = None) -> Past:
    """What time does. What was held and is not any more has stayed away long enough: the alert goes.

    Args:
        past: of the object.
        now_ms: arrival.
        event_ms: event time that the object has reached, when something came that says so.
    """
    if past.until_ms is None:
        return recalled(past, now_ms, event_ms)
    delay_ms = past.off_delay_s * 1000
    if past.until_ms <= now_ms or (event_ms is not None and event_ms - past.gone[-1].event_ms >= delay_ms):
        return recalled(replace(past, since_ms=None, until_ms=None), now_ms, event_ms)
    if past.until_ms - now_ms > delay_ms + CLOCK_BACK_MS:  # a hold that looks longer than its delay begins anew
        return replace(past, until_ms=now_ms + delay_ms)
    return past


def recalled(past: Past, now_ms: int, event_ms: int | None = None) -> Past:
    """What is still remembered: after an hour without a change by either clock nothing, unless a hold runs."""
    if past.held:
        return past
    if event_ms is not None and past.changed_event_ms and event_ms - past.changed_event_ms >= FORGOTTEN_MS:
        return Past()
    return past if abs(now_ms - past.changed_ms) < FORGOTTEN_MS else Past()
