"""What people outside hear of alerts as the alerting step makes them: hidden, muted, given back, latched, closed."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from ioc.domain.alerts import alert_id
from ioc.domain.dispatch import Channel, Dispatch, Route
from ioc.pipeline.notices import notices
from tests.pipeline.life_room import FIRE, HOUR, RULES, TARGET, Room, off
from tests.pipeline.small_province import MIN, T
from tests.pipeline.test_alerting import signal

WORLD = replace(
    RULES,
    dispatch=Dispatch(
        channels=(Channel(id="log", kind="log"),),
        routes=(Route(channels=("log",), priority=4, on=("raised", "worse", "over", "acknowledged")),),
    ),
)
BURNING = alert_id("fire", FIRE, T)


class Outside(Room):
    """A room that is listened to from outside."""

    def __init__(self) -> None:
        super().__init__()
        self.lines_heard = 0

    @property
    def heard(self) -> list[str]:
        """Occasions of the lines since the last look, judged by the alerts as they stand now."""
        fresh, self.lines_heard = self.log[self.lines_heard :], len(self.log)
        said = [one for line in fresh for one in notices(line, self.step.alerts[line.alert_id], WORLD, self.now_ms)]
        return [msgspec.json.decode(one.body)["occasion"] for one in said]


def raised(**more: Any) -> Outside:
    found = Outside()
    found.give(signal(**more))
    assert found.heard == ["raised"]
    return found


def burning() -> Outside:
    return raised(key=FIRE, rule="fire")


def of_fire(**more: Any) -> dict[str, Any]:
    return {"key": FIRE, "alert_id": BURNING} | more


def test_what_becomes_worse_on_a_shelf_is_told_when_the_shelf_ends() -> None:
    room = raised(priority=3)
    assert room.do("shelve", reason="pump test", for_s=600) == "DONE"
    room.give(signal(priority=2, revision=2))
    assert room.heard == []
    room.tick(11 * MIN)
    assert room.heard == ["raised"]


def test_what_becomes_p1_on_a_shelf_is_told_at_once() -> None:
    room = raised()
    assert room.do("shelve", reason="pump test", for_s=600) == "DONE"
    room.give(signal(priority=1, revision=2))
    assert room.heard == ["raised"]


def test_what_a_person_takes_from_the_shelf_or_gives_back_asks_anew() -> None:
    room = raised()
    room.do("shelve", reason="pump test")
    room.do("unshelve")
    assert room.heard == ["raised"]
    room.do("ack")
    room.do("unack", reason="end of shift")
    assert room.heard == ["acknowledged", "raised"]
    room.do("out_of_service", reason="mast down", review_ms=room.now_ms + HOUR)
    room.do("return_to_service")
    assert room.heard == ["raised"]
    room.do("ack")
    room.tick(11 * MIN)
    assert room.heard == ["acknowledged", "raised"], "the re-alarm"


def test_what_was_told_and_ends_on_a_shelf_is_over_once() -> None:
    room = raised()
    room.do("shelve", reason="pump test", for_s=600)
    room.give(off(2))
    assert room.heard == ["over"]
    room.tick(11 * MIN)
    assert (room.last.what, room.heard) == ("hidden-occurrence", [])


def test_a_new_episode_on_an_old_shelf_is_told_at_no_time() -> None:
    room = raised()
    room.do("out_of_service", reason="mast down", review_ms=room.now_ms + HOUR)
    room.give(off(2))
    assert room.heard == ["over"]
    room.now_ms += MIN
    room.give(signal(since_ms=T + MIN, revision=3))
    room.give(off(4, since_ms=T + MIN))
    assert room.log[-1].what == "cleared"
    assert room.heard == []


def test_what_was_told_and_ends_on_a_shelf_for_once_is_over() -> None:
    room = raised()
    room.do("shelve", reason="pump test", once=True)
    room.give(off(2))
    assert (room.last.what, room.heard) == ("hidden-occurrence", ["over"])


def test_what_another_alert_explains_is_told_when_that_one_ends_and_over_when_it_ends_first() -> None:
    room = raised()
    room.give(signal(revision=2, muted_by="A-9"))
    room.give(signal(revision=3))
    assert room.heard == ["raised"]
    room.give(signal(revision=4, muted_by="A-9"))
    room.give(off(5))
    assert (room.last.what, room.heard) == ("hidden-occurrence", ["over"])


def test_what_is_closed_by_hand_was_noticed() -> None:
    room = raised()
    room.do("close", result="handled")
    assert room.heard == ["acknowledged"]
    room.give(off(2))
    assert room.heard == ["over"]
    room = raised()
    room.give(off(2))
    room.do("close", result="handled")
    assert room.heard == ["over", "acknowledged"]
    assert room.step.alerts[TARGET].closed


def test_a_latched_fire_is_over_when_somebody_resets_it() -> None:
    room = burning()
    room.do("ack", **of_fire(version=1))
    room.give(off(2, key=FIRE, rule="fire"))
    assert (room.where, room.heard) == ("LATCHED", ["acknowledged"])
    assert room.do("reset", **of_fire(version=room.alert.version)) == "DONE"
    assert room.heard == ["over"]


def test_a_latched_fire_that_nobody_saw_is_over_when_it_is_closed() -> None:
    room = burning()
    room.give(off(2, key=FIRE, rule="fire"))
    assert (room.where, room.heard) == ("RTNUN", [])
    assert room.do("close", result="handled", **of_fire(version=room.alert.version)) == "DONE"
    assert room.heard == ["over"]
    assert room.alert.closed


def test_a_latched_fire_that_went_out_on_a_shelf_is_over_when_somebody_resets_it() -> None:
    room = burning()
    room.do("shelve", reason="burning trial", **of_fire(version=1))
    room.give(off(2, key=FIRE, rule="fire"))
    room.do("unshelve", **of_fire(version=room.alert.version))
    assert (room.where, room.heard) == ("LATCHED", [])
    room.do("reset", **of_fire(version=room.alert.version))
    assert room.heard == ["over"]
