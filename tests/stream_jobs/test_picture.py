"""The comparison of two pictures sees what it is there to see, and the load keeps what it promises."""

from __future__ import annotations

import random

import pytest
from msgspec.structs import replace

from ioc.adapters.profiles import load_profile
from ioc.domain.profile import Profile
from ioc.pipeline.in_order import InOrder
from ioc.pipeline.routes import Due, Feed
from ioc.settings import Settings
from ioc.wire.topics import Topics
from tests.stream_jobs.installation import in_memory, in_pieces
from tests.stream_jobs.native_load import Sent, Stage, stages
from tests.stream_jobs.picture import Picture, differences


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load_profile(Settings().profile)


@pytest.fixture(scope="module")
def load(profile: Profile) -> list[Stage]:
    return list(stages(profile, 2, 900, seed=5))


@pytest.fixture(scope="module")
def wanted(profile: Profile, load: list[Stage]) -> Picture:
    return in_memory(profile, load)


def interleaved(profile: Profile, stage: Stage, rnd: random.Random, run_max: int) -> Stage:
    """The same records, each partition's in their order, read in runs of at most so many from one partition."""
    topics = Topics("", profile.centre_ids)
    parts: dict[tuple[str, int], list[Sent]] = {}
    for sent in stage.sent:
        parts.setdefault((sent.made.topic, topics.partition(sent.made.topic, sent.made.key)), []).append(sent)
    left, out = list(parts.values()), []
    while left:
        part = rnd.choice(left)
        count = rnd.randint(1, run_max)
        out += part[:count]
        del part[:count]
        left = [part for part in left if part]
    return Stage(out, stage.end_ms)


@pytest.mark.parametrize("run_max", [1, 60, 10_000])
def test_the_order_between_partitions_makes_no_difference(
    profile: Profile, load: list[Stage], wanted: Picture, run_max: int
) -> None:
    rnd = random.Random(run_max)
    assert not differences(wanted, in_memory(profile, [interleaved(profile, stage, rnd, run_max) for stage in load]))


@pytest.mark.parametrize("seed", range(4))
def test_when_and_how_far_the_bus_is_read_makes_no_difference(
    profile: Profile, load: list[Stage], wanted: Picture, seed: int
) -> None:
    assert differences(wanted, in_pieces(profile, load, random.Random(seed))) == []


def test_seen_a_queue_that_judges_what_comes_due_before_what_came_due_earlier(
    profile: Profile, load: list[Stage], wanted: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = InOrder._push

    def push(self: InOrder, when_ms: int, feed: Feed, due: Due) -> None:
        honest(self, due.to_ms, feed, due)

    monkeypatch.setattr(InOrder, "_push", push)
    assert any(differences(wanted, in_pieces(profile, load, random.Random(seed))) for seed in range(4))


def test_the_order_within_a_partition_does(profile: Profile, load: list[Stage], wanted: Picture) -> None:
    backwards = [Stage(stage.sent[::-1], stage.end_ms) for stage in load]
    assert differences(wanted, in_memory(profile, backwards))


def test_what_is_lost_doubled_or_changed_is_seen(wanted: Picture) -> None:
    assert not differences(wanted, wanted)
    event, letter, alert = next(iter(wanted.events)), next(iter(wanted.dead)), next(iter(wanted.alerts))
    key, rollup = next(iter(wanted.rollups.items()))

    lost = replace(wanted, events=wanted.events.copy(), dead=wanted.dead.copy())
    del lost.events[event], lost.dead[letter]
    assert [text.split(":")[0] for text in differences(wanted, lost)] == ["events", "dead"]

    doubled = replace(wanted, events=wanted.events.copy(), raised=wanted.raised.copy())
    doubled.events[event] += 1
    doubled.raised[alert] += 1
    said = differences(wanted, doubled)
    assert any(text.startswith("events: ") and text.endswith("came 2 times") for text in said)
    assert f"alert {alert} was raised 2 times" in said
    assert any("was raised 2 times" in text for text in differences(doubled, doubled)), "wrong in the same way in both"

    changed = replace(
        wanted,
        rollups=wanted.rollups | {key: replace(rollup, n=rollup.n + 1)},
        alerts=wanted.alerts | {alert: wanted.alerts[alert] | {"state": "NORM?"}},
    )
    assert [text.split(":")[0] for text in differences(wanted, changed)] == ["rollups", "alerts"]
    gone = replace(wanted, alerts={id_: a for id_, a in wanted.alerts.items() if id_ != alert})
    assert [text.split(":")[0] for text in differences(wanted, gone)] == ["alerts"]
