"""``ioc sim run`` on a real system: as a drill at speed it gives the same verdict as in memory, a second run under the
same id is refused, and what does not hold is found. Two of the scenarios that come along are played here; ``make
scenarios`` plays all."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition

from ioc.adapters.kafka import log_ranges
from ioc.adapters.profiles import load_profile
from ioc.wire.topics import RAW_PARTITIONS, Topics
from tests.acceptance.every_scenario import PACES, SPEED_LEAST, Pace, play
from tests.system import ROOT, System, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

STORY = """
title_vi = "a"
title_en = "b"
seed = 3
start = "2023-08-10T09:00:00+07:00"
duration_s = 1200
rate = 5
call_factor = 0
feedback_factor = 0

[[incident]]
kind = "river_surge"
at_s = 30
site = "BIENHOA"
level_m = 2.4
rise_s = 400
hold_s = 300
fall_s = 240

[[incident]]
kind = "accident"
at_s = 300
site = "CAM-LK-006"
injured = 2

[[fault]]
kind = "duplicate"
share = 0.2
after_s = 5

[[fault]]
kind = "silence"
centre = "tinh"
at_s = 600
for_s = 300
catch_up_s = 30

[[expect]]
rule = "hydro-level"
site = "BIENHOA"
raised = "2m..8m"
steps = [{ level = "BĐ2", priority = 2, within = "3m..9m" }]

[[expect]]
rule = "traffic-injury"
site = "CAM-LK-006"
raised = "4m55s..5m30s"

[[expect]]
rule = "source-silent"
centre = "tinh"
raised = "10m20s..11m"
cleared = "14m55s..16m"

[[forbid]]
rule = "traffic-injury"
centre = "bien-hoa"

[[forbid]]
rule = "source-silent"
centre = "bien-hoa"

[[forbid]]
rule = "source-silent"
centre = "long-khanh"

