"""A flood of alerts: more new ones in ten minutes than a position can take in. Values.

In a flood the screens show incidents instead of single alerts, and only the top priority and the rules that the
installation names sound. Nothing is dropped: what made no sound is counted and stands in the list.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from ioc.domain.alerts import Alert, LogEntry
from ioc.domain.desk import OWN_RULES
from ioc.domain.desk_commands import transition

KEY = "flood|"
"""How the ``key`` of a line of the log about the flood begins."""
ID = "live"  # drills have no flood
TAKEN_BACK_MS = 5_000  # what is muted so soon was never for people: what explains it was told a moment later
TIMES_MAX = 100  # of one alert within the window; one that comes and goes more often is a flood anyway


class FloodLimits(Struct, frozen=True, kw_only=True):
    """``[flood]`` of ``incidents.toml``.

    Limits are per operator position; a flood begins above ``above`` new alerts in ``window_s`` and ends below
    ``below``. Figures of process plants, quoted second-hand (10 in 10 minutes, under 5); a centre has to find its own.

    Attributes:
        positions: desks that share the alerts.
        always: ids of rules that sound in a flood as well.
    """

    above: int = 10
    below: int = 5
    window_s: float = 600.0
    positions: int = 1
    always: tuple[str, ...] = ()


class Flood(Struct, frozen=True, kw_only=True):
    """How many alerts are new, and whether that is a flood; ``flood`` of the topic ``desk``. Drills do not count.

    Attributes:
        new: alerts that began to ask within the window, all positions together.
        since_ms: when the flood began; None: there is none.
        unannounced: alerts that made no sound since then; 0 without a flood.
        always: as in the limits, so that screens know which rules sound.
    """

    new: int
    since_ms: int | None = None
    unannounced: int = 0
    above: int = 10
    below: int = 5
    window_s: float = 600.0
    positions: int = 1
    always: tuple[str, ...] = ()
    changed_ms: int


class Asking(Struct, frozen=True, kw_only=True):
    """How often an alert began to ask lately, so that nothing is counted twice.

    ``asked_ms`` and ``priority`` as they were when it was counted last; ``at_ms``: when, at most ``TIMES_MAX``. Of the
    present asking, ``times`` were counted and ``unannounced`` made no sound.
    """

    asked_ms: int
    priority: int
    at_ms: tuple[int, ...]
    times: int = 0
    unannounced: int = 0


def count(known: Asking | None, before: Alert | None, alert: Alert, window_ms: int, now_ms: int) -> Asking | None:
    """Does the alert begin to ask, or ask for more than before? Then what is known of it afterwards, else None.

    It counts at the time since which it asks, so that what is told late counts where it belongs; what got worse counts
    now. What asked before the window does not count, however late it becomes known; nor does what was raised from a
    backlog, more than a window after its event time, until it asks anew.

    Args:
        known: what was counted of it.
        before: as it was told before; None: not known.
        alert: as it is.
        window_ms: how far back alerts count.
        now_ms: present.
    """
    if alert.state != "UNACK" or alert.exercise is not None or alert.closed:
        return None
    asked_ms = _asked_ms(alert)
    told: Asking | Alert | None = known if known is not None and known.asked_ms == asked_ms else None
    if told is None and before is not None and before.state == "UNACK" and _asked_ms(before) == asked_ms:
        told = before
    if told is not None and alert.priority >= told.priority:
        return None
    if told is None and asked_ms == alert.raised_ms and alert.late_s * 1000 > window_ms:
        return None  # it began out there before the window: a backlog is no flood; asking anew is no backlog
    at_ms = min(asked_ms, now_ms) if told is None else now_ms
    if at_ms <= now_ms - window_ms:
        return None
    earlier = () if known is None else known.at_ms
    times = (*earlier, at_ms) if len(earlier) < TIMES_MAX else earlier
    same = known if known is not None and known.asked_ms == asked_ms else None
    return Asking(
        asked_ms=asked_ms,
        priority=alert.priority,
        at_ms=times,
        times=(0 if same is None else same.times) + len(times) - len(earlier),
        unannounced=0 if same is None else same.unannounced,
    )


def take_back(known: Asking | None, before: Alert | None, alert: Alert) -> Asking | None:
    """Is the alert hidden by what explains it, within ``TAKEN_BACK_MS`` after it began to ask? Then what is left.

    That asking does not count; earlier ones of the same alert do, and so does one that somebody answered. None: nothing
    is taken back.

    Args:
        known: what was counted of it.
        before: as it was told before, or, by a desk that looks ahead, as it was about to be hidden; None: not known.
        alert: as it is.
    """
    if known is None or not known.times or alert.state != "DSUPR" or alert.acked:
        return None
    if before is not None and before.state not in ("UNACK", "DSUPR"):
        return None
    if not 0 <= alert.updated_ms - known.asked_ms < TAKEN_BACK_MS:
        return None
    return replace(known, at_ms=known.at_ms[: -known.times], times=0, unannounced=0)


def _asked_ms(alert: Alert) -> int:
    return alert.raised_ms if alert.asked_ms is None else alert.asked_ms


def sounds(alert: Alert, limits: FloodLimits) -> bool:
    """Does an alert sound in a flood as well?"""
    return alert.priority == 1 or alert.rule in limits.always or alert.rule in OWN_RULES


def in_flood(was: bool, new: int, limits: FloodLimits) -> bool:
    """Is it a flood, by how many alerts are new and whether it was one?"""
    return new >= limits.below * limits.positions if was else new > limits.above * limits.positions


def news(flood: Flood, now_ms: int, *, began_ms: int, unannounced: int = 0) -> LogEntry:
    """The line of the log that says that a flood began, or is over.

    Args:
        flood: as it is now.
        now_ms: present.
        began_ms: when it began.
        unannounced: alerts that made no sound in it.
    """
    what, reason = ("flood-began", "ABOVE") if flood.since_ms is not None else ("flood-ended", "BELOW")
    said = f"new={flood.new} unannounced={unannounced} positions={flood.positions} since={began_ms}"
    return transition(KEY, ID, what, reason, now_ms, about=f"flood/{began_ms}", detail=said)
