"""A broker that stands still in the middle of ``ioc sim run``: the player waits, and the drill is judged as ever.

``IOC_TEST_OUTAGE_S`` is how long: 20 s, and a minute with `make chaos`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.test_scenario_run import STORY
from tests.chaos.books import read_ledger
from tests.chaos.test_load_outage import assert_stored_once, stand_still
from tests.forms import form
from tests.system import ROOT, running, until

pytestmark = [pytest.mark.stack, pytest.mark.chaos, pytest.mark.timeout(900)]


def test_a_drill_through_a_time_without_a_broker_holds_and_is_stored_once(tmp_path: Path) -> None:
    outage_s = float(os.environ.get("IOC_TEST_OUTAGE_S", form("20", "60")))
    file, ledger = tmp_path / "story.toml", tmp_path / "ledger.jsonl"
    file.write_text(STORY, encoding="utf-8")
    options = {"--exercise": "outage", "--speed": 20, "--ledger": ledger}
    words = [str(word) for pair in options.items() for word in pair]
    with running(tmp_path / "state", demo=False, IOC_CANARY_S="2") as system:
        player = subprocess.Popen(
            [sys.executable, "-m", "ioc.cli", "sim", "run", str(file), *words, "--json"],
            cwd=ROOT,
            env=system.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            until("the run is on its way", lambda: ledger.exists() and ledger.stat().st_size > 100_000, 60.0)
            stand_still(system, outage_s)
            size = ledger.stat().st_size
            until("it goes on", lambda: ledger.stat().st_size > size, 120.0)
        finally:
            out, err = player.communicate(timeout=300)
        assert player.returncode == 0, out + err
        done = json.loads(out)
        assert done["ended"]
        assert done["sent"] == done["acked"]
        assert done["behind_max_s"] > outage_s / 2, "falling behind is said"
        acknowledged = read_ledger(ledger)
        assert len(acknowledged) == done["acked"]
        assert_stored_once(system, acknowledged, 200.0)
        print(
            f"\n{len(acknowledged)} acknowledged, {len(set(acknowledged))} events, {done['behind_max_s']:.0f} s behind"
        )
