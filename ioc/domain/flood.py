"""A flood of alerts: more new ones in ten minutes than a position can take in. Values.

In a flood the screens show incidents instead of single alerts, and only the top priority and the rules that the
installation names sound. Nothing is dropped: what made no sound is counted and stands in the list.
"""

from __future__ import annotations

from msgspec import Struct


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
