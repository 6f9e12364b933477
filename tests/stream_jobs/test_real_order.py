"""The real jobs on a real broker: the order in which readings come makes no difference to rollups and alerts.

The truth is what the steps make in memory of the same readings in the order of event time, one by one; the jobs get
them shuffled, and are killed meanwhile. What a feed waits has to cover both: the links, and the seconds that one worker
of intake is behind the others because it was killed; so the slice is played at about the pace at which it happened.
"""

from __future__ import annotations

import re
import shutil
import uuid
from pathlib import Path

import pytest
from msgspec import structs

from ioc.adapters.profiles import load_profile, profile_folder
from ioc.domain.profile import Profile
from ioc.settings import Settings
from tests.conftest import Stack
from tests.stream_jobs.installation import Installation, in_memory
from tests.stream_jobs.native_load import SHUFFLED_MS, SPAN_MS, Stage, in_order, stages, without_bad
from tests.stream_jobs.picture import Picture, differences
from tests.stream_jobs.test_real_jobs import disturbed_run

SLICE = 2_000
GRACE_S = 60.0
PACE_S = 1000 * SLICE / (SPAN_MS + SHUFFLED_MS)  # records a second


def with_wait(folder: Path, order_s: float) -> Profile:
    """The demo's profile, with feeds that wait so long."""
    shutil.copytree(profile_folder(Settings().profile), folder)
    for file in (folder / "centres").glob("*.toml"):
        text = file.read_text(encoding="utf-8")
        file.write_text(
            re.sub(r"^\[\[feeds\]\]$", f"[[feeds]]\norder_s = {order_s}", text, flags=re.MULTILINE), "utf-8"
        )
    return load_profile(str(folder))


def of_rules(found: Picture) -> Picture:
    """What the rules and the windows made of it; events and dead letters also say when something arrived."""
    return structs.replace(found, events={}, dead={})


@pytest.fixture(scope="module")
def load() -> list[Stage]:
    return [without_bad(stage) for stage in stages(load_profile(Settings().profile), 1, SLICE, seed=7)]


def test_in_memory_the_wait_decides(load: list[Stage], tmp_path: Path) -> None:
    """With the wait the same, without it not: the load does hold swaps that matter."""
    ordered = [in_order(stage) for stage in load]
    waits = with_wait(tmp_path / "waits", SHUFFLED_MS / 1000)
    wanted = of_rules(in_memory(waits, ordered))
    assert len(wanted.alerts) > 10
    assert differences(wanted, of_rules(in_memory(waits, load))) == []
    hasty = with_wait(tmp_path / "hasty", 0)
    assert any(
        text.startswith("alerts: ")
        for text in differences(of_rules(in_memory(hasty, ordered)), of_rules(in_memory(hasty, load)))
    )


@pytest.mark.stack
@pytest.mark.timeout(200)
async def test_shuffled_readings_give_the_same_alerts(stack: Stack, load: list[Stage], tmp_path: Path) -> None:
    waits = with_wait(tmp_path / "waits", GRACE_S)
    wanted = of_rules(in_memory(waits, [in_order(stage) for stage in load]))
    installation = Installation(stack.kafka, f"t{uuid.uuid4().hex[:10]}.", tmp_path / "shuffled", waits)
    installation.settings = structs.replace(installation.settings, profile=str(tmp_path / "waits"))
    await installation.make_topics()
    try:
        found, chaos = await disturbed_run(installation, load, 7, PACE_S, (0.5, 3.0))
    finally:
        installation.close()
    print(f"\n{len(wanted.alerts)} episodes, {len(wanted.rollups)} rollups, {chaos.kills} kills")
    assert differences(wanted, of_rules(found)) == []
    assert chaos.kills >= 1
