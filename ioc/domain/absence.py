"""Absence rules: a feed of a centre, or a site of it, sent nothing for too long, while the centre itself is heard.

Two questions in two places, because the feeds of a centre live in different partitions of ``events``:

* Is this *part* of it, a feed or a site in one area, still heard? Judged where its events come (:func:`word_of`), by
  arrival, on the clock of :mod:`ioc.domain.silence`: how far the bus is known to have been read.
* Do all parts say nothing, and is the centre heard? Judged where the alert is (:func:`judge`).

What was never heard is not absent: nothing can stop that never began, and its health says ``unknown``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from ioc.domain.alerts import PartWord
from ioc.domain.profile import Centre, Feed, Profile, Rule
from ioc.domain.verdicts import Reason, Verdict

ANY_TYPE = "*"  # the type of a rule that speaks of feeds of every type
HEARTBEAT = "source.heartbeat"  # the feed that carries it is the centre's own sign of life; silence rules judge it
# Two jobs, or two partitions of one, may be so far apart when they judge the same moment; this project's choice.
APART_S = 15.0
LATE_PERIODS = 2.0  # one missed message is chance, two are a habit; as for a feed that is slow
# What is absent is said again this often, so that time that passes while its centre is silent is known too.
RETELL_MS = 60_000


class Part(Struct, kw_only=True, tag="part"):
    """Memory of one feed or site in one area; all in epoch milliseconds, -1 before the first event.

    Attributes:
        heard_ms: event time of the newest event; ``arrived_ms`` when it arrived.
        told: what was last said of it.
        lost_ms: ``arrived_ms`` when it was said to be absent.
    """

    heard_ms: int = -1
    arrived_ms: int = -1
    told: PartWord | None = None
    lost_ms: int = -1


class Standing(Struct, array_like=True):
    """One part as alerting knows it."""

    word: PartWord
    since_ms: int  # event time of the last event
    observed_ms: int  # arrival time up to which its partition had been read


class AbsenceState(Struct, kw_only=True):
    """Memory of one feed or site: 60 bytes per area in which it was heard."""

    parts: dict[str, Standing] = {}
    on: bool = False
    muted_by: str = ""  # as it was last told
    since_ms: int = -1
    revision: int = 0


class CentreHeard(Struct, kw_only=True):
    """Whether a centre is silent: ``silent`` holds the alert ids of its silences by their keys."""

    silent: dict[str, str] = {}
    back_ms: int = -1  # arrival time up to which the bus had been read when it was heard again

    @property
    def muted_by(self) -> str:
        """Id of the alert that says it is silent; empty when it is heard."""
        return min(self.silent.values(), default="")


def after_ms(rule: Rule, feed: Feed, rules: Iterable[Rule]) -> int:
    """How long a feed, or a site of it, may say nothing, in milliseconds.

    Never shorter than ``silent_after_s`` of the feed, so that the wall's word and the alert agree, and long enough for
    the silence of the whole centre to be known first, had it begun together with the absence.
    """
    centre_s = max((one.after_s for one in rules if one.kind == "silence"), default=0.0)
    known_s = LATE_PERIODS * feed.expected_period_s + centre_s + APART_S
    return round(max(rule.after_s, feed.silent_after_s, known_s) * 1000)


def speaks_of(rule: Rule, feed: Feed) -> bool:
    """Does an absence rule speak of a feed? Never of a sporadic one, and not of the centre's heartbeat."""
    if feed.sporadic or HEARTBEAT in feed.types or not set(feed.types) - set(feed.sporadic_types):
        return False
    return (not rule.feeds or feed.id in rule.feeds) and (rule.type == ANY_TYPE or rule.type in feed.types)


def covers(rule: Rule, centre: Centre | None, feed: str, site: str) -> bool:
    """Does a rule, as it is now, speak of this feed, or of this site of it, of a centre of the profile?"""
    if rule.kind != "absence" or centre is None or (rule.scope == "site") != bool(site):
        return False
    if not any(one.id == feed and speaks_of(rule, one) for one in centre.feeds):
        return False
    if not site:
        return True
    return site in (rule.sites or (site,)) and any(one.id == site and one.feed == feed for one in centre.sites)


