"""An alert that goes away unseen and comes back is called about as if it had stayed."""

from __future__ import annotations

from tests.pipeline.escalation_room import Room, check
from tests.pipeline.small_province import MIN, S, T
from tests.pipeline.test_alerting import KEY, ack, signal
from tests.pipeline.test_desk_escalation import HOUR, wait


class Flapping(Room):
    """Its object is there for 50 s and away for 20 s, each time another episode, or the same one."""

    def __init__(self) -> None:
        super().__init__()
        self.since_ms, self.revision = T, 0

    def comes(self, *, same: bool = False, priority: int = 1) -> None:
        self.now_ms += 1
        self.revision += 1
        if not same:
            self.since_ms = self.now_ms
        self.give(signal(priority=priority, since_ms=self.since_ms, observed_ms=self.now_ms, revision=self.revision))
        self.settle(turns=1)

    def goes(self) -> None:
        self.now_ms += 1
        self.revision += 1
        self.give(signal("off", since_ms=self.since_ms, observed_ms=self.now_ms, revision=self.revision))
        self.settle(turns=1)

    def flaps(self, times: int, *, same: bool = False) -> None:
        for _ in range(times):
            wait(self, 45 * S)
            self.goes()
            wait(self, 15 * S)
            self.comes(same=same)

    def steps(self) -> list[tuple[int, int]]:
        return [(e.summons.round, e.summons.step) for e in self.log if e.summons is not None]


def test_what_flaps_is_called_about_step_after_step() -> None:
    room = Flapping()
    room.comes()
    room.flaps(5)
    assert len({alert.id for alert in room.versions if alert.key == KEY}) == 6
    assert room.steps() == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0)]
    check(room, settled=True)


def test_the_due_time_is_that_of_the_first_occurrence() -> None:
    room = Flapping()
    room.comes()
    began_ms = room.alert(KEY).asked_ms or 0
    room.flaps(1)
    wait(room, 15 * S)
    ((_, only),) = room.summonses(room.alert(KEY).id)
    assert (only.at_ms, only.number, only.reason) == (began_ms + MIN, 1, "STEP_DUE")
    assert only.began_ms == room.alert(KEY).asked_ms, "so that an order of before has no effect"


def test_the_same_episode_goes_on_too() -> None:
    room = Flapping()
    room.comes()
    room.flaps(2, same=True)
    assert len({alert.id for alert in room.versions if alert.key == KEY}) == 1
    assert room.steps()[:1] == [(0, 0)]
    check(room, settled=True)


def test_nobody_is_called_while_it_is_away() -> None:
    room = Flapping()
    room.comes()
    wait(room, 30 * S)
    room.goes()
    wait(room, HOUR)
    assert room.steps() == []
    assert room.part.auditor.audit.without_step == 0
    room.comes()
    room.settle()
    assert room.steps() == [(0, 0)], "it had been due for long"


def test_an_acknowledgement_ends_it_as_ever() -> None:
    room = Flapping()
    room.comes()
    wait(room, 45 * S)
    room.goes()
    room.now_ms += S
    room.give(ack(room.alert(KEY).id, room.alert(KEY).version))
    room.settle()
    room.comes()
    wait(room, 45 * S)
    assert room.steps() == [], "this one begins with the whole wait"
    wait(room, 30 * S)
    assert room.steps() == [(0, 0)]
    check(room, settled=True)


def test_what_is_through_begins_anew_when_it_comes_again() -> None:
    room = Flapping()
    room.comes()
    wait(room, HOUR)
    assert len(room.steps()) == 12
    room.goes()
    room.comes()
    wait(room, 90 * S)
    assert len(room.steps()) == 13
    assert room.steps()[-1] == (0, 0)


def test_a_desk_that_ends_between_the_old_and_the_new_one_goes_on() -> None:
    room = Flapping()
    room.comes()
    wait(room, 90 * S)
    room.now_ms += 1
    room.revision += 1
    room.since_ms = room.now_ms
    room.give(signal(priority=1, since_ms=room.since_ms, observed_ms=room.now_ms, revision=room.revision))
    told = room.bus[room.read :]
    assert len(told) == 2, "superseded, raised"
    kept, room.bus = room.bus, room.bus[:-1]
    room.hear()
    room.tick()
    room.flush()
    assert [key for key in room.topic if key.startswith("@escalation-left/")]
    room.crash()
    room.bus = kept
    room.settle()
    assert room.part.live[room.alert(KEY).id].step == 1
    assert not [key for key in room.topic if key.startswith("@escalation-left/")]
    wait(room, 90 * S)
    assert room.steps()[:2] == [(0, 0), (0, 1)]


def test_what_nobody_takes_over_is_forgotten() -> None:
    room = Flapping()
    room.comes()
    room.now_ms += 1
    room.give(signal(priority=1, since_ms=room.now_ms, observed_ms=room.now_ms, revision=9))
    room.bus.pop()
    room.hear()
    wait(room, 11 * MIN)
    assert not [key for key in room.topic if key.startswith("@escalation-left/")]


def test_a_successor_that_is_worse_begins_the_chain_that_fits() -> None:
    room = Flapping()
    room.comes(priority=3)
    wait(room, 30 * S)
    room.comes(priority=1)
    assert [e.what for e in room.log if e.what == "superseded"] == ["superseded"]
    running = room.part.live[room.alert(KEY).id]
    assert running.chain is not None
    assert (running.chain.id, running.step, running.began_ms) == ("urgent", 0, room.alert(KEY).asked_ms)
    check(room, settled=True)
