"""What detect says when intake is silent: nobody reads what the centres send, so nothing new is known of them.

While nobody reads a centre, no time passes for it (:mod:`ioc.pipeline.heads`), and no rule speaks of it. That must not
look like calm. One partition of ``events`` says so, the one that the alert's key belongs to: intake speaks in each of
them. It is P1 while nothing is read at all, because then no alert of any kind can come, and P2 while some centres are.
Drills are not concerned: nothing here belongs to one.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from ioc.domain.alerts import Priority, Signal, alert_key
from ioc.domain.desk import INTAKE_RULE
from ioc.domain.profile import Centre, Profile
from ioc.domain.verdicts import Reason
from ioc.pipeline.own_alerts import home, own_signal
from ioc.pipeline.reach import Reach
from ioc.wire.codec import encode
from ioc.wire.topics import Topics, partition_for

KEY = "intake"  # of the checkpoint
# Longer than a worker needs to come back after kill -9 (15 s at most are promised); this project's choice.
LOST_MS = 30_000
# The same when intake has not spoken since this process began: the whole system may be starting. This project's choice.
START_MS = 120_000
# The first word of an episode waits for the centres that are lost together with the first one; a tick is half of it.
TOGETHER_MS = 1_000
NAMED_MAX = 3  # centres that the title names


class Said(Struct, kw_only=True):
    """What was said last; in the checkpoint."""

    on: bool = False
    since_ms: int = -1
    revision: int = 0
    lost: tuple[str, ...] = ()  # ids of centres


class IntakeWatch:
    """Of one partition of ``events``.

    Args:
        profile: the installation.
        partition: number of the partition.
        watch: False where there is no intake, only a bus with events.

    Attributes:
        watch: as given.
    """

    def __init__(self, profile: Profile, partition: int, watch: bool) -> None:
        self._partition, self.watch = partition, watch
        self._said = Said()
        self._dirty = False
        self._listen_ms = -1  # since when what intake says would have been heard
        self.use(profile)

    def use(self, profile: Profile) -> None:
        """Go on with another profile of the same installation."""
        self._profile, self._home = profile, home(profile)
        self._speaks = self.watch and self._home is not None and partition_of(profile) == self._partition

    def load(self, value: bytes) -> None:
        """Take what was said last back from the checkpoint."""
        self._said = msgspec.json.decode(value, type=Said)

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        """What was said last, when it changed."""
        dirty, self._dirty = self._dirty, False
        return [(KEY, encode(self._said))] if dirty else []

    def look(self, reaches: Mapping[str, Reach], base_ms: int, lagging: bool, now_ms: int) -> Signal | None:
        """The signal that is due; None when nothing changed.

        Args:
            reaches: what intake says of the centres that it ever spoke of.
            base_ms: since when this process listens without a pause.
            lagging: this partition has not been read to its end: what intake says may be there.
            now_ms: present.
        """
        if not self._speaks or self._home is None:
            return None
        self._listen_ms = now_ms if lagging else max(self._listen_ms, base_ms)
        lost, since_ms, over_ms = [], now_ms, 0
        for centre in self._profile.centres:
            reach = reaches.get(centre.id)
            spoken_ms = -1 if reach is None else reach.spoken_ms
            heard_ms = max(spoken_ms, self._listen_ms)
            patience_ms = START_MS if spoken_ms < 0 else LOST_MS
            gone = now_ms - heard_ms >= patience_ms
            # Who was gone before we began, or before we fell behind, is so until it speaks.
            silent = spoken_ms < base_ms or now_ms - spoken_ms >= LOST_MS
            if gone or (silent and centre.id in self._said.lost):
                lost.append(centre)
                since_ms, over_ms = min(since_ms, heard_ms), max(over_ms, now_ms - heard_ms - patience_ms)
        if lost and not self._said.on and over_ms < TOGETHER_MS:
            return None
        return self._say(self._home, lost, since_ms, now_ms)

    def _say(self, centre: Centre, lost: list[Centre], since_ms: int, now_ms: int) -> Signal | None:
        said, names = self._said, tuple(sorted(one.id for one in lost))
        if said.lost == names:
            return None
        if names and not said.on:
            said.since_ms = max(since_ms, said.since_ms + 1)
        said.on, said.lost, said.revision, self._dirty = bool(names), names, said.revision + 1, True
        reason: Reason = "INTAKE_SILENT" if names else "INTAKE_HEARD"
        priority: Priority = 1 if len(lost) in (0, len(self._profile.centres)) else 2
        return own_signal(
            centre,
            key_of(centre),
            INTAKE_RULE,
            said.on,
            priority=priority,
            since_ms=said.since_ms,
            now_ms=now_ms,
            revision=said.revision,
            reason=reason,
            title_vi=f"Khâu tiếp nhận im lặng, không biết gì mới của {_names(lost, priority, 'vi')}: "
            "đừng gọi trung tâm, hãy gọi người quản trị hệ thống",
            title_en=f"Intake is silent, nothing new is known of {_names(lost, priority, 'en')}: "
            "do not call the centres, call the system's administrator",
            value=float(len(lost)),
        )


def _names(lost: list[Centre], priority: Priority, language: str) -> str:
    if priority == 1:
        return "mọi trung tâm" if language == "vi" else "any centre"
    names = [one.name_vi if language == "vi" else one.name_en for one in lost]
    more = len(names) - NAMED_MAX
    if more > 0:
        names[NAMED_MAX:] = [f"{more} nơi khác" if language == "vi" else f"{more} more"]
    return ", ".join(names)


def key_of(centre: Centre) -> str:
    """Key of the alert; ``centre`` is that of :func:`ioc.pipeline.own_alerts.home`."""
    return alert_key(INTAKE_RULE, centre.id, "intake")


def partition_of(profile: Profile) -> int:
    """The partition of ``events`` that speaks of intake."""
    centre = home(profile)
    return 0 if centre is None else partition_for(key_of(centre).encode(), Topics("", ()).partitions("events"))
