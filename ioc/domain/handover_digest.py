"""What a shift hands over: the open alerts in sections, figures of the shift, and the hash that signatures stand for.

Every live alert that is open is in one of three sections: unacknowledged (also when it went away unseen), hidden
(shelved, suppressed, out of service), or acknowledged and still there. Two more look at the same alerts once more:
sources that are silent, and what was known late. Drills are in none, and neither is the alert about the signature.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from hashlib import sha256

import msgspec
from msgspec import Struct

from ioc.domain.alerts import Alert
from ioc.domain.desk import UNSIGNED_RULE
from ioc.domain.handover import Digest, Item, Section, ShiftNote
from ioc.domain.sketches import Sketch

LIST_MAX = 50  # alerts listed of a section; its count is of all
LATE_S = 60.0  # known so long after it happened, an alert is in the section of what was corrected
SECTIONS: tuple[Section, ...] = ("unacknowledged", "acknowledged", "hidden", "sources", "corrected")
_FAR_MS = 2**62


class Tally(Struct, kw_only=True):
    """What happened during a shift, as far as the open alerts do not say it.

    Attributes:
        raised, ended: alerts that began, and that closed.
        acknowledge: seconds from asking to the acknowledgement.
        used: somebody was at work, or an alert was open: the shift has something to hand over.
    """

    raised: int = 0
    ended: int = 0
    acknowledge: Sketch = msgspec.field(default_factory=Sketch)
    used: bool = False


def concerns(alert: Alert) -> bool:
    """Is it handed over? Alerts of drills are not, nor the one that asks for the signature."""
    return alert.exercise is None and alert.rule != UNSIGNED_RULE


def digest_of(
    alerts: Mapping[str, Alert], tally: Tally, silences: int, source_rules: AbstractSet[str], at_ms: int
) -> Digest:
    """The digest of the open alerts.

    Args:
        alerts: open ones by id, those of drills among them.
        tally: of the shift.
        silences: of people, running now.
        source_rules: ids of rules that say that a source is silent.
        at_ms: present.
    """
    found: dict[Section, list[Alert]] = {section: [] for section in SECTIONS}
    for alert in alerts.values():
        if concerns(alert) and not alert.closed:
            for section in _sections(alert, source_rules):
                found[section].append(alert)
    p50_s = tally.acknowledge.quantile(0.5)
    return Digest(
        at_ms=at_ms,
        raised=tally.raised,
        ended=tally.ended,
        acknowledge_p50_s=None if p50_s is None else round(p50_s, 1),
        counts={section: len(found[section]) for section in SECTIONS},
        items=tuple(
            _item(section, alert, alerts)
            for section in SECTIONS
            for alert in sorted(_listed(section, found[section]), key=lambda one: _rank(section, one))
        ),
        silences=silences,
    )


def _listed(section: Section, alerts: Sequence[Alert]) -> Sequence[Alert]:
    """Those that the list has room for: the most urgent ones, of these the oldest."""
    if len(alerts) <= LIST_MAX:
        return alerts
    return sorted(alerts, key=lambda one: (one.priority, _since_ms(section, one), one.id))[:LIST_MAX]


def digest_hash(digest: Digest, notes: Sequence[ShiftNote]) -> str:
    """SHA-256, hexadecimal, of ``{"digest": …, "notes": […]}`` as JSON in UTF-8: keys sorted, nothing between them."""
    return sha256(msgspec.json.encode({"digest": digest, "notes": list(notes)}, order="sorted")).hexdigest()


def _sections(alert: Alert, source_rules: AbstractSet[str]) -> Iterable[Section]:
    if alert.suppression != "none":
        yield "hidden"
    elif alert.acked:
        yield "acknowledged"
    else:
        yield "unacknowledged"
    if alert.rule in source_rules or alert.blind:
        yield "sources"
    elif alert.late_s >= LATE_S:
        yield "corrected"


def _rank(section: Section, alert: Alert) -> tuple[object, ...]:
    """Where it stands in its section; the id makes the order one."""
    if section == "acknowledged":
        return (_owner(alert)[0] or "", _since_ms(section, alert), alert.id)
    if section == "hidden":
        until_ms = _until_ms(alert)
        return (_FAR_MS if until_ms is None else until_ms, alert.priority, alert.id)
    return (alert.priority, _since_ms(section, alert), alert.id)


def _since_ms(section: Section, alert: Alert) -> int:
    if section == "unacknowledged":
        return alert.raised_ms if alert.asked_ms is None else alert.asked_ms
    return alert.started_ms


def _until_ms(alert: Alert) -> int | None:
    if alert.hidden is not None:
        return alert.hidden.review_ms if alert.hidden.until_ms is None else alert.hidden.until_ms
    return None if alert.explained is None else alert.explained.until_ms


def _owner(alert: Alert) -> tuple[str | None, str | None]:
    if alert.assigned is not None:
        return alert.assigned.to, alert.assigned.to_display
    return alert.acked_by, alert.acked_by_display


def _item(section: Section, alert: Alert, alerts: Mapping[str, Alert]) -> Item:
    owner, owner_display = _owner(alert)
    why = ""
    if section == "hidden":
        if alert.hidden is not None:
            owner, owner_display, why = alert.hidden.by, alert.hidden.by_display, alert.hidden.reason
        elif alert.explained is not None:
            why = alert.explained.why_vi
        elif alert.muted_by in alerts:
            why = alerts[alert.muted_by].title_vi
    return Item(
        section=section,
        alert_id=alert.id,
        rule=alert.rule,
        priority=alert.priority,
        state=alert.state,
        title_vi=alert.title_vi,
        title_en=alert.title_en,
        place_vi=alert.place_vi,
        place_en=alert.place_en,
        centre=alert.centre,
        since_ms=_since_ms(section, alert),
        owner=owner,
        owner_display=owner_display,
        until_ms=_until_ms(alert) if section == "hidden" else None,
        why=why,
        hid=alert.hidden_changes if section == "hidden" else 0,
    )
