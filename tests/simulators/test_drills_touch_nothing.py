"""Promise 11: live traffic with and without a drill beside it gives the same live picture.

Both run through the real steps in memory, on one virtual clock; only the second also gets the drill's messages: sixty
times as fast, for the same sites, under the same ids where it replays them, and with everything wrong that can be wrong
with messages. What is compared is everything live that the steps write, and what the wall is told of it.

Two things may differ, and are cut off before: when within a tick or two the *silence* of a centre is known, and the
watermark of a feed that is idle, by a few seconds. Both follow how far the bus has been read, which anybody's message
tells.
"""

from __future__ import annotations

import random
from base64 import b64decode
from collections import Counter
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import msgspec
import pytest
from msgspec.structs import replace

from ioc.adapters.profiles import load_profile
from ioc.domain.alerts import Alert, LogEntry
from ioc.domain.measures import FeedHealth
from ioc.domain.profile import Profile
from ioc.pipeline import board, signals
from ioc.pipeline.effects import Emit
from ioc.pipeline.intake import IntakePartition
from ioc.pipeline.mapping import Mapper
from ioc.pipeline.runner import Runner
from ioc.services.hub import Hub
from ioc.wire import codec, drill_clock
from ioc.wire.frames import FeedView
from ioc.wire.positions import Layout
from simulators import formats
from simulators.drill_time import Told
from simulators.runs import Plan, Wish, plan_of
from simulators.stream import encode

T = TypeVar("T")
Native = tuple[str, bytes, bytes]
TICK_MS = 1_000
READ_MS = 6_000  # by how much the knowledge of how far the bus was read may differ
START_MS = 1_795_489_200_000
SPEED = 60
LIVE_S = 150
LATER_MS = 1_500_000  # then nothing more is sent: long enough for every step of an escalation
LATER_TICK_MS = 10_000
DRILL_NUMBER = "@incident/drill-number"  # incidents of drills have their own numbers
# What of a record is compared then; its times follow how far the bus has been read.
SAID = ("type", "what", "kind", "state", "reason", "rule", "priority", "step", "who", "actor", "channel", "summons")
DRILL = "drill-7"

LIVE = """
title_vi = "a"
title_en = "b"
duration_s = 150
rate = 5

[[incident]]
kind = "river_surge"
at_s = 20
site = "BIENHOA"
level_m = 2.4
rise_s = 60
hold_s = 40
fall_s = 60

[[incident]]
kind = "accident"
at_s = 50
site = "CAM-LK-006"
injured = 2

[[fault]]
kind = "silence"
centre = "long-khanh"
at_s = 60
for_s = 50
catch_up_s = 5
duplicates = 0.1

[[fault]]
kind = "drop"
centre = "tinh"
at_s = 40
"""

DRILL_STORY = """
title_vi = "a"
title_en = "b"
start = "2026-11-20T09:00:00+07:00"
duration_s = 10800
rate = 1.3

[[incident]]
kind = "river_surge"
at_s = 600
site = "BIENHOA"
level_m = 3.0
rise_s = 600
hold_s = 1800
fall_s = 600

[[incident]]
kind = "accident"
at_s = 900
every_s = 600
site = "CAM-LK-006"
injured = 2

[[fault]]
kind = "duplicate"
share = 0.5
after_s = 5

[[fault]]
kind = "clock_skew"
share = 0.3
by_s = 1000000

[[fault]]
kind = "malformed"
share = 0.05

[[fault]]
kind = "wrong_centre"
share = 0.05
centre = "bien-hoa"
to = "tinh"

[[fault]]
kind = "silence"
centre = "bien-hoa"
at_s = 3000
for_s = 1200
catch_up_s = 60

[[fault]]
kind = "unit_mixup"
share = 0.2
field = "level_m"
factor = 100.0
"""


class Found(msgspec.Struct):
    """Everything that is live; ``drill`` counts what is not, so that a comparison of nothing is noticed."""

    parts: dict[str, Any]
    drill: Counter[str]
    runner: Runner


def planned(profile: Profile, story: str, exercise: str | None) -> Plan:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "story.toml"
        file.write_text(story, encoding="utf-8")
        wish = Wish(name=str(file), seed=3, exercise=exercise, dry=True)
        return plan_of(wish, profile, now_ms=START_MS, default_seed=1)


