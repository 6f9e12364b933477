"""``suppression.toml``, ``duty.toml`` and ``incidents.toml`` are changed while real workers run, and over a crash."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ioc.adapters.clock import now_ms
from ioc.domain.alerts import Alert, Signal, alert_key
from ioc.domain.flood import Flood
from ioc.wire import codec
from tests.conftest import Stack
from tests.stream_jobs.reload_place import Workers
from tests.system import until

pytestmark = pytest.mark.stack

WINDOW = """
[[windows]]
id = "now"
target = { rules = ["congestion"] }
hours = [{ start = "00:00", end = "24:00" }]
why_vi = "Lễ hội"
why_en = "A festival"
"""


class Place(Workers):
    """With alerting and desk."""

    def __init__(self, stack: Stack, prefix: str, folder: Path) -> None:
        super().__init__(stack, prefix, folder, ("alerting", "desk"))

    def raise_(self, site: str) -> None:
        """Congestion at a place of its own."""
        at_ms = now_ms()
        key = alert_key("congestion", "bien-hoa", site)
        said = Signal(
            key=key, rule="congestion", state="on", centre="bien-hoa", area="731", site=site, feed="traffic",
            type="traffic.flow", priority=3, since_ms=at_ms, observed_ms=at_ms, revision=1,
            title_vi=site, title_en=site,
        )  # fmt: skip
        self.send("alert-inputs", key, codec.encode(said))

    def alert(self, site: str) -> Alert | None:
        return next((one for one in self.alerts() if one.site == site), None)

    def why(self, site: str) -> str:
        found = self.alert(site)
        return "" if found is None or found.explained is None else f"{found.explained.kind} {found.explained.id}"

    def flood(self) -> Flood | None:
        value = self.newest("desk").get("flood")
        return None if value is None else codec.decode_flood(value)


@pytest.fixture
def place(stack: Stack, prefix: str, tmp_path: Path) -> Iterator[Place]:
    made = Place(stack, prefix, tmp_path)
    yield made
    made.close()


def wait(what: str, condition: Any, limit_s: float = 30) -> None:
    until(what, condition, limit_s)


def test_parts_change_under_running_workers_and_a_broken_one_leaves_the_old_one_also_over_a_crash(place: Place) -> None:
    texts = {part: place.file(part).read_text(encoding="utf-8") for part in ("suppression", "duty", "incidents")}
    place.raise_("S-1")
    wait("the alert", lambda: place.alert("S-1") is not None, 60)
    assert place.why("S-1") == ""

    place.file("suppression").write_text(texts["suppression"] + WINDOW, encoding="utf-8")
    wait("the desk takes the window", lambda: place.said("desk", "windows: added now"))
    wait("the window hides", lambda: place.why("S-1") == "window now")

    place.file("suppression").write_text(texts["suppression"] + WINDOW + '\n[[windows]]\nid = "X"\n', encoding="utf-8")
    refused = f"suppression.toml refused, the old one stays: {place.file('suppression')}:"
    wait("the desk refuses", lambda: place.said("desk", refused))
    place.raise_("S-2")
    wait("the old window goes on", lambda: place.why("S-2") == "window now")

    duty = texts["duty"].replace("wait_s = 1800\n", "wait_s = 1\n", 1).replace("realarm_s", "# realarm_s", 1)
    duty = duty.replace('[handover]\nroster = "ban-truc"\n', '[handover]\nroster = "ban-truc"\nrealarm_s = 600\n', 1)
    place.file("duty").write_text(duty, encoding="utf-8")
    place.file("incidents").write_text(texts["incidents"].replace("above = 10", "above = 12", 1), encoding="utf-8")
    wait("the desk takes the chains", lambda: place.said("desk", "chains: changed thuong"))
    wait("alerting takes the time", lambda: place.said("alerting", "handover changed"))
    wait("the desk takes the limit", lambda: place.said("desk", "incidents.toml taken: flood changed"))
    wait("the new limit is shown", lambda: (shown := place.flood()) is not None and shown.above == 12)

    place.file("incidents").write_text(texts["incidents"].replace("above = 10", "above = 0", 1), encoding="utf-8")
    wait("the desk refuses it", lambda: place.said("desk", "incidents.toml refused, the old one stays"))
    place.crash()
    place.start()
    for part in ("suppression", "incidents"):
        started = f"{part}.toml broken, started with the last good one of"
        wait(f"{part}: the start says so", lambda started=started: place.said("desk", started), 60)
    place.raise_("S-3")
    wait("the last good window hides after the crash", lambda: place.why("S-3") == "window now", 60)
    shown = place.flood()
    assert shown is not None
    assert shown.above == 12

    place.file("suppression").write_text(texts["suppression"], encoding="utf-8")
    wait("the mended file is taken", lambda: place.said("desk", "windows: removed now"))
    wait("what it hid is called about by the new chain", lambda: _called(place, "S-1"), 60)
    assert all(place.why(site) == "" for site in ("S-1", "S-2", "S-3"))


def _called(place: Place, site: str) -> bool:
    found = place.alert(site)
    return found is not None and found.summons is not None and found.summons.step == 0
