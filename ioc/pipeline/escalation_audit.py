"""Watches the escalation itself: every alert that asks has one step ahead, none waits too long, and somebody comes.

Judged at every tick for each alert that asks, whether or not the escalation knows of it. What is wrong is an alert of
its own; it is on the wall like others, and calls nobody: it does not ask itself, so it cannot go round in a circle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec
from msgspec import Struct

from ioc.domain.alerts import Alert, Priority, Signal, alert_id, alert_key
from ioc.domain.desk import AUDIT_RULE as AUDIT_RULE
from ioc.domain.escalation import Escalation, is_unanswered
from ioc.domain.profile import Profile
from ioc.pipeline.own_alerts import home, own_signal
from ioc.wire.codec import encode

AuditReason = Literal["ESCALATION_STUCK", "ESCALATION_UNANSWERED", "ESCALATION_RUNS"]
OVERDUE_MS = 60_000
PAUSE_MS = 30_000  # between two ticks: the desk stood still, what is overdue then is judged OVERDUE_MS later
SAY_EVERY_MS = 60_000  # the public record is written so often when nothing in it changes
RETRY_MS = 10_000


class Audit(Struct, frozen=True, kw_only=True):
    """The public record: counts of alerts that ask.

    ``running`` have a step ahead; ``finished`` had all of them; ``without_step`` have none though the chain is not
    over, or no chain fits; ``overdue`` have one that was due 60 s ago and was not carried out; ``unanswered`` are those
    of the finished about which everybody was called and nobody came.
    """

    running: int = 0
    finished: int = 0
    without_step: int = 0
    overdue: int = 0
    unanswered: int = 0
    as_of_ms: int = 0


class Said(Struct):
    """What was said last about it; ``wrong`` is how many alerts it was about, 0 when all was well.

    ``unanswered`` of them were called about in vain; nothing else is wrong with those.

    ``priority``: 3 when no chain fits or a P3 or P4 is unanswered, 2 when a step is overdue or a P2 is unanswered, 1
    when it is one of a P1. So what becomes worse asks anew, though somebody had acknowledged the milder trouble.
    """

    wrong: int = 0
    priority: Priority = 2
    since_ms: int = -1
    revision: int = 0
    unanswered: int = 0


class Auditor:
    """Counts, and says when something is wrong."""

    def __init__(self, profile: Profile) -> None:
        self.audit = Audit()
        self._said = Said()
        self._said_dirty = self._shown_dirty = False
        self._sent_ms: int | None = None
        self._ended_ms: int | None = None
        self._running_since_ms: int | None = None
        self._ticked_ms = 0
        self.use(profile)

    def use(self, profile: Profile) -> None:
        """The alert stands under the centre of the province, or under the first one."""
        self._centre = home(profile)

    def load(self, value: bytes) -> None:
        """Take back what was said.

        Raises:
            msgspec.MsgspecError: the record is not of this version.
        """
        self._said = msgspec.json.decode(value, type=Said)

    def look(
        self,
        asking: Iterable[Alert],
        live: Mapping[str, Escalation],
        ordered: Mapping[str, int],
        alerts: Mapping[str, Alert],
        now_ms: int,
    ) -> list[Signal]:
        """Judge all.

        Args:
            asking: alerts that have to have a step.
            live: what the escalation holds, by alert.
            ordered: when the order that is not carried out yet was first made, by alert.
            alerts: all open ones.
            now_ms: present.
        """
        if self._running_since_ms is None or not 0 <= now_ms - self._ticked_ms <= PAUSE_MS:
            self._running_since_ms = now_ms
        self._ticked_ms = now_ms
        running = finished = without = overdue = unanswered = 0
        worst: Priority = 3
        for alert in asking:
            one = live.get(alert.id)
            if one is None or one.chain is None or one.step >= len(one.chain.steps):
                without += 1
            elif one.over:
                done = one.step == len(one.chain.steps) - 1 and one.round == one.chain.repeat
                finished, without = finished + done, without + (not done)
                if done and is_unanswered(one, now_ms):
                    unanswered += 1
                    worst = 1 if alert.priority == 1 else 2 if alert.priority == 2 and worst == 3 else worst
            else:
                running += 1
                since_ms = max(one.due_ms or 0, ordered.get(alert.id, 0), self._running_since_ms)
                if now_ms - since_ms > OVERDUE_MS:
                    overdue += 1
                    worst = 1 if alert.priority == 1 else min(worst, 2)
        found = Audit(
            running=running,
            finished=finished,
            without_step=without,
            overdue=overdue,
            unanswered=unanswered,
            as_of_ms=now_ms,
        )
        self._show(found)
        return [*self._end_strays(alerts, now_ms), *self._say(found, worst, alerts, now_ms)]

    def take_dirty(self) -> tuple[bytes | None, bytes | None]:
        """What was said, and the public record, where they changed."""
        said = encode(self._said) if self._said_dirty else None
        shown = encode(self.audit) if self._shown_dirty else None
        self._said_dirty = self._shown_dirty = False
        return said, shown

    def _show(self, found: Audit) -> None:
        same = msgspec.structs.replace(found, as_of_ms=self.audit.as_of_ms) == self.audit
        if not same or not 0 <= found.as_of_ms - self.audit.as_of_ms < SAY_EVERY_MS:
            self.audit, self._shown_dirty = found, True

    def _end_strays(self, alerts: Mapping[str, Alert], now_ms: int) -> list[Signal]:
        """Alerts of an auditor before this one, whose memory was lost or whose centre was another: they are over."""
        if self._centre is None or (self._ended_ms is not None and 0 <= now_ms - self._ended_ms < RETRY_MS):
            return []
        own = alert_id(AUDIT_RULE, self._signal(now_ms).key, self._said.since_ms)
        strays = [one for one in alerts.values() if one.rule == AUDIT_RULE and one.active and one.id != own]
        self._ended_ms = now_ms if strays else None
        return [
            msgspec.structs.replace(
                self._signal(now_ms),
                key=one.key,
                state="off",
                centre=one.centre,
                since_ms=one.started_ms,
                revision=one.signal_revision + 1,
                reason="ESCALATION_RUNS",
            )
            for one in strays
        ]

    def _say(self, found: Audit, worst: Priority, alerts: Mapping[str, Alert], now_ms: int) -> list[Signal]:
        if self._centre is None:
            return []
        said = self._said
        wrong, unanswered = found.without_step + found.overdue + found.unanswered, found.unanswered
        priority = worst if wrong else said.priority
        if (wrong, unanswered, priority) != (said.wrong, said.unanswered, said.priority):
            since_ms = max(now_ms, said.since_ms + 1) if said.wrong == 0 else said.since_ms
            self._said = said = Said(wrong, priority, since_ms, said.revision + 1, unanswered)
            self._said_dirty, self._sent_ms = True, None
        if said.revision == 0:
            return []
        signal = self._signal(now_ms)
        alert = alerts.get(alert_id(AUDIT_RULE, signal.key, said.since_ms))
        if wrong:
            heard = alert is not None and alert.signal_revision >= said.revision
        else:
            heard = alert is None or not alert.active
        if heard or (self._sent_ms is not None and 0 <= now_ms - self._sent_ms < RETRY_MS):
            return []
        self._sent_ms = now_ms
        return [signal]

    def _signal(self, now_ms: int) -> Signal:
        assert self._centre is not None
        centre, said = self._centre, self._said
        stuck = said.wrong - said.unanswered
        titles = [_stuck(stuck if said.wrong else 1)] if stuck or not said.wrong else []
        titles += [_unanswered(said.unanswered)] if said.unanswered else []
        reason: AuditReason = "ESCALATION_RUNS"
        if said.wrong:
            reason = "ESCALATION_STUCK" if stuck else "ESCALATION_UNANSWERED"
        return own_signal(
            centre,
            alert_key(AUDIT_RULE, centre.id, "desk"),
            AUDIT_RULE,
            said.wrong > 0,
            priority=said.priority,
            since_ms=said.since_ms,
            now_ms=now_ms,
            revision=said.revision,
            reason=reason,
            title_vi="; ".join(vi for vi, _ in titles),
            title_en="; ".join(en for _, en in titles),
            value=float(said.wrong),
            limit=0.0,
        )


def _stuck(alerts: int) -> tuple[str, str]:
    return (
        f"Leo thang bị kẹt: {alerts} cảnh báo chưa ai nhận không có bước gọi, hoặc bước gọi quá hạn",
        f"Escalation is stuck: {alerts} unacknowledged alerts without a due step, or with an overdue one",
    )


def _unanswered(alerts: int) -> tuple[str, str]:
    return (
        f"Đã gọi hết mà chưa ai nhận: {alerts} cảnh báo",
        f"Everybody was called and nobody came: {alerts} unacknowledged alerts",
    )
