"""What is hidden from its first moment on: it asks nobody for a moment either, is told to nobody, and nobody is called.

Two partitions of alerting and the whole desk, connected as on the bus.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ioc.domain.alerts import Alert, AlertTold, Command, LogEntry, Signal, alert_id
from ioc.domain.covers import Cover, CoverSaid, covered
from ioc.domain.desk import DeskAlive, Explained, Explanation
from ioc.domain.dispatch import Channel, Dispatch, Route
from ioc.domain.duty import Chain, ChainStep, Duty, Person
from ioc.domain.handling import SHIFT_S
from ioc.domain.matcher import Matcher
from ioc.domain.schedule import Hours
from ioc.domain.suppression import Suppression as Setup
from ioc.pipeline.alerting import DESK_LOST_MS, AlertingPartition
from ioc.pipeline.covers import Covers
from ioc.pipeline.desk import DeskPartition, make_desk
from ioc.pipeline.desk_covers import AGAIN_MS
from ioc.pipeline.desk_suppression import Suppression
from ioc.pipeline.effects import Effects, InRecord
from ioc.pipeline.episodes import Change
from ioc.pipeline.notices import Judgeable, news
from ioc.wire import codec
from tests.domain.test_suppression import alert, inhibit, window
from tests.pipeline.life_room import RULES
from tests.pipeline.small_province import MIN, S, T
from tests.pipeline.suppressed_room import NOON, create, expire
from tests.pipeline.test_alerting import signal

OCCASIONS: Any = ("raised", "worse", "over", "acknowledged")
PROVINCE = replace(
    RULES,
    suppression=Setup(
        inhibit=(inhibit("wide", source=Matcher(rules=("fire",)), target=Matcher(rules=("level",)), equal=("area",)),),
        windows=(window("lunch", target=Matcher(rules=("level",)), hours=(Hours(start="12:00", end="13:00"),)),),
    ),
    duty=Duty(
        people=(Person(id="an", name="An", channels=("log",)),),
        chains=(Chain(id="all", steps=(ChainStep(wait_s=0, person="an"), ChainStep(wait_s=3600, person="an"))),),
    ),
    dispatch=Dispatch(
        channels=(Channel(id="log", kind="log"),), routes=(Route(channels=("log",), priority=4, on=OCCASIONS),)
    ),
)
HERE = Matcher(rules=("level",), areas=("731",))
ID = alert_id("level", signal().key, T)


def fire(state: str = "on", **more: Any) -> Signal:
    return signal(state, **({"rule": "fire", "key": "fire|north|R1", "since_ms": T - MIN} | more))


class Room:
    """Partition 0 has the alerts of levels, 1 those of fires. Orders and covers arrive with :meth:`deliver`."""

    def __init__(self) -> None:
        self.now_ms = T + 5 * S
        self.topics: list[dict[str, bytes]] = [{}, {}]
        self.parts = [self._alerting(0), self._alerting(1)]
        self.kept: dict[str, bytes] = {}
        self.desk: DeskPartition = make_desk(PROVINCE)
        self.way: list[tuple[int | None, bytes]] = []
        self.shown: list[Alert] = []
        self.log: list[LogEntry] = []
        self.later(10 * S)

    def _alerting(self, n: int) -> AlertingPartition:
        made = AlertingPartition(PROVINCE, n)
        for key, value in self.topics[n].items():
            made.load(key, value)
        return made

    def give(self, *given: Any, part: int = 0) -> None:
        values = [one if isinstance(one, bytes) else codec.encode(one) for one in given]
        records = [InRecord(i, 0, None, value) for i, value in enumerate(values)]
        self._take(part, self.parts[part].step(records, self.now_ms))

    def fire(self, state: str = "on", **more: Any) -> None:
        self.give(fire(state, **more), part=1)
        self.deliver()

    def do(self, command: Any) -> None:
        self._from_desk(self.desk.step([InRecord(0, 0, None, codec.encode(command))], self.now_ms))
        self.deliver()

    def deliver(self) -> None:
        while self.way:
            way, self.way = self.way, []
            for partition, value in way:
                given_ = codec.decode_alert_input(value)
                target = getattr(given_, "alert_id", "")
                if partition is None:
                    partition = next(n for n in (0, 1) if target in self.parts[n].alerts or n == 1)
                if partition in (0, 1):
                    self.give(value, part=partition)

    def later(self, ms: int = 500) -> None:
        self.now_ms += ms
        for n in (0, 1):
            self._take(n, self.parts[n].tick(self.now_ms))
        self._from_desk(self.desk.tick(self.now_ms))
        self.deliver()

    def restart_alerting(self) -> None:
        self.parts = [self._alerting(0), self._alerting(1)]

    def restart_desk(self, *, empty: bool = False) -> None:
        self.desk = make_desk(PROVINCE)
        for key, value in self.kept.items():
            if not empty or key.startswith("@alert/"):
                self.desk.load(key, value)

    @property
    def alert(self) -> Alert:
        return self.parts[0].alerts[ID]

    def states(self) -> list[str]:
        """All that was ever shown of the alert of the level."""
        return [one.state for one in self.shown if one.rule == "level"]

    def words(self) -> list[tuple[str, str]]:
        return [(one.what, one.to_state) for one in self.log if one.key == signal().key]

    def told(self) -> list[str]:
        """Whom the notifier tells of the level when it judges each line as soon as it stands."""
        lines = [one for one in self.log if one.key == signal().key]
        return [n.body for one in lines for n in news([Judgeable(1, one, self.alert)], PROVINCE, one.at_ms)]

    def _take(self, n: int, effects: Effects) -> None:
        for emit in effects.emits:
            if emit.topic == "desk-inputs" and emit.value is not None:
                self._from_desk(self.desk.step([InRecord(0, 0, None, emit.value)], self.now_ms))
            elif emit.topic == "alert-log" and emit.value is not None:
                self.log.append(codec.decode_log_entry(emit.value))
            elif emit.topic == "alerts":
                self._keep(self.topics[n], [((emit.key or b"").decode(), emit.value)])
                if emit.value is not None:
                    self.shown.append(codec.decode_alert(emit.value))
        self._keep(self.topics[n], self.parts[n].take_dirty())

    def _from_desk(self, effects: Effects) -> None:
        self._keep(self.kept, self.desk.take_dirty())
        for emit in effects.emits:
            if emit.topic == "alert-inputs" and emit.value is not None:
                self.way.append((emit.partition, emit.value))

    @staticmethod
    def _keep(topic: dict[str, bytes], rows: list[tuple[str, bytes | None]]) -> None:
        for key, value in rows:
            if value is None:
                topic.pop(key, None)
            else:
                topic[key] = value


@pytest.fixture
def room() -> Room:
    return Room()


def by_silence(room: Room) -> None:
    room.do(create(1, HERE))


def by_window(room: Room) -> None:
    room.later(NOON - room.now_ms + S)


def by_alert(room: Room) -> None:
    room.fire()


def unsilence(room: Room) -> None:
    room.do(expire(2, 1))


def close_window(room: Room) -> None:
    room.later(NOON + 60 * MIN - room.now_ms)


def end_fire(room: Room) -> None:
    room.fire("off", revision=2)


BY = [
    (by_silence, "silence", unsilence),
    (by_window, "window", close_window),
    (by_alert, "alert", end_fire),
]


# A P1 by an alert: see test_covers_of_alerts.py.
HIDDEN = [(*by, priority) for by in BY for priority in (1, 2, 4) if (by[1], priority) != ("alert", 1)]


@pytest.mark.parametrize(("hide", "kind", "over", "priority"), HIDDEN)
def test_what_begins_hidden_never_asks(room: Room, hide: Any, kind: str, over: Any, priority: int) -> None:
    hide(room)
    room.give(signal(priority=priority))
    assert (room.states(), room.alert.asked_ms) == (["DSUPR"], None)
    assert room.alert.explained is not None
    assert room.alert.explained.kind == kind
    assert room.words() == [("raised", "DSUPR"), ("muted", "DSUPR")]
    assert [one.version for one in room.log if one.key == signal().key] == [1, 2] == [1, room.alert.version]
    assert room.log[-1].reason == f"EXPLAINED_BY {kind} {room.alert.explained.id}"
    for _ in range(8):
        room.later()
    assert room.states() == ["DSUPR"], "the desk finds the same"
    assert (room.told(), room.alert.summons) == ([], None)
    over(room)
    room.later()
    assert room.alert.state == "UNACK", "what is still there asks then"
    assert len(room.told()) == 1 or room.alert.summons is not None
    assert room.words()[2] == ("unmuted", "UNACK")


@pytest.mark.parametrize(("hide", "kind", "over"), BY)
def test_what_comes_again_hidden_does_not_ask_either(room: Room, hide: Any, kind: str, over: Any) -> None:
    room.give(signal())
    room.give(signal("off", revision=2))
    hide(room)
    shown = len(room.states())
    assert room.alert.state == "RTNUN"
    room.give(signal(revision=3))
    assert (room.states()[shown:], room.words()[-2:]) == (["DSUPR"], [("re-raised", "DSUPR"), ("muted", "DSUPR")])


def test_a_command_that_shows_it_again_says_that_it_is_hidden(room: Room) -> None:
    room.give(signal())
    command: dict[str, Any] = {
        "key": signal().key, "alert_id": ID, "actor": "lan", "actor_display": "Lan", "role": "dispatcher",
    }  # fmt: skip
    room.give(Command(op="shelve", command_id="k1", expected_version=room.alert.version, reason="r", **command))
    assert room.alert.state == "SHLVD"
    why = Explanation(kind="silence", id="S-1", until_ms=room.now_ms + MIN)
    room.give(CoverSaid(id="S-1", cover=Cover(id="S-1", explanation=why, target=HERE)))  # its order is on the way
    shown = len(room.states())
    room.give(Command(op="unshelve", command_id="k2", expected_version=room.alert.version, **command))
    assert room.states()[shown:] == ["DSUPR"]
    assert room.words()[-2:] == [("unshelve", "DSUPR"), ("muted", "DSUPR")]


def test_what_the_desk_orders_stands_whatever_it_said_before(room: Room) -> None:
    by_silence(room)
    room.give(signal())
    room.give(Explained(key=signal().key, alert_id=ID, explanation=None, at_ms=room.now_ms))
    assert room.alert.state == "UNACK"


@pytest.mark.parametrize("wide", [Matcher(areas=("731",)), Matcher(types=("hydro.level",))])
def test_no_wide_silence_hides_a_p1_from_its_beginning(room: Room, wide: Matcher) -> None:
    room.do(create(1, wide))
    room.give(signal(priority=1))
    assert (room.states()[0], len(room.told())) == ("UNACK", 1)


def test_a_drill_is_hidden_by_neither_people_nor_live_alerts(room: Room) -> None:
    by_silence(room)
    by_alert(room)
    room.give(signal(exercise="tập"))
    assert room.states()[0] == "UNACK"


@pytest.mark.parametrize(("hide", "kind", "over"), BY)
def test_it_is_known_after_a_restart_of_either(room: Room, hide: Any, kind: str, over: Any) -> None:
    hide(room)
    room.restart_alerting()
    room.give(DeskAlive(at_ms=room.now_ms))  # before, nobody knows whether an alert explains still
    room.give(signal())
    assert room.states() == ["DSUPR"]
    room.restart_desk()
    room.later()
    room.give(signal(key="level|north|R2", site="R2"))
    room.later(20 * S)
    assert set(room.states()) == {"DSUPR"}


def test_what_the_desk_lost_hides_nothing(room: Room) -> None:
    by_silence(room)
    room.restart_desk(empty=True)
    room.later()
    room.give(signal())
    assert room.states()[0] == "UNACK"


def test_what_alerting_lost_hides_nothing_until_it_is_said_again(room: Room) -> None:
    by_silence(room)
    room.topics = [{}, {}]
    room.restart_alerting()
    room.give(signal())
    assert room.states()[0] == "UNACK"
    room.later(AGAIN_MS)
    room.give(signal(key="level|north|R2", site="R2"))
    assert room.states()[-1] == "DSUPR"


def test_a_desk_that_is_silent_hides_nothing_from_its_beginning(room: Room) -> None:
    """Nobody could end it. When the desk is heard again it says what there is."""
    room.do(create(1, HERE, for_s=SHIFT_S))
    room.fire()
    away_ms = room.now_ms + DESK_LOST_MS
    while room.now_ms < away_ms:
        room.now_ms += 10 * S
        room.parts[0].tick(room.now_ms)
    room._keep(room.topics[0], room.parts[0].take_dirty())
    room.restart_alerting()
    room.give(signal())
    assert room.states() == ["UNACK"]


def test_a_silence_that_is_over_hides_nothing_though_nobody_says_so(room: Room) -> None:
    room.do(create(1, HERE, for_s=600))
    room.now_ms += 600 * S
    room.give(signal())
    assert room.states()[0] == "UNACK"


def test_nobody_is_called_about_what_is_about_to_be_hidden(room: Room) -> None:
    """The silence is made, and alerting does not know of it yet."""
    part = room.desk.step([InRecord(0, 0, None, codec.encode(create(1, HERE)))], room.now_ms)
    room.give(signal(priority=1))
    for _ in range(6):
        room.now_ms += 500
        room._from_desk(room.desk.tick(room.now_ms))
    room._from_desk(part)
    room.deliver()
    room.later(20 * S)
    assert (room.alert.state, room.alert.summons) == ("DSUPR", None)
    assert not [one for one in room.log if one.what == "summoned"]


def test_after_a_start_of_the_desk_nobody_is_called_within_a_group_wait() -> None:
    room = Room()
    room.give(signal())
    room.restart_desk(empty=True)
    room.later()
    room.later(4_000)
    assert room.alert.summons is None
    room.later(1_000)
    assert room.alert.summons is not None


def test_other_rules_are_told_whole(room: Room) -> None:
    by_alert(room)
    room.desk.use(replace(PROVINCE, suppression=Setup()), room.now_ms)
    room.later()
    room.give(signal())
    assert room.states() == ["UNACK"]


# What is told beforehand is what would be ordered ---------------------------------------------------------------------

SIDES = st.builds(
    Matcher,
    rules=st.sampled_from([(), ("jam",), ("wide",), ("jam", "wide")]),
    areas=st.sampled_from([(), ("731",)]),
    priority=st.sampled_from([1, 3]),
).filter(lambda matcher: not matcher.empty)
STANDING = st.fixed_dictionaries(
    {
        "rule": st.sampled_from(["jam", "wide", "high"]),
        "area": st.sampled_from(["731", "755"]),
        "priority": st.sampled_from([1, 2, 3]),
        "exercise": st.sampled_from([None, None, "tập"]),
        "active": st.sampled_from([True, True, False]),
        "blind": st.sampled_from([False, False, True]),
    }
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(SIDES, SIDES, st.sampled_from([(), ("area",), ("rule", "area")])), max_size=3),
    st.lists(SIDES, max_size=2),
    st.lists(SIDES, max_size=2),
    st.lists(STANDING, max_size=5),
    STANDING,
)
def test_what_is_known_beforehand_is_what_the_desk_would_order(
    rules: Any, planned: Any, silenced: Any, standing: Any, new: Any
) -> None:
    """As far as the new alert does not itself change who explains: that the desk orders after it."""
    inhibits = tuple(inhibit(f"i{n}", source=a, target=b, equal=c) for n, (a, b, c) in enumerate(rules))
    windows = tuple(
        window(f"w{n}", target=m, hours=(Hours(start="09:00", end="11:00"),)) for n, m in enumerate(planned)
    )
    profile = replace(PROVINCE, suppression=Setup(inhibit=inhibits, windows=windows))
    part = Suppression(profile)
    desk = DeskPartition(profile, [part])
    said: list[Any] = list(desk.tick(T).emits)
    alerts = [alert(f"B-{n}", **one) for n, one in enumerate(standing)]
    given_ = [create(n, m) for n, m in enumerate(silenced)] + [AlertTold(alert=one) for one in alerts]
    for one in given_:
        said += desk.step([InRecord(0, 0, None, codec.encode(one))], T).emits
    known: dict[str, Cover] = {}
    for emit in said:
        order = codec.decode_alert_input(emit.value) if emit.topic == "alert-inputs" else None
        if isinstance(order, CoverSaid) and emit.partition == 0:
            if order.cover is None:
                known.pop(order.id, None)
            else:
                known[order.id] = order.cover
    for cover in part.take_covers(T):
        raise AssertionError(f"not told: {cover}")
    begins = alert("A-new", **(new | {"active": True, "blind": False}))
    found = covered(begins, known.values(), T)
    mute = set(part._inhibitions._mute)
    desk.step([InRecord(0, 0, None, codec.encode(AlertTold(alert=begins)))], T)
    if part._inhibitions._mute - {begins.id} == mute:
        assert found == part._wanted(begins, T)


def test_what_matches_both_sides_is_not_explained_by_its_like() -> None:
    both = Matcher(rules=("jam", "wide"))
    profile = replace(PROVINCE, suppression=Setup(inhibit=(inhibit("i", source=both, target=Matcher(rules=("jam",))),)))
    desk = make_desk(profile)
    desk.tick(T)
    known = Covers()
    known.heard_ms = T
    for name, rule, by in (("B-1", "jam", None), ("C-1", "wide", "C-1")):
        told = AlertTold(alert=alert(name, rule=rule))
        for emit in desk.step([InRecord(0, 0, None, codec.encode(told))], T).emits:
            said = codec.decode_alert_input(emit.value or b"") if emit.partition == 0 else None
            if isinstance(said, CoverSaid):
                known.take(said)
        for begins, wanted in (("jam", by), ("wide", None)):
            _, muted = known.settle(Change(alert("A-0", rule=begins), "raised", "", "NORM"), T, {})
            assert (muted.reason if muted else None) == (wanted and f"EXPLAINED_BY alert {wanted}")
