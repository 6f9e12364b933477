"""``kill -9`` of every process in turn while events flow: it comes back, and the books are exact.

The short form kills each process once; ``IOC_TEST_ROUNDS`` repeats the round (``make chaos``).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.chaos.books import balance, raised_twice, read_ledger
from tests.system import ROOT, running, until

pytestmark = [pytest.mark.stack, pytest.mark.chaos, pytest.mark.timeout(1800)]

VICTIMS = ("intake", "detect", "alerting", "desk", "recorder", "gateway")
RATE_PER_S = 300


def stored(database_url: str) -> list[str]:
    with psycopg.connect(database_url) as connection:
        return [f"{c}/{i}" for c, i in connection.execute("SELECT centre, id FROM event").fetchall()]


def test_kill_9_of_any_process_loses_and_doubles_nothing(tmp_path: Path) -> None:
    rounds = int(os.environ.get("IOC_TEST_ROUNDS", "1"))
    ledger = tmp_path / "ledger.jsonl"
    with running(tmp_path / "state", demo=False) as system:
        # The ledger holds what Kafka acknowledged.
        feed = subprocess.Popen(
            [sys.executable, "-m", "ioc.cli", "sim", "run", "live", "--rate", str(RATE_PER_S), "--ledger", str(ledger)],
            cwd=ROOT,
            env=system.environ,
            stdout=subprocess.DEVNULL,
        )
        back_s: dict[str, list[float]] = {name: [] for name in VICTIMS}
        try:
            until("the ledger grows", lambda: ledger.exists() and ledger.stat().st_size > 100_000, 60.0)
            for _ in range(rounds):
                for victim in VICTIMS:
                    old = system.kill(victim)
                    back_s[victim].append(system.wait_back(victim, old))
                    size = ledger.stat().st_size
                    until("events go on", lambda size=size: ledger.stat().st_size > size + 50_000, 60.0)
        finally:
            feed.send_signal(signal.SIGTERM)
            feed.wait(60)

        acknowledged = read_ledger(ledger)
        assert len(acknowledged) > 1000
        url = system.database_url()
        until("every acknowledged event is stored", lambda: not balance(acknowledged, stored(url)).missing, 120.0, 1.0)
        books = balance(acknowledged, stored(url))
        assert books.exact, f"doubled: {books.doubled[:5]}"
        with psycopg.connect(url) as connection:
            log = connection.execute("SELECT alert_id, what FROM alert_log").fetchall()
        assert not raised_twice([(a, w) for a, w in log])
        print(f"\nacknowledged {books.acknowledged}, stored once each; seconds until back: {back_s}")
        restarts = {name: p["restarts"] for name, p in system.status().items()}
        assert all(restarts[v] >= rounds for v in VICTIMS), restarts
        assert all(n == 0 for name, n in restarts.items() if name not in VICTIMS), restarts
