"""``ioc rules backtest`` from a file and from the real TimescaleDB: the same history, the same report."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import pytest

from ioc.adapters.history import from_database, from_file
from ioc.adapters.profiles import profile_folder
from ioc.adapters.timescale import Timescale
from ioc.cli import main
from ioc.domain.events import Event
from ioc.domain.times import rfc3339
from ioc.pipeline.effects import InRecord
from ioc.ports import Place
from ioc.services.recorder_rows import build
from ioc.wire import codec

T = 1_795_489_200_000  # 2026-11-24T03:00:00Z, 10:00 in Vietnam
S, MIN = 1_000, 60_000
HEARTS = (("bien-hoa", "BIEN-HOA", "731"), ("long-khanh", "LONG-KHANH", "732"), ("tinh", "TINH", "75"))


def event(centre: str, area: str, feed: str, site: str, type_: str, at_ms: int, data: str) -> bytes:
    return (
        f'{{"specversion":"1.0","id":"{site}-{at_ms}","source":"/{centre}/{feed}/{site}","type":"{type_}",'
        f'"subject":"{area}","time":"{rfc3339(at_ms)}","recordedtime":"{rfc3339(at_ms + 300)}","centre":"{centre}",'
        f'"area":"{area}","feed":"{feed}","sequence":"000000000042","datacontenttype":"application/json",'
        f'"data":{data}}}'
    ).encode()


def history() -> list[bytes]:
    """40 minutes: Biên Hòa rises to 1.9 m and falls, all centres live, rain of 30 mm from minute 20 on."""
    found = []
    for second in range(0, 2400, 10):
        at_ms = T + second * S
        found += [event(c, area, "heartbeat", s, "source.heartbeat", at_ms, '{"seq":1}') for c, s, area in HEARTS]
        if second % 30 == 0:
            minute = second / 60
            level_m = 1.5 + 0.04 * (minute if minute < 10 else max(0.0, 20 - minute))
            mm_1h = 30 if second >= 1200 else 5
            rain = f'{{"mm_10min":2,"mm_1h":{mm_1h},"mm_24h":40}}'
            found.append(
                event("bien-hoa", "731", "hydro", "BIENHOA", "hydro.level", at_ms + 1, f'{{"level_m":{level_m:.3f}}}')
            )
            found.append(event("bien-hoa", "731", "rain", "RG-BH-001", "rain.gauge", at_ms + 2, rain))
    return found


@pytest.fixture
def new_rules(tmp_path: Path) -> Path:
    """No rain alert below 50 mm."""
    text = (profile_folder("dongnai-2023") / "rules.toml").read_text(encoding="utf-8")
    first = '[[rules.levels]]\nname = "25 mm/1 giờ"\npriority = 3\nlimit = 25.0\n'
    assert first in text
    file = tmp_path / "new.toml"
    file.write_text(text.replace(first, ""), encoding="utf-8")
    return file


def backtest(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["rules", "backtest", *arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_from_a_file(
    tmp_path: Path, new_rules: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n".join(history()) + b"\n")
    report = backtest(capsys, "--rules", str(new_rules), "--events", str(file), "--warm-up", "0s")
    assert [(one["rule"], one["key"]) for one in report["removed"]] == [("heavy-rain", "heavy-rain|bien-hoa|RG-BH-001")]
    assert (report["added"], report["changed"]) == ([], [])
    assert (report["old"]["alerts"], report["new"]["alerts"]) == (2, 1)
    assert report["events"] == len(history())

    assert main(["rules", "backtest", "--rules", str(new_rules), "--events", str(file)]) == 0
    shown = capsys.readouterr().out
    assert "removed: 1" in shown
    assert "Mưa 30 mm trong 1 giờ" in shown


def test_a_wrong_file_is_refused_with_the_line(
    tmp_path: Path, new_rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "events.jsonl"
    for content, said in ((b"{}", f"{file}:1: "), (b"", "holds no event"), (b"\n".join(history()[::-1]), f"{file}:4")):
        file.write_bytes(content)
        assert main(["rules", "backtest", "--rules", str(new_rules), "--events", str(file)]) == 2
        assert said in capsys.readouterr().err
    assert main(["rules", "backtest", "--rules", str(new_rules), "--events", str(tmp_path / "none")]) == 2
    assert "cannot be read" in capsys.readouterr().err
    new_rules.write_text("rules = 1\n", encoding="utf-8")
    assert main(["rules", "backtest", "--rules", str(new_rules), "--events", str(file)]) == 2
    assert f"{new_rules}:1: rules: must be a list" in capsys.readouterr().err


async def _store(url: str, values: list[bytes]) -> None:
    writer = Timescale(url, cluster="c", name="t.")
    await writer.open([])
    records = [InRecord(n, 0, b"k", value) for n, value in enumerate(values)]
    await writer.write(build("ioc.", [(Place("ioc.events", 0), records)]).tables, {})
    await writer.close()


@pytest.mark.stack
def test_from_the_database(
    tmp_path: Path,
    new_rules: Path,
    database_url: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = history()
    shuffled = values.copy()
    random.Random(5).shuffle(shuffled)  # the order of the rows is not that of the arrival
    asyncio.run(_store(database_url, shuffled))
    monkeypatch.setenv("IOC_DATABASE_URL", database_url)
    monkeypatch.setattr("ioc.adapters.history.PORTION", 100)
    span = ("--from", "2026-11-24T10:00", "--to", "2026-11-24T03:40:00Z", "--warm-up", "0s")
    report = backtest(capsys, "--rules", str(new_rules), *span)
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n".join(values))
    assert report == backtest(capsys, "--rules", str(new_rules), "--events", str(file), *span)
    assert [one["rule"] for one in report["removed"]] == ["heavy-rain"]

    async def read(from_ms: int, to_ms: int) -> list[Event]:
        found = []
        async for portion in from_database(database_url, from_ms, to_ms):
            assert len(portion) <= 100
            found += [codec.decode_event(moment.value) for moment in portion]
        return found

    everything = asyncio.run(read(T, T + 40 * MIN))
    assert [one.recorded_ms for one in everything] == sorted(one.recorded_ms for one in everything)
    assert {one.id for one in everything} == {codec.decode_event(value).id for value in values}
    assert everything[0].sequence == "000000000042"
    assert everything[0].data
    # Both ends: the begin counts, the end does not; an event that came a day late is left out.
    assert {one.recorded_ms for one in asyncio.run(read(T + 300, T + 10 * S + 300))} == {T + 300, T + 301, T + 302}
    late = values[0].replace(rfc3339(T + 300).encode(), rfc3339(T + 26 * 60 * MIN).encode()).replace(b"BIEN", b"LATE")
    asyncio.run(_store(database_url, [late]))
    assert asyncio.run(read(T + 25 * 60 * MIN + 1, T + 27 * 60 * MIN)) == []


@pytest.mark.stack
def test_an_absent_database_is_said(
    new_rules: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IOC_DATABASE_URL", "postgresql://ioc@127.0.0.1:1/ioc")
    assert main(["rules", "backtest", "--rules", str(new_rules), "--from", "1h"]) == 3
    assert "database" in capsys.readouterr().err


def test_portions_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ioc.adapters.history.PORTION", 7)
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n\n".join(history()[:20]))
    assert [len(portion) for portion in from_file(file)] == [7, 7, 6]
