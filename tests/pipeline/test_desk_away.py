"""The desk is away, for a moment or for long: who is told of what it hid and of what begins, and who is called."""

from __future__ import annotations

import pytest

from ioc.domain.alerts import Alert, LogEntry
from ioc.domain.handling import SHIFT_S
from ioc.pipeline import notices
from ioc.pipeline.alerting import DESK_LOST_MS
from ioc.pipeline.effects import Effects, InRecord
from ioc.pipeline.notices import Judgeable, ahead, news, ready
from tests.pipeline import test_covers
from tests.pipeline.small_province import MIN, S, T
from tests.pipeline.suppressed_room import create, expire
from tests.pipeline.test_alerting import signal
from tests.pipeline.test_covers import HERE, PROVINCE, fire

WAIT_MS = round(PROVINCE.dispatch.group_wait_s * 1000)


class Notifier:
    """What ``judge`` of the outbox does, with lists; everything is stored at once."""

    def __init__(self, started_ms: int) -> None:
        self.started_ms = started_ms
        self.judged = 0
        self.made: dict[str, notices.Notice] = {}
        self.told: list[tuple[str, str]] = []  # occasion, alert

    def turn(self, log: list[LogEntry], alerts: dict[str, Alert], now_ms: int) -> None:
        found = [Judgeable(n, one, alerts.get(one.alert_id)) for n, one in enumerate(log)][self.judged :]
        wait = {"group_wait_ms": WAIT_MS, "started_ms": self.started_ms}
        lines, _ = ready(found, {}, now_ms, **wait)  # type: ignore[arg-type]
        told = [*lines, *ahead(found, len(lines), now_ms, **wait)]  # type: ignore[arg-type]
        announced = {one.alert_id for one in self.made.values()}
        for one in news(told, PROVINCE, now_ms, announced):
            if one.id not in self.made:
                self.made[one.id] = one
                self.told.append((notices.msgspec.json.decode(one.body)["occasion"], one.alert_id))
        self.judged += len(lines)


