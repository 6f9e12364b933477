"""Old rules against new rules on the same recorded history: which alerts come, go or change, and the load.

Both rule files run through the whole of ``detect`` and ``alerting``, in memory, on the clock of the history: an event
is given when the province received it. Memory is that of the two runners' state plus one line per alert; what was read
is forgotten. Nobody acknowledges in a replay, so an alert stays open until the next episode of its object.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from ioc.domain.alerts import Alert
from ioc.domain.profile import Profile
from ioc.errors import BadInput
from ioc.pipeline.runner import Runner
from ioc.wire import codec

TICK_MS = 1_000  # how often time passes in a replay; an alert may come so much later than in the real job
FORGET_MS = 60_000  # what was read leaves memory so often, virtual time
SLOT_MS = 600_000
# More new alerts in 10 minutes than one person can handle. Second-hand figure of alarm handbooks, not a norm here.
SLOT_LIMIT = 10
ALERTS_MAX = 200_000  # of one rule file; more is a mistake of the rules, and the memory that is kept for them


class Moment(Struct, frozen=True):
    """One event of the history: topic key, canonical JSON, when the province received it."""

    key: str
    value: bytes
    recorded_ms: int


class Raised(Struct, kw_only=True):
    """One alert of a replay. ``priority`` and ``level`` are the worst it had; ``cleared_ms`` None while it holds."""

    id: str
    rule: str
    key: str
    place_vi: str
    place_en: str
    title_vi: str
    title_en: str
    priority: int
    level: str
    started_ms: int
    raised_ms: int
    cleared_ms: int | None = None

    def overlaps(self, other: Raised) -> bool:
        """Do both speak of the same time at the same object under the same rule?"""
        mine, theirs = self.cleared_ms, other.cleared_ms
        return (
            self.key == other.key
            and (theirs is None or self.started_ms <= theirs)
            and (mine is None or other.started_ms <= mine)
        )


class Changed(Struct, frozen=True, kw_only=True):
    """The same episode in both, with another beginning or another worst priority or level."""

    old: Raised
    new: Raised


class Load(Struct, frozen=True, kw_only=True):
    """New alerts per slot of 10 minutes."""

    alerts: int
    by_priority: dict[str, int]
    slots: int
    mean: float
    max: int
    over_share: float  # of the slots, those with more than 10


class Report(Struct, frozen=True, kw_only=True):
    """What a change of rules would have done in ``[from_ms, to_ms)``."""

    from_ms: int
    to_ms: int
    events: int
    old: Load
    new: Load
    added: list[Raised]
    removed: list[Raised]
    changed: list[Changed]


class _Side:
    """One rule file at work."""

    def __init__(self, profile: Profile, start_ms: int) -> None:
        self.runner = Runner(profile, start_ms, batch_max=5_000, tick_every_ms=TICK_MS, with_intake=False)
        self.raised: dict[str, Raised] = {}

    def collect(self) -> None:
        """Read what became of the alerts, then forget what is on the bus."""
        for record in self.runner.take_off().get("alerts", ()):
            if record.value is None or (record.key or b"").startswith(b"@"):
                continue
            alert = codec.decode_alert(record.value)
            if alert.exercise is None:
                self._note(alert)

    def _note(self, alert: Alert) -> None:
        known = self.raised.get(alert.id)
        if known is None:
            if len(self.raised) >= ALERTS_MAX:
                raise BadInput("too_many", alert.rule, f"more than {ALERTS_MAX} alerts, most lately of {alert.rule}")
            known = self.raised[alert.id] = Raised(
                id=alert.id,
                rule=alert.rule,
                key=alert.key,
                place_vi=alert.place_vi,
                place_en=alert.place_en,
                title_vi=alert.title_vi,
                title_en=alert.title_en,
                priority=alert.priority,
                level=alert.level,
                started_ms=alert.started_ms,
                raised_ms=alert.raised_ms,
            )
        elif alert.present_priority < known.priority:
            known.priority, known.level = alert.present_priority, alert.level
            known.title_vi, known.title_en = alert.title_vi, alert.title_en
        known.cleared_ms = None if alert.active else alert.cleared_ms


class Backtest:
    """Takes the history in the order of its arrival, then reports.

    Args:
        old: the profile with the rules that run.
        new: the same profile with the rules to try.
        from_ms: where the report begins; what is fed before only fills the memory of the rules.
        to_ms: where it ends.
        start_ms: where the history begins, ``from_ms`` or earlier.
    """

    def __init__(self, old: Profile, new: Profile, from_ms: int, to_ms: int, start_ms: int) -> None:
        self._from_ms, self._to_ms = from_ms, to_ms
        self._sides = (_Side(old, start_ms), _Side(new, start_ms))
        self._now_ms = start_ms
        self._collected_ms = start_ms
        self._waiting: list[tuple[str, bytes]] = []
        self._events = 0

    @property
    def now_ms(self) -> int:
        """How far the replay has come."""
        return self._now_ms

    def feed(self, moments: Sequence[Moment]) -> None:
        """Take the next part of the history in.

        Raises:
            BadInput: ``order`` when an event was recorded before its predecessor; ``too_many`` alerts.
        """
        for moment in moments:
            if moment.recorded_ms < self._now_ms:
                raise BadInput("order", "recordedtime", "the history must be in the order of recordedtime")
            # An event waits for the end of its tick, as it waits for the next fetch in the real job.
            if moment.recorded_ms >= self._now_ms + TICK_MS:
                self._turn(self._now_ms + TICK_MS)
                self._quiet_until(moment.recorded_ms // TICK_MS * TICK_MS)
            self._waiting.append((moment.key, moment.value))
            if self._from_ms <= moment.recorded_ms < self._to_ms:
                self._events += 1

    def finish(self) -> Report:
        """Let time pass to the end and compare."""
        if self._now_ms < self._to_ms:
            self._turn(self._now_ms + TICK_MS)
            self._quiet_until(self._to_ms)
        for side in self._sides:
            side.collect()
        old, new = (
            [one for one in side.raised.values() if self._from_ms <= one.raised_ms < self._to_ms]
            for side in self._sides
        )
        added, removed, changed = compare(old, new)
        return Report(
            from_ms=self._from_ms,
            to_ms=self._to_ms,
            events=self._events,
            old=load(old, self._from_ms, self._to_ms),
            new=load(new, self._from_ms, self._to_ms),
            added=added,
            removed=removed,
            changed=changed,
        )

    def _turn(self, to_ms: int) -> None:
        """Up to ``to_ms`` with what waits."""
        for side in self._sides:
            side.runner.advance(to_ms - side.runner.now_ms)
            if self._waiting:
                side.runner.events(self._waiting)
        self._waiting = []
        self._now_ms = to_ms
        if to_ms - self._collected_ms >= FORGET_MS:
            self._collected_ms = to_ms
            for side in self._sides:
                side.collect()

    def _quiet_until(self, to_ms: int) -> None:
        while self._now_ms < to_ms:
            self._turn(min(to_ms, self._now_ms + FORGET_MS))


def compare(old: Sequence[Raised], new: Sequence[Raised]) -> tuple[list[Raised], list[Raised], list[Changed]]:
    """(added, removed, changed): first by id, then episodes of the same object that overlap are taken as one."""
    known = {one.id: one for one in old}
    same = {one.id for one in new if one.id in known}
    changed = [
        Changed(old=known[one.id], new=one)
        for one in new
        if one.id in same and (known[one.id].priority, known[one.id].level) != (one.priority, one.level)
    ]
    left: dict[str, list[Raised]] = {}
    for one in old:
        if one.id not in same:
            left.setdefault(one.key, []).append(one)
    added = []
    for one in new:
        if one.id in same:
            continue
        twin = next((other for other in left.get(one.key, ()) if one.overlaps(other)), None)
        if twin is None:
            added.append(one)
        else:
            left[one.key].remove(twin)
            changed.append(Changed(old=twin, new=one))
    removed = [one for rest in left.values() for one in rest]
    changed.sort(key=lambda one: _when(one.new))
    return sorted(added, key=_when), sorted(removed, key=_when), changed


def _when(one: Raised) -> tuple[int, str]:
    return one.raised_ms, one.id


def load(raised: Sequence[Raised], from_ms: int, to_ms: int) -> Load:
    """New alerts per 10 minutes; slots count from ``from_ms``, the last may be shorter."""
    slots = max(1, -(-(to_ms - from_ms) // SLOT_MS))
    counts = Counter((one.raised_ms - from_ms) // SLOT_MS for one in raised)
    priorities = Counter(f"P{one.priority}" for one in raised)
    return Load(
        alerts=len(raised),
        by_priority={name: priorities[name] for name in sorted(priorities)},
        slots=slots,
        mean=round(len(raised) / slots, 3),
        max=max(counts.values(), default=0),
        over_share=round(sum(1 for count in counts.values() if count > SLOT_LIMIT) / slots, 4),
    )