def run(profile: Profile, with_drill: bool) -> Found:
    plan, beside = planned(profile, LIVE, None), planned(profile, DRILL_STORY, DRILL)
    live, drill = plan.stream(profile), beside.stream(profile)
    time = beside.drill_time(profile, drill)
    runner, chance = Runner(profile, plan.start_ms, tick_every_ms=TICK_MS), random.Random(5)
    for second in range(1, LIVE_S + 1):
        runner.advance(1_000)
        own: list[Native] = [(one.centre, *encode(profile, one)) for one in live.take(runner.now_ms)]
        others: list[Emit] = []
        if with_drill:
            assert time is not None
            upto_ms = beside.start_ms + second * SPEED * 1_000
            for one in time.among(drill.take(upto_ms), upto_ms):
                if isinstance(one, Told):
                    others.append(Emit(f"raw.{one.centre}", drill_clock.KEY, one.value, one.partition))
                else:
                    others.append(Emit(f"raw.{one.centre}", *encode(profile, one, DRILL)))
            # a replay has the very ids of live messages, and somebody tells a time that cannot be
            others += [Emit(f"raw.{centre}", key, formats.mark(centre, value, DRILL)) for centre, key, value in own]
            others.append(Emit("raw.tinh", drill_clock.KEY, b'{"exercise":"d"}', second % 4))
        for emit in mixed([Emit(f"raw.{centre}", key, value) for centre, key, value in own], others, chance):
            runner.put(emit)
        runner.settle()
    runner.advance(15_000)
    return collect(runner)


def mixed(one: list[T], other: list[T], chance: random.Random) -> list[T]:
    """Both in their own order, interleaved."""
    places = [True] * len(one) + [False] * len(other)
    chance.shuffle(places)
    first, second = iter(one), iter(other)
    return [next(first) if mine else next(second) for mine in places]


def collect(runner: Runner) -> Found:
    drill: Counter[str] = Counter()

    def live(topic: str, decode: Any) -> list[Any]:
        values = [r.value for r in runner.records(topic) if r.value is not None and not (r.key or b"").startswith(b"@")]
        found = [decode(value) for value in values]
        mine = [one for one in found if not one.exercise]  # None or UNSET
        drill[topic] += len(found) - len(mine)
        return mine

    feeds: dict[str, list[FeedHealth]] = {}
    for record in runner.records("feeds"):
        if (record.key or b"").startswith(b"@"):
            continue
        health = codec.decode_feed(record.value or b"")
        known = feeds.setdefault(health.key, [])
        if not known or timeless(known[-1]) != timeless(health):
            known.append(health)
    totals: Counter[str] = Counter()
    for cell in runner.cells:
        if isinstance(cell.step, IntakePartition):
            found = cell.step.totals
            totals.update(events=found.events, dead=found.dead - found.unattributed, duplicates=found.duplicates)
    marked = [b"dien_tap" in b or b'"exercise"' in b for b in (b64decode(one.sample_b64) for one in runner.dead())]
    drill["dead"] += sum(marked)
    parts: dict[str, Any] = {
        "alerts": [timely(one) for one in live("alerts", codec.decode_alert)],
        "log": [timely_line(one) for one in live("alert-log", codec.decode_log_entry)],
        "rollups": sorted(msgspec.json.encode(one) for one in live("rollups", codec.decode_rollup)),
        "events": live("events", codec.decode_event),
        "feeds": {key: [timeless(one) for one in each] for key, each in feeds.items()},
        "totals": totals,
    }
    return Found(parts | pictured(runner), drill, runner)


def later(runner: Runner) -> tuple[dict[str, Counter[str]], int]:
    """Let time pass, and count what is live: lines of the log, and what the desk was told and keeps; also how
    many of them are not."""
    runner.tick_every_ms = LATER_TICK_MS
    runner.advance(LATER_MS)
    parts: dict[str, Counter[str]] = {topic: Counter() for topic in ("alert-log", "desk-inputs", "remembered")}
    [desk] = [cell for cell in runner.cells if cell.topic == "desk-inputs"]
    found = [
        (topic, (record.key or b"").decode(), record.value or b"")
        for (topic, _), records in runner.bus.items()
        for record in records
        if topic in parts
    ]
    found += [("remembered", key, value) for key, value in desk.checkpoint.items()]
    drills = 0
    for topic, key, value in found:
        if DRILL in key or DRILL.encode() in value or key == DRILL_NUMBER:
            drills += 1
            continue
        told = msgspec.json.decode(value) if value else {}
        told = told if isinstance(told, dict) else {}
        words = (str(told[name]) for name in SAID if told.get(name) is not None)
        parts[topic][" ".join((key, *words))] += 1
    return parts, drills


