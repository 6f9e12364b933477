"""What a signal does to an alert: values in, the alert afterwards and a word for the log out.

Priority: while nobody has acknowledged, ``priority`` keeps the worst that was signalled. An acknowledgement settles
it: from then on it follows the signals down, and when one is worse than what is shown the alert asks anew.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from ioc.domain.alerts import Alert, LogEntry, Look, Signal, alert_id
from ioc.domain.chatter import Chatter, ChatterReason
from ioc.domain.desk import Explanation, Summons
from ioc.domain.lifecycle import NOT_RAISED, Facts, move

HIDDEN_OCCURRENCE = "hidden-occurrence"  # word of the log: it came or went away while hidden, and nobody was asked


class Change(Struct, frozen=True):
    """An accepted change. ``what`` None: figures only, no line in the log. ``looked``: whose look it was, elsewhere."""

    alert: Alert
    what: str | None
    reason: str
    from_state: str
    looked: Look | None = None


def facts_of(alert: Alert) -> Facts:
    """The life cycle facts of an alert."""
    return Facts(alert.active, alert.acked, alert.latched, alert.suppression, alert.owed)


def stand(alert: Alert, facts: Facts, now_ms: int) -> Alert:
    """The alert with other facts, one version on; what belongs to facts that ended is taken away."""
    after = replace(
        alert,
        version=alert.version + 1,
        state=facts.state,
        active=facts.active,
        acked=facts.acked,
        latched=facts.latched,
        suppression=facts.suppression,
        owed=facts.owed,
        closed=facts.closed,
        updated_ms=now_ms,
        asked_ms=_asked_ms(alert, facts, now_ms),
    )
    if not facts.acked:
        # The result was about what stood then.
        after = replace(after, acked_ms=None, acked_by=None, acked_by_display=None, ack_note=None, result=None)
    if not (facts.active and facts.acked and not facts.hidden) and alert.realarm_ms is not None:
        after = replace(after, realarm_ms=None)
    if not facts.active and alert.chatter is not None:
        after = replace(after, chatter=None)
    if facts.suppression in ("none", "by-design") and alert.hidden is not None:
        after = replace(after, hidden=None)
    return after


def _asked_ms(alert: Alert, facts: Facts, now_ms: int) -> int | None:
    """Since when it waits for somebody; what went away unseen keeps when it began to, what is back asks anew."""
    if facts.state not in ("UNACK", "RTNUN"):
        return None
    goes_on = alert.state == facts.state or (alert.state == "UNACK" and facts.state == "RTNUN")
    return alert.asked_ms if goes_on else now_ms


def went_unasked(before: Alert, facts: Facts) -> bool:
    """Did hiding end with nobody asked: the condition came or went away behind it?"""
    return not before.acked and before.suppression != "none" and not facts.hidden and facts.acked


def episode_id(signal: Signal) -> str:
    """Id of the alert of the signal's episode."""
    return alert_id(signal.rule, signal.key, signal.since_ms, signal.exercise)


