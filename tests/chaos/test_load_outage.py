"""A broker that stands still for a minute under a load: the books balance, and everything is stored once.

``IOC_TEST_OUTAGE_S`` is how long: 20 s, and a minute with `make chaos`. Both are longer than the broker's session
time-out, after which a lone broker fences itself for a moment. tests/adapters/test_fenced_broker.py tells what
Kafka 4.3 loses in that moment.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from simulators.bulk import Books
from tests.chaos.books import balance, read_ledger
from tests.forms import form
from tests.system import ROOT, System, running, until

pytestmark = [pytest.mark.stack, pytest.mark.chaos, pytest.mark.timeout(900)]

RATE_PER_S = 300


def stored(database_url: str, exercise: str) -> list[str]:
    """Keys ``centre/id`` of the events of a drill, one per row."""
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT centre, id FROM event WHERE exercise = %s", (exercise,)).fetchall()
    return [f"{centre}/{id_}" for centre, id_ in rows]


def assert_stored_once(system: System, acknowledged: list[str], limit_s: float) -> None:
    """Wait until every acknowledged event of the drill ``outage`` is stored, and see that each is so once."""
    url = system.database_url()
    until(
        "every acknowledged event is stored",
        lambda: not balance(acknowledged, stored(url, "outage")).missing,
        limit_s,
        1.0,
    )
    found = balance(acknowledged, stored(url, "outage"))
    assert found.exact, f"doubled: {found.doubled[:5]}"


def family(pid: int) -> list[int]:
    """A process and all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in family(int(child)))]


def stand_still(system: System, seconds: float) -> None:
    """SIGSTOP of the broker, later SIGCONT: connections stay open and nothing answers."""
    processes = family(int(system.status()["kafka"]["pid"]))
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(seconds)
    finally:
        for pid in processes:
            os.kill(pid, signal.SIGCONT)


def test_a_time_without_a_broker_loses_and_doubles_nothing(tmp_path: Path) -> None:
    outage_s = float(os.environ.get("IOC_TEST_OUTAGE_S", form("20", "60")))
    ledger, spool = tmp_path / "ledger.jsonl", tmp_path / "load.spool"
    options = {"--rate": RATE_PER_S, "--exercise": "outage", "--spool": spool, "--ledger": ledger, "--drain-s": 120}
    with running(tmp_path / "state", demo=False) as system:
        player = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "ioc.cli",
                "sim",
                "load",
                "--json",
                *(str(p) for pair in options.items() for p in pair),
            ],
            cwd=ROOT,
            env=system.environ,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            until("the ledger grows", lambda: ledger.exists() and ledger.stat().st_size > 200_000, 60.0)
            stand_still(system, outage_s)
            assert spool.stat().st_size > 50_000, "what was made meanwhile is in the spool"
            until("the spool is delivered", lambda: spool.stat().st_size == 0, 120.0)
            size = ledger.stat().st_size
            until("events go on", lambda: ledger.stat().st_size > size + 100_000, 60.0)
        finally:
            player.send_signal(signal.SIGINT)
            out, _ = player.communicate(timeout=150)
        assert player.returncode == 0
        done = json.loads(out)["load"]
        books = Books(**done["books"])
        assert books.balanced
        assert books.sent == books.acked > RATE_PER_S * outage_s
        assert done["unbalanced"] == 0
        assert done["failures"] >= 1
        acknowledged = read_ledger(ledger)
        assert len(acknowledged) == len(set(acknowledged)) == books.acked
        assert_stored_once(system, acknowledged, 400.0)
        print(f"\n{books}, at most {done['spooled_most']} in the spool, {done['repeats']} sent again; stored once each")
