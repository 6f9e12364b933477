"""On a real system: a drill at sixty times the speed beside live traffic touches nothing live; the live traffic is
recorded, and its replay as a drill raises the same alerts and touches nothing live either."""

from __future__ import annotations

import asyncio
import json
import stat
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from ioc.adapters.clock import now_ms
from ioc.adapters.kafka import new_reader, read_to_end
from ioc.domain.desk_commands import is_about_desk
from ioc.domain.times import rfc3339
from ioc.wire import codec
from ioc.wire.topics import Topics
from tests.system import ROOT, System, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

LIVE_S = 40
ACCIDENTS = 2  # live, in one area: they make a live incident, beside the same accidents of the drill
CENTRES = ("bien-hoa", "long-khanh", "tinh")
LIVE = f"""
title_vi = "a"
title_en = "b"
duration_s = {LIVE_S}
rate = 8

[[incident]]
kind = "accident"
at_s = 12
site = "CAM-LK-006"
injured = 2

[[incident]]
kind = "accident"
at_s = 16
site = "CAM-LK-005"
injured = 1
"""
DRILL = """
title_vi = "a"
title_en = "b"
start = "2023-08-10T09:00:00+07:00"
duration_s = 2400
rate = 3

[[incident]]
kind = "accident"
at_s = 120
every_s = 600
site = "CAM-LK-006"
injured = 2

[[incident]]
kind = "river_surge"
at_s = 300
site = "BIENHOA"
level_m = 3.0
rise_s = 300
hold_s = 600
fall_s = 300

[[fault]]
kind = "duplicate"
share = 0.5
after_s = 5
"""


class Seen(msgspec.Struct):
    """What stands on the bus, live and of drills apart."""

    alerts: Counter[str] = msgspec.field(default_factory=Counter)  # rule → alerts, live
    drilled: Counter[str] = msgspec.field(default_factory=Counter)  # rule → alerts, of drills
    logged: set[str] = msgspec.field(default_factory=set)  # alerts with a live line of the audit trail
    grouped: set[str] = msgspec.field(default_factory=set)  # alerts that a live incident says it has
    desk: Counter[str] = msgspec.field(default_factory=Counter)  # word → live lines about something of the desk
    ids: set[str] = msgspec.field(default_factory=set)  # alerts that are live
    counted: int = 0  # events in live rollups of a minute
    accepted: int = 0
    others: int = 0  # duplicates, refusals and clocks in the health of the feeds
    states: set[str] = msgspec.field(default_factory=set)


async def look(system: System, as_live: frozenset[str] = frozenset()) -> Seen:
    """Read the bus; drills that are named in ``as_live`` are taken for live ones (a planted mistake)."""
    topics, seen = Topics("ioc.", CENTRES), Seen()
    reader = new_reader(system.environ["IOC_KAFKA"])
    await reader.start()
    newest: dict[str, tuple[int, int]] = {}
    feeds: dict[str, Any] = {}
    known: set[str] = set()
    try:
        for topic in ("alerts", "alert-log", "rollups", "feeds"):
            places = [TopicPartition(topics.name(topic), p) for p in range(topics.partitions(topic))]
            async for record in read_to_end(reader, places):
                value = record.value
                if value is None or (record.key or b"").startswith(b"@"):
                    continue
                if topic == "alerts":
                    alert = codec.decode_alert(value)
                    live = alert.exercise is None or alert.exercise in as_live
                    if alert.id not in known:  # compaction may have left any of its versions
                        (seen.alerts if live else seen.drilled)[alert.rule] += 1
                    known.add(alert.id)
                    if live:
                        seen.ids.add(alert.id)
                elif topic == "alert-log":
                    entry = codec.decode_log_entry(value)
                    if entry.exercise is not None and entry.exercise not in as_live:
                        continue
                    if not is_about_desk(entry):
                        seen.logged.add(entry.alert_id)
                        continue
                    seen.desk[entry.what] += 1
                    if entry.what == "incident-joined":
                        seen.grouped.update(entry.detail.rsplit("alerts=", 1)[1].split(","))
                elif topic == "rollups":
                    rollup = codec.decode_rollup(value)
                    live = rollup.exercise is None or rollup.exercise in as_live
                    if live and rollup.window_ms == 60_000 and rollup.revision > newest.get(rollup.key, (-1, 0))[0]:
                        newest[rollup.key] = (rollup.revision, rollup.n)
                else:
                    feeds[(record.key or b"").decode()] = codec.decode_feed(value)
    finally:
        await reader.stop()
    seen.counted = sum(n for _, n in newest.values())
    seen.accepted = sum(one.accepted for one in feeds.values())
    seen.others = sum(one.duplicates + one.rejected + one.late + one.too_late for one in feeds.values())
    seen.states = {one.state for one in feeds.values()}
    return seen


def leaks(seen: Seen, sent: int, shown: int) -> list[str]:
    """What of the live picture is not explained by the live messages alone."""
    found = []
    if seen.counted != sent:
        found.append(f"rollups count {seen.counted} events, {sent} were sent live")
    if seen.accepted != sent or seen.others:
        found.append(f"feeds count {seen.accepted} + {seen.others}, {sent} were sent live")
    if dict(seen.alerts).get("traffic-injury") != ACCIDENTS or "hydro-level" in seen.alerts:
        found.append(f"live alerts are {dict(seen.alerts)}")
    if seen.logged != seen.ids:
        found.append(f"only in the live audit trail or only alerts: {sorted(seen.logged ^ seen.ids)}")
    if not seen.grouped or not seen.grouped <= seen.ids or "flood-began" in seen.desk:
        found.append(f"the live desk: {dict(seen.desk)}, incidents of {sorted(seen.grouped - seen.ids)}")
    if seen.states & {"clock_skewed", "duplicating"}:
        found.append(f"feeds look {seen.states}")
    if shown != len(seen.ids):
        found.append(f"the wall has {shown} alerts, {len(seen.ids)} are live")
    return found


