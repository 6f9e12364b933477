"""The desk: what alerting tells it, what it keeps, and what its orders do to an alert."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from ioc.domain.alerts import Alert, AlertTold, LogEntry, Signal
from ioc.domain.desk import DESK_RULE, DeskAlive, Explained, Explanation, Order, Summoned, Summons
from ioc.domain.profile import Profile
from ioc.pipeline import desk_watch, episodes
from ioc.pipeline.alerting import DESK_LOST_MS, TELL_DESK_EVERY_MS, AlertingPartition
from ioc.pipeline.desk import DeskPartition
from ioc.pipeline.desk_parts import Seen
from ioc.pipeline.effects import Effects, InRecord
from ioc.pipeline.own_alerts import home
from ioc.pipeline.timed import DESK_SLACK_MS
from ioc.wire import codec
from ioc.wire.topics import Topics, partition_for
from tests.pipeline.small_province import MIN, PROFILE, S, T
from tests.pipeline.test_alerting import ack, signal

STORM = Explanation(kind="alert", id="A-storm", why_vi="Bão", why_en="Storm")


class Noting:
    """A part that notes what it sees, and orders what the test wants."""

    prefix = "noting/"

    def __init__(self) -> None:
        self.saw: list[Seen] = []
        self.loaded: dict[str, bytes] = {}
        self.wanted: list[Order] = []

    def load(self, key: str, value: bytes) -> None:
        self.loaded[key] = value

    def seen(self, seen: Seen, alerts: Mapping[str, Alert], now_ms: int) -> list[Order]:
        assert (seen.now.id in alerts) == (not seen.now.closed)
        self.saw.append(seen)
        return []

    def tick(self, alerts: Mapping[str, Alert], now_ms: int) -> list[Order]:
        wanted, self.wanted = self.wanted, []
        return wanted

    def use(self, profile: Profile) -> None: ...

    def take_dirty(self) -> list[tuple[str, bytes | None]]:
        return [("noting/saw", str(len(self.saw)).encode())]


class Room:
    """One partition of alerting and the desk, connected as on the bus."""

    def __init__(self) -> None:
        self.alerting = AlertingPartition(PROFILE, 4)
        self.part = Noting()
        self.desk = DeskPartition(PROFILE, [self.part])
        self.now_ms = T + 5 * S
        self.log: list[LogEntry] = []
        self.topic: dict[str, bytes] = {}
        self.told: list[bytes] = []
        self.alive: list[int | None] = []

    def give(self, *given: Any) -> None:
        records = [InRecord(i, 0, None, codec.encode(item)) for i, item in enumerate(given)]
        self._out(self.alerting.step(records, self.now_ms))

    def tick(self, later_ms: int = 500) -> None:
        self.now_ms += later_ms
        self._out(self.alerting.tick(self.now_ms))
        for emit in self.desk.tick(self.now_ms).emits:
            assert emit.value is not None
            if isinstance(codec.decode_alert_input(emit.value), DeskAlive):
                assert emit.partition in range(Topics("", ()).partitions("alert-inputs"))
                self.alive.append(emit.partition)
                continue
            assert (emit.topic, emit.partition) == ("alert-inputs", None)
            self._out(self.alerting.step([InRecord(0, 0, emit.key, emit.value)], self.now_ms))
        self._keep()

    def tell_again(self) -> None:
        self.desk.step([InRecord(0, 0, None, value) for value in self.told], self.now_ms)

    def restart_desk(self) -> None:
        self.desk = DeskPartition(PROFILE, [self.part])
        for key, value in self.topic.items():
            self.desk.load(key, value)

    def _out(self, effects: Effects) -> None:
        for emit in effects.emits:
            if emit.topic == "desk-inputs" and emit.value is not None:
                self.told.append(emit.value)
                self.desk.step([InRecord(0, 0, None, emit.value)], self.now_ms)
            elif emit.topic == "alert-log" and emit.value is not None:
                self.log.append(codec.decode_log_entry(emit.value))
        self._keep()

    def _keep(self) -> None:
        for key, value in self.desk.take_dirty():
            if value is None:
                self.topic.pop(key, None)
            else:
                self.topic[key] = value

    @property
    def words(self) -> list[str]:
        return [line.what for line in self.log]

    @property
    def alert(self) -> Alert:
        (found,) = self.alerting.alerts.values()
        return found

    def explain(self, explanation: Explanation | None) -> None:
        alert = self.alert
        self.part.wanted.append(Explained(key=alert.key, alert_id=alert.id, explanation=explanation, at_ms=self.now_ms))
        self.tick()


@pytest.fixture
def room() -> Room:
    made = Room()
    made.give(signal())
    return made


def off(**more: Any) -> Signal:
    return signal("off", revision=9, observed_ms=T + MIN, **more)


def test_the_desk_sees_every_change_once_and_forgets_what_closed(room: Room) -> None:
    assert [(seen.before, seen.now.state) for seen in room.part.saw] == [(None, "UNACK")]
    room.tell_again()
    assert len(room.part.saw) == 1
    assert room.desk.counters.repeats == 1
    room.give(off())
    assert (room.part.saw[-1].before, room.part.saw[-1].now.state) == (room.part.saw[0].now, "RTNUN")
    room.give(signal(revision=10, since_ms=T + 2 * MIN, observed_ms=T + 2 * MIN), off(since_ms=T + 2 * MIN))
    assert {seen.now.id for seen in room.part.saw if seen.now.closed} == {room.part.saw[0].now.id}
    assert list(room.desk.alerts) == [seen.now.id for seen in room.part.saw if not seen.now.closed][-1:]
    assert [key for key in room.topic if key.startswith("@alert/")] == [f"@alert/{name}" for name in room.desk.alerts]


def test_a_restart_knows_the_open_alerts_and_their_parts(room: Room) -> None:
    before = dict(room.desk.alerts)
    room.restart_desk()
    assert room.desk.alerts == before
    assert room.part.loaded == {"noting/saw": b"1"}
    room.tell_again()
    assert len(room.part.saw) == 1


def test_a_desk_that_lost_everything_is_told_again_after_a_take_over(room: Room) -> None:
    room.tick()  # the first tick of this life of alerting
    told = len(room.told)
    room.tick()
    assert len(room.told) == told, "told at every tick"
    kept = {alert.id: codec.encode(alert) for alert in room.alerting.alerts.values()}
    room.alerting = AlertingPartition(PROFILE, 4)
    for name, value in kept.items():
        room.alerting.load(name, value)
    room.topic.clear()
    room.restart_desk()
    room.tick()
    assert list(room.desk.alerts) == list(kept)


def test_no_order_goes_out_before_what_was_told_is_read(room: Room) -> None:
    """The first tick comes when the log has been read to where it was at the start."""
    alert = room.alert
    order = Explained(key=alert.key, alert_id=alert.id, explanation=STORM, at_ms=room.now_ms)

    class Hasty(Noting):
        def seen(self, seen: Seen, alerts: Mapping[str, Alert], now_ms: int) -> list[Order]:
            return [order]

    desk = DeskPartition(PROFILE, [Hasty()])
    told = [InRecord(n, 0, None, value) for n, value in enumerate(room.told)]
    assert desk.step(told, room.now_ms).emits == []
    desk.tick(room.now_ms)
    newer = codec.encode(AlertTold(alert=replace(alert, version=alert.version + 1)))
    assert [emit.value for emit in desk.step([InRecord(9, 0, None, newer)], room.now_ms).emits] == [codec.encode(order)]


def test_the_desk_says_that_it_lives_to_every_partition_once_a_minute(room: Room) -> None:
    for _ in range(130):
        room.tick()
    assert sorted(room.alive) == sorted([*range(6), *range(6)])
    assert set(range(Topics("", ()).partitions("alert-inputs"))) == set(room.alive)


def test_what_a_desk_explained_that_is_silent_for_ten_minutes_is_shown(room: Room) -> None:
    room.explain(STORM)
    alive = codec.encode(DeskAlive(at_ms=0))

    def alone(later_ms: int) -> None:
        for _ in range(later_ms // (30 * S)):
            room.now_ms += 30 * S
            room._out(room.alerting.tick(room.now_ms))

    for _ in range(20):  # it lives, and the alert stays hidden
        alone(MIN)
        room.alerting.step([InRecord(0, 0, None, alive)], room.now_ms)
        assert room.alert.state == "DSUPR"
    room.now_ms += 3 * DESK_LOST_MS  # the machine slept: nobody was silent because of that
    alone(DESK_LOST_MS)
    assert room.alert.state == "DSUPR"
    alone(30 * S)
    assert (room.alert.state, room.alert.explained, room.words[-1]) == ("UNACK", None, "unmuted")


def test_a_silent_desk_is_an_alert_of_one_partition_until_it_is_heard() -> None:
    centre = home(PROFILE)
    assert centre is not None
    steps = [AlertingPartition(PROFILE, n) for n in range(desk_watch.PARTITIONS)]
    alive = InRecord(0, 0, None, codec.encode(DeskAlive(at_ms=0)))
    now_ms = T

    def alerts() -> list[Alert]:
        return [one for step in steps for one in step.alerts.values() if one.rule == DESK_RULE]

    def alone(later_ms: int) -> None:
        nonlocal now_ms
        for _ in range(later_ms // (30 * S)):
            now_ms += 30 * S
            for step in steps:
                step.tick(now_ms)

    alone(9 * MIN)
    for step in steps:
        step.step([alive], now_ms)
    alone(9 * MIN)
    assert alerts() == []
    alone(2 * MIN)
    (found,) = alerts()
    assert (found.state, found.priority, found.reason) == ("UNACK", 2, "DESK_SILENT")
    (own,) = [step for step in steps if step.alerts]
    assert own.partition == partition_for(found.key.encode(), desk_watch.PARTITIONS), "commands about it come there"
    # A restart while it is still silent: the alert stands, and is not raised again.
    again = AlertingPartition(PROFILE, own.partition)
    again.load(found.id, codec.encode(found))
    steps[own.partition] = again
    alone(12 * MIN)
    assert alerts() == [found]
    for step in steps:
        step.step([alive], now_ms)
    alone(MIN)
    (over,) = alerts()
    assert (over.state, over.reason) == ("RTNUN", "DESK_HEARD")
    alone(12 * MIN)
    assert [one.state for one in alerts() if not one.closed] == ["UNACK"], "and again"


def test_a_pause_of_alerting_is_no_word_of_a_silent_desk() -> None:
    centre = home(PROFILE)
    assert centre is not None
    step = AlertingPartition(PROFILE, partition_for(desk_watch.key_of(centre).encode(), desk_watch.PARTITIONS))
    alive = InRecord(0, 0, None, codec.encode(DeskAlive(at_ms=0)))
    step.step([alive], T)
    now_ms = T
    while not step.alerts:
        now_ms += 30 * S
        step.tick(now_ms)
    (raised,) = step.alerts.values()
    now_ms += 5 * MIN  # the process stood still, and the desk with it
    for _ in range(30):
        step.tick(now_ms)
        now_ms += 30 * S
    assert list(step.alerts.values()) == [raised], "nobody heard it"
    step.step([alive], now_ms)
    step.tick(now_ms)
    (over,) = step.alerts.values()
    assert (over.state, over.reason) == ("RTNUN", "DESK_HEARD")


def test_an_explanation_with_an_end_is_over_then_also_without_a_desk(room: Room) -> None:
    room.explain(replace(STORM, kind="silence", until_ms=room.now_ms + MIN))
    room.alerting.step([], room.now_ms + MIN + DESK_SLACK_MS - 1000)
    assert room.alert.state == "DSUPR"
    room.alerting.step([], room.now_ms + MIN + DESK_SLACK_MS)
    assert room.alert.state == "UNACK"


def test_all_open_alerts_are_told_again_every_ten_minutes(room: Room) -> None:
    room.tick()
    told = len(room.told)
    room.tick(TELL_DESK_EVERY_MS - 1000)
    assert len(room.told) == told
    room.tick(1000)
    assert len(room.told) == told + 1


def test_garbage_is_counted(room: Room) -> None:
    assert room.desk.step([InRecord(0, 0, None, b"{"), InRecord(1, 0, None, None)], T).emits == []
    assert room.desk.counters.undecodable == 2
    with pytest.raises(msgspec.MsgspecError):
        room.desk.load("@alert/A-1", b"{")


def test_what_is_explained_asks_nobody_until_nothing_explains_it(room: Room) -> None:
    room.explain(STORM)
    assert (room.alert.state, room.alert.explained) == ("DSUPR", STORM)
    version = room.alert.version
    room.explain(STORM)
    assert room.alert.version == version, "said again it changes nothing"
    room.explain(replace(STORM, until_ms=T + MIN))
    assert room.alert.state == "DSUPR"
    room.explain(None)
    assert (room.alert.state, room.alert.explained) == ("UNACK", None)
    assert room.words == ["raised", "muted", "unmuted"]
    assert room.alert.decisive_version < room.alert.version  # nobody had acknowledged: what a person saw still counts


def test_the_log_says_when_another_explanation_holds(room: Room) -> None:
    """Else it would say for ever that the first one hides it."""
    room.explain(STORM)
    room.explain(Explanation(kind="silence", id="S-1", why_vi="Lan", why_en="Lan"))
    room.explain(Explanation(kind="silence", id="S-1", until_ms=T + MIN, why_vi="Lan", why_en="Lan"))
    room.explain(Explanation(kind="silence", id="S-2", why_vi="Minh", why_en="Minh"))
    room.explain(None)
    told = [(line.what, line.reason, line.to_state) for line in room.log[1:]]
    assert told == [
        ("muted", "EXPLAINED_BY alert A-storm", "DSUPR"),
        ("re-explained", "EXPLAINED_BY silence S-1", "DSUPR"),
        ("re-explained", "EXPLAINED_BY silence S-2", "DSUPR"),
        ("unmuted", "NOT_EXPLAINED", "UNACK"),
    ]


def test_acknowledged_then_explained_asks_anew(room: Room) -> None:
    room.give(ack(room.alert.id, 1))
    room.explain(STORM)
    room.explain(None)
    assert room.alert.state == "UNACK"
    assert room.alert.decisive_version == room.alert.version
    assert room.alert.acked_by is None


def test_the_rules_own_reason_and_the_desks_are_both_needed_to_be_gone(room: Room) -> None:
    room.give(signal(revision=2, muted_by="A-silent"))
    room.explain(STORM)
    room.give(signal(revision=3))
    assert room.alert.state == "DSUPR", "the storm still explains it"
    room.explain(None)
    assert room.alert.state == "UNACK"


def test_what_is_over_needs_no_explanation(room: Room) -> None:
    room.explain(STORM)
    room.give(off())
    assert (room.alert.closed, room.alert.explained, room.words[-1]) == (True, None, "hidden-occurrence")
    assert episodes.explain_by(room.alert, STORM, T) is None


def test_what_is_gone_and_unseen_is_not_hidden(room: Room) -> None:
    room.give(off())
    room.explain(STORM)
    assert room.alert.state == "RTNUN"


def test_a_shelf_goes_before_an_explanation_and_leaves_to_it(room: Room) -> None:
    room.give(replace(ack(room.alert.id, 1), op="shelve", role="dispatcher", reason="bảo trì", for_s=300))
    room.explain(STORM)
    assert room.alert.state == "SHLVD"
    room.tick(301 * S)
    assert room.alert.state == "DSUPR"
    room.explain(None)
    assert room.alert.state == "UNACK"


def test_a_summons_is_noted_once_and_does_not_disturb_who_acknowledges(room: Room) -> None:
    alert = room.alert
    order = Summoned(
        key=alert.key, alert_id=alert.id, summons=Summons(number=1, step=0, round=0, whom=("An",), at_ms=room.now_ms)
    )
    room.part.wanted += [order, order]
    room.tick()
    assert room.words == ["raised", "summoned"]
    assert (room.alert.state, room.alert.summons) == ("UNACK", order.summons)
    room.give(ack(alert.id, 1))
    assert room.alert.state == "ACKED"
