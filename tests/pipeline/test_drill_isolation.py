"""Messages of drills between live ones change nothing of what the steps say of the live ones, however they mix.

Each check is also shown to fail with a fault planted in the step.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from ioc.domain.alerts import CentreSilent, Condition, Signal
from ioc.domain.drills import OTHER
from ioc.pipeline import board, combined, signals
from ioc.pipeline.board import OBJECTS_MAX
from ioc.pipeline.combined import Combined
from ioc.pipeline.detect import DetectPartition
from ioc.pipeline.intake import IntakePartition
from ioc.pipeline.mapping import Mapper
from ioc.wire import codec
from tests.pipeline.made_up import NOW, level, profile, record
from tests.pipeline.small_province import PROFILE, S, T, crash, event, heartbeat, records, river, road

# The same search every time: a test of a test must not depend on luck.
SEARCH = settings(max_examples=2000, deadline=None, derandomize=True, phases=[Phase.generate])

# Intake --------------------------------------------------------------------------------------------------------------

KINDS = ("good", "again", "other_content", "future", "bad_value", "bad_mark", "unknown_site", "ancient")
Message = tuple[str, int, bool, int]  # kind, number, of a drill, seconds after the one before
messages = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 3), st.booleans(), st.sampled_from([0, 1, 30, 70])), max_size=25
)


def native(kind: str, number: int, at_ms: int, drill: bool) -> dict[str, Any] | None:
    made = level(number, at=at_ms - 500)
    if kind in ("again", "other_content"):
        made["at"] = NOW - 1000 + number
        made["values"] = [{"ft": 10.0 if kind == "again" else 11.0}]
    elif kind == "future":
        made["at"] = at_ms + 10_000_000
    elif kind == "bad_value":
        made["values"] = [{"ft": "ten"}]
    elif kind == "unknown_site":
        made["meta"]["station"] = "w-9"
    elif kind == "ancient":
        made["at"] = at_ms - 100_000_000
    if kind == "bad_mark":
        made["drill"] = "not a name" if drill else None
        return made if drill else None
    return made | ({"drill": "d"} if drill else {})


def intake_of(given_messages: list[Message], with_drill: bool) -> dict[str, Any]:
    """What intake says of the live messages, and how it counts them."""
    step, at_ms, said, health = IntakePartition(profile(), "alpha", 3), NOW, [], {}
    for offset, (kind, number, drill, later_s) in enumerate(given_messages):
        at_ms += later_s * 1_000
        body = native(kind, number, at_ms, drill)
        # Something is always read, so that how far the bus was read is known alike in both runs.
        emits = step.tick(at_ms).emits
        step.step([record({"what": "nobody knows"}, offset, at_ms)], at_ms)
        if body is not None and (with_drill or not drill):
            emits += step.step([record(body, offset, at_ms)], at_ms).emits
        for emit in emits:
            assert emit.value is not None
            if emit.topic == "feeds":
                health[emit.key] = msgspec.structs.replace(codec.decode_feed(emit.value), updated_ms=0)
            elif not drill:
                said.append(emit)
    totals = step.totals
    counted = (totals.events, totals.dead, totals.duplicates, totals.unattributed)
    return {"said": said, "health": health, "counted": counted}


@given(messages)
@settings(max_examples=120, deadline=None)
def test_intake_counts_nothing_of_a_drill(given_messages: list[Message]) -> None:
    assert intake_of(given_messages, True) == intake_of(given_messages, False)


@pytest.mark.parametrize("planted", ["refusals", "marks"])
def test_a_planted_leak_of_intake_is_found(planted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if planted == "refusals":
        monkeypatch.setattr(Mapper, "of_drill", lambda self, native: False)
    else:
        monkeypatch.setattr(Mapper, "exercise", lambda self, native: None)
    find(messages, lambda given: intake_of(given, True) != intake_of(given, False), settings=SEARCH)


def test_a_drill_neither_wakes_a_silent_feed_nor_spoils_a_good_one() -> None:
    step = IntakePartition(profile(), "alpha", 3)

    def state(at_ms: int) -> str:
        (found,) = [codec.decode_feed(e.value or b"") for e in step.tick(at_ms).emits if b"water" in e.key] or [None]
        return "as before" if found is None else found.state

    step.step([record(level(1))], NOW)
    assert state(NOW) == "on_time"
    for n in range(100):  # the feed is silent after 30 s, the drill goes on
        at_ms = NOW + 1_000 * n
        step.step([record(level(n, drill="d", at=at_ms - 400_000_000 + n), at_ms=at_ms)], at_ms)
    assert state(NOW + 100_000) == "silent"
    for n in range(100):  # the feed is back, and good; the drill repeats itself, with a clock of its own
        at_ms = NOW + 100_000 + 1_000 * n
        step.step([record(level(200 + n, at=at_ms - 100), at_ms=at_ms)], at_ms)
        step.step([record(level(1, drill="d"), at_ms=at_ms)] * 3, at_ms)
        step.step([record(level(2, drill="d", at=at_ms + 90_000_000), at_ms=at_ms)], at_ms)
    found = next(codec.decode_feed(e.value or b"") for e in step.tick(NOW + 200_000).emits if b"water" in e.key)
    assert (found.state, found.duplicates, found.rejected, found.accepted) == ("on_time", 0, 0, 101)
    assert found.lag_s == pytest.approx(0.1)
    assert step.totals.drills == 100 + 400


def test_a_drill_pushes_no_live_id_out(monkeypatch: pytest.MonkeyPatch) -> None:
    step = IntakePartition(profile(), "alpha", 3)
    step._ids._ids_max = step._drill_ids._ids_max = 50
    first = level(1, meta__n=None, meta__station="w-1")
    first["meta"]["n"] = "7"  # numbers prove nothing here: the id alone does
    assert len(step.step([record(first)], NOW).emits) == 1
    step.step([record(level(n, drill="d", at=NOW - n)) for n in range(500)], NOW)
    assert step._drill_ids.forgotten > 0
    assert step._ids.forgotten == 0
    assert step.step([record(first)], NOW).emits == []
    again = IntakePartition(profile(), "alpha", 3)
    for key, value in step.take_dirty():
        if value is not None:
            again.load(key, value)
    assert again.step([record(first), record(level(499, drill="d", at=NOW - 499))], NOW).emits == []
    assert len(again._drill_ids) <= 50


# Detect --------------------------------------------------------------------------------------------------------------

Reading = tuple[int, int, int, bool]  # what, seconds after the one before, value, of a drill
readings = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from([1, 7, 15, 40]), st.integers(0, 3), st.booleans()), max_size=30
)
LEVELS = (1.0, 1.85, 2.02, 2.6)


def made(what: int, at_ms: int, value: int, name: str, drill: bool) -> bytes:
    # A drill has a time of its own, and runs through it thirty times as fast.
    time_ms = T - 500 * 86_400_000 + (at_ms - T) * 30 if drill else at_ms
    more: dict[str, Any] = {"id_": name, "arrived_ms": at_ms, "exercise": "d" if drill else None}
    if what < 2:
        return river(f"R{what + 1}", time_ms, LEVELS[value], **more)
    if what == 2:
        return road(time_ms, 8.0 + 5 * value, **more)
    if what == 3:
        return crash(time_ms, value, **more)
    return event("C114", time_ms, {"number": "114", "kind": f"k{value}"}, type_="emergency.call", feed="calls", **more)


def detect_of(given_readings: list[Reading], with_drill: bool) -> tuple[list[Signal], dict[str, bytes]]:
    """Live signals in their order, and the newest live rollups."""
    step, at_ms, told, rollups = DetectPartition(PROFILE, 0), T, [], {}
    for number, (what, later_s, value, drill) in enumerate(given_readings):
        at_ms += later_s * S
        # Something is always read, so that how far the bus was read is known alike in both runs.
        batch = [heartbeat(at_ms, id_=f"h{number}")]
        if with_drill or not drill:
            batch.append(made(what, at_ms, value, f"e{number}", drill))
        emits = step.tick(at_ms).emits + step.step(records(batch, 2 * number), at_ms).emits
        for emit in emits:
            assert emit.value is not None
            if emit.topic == "rollups":
                rollup = codec.decode_rollup(emit.value)
                if rollup.exercise is None:
                    rollups[rollup.key] = emit.value
            elif emit.topic == "alert-inputs":
                signal = codec.decode_alert_input(emit.value)
                if isinstance(signal, Signal) and signal.exercise is None:
                    told.append(signal)
                else:
                    assert isinstance(signal, Signal | CentreSilent | Condition)
    return told, rollups


@given(readings)
@settings(max_examples=120, deadline=None)
def test_detect_says_the_same_of_live_readings(given_readings: list[Reading]) -> None:
    assert detect_of(given_readings, True) == detect_of(given_readings, False)


@pytest.mark.parametrize("planted", ["clocks", "objects"])
def test_a_planted_leak_of_detect_is_found(planted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if planted == "clocks":
        right = board.feed_key
        monkeypatch.setattr(board, "feed_key", lambda centre, area, feed, drill: right(centre, area, feed, None))
    else:
        same = board.watched_key
        for module in (board, signals):
            monkeypatch.setattr(module, "watched_key", lambda rule, centre, obj, drill: same(rule, centre, obj, None))
    try:
        find(readings, lambda given: detect_of(given, True) != detect_of(given, False), settings=SEARCH)
    except NoSuchExample:
        pytest.fail("the leak was not found")


def test_names_in_a_drill_take_no_room_of_live_objects() -> None:
    def call(n: int, drill: str | None) -> bytes:
        more: dict[str, Any] = {"id_": f"{drill}{n}", "exercise": drill}
        return event("C114", T + n, {"number": "114", "kind": f"k{n}"}, type_="emergency.call", feed="calls", **more)

    step = DetectPartition(PROFILE, 0)
    step.step(records([call(n, "d") for n in range(OBJECTS_MAX + 5)]), T + 10_000)
    emits = step.step(records([call(1, None)], 9_000), T + 10_000).emits
    keys = [codec.decode_alert_input(e.value or b"").key for e in emits if e.topic == "alert-inputs"]
    assert keys == ["call|north|C114/k1"]
    assert f"call|north|C114/{OTHER}|d" in step._board.subjects


def test_conditions_of_a_drill_push_no_live_one_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(combined, "WAITING_MAX", 5)
    step = Combined(PROFILE)

    def condition(n: int, drill: str | None) -> Condition:
        return Condition(
            key="new|north|731", rule="new", object=f"level|north|{n}", state="on", since_ms=T, observed_ms=T,
            priority=3, centre="north", area="731", exercise=drill,
        )  # fmt: skip

    for n in range(3):
        step.take(condition(n, None), T)
    for n in range(50):
        step.take(condition(n, "d"), T)
    waiting = [one.condition for one in step._waiting]
    assert [one.object for one in waiting if one.exercise is None] == [f"level|north|{n}" for n in range(3)]
    assert len(waiting) == 5
