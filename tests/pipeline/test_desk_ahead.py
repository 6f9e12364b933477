"""Incidents and the flood beside suppression: what is about to be hidden begins neither. Above 3 a flood begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from ioc.domain.alerts import Alert, AlertTold
from ioc.domain.flood import Flood
from ioc.domain.matcher import Matcher
from ioc.pipeline import desk
from ioc.pipeline.desk import DeskPartition, make_desk
from ioc.pipeline.desk_flood import FloodPart
from ioc.pipeline.desk_incidents import IncidentPart
from ioc.pipeline.desk_suppression import Suppression
from ioc.pipeline.effects import Effects, InRecord
from ioc.wire import codec
from tests.domain.test_suppression import alert
from tests.pipeline import incident_room, suppressed_room
from tests.pipeline.small_province import MIN, S
from tests.pipeline.suppressed_room import create, expire

PROVINCE = replace(suppressed_room.PROVINCE, grouping=incident_room.PROVINCE.grouping)
JAMS = tuple(f"J-{n}" for n in range(6))
BOTH = Matcher(rules=("jam",), priority=1)


class Room(suppressed_room.Room):
    """Suppression, incidents and the flood; what is ordered is carried out with ``obey``, as over the bus."""

    def __init__(self) -> None:
        self.way: list[Effects] = []
        super().__init__(PROVINCE)

    def _open(self) -> None:
        self.part = Suppression(self.profile)
        self.desk = DeskPartition(self.profile, [self.part, IncidentPart(self.profile), FloodPart(self.profile)])

    def _obey(self, effects: Effects) -> None:
        self.way.append(effects)
        self._keep()

    def obey(self) -> None:
        """What is on its way arrives."""
        way, self.way = self.way, []
        for effects in way:
            super()._obey(effects)
        if self.way:
            self.obey()

    def raised(self, *names: str, **more: Any) -> None:
        """Alerts begin, and are told in one batch."""
        now = {"raised_ms": self.now_ms, "updated_ms": self.now_ms, "asked_ms": self.now_ms}
        made = [alert(one, **(now | more)) for one in names]
        self.alerts |= {one.id: one for one in made}
        records = [InRecord(i, 0, None, codec.encode(AlertTold(alert=one))) for i, one in enumerate(made)]
        self._obey(self.desk.step(records, self.now_ms))

    def later(self, ms: int = 500) -> None:
        self.tick(ms)
        self.obey()

    def flood(self) -> Flood:
        self._keep()
        return codec.decode_flood(self.topic["flood"])

    def states(self) -> set[str]:
        return {one.state for one in self.alerts.values() if one.rule == "jam"}

    def incidents(self) -> int:
        self._keep()
        return sum(key.startswith("incident/") for key in self.topic)

    def counted(self) -> tuple[int, bool, int]:
        """New alerts, whether it is a flood, incidents; after the next figure."""
        self.tick(S)
        return self.flood().new, self.flood().since_ms is not None, self.incidents()

    def words(self) -> list[str]:
        return [line.what for line in self.log if line.what.startswith(("flood", "incident"))]


@pytest.fixture
def room() -> Room:
    made = Room()
    made.later()
    return made


def silenced(room: Room) -> None:
    room.desk.step([InRecord(0, 0, None, codec.encode(create(1, BOTH)))], room.now_ms)
    room.later()


def inhibited(room: Room) -> None:
    room.raised("L-1", rule="level", site="R1")
    room.later()


@pytest.mark.parametrize(("explained", "before"), [(silenced, 0), (inhibited, 1)])
@pytest.mark.parametrize("together", [True, False])
def test_what_is_explained_when_it_begins_is_neither_flood_nor_incident(
    room: Room, explained: Any, before: int, together: bool
) -> None:
    explained(room)
    for names in (JAMS,) if together else tuple((one,) for one in JAMS):
        room.raised(*names)
        room.later()
    assert room.states() == {"DSUPR"}
    assert room.counted() == (before, False, 0)
    assert room.words() == []


def test_it_counts_when_it_asks_after_all(room: Room) -> None:
    silenced(room)
    room.raised(*JAMS)
    room.later()
    assert room.counted() == (0, False, 0)
    room.desk.step([InRecord(0, 0, None, codec.encode(expire(2, 1)))], room.now_ms)
    for one in list(room.alerts.values()):  # alerting shows what nothing explains
        room.tell(one.id, explained=None, suppression="none", state="UNACK", asked_ms=room.now_ms)
    room.later()
    assert room.counted() == (6, True, 1)


def test_what_is_never_hidden_counts_after_all(room: Room) -> None:
    """The silence ends before alerting has obeyed, and the alerts ask as they did."""
    silenced(room)
    room.raised(*JAMS)
    room.way.clear()
    room.desk.step([InRecord(0, 0, None, codec.encode(expire(2, 1)))], room.now_ms)
    room.tick()
    assert room.counted() == (6, True, 1)


def test_what_changes_when_it_is_not_to_be_hidden_any_more_counts(room: Room) -> None:
    silenced(room)
    room.raised(*JAMS)
    room.way.clear()
    room.desk.step([InRecord(0, 0, None, codec.encode(expire(2, 1)))], room.now_ms)
    for one in JAMS:
        room.tell(one, value=7.0)
    assert room.counted() == (6, True, 1)


def test_an_order_that_nobody_obeys_hides_nothing_from_the_figures(room: Room) -> None:
    silenced(room)
    room.raised(*JAMS)
    for _ in range(desk.AHEAD_MS // S):
        room.tick(S)
        room.way.clear()
    assert room.counted() == (6, True, 1)
    room.tell("J-0", value=7.0)
    assert room.counted() == (6, True, 1)


def test_a_restart_while_the_order_is_on_its_way_changes_nothing(room: Room) -> None:
    silenced(room)
    room.raised(*JAMS)
    room.restart()
    for one in JAMS:
        room.tell_again(one)
    room.later()
    assert room.states() == {"DSUPR"}
    assert room.counted() == (0, False, 0)


def test_what_asks_while_others_are_about_to_be_hidden_counts(room: Room) -> None:
    inhibited(room)
    room.raised(*JAMS)
    room.raised("J-far", area="755", site="J2")
    room.later()
    assert room.alerts["J-far"].state == "UNACK"
    assert room.counted() == (2, False, 0)


def test_the_other_parts_see_what_is(room: Room) -> None:
    """Who is called follows what alerting says, not what it is going to say."""

    class Noting(FloodPart):
        ahead = False

        def seen(self, seen: Any, alerts: Mapping[str, Alert], now_ms: int) -> list[Any]:
            states.append(seen.now.state)
            return []

    states: list[str] = []
    room.desk = DeskPartition(PROVINCE, [room.part, Noting(PROVINCE)])
    room.desk.step([InRecord(0, 0, None, codec.encode(create(1, BOTH)))], room.now_ms)
    room.raised("J-0")
    assert states == ["UNACK"]


def test_the_whole_desk_looks_ahead_for_incidents_and_the_flood() -> None:
    assert [type(part).__name__ for part in make_desk(PROVINCE).looking_ahead] == ["IncidentPart", "FloodPart"]


# The source comes later -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("apart_ms", [0, 4_000])
def test_what_is_muted_within_seconds_is_taken_back(room: Room, apart_ms: int) -> None:
    room.raised(*JAMS, site="")
    assert room.counted()[:2] == (6, True)
    room.now_ms += apart_ms
    room.now_ms -= S  # the figure took a second
    inhibited(room)
    assert room.states() == {"DSUPR"}
    assert room.counted()[:2] == (1, False)
    assert [word for word in room.words() if word.startswith("flood")] == ["flood-began", "flood-ended"]
    assert not [key for key in room.topic if key.startswith("@flood/asked/J")]
    room.restart()
    assert room.counted()[:2] == (1, False)
    room.tick(11 * MIN)
    assert room.counted()[0] == 0


def test_what_asked_for_long_stays_counted(room: Room) -> None:
    room.raised(*JAMS)
    room.now_ms += 6 * S
    inhibited(room)
    assert room.states() == {"DSUPR"}
    assert room.counted()[:2] == (7, True)


def test_what_made_no_sound_and_is_muted_is_taken_back_too(room: Room) -> None:
    room.raised("X-1", "X-2", "X-3", "X-4", "X-5", rule="other")
    room.now_ms += 6 * S
    room.raised("J-0", "J-1")
    assert room.counted()[:2] == (7, True)
    assert room.flood().unannounced == 3
    inhibited(room)
    assert room.counted()[:2] == (6, True)
    assert room.flood().unannounced == 2, "the fifth, and the source"


def test_only_the_asking_that_was_muted_is_taken_back(room: Room) -> None:
    room.raised("J-0", priority=4)
    room.now_ms += MIN
    room.tell("J-0", state="ACKED", acked=True, updated_ms=room.now_ms)
    room.tell("J-0", state="UNACK", acked=False, asked_ms=room.now_ms, updated_ms=room.now_ms)
    room.tell("J-0", priority=3, updated_ms=room.now_ms)
    assert room.counted()[0] == 3
    inhibited(room)
    assert room.counted()[0] == 2, "the first asking, and the source"


def test_what_somebody_answered_is_not_taken_back(room: Room) -> None:
    room.raised("J-0")
    room.tell("J-0", state="ACKED", acked=True, updated_ms=room.now_ms)
    inhibited(room)
    assert room.counted()[0] == 2, "it, and the source"


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("arrives", [True, False])
def test_a_restart_between_asking_and_muting_takes_back_all_the_same(room: Room, ordered: bool, arrives: bool) -> None:
    room.raised(*JAMS, site="")
    assert room.counted()[:2] == (6, True)
    room.raised("L-1", rule="level", site="R1")
    if ordered:
        room.tick()
    if not arrives:
        room.way.clear()  # of an aborted transaction
    room.restart()
    room.later()
    assert room.states() == {"DSUPR"}
    assert room.counted()[:2] == (1, False)
    room.restart()
    assert room.counted()[:2] == (1, False)


def test_what_asked_for_long_while_there_was_no_desk_stays_counted(room: Room) -> None:
    room.raised(*JAMS, site="")
    room.raised("L-1", rule="level", site="R1")
    room.way.clear()
    room.now_ms += 6 * S
    room.restart()
    room.later()
    assert room.states() == {"DSUPR"}
    assert room.counted()[:2] == (7, True)
