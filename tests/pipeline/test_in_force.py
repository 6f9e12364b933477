"""What suppresses now, as a shift hands it over: whose it is, why, until when, and how many alerts it hid."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ioc.domain.handover import Suppressing
from ioc.domain.matcher import Matcher
from ioc.domain.schedule import Hours
from ioc.domain.silences import silence_id
from ioc.domain.suppression import Suppression as Setup
from ioc.pipeline.desk import make_desk
from ioc.pipeline.desk_handover import HandoverPart
from tests.domain.test_suppression import window
from tests.pipeline.small_province import MIN, S, T
from tests.pipeline.suppressed_room import NOON, PROVINCE, RULES, Room, create, expire

HOUR = 60 * MIN
AREA = next(one for one in PROVINCE.areas if one.code == "731")
JAMS = Matcher(rules=("jam",), areas=("731",))


@pytest.fixture
def room() -> Room:
    return Room()


def in_force(room: Room) -> dict[str, Suppressing]:
    return {one.id: one for one in room.part.in_force(room.now_ms)}


def hid(room: Room) -> dict[str, int]:
    return {name: one.hid for name, one in in_force(room).items()}


def with_windows(*windows: Any) -> Any:
    return replace(PROVINCE, suppression=Setup(windows=windows))


def test_a_silence_says_whose_it_is_and_why_until_it_ends(room: Room) -> None:
    room.tell("A-1")
    room.do(create(1, JAMS))
    name = silence_id("c-1")
    assert in_force(room) == {
        name: Suppressing(
            kind="silence",
            id=name,
            about="rules=jam areas=731",
            about_vi=f"jam · {AREA.name_vi}",
            about_en=f"jam · {AREA.name_en}",
            why_vi="thi công",
            why_en="thi công",
            owner="lan",
            owner_display="Lan",
            since_ms=room.now_ms,
            until_ms=room.now_ms + 1800 * S,
            hid=1,
        )
    }
    room.do(expire(2, 1))
    assert in_force(room) == {}


def test_a_window_counts_each_alert_that_it_hid_once(room: Room) -> None:
    assert in_force(room) == {}
    room.tick(NOON - T)
    assert in_force(room) == {
        "lunch": Suppressing(
            kind="window",
            id="lunch",
            about="rules=aqi",
            about_vi="aqi",
            about_en="aqi",
            why_vi=RULES.windows[0].why_vi,
            why_en=RULES.windows[0].why_en,
            since_ms=NOON,
            until_ms=NOON + HOUR,
        )
    }
    room.tell("Q-1", rule="aqi", area="755")
    room.tell("Q-1", value=3.0)
    room.tell("Q-1", active=False, state="RTNUN", suppression="none")
    room.tell("Q-1", active=True, state="UNACK")
    room.tell("Q-2", rule="aqi", area="755")
    room.tell("A-1")
    assert room.why("Q-2") == "window lunch"
    assert hid(room) == {"lunch": 2}


@pytest.mark.parametrize("restart", [False, True])
def test_the_next_opening_counts_anew_and_the_count_survives_a_restart(room: Room, restart: bool) -> None:
    room.tick(NOON - T)
    room.tell("Q-1", rule="aqi", area="755")
    if restart:
        room.restart()
        room.tell_again("Q-1")
    room.tell("Q-2", rule="aqi", area="755")
    assert hid(room) == {"lunch": 2}
    assert in_force(room)["lunch"].since_ms == NOON
    room.tick(HOUR)
    assert in_force(room) == {}
    assert not [key for key in room.topic if "window" in key]
    if restart:
        room.restart()
    room.tick(23 * HOUR)
    assert hid(room) == {"lunch": 2}, "both are there still, and it hides them again"
    assert in_force(room)["lunch"].since_ms == NOON + 24 * HOUR


def test_a_desk_that_slept_over_the_end_of_an_opening_begins_the_next_one_at_nothing(room: Room) -> None:
    room.tick(NOON - T)
    room.tell("Q-1", rule="aqi", area="755")
    room.tell("Q-1", active=False, acked=True, closed=True)
    room.now_ms = NOON + 24 * HOUR + MIN
    room.restart()
    assert hid(room) == {"lunch": 0}
    assert in_force(room)["lunch"].since_ms == room.now_ms


def test_a_window_that_another_file_makes_longer_goes_on_counting(room: Room) -> None:
    room.tick(NOON - T)
    room.tell("Q-1", rule="aqi", area="755")
    longer = replace(RULES.windows[0], hours=(Hours(start="12:00", end="15:00"),), owner="Phòng Kỹ thuật")
    room.desk.use(with_windows(longer), room.now_ms)
    room.tick()
    one = in_force(room)["lunch"]
    assert (one.hid, one.since_ms, one.until_ms, one.owner) == (1, NOON, NOON + 3 * HOUR, "Phòng Kỹ thuật")
    room.desk.use(with_windows(), room.now_ms)
    room.tick()
    assert in_force(room) == {}


def test_memory_is_of_alerts_that_are_open(room: Room) -> None:
    room.tick(NOON - T)
    for n in range(20):
        room.tell(f"Q-{n}", rule="aqi", area="755")
        room.tell(f"Q-{n}", active=False, acked=True, closed=True)
    assert hid(room) == {"lunch": 20}
    assert len([key for key in room.topic if "window" in key]) == 1


def test_a_window_without_a_near_end_says_none() -> None:
    room = Room(with_windows(window("always", target=Matcher(rules=("aqi",)), hours=(Hours(),))))
    assert in_force(room)["always"].until_ms is None


def test_the_desk_hands_it_over() -> None:
    parts = make_desk(PROVINCE).parts
    assert isinstance(parts[-1], HandoverPart)
    assert [one.id for one in parts[-1].beside(NOON).suppressing] == ["lunch"]
