"""The scenarios of the package against the real profile and the real pure steps, without a broker."""

from __future__ import annotations

from collections import Counter, defaultdict

import orjson
import pytest

from ioc.adapters.profiles import load_profile
from ioc.domain.profile import Profile
from ioc.pipeline.alerting import AlertingPartition
from ioc.pipeline.detect import DetectPartition
from ioc.pipeline.effects import Effects, InRecord, Step
from ioc.pipeline.intake import IntakePartition
from ioc.wire.topics import RAW_PARTITIONS, Topics
from simulators import fit, formats, scenario
from simulators.programme import Programme

START_MS = 1_795_500_000_000  # 2026-11-24T07:20:00Z, a working day in the afternoon


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load_profile("dongnai-2023")


class Chain:
    """intake → detect → alerting in one process; ``raised`` maps alert id → (first seen ms, alert)."""

    def __init__(self, profile: Profile) -> None:
        self.topics = Topics("t.", profile.centre_ids)
        self.intake: dict[tuple[str, int], Step] = {
            (f"raw.{centre}", part): IntakePartition(profile, centre, part)
            for centre in profile.centre_ids
            for part in range(RAW_PARTITIONS)
        }
        self.detect: dict[tuple[str, int], Step] = {
            ("events", part): DetectPartition(profile, part) for part in range(self.topics.partitions("events"))
        }
        self.alerting: dict[tuple[str, int], Step] = {
            ("alert-inputs", part): AlertingPartition(profile, part)
            for part in range(self.topics.partitions("alert-inputs"))
        }
        self.offsets: Counter[tuple[str, int]] = Counter()
        self.dead: Counter[str] = Counter()
        self.raised: dict[str, tuple[int, dict[str, object]]] = {}

    def feed(self, records: list[tuple[str, bytes, bytes]], now_ms: int) -> None:
        for stage in (self.intake, self.detect, self.alerting):
            waiting: dict[tuple[str, int], list[InRecord]] = defaultdict(list)
            for topic, key, value in records:
                lane = (topic, self.topics.partition(topic, key))
                if lane in stage:
                    self.offsets[lane] += 1
                    waiting[lane].append(InRecord(self.offsets[lane], now_ms, key, value))
            records = []
            for lane, step in stage.items():
                if lane in waiting:
                    records += self._emitted(step.step(waiting[lane], now_ms), now_ms)
                records += self._emitted(step.tick(now_ms), now_ms)

    def _emitted(self, effects: Effects, now_ms: int) -> list[tuple[str, bytes, bytes]]:
        for emit in effects.emits:
            if emit.topic == "dead" and emit.value is not None:
                self.dead[orjson.loads(emit.value)["code"]] += 1
            elif emit.topic == "alerts" and emit.value is not None and not emit.key.startswith(b"@"):
                alert = orjson.loads(emit.value)
                self.raised.setdefault(alert["id"], (now_ms, alert))
        return [(emit.topic, emit.key, emit.value or b"") for emit in effects.emits]


def run(profile: Profile, name: str, seconds: int, rate: float | None = None) -> Chain:
    plan = scenario.load(name)
    programme = Programme(profile, plan, start_ms=START_MS, seed=2023, rate=rate)
    chain = Chain(profile)
    for from_ms in range(START_MS, START_MS + seconds * 1000, 1000):
        natives = [(r.centre, *formats.encode(profile, r)) for r in programme.between(from_ms, from_ms + 1000)]
        chain.feed([(f"raw.{centre}", key, value) for centre, key, value in natives], from_ms + 1000)
    return chain


@pytest.mark.parametrize("name", scenario.names())
def test_every_scenario_fits_the_real_profile(profile: Profile, name: str) -> None:
    fit.load_for(name, profile)


def test_live_raises_its_alerts_and_no_flood(profile: Profile) -> None:
    """20 minutes of the demo: nothing refused, something at once, every kind within minutes, never too many."""
    chain = run(profile, "live", 1200, rate=15)
    assert not chain.dead
    after_s = sorted((seen_ms - START_MS) / 1000 for seen_ms, _ in chain.raised.values())
    assert after_s[0] <= 20
    rules = {str(alert["rule"]) for _, alert in chain.raised.values()}
    assert {
        "emergency-call",
        "hydro-level",
        "traffic-injury",
        "congestion",
        "heavy-rain",
        "source-silent",
    } <= rules
    for begin in range(0, 1200, 60):
        assert sum(begin <= s < begin + 600 for s in after_s) <= 10, "no more than ten in ten minutes"


def test_the_river_rises_past_its_alarm_levels(profile: Profile) -> None:
    chain = run(profile, "river-rise", 420)
    river = [(seen - START_MS, alert) for seen, alert in chain.raised.values() if alert["rule"] == "hydro-level"]
    assert [alert["site"] for _, alert in river] == ["BIENHOA"]
    assert 60_000 < river[0][0] < 320_000
