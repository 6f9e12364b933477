"""The rule file is changed while real workers run: a broken one is refused, a good one is taken, state is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ioc.adapters.clock import now_ms
from ioc.domain.alerts import Alert
from ioc.domain.times import rfc3339
from tests.conftest import Stack
from tests.stream_jobs.reload_place import Workers
from tests.system import until

pytestmark = pytest.mark.stack


class Place(Workers):
    """With detect and alerting."""

    def __init__(self, stack: Stack, prefix: str, folder: Path) -> None:
        super().__init__(stack, prefix, folder, ("detect", "alerting"))
        self.rules = self.file("rules")

    def river(self, level_m: float) -> None:
        at_ms = now_ms()
        value = (
            f'{{"specversion":"1.0","id":"r-{at_ms}","source":"/bien-hoa/hydro/BIENHOA","type":"hydro.level",'
            f'"subject":"731","time":"{rfc3339(at_ms)}","recordedtime":"{rfc3339(at_ms)}","centre":"bien-hoa",'
            f'"area":"731","feed":"hydro","datacontenttype":"application/json","data":{{"level_m":{level_m}}}}}'
        ).encode()
        self.send("events", "bien-hoa/731/hydro", value)

    def of_river(self) -> dict[str, Alert]:
        return {alert.id: alert for alert in self.alerts() if alert.rule.startswith("hydro")}


@pytest.fixture
def place(stack: Stack, prefix: str, tmp_path: Path) -> Iterator[Place]:
    made = Place(stack, prefix, tmp_path)
    yield made
    made.close()


def test_rules_change_under_running_workers(place: Place) -> None:
    text = place.rules.read_text(encoding="utf-8")
    place.river(1.9)
    alerts = until("the alert", place.of_river, 60)
    [first] = alerts.values()
    assert (first.active, first.level, first.priority) == (True, "BĐ1", 3)

    broken = text.replace("off_delay_s = 600", "off_delay_s = -1", 1)
    place.rules.write_text(broken, encoding="utf-8")
    for job in place.logs:
        until(f"{job} refuses", lambda job=job: place.said(job, f"the old ones stay: {place.rules}:"), 20)  # type: ignore[misc]
    place.river(2.05)
    until("the old rules go on", lambda: place.of_river()[first.id].level == "BĐ2", 20)

    kept = text.replace('id = "hydro-level"', 'id = "hydro-stage"', 1)
    place.rules.write_text(kept, encoding="utf-8")
    until("detect takes them", lambda: place.said("detect", "added hydro-stage; removed hydro-level"), 20)
    until("the old alert ends", lambda: not place.of_river()[first.id].active, 20)
    assert place.of_river()[first.id].reason == "RULE_REMOVED"
    place.river(1.95)
    until("the new rule raises", lambda: len(place.of_river()) == 2, 20)
    [second] = [alert for alert in place.of_river().values() if alert.id != first.id]
    assert (second.rule, second.level, second.active) == ("hydro-stage", "BĐ1", True)


def test_a_crash_with_a_broken_rule_file_goes_on_with_the_last_good_rules(place: Place) -> None:
    text = place.rules.read_text(encoding="utf-8")
    place.river(1.9)
    until("the alert", place.of_river, 60)
    # The newest good rules are another's than those of the first start.
    place.rules.write_text(text.replace('id = "hydro-level"', 'id = "hydro-stage"', 1), encoding="utf-8")
    for job in place.logs:
        until(f"{job} takes them", lambda job=job: place.said(job, "added hydro-stage; removed hydro-level"), 20)  # type: ignore[misc]
    place.river(1.95)
    until("the new rule raises", lambda: len(place.of_river()) == 2, 20)

    place.rules.write_text(text.replace("off_delay_s = 600", "off_delay_s = -1", 1), encoding="utf-8")
    place.crash()
    place.start()
    for job in place.logs:
        until(f"{job} says so", lambda job=job: place.said(job, f"toml: {place.rules}:"), 20)  # type: ignore[misc]
        assert "rules broken, started with the last good ones" in place.logs[job].read_text(errors="replace")
    place.river(2.1)

    def levels() -> set[tuple[str, str]]:
        return {(alert.rule, alert.level) for alert in place.of_river().values() if alert.active}

    until("the last good rules judge", lambda: levels() == {("hydro-stage", "BĐ2")}, 60)

    place.rules.write_text(text, encoding="utf-8")
    until("the mended file is taken", lambda: place.said("detect", "added hydro-level; removed hydro-stage"), 20)
