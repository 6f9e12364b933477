"""A new centre with a format never seen before is one new file in the profile: no line of code changes for it.

The file is ``trang_bom.toml``: lines of text, several per Kafka record, epoch milliseconds, imperial units, own codes.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import TopicPartition

from ioc.adapters.clock import now_ms
from ioc.adapters.kafka import Producer, new_reader, read_to_end
from ioc.adapters.profiles import PROFILES, load_profile
from ioc.cli import main
from ioc.domain.events import Event
from ioc.domain.measures import FeedHealth
from ioc.domain.profile import Profile
from ioc.pipeline.effects import InRecord
from ioc.pipeline.intake import IntakePartition
from ioc.pipeline.runner import Runner
from ioc.settings import Settings
from ioc.wire import codec, progress
from ioc.wire.topics import Topics
from tests.conftest import Stack
from tests.system import ROOT, until

TABLE = Path(__file__).with_name("trang_bom.toml")
NOW = 1_698_000_000_000  # 2023-10-22T18:40:00Z: its areas still hold
RECORD = """\
TBM;L-1;{ms};LVL;017;1;32.81;-0.5;;;;;;
TBM;R-1;{ms};RN;018;;0.1;0.5;2;;;;;
TBM;T-1;{ms};TRF;X1;;1200;25;37.5;JAM;107.004;10.953;;
TBM;W-1;{ms};TMP;WX;;95;;;;;;;
TBM;V-1;{ms};RPT;DESK;;W;;;TEL;;;Trảng Bom;"vỡ ống; ngập"
TBM;H-1;{ms};HB;LINK;7;NA;;;;;;;
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The profile of the package with one file more."""
    made = shutil.copytree(PROFILES / "dongnai_2023", tmp_path / "mine")
    shutil.copy(TABLE, made / "centres" / "trang-bom.toml")
    return made


def record(ms: int) -> bytes:
    return RECORD.format(ms=ms).encode()


def data(event: Event) -> dict[str, Any]:
    return dict(msgspec.json.decode(event.data))


def check(events: list[Event], ms: int) -> None:
    """The six events of :data:`RECORD`."""
    found = {event.id: event for event in events}
    assert [event.id for event in events] == ["L-1", "R-1", "T-1", "W-1", "V-1", "H-1"]
    assert {event.centre for event in events} == {"trang-bom"}
    assert {event.time_ms for event in events} == {ms}
    assert {event.source for event in events} == {
        *("/trang-bom/hydro/SONGMAY", "/trang-bom/rain/TB-R1", "/trang-bom/traffic/TB-T1"),
        *("/trang-bom/weather/TB-W1", "/trang-bom/voices/TB-1022", "/trang-bom/heartbeat/TRANG-BOM"),
    }
    assert data(found["L-1"]) == pytest.approx({"level_m": 10.000488, "trend_m_h": -0.1524})
    assert found["L-1"].sequence == "000000000001"
    assert data(found["R-1"]) == pytest.approx({"mm_10min": 2.54, "mm_1h": 12.7, "mm_24h": 50.8})
    traffic = data(found["T-1"])
    assert traffic.pop("congested") is True
    assert traffic == pytest.approx(
        {"intensity_veh_h": 1200, "speed_km_h": 40.2336, "occupancy_ratio": 0.375, "lon": 107.004, "lat": 10.953}
    )
    assert data(found["W-1"]) == {"indicator": "AIR_TEMPERATURE", "value": 35.0, "unit": "°C"}
    said = {"channel": "phone", "field": "nước", "text": "vỡ ống; ngập", "state": "received"}
    assert data(found["V-1"]) == said
    assert data(found["H-1"])["seq"] == 7


def test_one_file_makes_a_centre(folder: Path) -> None:
    profile = load_profile(str(folder))
    assert profile.centre_ids == ("bien-hoa", "long-khanh", "tinh", "trang-bom")
    emits = IntakePartition(profile, "trang-bom", 0).step([InRecord(0, NOW + 100, b"k", record(NOW))], NOW).emits
    events = [codec.decode_event(emit.value or b"") for emit in emits]
    check(events, NOW)
    assert [event.area for event in events] == ["737"] * 6  # the report's by the name of its place
    assert emits[0].key == b"trang-bom/737/hydro"


def test_a_bad_line_is_one_dead_letter_and_the_others_pass(folder: Path) -> None:
    lines = record(NOW).decode().splitlines()
    lines[2] = lines[2].replace(";25;", ";fast;")
    lines[3] = lines[3] + ";one more cell"
    lines[5] = lines[5].replace("TBM", "BHO")
    step = IntakePartition(load_profile(str(folder)), "trang-bom", 3)
    emits = step.step([InRecord(41, NOW, b"k", "\n".join(lines).encode())], NOW).emits
    assert [emit.topic for emit in emits] == ["events", "events", "dead", "dead", "events", "dead", "alert-inputs"]
    assert emits[-1].key == b"foreign-name|trang-bom|raw/3", "another centre's name rings"
    letters = [codec.decode_dead(emit.value or b"") for emit in emits if emit.topic == "dead"]
    assert [(letter.id, letter.line, letter.code, letter.path) for letter in letters] == [
        ("raw.trang-bom/3/41/3", 3, "schema", "b"),
        ("raw.trang-bom/3/41/4", 4, "malformed", ""),
        ("raw.trang-bom/3/41/6", 6, "centre_mismatch", "org"),
    ]
    # What the letter keeps is by itself a record: mended, it goes through.
    mended = b64decode(letters[0].sample_b64).replace(b";fast;", b";25;")
    (again,) = step.step([InRecord(42, NOW, b"k", mended)], NOW).emits
    assert codec.decode_event(again.value or b"").id == "T-1"


def test_a_letter_keeps_the_line_of_names_wherever_it_stands(folder: Path) -> None:
    file = folder / "centres" / "trang-bom.toml"
    file.write_text(file.read_text().replace("[format.csv]", "[format.csv]\nheader = true"))
    step = IntakePartition(load_profile(str(folder)), "trang-bom", 0)
    names = b"org;msg;ms;sys;post;n;a;b;c;flag;east;north;place;words\n"
    good = record(NOW).splitlines(keepends=True)[0]
    (emit,) = step.step([InRecord(0, NOW, b"k", b"\n\r\n" + names + good.replace(b"32.81", b"high"))], NOW).emits
    letter = codec.decode_dead(emit.value or b"")
    assert (letter.line, letter.path) == (4, "a")
    assert b64decode(letter.sample_b64) == names + good.replace(b"32.81", b"high").rstrip()


def test_all_jobs_take_the_new_centre_along(folder: Path) -> None:
    profile: Profile = load_profile(str(folder))
    runner = Runner(profile, NOW)
    runner.native("trang-bom", b"k", record(NOW))
    runner.advance(60_000)
    assert {rollup.feed for rollup in runner.rollups().values()} >= {"hydro", "rain", "traffic", "weather", "voices"}
    silent = {alert.centre for alert in runner.alerts().values() if alert.rule == "source-silent" and alert.active}
    assert "trang-bom" in silent


# The command line -----------------------------------------------------------------------------------------------------


def test_feeds_check_shows_events_and_the_line_that_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_bytes(record(NOW))
    lines = record(NOW).decode().replace("-1;", "-2;").splitlines()
    bad.write_text("\n".join([*lines[:1], "", lines[1].replace(";0.1;", ";wet;"), lines[2].replace("JAM", "jam")]))
    assert main(["feeds", "check", str(TABLE), str(good)]) == 0
    shown = capsys.readouterr().out.splitlines()
    check([msgspec.json.decode(line.partition(": ")[2], type=Event) for line in shown], NOW)
    assert [line.partition(": ")[0] for line in shown] == [f"{good}:{n}" for n in range(1, 7)]

    assert main(["feeds", "check", str(TABLE), str(good), str(bad)]) == 1
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == 9
    assert shown[6].startswith(f'{bad}:1: {{"specversion"')
    assert shown[7] == f"{bad}:3: refused, schema at a: must be a number such as 12.5"
    assert shown[8] == f"{bad}:4: refused, enum at flag: unknown code 'jam'"

    bad.write_bytes(b"\xef\xbb\xbf" + record(NOW))
    assert main(["feeds", "check", str(TABLE), str(bad)]) == 1
    assert capsys.readouterr().out.startswith(f"{bad}: refused, malformed at the record")


@pytest.mark.parametrize(
    ("old", "new", "where", "said"),
    [
        ('convert = "ft->m"', 'convert = "yd->m"', "level_m =", "no such unit conversion 'yd->m'"),
        ('{ path = "a", convert = "°F→°C" }', '{ path = "temp" }', "value = { path", "there is no column 'temp'"),
        ('native_id = "018"\nfeed = "rain"', 'feed = "sun"', 'feed = "sun"', "no feed 'sun'"),
        ("areas = [", "areas = ", "areas = ", "is not TOML"),
        ('kind = "city"', 'kind = "town"', "kind = ", "town"),
    ],
)
def test_a_mistake_in_the_file_is_shown_with_its_line(
    old: str, new: str, where: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = TABLE.read_text()
    assert old in text
    file, sample = tmp_path / "new.toml", tmp_path / "s.csv"
    file.write_text(text.replace(old, new, 1))
    sample.write_bytes(record(NOW))
    assert main(["feeds", "check", str(file), str(sample)]) == 2
    line = next(n for n, one in enumerate(file.read_text().splitlines(), 1) if where in one)
    errors = [one for one in capsys.readouterr().err.splitlines() if said in one]
    assert errors
    assert f"{file}:{line}: " in errors[0]


# The real broker ------------------------------------------------------------------------------------------------------


@pytest.mark.stack
def test_a_real_worker_takes_it_from_its_own_topic(stack: Stack, prefix: str, folder: Path, tmp_path: Path) -> None:
    settings = Settings(kafka=stack.kafka, topic_prefix=prefix, data_dir=tmp_path, session_timeout_s=6.0)
    environ = {k: v for k, v in os.environ.items() if not k.startswith("IOC_")}
    environ |= settings.to_environ() | {"IOC_PROFILE": str(folder)}
    topics = Topics(prefix, load_profile(str(folder)).centre_ids)

    def start(*arguments: str) -> subprocess.Popen[bytes]:
        with (tmp_path / "worker.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "ioc.cli", *arguments], cwd=ROOT, env=environ, stdout=log, stderr=log
            )

    def read(topic: str) -> list[bytes]:
        async def run() -> list[bytes]:
            reader = new_reader(stack.kafka, fetch_max_wait_ms=50)
            await reader.start()
            try:
                places = [TopicPartition(topics.name(topic), p) for p in range(topics.partitions(topic))]
                found = [one async for one in read_to_end(reader, places) if one.key != progress.KEY]
                return [one.value for one in found if one.value is not None]
            finally:
                await reader.stop()

        return asyncio.run(run())

    async def send(value: bytes) -> None:
        async with Producer(settings, topics) as producer:
            await producer.send("raw.trang-bom", b"gateway-1", value)

    assert start("topics").wait(60) == 0  # makes raw.trang-bom beside the others
    now = now_ms()
    # No area of 2023 holds today, so the report keeps the area of its site.
    value = record(now).replace("Trảng Bom".encode(), b"") + b"TBM;L-9;soon;LVL;017;2;1;;;;;;;\n"
    worker = start("worker", "intake")
    try:
        asyncio.run(send(value))
        until("one dead letter", lambda: len(read("dead")) == 1, 60, 0.3)
        until("the health of its feeds", lambda: all_alive(read("feeds")), 30, 0.3)
    finally:
        worker.terminate()
        assert worker.wait(30) == 0
    events = {event.id: event for event in map(codec.decode_event, read("events"))}
    check([events[id_] for id_ in ("L-1", "R-1", "T-1", "W-1", "V-1", "H-1")], now)
    assert len(events) == 6
    letter = codec.decode_dead(read("dead")[0])
    assert (letter.topic, letter.line, letter.code, letter.path) == ("raw.trang-bom", 7, "schema", "ms")


def all_alive(values: list[bytes]) -> bool:
    """Whether each feed of the centre was reported alive."""
    found: list[FeedHealth] = [codec.decode_feed(value) for value in values]
    return len({one.feed for one in found if one.centre == "trang-bom" and one.accepted}) == 6
