"""When a feed of a drill is over: not while a rule remembers its last event, and always after a day."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from ioc.pipeline.board import CROWDED
from ioc.pipeline.detect import DetectPartition
from tests.pipeline.small_province import MIN, PROFILE, S, T, event
from tests.pipeline.test_detect import run, signals, tick_for


def held(hold_s: float) -> DetectPartition:
    """With the rule on calls holding so long."""
    rules = tuple(replace(rule, hold_s=hold_s) if rule.id == "call" else rule for rule in PROFILE.rules)
    return DetectPartition(replace(PROFILE, rules=rules), 0)


def call(at_ms: int) -> bytes:
    data = {"number": "114", "kind": "fire", "priority": 1}
    return event("C114", at_ms, data, type_="emergency.call", feed="calls", exercise="x")


def test_a_feed_of_a_drill_that_says_nothing_for_a_while_is_not_over() -> None:
    """An episode is held for two hours, the next event comes after 70 minutes: one alert, in drills as elsewhere."""
    step = held(7_200)
    [raised] = signals(run(step, [call(T)], T).emits)
    assert signals(tick_for(step, T + S, 70 * MIN)) == []
    [again] = signals(run(step, [call(T + 71 * MIN)], T + 71 * MIN).emits)
    assert (again.key, again.since_ms, again.reason) == (raised.key, raised.since_ms, "REPEATED")
    [over] = signals(tick_for(step, T + 72 * MIN, 125 * MIN))
    assert (over.since_ms, over.reason) == (raised.since_ms, "HOLD_OVER")
    assert not [feed for feed in step._board.feeds.values() if feed.exercise]


def test_a_feed_of_a_drill_is_over_after_a_day_whatever_the_rules_say() -> None:
    step = held(30 * 86_400)
    run(step, [call(T)], T)
    step.tick(T + 23 * 60 * MIN)
    assert [feed for feed in step._board.feeds.values() if feed.exercise]
    said = signals(tick_for(step, T + 24 * 60 * MIN, 5 * MIN))
    assert [one.reason for one in said] == ["DRILL_OVER"]
    assert not [feed for feed in step._board.feeds.values() if feed.exercise]


def test_many_drills_leave_after_an_hour() -> None:
    """Else the ones of a day would take the room of the next."""
    step = held(7_200)
    one = msgspec.json.decode(call(T))
    drills = [msgspec.json.encode(one | {"exercise": f"x{n}", "id": f"i{n}"}) for n in range(CROWDED + 1)]
    run(step, drills, T)
    tick_for(step, T + S, 65 * MIN)
    assert len(step._board._drills()) == CROWDED
