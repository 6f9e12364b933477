"""Chains that call also about what went away before anybody acknowledged it, and those that do not."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from ioc.pipeline import episodes
from tests.pipeline.escalation_room import DUTY, PROVINCE, Room, check
from tests.pipeline.life_room import FIRE
from tests.pipeline.small_province import MIN, S
from tests.pipeline.test_alerting import KEY, ack, signal
from tests.pipeline.test_desk_escalation import HOUR, wait


def a_room(*, gone: bool, key: str = KEY, rule: str = "level") -> Room:
    """Its alert was there for half a minute; the first step is due after a minute."""
    chains = tuple(replace(chain, escalate_gone=gone) for chain in DUTY.chains)
    room = Room(replace(PROVINCE, duty=replace(DUTY, chains=chains)))
    room.give(signal(key=key, rule=rule, priority=1))
    wait(room, 30 * S)
    room.give(signal("off", key=key, rule=rule, priority=1, revision=2))
    room.settle()
    assert room.alert(key).state == "RTNUN"
    return room


def steps(room: Room) -> list[tuple[int, int]]:
    return [(e.summons.round, e.summons.step) for e in room.log if e.summons is not None]


def take(room: Room, key: str = KEY, **more: Any) -> None:
    room.now_ms += S
    alert = room.alert(key)
    room.give(ack(alert.id, alert.version, key=key, **more))
    room.settle()


def test_what_went_away_unseen_is_called_about_in_time_until_somebody_has_it() -> None:
    room = a_room(gone=True)
    wait(room, 45 * S)
    assert steps(room) == [(0, 0)]
    ((entry, said),) = room.summonses(room.alert().id)
    assert (entry.from_state, entry.to_state, said.gone, said.reason) == ("RTNUN", "RTNUN", True, "STEP_DUE")
    assert said.at_ms == said.began_ms + MIN
    take(room)
    wait(room, HOUR)
    assert steps(room) == [(0, 0)]


def test_a_latched_alert_is_called_about_when_its_chain_says_so_and_not_otherwise() -> None:
    for gone in (True, False):
        room = a_room(gone=gone, key=FIRE, rule="fire")
        assert room.alert(FIRE).latched
        wait(room, HOUR)
        assert len(steps(room)) == (12 if gone else 0)


def test_the_auditor_watches_it_too() -> None:
    room = a_room(gone=True)
    assert room.part.auditor.audit.running == 1
    wait(room, HOUR)
    assert room.part.auditor.audit.unanswered == 1
    take(room)
    assert room.part.auditor.audit.finished == 0
    resting = a_room(gone=False)
    assert resting.part.auditor.audit.running == 0


def test_what_comes_back_goes_on_and_an_order_of_before_has_no_effect() -> None:
    room = a_room(gone=True)
    room.tick(MIN)
    room.flush()
    assert room.orders, "on its way"
    room.give(signal(priority=1, revision=3))
    room.deliver()
    assert steps(room) == []
    room.settle()
    assert steps(room) == [(0, 0)]
    assert room.alert().state == "UNACK"


def test_what_comes_back_from_a_shelf_as_gone_begins_anew() -> None:
    room = a_room(gone=True)
    wait(room, 45 * S)
    take(room, op="shelve", command_id="s", role="dispatcher", reason="r", for_s=900)
    assert room.alert().state == "SHLVD"
    wait(room, 14 * MIN)
    assert len(steps(room)) == 1
    wait(room, 3 * MIN)
    assert room.alert().state == "RTNUN"
    assert steps(room)[:2] == [(0, 0), (0, 0)]


def test_an_order_of_a_chain_that_rests_has_no_effect_on_what_went_away() -> None:
    room = a_room(gone=False)
    alert = room.alert()
    wait(room, 2 * MIN)
    assert steps(room) == []
    calling = a_room(gone=True)
    wait(calling, 45 * S)
    said = calling.alert().summons
    assert said is not None
    assert episodes.summon(alert, said, room.now_ms) is not None
    assert episodes.summon(alert, replace(said, gone=False), room.now_ms) is None


def test_the_default_is_to_rest() -> None:
    assert not DUTY.chains[0].escalate_gone
    room = Room()
    room.give(signal(priority=1))
    room.settle()
    room.give(signal("off", priority=1, revision=2))
    wait(room, HOUR)
    assert steps(room) == []
    check(room, settled=True)
