"""The flood: when one begins and ends, what is counted, and that no start counts twice. Above 3 one begins here."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ioc.domain import flood
from ioc.domain.grouping import Grouping
from ioc.pipeline.desk import make_desk
from ioc.pipeline.desk_flood import FloodPart
from tests.pipeline.incident_room import LIMITS, PROVINCE, Room
from tests.pipeline.small_province import MIN, S, T


@pytest.fixture
def room() -> Room:
    return Room()


def news(room: Room) -> list[str]:
    return [what for what in room.said() if what.startswith("flood")]


def raised(room: Room, count: int, first: int = 0, **more: Any) -> None:
    """Alerts that have nothing to do with each other, one each second."""
    for n in range(first, first + count):
        room.now_ms += S
        room.tell(f"F-{n}", rule="other", **more)


def test_the_desk_has_the_part() -> None:
    assert FloodPart in [type(part) for part in make_desk(PROVINCE).parts]


def test_there_is_a_figure_from_the_first_tick_on(room: Room) -> None:
    shown = room.flood()
    assert (shown.new, shown.since_ms, shown.unannounced, shown.above, shown.always) == (0, None, 0, 3, ("crash",))


def test_it_begins_above_and_ends_below_with_a_band_between(room: Room) -> None:
    raised(room, 3)
    assert room.flood().since_ms is None
    raised(room, 1, 3)
    began_ms = room.now_ms
    assert (room.flood().new, room.flood().since_ms, room.flood().unannounced) == (4, began_ms, 0)
    assert news(room) == ["flood-began"]
    raised(room, 2, 4)
    room.tick(S)
    assert (room.flood().new, room.flood().unannounced) == (6, 2)
    room.tick(T + 605 * S - room.now_ms)  # only the sixth is not ten minutes old
    assert (room.flood().new, room.flood().since_ms, room.flood().unannounced) == (1, None, 0)
    assert news(room) == ["flood-began", "flood-ended"]
    [began, ended] = [line for line in room.log if line.what.startswith("flood")]
    assert (began.key, began.alert_id, began.kind) == ("flood|live", "live", "transition")
    assert began.detail == f"new=4 unannounced=0 positions=1 since={began_ms}"
    assert ended.detail == f"new=1 unannounced=2 positions=1 since={began_ms}"
    assert began.id != ended.id


def test_between_the_limits_it_stays_as_it_was(room: Room) -> None:
    raised(room, 4)
    began_ms = room.now_ms
    room.tick(T + 602 * S - room.now_ms)
    assert (room.flood().new, room.flood().since_ms) == (2, began_ms), "2 is not below 2"
    raised(room, 1, 9)
    assert room.flood().since_ms == began_ms


def test_the_top_priority_and_the_rules_named_are_announced(room: Room) -> None:
    raised(room, 4)
    raised(room, 1, 4, priority=1)
    room.tell("C-1", rule="crash")
    room.tell("J-1", rule="jam", priority=2)
    room.tick(S)
    assert (room.flood().new, room.flood().unannounced) == (7, 1)


@pytest.mark.parametrize(
    "more",
    [
        {"exercise": "tập"},
        {"state": "ACKED"},
        {"state": "SHLVD", "suppression": "shelved-until"},
        {"asked_ms": T - 11 * MIN},
    ],
)
def test_what_asks_nobody_or_asked_long_ago_does_not_count(room: Room, more: dict[str, Any]) -> None:
    room.tell("F-1", **more)
    room.tick(S)
    assert room.flood().new == 0


def test_each_time_it_begins_to_ask_counts_and_each_time_it_gets_worse(room: Room) -> None:
    room.tell("F-1", priority=3)
    for steps, count in (
        ({"value": 2.0}, 1),
        ({"priority": 2}, 2),
        ({"priority": 2, "value": 3.0}, 2),
        ({"state": "ACKED", "acked": True}, 2),
        ({"state": "UNACK", "acked": False}, 3),
        ({"priority": 1}, 4),
    ):
        room.now_ms += S
        room.tell("F-1", **steps)
        room.tick(S)
        assert room.flood().new == count, steps


def test_what_was_raised_from_a_backlog_counts_when_it_asks_anew(room: Room) -> None:
    raised(room, 4, late_s=3_000.0)
    assert room.flood().new == 0
    room.tick(MIN)
    for n in range(4):
        room.tell(f"F-{n}", state="RTNUN", active=False)
        room.tell(f"F-{n}", state="UNACK", active=True)
    assert (room.flood().new, room.flood().since_ms) == (4, room.now_ms)


def test_a_clock_that_is_ahead_elsewhere_counts_once(room: Room) -> None:
    room.tell("F-1", asked_ms=T + 5 * S)
    for _ in range(3):
        room.now_ms += S
        room.tell("F-1", value=float(room.now_ms))
    room.tick(S)
    assert room.flood().new == 1


@pytest.mark.parametrize("forgetting", ["?", "@alert/"])
def test_a_start_counts_nothing_twice_and_forgets_nothing(room: Room, forgetting: str) -> None:
    raised(room, 6)
    began_ms, shown = room.now_ms - 2 * S, room.flood
    room.restart(forgetting=forgetting)
    for n in range(6):
        room.tell_again(f"F-{n}")
    room.tick(S)
    assert (shown().new, shown().since_ms, shown().unannounced) == (6, began_ms, 2)
    assert news(room) == ["flood-began"]
    room.tell("F-0", value=9.0)
    room.tick(S)
    assert (shown().new, shown().unannounced) == (6, 2)
    room.tick(11 * MIN)
    assert shown().new == 0
    assert not [key for key in room.topic if key.startswith("@flood/asked/")]


def test_the_figure_is_written_at_most_once_a_second_and_only_when_it_changes(room: Room) -> None:
    room.tick(S)
    room.written.clear()
    for n in range(3):
        room.tell(f"F-{n}", rule="other")
        room.tick(100)
    assert [key for key, _ in room.written].count("flood") == 1
    room.tick(S)
    room.tick(S)
    room.tick(S)
    assert [key for key, _ in room.written].count("flood") == 2
    assert room.flood().new == 3


def test_other_limits_hold_from_the_next_tick(room: Room) -> None:
    raised(room, 4)
    looser = replace(PROVINCE, grouping=Grouping(flood=replace(LIMITS, positions=3, always=())))
    room.desk.use(looser, room.now_ms)
    room.tick(S)
    assert (room.flood().since_ms, room.flood().positions, room.flood().always) == (None, 3, ())
    room.desk.use(PROVINCE, room.now_ms)
    room.tick(S)
    assert room.flood().since_ms == room.now_ms


def test_a_clock_set_back_leaves_no_flood_for_hours(room: Room) -> None:
    raised(room, 5)
    room.tick(-5 * 60 * MIN)
    room.tick(S)
    assert (room.flood().new, room.flood().since_ms) == (0, None)
    assert not [key for key in room.topic if key.startswith("@flood/asked/")]
    room.restart()
    room.tick(S)
    assert room.flood().new == 0


def test_one_alert_that_comes_and_goes_is_counted_a_bounded_number_of_times(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flood, "TIMES_MAX", 3)
    room.tell("F-1")
    for _ in range(5):
        room.now_ms += S
        room.tell("F-1", state="ACKED")
        room.now_ms += S
        room.tell("F-1", state="UNACK")
    room.tick(S)
    assert room.flood().new == 3
    room.restart()
    room.tick(11 * MIN)
    assert room.flood().new == 0
