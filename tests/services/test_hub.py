"""The hub and its viewers, case by case; the property that binds them is in ``test_hub_property.py``."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest

from ioc.domain import detect_counters
from ioc.domain.detect_counters import Counters
from ioc.domain.measures import FeedState
from ioc.services.hub import READ_BACK_MS, Changes, Hub
from ioc.services.picture import KEEP_MS, MINUTE_MS, merge_feed
from ioc.services.viewer import FrameCache, Viewer
from ioc.wire import codec, positions, progress
from ioc.wire.codec import encode
from ioc.wire.frames import Since
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

ALERTS, FEEDS, EVENTS, ROLLUPS = (LAYOUT.indices(name)[0] for name in ("alerts", "feeds", "events", "rollups"))


class Feeder:
    """A hub and the offsets of its partitions."""

    def __init__(self, **options: Any) -> None:
        start = options.pop("start", [0] * LAYOUT.size)
        self.hub = Hub(LAYOUT, EPOCH, start, **options)
        self.offsets = list(start)

    def put(self, index: int, *records: Record) -> None:
        for record in records:
            self.hub.apply(index, self.offsets[index], *record)
            self.offsets[index] += 1

    def resume(self, pos: str) -> Any:
        return self.hub.resume(Since(epoch=EPOCH, pos=pos))


def ids(changes: Any) -> list[str]:
    assert isinstance(changes, Changes), changes
    return [alert.id for alert in changes.alerts]


def test_late_events_of_a_feed_are_those_of_all_its_partitions() -> None:
    feeder = Feeder()
    feeder.put(FEEDS, feed_record("c", 0, 5, late=2, too_late=1), feed_record("c", 1, 5, late=3))
    assert feeder.hub.late() == {"c/rain": (5, 1)}


def test_private_keys_of_alerting_are_not_alerts() -> None:
    feeder = Feeder()
    feeder.put(ALERTS, (b"@position", b"12"), (b"@command|x", b"{}"), alert_record("A-1", 1))
    assert ids(feeder.hub.snapshot()) == ["A-1"]
    assert not feeder.hub.skipped


def test_what_jobs_say_of_themselves_is_beside_the_picture() -> None:
    feeder = Feeder()
    before = feeder.hub.snapshot()
    said = Counters(records=9, out_of_turn=2)
    feeder.put(FEEDS, (detect_counters.key_of(3), encode(said)), (detect_counters.key_of(4), None))
    feeder.put(EVENTS, (progress.KEY, progress.encode(progress.Progress(read_ms={"c": {0: 5}}))))
    assert feeder.hub.detected == {detect_counters.key_of(3): said}
    assert feeder.hub.snapshot() == before
    assert not feeder.hub.skipped


def test_records_that_cannot_be_read_cost_nothing_but_the_position() -> None:
    feeder = Feeder()
    before = feeder.hub.pos
    feeder.put(ALERTS, (b"A-1", b"{"), (b"\xff", b"{}"), (b"A-2", b"[]"))
    feeder.put(EVENTS, (b"k", b"\x00"), (b"k", None), event_record("R1", 0, 1, time="yesterday"))
    assert feeder.hub.snapshot() == Changes([], [], [], [], {})
    assert feeder.hub.pos != before
    assert dict(feeder.hub.skipped) == {"alerts": 3, "events": 2}


def test_a_record_that_was_read_before_is_ignored() -> None:
    feeder = Feeder()
    feeder.put(ALERTS, alert_record("A-1", 1), alert_record("A-1", 2))
    pos = feeder.hub.pos
    feeder.hub.apply(ALERTS, 0, *alert_record("A-1", 1))
    assert feeder.hub.pos == pos
    alert = feeder.hub.alert("A-1")
    assert alert is not None
    assert alert.version == 2


def test_drills_and_heartbeats_stay_out_of_the_live_picture() -> None:
    feeder = Feeder()
    feeder.put(
        EVENTS, event_record("R1", 0, 1, exercise="drill-7"), event_record("BIEN-HOA", 0, 1, type_="source.heartbeat")
    )
    feeder.put(ROLLUPS, rollup_record("rain", 0, 1, 5, exercise="drill-7"))
    assert feeder.hub.snapshot() == Changes([], [], [], [], {})


def test_minutes_add_up_the_newest_revisions_of_one_minute_windows() -> None:
    feeder = Feeder()
    feeder.put(ROLLUPS, rollup_record("rain", 0, 1, 5), rollup_record("hydro", 0, 1, 2), rollup_record("rain", 0, 3, 7))
    feeder.put(ROLLUPS, rollup_record("rain", 0, 2, 100), rollup_record("air", 0, 1, 50, window_ms=600_000))
    [minute] = feeder.hub.snapshot().minutes
    assert (minute.key, minute.events) == (f"bien-hoa/{BASE_MS}", 9)


def test_minutes_and_readings_leave_after_an_hour_of_event_time() -> None:
    feeder = Feeder()
    feeder.put(ROLLUPS, *(rollup_record("rain", minute, 1, 1) for minute in range(70)))
    feeder.put(EVENTS, event_record("R1", 0, 1), event_record("R2", 61, 1))
    assert [minute.start_ms for minute in feeder.hub.snapshot().minutes] == [
        BASE_MS + minute * MINUTE_MS for minute in range(10, 70)
    ]
    assert [reading.site for reading in feeder.hub.snapshot().readings] == ["R2"]
    assert feeder.hub.centres_seen() == {"bien-hoa"}


def test_an_older_reading_does_not_replace_a_newer_one() -> None:
    feeder = Feeder()
    feeder.put(EVENTS, event_record("R1", 5, 50), event_record("R1", 4, 40))
    [reading] = feeder.hub.snapshot().readings
    assert json.loads(bytes(reading.data))["mm_10min"] == 50
    assert reading.received_ms == reading.time_ms + 400


def test_a_feed_is_as_good_as_the_partition_that_heard_last() -> None:
    feeder = Feeder()
    feeder.put(FEEDS, feed_record("bien-hoa", 0, 5, "silent"), feed_record("bien-hoa", 1, 7, "on_time"))
    [feed] = feeder.hub.snapshot().feeds
    assert (feed.key, feed.state, feed.accepted, feed.rate_per_min) == ("bien-hoa/rain", "on_time", 12, 4.0)
    feeder.put(FEEDS, feed_record("bien-hoa", 1, 7, "silent"))
    [feed] = feeder.hub.snapshot().feeds
    assert feed.state == "silent"
    assert feeder.hub.watermarks() == {"bien-hoa": BASE_MS}


@pytest.mark.parametrize("state", get_args(FeedState))
def test_every_state_of_a_feed_is_shown(state: FeedState) -> None:
    feeder = Feeder()
    feeder.put(FEEDS, feed_record("bien-hoa", 0, 5, state), feed_record("bien-hoa", 1, 5, "unknown"))
    [feed] = feeder.hub.snapshot().feeds
    assert feed.state == state
    assert not feeder.hub.skipped


def test_a_removed_alert_is_told_and_its_key_is_still_known() -> None:
    feeder = Feeder()
    feeder.put(ALERTS, alert_record("A-1", 1))
    seq = feeder.hub.seq
    feeder.put(ALERTS, alert_record("A-1", None))
    changes = feeder.hub.since_seq(seq)
    assert changes is not None
    assert changes.gone == {"alerts": ["A-1"]}
    assert feeder.hub.alert_key("A-1") == "hydro-level|bien-hoa|A-1"
    assert feeder.hub.alert_key("A-2") is None


def test_memory_of_removed_alerts_is_bounded_and_its_end_is_remembered() -> None:
    feeder = Feeder(tombstones_max=10)
    feeder.put(ALERTS, alert_record("A-first", 1))
    pos, seq = feeder.hub.pos, feeder.hub.seq
    for number in range(50):
        feeder.put(ALERTS, alert_record(f"A-{number}", 1), alert_record(f"A-{number}", None))
    assert feeder.hub.sizes()["tombstones"] == 10
    assert feeder.hub.since_seq(seq) is None
    assert feeder.resume(pos) == "too_old"
    assert feeder.hub.alert_key("A-0") is None


def test_a_viewer_that_is_too_far_behind_gets_a_marked_gap_and_the_picture() -> None:
    feeder = Feeder(tombstones_max=5)
    viewer, client = Viewer(FrameCache(feeder.hub)), Client()
    feeder.put(ALERTS, alert_record("A-old", 1))
    client.take(viewer.start(None, 0))
    feeder.put(ALERTS, alert_record("A-old", None))
    for number in range(20):
        feeder.put(ALERTS, alert_record(f"A-{number}", 1), alert_record(f"A-{number}", None))
    feeder.put(ALERTS, alert_record("A-new", 1))
    frames = viewer.advance(1_000)
    assert [json.loads(frame)["t"] for frame in frames] == ["gap", "snapshot_begin", "snapshot", "snapshot_end"]
    client.take(frames)
    assert client.snapshots == ["fresh", "gap"]
    assert list(client.held["alerts"]) == ["A-new"]


def test_positions_of_another_log_or_of_the_future_are_not_continued() -> None:
    feeder = Feeder()
    feeder.put(ALERTS, alert_record("A-1", 1))
    assert feeder.hub.resume(Since(epoch="other", pos=feeder.hub.pos)) == "epoch"
    ahead = list(positions.decode(feeder.hub.pos, LAYOUT.size))
    ahead[EVENTS] += 1
    assert feeder.resume(positions.encode(ahead)) == "bad_position"
    assert feeder.resume("") == "bad_position"


class TestStartInTheMiddle:
    """A hub that began to read events and rollups 75 minutes ago, as a restarted gateway does."""

    NOW_MS = BASE_MS + READ_BACK_MS

    def feeder(self) -> Feeder:
        return Feeder(
            start=[0, 0, 0, 100, 100, 100, 100],
            read_from_ms={"events": BASE_MS, "rollups": BASE_MS},
        )

    def test_a_recent_position_is_continued(self) -> None:
        feeder = self.feeder()
        feeder.put(EVENTS, event_record("R1", 1, 1), event_record("R1", 64, 2))
        feeder.put(ROLLUPS, rollup_record("rain", 1, 1, 1), rollup_record("rain", 63, 1, 1))
        pos = feeder.hub.pos
        feeder.put(ALERTS, alert_record("A-1", 1))
        assert ids(feeder.resume(pos)) == ["A-1"]

    def test_a_position_whose_last_hour_began_before_the_reading_is_too_old(self) -> None:
        feeder = self.feeder()
        feeder.put(EVENTS, event_record("R1", 1, 1))
        feeder.put(ROLLUPS, rollup_record("rain", 1, 1, 1))
        old = positions.encode(feeder.offsets)  # a picture that may hold readings from before offset 100
        feeder.put(EVENTS, event_record("R1", 64, 2))
        feeder.put(ROLLUPS, rollup_record("rain", 63, 1, 1))
        assert feeder.resume(old) == "too_old"
        assert ids(feeder.resume(feeder.hub.pos)) == []

    def test_one_topic_alone_proves_nothing_for_the_other(self) -> None:
        feeder = self.feeder()
        feeder.put(EVENTS, event_record("R1", 64, 2))
        assert feeder.resume(positions.encode(feeder.offsets)) == "too_old"

    def test_a_picture_that_may_lack_something_gives_no_position_to_resume_from(self) -> None:
        feeder = self.feeder()
        feeder.put(EVENTS, event_record("R1", 1, 1))
        complete = Feeder()
        complete.put(EVENTS, *(event_record("R1", 0, number) for number in range(200)))
        assert complete.resume(feeder.hub.pos) == feeder.resume(feeder.hub.pos) == "bad_position"

    def test_a_topic_that_was_read_from_its_first_record_needs_no_proof(self) -> None:
        feeder = Feeder(read_from_ms={"events": None, "rollups": None})
        feeder.put(EVENTS, event_record("R1", 1, 1))
        assert ids(feeder.resume(positions.encode([0] * LAYOUT.size))) == []

    def test_the_hour_fits_into_what_is_read_back(self) -> None:
        assert READ_BACK_MS >= KEEP_MS + 10 * MINUTE_MS


class TestFrames:
    def test_viewers_at_one_place_share_the_bytes(self) -> None:
        feeder = Feeder()
        cache = FrameCache(feeder.hub)
        viewers = [Viewer(cache) for _ in range(3)]
        for viewer in viewers:
            viewer.start(None, 0)
        feeder.put(ALERTS, alert_record("A-1", 1))
        frames = [viewer.advance(10)[0] for viewer in viewers]
        assert frames[0] is frames[1] is frames[2]

    def test_a_snapshot_is_shared_for_half_a_second_and_continued_from_where_it_stood(self) -> None:
        feeder = Feeder()
        cache, client = FrameCache(feeder.hub), Client()
        feeder.put(ALERTS, alert_record("A-1", 1))
        Viewer(cache).start(None, 0)
        feeder.put(ALERTS, alert_record("A-1", 2))
        late = Viewer(cache)
        client.take(late.start(None, 400))
        assert client.held["alerts"]["A-1"]["version"] == 1
        client.take(late.advance(450))
        assert client.held["alerts"]["A-1"]["version"] == 2
        fresh = Client()
        fresh.take(Viewer(cache).start(None, 600))
        assert fresh.held["alerts"]["A-1"]["version"] == 2

    def test_a_gap_never_ends_in_a_snapshot_that_is_a_gap_again(self) -> None:
        feeder = Feeder(tombstones_max=1)
        cache = FrameCache(feeder.hub)
        viewer, client = Viewer(cache), Client()
        client.take(viewer.start(None, 0))
        feeder.put(ALERTS, alert_record("A-1", 1), alert_record("A-1", None), alert_record("A-2", 1))
        Viewer(cache).start(None, 10)  # the snapshot of now is kept for half a second
        feeder.put(ALERTS, alert_record("A-2", None), alert_record("A-3", 1), alert_record("A-3", None))
        client.take(viewer.advance(20))
        assert client.pos == feeder.hub.pos
        assert viewer.advance(30) == []
        late = Client()
        late.take(Viewer(cache).start(None, 40))
        assert late.pos == feeder.hub.pos

    def test_nothing_is_sent_when_only_the_position_moved_until_it_is_asked_for(self) -> None:
        feeder = Feeder()
        viewer, client = Viewer(FrameCache(feeder.hub)), Client()
        client.take(viewer.start(None, 0))
        feeder.put(ALERTS, (b"@position", b"1"))
        assert viewer.advance(10) == []
        assert client.pos == viewer.pos != feeder.hub.pos
        client.take(viewer.advance(20, even_if_empty=True))
        assert client.pos == viewer.pos == feeder.hub.pos

    def test_a_big_picture_comes_in_pieces(self) -> None:
        feeder = Feeder()
        feeder.put(ALERTS, *(alert_record(f"A-{number}", 1) for number in range(120)))
        frames = Viewer(FrameCache(feeder.hub)).start(None, 0)
        assert [len(json.loads(frame).get("alerts", [])) for frame in frames] == [0, 50, 50, 20, 0]
        assert max(len(frame) for frame in frames) < 65_536

    @pytest.mark.parametrize("lag_s", [None, 0.41234])
    def test_a_beat_tells_what_is_known(self, lag_s: float | None) -> None:
        feeder = Feeder()
        viewer = Viewer(FrameCache(feeder.hub))
        viewer.start(None, 0)
        beat = json.loads(viewer.beat(7, lag_s, ["database"]))
        assert beat == {
            "t": "beat",
            "server_time_ms": 7,
            "pos": viewer.pos,
            "lag_s": None if lag_s is None else 0.412,
            "watermarks": {},
            "degraded": ["database"],
        }


def test_a_feed_tells_what_came_of_what_was_expected() -> None:
    counts: tuple[dict[str, Any], ...] = (
        {"received": 58, "expected": 60.0, "conflicts": 1},
        {"received": 5, "expected": 12.4},
        {},
    )
    parts = [codec.decode_feed(feed_record("bien-hoa", n, 10, **more)[1] or b"") for n, more in enumerate(counts)]
    view = merge_feed("bien-hoa/rain", parts)
    assert (view.received, view.expected, view.conflicts, view.sporadic) == (63, 72.4, 1, False)
    assert merge_feed("bien-hoa/rain", parts[2:]).expected is None