def shown_alerts(system: System) -> int:
    """How many alerts are in the picture that every wall gets, by the gateway's own metrics."""
    with urllib.request.urlopen(f"{system.base}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return next(int(float(line.split()[-1])) for line in lines if line.startswith('ioc_hub_entities{kind="alerts"}'))


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    started = System(tmp_path_factory.mktemp("replay") / "state", demo=False, IOC_CANARY_S="2").start()
    try:
        yield started
    finally:
        started.stop()


def test_drills_and_replays_touch_nothing_live(system: System, tmp_path: Path) -> None:
    live, drill = tmp_path / "live.toml", tmp_path / "drill.toml"
    live.write_text(LIVE, encoding="utf-8")
    drill.write_text(DRILL, encoding="utf-8")
    begun = rfc3339(now_ms())
    book, file = tmp_path / "ledger.jsonl", tmp_path / "span.jsonl.gz"

    arguments = [sys.executable, "-m", "ioc.cli", "sim", "run", str(live), "--ledger", str(book), "--json"]
    playing = subprocess.Popen(arguments, cwd=ROOT, env=system.environ, stdout=subprocess.DEVNULL)
    try:
        beside = system.cli(
            *("sim", "run", str(drill), "--exercise", "drill-7", "--speed", "60", "--json"), check=False, limit_s=200
        )
        assert playing.wait(120) == 0
    finally:
        if playing.poll() is None:
            playing.kill()
    drilled = json.loads(beside.stdout)
    sent = len(book.read_text().splitlines())
    assert drilled["acked"] > 2 * sent > 200

    def clean() -> bool:
        found = leaks(asyncio.run(look(system)), sent, shown_alerts(system))
        if found:
            raise ValueError(str(found))  # not there yet; a leak stays
        return True

    until("the live picture to be what the live messages say", clean, 90, 1.0)
    seen = asyncio.run(look(system))
    assert seen.drilled["traffic-injury"] >= 1
    assert seen.drilled["hydro-level"] >= 1
    planted = leaks(asyncio.run(look(system, frozenset({"drill-7"}))), sent, shown_alerts(system))
    assert len(planted) >= 3, "a drill that is taken for live is noticed"

    made = json.loads(system.cli("record", "--from", begun, "-o", str(file), "--json", limit_s=60).stdout)
    assert made["messages"] == sent
    assert made["left_out"]["messages of drills"] >= drilled["acked"]
    assert made["left_out"]["clocks of drills"] > 100
    assert made["alerts"] >= 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "exists already" in system.cli("record", "--from", begun, "-o", str(file), check=False).stderr

    once = ("replay", str(file), "--exercise", "replay-1", "--speed", "20", "--json")
    replayed = system.cli(*once, check=False, limit_s=200)
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    result = json.loads(replayed.stdout)
    assert (result["sent"], result["acked"], result["skipped"]) == (sent, sent, {})
    injuries = [one for one in result["verdict"]["findings"] if one["what"].startswith("traffic-injury")]
    assert [one["kind"] for one in injuries] == ["met"] * ACCIDENTS
    again = system.cli(*once, check=False)
    assert again.returncode == 2
    assert "drill 'replay-1' has alerts already" in again.stderr
    dry = json.loads(system.cli("replay", str(file), "--dry", "--json", limit_s=200).stdout)
    assert [one["kind"] for one in dry["verdict"]["findings"]] == [one["kind"] for one in result["verdict"]["findings"]]

    until("the live picture to be as before", clean, 60, 1.0)
    after = asyncio.run(look(system))
    assert after.alerts["traffic-injury"] == ACCIDENTS
    assert after.drilled["traffic-injury"] == seen.drilled["traffic-injury"] + ACCIDENTS
    assert after.grouped == seen.grouped, "a drill's alerts join no live incident"


def test_a_span_that_is_empty_or_deleted_is_refused(system: System, tmp_path: Path) -> None:
    empty = system.cli("record", "--from", "2020-01-01", "--to", "2020-01-02", "-o", str(tmp_path / "a"), check=False)
    assert empty.returncode == 2
    assert "nothing arrived between" in empty.stderr
    assert not list(tmp_path.iterdir())

    async def delete() -> TopicPartition:
        topics = Topics("ioc.", CENTRES)
        places = [TopicPartition(topics.name("raw.bien-hoa"), p) for p in range(topics.partitions("raw.bien-hoa"))]
        reader = new_reader(system.environ["IOC_KAFKA"])
        await reader.start()
        ends = await reader.end_offsets(places)
        await reader.stop()
        place = max(places, key=lambda one: ends[one])
        admin = AIOKafkaAdminClient(bootstrap_servers=system.environ["IOC_KAFKA"])
        await admin.start()
        await admin.delete_records({place: RecordsToDelete(before_offset=3)})
        await admin.close()
        return place

    place = asyncio.run(delete())
    refused = system.cli("record", "--from", "1h", "-o", str(tmp_path / "b"), check=False)
    assert refused.returncode == 2
    assert f"{place.topic}/{place.partition}: offsets 0 to 2, before " in refused.stderr
    assert "What is whole begins at --from " in refused.stderr
    since = refused.stderr.rsplit("--from ", 1)[1].split()[0]
    rest = json.loads(system.cli("record", "--from", since, "-o", str(tmp_path / "c.jsonl"), "--json").stdout)
    assert rest["messages"] > 0
