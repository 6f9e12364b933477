"""A broker that stands still for good, as one whose JVM hangs: nobody continues it, and the system mends itself.

The workers notice that nothing answers and leave, the supervisor restarts whom they blame, and what a centre sent
meanwhile is in its spool: everything is stored once.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simulators.bulk import Books
from tests.chaos.books import read_ledger
from tests.chaos.test_load_outage import RATE_PER_S, assert_stored_once, family
from tests.forms import LONG
from tests.system import ROOT, running, until

pytestmark = [
    pytest.mark.stack,
    pytest.mark.chaos,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not LONG, reason="takes five minutes: runs with `make chaos`; test_cures.py has the decision"),
]


def test_a_broker_that_stands_still_for_good_is_restarted(tmp_path: Path) -> None:
    ledger, spool = tmp_path / "ledger.jsonl", tmp_path / "load.spool"
    options = {"--rate": RATE_PER_S, "--exercise": "outage", "--spool": spool, "--ledger": ledger, "--drain-s": 120}
    words = [str(word) for pair in options.items() for word in pair]
    with running(tmp_path / "state", demo=False) as system:
        player = subprocess.Popen(
            [sys.executable, "-m", "ioc.cli", "sim", "load", "--json", *words],
            cwd=ROOT,
            env=system.environ,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            until("the ledger grows", lambda: ledger.exists() and ledger.stat().st_size > 200_000, 90.0)
            broker = int(system.processes()["kafka"]["pid"])
            began_s = time.monotonic()
            for pid in family(broker):
                os.kill(pid, signal.SIGSTOP)

            def renewed() -> bool:
                facts = system.processes()["kafka"]
                return facts["state"] == "running" and facts["pid"] not in (None, broker)

            until("the broker was restarted", renewed, 400.0, 1.0)
            took_s = time.monotonic() - began_s
            assert any("kafka is restarted: " in line for line in system.lines), system.output()
            size = ledger.stat().st_size
            until("events go on", lambda: ledger.stat().st_size > size + 100_000, 120.0)
        finally:
            player.send_signal(signal.SIGINT)
            out, _ = player.communicate(timeout=150)
        books = Books(**json.loads(out)["load"]["books"])
        assert books.balanced
        assert_stored_once(system, read_ledger(ledger), 200.0)
        print(f"\nrestarted {took_s:.0f} s after it froze; {books}, stored once each")