def begin(signal: Signal, now_ms: int, predecessor: Alert | None, *, latching: bool = False) -> Change:
    """Raise a new alert.

    Args:
        signal: ``on`` of an episode not seen before.
        now_ms: processing time.
        predecessor: the object's earlier alert when that is still open. What nobody acknowledged in it goes on here:
            its priority as a floor, and its count. A shelf, and out of service, are of the object: they go on too, a
            shelf not when this is priority 1 and that one was not. Whose it was, who was sent and which steps were
            done go on with a mark.
        latching: of the rule.
    """
    facts = move(NOT_RAISED, "RAISE", latching=latching).facts
    hidden = predecessor.hidden if predecessor is not None else None
    if predecessor is not None and predecessor.suppression != "out-of-service" and is_urgent(predecessor, signal):
        hidden = None
    if predecessor is not None and hidden is not None:
        facts = replace(facts, suppression=predecessor.suppression, owed=predecessor.owed)
    elif signal.muted_by:
        facts = move(facts, "SUPPRESS").facts
    # What came and went behind a shelf asked nobody.
    inherits = (
        predecessor is not None
        and not predecessor.acked
        and (predecessor.suppression == "none" or predecessor.active or predecessor.owed)
    )
    prior_count = predecessor.count if predecessor is not None and inherits else 0
    priority = signal.priority
    if predecessor is not None and inherits and predecessor.priority < priority:
        priority = predecessor.priority
    alert = Alert(
        id=episode_id(signal),
        key=signal.key,
        rule=signal.rule,
        version=1,
        state=facts.state,
        active=facts.active,
        acked=facts.acked,
        latched=facts.latched,
        suppression=facts.suppression,
        owed=facts.owed,
        hidden=hidden,
        hidden_changes=(predecessor.hidden_changes if predecessor is not None and hidden else 0) + facts.hidden,
        priority=priority,
        level=signal.level,
        centre=signal.centre,
        area=signal.area,
        site=signal.site,
        feed=signal.feed,
        type=signal.type,
        title_vi=signal.title_vi,
        title_en=signal.title_en,
        place_vi=signal.place_vi,
        place_en=signal.place_en,
        lon=signal.lon,
        lat=signal.lat,
        value=signal.value,
        limit=signal.limit,
        unit=signal.unit,
        reason=signal.reason,
        count=prior_count + signal.count,
        prior_count=prior_count,
        started_ms=signal.since_ms,
        raised_ms=now_ms,
        updated_ms=now_ms,
        observed_ms=signal.observed_ms,
        late_s=max(0.0, (now_ms - signal.observed_ms) / 1000),
        exercise=signal.exercise,
        cap=signal.cap,
        present_priority=signal.priority,
        decisive_version=1,
        signal_revision=signal.revision,
        muted_by=signal.muted_by,
        asked_ms=now_ms if facts.state == "UNACK" else None,
    )
    return Change(alert if predecessor is None else _handled(alert, predecessor), "raised", signal.reason, "NORM")


def _handled(alert: Alert, former: Alert) -> Alert:
    """The alert with what people did for its object in the former occurrence: an agency is on its way all the same."""
    had = former.assigned
    return replace(
        alert,
        assigned=None if had is None else replace(had, version=alert.version, earlier=had.earlier or former.id),
        dispatched=tuple(replace(one, earlier=one.earlier or former.id) for one in former.dispatched),
        steps=tuple(replace(one, earlier=one.earlier or former.id) for one in former.steps),
    )


def supersede(alert: Alert, successor: str, now_ms: int) -> Change:
    """Close an open alert because a new episode of its object began under another id."""
    facts = move(facts_of(alert), "SUPERSEDE").facts
    after = replace(
        stand(alert, facts, now_ms),
        blind=False,
        muted_by="",
        explained=None,
        cleared_ms=now_ms if alert.cleared_ms is None else alert.cleared_ms,
        decisive_version=alert.version + 1,
    )
    return Change(after, "superseded", f"SUPERSEDED_BY {successor}", alert.state)


def end_drill(alert: Alert, now_ms: int) -> Change:
    """Close what is left of a drill; see :func:`ioc.domain.drills.is_left`."""
    step = move(facts_of(alert), "DRILL_END")
    after = replace(stand(alert, step.facts, now_ms), decisive_version=alert.version + 1)
    return Change(after, "closed", step.reason, alert.state)


def apply(alert: Alert, signal: Signal, now_ms: int, *, latching: bool = False) -> Change | None:
    """Apply a signal to the alert of its episode; None when it changes nothing (a repeat, or the alert is closed)."""
    if alert.closed or signal.revision <= alert.signal_revision:
        return None
    if signal.state == "on":
        return _on(alert, signal, now_ms, latching)
    if signal.state == "blind":
        if not alert.active or alert.blind:
            return None
        after = stand(alert, facts_of(alert), now_ms)
        return Change(_heard(replace(after, blind=True), signal), "blind", signal.reason, alert.state)
    return _off(alert, signal, now_ms)