def words(profile: Profile) -> Iterator[str]:
    """One text per rule that others change with: when one differs, what is known is told again."""
    for rule in profile.rules if any(rule.kind == "absence" for rule in profile.rules) else ():
        if rule.kind in ("absence", "silence"):
            yield "|".join((rule.id, rule.kind, rule.scope, rule.type, "+".join(rule.feeds), "+".join(rule.sites)))


def hear(part: Part, event_ms: int, arrived_ms: int) -> None:
    """Take one event in."""
    part.heard_ms = max(part.heard_ms, event_ms)
    part.arrived_ms = max(part.arrived_ms, arrived_ms)


def word_of(part: Part, after_ms: int, out_after_ms: int, head_ms: int, base_ms: int, expected: bool) -> PartWord:
    """What is to be said of a part that was heard once.

    Args:
        part: its memory; stays as it is.
        after_ms: how long it may say nothing.
        out_after_ms: after so long it is out of service.
        head_ms: arrival time up to which the bus has been read.
        base_ms: since when this process listens without a pause; silence before it proves nothing new.
        expected: does the registry still have a site there at this time?
    """
    if not expected:
        return "gone"
    if part.told in ("absent", "out") and part.arrived_ms <= part.lost_ms:
        # That it is absent was proved once: a pause of this process since does not matter.
        return "out" if part.told == "out" or head_ms - part.arrived_ms >= out_after_ms else "absent"
    return "absent" if head_ms - max(part.arrived_ms, base_ms) >= after_ms else "heard"


def tell(
    part: Part, after_ms: int, out_after_ms: int, head_ms: int, base_ms: int, *, expected: bool, may_raise: bool
) -> PartWord:
    """As :func:`word_of`, and remember that it was told.

    Args:
        part, after_ms, out_after_ms, head_ms, base_ms, expected: of :func:`word_of`.
        may_raise: False outside the hours of the rule; what is on stays.
    """
    word = word_of(part, after_ms, out_after_ms, head_ms, base_ms, expected)
    if word == "absent" != part.told:
        if may_raise:
            part.lost_ms = part.arrived_ms
        else:
            word = "heard"
    part.told = word
    return word


def judge(rule: Rule, state: AbsenceState, centre: CentreHeard, after_ms: int) -> Verdict | None:
    """Judge what is known of a feed or site; an answer when it changed. Depends on no clock.

    Args:
        rule: the absence rule.
        state: memory of the feed or site; changed in place.
        centre: whether its centre is heard.
        after_ms: how long it may say nothing; from the return of its centre on, too.
    """
    standings = state.parts.values()
    observed_ms = max((one.observed_ms for one in standings), default=-1)
    heard_ms = max((one.since_ms for one in standings), default=-1)
    if not standings:
        return _off(rule, state, "SITE_REMOVED", max(observed_ms, state.since_ms))
    if any(one.word == "heard" for one in standings):
        return _off(rule, state, "HEARD_AGAIN", max(heard_ms, state.since_ms))
    if all(one.word == "out" for one in standings):
        return _off(rule, state, "OUT_OF_SERVICE", observed_ms)
    muted_by = centre.muted_by
    if not state.on:
        if muted_by or observed_ms - centre.back_ms < after_ms:
            return None
        state.on, state.muted_by = True, ""
        # Strictly later than any earlier episode.
        state.since_ms = max(heard_ms, state.since_ms + 1)
        return _on(rule, state, "NOTHING_SENT", observed_ms, after_ms)
    if muted_by == state.muted_by:
        return None
    state.muted_by = muted_by
    return _on(rule, state, "CENTRE_SILENT" if muted_by else "CENTRE_BACK", observed_ms, after_ms)


def _on(rule: Rule, state: AbsenceState, reason: Reason, observed_ms: int, after_ms: int) -> Verdict:
    return Verdict(
        state="on",
        reason=reason,
        since_ms=state.since_ms,
        observed_ms=observed_ms,
        priority=rule.priority,
        limit=after_ms / 1000,
    )


def _off(rule: Rule, state: AbsenceState, reason: Reason, observed_ms: int) -> Verdict | None:
    if not state.on:
        return None
    state.on, state.muted_by = False, ""
    return Verdict(state="off", reason=reason, since_ms=state.since_ms, observed_ms=observed_ms, priority=rule.priority)
