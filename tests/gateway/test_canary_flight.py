"""Canaries on the real parts: real Kafka and TimescaleDB, every process of the path started as the supervisor does."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psycopg
import pytest

from ioc.adapters.clock import now_ms
from ioc.settings import Settings
from ioc.stack import overview
from ioc.stack.ports import free_ports
from tests.conftest import Stack
from tests.system import ROOT, until

PATH = (("worker", "intake"), ("worker", "detect"), ("worker", "alerting"), ("recorder",), ("gateway",))
PERIOD_S = 1.0


class Flight:
    """The processes of the path, by their last word."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *arguments: str) -> None:
        environ = {k: v for k, v in os.environ.items() if not k.startswith("IOC_")} | self.settings.to_environ()
        with (self.settings.data_dir / f"{arguments[-1]}.out").open("ab") as log:
            self.processes[arguments[-1]] = subprocess.Popen(
                [sys.executable, "-m", "ioc.cli", *arguments], cwd=ROOT, env=environ, stdout=log, stderr=log
            )

    def stop(self, name: str) -> None:
        process = self.processes.pop(name)
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.wait()

    def said(self) -> dict[str, Any]:
        """What ``ioc status`` shows of canaries."""
        found = overview.canary(self.settings)
        assert found is not None
        return found

    def metric(self, stage: str) -> float:
        """The gauge of a stage, as Prometheus reads it."""
        with urlopen(f"http://127.0.0.1:{self.settings.http_port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        found = re.search(rf'^ioc_canary_age_seconds{{stage="{stage}"}} (\S+)$', text, re.MULTILINE)
        assert found, text
        return float(found[1])


@pytest.fixture
def flight(stack: Stack, prefix: str, database_url: str, tmp_path: Path) -> Iterator[Flight]:
    http, live = free_ports(2)
    found = Flight(
        Settings(
            kafka=stack.kafka,
            topic_prefix=prefix,
            database_url=database_url,
            data_dir=tmp_path,
            http_port=http,
            live_port=live,
            session_timeout_s=6.0,
            canary_s=PERIOD_S,
        )
    )
    for arguments in PATH:
        found.start(*arguments)
    try:
        yield found
    finally:
        for name in list(found.processes):
            found.stop(name)


@pytest.mark.stack
def test_a_part_that_stands_still_is_named_and_comes_back(flight: Flight, database_url: str) -> None:
    def young(stages: str) -> bool:
        ages = flight.said()["age_s"]
        return all(ages[stage] < 3 * PERIOD_S for stage in stages.split())

    with contextlib.closing(psycopg.connect(database_url, autocommit=True)) as history:

        def stored() -> int:
            row = history.execute("SELECT count(*) FROM event WHERE exercise = 'canary'").fetchone()
            return int(row[0]) if row else 0

        until("canaries are in the database", lambda: stored() > 2, 90, 0.3)
        until("all stages see them", lambda: young("bus intake detect alerting recorder"), 60, 0.3)
        until("nothing is missing", lambda: flight.said()["away"] == [], 30, 0.3)
        assert flight.metric("alerting") < 5.0

        flight.stop("intake")
        stopped_ms = now_ms()
        until("intake is named", lambda: flight.said()["away"] == ["intake"], 30, 0.2)
        found = flight.said()["age_s"]
        passed_s = (now_ms() - stopped_ms) / 1000
        assert found["bus"] < 3 * PERIOD_S
        for stage in ("intake", "detect", "alerting", "recorder"):
            assert 3 * PERIOD_S < found[stage] < passed_s + 25  # SIGTERM itself takes a while
        until("its age grows", lambda: flight.metric("intake") > found["intake"] + 2, 30, 0.2)

        flight.start("worker", "intake")
        until("it is back", lambda: young("bus intake detect alerting recorder") and not flight.said()["away"], 60, 0.3)

        # It left no other trace: no alert of its own, nothing in the picture, no figure of a centre.
        rows = history.execute("SELECT DISTINCT exercise FROM rollup").fetchall()
        assert rows == [("canary",)]
        assert history.execute(
            "SELECT count(*) FROM alert WHERE exercise <> '' OR rule <> 'source-silent'"
        ).fetchone() == (0,)
        with urlopen(f"http://127.0.0.1:{flight.settings.http_port}/readyz", timeout=5) as answer:
            assert json.loads(answer.read())["centres_seen"] == []
