"""Absence rules at work where their alerts are: what the parts of a feed or site tell, and whether its centre is heard.

Lives in the alerting job. The parts of one feed come from several partitions of ``events``, and the heartbeat of its
centre from yet another one: only under the alert key all of it comes together in one order. That a centre is silent is
told to every partition, and kept there, so an alert of a feed cannot slip through after a restart.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Struct

from ioc.domain import absence
from ioc.domain.absence import AbsenceState, CentreHeard, Standing
from ioc.domain.alerts import CentreSilent, PartHeard, Signal
from ioc.domain.directory import Directory
from ioc.domain.profile import Profile, Rule
from ioc.domain.verdicts import Reason
from ioc.pipeline.absence_words import Lost, absence_ended, absence_signal
from ioc.pipeline.removed import REASON
from ioc.wire.codec import encode

# What a rule does not speak of is forgotten after this, processing time: the detecting job may have new rules earlier.
WAITING_MS = 600_000
CENTRE = "centre/"  # how keys of centres begin in the checkpoint; those of alerts have bars


class Held(Struct):
    """A feed or site, and when something was last told of it, processing time."""

    centre: str
    feed: str
    site: str
    state: AbsenceState
    at_ms: int


class Absences:
    """All feeds and sites under absence rules whose alerts belong to one partition: bounded by the registry."""

    def __init__(self, profile: Profile) -> None:
        self._held: dict[str, Held] = {}
        self._centres: dict[str, CentreHeard] = {}
        self._dirty: set[str] = set()
        self.use(profile)

    def use(self, profile: Profile) -> None:
        """Go on with other rules; what stands is kept."""
        self._profile, self._directory = profile, Directory(profile)
        self._rules = {rule.id: rule for rule in profile.rules if rule.kind == "absence"}

    def load(self, key: str, value: bytes) -> None:
        """Take one record of the checkpoint back."""
        if key.startswith(CENTRE):
            self._centres[key.removeprefix(CENTRE)] = msgspec.json.decode(value, type=CentreHeard)
        else:
            self._held[key] = msgspec.json.decode(value, type=Held)

    def take(self, told: PartHeard, now_ms: int) -> list[Signal]:
        """Take in how one part stands. Of a rule that is not known here it is kept for a while."""
        held = self._held.setdefault(
            told.key, Held(told.centre, told.feed, told.site, AbsenceState(), now_ms)
        )  # the key names the centre, and the feed or site
        held.at_ms = now_ms
        if told.word == "gone":
            held.state.parts.pop(told.part, None)
        else:
            held.state.parts[told.part] = Standing(told.word, told.since_ms, told.observed_ms)
        self._dirty.add(told.key)
        return self._judge(told.key, held)

    def centre(self, told: CentreSilent) -> list[Signal]:
        """Take in that a centre fell silent or was heard again."""
        centre = self._centres.setdefault(told.centre, CentreHeard())
        if told.alert_id:
            centre.silent[told.key] = told.alert_id
        elif centre.silent.pop(told.key, None) is not None:
            centre.back_ms = max(centre.back_ms, told.observed_ms)
        self._dirty.add(f"{CENTRE}{told.centre}")
        return [
            signal
            for key, held in list(self._held.items())
            if held.centre == told.centre
            for signal in self._judge(key, held)
        ]

    def out_since_ms(self, key: str) -> int | None:
        """Event time of the last of a feed or site all of which is out of service; None: it is not, or no rule says."""
        held = self._held.get(key)
        if held is None or not held.state.parts or self._rule(key, held) is None:
            return None
        standings = held.state.parts.values()
        return max(one.since_ms for one in standings) if all(one.word == "out" for one in standings) else None

    def all_out(self) -> Iterator[tuple[str, Held, int]]:
        """Feeds and sites all of which is out of service: alert key, what is held, and :meth:`out_since_ms`."""
        for key, held in self._held.items():
            if (since_ms := self.out_since_ms(key)) is not None:
                yield key, held, since_ms

    def judge_again(self) -> list[Signal]:
        """Judge everything by the rules as they are now."""
        return [signal for key, held in list(self._held.items()) for signal in self._judge(key, held)]

    def end_removed(self, now_ms: int) -> Iterator[Signal]:
        """End what no rule speaks of any more, and forget it after a while."""
        for key, held in list(self._held.items()):
            rule = self._rule(key, held)
            if rule is not None and held.state.parts:
                continue
            rule_id = key.partition("|")[0]
            reason: Reason = REASON if rule_id not in self._rules else "SITE_REMOVED"
            if (said := absence_ended(rule_id, _lost(held), held.state, now_ms, reason)) is not None:
                self._dirty.add(key)
                yield said
            if now_ms - held.at_ms >= WAITING_MS:
                del self._held[key]
                self._dirty.add(key)

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        """Changed records by key."""
        rows: list[tuple[str, bytes | None]] = []
        for key in sorted(self._dirty):
            found = self._centres.get(key.removeprefix(CENTRE)) if key.startswith(CENTRE) else self._held.get(key)
            rows.append((key, None if found is None else encode(found)))
        self._dirty.clear()
        return rows

    def _rule(self, key: str, held: Held) -> Rule | None:
        rule = self._rules.get(key.partition("|")[0])
        covered = rule is not None and absence.covers(rule, self._directory.centre(held.centre), held.feed, held.site)
        return rule if covered else None

    def _judge(self, key: str, held: Held) -> list[Signal]:
        rule, feed = self._rule(key, held), self._directory.feed(held.centre, held.feed)
        if rule is None or feed is None:
            return []
        centre = self._centres.get(held.centre, CentreHeard())
        verdict = absence.judge(rule, held.state, centre, absence.after_ms(rule, feed, self._profile.rules))
        if verdict is None:
            return []
        held.state.revision += 1
        self._dirty.add(key)
        return [absence_signal(self._directory, rule, _lost(held), held.state, verdict)]


def _lost(held: Held) -> Lost:
    return Lost(held.centre, held.feed, held.site)
