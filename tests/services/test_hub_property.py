"""apply(changes between P and Q, picture at P) == picture at Q, for any records, any interleaving, any resume.

Two hubs read the same partitions in different orders. The second one was restarted: it has read the compacted topics
after compaction, and events and rollups from some time on only, up to some place, and goes on from there. A client
follows one of them, leaves, and resumes at either. Whenever it has taken everything its hub has to say, it must hold
exactly the picture of its position, which an independent reading of the same records up to that position defines.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ioc.domain.times import parse_rfc3339
from ioc.services import changes, hub, picture, viewer
from ioc.services.hub import Hub
from ioc.services.viewer import FrameCache, Viewer
from ioc.wire import positions
from ioc.wire.frames import encode_frame
from tests.services.hub_records import (
    BASE_MS,
    EPOCH,
    LAYOUT,
    Client,
    Record,
    alert_record,
    event_record,
    feed_record,
    rollup_record,
)

MINUTES = st.sampled_from([0, 0, 1, 2, 59, 60, 61, 62, 130])
SMALL = st.integers(0, 3)


def _alerts(partition: int) -> st.SearchStrategy[Record]:
    ids = st.sampled_from([f"A-{partition}{letter}" for letter in "abc"])
    private = st.just((b"@position", b"7"))
    real = st.builds(alert_record, ids, st.one_of(st.none(), st.integers(1, 9)))
    return st.one_of(real, real, real, private)


HEALTH = st.builds(
    feed_record, st.sampled_from(["bien-hoa", "tinh"]), st.integers(0, 1), SMALL, st.sampled_from(["on_time", "silent"])
)
FEEDS = st.one_of(HEALTH, HEALTH, HEALTH.map(lambda record: (record[0], None)))
EVENTS = st.builds(event_record, st.sampled_from(["R1", "R2"]), MINUTES, SMALL, second=st.integers(0, 1))
ROLLUPS = st.builds(rollup_record, st.sampled_from(["rain", "hydro"]), MINUTES, SMALL, SMALL)
BROKEN = st.just((b"x", b"{"))
SOURCES = [_alerts(0), _alerts(1), FEEDS, EVENTS, EVENTS, ROLLUPS, ROLLUPS]

# What happens, in order: hub h reads its next record of partition p, the client takes what there is, or it resumes.
TAKE = st.tuples(st.just("take"), st.just(0), st.just(0))
SWITCH = st.tuples(st.just("switch"), st.integers(0, 1), st.just(0))


class Scenario(NamedTuple):
    """``kept``: replaced records that compaction left, per partition; ``cuts``: where the restarted hub was."""

    logs: list[list[Record]]
    steps: list[tuple[str, int, int]]
    cuts: list[int]
    kept: list[set[int]]
    from_minute: int
    tombstones_max: int


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    # Few topics at a time, so that what happens in them is dense.
    topics = draw(
        st.sampled_from([["alerts"], ["feeds"], ["events"], ["rollups"], ["events"], list(hub.PICTURE_TOPICS)])
    )
    used = [index for topic in topics for index in LAYOUT.indices(topic)]
    logs: list[list[Record]] = [[] for _ in SOURCES]
    for index in used:
        source = SOURCES[index]
        logs[index] = draw(st.lists(st.one_of(source, source, source, source, BROKEN), min_size=1, max_size=7))
    read = st.tuples(st.just("read"), st.integers(0, 1), st.sampled_from(used))
    steps = draw(st.lists(st.one_of(read, read, TAKE, SWITCH), min_size=4, max_size=40))
    cuts = [draw(st.integers(0, len(log))) for log in logs]
    kept = [draw(st.sets(st.integers(0, 6), max_size=1)) if log else set() for log in logs]
    from_minute = draw(st.sampled_from([-1, -1, -1, 1, 60]))
    return Scenario(logs, steps, cuts, kept, from_minute, draw(st.sampled_from([1, 2, 100, 100])))


def compacted(log: list[Record], cut: int, kept: set[int], index: int) -> list[tuple[int, Record]]:
    """What compaction left of the first ``cut`` records, with their offsets; other topics are not compacted."""
    newest = {key: offset for offset, (key, _) in enumerate(log[:cut])}
    whole = LAYOUT.pairs()[index][0] not in ("alerts", "feeds")
    return [
        (offset, record)
        for offset, record in enumerate(log[:cut])
        if whole or offset in kept or newest[record[0]] == offset or offset == cut - 1
    ]


def new_hub(tombstones_max: int = 100) -> Hub:
    return Hub(LAYOUT, EPOCH, [0] * LAYOUT.size, tombstones_max=tombstones_max)


def record_ms(record: Record) -> int:
    """When a record of events or rollups was written: at its event time."""
    try:
        value = json.loads(record[1] or b"")
    except ValueError:
        return 0
    return value["window_start_ms"] if "window_start_ms" in value else parse_rfc3339(value["time"])


def restarted_hub(scenario: Scenario) -> tuple[Hub, list[int]]:
    """The second hub after its start, and what it reads next."""
    from_ms = BASE_MS + scenario.from_minute * 60_000
    start, windowed = [0] * LAYOUT.size, [*LAYOUT.indices("events"), *LAYOUT.indices("rollups")]
    for index in windowed:
        log = scenario.logs[index]
        start[index] = next((at for at, record in enumerate(log) if record_ms(record) >= from_ms), len(log))
    whole = {topic: all(start[index] == 0 for index in LAYOUT.indices(topic)) for topic in hub.WINDOWED}
    read_from = {topic: None if whole[topic] else from_ms for topic in hub.WINDOWED}
    found = Hub(LAYOUT, EPOCH, start, read_from, tombstones_max=scenario.tombstones_max)
    cuts = [max(cut, first) for cut, first in zip(scenario.cuts, start, strict=True)]
    for index, log in enumerate(scenario.logs):
        for offset, record in compacted(log, cuts[index], scenario.kept[index], index):
            if offset >= start[index]:
                found.apply(index, offset, *record)
    return found, cuts


def picture_at(logs: list[list[Record]], pos: str) -> dict[str, dict[str, Any]]:
    """The picture that a position stands for, read anew, partition after partition."""
    fresh = new_hub()
    for index, end in enumerate(positions.decode(pos, LAYOUT.size)):
        for offset, (key, value) in enumerate(logs[index][:end]):
            fresh.apply(index, offset, key, value)
    return plain_picture(fresh)


def plain_picture(one: Hub) -> dict[str, dict[str, Any]]:
    whole = one.snapshot()
    lists: dict[str, list[Any]] = {
        "alerts": whole.alerts,
        "feeds": whole.feeds,
        "readings": whole.readings,
        "minutes": whole.minutes,
    }
    found: dict[str, dict[str, Any]] = {}
    for kind, items in lists.items():
        plain = [json.loads(encode_frame(item)) for item in items]
        found[kind] = {item["id" if kind == "alerts" else "key"]: item for item in plain}
    return found


def check(scenario: Scenario) -> None:
    logs, steps = scenario.logs, scenario.steps
    second, cuts = restarted_hub(scenario)
    hubs = [new_hub(scenario.tombstones_max), second]
    caches = [FrameCache(one) for one in hubs]
    read = [[0] * LAYOUT.size, cuts]
    client = Client()
    at, now_ms = 0, 0
    follower = Viewer(caches[0])
    client.take(follower.start(None, now_ms))
    # At the end both hubs read all the rest in opposite orders, and the client visits both.
    rest = [("read", which, index) for index in range(LAYOUT.size) for which in (0,) for _ in logs[index]]
    rest += [("read", 1, index) for index in reversed(range(LAYOUT.size)) for _ in logs[index]]
    for step, which, index in [*steps, *rest, ("switch", 1, 0), ("switch", 0, 0)]:
        now_ms += 100
        if step == "read":
            offset = read[which][index]
            if offset < len(logs[index]):
                hubs[which].apply(index, offset, *logs[index][offset])
                read[which][index] += 1
            continue
        if step == "switch":
            at, follower = which, Viewer(caches[which])
            client.take(follower.start(client.since, now_ms))
        client.take(follower.advance(now_ms, even_if_empty=True))
        client.take([follower.beat(now_ms, 0.0, [])])
        assert client.pos == hubs[at].pos
        if hubs[at].pos.startswith("1"):  # the whole picture of that position
            assert client.held == picture_at(logs, hubs[at].pos)
        else:
            assert client.held == plain_picture(hubs[at])


@settings(max_examples=1_500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scenarios())
def test_changes_lead_from_any_picture_to_the_present_one(one: Scenario) -> None:
    check(one)


def scenario(logs: dict[int, list[Record]], steps: list[tuple[str, int, int]], cuts: dict[int, int]) -> Scenario:
    places = range(LAYOUT.size)
    none: list[set[int]] = [set() for _ in places]
    return Scenario([logs.get(at, []) for at in places], steps, [cuts.get(at, 0) for at in places], none, -1, 100)


BY_HAND = {
    # An alert that the client holds was removed, and compaction left nothing of it but the tombstone.
    "compacted": scenario(
        {0: [alert_record("A-0a", 1), alert_record("A-0a", None)]},
        [("read", 0, 0), ("take", 0, 0), ("switch", 1, 0)],
        {0: 2},
    ),
    # The client has the second of two summands of a minute, its new hub read the first one before the second.
    "crossed": scenario(
        {5: [rollup_record("rain", 0, 1, 2)], 6: [rollup_record("hydro", 0, 1, 3)]},
        [("read", 0, 6), ("take", 0, 0), ("read", 1, 5), ("read", 1, 6), ("switch", 1, 0)],
        {},
    ),
    # A reading that its new hub reads only after the window has moved beyond it.
    "late": scenario(
        {3: [event_record("R1", 61, 1)], 4: [event_record("R2", 0, 1)]},
        [("read", 0, 4), ("take", 0, 0), ("read", 1, 4), ("switch", 1, 0)],
        {3: 1},
    ),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_rare_ways(name: str) -> None:
    check(BY_HAND[name])


# --- the same check must fail when something is wrong ---


def only_the_last_stamp(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remembers one (partition, offset) per entity instead of one per partition."""
    right = changes.ChangeLog.note

    def note(self: Any, key: Any, seq: int, index: int, offset: int, *, gone: bool = False) -> None:
        if key in self._entries:
            self._entries[key].stamps.clear()
        right(self, key, seq, index, offset, gone=gone)

    monkeypatch.setattr(changes.ChangeLog, "note", note)


