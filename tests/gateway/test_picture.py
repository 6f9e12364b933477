"""The picture over real sockets: snapshot, deltas, resume, beats, and clients that do not read."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest

from ioc.adapters.websocket import Health
from ioc.wire import positions
from ioc.wire.topics import Topics
from tests.gateway.harness import Running, Wall, eventually, running
from tests.services.hub_records import alert, event_record, feed_record, rollup_record


def fill(gateway: Running, minutes: int = 3) -> None:
    gateway.bus.put_alert(alert("A-1"))
    gateway.bus.put("feeds", feed_record("bien-hoa", 0, 5))
    for minute in range(minutes):
        gateway.bus.put("events", event_record("R1", minute, minute))
        gateway.bus.put("rollups", rollup_record("rain", minute, 1, 10 + minute))


async def test_a_new_client_gets_the_whole_picture_and_then_changes(gateway: Running) -> None:
    fill(gateway)
    async with gateway.wall() as wall:
        assert [frame["t"] for frame in wall.frames[1:]] == [
            "snapshot_begin",
            *["snapshot"] * 4,
            "snapshot_end",
            "beat",
        ]
        assert wall.client.snapshots == ["fresh"]
        held = wall.client.held
        assert list(held["alerts"]) == ["A-1"]
        assert held["feeds"]["bien-hoa/rain"]["accepted"] == 5
        assert held["readings"]["bien-hoa/rain/R1/rain.gauge"]["data"]["mm_10min"] == 2
        assert [minute["events"] for minute in held["minutes"].values()] == [10, 11, 12]
        gateway.bus.put("events", event_record("R1", 4, 9))
        gateway.bus.put("events", event_record("R1", 5, 10))
        delta = await wall.hear("delta")
        assert [reading["data"]["mm_10min"] for reading in delta["readings"]] == [10]
        assert "alerts" not in delta
        gateway.bus.put_alert(None, "A-1", alert("A-1").key)
        await wall.until(lambda frame: frame["t"] == "delta" and bool(frame.get("gone")))
        assert held["alerts"] == {}


async def test_an_alert_does_not_wait_for_the_next_tick(gateway: Running) -> None:
    waits = []
    async with gateway.wall() as wall:
        for version in range(1, 12):
            started = time.perf_counter()
            gateway.bus.put_alert(alert("A-1", version))
            await wall.hear("delta")
            waits.append(time.perf_counter() - started)
    assert sorted(waits)[len(waits) // 2] < 0.06, waits


async def test_a_client_resumes_without_a_gap(gateway: Running) -> None:
    fill(gateway)
    async with gateway.wall() as wall:
        since = {"epoch": gateway.bus.hub.epoch, "pos": wall.client.pos or ""}
        held = wall.client.held
    gateway.bus.put_alert(alert("A-1", 2))
    gateway.bus.put_alert(alert("A-2"))
    async with gateway.socket() as again:
        again.client.held = held
        await again.sign_in(await gateway.ticket())
        await again.subscribe(since)
        assert again.client.snapshots == []
        first = again.frames[1]
        assert (first["t"], first["prev"]) == ("delta", since["pos"])
        assert {item["id"]: item["version"] for item in first["alerts"]} == {"A-1": 2, "A-2": 1}
        assert "readings" not in first


async def test_a_resume_from_the_present_position_is_one_empty_delta(gateway: Running) -> None:
    fill(gateway)
    since = {"epoch": gateway.bus.hub.epoch, "pos": gateway.bus.hub.pos}
    async with gateway.wall(since=since) as wall:
        delta = wall.frames[1]
        assert (delta["t"], delta["prev"], delta["pos"]) == ("delta", since["pos"], since["pos"])


async def test_a_position_of_one_gateway_is_good_at_another(tmp_path: Path) -> None:
    async with running(tmp_path / "a") as first:
        fill(first)
        async with first.wall() as wall:
            since = {"epoch": first.bus.hub.epoch, "pos": wall.client.pos or ""}
        first.bus.put_alert(alert("A-2"))
        async with running(tmp_path / "b", log=first.bus.log) as second, second.wall(since=since) as wall:
            assert wall.client.snapshots == []
            assert list(wall.client.held["alerts"]) == ["A-2"]


@pytest.mark.parametrize(
    ("epoch", "pos", "reason"),
    [
        ("other", None, "epoch"),
        (None, "", "bad_position"),
        (None, "1AAAA", "bad_position"),
        (None, "9" * 5000, "bad_position"),
        (None, positions.encode([0, 1]), "bad_position"),
        (None, positions.encode([2**40] * 31), "bad_position"),
    ],
)
async def test_a_position_that_cannot_be_continued_gives_a_snapshot(
    gateway: Running, epoch: str | None, pos: str | None, reason: str
) -> None:
    assert sum(Topics("t.", ()).partitions(name) for name in ("alerts", "feeds", "events", "rollups")) == 31
    fill(gateway)
    since = {"epoch": epoch or gateway.bus.hub.epoch, "pos": gateway.bus.hub.pos if pos is None else pos}
    async with gateway.wall(since=since) as wall:
        assert wall.client.snapshots == [reason]
        assert list(wall.client.held["alerts"]) == ["A-1"]


async def test_beats_tell_lag_watermarks_and_what_is_away(gateway: Running) -> None:
    fill(gateway)
    await eventually(lambda: not gateway.gateway.health(0).degraded)
    async with gateway.wall() as wall:
        beat = wall.frames[-1]
        assert beat["lag_s"] == 0.1
        assert list(beat["watermarks"]) == ["bien-hoa"]
        assert beat["degraded"] == []
        gateway.bus.state = Health(None, ["bus"])
        gateway.skew_ms += 5_000  # the next beat is due
        beat = await wall.hear("beat")
        assert (beat["lag_s"], beat["degraded"]) == (None, ["bus"])


async def test_a_wall_hears_a_beat_at_least_every_five_seconds(gateway: Running) -> None:
    async with gateway.wall() as wall:
        started = time.perf_counter()
        await wall.hear("beat", 7)
        assert 4.0 < time.perf_counter() - started < 6.0


async def stalled(gateway: Running) -> Wall:
    """A client that has the picture and then stops reading altogether."""
    wall = await gateway.open(max_queue=1)
    await wall.sign_in(await gateway.ticket())
    await wall.say({"t": "subscribe", "channels": ["wall"]})
    await wall.hear("beat")
    wall.socket.transport.pause_reading()
    return wall


async def test_a_client_that_stops_reading_is_closed_and_nobody_else_notices(gateway: Running) -> None:
    """Fifty sockets that never read: closed within 10 s of the first frame they do not take, memory stays flat."""
    live = gateway.gateway.live
    assert live is not None
    dead = [await stalled(gateway) for _ in range(50)]
    waits: list[float] = []
    async with gateway.wall() as honest:
        started = time.perf_counter()
        sent = 0
        while len(live._connections) > 1 and time.perf_counter() - started < 25:
            # About 0.4 MB of changes a second: every site reports long texts.
            note = "x" * 2_000
            for site in range(30):
                gateway.bus.put("events", event_record(f"S{site}", 0, sent, data={"note": note, "n": sent}))
            at = time.perf_counter()
            await honest.until(lambda frame: frame["t"] == "delta")
            waits.append(time.perf_counter() - at)
            sent += 1
            buffered = [c._ws.transport.get_write_buffer_size() for c in live._connections]
            assert max(buffered) < 300_000, "more than one frame waits in a connection"
            assert all(len(c._outbox) <= 100 for c in live._connections)
        took = time.perf_counter() - started
        assert len(live._connections) == 1, "stalled clients are still connected"
        held = honest.client.held["readings"]
        assert {item["data"]["n"] for item in held.values()} == {sent - 1}
    assert took < 20, f"closed only after {took:.1f} s"
    assert sorted(waits)[int(len(waits) * 0.95)] < 0.6, sorted(waits)[-5:]
    assert 'ioc_live_closed_total{code="4008"} 50.0' in (await gateway.http.get("/metrics")).text
    for wall in dead:
        wall.socket.transport.abort()


async def test_a_slow_client_gets_the_newest_state_and_every_alert(gateway: Running) -> None:
    """It reads one frame a second; readings coalesce, no alert is missing, and it ends at the present."""
    async with gateway.socket(max_queue=1) as slow:
        await slow.sign_in(await gateway.ticket())
        await slow.say({"t": "subscribe", "channels": ["wall"]})
        frames = 0
        for step in range(40):
            gateway.bus.put_alert(alert(f"A-{step}"))
            gateway.bus.put("events", event_record("R1", 0, step, data={"note": "x" * 4_000, "n": step}))
            await asyncio.sleep(0.05)
            if step % 10 == 9:
                frame = json.loads(await slow.socket.recv())
                slow.client.take_frame(frame)
                frames += 1
        await slow.until(lambda frame: len(slow.client.held["alerts"]) == 40, 10)
        await eventually(lambda: slow.client.pos == gateway.bus.hub.pos or None)
        [reading] = slow.client.held["readings"].values()
        assert reading["data"]["n"] == 39
        assert slow.client.snapshots == ["fresh"]
