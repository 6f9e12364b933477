"""Native records of the demo's centres, good and bad, each with what intake must make of it.

:func:`stages` is a load for a virtual clock, whose outcome does not depend on which partition is read first; for the
present, ask :class:`Load` for one record after the other.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import NamedTuple

from ioc.bench.stream_made import BASE_MS, Made
from ioc.bench.stream_native import KINDS, Draft, Writer
from ioc.domain.profile import Profile, Site

EVENT, DUPLICATE = "event", "duplicate"
# kind of poison → code of its dead letter
POISON = {
    "not UTF-8": "encoding",
    "cut off": "malformed",
    "empty": "malformed",
    "200 KB of rubbish": "malformed",
    "a list": "not_object",
    "not a number": "not_finite",
    "too deep": "too_deep",
    "a key twice": "duplicate_key",
    "no id": "schema",
    "long id": "id",
    "other centre": "centre_mismatch",
    "future": "future",
    "ancient": "ancient",
    "unknown kind": "unknown_type",
    "unknown site": "unknown_source",
    "no value": "schema",
    "too large": "range",
}
HUGE_SHARE = 0.02  # of the poison; the other kinds share the rest
SHUFFLED_MS = 15_000  # records come at most this much after their time …
SPAN_MS = 38_000  # … and a slice is so short that with both no order makes a record too late, nor ends an episode
START_MS = BASE_MS + 3_580_000  # 20 s before a full hour: the first slice crosses a minute and an hour
STAGE_MS = 75 * 60_000  # from slice to slice; long enough that windows of an hour are over, with their grace
CLOSING_MS = 64 * 60_000  # from a slice's start to the calm readings that close its windows …
CALM_MS = 300_000  # … and from these to further ones, which end episodes of heavy rain
STAGES_PER_SLICE = 3
MEMORY = 100  # a second delivery follows within so many records of its centre
_ID = re.compile(rb'"(?:ma_ban_tin|id)":"[^"]*",')


class Sent(NamedTuple):
    """A record and what intake must make of it: ``event``, ``duplicate`` or the code of a dead letter."""

    made: Made
    outcome: str
    time_ms: int = 0  # of an event: when it happened


class Source(NamedTuple):
    """One type of one site."""

    centre: str
    kind: str
    site: Site

    @property
    def native_id(self) -> str:
        return self.site.native_id or self.site.id


class Load:
    """Makes records; numbers and ids go on from one call to the next."""

    def __init__(self, profile: Profile, seed: int) -> None:
        self.rnd = random.Random(f"load {seed}")
        self.write = Writer()
        self.sources = [
            Source(centre.id, kind, site)
            for centre in profile.centres
            for kind, (type_, _) in KINDS.get(centre.id, {}).items()
            for feed in centre.feeds
            if type_ in feed.types
            for site in centre.sites
            if site.feed == feed.id
        ]
        self.count = 0
        self._numbers: dict[tuple[str, str, str], int] = {}
        self._recent: dict[str, list[tuple[Source, Draft, bytes, int]]] = {}

    def good(self, source: Source, time_ms: int, arrival_ms: int, calm: bool = False) -> Sent:
        """A reading that must become an event; a calm one is far from every alarm."""
        draft = self._draft(source, time_ms)
        if calm:
            draft.value = self._calm(source)
        value = self.write(source.centre, draft)
        recent = self._recent.setdefault(source.centre, [])
        recent.append((source, draft, value, arrival_ms))
        del recent[:-MEMORY]
        return self._sent(source, value, arrival_ms, EVENT)._replace(time_ms=time_ms)

    def again(self, arrival_ms: int, other_content: bool) -> Sent:
        """A second delivery of a recent reading, after the first one; with other content it must be refused."""
        recent = self._recent[self.rnd.choice(sorted(self._recent))]
        source, draft, value, first_ms = self.rnd.choice(recent)
        arrival_ms = max(arrival_ms, first_ms + 1)
        if not other_content:
            return self._sent(source, value, arrival_ms, DUPLICATE)
        other = Draft(draft.kind, draft.site, draft.id, draft.time_ms, draft.sequence)
        other.value = None if draft.value is None else draft.value + 1.0
        return self._sent(source, self.write(source.centre, other), arrival_ms, "id_conflict")

    def poison(self, kind: str, source: Source, time_ms: int, arrival_ms: int) -> Sent:
        """A record that must be refused."""
        draft = self._draft(source, time_ms)
        match kind:
            case "future":
                draft.time_ms = arrival_ms + self.rnd.randrange(150_000, 3_600_000)
            case "ancient":
                draft.time_ms = arrival_ms - 86_400_000 - self.rnd.randrange(60_000, 3_600_000)
            case "unknown kind":
                draft.kind = "chưa-biết"
            case "unknown site":
                draft.site = f"NOBODY-{self.rnd.randrange(50)}"
            case "other centre":
                draft.centre = "elsewhere"
            case "long id":
                draft.id += "x" * 200
            case "no value":
                draft.value = None
            case "too large":
                draft.value = 1e15
        value = self.write(source.centre, draft)
        match kind:
            case "not UTF-8":
                value = value[:-1] + b',"x":"\xff"}'
            case "cut off":
                value = value[:-1]
            case "empty":
                value = b""
            case "200 KB of rubbish":
                value = value[:-1] + b" " + b"\\" * 200_000
            case "a list":
                value = b"[" + value + b"]"
            case "not a number":
                value = value[:-1] + b',"x":NaN}'
            case "too deep":
                value = value[:-1] + b',"x":' + b"[" * 20 + b"]" * 20 + b"}"
            case "a key twice":
                value = value[:-1] + b',"y":1,"y":2}'
            case "no id":
                value = _ID.sub(b"", value, count=1)
        return self._sent(source, value, arrival_ms, POISON[kind])

    def any_poison(self, time_ms: int, arrival_ms: int) -> Sent:
        """One of many kinds."""
        kinds = sorted(POISON.keys() - {"200 KB of rubbish"})
        kind = "200 KB of rubbish" if self.rnd.random() < HUGE_SHARE else self.rnd.choice(kinds)
        return self.poison(kind, self.rnd.choice(self.sources), time_ms, arrival_ms)

    def _draft(self, source: Source, time_ms: int) -> Draft:
        self.count += 1
        name = source.centre, source.kind, source.site.id
        number = self._numbers[name] = self._numbers.get(name, 0) + 1
        draft = Draft(source.kind, source.native_id, f"{source.native_id}-{self.count}", time_ms, number)
        draft.value = self._value(source)
        return draft

    def _value(self, source: Source) -> float:
        rnd = self.rnd
        if source.kind == "vn.dongnai.thuyvan.mucnuoc":  # cm: around the lowest alarm stage, on both sides of it
            return round(100 * min(source.site.limits.values()) + rnd.randrange(-60, 120), 1)
        if source.kind == "vn.dongnai.hethong.nhiptim":
            return float(rnd.randrange(3_000))  # ms
        return rnd.randrange(100, 6_000) / 100

    @staticmethod
    def _calm(source: Source) -> float:
        if source.kind == "vn.dongnai.thuyvan.mucnuoc":
            return round(100 * min(source.site.limits.values()) - 200, 1)  # cm
        return {"giao_thong": 50.0, "TrafficFlowObserved": 50.0, "vn.dongnai.chisoso.chitieu": 99.0}.get(
            source.kind, 1.0
        )

    @staticmethod
    def _sent(source: Source, value: bytes, arrival_ms: int, outcome: str) -> Sent:
        return Sent(Made(f"raw.{source.centre}", source.native_id.encode(), value, arrival_ms), outcome)


class Stage(NamedTuple):
    """Records that are processed completely before the next stage begins; ``end_ms`` is the moment after them."""

    sent: list[Sent]
    end_ms: int


def in_order(stage: Stage) -> Stage:
    """The same events, as they would come over links without any delay."""
    events = sorted((sent for sent in stage.sent if sent.outcome == EVENT), key=lambda sent: sent.time_ms)
    return stage._replace(sent=[one._replace(made=one.made._replace(arrival_ms=one.time_ms)) for one in events])


def without_bad(stage: Stage) -> Stage:
    """The events alone."""
    return stage._replace(sent=[sent for sent in stage.sent if sent.outcome == EVENT])


def stages(profile: Profile, slices: int, per_slice: int, seed: int) -> Iterator[Stage]:
    """Slices of readings, shuffled, with duplicates and poison; each followed by two stages of calm, which close its
    windows and end episodes."""
    load = Load(profile, seed)
    rnd = load.rnd
    for number in range(slices):
        start_ms = START_MS + number * STAGE_MS
        sent = []
        for i in range(per_slice):
            time_ms = start_ms + i * SPAN_MS // per_slice
            arrival_ms = time_ms + rnd.randrange(SHUFFLED_MS)
            share = rnd.random()
            if share < 0.03:
                sent.append(load.any_poison(time_ms, arrival_ms))
            elif share < 0.08 and i > MEMORY:
                sent.append(load.again(arrival_ms, share > 0.075))
            else:
                sent.append(load.good(rnd.choice(load.sources), time_ms, arrival_ms))
        yield Stage(sorted(sent, key=lambda s: s.made.arrival_ms), start_ms + SPAN_MS + SHUFFLED_MS)
        close_ms = start_ms + CLOSING_MS
        for at_ms in (close_ms, close_ms + CALM_MS):
            yield Stage([load.good(source, at_ms, at_ms, calm=True) for source in load.sources], at_ms + 2_000)