def forgets_silently(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drops old tombstones without remembering that it did."""

    def forget(self: Any, key: Any) -> None:
        del self._tombstones[key]
        self._entries.pop(key)

    monkeypatch.setattr(changes.ChangeLog, "_forget", forget)


def latest_by_arrival(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reading that was read last wins, which depends on the interleaving."""
    right = picture.Readings.apply

    def apply(self: Any, *args: Any) -> Any:
        self._order.clear()
        return right(self, *args)

    monkeypatch.setattr(picture.Readings, "apply", apply)


def tombstones_of_the_unseen_are_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Says nothing of a removed alert whose life compaction had already taken out of the log."""
    right = picture.Alerts.apply

    def apply(self: Any, key: str, alert: Any) -> Any:
        return [] if alert is None and key not in self.live else right(self, key, alert)

    monkeypatch.setattr(picture.Alerts, "apply", apply)


def what_comes_too_old_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Says nothing of a reading that arrives after the window has left it."""
    right = picture.Readings.apply

    def apply(self: Any, index: int, offset: int, event: Any, time_ms: int) -> Any:
        touched = right(self, index, offset, event, time_ms)
        return touched[:-1] if time_ms <= self._after_ms and touched and touched[-1][1] else touched

    monkeypatch.setattr(picture.Readings, "apply", apply)


def resumes_without_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    """A restarted hub continues positions whose last hour it has not read."""
    monkeypatch.setattr(hub.Hub, "_see", lambda self, *args: self._witness.clear())


def passes_a_part_for_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A restarted hub hands out positions for a picture that lacks what it has not read."""
    monkeypatch.setattr(hub.positions, "encode_partial", positions.encode)


def expiry_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Minutes that leave the hour vanish here but not at the client."""
    right = picture.Minutes.apply

    def apply(self: Any, *args: Any) -> Any:
        return [(key, gone) for key, gone in right(self, *args) if not gone]

    monkeypatch.setattr(picture.Minutes, "apply", apply)


def moves_without_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes a viewer forward although its client was not told."""
    right = viewer.Viewer.advance

    def advance(self: Any, now_ms: int, *, even_if_empty: bool = False) -> list[bytes]:
        frames = right(self, now_ms)
        self._seq, self.pos = self._hub.seq, self._hub.pos
        return frames

    monkeypatch.setattr(viewer.Viewer, "advance", advance)


def trusts_the_future(monkeypatch: pytest.MonkeyPatch) -> None:
    """Continues from positions that this hub has not reached itself."""
    monkeypatch.setattr(hub.positions, "at_most", lambda left, right: True)


@pytest.mark.parametrize(
    "plant",
    [
        only_the_last_stamp,
        forgets_silently,
        latest_by_arrival,
        tombstones_of_the_unseen_are_nothing,
        what_comes_too_old_is_nothing,
        resumes_without_proof,
        passes_a_part_for_the_whole,
        expiry_is_not_told,
        moves_without_a_frame,
        trusts_the_future,
    ],
    ids=lambda plant: plant.__name__,
)
def test_the_check_finds_a_planted_bug(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    generated = settings(
        max_examples=2_000,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )(given(scenarios())(check))

    def search() -> None:
        for one in BY_HAND.values():  # what chance finds only now and then
            check(one)
        generated()

    with pytest.raises((AssertionError, KeyError)):
        search()
