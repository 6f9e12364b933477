"""From a started product to a stopped one: what the wall shows, what bad input does, what is left behind."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import urllib.request
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from websockets.asyncio.client import connect

from tests.system import System, running, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("acceptance") / "state") as started:
        yield started


async def picture(system: System, enough: Any, limit_s: float = 30.0) -> dict[str, dict[str, Any]]:
    """Connect as an open wall and collect frames until ``enough(picture)``; the picture is key → entity by kind."""
    request = urllib.request.Request(
        system.base + "/api/ticket",
        data=b'{"wall":true}',
        headers={"Content-Type": "application/json", "Origin": system.base},
    )
    ticket = await asyncio.to_thread(lambda: json.loads(urllib.request.urlopen(request, timeout=5).read()))
    held: dict[str, dict[str, Any]] = {"alerts": {}, "feeds": {}, "readings": {}, "minutes": {}, "beats": {}}
    async with asyncio.timeout(limit_s), connect(ticket["live_url"], origin=system.base) as socket_:  # type: ignore[arg-type]
        await socket_.send(json.dumps({"t": "auth", "ticket": ticket["ticket"], "proto": 1}))
        await socket_.send(json.dumps({"t": "subscribe", "channels": ["wall"], "filter": {}, "since": None}))
        async for text in socket_:
            frame = json.loads(text)
            if frame["t"] == "beat":
                held["beats"][frame["pos"]] = frame
            for kind, name in (("alerts", "id"), ("feeds", "key"), ("readings", "key"), ("minutes", "key")):
                for entity in frame.get(kind, ()):
                    held[kind][entity[name]] = entity
            if enough(held):
                return held
    raise AssertionError("the connection ended early")


async def test_the_wall_shows_both_cities_and_an_alert(system: System) -> None:
    def enough(held: dict[str, dict[str, Any]]) -> bool:
        centres = {r["centre"] for r in held["readings"].values()}
        return {"bien-hoa", "long-khanh", "tinh"} <= centres and bool(held["alerts"]) and bool(held["beats"])

    held = await picture(system, enough)
    assert all(b["lag_s"] is not None and b["lag_s"] < 15 for b in held["beats"].values())


def test_canaries_come_through_every_stage_and_status_says_so(system: System) -> None:
    # An age that falls proves that a newer canary came; without any it only grows.
    fell: set[str] = set()
    before: dict[str, float] = {}

    def all_fell() -> bool:
        found = json.loads(system.cli("status", "--json", check=False).stdout)["canary"]
        fell.update(stage for stage, age_s in found["age_s"].items() if age_s < before.get(stage, 0.0))
        before.update(found["age_s"])
        return fell == {"bus", "intake", "detect", "alerting", "recorder"} and found["away"] == []

    until("canaries at every stage", all_fell, 60, 1.0)
    assert "canary   bus " in system.cli("status", check=False).stdout


async def test_a_second_up_says_that_one_runs(system: System) -> None:
    answer = await asyncio.to_thread(system.cli, "up", "--demo", check=False)
    assert answer.returncode == 1
    text = answer.stdout + answer.stderr
    assert "already" in text
    assert "ioc down" in text


def dead_letters(system: System) -> dict[tuple[str, str], int]:
    """(centre, code) → how many, from the recorded dead letters."""
    with psycopg.connect(system.database_url()) as connection:
        rows = connection.execute("SELECT centre, code, count(*) FROM dead_letter GROUP BY 1, 2").fetchall()
    return {(centre, code): n for centre, code, n in rows}


async def test_bad_input_lands_in_quarantine_and_nothing_stops(system: System) -> None:
    before = dead_letters(system)
    restarts = {name: p["restarts"] for name, p in system.status().items()}
    for kind in ("malformed", "wrong-centre", "future"):
        await asyncio.to_thread(system.cli, "sim", "inject-bad", kind, "--centre", "bien-hoa")

    def arrived() -> bool:
        now = dead_letters(system)
        grown = {place for place, n in now.items() if n > before.get(place, 0)}
        return {("bien-hoa", code) for code in ("malformed", "centre_mismatch", "future")} <= grown

    await asyncio.to_thread(until, "three dead letters", arrived, 30.0, 0.3)

    def rings(held: dict[str, dict[str, Any]]) -> bool:
        alerts = (alert for alert in held["alerts"].values() if alert["rule"] == "foreign-name")
        return [(alert["centre"], alert["state"]) for alert in alerts] == [("bien-hoa", "UNACK")]

    await picture(system, rings)

    await asyncio.to_thread(system.cli, "sim", "inject", "hydro.level", "--site", "BIENHOA", "level_m=1.234")

    def seen(held: dict[str, dict[str, Any]]) -> bool:
        return any(r["data"].get("level_m") == 1.234 for r in held["readings"].values())

    await picture(system, seen)
    assert {name: p["restarts"] for name, p in system.status().items()} == restarts


def test_ctrl_c_leaves_no_process_and_no_port(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running(tmp_path_factory.mktemp("stop") / "state") as system:
        pids = [int(p["pid"]) for p in system.status().values() if p["pid"]]
        assert len(pids) >= 8
        assert system.process is not None
        pids.append(system.process.pid)
        assert system.stop() == 0, system.output()
    alive = [pid for pid in pids if os.path.exists(f"/proc/{pid}") and not _zombie(pid)]
    assert not alive
    for port in system.ports:
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0, f"port {port} still listens"


def _zombie(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True