def _off(alert: Alert, signal: Signal, now_ms: int) -> Change | None:
    return _return(_said_off(alert, signal), now_ms, signal.looked) if alert.active else None


def _said_off(alert: Alert, signal: Signal) -> Alert:
    return replace(
        _heard(alert, signal),
        blind=False,
        value=alert.value if signal.value is None else signal.value,
        count=alert.prior_count + max(signal.count, alert.count - alert.prior_count),
    )


def _return(alert: Alert, now_ms: int, looked: Look | None = None) -> Change:
    """What is there goes away; when and why, the alert says. Where it ended by somebody's look, nobody is asked."""
    facts = move(facts_of(alert), "RETURN").facts
    if facts.suppression == "by-design":  # what is over needs no explanation any more
        facts = move(facts, "UNSUPPRESS").facts
    seen = looked if facts.state == "RTNUN" else None
    if seen is not None:
        facts = move(facts, "ACK").facts
    after = replace(
        stand(alert, facts, now_ms),
        muted_by="",
        explained=None,
        hidden_changes=alert.hidden_changes + (alert.suppression != "none"),
        cleared_ms=alert.observed_ms,
        decisive_version=alert.version + 1,
    )
    if seen is not None:
        after = replace(after, acked_ms=seen.at_ms, acked_by=seen.by, acked_by_display=seen.by_display)
    what = HIDDEN_OCCURRENCE if went_unasked(alert, facts) and seen is None else "closed" if facts.closed else "cleared"
    return Change(after, what, alert.reason, alert.state, seen)


def hold(alert: Alert, signal: Signal, chatter: Chatter, now_ms: int, *, tell: bool) -> Change:
    """An ``off`` of what chatters is not carried out yet: the alert stays as it is, and says so.

    ``tell``: a line of the log is due; otherwise only the figures of the alert change.
    """
    reason: ChatterReason = "CHATTERING"
    held = replace(_said_off(alert, signal), reason=alert.reason, chatter=chatter)
    return Change(stand(held, facts_of(alert), now_ms), "chattering" if tell else None, reason, alert.state)


def hold_over(alert: Alert, now_ms: int) -> Change:
    """What chattered stayed away for the whole off-delay: now it is gone, since its last ``off``."""
    reason: ChatterReason = "CHATTER_OVER"
    return _return(replace(alert, reason=reason), now_ms)


def say_chatter(alert: Alert, chatter: Chatter | None, now_ms: int) -> Change:
    """The alert says something else of its chattering; figures only."""
    return Change(replace(stand(alert, facts_of(alert), now_ms), chatter=chatter), None, "", alert.state)


def _on(alert: Alert, signal: Signal, now_ms: int, latching: bool) -> Change:
    facts, version, what = facts_of(alert), alert.version + 1, None
    decisive, reason = False, signal.reason
    if not facts.active:
        facts, what, decisive = move(facts, "RAISE", latching=latching or alert.latched).facts, "re-raised", True
    elif signal.priority < alert.priority:
        facts, what, decisive = move(facts, "WORSEN").facts, "escalated", True
    elif signal.priority > alert.present_priority:
        what = "eased"
    elif alert.blind:
        what = "seen"
    elif signal.muted_by != alert.muted_by:
        what = "muted" if signal.muted_by else "unmuted"
    elif signal.level != alert.level:
        what = "level"
    if is_urgent(alert, signal) and (urgent := move(facts, "URGENT")).accepted:
        facts, reason = urgent.facts, urgent.reason
    facts = explain(facts, is_explained(signal.muted_by, alert.explained))
    asks_anew = decisive or (alert.acked and not facts.acked)
    priority = signal.priority if facts.acked else min(alert.priority, signal.priority)
    after = replace(
        _heard(stand(alert, facts, now_ms), signal),
        blind=False,
        muted_by=signal.muted_by,
        priority=priority,
        present_priority=signal.priority,
        level=signal.level,
        value=signal.value,
        limit=signal.limit,
        unit=signal.unit,
        title_vi=signal.title_vi,
        title_en=signal.title_en,
        place_vi=signal.place_vi,
        place_en=signal.place_en,
        lon=signal.lon,
        lat=signal.lat,
        cap=signal.cap,
        count=alert.prior_count + signal.count,
        hidden_changes=alert.hidden_changes + (decisive and alert.suppression != "none"),
        cleared_ms=None,
        decisive_version=version if asks_anew else alert.decisive_version,
    )
    return Change(after, what, reason, alert.state)


