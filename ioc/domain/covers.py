"""What hides an alert from its first moment on, as the desk said it before: a *cover*. Values and one decision.

The desk decides what explains which alert, and orders it; an order comes a moment after the alert. So the desk tells
``alerting`` beforehand what would explain an alert that begins now: each running silence, each planned window that is
open, and each standing alert that explains others. What begins (or asks anew) under a cover is hidden in the same
transaction. The desk has the last word: where it sees more, its order follows as ever.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from ioc.domain.alerts import Alert
from ioc.domain.desk import Explanation
from ioc.domain.handling import SHIFT_S
from ioc.domain.inhibition import speaks
from ioc.domain.matcher import Matcher
from ioc.domain.suppression import EqualLabel
from ioc.domain.times import CLOCK_BACK_MS

COVERS_MAX = 1_000
"""Told at once; alerts under those beyond are shown for a moment, until the desk's order comes."""

_KINDS = ("alert", "silence", "window")  # the first that holds is noted in an alert
_LONGEST_MS = SHIFT_S * 1000 + CLOCK_BACK_MS  # no silence is longer: a clock was set back


class Cover(Struct, frozen=True, kw_only=True):
    """Something that explains alerts now.

    Attributes:
        id: of the cover: of the silence, ``window|<id>``, or the inhibition rule with what both sides share.
        explanation: what an alert under it says. Of the kind ``alert`` its ``id`` is the alert that explains.
        target: which alerts; people and plans hide a P1 only by the name of its rule.
        exercise: of the kind ``alert``: the drill of both; empty: both are live. People and plans hide live ones only.
        equal: labels that the explaining alert shares with its targets, and their values.
        source: of the inhibition rule. An alert that it is about as well is explained by ``both_by`` alone.
        both_by: alert that explains such; empty: none does.
    """

    id: str
    explanation: Explanation
    target: Matcher
    exercise: str = ""
    equal: tuple[tuple[EqualLabel, str], ...] = ()
    source: Matcher | None = None
    both_by: str = ""


class CoverSaid(Struct, frozen=True, kw_only=True, tag="cover", tag_field="kind"):
    """The desk to every partition of ``alert-inputs``: this cover is there now; None: it is over.

    Without an id: forget all; those that are there follow.
    """

    id: str = ""
    cover: Cover | None = None


def covered(alert: Alert, covers: Iterable[Cover], now_ms: int) -> Explanation | None:
    """What explains an alert that asks, of what is known; the desk finds the same when it knows no more.

    Another alert goes before a silence and that before a window; of several the one with the lowest id.
    """
    found = [why for cover in covers if (why := _explanation(alert, cover, now_ms)) is not None]
    return min(found, key=lambda why: (_KINDS.index(why.kind), why.id), default=None)


def _explanation(alert: Alert, cover: Cover, now_ms: int) -> Explanation | None:
    why = cover.explanation
    if why.until_ms is not None and why.until_ms <= now_ms:
        return None
    if why.kind != "alert":
        lost = why.kind == "silence" and (why.until_ms is None or why.until_ms - now_ms > _LONGEST_MS)
        return why if not lost and alert.exercise is None and cover.target.may_hide(alert) else None
    shares = all(getattr(alert, label) == value for label, value in cover.equal)
    if (alert.exercise or "") != cover.exercise or not shares or not cover.target.holds(alert):
        return None
    is_both = cover.source is not None and cover.source.holds(alert) and speaks(alert)
    by = cover.both_by if is_both else why.id
    return None if by in ("", alert.id) else replace(why, id=by)
