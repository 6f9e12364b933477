"""What a signal does to an alert: values in, the alert afterwards and a word for the log out.

Priority: while nobody has acknowledged, ``priority`` keeps the worst that was signalled. An acknowledgement settles
it: from then on it follows the signals down, and when one is worse than what is shown the alert asks anew.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from ioc.domain.alerts import Alert, LogEntry, Signal, alert_id
from ioc.domain.lifecycle import NOT_RAISED, Facts, move


class Change(Struct, frozen=True):
    """An accepted change. ``what`` None: figures only, no line in the log."""

    alert: Alert
    what: str | None
    reason: str
    from_state: str


def facts_of(alert: Alert) -> Facts:
    """The life cycle facts of an alert."""
    return Facts(alert.active, alert.acked)


def episode_id(signal: Signal) -> str:
    """Id of the alert of the signal's episode."""
    return alert_id(signal.rule, signal.key, signal.since_ms, signal.exercise)


def begin(signal: Signal, now_ms: int, predecessor: Alert | None) -> Change:
    """Raise a new alert.

    Args:
        signal: ``on`` of an episode not seen before.
        now_ms: processing time.
        predecessor: the object's earlier alert when that is still open. What nobody acknowledged in it goes on here:
            its priority as a floor, and its count.
    """
    step = move(NOT_RAISED, "RAISE")
    inherits = predecessor is not None and not predecessor.acked
    prior_count = predecessor.count if predecessor is not None and inherits else 0
    priority = signal.priority
    if predecessor is not None and inherits and predecessor.priority < priority:
        priority = predecessor.priority
    alert = Alert(
        id=episode_id(signal),
        key=signal.key,
        rule=signal.rule,
        version=1,
        state=step.facts.state,
        active=step.facts.active,
        acked=step.facts.acked,
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
    )
    return Change(alert, "raised", signal.reason, "NORM")


def supersede(alert: Alert, successor: str, now_ms: int) -> Change:
    """Close an open alert because a new episode of its object began under another id."""
    version = alert.version + 1
    facts = move(facts_of(alert), "SUPERSEDE").facts
    after = replace(
        _with(alert, facts, version, now_ms),
        blind=False,
        cleared_ms=now_ms if alert.cleared_ms is None else alert.cleared_ms,
        decisive_version=version,
    )
    return Change(after, "superseded", f"SUPERSEDED_BY {successor}", alert.state)


def apply(alert: Alert, signal: Signal, now_ms: int) -> Change | None:
    """Apply a signal to the alert of its episode; None when it changes nothing (a repeat, or the alert is closed)."""
    if alert.closed or signal.revision <= alert.signal_revision:
        return None
    if signal.state == "on":
        return _on(alert, signal, now_ms)
    if signal.state == "blind":
        if not alert.active or alert.blind:
            return None
        after = _with(alert, facts_of(alert), alert.version + 1, now_ms)
        return Change(_heard(replace(after, blind=True), signal), "blind", signal.reason, alert.state)
    step = move(facts_of(alert), "RETURN")
    if not step.accepted:
        return None
    version = alert.version + 1
    after = replace(
        _heard(_with(alert, step.facts, version, now_ms), signal),
        blind=False,
        value=alert.value if signal.value is None else signal.value,
        count=alert.prior_count + max(signal.count, alert.count - alert.prior_count),
        cleared_ms=signal.observed_ms,
        decisive_version=version,
    )
    return Change(after, "closed" if step.facts.closed else "cleared", signal.reason, alert.state)


def _on(alert: Alert, signal: Signal, now_ms: int) -> Change:
    facts, version, what = facts_of(alert), alert.version + 1, None
    decisive = False
    if not facts.active:
        facts, what, decisive = move(facts, "RAISE").facts, "re-raised", True
    elif signal.priority < alert.priority:
        facts, what, decisive = move(facts, "WORSEN").facts, "escalated", True
    elif signal.priority > alert.present_priority:
        what = "eased"
    elif alert.blind:
        what = "seen"
    elif signal.level != alert.level:
        what = "level"
    priority = signal.priority if facts.acked else min(alert.priority, signal.priority)
    after = replace(
        _heard(_with(alert, facts, version, now_ms), signal),
        blind=False,
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
        cleared_ms=None,
        decisive_version=version if decisive else alert.decisive_version,
    )
    if not facts.acked:
        after = replace(after, acked_ms=None, acked_by=None, acked_by_display=None, ack_note=None)
    return Change(after, what, signal.reason, alert.state)


def _heard(alert: Alert, signal: Signal) -> Alert:
    return replace(alert, reason=signal.reason, observed_ms=signal.observed_ms, signal_revision=signal.revision)


def _with(alert: Alert, facts: Facts, version: int, now_ms: int) -> Alert:
    return replace(
        alert,
        version=version,
        state=facts.state,
        active=facts.active,
        acked=facts.acked,
        closed=facts.closed,
        updated_ms=now_ms,
    )


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
    )
