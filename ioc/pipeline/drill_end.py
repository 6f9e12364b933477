"""When a feed of a drill is over: as long after its last event as a rule may still join the next event to it.

A drill is told by its events alone, and each of its feeds lies in another partition. So a feed cannot know that the
drill goes on elsewhere; it can only wait until no rule would care any more.
"""

from __future__ import annotations

from collections.abc import Iterable

from ioc.domain.drills import DRILL_OVER_MS
from ioc.domain.profile import Rule

# So long after what the rules remember, so that what ends by itself does so first.
MARGIN_MS = 60_000
# No longer than this, whatever the rules say: a drill that is over must leave memory.
MOST_MS = 86_400_000
GAPS = 3  # periods of a feed that a gap may last, as in ioc.domain.threshold.resolve


def over_after_ms(rules: Iterable[Rule], period_s: float, grace_ms: int, crowded: bool) -> int:
    """How long after its last arrival a feed of a drill is over, milliseconds.

    Args:
        rules: those that judge the feed's types.
        period_s: how often a site of it reports.
        grace_ms: its allowed lateness, by which its clock stays behind.
        crowded: many drills are remembered; then nothing is waited for beyond the least.
    """
    longest_s = 0.0 if crowded else max((GAPS * period_s, *(_remembers_s(rule) for rule in rules)))
    return min(max(DRILL_OVER_MS, round(longest_s * 1000)), MOST_MS) + grace_ms + MARGIN_MS


def _remembers_s(rule: Rule) -> float:
    """How far apart two readings may be and still belong together under a rule."""
    windows_s = (level.within_s for level in rule.levels)
    return max(rule.hold_s, rule.within_s, rule.span_s, rule.covers_s, rule.max_gap_s, *windows_s, 0.0)
