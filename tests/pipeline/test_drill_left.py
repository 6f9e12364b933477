"""What is left of a drill that is over closes: nobody will acknowledge it, and no memory keeps it."""

from __future__ import annotations

import pytest

from ioc.domain.drills import DRILL_OVER_MS
from ioc.pipeline.alerting import CLOSED_KEPT_MS
from tests.pipeline.small_province import MIN, S, T
from tests.pipeline.test_alerting import Desk, ack, signal


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_what_ended_with_its_drill_closes_within_a_minute_and_is_forgotten_after_a_day(desk: Desk) -> None:
    desk.give(signal(exercise="tập"), signal("off", exercise="tập", revision=2, reason="DRILL_OVER"))
    assert desk.alert.state == "RTNUN"
    desk.tick(MIN)
    desk.tick(MIN)
    assert (desk.alert.state, desk.alert.closed, desk.alert.acked_by) == ("NORM", True, None)
    assert (desk.last.what, desk.last.reason, desk.last.exercise, desk.last.from_state) == (
        *("closed", "DRILL_OVER", "tập", "RTNUN"),
    )  # fmt: skip
    lines = len(desk.log)
    desk.restart()
    desk.tick(MIN)
    assert len(desk.log) == lines
    desk.tick(CLOSED_KEPT_MS + MIN)
    assert desk.step.alerts == {}


def test_what_went_away_before_waits_an_hour_after_its_last_change(desk: Desk) -> None:
    desk.give(signal(exercise="tập"), signal("off", exercise="tập", revision=2))
    desk.tick(30 * MIN)
    desk.give(ack(desk.alert.id, 1, op="comment", role="dispatcher"))
    desk.tick(DRILL_OVER_MS - MIN)
    desk.tick(30 * S)
    assert desk.alert.state == "RTNUN"
    desk.tick(MIN)
    desk.tick(MIN)
    assert desk.alert.closed


def test_what_is_put_aside_closes_too_and_what_is_there_does_not(desk: Desk) -> None:
    for n in range(2):
        desk.give(signal(exercise=f"tập {n}"))
    aside, there = desk.step.alerts.values()
    desk.give(ack(aside.id, aside.version, op="shelve", role="dispatcher", reason="thử", for_s=28_800))
    desk.give(signal("off", exercise="tập 0", revision=2, reason="DRILL_OVER"))
    assert desk.step.alerts[aside.id].state == "SHLVD"
    for _ in range(70):
        desk.tick(MIN)
    assert desk.step.alerts[aside.id].closed
    assert desk.step.alerts[aside.id].suppression == "none"
    assert desk.step.alerts[there.id].state == "UNACK"


def test_the_real_ones_wait_for_somebody(desk: Desk) -> None:
    desk.give(signal(), signal("off", revision=2, reason="DRILL_OVER"))
    for _ in range(130):
        desk.tick(MIN)
    assert desk.alert.state == "RTNUN"


def test_a_drill_that_goes_on_after_it_raises_anew(desk: Desk) -> None:
    desk.give(signal(exercise="tập"), signal("off", exercise="tập", revision=2, reason="DRILL_OVER"))
    desk.tick(2 * MIN)
    desk.give(signal(exercise="tập", since_ms=T + MIN, revision=3))
    assert sorted(alert.state for alert in desk.step.alerts.values()) == ["NORM", "UNACK"]