def is_urgent(alert: Alert, signal: Signal) -> bool:
    """Does a signal make priority 1 of what was milder? No shelf hides that: who made it did not know."""
    return signal.priority == 1 < alert.priority


def is_explained(muted_by: str, explained: Explanation | None) -> bool:
    """Does its own rule or the desk say that nobody need be asked?"""
    return bool(muted_by) or explained is not None


def explain(facts: Facts, explained: bool) -> Facts:
    """Suppression by design follows what explains the alert; a shelf and out of service go before it."""
    return move(facts, "SUPPRESS" if explained else "UNSUPPRESS").facts


def explain_by(alert: Alert, explanation: Explanation | None, now_ms: int, why: str = "NOT_EXPLAINED") -> Change | None:
    """The desk explains an alert, or does not any more; None when that changes nothing, or the alert is not active.

    When nothing explains it any more, what is still there asks anew; ``why`` is the reason in the log then. The log
    says each time what explains it by now; the same one with other words or another end is no line.
    """
    if alert.closed or alert.explained == explanation or (explanation is not None and not alert.active):
        return None
    facts = explain(facts_of(alert), is_explained(alert.muted_by, explanation))
    after = replace(stand(alert, facts, now_ms), explained=explanation)
    if alert.acked and not facts.acked:
        after = replace(after, decisive_version=after.version)
    reason = why if explanation is None else f"EXPLAINED_BY {explanation.kind} {explanation.id}"
    if alert.explained is not None and explanation is not None:
        same = (alert.explained.kind, alert.explained.id) == (explanation.kind, explanation.id)
        return Change(after, None if same else "re-explained", "" if same else reason, alert.state)
    what = HIDDEN_OCCURRENCE if went_unasked(alert, facts) else "unmuted" if explanation is None else "muted"
    return Change(after, what, reason, alert.state)


def summon(alert: Alert, summons: Summons, now_ms: int) -> Change | None:
    """Note that people were called; None when the order came before, or nobody need be called any more.

    That is so when the alert does not ask, or asks anew since the run of the chain began that the step is of. When the
    step says so, people are called also about what went away unseen.
    """
    if alert.state != "UNACK" and not (alert.state == "RTNUN" and summons.gone):
        return None
    if alert.summons is not None and summons.number <= alert.summons.number:
        return None
    if alert.asked_ms is not None and 0 < summons.began_ms < alert.asked_ms:
        return None
    after = replace(stand(alert, facts_of(alert), now_ms), summons=summons)
    return Change(after, "summoned", summons.reason, alert.state)


def _heard(alert: Alert, signal: Signal) -> Alert:
    return replace(alert, reason=signal.reason, observed_ms=signal.observed_ms, signal_revision=signal.revision)


def log_line(change: Change, event_ms: int | None, now_ms: int) -> LogEntry | None:
    """The transition's line of the audit trail; None for figures only. Its id is made from alert and version."""
    alert = change.alert
    if change.what is None:
        return None
    return LogEntry(
        id=f"{alert.id}/{alert.version}/{change.what}",
        alert_id=alert.id,
        key=alert.key,
        kind="transition",
        what=change.what,
        accepted=True,
        at_ms=now_ms,
        event_ms=event_ms,
        version=alert.version,
        from_state=change.from_state,
        to_state=alert.state,
        priority=alert.priority,
        reason=change.reason,
        exercise=alert.exercise,
        by=change.looked.by if change.looked else None,
        by_display=change.looked.by_display if change.looked else None,
        by_at_ms=change.looked.at_ms if change.looked else None,
        summons=alert.summons if change.what == "summoned" else None,
    )
