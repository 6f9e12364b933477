"""What explains an alert on the desk: other alerts, silences of people, planned windows; orders once, and no leak."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ioc.domain.matcher import Matcher
from ioc.domain.silences import SILENCES_MAX, silence_id
from ioc.domain.suppression import Suppression as Setup
from ioc.pipeline import answer_book
from ioc.pipeline.answered import KEPT_MS
from ioc.pipeline.desk import make_desk
from ioc.pipeline.desk_suppression import REPEAT_MS, START_MS, Suppression
from tests.pipeline.small_province import MIN, S, T
from tests.pipeline.suppressed_room import NOON, PROVINCE, Room, create, expire

JAMS = Matcher(rules=("jam",), areas=("731",))


@pytest.fixture
def room() -> Room:
    return Room()


def test_the_desk_has_the_part() -> None:
    assert [type(part) for part in make_desk(PROVINCE).parts][:1] == [Suppression]


# Another alert --------------------------------------------------------------------------------------------------------


def test_an_alert_explains_others_and_they_come_back_with_its_end(room: Room) -> None:
    room.tell("A-1")
    room.tell("A-far", area="755")
    assert room.why("A-1") == ""
    room.tell("W", rule="level")
    assert (room.why("A-1"), room.why("A-far"), room.why("W")) == ("alert W", "", "")
    assert room.alerts["A-1"].state == "DSUPR"
    room.tell("W", active=False, state="RTNUN")
    assert (room.why("A-1"), room.alerts["A-1"].state) == ("", "UNACK")
    room.tell("W", active=True, state="UNACK")
    room.tell("W", active=False, acked=True, closed=True)
    assert room.why("A-1") == ""


def test_the_present_explainer_stays_and_the_next_follows_at_once(room: Room) -> None:
    room.tell("W2", rule="level")
    room.tell("A-1")
    room.tell("W1", rule="level")
    assert room.why("A-1") == "alert W2"
    room.tell("W2", active=False, acked=True, closed=True)
    assert room.why("A-1") == "alert W1"
    assert [order.explanation is None for _, order in room.orders] == [False, False]


def test_drills_are_not_mixed_with_live_alerts_and_no_person_hides_them(room: Room) -> None:
    room.tell("W", rule="level", exercise="tập")
    room.tell("A-live")
    room.tell("A-drill", exercise="tập")
    room.do(create(1, JAMS))
    assert (room.why("A-live"), room.why("A-drill")) == (f"silence {silence_id('c-1')}", "alert W")
    room.tell("W", active=False, acked=True, closed=True)
    assert room.why("A-drill") == ""


# Orders ---------------------------------------------------------------------------------------------------------------


def test_what_is_on_its_way_is_not_ordered_twice_and_what_is_lost_is(room: Room) -> None:
    room.lost = True
    room.tell("W", rule="level")
    room.tell("A-1")
    room.tick(500)
    room.tell("A-1", value=3.0)
    assert len(room.orders) == 1
    room.tick(REPEAT_MS)
    assert len(room.orders) == 2
    room.lost = False
    room.tick(REPEAT_MS)
    assert room.why("A-1") == "alert W"
    room.tick(10 * REPEAT_MS)
    assert len(room.orders) == 3


def test_an_order_on_its_way_is_taken_back_when_its_reason_ends(room: Room) -> None:
    room.tell("A-1")
    room.lost = True  # on its way
    room.do(create(1, JAMS))
    room.do(expire(2, 1))
    assert [order.explanation is None for _, order in room.orders] == [False, True]
    room.tick(REPEAT_MS)
    room.tick(REPEAT_MS)
    assert len(room.orders) == 2


def test_a_silence_that_a_clock_set_back_makes_longer_than_a_shift_ends(room: Room) -> None:
    room.tell("A-1")
    room.do(create(1, JAMS, for_s=8 * 3600))
    room.tick(-4 * MIN)
    assert room.why("A-1")
    room.tick(-2 * MIN)
    assert (room.why("A-1"), room.silence(1).state) == ("", "expired")


def test_what_went_and_came_again_is_ordered_anew_at_once(room: Room) -> None:
    room.tell("W", rule="level")
    room.tell("A-1")
    room.tell("A-1", active=False, state="RTNUN", suppression="none")
    room.tell("A-1", active=True, state="UNACK")
    assert room.why("A-1") == "alert W"


# Silences -------------------------------------------------------------------------------------------------------------


def test_a_silence_hides_counts_warns_and_ends(room: Room) -> None:
    room.tell("A-1")
    answer = room.do(create(1, JAMS))
    assert (answer.outcome, answer.what, answer.alert_id, answer.key) == (
        "DONE",
        "silence",
        silence_id("c-1"),
        f"silence|{silence_id('c-1')}",
    )
    assert answer.detail == "rules=jam areas=731 for=1800"
    room.tell("A-2")
    room.tell("A-far", area="755")
    said = room.alerts["A-1"].explained
    assert said is not None
    assert (said.until_ms, said.why_vi) == (room.now_ms + 1800 * S, "Lan: thi công")
    assert (room.silence(1).count, room.silence(1).owner, room.silence(1).ending) == (2, "lan", False)
    assert room.why("A-far") == ""
    room.tick(20 * MIN)
    assert room.silence(1).ending
    room.tick()
    assert [line.what for line in room.log] == ["silence", "silence-ending"]
    room.tick(10 * MIN)
    assert (room.why("A-1"), room.why("A-2"), room.silence(1).state) == ("", "", "expired")
    assert room.log[-1].what == "silence-ended"
    room.tick(24 * 3_600_000)
    assert not [key for key in room.topic if key.startswith(("silence/", "@silence/hid/"))]


def test_each_alert_is_counted_once(room: Room) -> None:
    room.tell("A-1")
    room.do(create(1, JAMS))
    room.tell("W", rule="level")
    assert room.why("A-1") == "alert W"
    room.tell("W", active=False, acked=True, closed=True)
    assert room.why("A-1") == f"silence {silence_id('c-1')}"
    room.restart()
    room.tell("A-1", active=False, state="NORM", suppression="none")
    room.tell("A-1", active=True)
    assert room.why("A-1") == f"silence {silence_id('c-1')}"
    assert room.silence(1).count == 1


def test_a_person_ends_it_early_and_everything_asks_again(room: Room) -> None:
    room.tell("A-1")
    room.do(create(1, JAMS))
    answer = room.do(expire(2, 1, actor="minh", actor_display="Minh"))
    assert (answer.outcome, answer.what, room.why("A-1")) == ("DONE", "unsilence", "")
    assert (room.silence(1).ended_by, room.silence(1).ended_ms) == ("minh", room.now_ms)
    again = room.do(expire(3, 1))
    assert (again.outcome, again.by, again.by_at_ms) == ("ALREADY", "minh", room.now_ms)
    room.tick(MIN)
    assert len(room.log) == 3, "a silence that a person ended is not said to be over"


@pytest.mark.parametrize(
    ("command", "outcome", "reason"),
    [
        (create(1, JAMS, reason=" "), "REFUSED", "NO_REASON"),
        (create(1, JAMS, reason="x" * 501), "REFUSED", "LONG_REASON"),
        (create(1, JAMS, for_s=0), "REFUSED", "BAD_DURATION"),
        (create(1, JAMS, for_s=8 * 3600 + 1), "REFUSED", "BAD_DURATION"),
        (create(1, Matcher()), "REFUSED", "NO_CONDITION"),
        (create(1, Matcher(rules=("gone",))), "REFUSED", "UNKNOWN_NAME"),
        (create(1, JAMS, silence_id="S-other"), "REFUSED", "BAD_ID"),
        (create(1, JAMS, sent_ms=T - 6 * MIN), "REFUSED", "TOO_OLD"),
        (create(1, JAMS, actor=""), "REFUSED", "NO_ACTOR"),
        (create(1, JAMS, command_id=""), "REFUSED", "NO_COMMAND_ID"),
        (create(1, JAMS, role="viewer"), "FORBIDDEN", "forbidden"),
        (create(1, JAMS, role="engineer"), "FORBIDDEN", "forbidden"),
        (expire(2, 1), "NOT_FOUND", "UNKNOWN_SILENCE"),
        (expire(2, 1, role="operator"), "FORBIDDEN", "forbidden"),
    ],
)
def test_what_is_refused_changes_nothing(room: Room, command: Any, outcome: str, reason: str) -> None:
    room.tell("A-1")
    answer = room.do(command)
    assert (answer.outcome, answer.reason, answer.accepted) == (outcome, reason, False)
    assert room.why("A-1") == ""
    assert not [key for key in room.topic if key.startswith("silence/")]


def test_the_longest_silence_is_a_shift_and_the_number_is_bounded(room: Room) -> None:
    assert room.do(create(0, JAMS, for_s=8 * 3600, sent_ms=T - MIN)).outcome == "DONE"
    for number in range(1, SILENCES_MAX):
        assert room.do(create(number, JAMS)).outcome == "DONE"
    assert room.do(create(SILENCES_MAX, JAMS)).reason == "TOO_MANY"
    room.do(expire(SILENCES_MAX + 1, 0))
    assert room.do(create(SILENCES_MAX + 2, JAMS)).outcome == "DONE"


def test_a_command_that_comes_again_has_its_answer_and_no_other_content(room: Room) -> None:
    first = room.do(create(1, JAMS))
    room.now_ms += S
    assert room.do(create(1, JAMS)) == first
    room.do(expire(2, 1))
    room.restart()
    assert room.do(create(1, JAMS, station="bàn 2")) == first
    assert room.silence(1).state == "expired"
    other = room.do(create(1, JAMS, for_s=60))
    assert (other.outcome, other.id == first.id) == ("MISMATCH", False)


def test_answers_are_bounded_and_the_oldest_goes(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_book, "EFFECTIVE_KEPT", 3)
    for number in range(1, 4):
        room.do(create(number, JAMS))
        room.now_ms += 1
    room.now_ms += KEPT_MS
    room.restart()
    room.do(create(4, JAMS))
    kept = {key.rpartition("/")[2] for key in room.topic if key.startswith("@silence/answer/")}
    assert kept == {"c-2", "c-3", "c-4"}


def test_a_p1_is_silenced_only_by_its_rule_and_shows_when_it_becomes_one(room: Room) -> None:
    room.tell("A-1", priority=3)
    room.do(create(1, Matcher(areas=("731",))))
    assert room.why("A-1") != ""
    room.tell("A-1", priority=1)
    assert room.why("A-1") == ""
    room.do(create(2, JAMS))
    assert room.why("A-1") == f"silence {silence_id('c-2')}"


# Planned windows ------------------------------------------------------------------------------------------------------


def test_a_window_opens_and_closes_by_the_clock(room: Room) -> None:
    room.now_ms = NOON - 500
    room.tell("A-1", rule="aqi")
    room.tick(499)
    assert room.why("A-1") == ""
    room.tick(1)
    assert room.why("A-1") == "window lunch"
    said = room.alerts["A-1"].explained
    assert said is not None
    assert said.until_ms == NOON + 60 * MIN
    room.tick(60 * MIN)
    assert room.why("A-1") == ""


def test_alert_before_silence_before_window(room: Room) -> None:
    room.now_ms = NOON + 30 * MIN
    room.tell("A-1")
    assert room.why("A-1") == "window lunch-731"
    room.do(create(1, JAMS))
    assert room.why("A-1").startswith("silence")
    room.tell("W", rule="level", priority=1)
    assert room.why("A-1") == "alert W"
    room.tell("W", active=False, acked=True, closed=True)
    room.do(expire(2, 1))
    assert room.why("A-1") == "window lunch-731"


# Starts and other profiles --------------------------------------------------------------------------------------------


def test_a_restart_changes_nothing(room: Room) -> None:
    room.tell("W", rule="level")
    for name in ("A-1", "A-2"):
        room.tell(name)
    room.tell("A-q", rule="aqi")
    room.do(create(1, Matcher(rules=("aqi",))))
    ordered = len(room.orders)
    room.restart()
    room.tell_again("A-1")
    room.tick()
    assert len(room.orders) == ordered
    assert (room.why("A-2"), room.why("A-q")) == ("alert W", f"silence {silence_id('c-1')}")


def test_a_desk_that_lost_its_alerts_takes_nothing_away_before_it_was_told(room: Room) -> None:
    room.tell("W", rule="level")
    room.tell("A-1")
    room.restart(forgetting="@alert/")
    room.tell_again("A-1")
    room.tick()
    assert room.why("A-1") == "alert W"
    room.tell_again("W")
    room.tick(START_MS)
    assert room.why("A-1") == "alert W"
    room.restart(forgetting="@alert/")
    room.tell_again("A-1")
    room.tick(START_MS)
    assert room.why("A-1") == "", "what does not exist any more hides for ever"


def test_a_desk_that_lost_its_alerts_hears_that_one_ended(room: Room) -> None:
    room.tell("W", rule="level")
    room.tell("A-1")
    room.restart(forgetting="@alert/")
    room.tell_again("A-1")
    room.tell("W", active=False, acked=True, closed=True)
    room.tick()
    assert room.why("A-1") == ""


def test_a_silence_that_was_lost_hides_nothing(room: Room) -> None:
    room.tell("A-1")
    room.do(create(1, JAMS))
    room.restart(forgetting="silence/")
    room.tick()
    assert room.why("A-1") == ""


def test_another_profile_holds_from_the_next_tick(room: Room) -> None:
    room.tell("W", rule="level")
    room.tell("A-1")
    room.desk.use(replace(PROVINCE, suppression=Setup()), room.now_ms)
    room.tick()
    assert room.why("A-1") == ""
    room.desk.use(PROVINCE, room.now_ms)
    room.tick()
    assert room.why("A-1") == "alert W"