def timely(alert: Alert) -> Alert:
    """Without the moments at which the province knew; of a silence they are the moments that it is judged by."""
    alert = replace(alert, raised_ms=0, updated_ms=0, late_s=0.0)
    silence = alert.reason == "NO_HEARTBEAT"
    return replace(alert, observed_ms=alert.observed_ms // READ_MS if silence else alert.observed_ms)


def timely_line(entry: LogEntry) -> LogEntry:
    return replace(entry, at_ms=0, event_ms=0 if entry.reason == "NO_HEARTBEAT" else entry.event_ms)


def timeless(health: FeedHealth) -> FeedHealth:
    return replace(health, updated_ms=0, watermark_ms=None)


def pictured(runner: Runner) -> dict[str, Any]:
    """What the wall is told."""
    topics = runner.topics
    layout = Layout(tuple((name, topics.partitions(name)) for name in ("alerts", "feeds", "events", "rollups")))
    hub = Hub(layout, "e", [0] * layout.size)
    for index, place in enumerate(layout.pairs()):
        for record in runner.bus.get(place, []):
            hub.apply(index, record.offset, record.key, record.value)
    shown = hub.snapshot()

    def view(feed: FeedView) -> FeedView:
        return replace(feed, watermark_ms=None)

    return {
        "wall alerts": {one.id: timely(one) for one in shown.alerts},
        "wall feeds": {one.key: view(one) for one in shown.feeds},
        "wall readings": {one.key: (one.time_ms, one.received_ms, bytes(one.data)) for one in shown.readings},
        "wall minutes": {one.key: one.events for one in shown.minutes},
    }


@lru_cache(maxsize=1)
def alone() -> tuple[Profile, Found]:
    profile = load_profile("dongnai-2023")
    return profile, run(profile, with_drill=False)


def touched() -> tuple[set[str], Found, Found]:
    """Which live parts are other ones with the drill."""
    profile, before = alone()
    after = run(profile, with_drill=True)
    return {name for name, part in before.parts.items() if part != after.parts[name]}, before, after


@pytest.mark.timeout(300)
def test_nothing_live_is_touched() -> None:
    differs, before, after = touched()
    assert not differs
    assert {one.rule for one in before.parts["alerts"]} >= {"hydro-level", "traffic-injury", "source-silent"}
    assert {one.state for each in before.parts["feeds"].values() for one in each} >= {"on_time", "slow", "silent"}
    assert before.drill == Counter()
    silent = {(one.centre, one.exercise) for one in after.runner.alerts().values() if one.rule == "source-silent"}
    assert ("bien-hoa", DRILL) in silent, "the drill has silences of its own"
    assert after.drill["events"] > 3 * len(before.parts["events"]) > 1_000
    assert min(after.drill[topic] for topic in ("alerts", "alert-log", "rollups", "dead")) > 10
    parts, drills = later(before.runner)
    touched_parts, with_drills = later(after.runner)
    assert touched_parts == parts
    assert with_drills > drills == 0
    assert any("summoned" in line for line in parts["alert-log"]), "people were called meanwhile"
    assert all(parts.values())


def _shows_all(hub: Hub, index: int, offset: int, key: bytes, value: bytes | None) -> None:
    if value is not None and not key.startswith(b"@"):
        hub._note("alert", hub._alerts.apply(key.decode(), codec.decode_alert(value)), index, offset)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("planted", ["health", "objects", "picture"])
def test_a_planted_leak_is_found(planted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    alone()
    if planted == "health":
        monkeypatch.setattr(Mapper, "of_drill", lambda self, native: False)
        expected = {"feeds", "wall feeds", "totals"}
    elif planted == "objects":
        same = board.watched_key
        for module in (board, signals):
            monkeypatch.setattr(module, "watched_key", lambda rule, centre, obj, drill: same(rule, centre, obj, None))
        expected = {"alerts", "log", "wall alerts"}
    else:
        monkeypatch.setattr(Hub, "_alert", _shows_all)
        expected = {"wall alerts"}
    assert touched()[0] >= expected
