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
from ioc.domain.alerts import CentreSilent, PartHeard, Signal, alert_key
from ioc.domain.cap import merged
from ioc.domain.directory import Directory
from ioc.domain.profile import Profile, Rule
from ioc.domain.titles import Fill, Language, fill
from ioc.domain.verdicts import Verdict
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

    def judge_again(self) -> list[Signal]:
        """Judge everything by the rules as they are now."""
        return [signal for key, held in list(self._held.items()) for signal in self._judge(key, held)]

    def end_removed(self, now_ms: int) -> Iterator[Signal]:
        """End what no rule speaks of any more, and forget it after a while."""
        for key, held in list(self._held.items()):
            rule = self._rule(key, held)
            if rule is not None and held.state.parts:
                continue
            if held.state.on:
                held.state.on, held.state.muted_by = False, ""
                held.state.revision += 1
                self._dirty.add(key)
                yield self._removed(key, held, now_ms)
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
        return [self._signal(rule, key, held, verdict)]

    def _removed(self, key: str, held: Held, now_ms: int) -> Signal:
        state, rule_id = held.state, key.partition("|")[0]
        return Signal(
            key=key,
            rule=rule_id,
            state="off",
            centre=held.centre,
            area="",
            site=held.site,
            feed=held.feed,
            type="",
            priority=4,
            since_ms=state.since_ms,
            observed_ms=max(now_ms, state.since_ms),
            revision=state.revision,
            reason=REASON if rule_id not in self._rules else "SITE_REMOVED",
        )

    def _signal(self, rule: Rule, key: str, held: Held, verdict: Verdict) -> Signal:
        assert key == alert_key(rule.id, held.centre, held.site or held.feed)
        directory, state = self._directory, held.state
        centre, feed = directory.centre(held.centre), directory.feed(held.centre, held.feed)
        assert centre is not None
        assert feed is not None
        site = directory.site(held.centre, held.site, verdict.observed_ms) if held.site else None
        areas = sorted(state.parts)
        area_code = site.area if site is not None else areas[0] if len(areas) == 1 else ""
        area = directory.area(area_code)
        title: dict[Language, str] = {}
        place: dict[Language, str] = {}
        for language in ("vi", "en"):
            vi = language == "vi"
            centre_name, feed_name = (centre.name_vi, feed.name_vi) if vi else (centre.name_en, feed.name_en)
            site_name = (site.name_vi if vi else site.name_en) if site is not None else ""
            area_name = (area.name_vi if vi else area.name_en) if area is not None else ""
            fields: dict[str, Fill] = {
                "limit": verdict.limit,
                "unit": rule.unit,
                "site": site_name or feed_name,
                "feed": feed_name,
                "area": area_name or centre_name,
                "centre": centre_name,
                "since": directory.clock_time(verdict.since_ms),
            }
            title[language] = fill(rule.title_vi if vi else rule.title_en, fields, rule.decimals, language)
            place[language] = directory.place(area_code, site, language) if site is not None else centre_name
        spot = site if site is not None and site.lon is not None else area
        return Signal(
            key=key,
            rule=rule.id,
            state=verdict.state,
            centre=held.centre,
            area=area_code,
            site=held.site,
            feed=held.feed,
            type=rule.type if rule.type != absence.ANY_TYPE else "",
            priority=verdict.priority,
            since_ms=verdict.since_ms,
            observed_ms=verdict.observed_ms,
            revision=state.revision,
            limit=verdict.limit,
            unit=rule.unit,
            title_vi=title["vi"],
            title_en=title["en"],
            place_vi=place["vi"],
            place_en=place["en"],
            lon=spot.lon if spot is not None else None,
            lat=spot.lat if spot is not None else None,
            reason=verdict.reason,
            cap=merged(rule.cap, None),
            muted_by=state.muted_by,
        )
