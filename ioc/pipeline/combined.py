"""Combinations at work: conditions of their members in, signals of the combinations out, one state per scope.

Lives in the alerting job, because a condition travels under the alert key of its combination: all that concerns one
scope comes in one order to the partition that also holds the alert.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from ioc.domain import combination
from ioc.domain.alerts import Condition, Signal, alert_key
from ioc.domain.cap import merged
from ioc.domain.combination import CombinationState
from ioc.domain.directory import Directory
from ioc.domain.nearness import Point
from ioc.domain.profile import Profile, Rule
from ioc.domain.titles import Fill, Language, fill
from ioc.domain.verdicts import Verdict
from ioc.pipeline.removed import REASON
from ioc.wire.codec import encode

# A scope of which nothing was heard for this long, processing time, is forgotten; longer than the topic keeps anything.
KEPT_MS = 30 * 86_400_000
# Conditions that no rule here knows: kept until the rules are the same everywhere, then dropped; the oldest goes first.
WAITING_MS = 600_000
WAITING_MAX = 1_000
WAITING = "?"  # their key in the checkpoint; alert keys have bars


class Held(Struct):
    """A state and when it last moved, processing time."""

    state: CombinationState
    at_ms: int


class Waiting(Struct):
    """A condition that the rules here do not know, and when it came, processing time."""

    condition: Condition
    at_ms: int


class Combined:
    """The combinations of one partition."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._directory = Directory(profile)
        self._rules = {rule.id: rule for rule in profile.rules if rule.kind == "combination"}
        self._held: dict[str, Held] = {}
        self._waiting: list[Waiting] = []
        self._dirty: set[str] = set()

    def load(self, key: str, value: bytes) -> None:
        """Take one state back."""
        if key == WAITING:
            self._waiting = msgspec.json.decode(value, type=list[Waiting])
            return
        self._held[key] = msgspec.json.decode(value, type=Held)

    def take(self, condition: Condition, now_ms: int) -> Signal | None:
        """Take one condition in; a signal when the combination changed.

        One that the rules here do not know waits: the detecting job may have new rules some seconds earlier.
        """
        rule = self._rules.get(condition.rule)
        if rule is None or not _is_about(rule, condition):
            self._waiting.append(Waiting(condition, now_ms))
            self._make_room()
            self._dirty.add(WAITING)
            return None
        key = f"{condition.key}|{condition.exercise}" if condition.exercise else condition.key
        held = self._held.setdefault(key, Held(CombinationState(), now_ms))
        held.at_ms = now_ms
        self._dirty.add(key)
        verdict = combination.take(rule, held.state, condition, self._place)
        if verdict is None:
            return None
        held.state.revision += 1
        return self._signal(rule, condition.key, condition.centre, condition.area, condition.exercise, held, verdict)

    def _place(self, key: str) -> Point | None:
        """Where the site of an object is; objects may be named ``site/more``."""
        _, centre, name, *_ = key.split("|")
        site = self._directory.site(centre, name.partition("/")[0], 0)
        return None if site is None or site.lon is None or site.lat is None else (site.lon, site.lat)

    def _make_room(self) -> None:
        """The oldest goes first, but none of the live ones for one of a drill."""
        while len(self._waiting) > WAITING_MAX:
            drills = (n for n, one in enumerate(self._waiting) if one.condition.exercise is not None)
            del self._waiting[next(drills, 0)]

    def use(self, profile: Profile) -> None:
        """Go on with other rules; what stands is kept."""
        self._profile, self._directory = profile, Directory(profile)
        self._rules = {rule.id: rule for rule in profile.rules if rule.kind == "combination"}

    def judge_again(self, now_ms: int) -> list[Signal]:
        """Judge every scope by the rules as they are now, and take in what waited for them."""
        signals = []
        for key, held in list(self._held.items()):
            rule_id, centre, place, *drill = key.split("|")
            rule = self._rules.get(rule_id)
            if rule is None or not combination.has_scope(rule, centre, place):
                continue
            state = held.state
            if combination.forget_others(rule, state):
                self._dirty.add(key)
            if (verdict := combination.judge(rule, state, state.at_ms, self._place)) is None:
                continue
            state.revision += 1
            held.at_ms = now_ms
            self._dirty.add(key)
            exercise = drill[0] if drill else None
            signals.append(
                self._signal(rule, alert_key(rule_id, centre, place), centre, place, exercise, held, verdict)
            )
        return signals + self.take_waiting(now_ms)

    def take_waiting(self, now_ms: int) -> list[Signal]:
        """Take in, in their order, conditions that the rules know by now; those that waited too long leave."""
        if not self._waiting:
            return []
        signals, waiting = [], self._waiting
        self._waiting = []
        for one in waiting:
            rule = self._rules.get(one.condition.rule)
            if rule is not None and _is_about(rule, one.condition):
                signals.append(self.take(one.condition, now_ms))
            elif now_ms - one.at_ms < WAITING_MS:
                self._waiting.append(one)
        if len(self._waiting) < len(waiting):
            self._dirty.add(WAITING)
        return [signal for signal in signals if signal is not None]

    def end_removed(self, now_ms: int) -> list[Signal]:
        """Forget scopes whose rule is gone or has another scope now; gives the ``off`` of what was on."""
        signals = []
        for key, held in list(self._held.items()):
            rule_id, centre, place, *drill = key.split("|")
            rule = self._rules.get(rule_id)
            if rule is not None and combination.has_scope(rule, centre, place):
                continue
            del self._held[key]
            self._dirty.add(key)
            if held.state.on:
                signals.append(
                    Signal(
                        key=alert_key(rule_id, centre, place),
                        rule=rule_id,
                        state="off",
                        centre=centre,
                        area="",
                        site="",
                        feed="",
                        type="",
                        priority=4,
                        since_ms=held.state.since_ms,
                        observed_ms=max(now_ms, held.state.since_ms),
                        revision=held.state.revision + 1,
                        reason=REASON,
                        exercise=drill[0] if drill else None,
                    )
                )
        return signals

    def sweep(self, now_ms: int) -> None:
        """Forget scopes of which nothing was heard for long."""
        for key, held in list(self._held.items()):
            if now_ms - held.at_ms >= KEPT_MS:
                del self._held[key]
                self._dirty.add(key)

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        """Changed states by key."""
        rows: list[tuple[str, bytes | None]] = []
        for key in sorted(self._dirty):
            held = (self._waiting or None) if key == WAITING else self._held.get(key)
            rows.append((key, None if held is None else encode(held)))
        self._dirty.clear()
        return rows

    def _signal(
        self, rule: Rule, key: str, centre_id: str, area_code: str, exercise: str | None, held: Held, verdict: Verdict
    ) -> Signal:
        centre_id = rule.home if rule.scope == "all" else centre_id
        area_code = area_code if rule.scope == "area" else ""
        centre, area = self._directory.centre(centre_id), self._directory.area(area_code)
        lon, lat = (area.lon, area.lat) if area is not None else (None, None)
        title: dict[Language, str] = {}
        place: dict[Language, str] = {}
        for language in ("vi", "en"):
            vi = language == "vi"
            centre_name = (centre.name_vi if vi else centre.name_en) if centre else centre_id
            area_name = (area.name_vi if vi else area.name_en) if area else area_code
            whole = self._profile.name_vi if vi else self._profile.name_en
            fields: dict[str, Fill] = {
                "value": verdict.value,
                "count": verdict.count,
                "centre": centre_name,
                "area": area_name or centre_name,
                "since": self._directory.clock_time(verdict.since_ms),
            }
            title[language] = fill(rule.title_vi if vi else rule.title_en, fields, rule.decimals, language)
            place[language] = whole if rule.scope == "all" else area_name or centre_name
        return Signal(
            key=key,
            rule=rule.id,
            state=verdict.state,
            centre=centre_id,
            area=area_code,
            site="",
            feed="",
            type=rule.type,
            priority=verdict.priority,
            since_ms=verdict.since_ms,
            observed_ms=verdict.observed_ms,
            revision=held.state.revision,
            value=verdict.value,
            title_vi=title["vi"],
            title_en=title["en"],
            place_vi=place["vi"],
            place_en=place["en"],
            lon=lon,
            lat=lat,
            reason=verdict.reason,
            count=verdict.count,
            exercise=exercise,
            cap=merged(rule.cap, None),
        )


def _is_about(rule: Rule, condition: Condition) -> bool:
    """Is the condition one of this version of the rule: of a member, and sent to its scope?"""
    member = condition.object.partition("|")[0]
    return condition.key == combination.key_of(rule, condition.centre, condition.area) and any(
        one.rule == member for one in rule.members
    )
