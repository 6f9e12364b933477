"""The shipped profile: a dangerous reading that was under way for long is told, once, and how late it was."""

from __future__ import annotations

import pytest

from ioc.domain.alerts import Alert
from tests.pipeline.small_province import S
from tests.pipeline.test_silent_centre import Province

STATION, AREA, BEYOND_M, CALM_M = "BIENHOA", "731", 2.3, 1.5


class Gauge(Province):
    """One water gauge that measures every ten seconds."""

    def measure(self, value_m: float, late_s: int = 0) -> None:
        self.seq += 1
        self.send("bien-hoa", "hydro", STATION, AREA, "hydro.level", {"level_m": value_m, "trend_m_per_h": 0.0}, late_s)

    def calm(self, times: int) -> None:
        for _ in range(times):
            self.measure(CALM_M)
            self.runner.advance(10 * S)

    @property
    def told(self) -> list[Alert]:
        return [alert for alert in self.alerts() if alert.rule == "hydro-level"]


@pytest.mark.parametrize("late_s", [0, 30, 300])
def test_a_late_danger_is_told_once_and_ends(late_s: int) -> None:
    gauge = Gauge()
    gauge.calm(3)
    gauge.measure(BEYOND_M, late_s)
    gauge.runner.advance(5 * S)
    (alert,) = gauge.told
    assert (alert.state, alert.level) == ("UNACK", "BĐ2")
    assert alert.started_ms == gauge.runner.now_ms // S * S - 5 * S - late_s * S
    assert late_s <= alert.late_s <= late_s + 5
    gauge.calm(70)
    (alert,) = gauge.told
    assert (alert.state, alert.active) == ("RTNUN", False), "seen by nobody, it stays in the list"


def test_after_a_calm_time_it_is_not_blind() -> None:
    gauge = Gauge()
    gauge.calm(40)
    gauge.measure(BEYOND_M, 30)
    gauge.runner.advance(9 * S)
    (alert,) = gauge.told
    assert (alert.state, alert.blind) == ("UNACK", False)


def test_what_comes_later_than_ten_minutes_raises_nothing() -> None:
    gauge = Gauge()
    gauge.calm(3)
    gauge.measure(BEYOND_M, 605)
    gauge.runner.advance(5 * S)
    assert not gauge.told


def test_what_a_link_brings_late_of_an_episode_that_was_told_is_not_told_again() -> None:
    gauge = Gauge()
    gauge.calm(3)
    for _ in range(3):
        gauge.measure(BEYOND_M)
        gauge.runner.advance(10 * S)
    gauge.calm(65)
    (before,) = gauge.told
    assert not before.active
    gauge.measure(BEYOND_M, 580)
    gauge.runner.advance(5 * S)
    assert gauge.told == [before]