class Room(test_covers.Room):
    """While it is ``away`` the desk neither reads nor ticks; what alerting tells it waits for it."""

    def __init__(self) -> None:
        self.away = False
        self.waiting: list[bytes] = []
        super().__init__()
        self.notifier = Notifier(self.now_ms - 60 * S)

    def _from_desk(self, effects: Effects) -> None:
        if not self.away:
            super()._from_desk(effects)

    def _take(self, n: int, effects: Effects) -> None:
        if self.away:
            told = [one.value for one in effects.emits if one.topic == "desk-inputs" and one.value is not None]
            self.waiting += told
            effects.emits[:] = [one for one in effects.emits if one.topic != "desk-inputs"]
        super()._take(n, effects)

    def later(self, ms: int = 500) -> None:
        self.now_ms += ms
        for n in (0, 1):
            self._take(n, self.parts[n].tick(self.now_ms))
        if not self.away:
            self._from_desk(self.desk.tick(self.now_ms))
            self.deliver()
        if hasattr(self, "notifier"):
            alerts = {name: one for part in self.parts for name, one in part.alerts.items()}
            self.notifier.turn(self.log, alerts, self.now_ms)

    def wait(self, ms: int) -> None:
        for _ in range(ms // (5 * S)):
            self.later(5 * S)

    def leave(self) -> None:
        self.away = True

    def come_back(self) -> None:
        """A new life: it reads what waited, then time passes for it."""
        self.away = False
        self.restart_desk()
        waiting, self.waiting = self.waiting, []
        for value in waiting:
            self._from_desk(self.desk.step([InRecord(0, 0, None, value)], self.now_ms))

    def told(self) -> list[str]:  # type: ignore[override]
        """Occasions of the level."""
        return [word for word, name in self.notifier.told if name == test_covers.ID]

    def called(self) -> list[str]:
        return [one.alert_id for one in self.log if one.what == "summoned" and one.alert_id == test_covers.ID]


@pytest.fixture
def room() -> Room:
    made = Room()
    made.do(create(1, HERE, for_s=SHIFT_S))
    return made


@pytest.mark.parametrize("priority", [1, 2])
def test_what_the_desk_said_before_it_left_hides_what_begins_for_ten_minutes(room: Room, priority: int) -> None:
    room.leave()
    room.wait(5 * MIN)
    room.give(signal(priority=priority))
    room.wait(4 * MIN)
    assert (set(room.states()), room.told(), room.called()) == ({"DSUPR"}, [], [])
    room.come_back()
    room.wait(10 * MIN)
    assert (set(room.states()), room.told(), room.called()) == ({"DSUPR"}, [], [])


@pytest.mark.parametrize("priority", [1, 2])
def test_what_it_could_not_say_is_told_and_hidden_when_it_is_back(room: Room, priority: int) -> None:
    room.do(expire(2, 1))
    room.leave()
    room.give(fire(), part=1)  # it would explain the level, and the desk does not hear of it
    room.give(signal(priority=priority))
    room.wait(MIN)
    assert (room.alert.state, room.told(), room.called()) == ("UNACK", ["raised"], [])
    room.come_back()
    room.wait(MIN)
    assert (room.alert.state, room.told(), room.called()) == ("DSUPR", ["raised"], [])
    room.give(signal("off", revision=2))
    room.wait(MIN)
    assert room.told() == ["raised", "over"], "who heard of it hears of its end"


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("priority", [1, 2])
def test_after_ten_minutes_all_of_it_is_told_once_and_hidden_again_when_the_desk_is_back(
    room: Room, priority: int, before: bool
) -> None:
    if before:
        room.give(signal(priority=priority))
    room.later()
    room.leave()
    room.wait(DESK_LOST_MS + MIN)
    if not before:
        room.give(signal(priority=priority))
        room.wait(MIN)
    assert (room.alert.state, room.told(), room.called()) == ("UNACK", ["raised"], [])
    room.wait(60 * MIN)
    assert room.told() == ["raised"], "once, however long it is away"
    room.come_back()
    room.wait(10 * MIN)
    assert (room.alert.state, room.told()) == ("DSUPR", ["raised"])
    assert room.called() == [], "the silence holds: nobody is called on the desk's return"
    room.do(expire(2, 1))
    room.wait(MIN)
    assert (room.alert.state, room.told()) == ("UNACK", ["raised", "raised", "called"])
    assert len(room.called()) == 1


def test_a_desk_that_is_back_within_the_group_wait_has_told_nobody(room: Room) -> None:
    """Hidden alerts ask for a moment, ten minutes after it left; P2 to P4 are told a group wait later."""
    room.give(signal())
    room.leave()
    while room.alert.state == "DSUPR":
        assert room.now_ms < T + 30 * MIN, "what nobody can end is shown"
        room.later()
    room.come_back()
    room.later()
    room.wait(MIN)
    assert (room.alert.state, room.told(), room.called()) == ("DSUPR", [], [])


def test_a_desk_that_sleeps_and_goes_on_calls_nobody_about_what_it_hid(room: Room) -> None:
    """The same life: no start, so no group wait of a start. Its orders come before it says that it lives."""
    room.give(signal(priority=1))
    room.leave()
    room.wait(DESK_LOST_MS + 5 * MIN)
    assert room.alert.state == "UNACK"
    room.away = False
    waiting, room.waiting = room.waiting, []
    for value in waiting:
        room._from_desk(room.desk.step([InRecord(0, 0, None, value)], room.now_ms))
    room.deliver()
    shown = len(room.states())
    for n in (0, 1):
        room._take(n, room.parts[n].tick(room.now_ms + 500))
    room.wait(MIN)
    assert (room.alert.state, room.told(), room.called()) == ("DSUPR", ["raised"], [])
    assert set(room.states()[shown:]) <= {"DSUPR"}, "an order is a sign of life"
    room.give(signal(key="level|north|R2", site="R2"))
    assert room.states()[-1] == "DSUPR", "what it said before is said again"
