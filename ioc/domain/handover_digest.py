"""What a shift hands over: the open alerts in sections, figures of the shift, and the hash that signatures stand for.

Every live alert that is open is in one of three sections: unacknowledged (also when it went away unseen), hidden
(shelved, suppressed, out of service), or acknowledged and still there. Two more look at the same alerts once more:
sources that are silent, and what was known late, also when it closed during the shift. Drills are in none, and neither
is the alert about the signature. Beside the alerts stand silences and windows in force and sources out of service.

A locked digest stays as it is. What happens afterwards and before the next shift begins is its *addendum*, of the same
sections and one more: what closed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from hashlib import sha256

import msgspec
from msgspec import UNSET, Struct

from ioc.domain.alerts import Alert
from ioc.domain.desk import UNSIGNED_RULE
from ioc.domain.handover import (
    Addendum,
    Digest,
    Handover,
    Item,
    OutOfService,
    Section,
    ShiftNote,
    Signature,
    Suppressing,
)
from ioc.domain.sketches import Sketch

LIST_MAX = 50  # alerts listed of a section; its count is of all
LATE_S = 60.0  # known so long after it happened, an alert is in the section of what was corrected
SECTIONS: tuple[Section, ...] = ("unacknowledged", "acknowledged", "hidden", "sources", "corrected")
_FAR_MS = 2**62


class Beside(Struct, frozen=True, kw_only=True):
    """What is handed over beside alerts, as it stands now: silences and windows in force, sources out of service."""

    suppressing: tuple[Suppressing, ...] = ()
    out_of_service: tuple[OutOfService, ...] = ()

    @property
    def silences(self) -> int:
        """Running silences of people."""
        return sum(one.kind == "silence" for one in self.suppressing)

    def since(self, at_ms: int) -> Beside:
        """What of it began at an instant or later."""
        return Beside(
            suppressing=tuple(one for one in self.suppressing if one.since_ms >= at_ms),
            out_of_service=tuple(one for one in self.out_of_service if one.out_ms >= at_ms),
        )


class Tally(Struct, kw_only=True):
    """What happened during a shift, as far as the open alerts do not say it.

    Attributes:
        raised, ended: alerts that began, and that closed.
        acknowledge: seconds from asking to the acknowledgement.
        used: somebody was at work, or an alert was open: the shift has something to hand over.
        late: of those that closed the ones that were known late, by id: the most urgent 50.
        late_ended: how many those are in all.
    """

    raised: int = 0
    ended: int = 0
    acknowledge: Sketch = msgspec.field(default_factory=Sketch)
    used: bool = False
    late: dict[str, Item] = msgspec.field(default_factory=dict)
    late_ended: int = 0

    def end(self, alert: Alert) -> None:
        """An alert closed."""
        if not concerns(alert):
            return
        self.ended += 1
        if alert.late_s >= LATE_S:
            self.late_ended += alert.id not in self.late
            self.late[alert.id] = _item("corrected", alert, {})
            _keep_urgent(self.late)

    def take(self, other: Tally) -> None:
        """Count what another one counted as well."""
        self.raised += other.raised
        self.ended += other.ended
        self.acknowledge = self.acknowledge.merge(other.acknowledge)
        self.used = self.used or other.used
        self.late_ended += other.late_ended - len(self.late.keys() & other.late.keys())
        self.late |= other.late
        _keep_urgent(self.late)


class Later(Struct, kw_only=True):
    """What happened since a digest was locked, or its shift was over.

    Attributes:
        since_ms: that moment.
        tally: since then.
        moved: open alerts that changed in what matters, by id, and when.
        gone: alerts that closed, by id: the most urgent 50.
    """

    since_ms: int
    tally: Tally = msgspec.field(default_factory=Tally)
    moved: dict[str, int] = msgspec.field(default_factory=dict)
    gone: dict[str, Item] = msgspec.field(default_factory=dict)

    def note(self, before: Alert | None, now: Alert) -> None:
        """An alert changed. ``before``: None when it was not known."""
        if now.closed:
            self.moved.pop(now.id, None)
            self.gone[now.id] = _item("ended", now, {})
            _keep_urgent(self.gone)
        elif before is None or before.decisive_version != now.decisive_version:
            self.moved[now.id] = now.updated_ms
            self.gone.pop(now.id, None)


def concerns(alert: Alert) -> bool:
    """Is it handed over? Alerts of drills are not, nor the one that asks for the signature."""
    return alert.exercise is None and alert.rule != UNSIGNED_RULE


def digest_of(
    alerts: Mapping[str, Alert], tally: Tally, beside: Beside, source_rules: AbstractSet[str], at_ms: int
) -> Digest:
    """The digest of the open alerts.

    Args:
        alerts: open ones by id, those of drills among them.
        tally: of the shift.
        beside: what else stands now.
        source_rules: ids of rules that say that a source is silent.
        at_ms: present.
    """
    counts, items = _listing(alerts.values(), alerts, tally, source_rules)
    beside = _in_order(beside)
    p50_s = tally.acknowledge.quantile(0.5)
    return Digest(
        at_ms=at_ms,
        raised=tally.raised,
        ended=tally.ended,
        acknowledge_p50_s=None if p50_s is None else round(p50_s, 1),
        counts=counts | _counts(beside),
        items=items,
        silences=beside.silences,
        suppressing=beside.suppressing[:LIST_MAX],
        out_of_service=beside.out_of_service[:LIST_MAX],
    )


def addendum_of(
    alerts: Mapping[str, Alert], later: Later, beside: Beside, source_rules: AbstractSet[str], at_ms: int
) -> Addendum | None:
    """What happened since a digest was locked; None: nothing. Arguments as of :func:`digest_of`."""
    moved = [alerts[name] for name in later.moved if name in alerts]
    counts, items = _listing(moved, alerts, later.tally, source_rules)
    gone = tuple(sorted(later.gone.values(), key=_urgency))
    begun = _in_order(beside.since(later.since_ms))
    if not (items or gone or later.tally.raised or later.tally.ended or begun.suppressing or begun.out_of_service):
        return None
    return Addendum(
        since_ms=later.since_ms,
        at_ms=at_ms,
        raised=later.tally.raised,
        ended=later.tally.ended,
        counts=counts | {"ended": max(later.tally.ended, len(gone))} | _counts(begun),
        items=items + gone,
        suppressing=begun.suppressing[:LIST_MAX],
        out_of_service=begun.out_of_service[:LIST_MAX],
    )


def _in_order(beside: Beside) -> Beside:
    return Beside(
        suppressing=tuple(
            sorted(
                beside.suppressing,
                key=lambda one: (_FAR_MS if one.until_ms is None else one.until_ms, one.kind, one.id),
            )
        ),
        out_of_service=tuple(sorted(beside.out_of_service, key=lambda one: (one.review_ms, one.key))),
    )


def _counts(beside: Beside) -> dict[str, int]:
    return {"suppressing": len(beside.suppressing), "out_of_service": len(beside.out_of_service)}


def _listing(
    among: Iterable[Alert], alerts: Mapping[str, Alert], tally: Tally, source_rules: AbstractSet[str]
) -> tuple[dict[str, int], tuple[Item, ...]]:
    """Counts by section, and the items in their order. ``tally``: what closed of those that were known late."""
    found: dict[Section, list[Alert]] = {section: [] for section in SECTIONS}
    for alert in among:
        if concerns(alert) and not alert.closed:
            for section in _sections(alert, source_rules):
                found[section].append(alert)
    items = [
        _item(section, alert, alerts)
        for section in SECTIONS
        for alert in sorted(_listed(section, found[section]), key=lambda one: _rank(section, one))
    ]
    counts: dict[str, int] = {section: len(found[section]) for section in SECTIONS}
    ended = [item for name, item in tally.late.items() if name not in alerts and item.rule not in source_rules]
    counts["corrected"] += tally.late_ended - len(tally.late) + len(ended)
    late = sorted([*(item for item in items if item.section == "corrected"), *ended], key=_urgency)
    return counts, (*(item for item in items if item.section != "corrected"), *late[:LIST_MAX])


def _keep_urgent(items: dict[str, Item]) -> None:
    """Forget the least urgent ones beyond what a list holds."""
    for item in sorted(items.values(), key=_urgency)[LIST_MAX:]:
        del items[item.alert_id]


def _urgency(item: Item) -> tuple[int, int, str]:
    return item.priority, item.since_ms, item.alert_id


def _listed(section: Section, alerts: Sequence[Alert]) -> Sequence[Alert]:
    """Those that the list has room for: the most urgent ones, of these the oldest."""
    if len(alerts) <= LIST_MAX:
        return alerts
    return sorted(alerts, key=lambda one: (one.priority, _since_ms(section, one), one.id))[:LIST_MAX]


def digest_hash(
    digest: Digest, notes: Sequence[ShiftNote], addendum: Addendum | None = None, given: Signature | None = None
) -> str:
    """SHA-256, hexadecimal, of ``{"digest": …, "notes": […]}`` as JSON in UTF-8: keys sorted, nothing between them.

    The outgoing signature is for that. The incoming one is for more: ``"addendum"`` and ``"given"``, the outgoing
    signature with its own ``digest_hash``, are among the keys when they are there.
    """
    said: dict[str, object] = {"digest": digest, "notes": list(notes)}
    if addendum is not None:
        said["addendum"] = addendum
    if given is not None:
        said["given"] = given
    return sha256(msgspec.json.encode(said, order="sorted")).hexdigest()


def next_hash(handover: Handover) -> str:
    """What the next signature under a handover stands for; of one that is over, what the last one stands for."""
    return digest_hash(handover.digest, handover.notes, handover.addendum, handover.given)


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
    why, why_en = "", ""
    if section == "hidden":
        if alert.hidden is not None:
            owner, owner_display, why = alert.hidden.by, alert.hidden.by_display, alert.hidden.reason
        elif alert.explained is not None:
            why, why_en = alert.explained.why_vi, alert.explained.why_en
        elif alert.muted_by in alerts:
            why, why_en = alerts[alert.muted_by].title_vi, alerts[alert.muted_by].title_en
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
        why_en=why_en or UNSET,
        hid=alert.hidden_changes if section == "hidden" else 0,
        ended_ms=alert.updated_ms if alert.closed else UNSET,
    )
