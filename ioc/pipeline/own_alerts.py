"""Alerts about the centre's own work: they stand under the province, and no rule of the profile says them."""

from __future__ import annotations

from ioc.domain.absence import ANY_TYPE
from ioc.domain.alerts import Look, Priority, Signal
from ioc.domain.desk import UNSIGNED_RULE
from ioc.domain.handover_setup import HandoverSetup
from ioc.domain.profile import Centre, Profile


def home(profile: Profile) -> Centre | None:
    """The centre under which such an alert stands: the province, or the first one; None without centres."""
    return next(iter(sorted(profile.centres, key=lambda centre: centre.kind != "province")), None)


def own_signal(
    centre: Centre,
    key: str,
    rule: str,
    on: bool,
    *,
    priority: Priority,
    since_ms: int,
    now_ms: int,
    revision: int,
    reason: str,
    title_vi: str,
    title_en: str,
    value: float | None = None,
    limit: float | None = None,
    looked: Look | None = None,
) -> Signal:
    """What is to be said about it now: it is so, or it is over.

    Args:
        centre: of :func:`home`.
        key, rule, priority, revision, reason, title_vi, title_en, value, limit, looked: of the signal.
        on: it is so.
        since_ms: when it began; the same in all signals of an episode.
        now_ms: present.
    """
    return Signal(
        key=key,
        rule=rule,
        state="on" if on else "off",
        centre=centre.id,
        area=centre.areas[0] if centre.areas else "",
        site="",
        feed="",
        type=ANY_TYPE,
        priority=priority,
        since_ms=since_ms,
        observed_ms=now_ms,
        revision=revision,
        value=value,
        limit=limit,
        title_vi=title_vi,
        title_en=title_en,
        place_vi=centre.name_vi,
        place_en=centre.name_en,
        reason=reason,
        looked=looked,
    )


def own_realarm_s(rule: str, profile: Profile) -> float:
    """Acknowledged and still there after so many seconds, such an alert asks anew; 0 never.

    What nobody signed for asks also when the profile has no ``[handover]`` any more: a half-signed one is still owed.
    """
    return (profile.duty.handover or HandoverSetup(roster="")).realarm_s if rule == UNSIGNED_RULE else 0.0
