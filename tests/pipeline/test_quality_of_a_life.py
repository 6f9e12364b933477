"""The figures of alerts as the alerting step makes them: hidden, muted, given back, latched, closed by hand."""

from __future__ import annotations

from typing import Any

from ioc.domain.alarm_quality import Quality, line_of, measure, standing, times
from ioc.domain.alerts import alert_id
from tests.pipeline.life_room import FIRE, HOUR, Room, a_room, off
from tests.pipeline.small_province import MIN, T
from tests.pipeline.test_alerting import signal


def figures(room: Room) -> Quality:
    lines = [line for line in map(line_of, room.log) if line is not None]
    return measure(lines, T - HOUR, T + 5 * HOUR)


def after(room: Room, wait_ms: int) -> Room:
    room.now_ms += wait_ms
    return room


def test_what_another_alert_explains_is_muted_and_not_standing() -> None:
    room = a_room()
    room.give(signal(revision=2, muted_by="A-9"))
    found = standing(room.step.alerts.values(), room.now_ms)
    assert (found.muted, found.unacknowledged, found.standing) == (1, 0, {})


def test_over_a_shelf_the_time_to_clear_counts_from_raised() -> None:
    room = a_room()
    after(room, MIN).do("shelve", reason="pump test", for_s=600)
    room.tick(10 * MIN)
    after(room, MIN).do("ack")
    after(room, MIN).give(off(2))
    found = figures(room)
    assert found.announced == 2
    assert found.acknowledge.all == times([MIN])
    assert found.clear.all == times([13 * MIN])


def test_what_goes_away_on_a_shelf_is_counted_once() -> None:
    room = a_room()
    room.do("shelve", reason="pump test", for_s=600)
    after(room, MIN).give(off(2))
    room.tick(10 * MIN)
    assert room.last.what == "hidden-occurrence"
    assert figures(room).clear.all == times([MIN])


def test_a_latched_fire_cleared_when_it_went_out() -> None:
    room = Room()
    room.give(signal(key=FIRE, rule="fire"))
    fire: dict[str, Any] = {"key": FIRE, "alert_id": alert_id("fire", FIRE, T)}
    after(room, MIN).do("ack", version=1, **fire)
    after(room, MIN).give(off(2, key=FIRE, rule="fire"))
    after(room, MIN).do("reset", version=room.alert.version, **fire)
    assert room.alert.closed
    assert figures(room).clear.all == times([2 * MIN])


def test_closing_what_nobody_had_is_an_answer() -> None:
    room = a_room()
    after(room, MIN).do("close", result="handled")
    after(room, MIN).give(off(2))
    found = figures(room)
    assert (found.acknowledge.all, found.clear.all) == (times([MIN]), times([2 * MIN]))
