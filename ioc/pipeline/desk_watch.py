"""What alerting says when the desk is silent: nobody is called about alerts then, and nothing is muted or unmuted.

The auditor of escalation lives in the desk and cannot say that. One partition of ``alert-inputs`` does, the one that
the alert's key belongs to, so that commands about the alert find it.
"""

from __future__ import annotations

from ioc.domain.alerts import Alert, Signal, alert_id, alert_key
from ioc.domain.desk import DESK_RULE
from ioc.domain.profile import Centre, Profile
from ioc.domain.verdicts import Reason
from ioc.pipeline.own_alerts import home, own_signal
from ioc.wire.topics import Topics, partition_for

PARTITIONS = Topics("", ()).partitions("alert-inputs")


def key_of(centre: Centre) -> str:
    """Key of the alert."""
    return alert_key(DESK_RULE, centre.id, "desk")


def watches(profile: Profile, partition: int) -> bool:
    """Does this partition speak of the desk?"""
    centre = home(profile)
    return centre is not None and partition_for(key_of(centre).encode(), PARTITIONS) == partition


def say(centre: Centre, silent: bool, alert: Alert | None, heard_ms: int, now_ms: int) -> Signal | None:
    """The signal that is due; None when the alert stands as it should.

    Args:
        centre: of :func:`ioc.pipeline.own_alerts.home`.
        silent: has it not been heard for too long?
        alert: the open one of this key, if there is one.
        heard_ms: when it was heard last.
        now_ms: present.
    """
    on = alert is not None and alert.active
    if on == silent:
        return None
    since_ms = alert.started_ms if alert is not None and on else heard_ms
    again = alert is not None and alert.id == alert_id(DESK_RULE, key_of(centre), since_ms)
    reason: Reason = "DESK_SILENT" if silent else "DESK_HEARD"
    return own_signal(
        centre,
        key_of(centre),
        DESK_RULE,
        silent,
        priority=2,
        since_ms=since_ms,
        now_ms=now_ms,
        revision=alert.signal_revision + 1 if alert is not None and again else 1,
        reason=reason,
        title_vi="Tiến trình desk im lặng: không gọi trực theo chuỗi, không ẩn và bỏ ẩn cảnh báo",
        title_en="The desk is silent: nobody is called along chains, nothing is muted or unmuted",
    )