[[forbid]]
rule = "feed-silent"
"""

RIVER = """
[[expect]]
rule = "hydro-level"
site = "BIENHOA"
raised = "2m..8m"
steps = [{ level = "BĐ2", priority = 2, within = "3m..9m" }]
"""
MISSING = """
[[expect]]
rule = "forest-hotspot"
raised = "2m..8m"
"""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    started = System(tmp_path_factory.mktemp("scenario") / "state", demo=False, IOC_CANARY_S="2").start()
    try:
        yield started
    finally:
        started.stop()


def kinds(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(finding["kind"], finding["what"]) for finding in result["verdict"]["findings"]]


def test_a_drill_on_a_real_system_is_judged_as_in_memory(system: System, tmp_path: Path) -> None:
    file = tmp_path / "story.toml"
    file.write_text(STORY, encoding="utf-8")
    dry = system.cli("sim", "run", str(file), "--dry", "--exercise", "drill-a", "--json", limit_s=200)
    in_memory = json.loads(dry.stdout)
    run = system.cli(
        *("sim", "run", str(file), "--exercise", "drill-a", "--speed", "60", "--json"), check=False, limit_s=300
    )
    assert run.returncode == 0, run.stdout + run.stderr
    played = json.loads(run.stdout)
    assert kinds(played) == kinds(in_memory)
    assert [kind for kind, _ in kinds(played)] == ["met"] * 7
    assert 20 <= played["took_s"] < 100, "1200 s at x60; a busy machine falls behind"
    assert played["sent"] == played["acked"] == in_memory["sent"]
    assert played["faults"] == in_memory["faults"]
    assert not [note for note in played["notes"] if "canary" in note], "the end was heard"
    seen = [
        [(f["what"], round((f.get("at_ms") or 0) / 10_000)) for f in result["verdict"]["findings"]]
        for result in (played, in_memory)
    ]
    assert seen[0] == seen[1], "the same event times"

    again = system.cli("sim", "run", str(file), "--exercise", "drill-a", check=False, limit_s=100)
    assert again.returncode == 2
    assert "drill 'drill-a' has alerts already" in again.stderr


@pytest.mark.parametrize("name", ["alarm-flood", "month-end-one-stop"])
def test_a_scenario_of_the_domain_holds(system: System, name: str) -> None:
    assert PACES[name].speed >= SPEED_LEAST
    row = play(system, name, PACES[name], f"drill-{name}")
    assert row.holds, row.faults()


def raw_records(system: System) -> int:
    """How much stands in the raw topics of all centres."""
    topics = Topics("ioc.", load_profile("dongnai-2023").centre_ids)
    places = [TopicPartition(topics.name(logical), p) for logical in topics.raw.values() for p in range(RAW_PARTITIONS)]
    return sum(found.end for found in asyncio.run(log_ranges(system.environ["IOC_KAFKA"], places)).values())


def test_a_silence_is_known_at_any_speed_and_through_restarts(system: System) -> None:
    """Two drills side by side; the jobs that know how far their clocks have come are killed meanwhile, so some raw
    partitions are read long after the others, and all at once."""
    before = raw_records(system)
    with ThreadPoolExecutor(2) as beside:
        runs = [beside.submit(play, system, "source-loss", Pace(x), f"loss-{x:.0f}") for x in (60.0, 300.0)]
        for number, victim in enumerate(("intake", "detect", "intake")):
            until("the drills go on", lambda n=number: raw_records(system) > before + 1_000 + 4_000 * n, 120, 0.5)
            system.wait_back(victim, system.kill(victim))
        rows = [one.result() for one in runs]
    for row in rows:
        assert row.holds, row.faults()
        assert row.outcome is not None
        assert ("met", "source-silent at long-khanh") in kinds(row.outcome)
        assert row.outcome["verdict"]["by_rule"].get("source-silent") == 1
        assert "feed-silent" not in row.outcome["verdict"]["by_rule"]


def test_what_does_not_hold_is_found_and_said(system: System, tmp_path: Path) -> None:
    """An expectation each that is too late, that nothing meets, and that is not there for an alert that comes."""
    wrong = tmp_path / "wrong.toml"
    story = STORY.replace('raised = "4m55s..5m30s"', 'raised = "10m..12m"')
    assert RIVER in story
    story = story.replace(RIVER, MISSING) + '\n[alerts]\nothers = "refused"\n'
    wrong.write_text(story, encoding="utf-8")
    run = system.cli(
        *("sim", "run", str(wrong), "--exercise", "drill-b", "--speed", "120", "--json"), check=False, limit_s=300
    )
    assert run.returncode == 1, run.stdout + run.stderr
    verdict = json.loads(run.stdout)["verdict"]
    assert not verdict["holds"]
    reasons = {
        (finding["kind"], finding["what"].partition(" BĐ")[0]): finding["reason"] for finding in verdict["findings"]
    }
    assert reasons["early", "traffic-injury at CAM-LK-006"].endswith("too early")
    assert reasons["missing", "forest-hotspot"] == "no such alert; the run raised no forest-hotspot at all"
    assert reasons["unexpected", "hydro-level"] == "no expectation names this alert"


def test_step_by_step(system: System, tmp_path: Path) -> None:
    """Enter plays one stretch, ``q`` ends; the rest is not judged."""
    file = tmp_path / "story.toml"
    file.write_text(STORY, encoding="utf-8")
    outer, inner = pty.openpty()
    arguments = ("sim", "run", str(file), "--exercise", "drill-c", "--step", "--step-by", "2m", "--json")
    process = subprocess.Popen(
        [sys.executable, "-m", "ioc.cli", *arguments],
        cwd=ROOT,
        env=system.environ,
        stdin=inner,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        os.write(outer, b"\n\n\nq\n")
        out, err = process.communicate(timeout=150)
    finally:
        if process.poll() is None:
            process.kill()
        os.close(outer)
        os.close(inner)
    result = json.loads(out)
    assert "2023-08-10 09:06:00 (6m)" in err
    assert result["played_s"] == 360
    assert not result["ended"]
    assert [kind for kind, _ in kinds(result)].count("not judged") >= 1
    assert process.returncode in (0, 1, 4)
    until("the process to be gone", lambda: process.poll() is not None, 5)
