"""Readings that swap places within the time that their feed waits make no difference to the alerts.

Not to their episodes, and not to a word of what is told of them; nor do batches and crashes. Each check is also shown
to fail with a fault planted in the order.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.domain.alerts import Signal
from ioc.domain.profile import Profile
from ioc.pipeline import in_order
from ioc.pipeline.detect import Counters, DetectPartition
from ioc.pipeline.effects import Effects
from ioc.pipeline.in_order import InOrder
from ioc.pipeline.routes import Feed
from ioc.wire import codec
from tests.pipeline import kinds_province
from tests.pipeline.small_province import PROFILE, S, T, crash, heartbeat, records, river, road
from tests.pipeline.test_detect_determinism import Item, closing, cuts, finds_a_counterexample, picture, run, timeline

WAIT_S = 60  # as long as the grace: whatever is in time for the windows is in time for the rules


def waiting_for(profile: Profile, order_s: float) -> Profile:
    """The province with feeds that wait for their neighbours."""
    return msgspec.structs.replace(
        profile,
        centres=tuple(
            msgspec.structs.replace(
                centre, feeds=tuple(msgspec.structs.replace(feed, order_s=order_s) for feed in centre.feeds)
            )
            for centre in profile.centres
        ),
    )


SLOW = waiting_for(PROFILE, WAIT_S)
QUICK = waiting_for(PROFILE, 2.0)

# What, seconds after the one before, value, seconds that it is under way: up to the time to wait.
late_items = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from([0, 1, 7, 15, 40, 90, 200, 400]),
        st.integers(0, 3),
        st.sampled_from([0, 0, 1, 3, 20, 45, WAIT_S]),
    ),
    min_size=2,
    max_size=24,
)


def signals_of(
    bodies: list[bytes], end_ms: int, profile: Profile, plan: list[tuple[int, bool, bool]]
) -> dict[str, list[Signal]]:
    return picture(run(records(bodies), plan, end_ms, profile))[0]


def order_makes_no_difference(given_items: list[Item], plan: list[tuple[int, bool, bool]]) -> bool:
    """In the order of arrival, cut and crashed by the plan, against the order of event time, one by one."""
    events = timeline(given_items)
    end_ms = max(e[1] for e in events) + 3_700 * S
    ordered = [body for _, _, body in sorted(events, key=lambda e: e[0])]
    arrived = [body for _, _, body in sorted(events, key=lambda e: e[1])]
    want = signals_of(ordered + closing(events), end_ms, SLOW, [(1, True, False)])
    return want == signals_of(arrived + closing(events), end_ms, SLOW, plan)


@settings(max_examples=300, deadline=None)
@given(late_items, cuts)
def test_order_within_the_wait_makes_no_difference_to_what_is_told(
    given_items: list[Item], plan: list[tuple[int, bool, bool]]
) -> None:
    assert order_makes_no_difference(given_items, plan)


def test_a_difference_of_exactly_the_wait_makes_none_either() -> None:
    """Two readings of one instant, in the order of their ids, of which the first is under way for just so long."""
    assert order_makes_no_difference([(0, 0, 1, WAIT_S), (0, 0, 0, 0)], [(1, False, False)])


def test_the_search_meets_episodes_and_swaps() -> None:
    """Of a river that rose and fell, told the other way round, a province that does not wait makes another story."""
    items: list[Item] = [(0, 7, 0, 0), (0, 7, 3, 45), (0, 7, 0, 0), (0, 7, 2, 0), (0, 90, 0, 0)]
    events = timeline(items)
    end_ms = max(e[1] for e in events) + 3_700 * S
    ordered = [body for _, _, body in sorted(events, key=lambda e: e[0])] + closing(events)
    arrived = [body for _, _, body in sorted(events, key=lambda e: e[1])] + closing(events)
    one_by_one = [(1, True, False)]
    in_time = signals_of(ordered, end_ms, PROFILE, one_by_one)
    assert len(in_time["level|north|R1"]) >= 3
    assert in_time != signals_of(arrived, end_ms, PROFILE, one_by_one)
    assert in_time == signals_of(arrived, end_ms, SLOW, one_by_one) == signals_of(ordered, end_ms, SLOW, one_by_one)


# ---- the checks can fail -----------------------------------------------------------------------------------------


def differs(pair: tuple[list[Item], list[tuple[int, bool, bool]]]) -> bool:
    return not order_makes_no_difference(*pair)


def test_seen_a_gate_that_keeps_the_order_of_arrival(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = DetectPartition._judge

    def judge(self: DetectPartition, feed: Feed, turns: Any, effects: Effects) -> None:
        honest(self, feed, sorted(turns, key=lambda turn: turn[2]), effects)  # type: ignore[no-any-return]

    monkeypatch.setattr(DetectPartition, "_judge", judge)
    assert finds_a_counterexample(st.tuples(late_items, cuts), differs)


def test_seen_readings_that_wait_and_are_not_in_the_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = DetectPartition.take_dirty
    monkeypatch.setattr(
        DetectPartition, "take_dirty", lambda self: [row for row in honest(self) if not row[0].startswith("waiting/")]
    )
    assert finds_a_counterexample(st.tuples(late_items, cuts), differs)


def test_seen_time_that_runs_ahead_of_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = InOrder.read_to

    def read_to(self: InOrder, head_ms: int, effects: Effects) -> None:
        honest(self, head_ms, effects)
        for _, _, feed, _ in self._dues:
            if feed.clock.mark_ms is not None:
                feed.judged.raise_to(feed.clock.mark_ms)

    monkeypatch.setattr(InOrder, "read_to", read_to)
    assert finds_a_counterexample(st.tuples(late_items, cuts), differs)


# ---- how long it waits -------------------------------------------------------------------------------------------


def told(effects: Effects) -> list[str]:
    found = []
    for emit in effects.emits:
        if emit.topic == "alert-inputs" and emit.value is not None:
            signal = codec.decode_alert_input(emit.value)
            assert isinstance(signal, Signal)
            found.append(f"{signal.rule} {signal.state} {signal.reason}")
    return found


def fed(profile: Profile = QUICK) -> tuple[DetectPartition, Callable[..., list[str]]]:
    """A step, and how to give it events at a time."""
    step, offsets = DetectPartition(profile, 0), count()

    def feed(*bodies: bytes, at_s: float) -> list[str]:
        numbered = [msgspec.structs.replace(record, offset=next(offsets)) for record in records(list(bodies))]
        return told(step.step(numbered, T + round(at_s * S)))

    return step, feed


def test_what_else_arrives_in_the_partition_ends_the_wait() -> None:
    _, feed = fed()
    assert feed(river("R1", T, 1.9), at_s=0) == []
    assert feed(heartbeat(T + 2_249), at_s=2.3) == []
    assert feed(heartbeat(T + 2_250), at_s=2.3) == ["level on LIMIT_REACHED"]


def test_a_quiet_partition_ends_the_wait_after_two_seconds_and_not_before() -> None:
    step, feed = fed()
    assert feed(river("R1", T, 1.9), at_s=0) == []
    assert told(step.tick(T + 2_249)) == []
    assert told(step.tick(T + 2_250)) == ["level on LIMIT_REACHED"]


def test_a_job_that_stood_still_does_not_take_that_for_quiet() -> None:
    """What the neighbours are is still in the queue."""
    step, feed = fed()
    assert feed(river("R1", T + 500, 1.9, id_="b"), at_s=0.5) == []
    assert told(step.tick(T + 60_000)) == []
    assert feed(river("R1", T, 2.1, id_="a", arrived_ms=T + 700), at_s=60) == []
    assert told(step.tick(T + 62_500)) == ["level on LIMIT_REACHED", "level on LEVEL_FELL"]


def test_a_feed_that_does_not_wait_is_judged_at_once() -> None:
    _, feed = fed(PROFILE)
    assert feed(river("R1", T, 1.9), at_s=0) == ["level on LIMIT_REACHED"]


def test_a_reading_from_the_future_does_not_take_the_time_of_the_others_along() -> None:
    """R2's clock is 100 s fast. R1, which reports every 10 s, is neither blind nor late for that."""
    step, feed = fed()
    said = feed(river("R1", T, 1.9), at_s=0)
    for second in range(10, 100, 10):
        said += feed(river("R1", T + second * S, 1.9), at_s=second)
        if second == 50:
            said += feed(river("R2", T + 150 * S, 1.0, arrived_ms=T + second * S), at_s=second)
    said += told(step.tick(T + 103 * S))
    assert [word for word in said if "blind" in word] == []
    assert said[0] == "level on LIMIT_REACHED"
    assert step.counters.out_of_turn == 0


def test_a_fast_clock_does_not_hold_back_what_it_sends() -> None:
    """R2's clock is a minute ahead; what it says is told as soon as what the others say."""
    step, feed = fed()
    said: dict[int, list[str]] = {}
    for second in range(8):
        said[second] = feed(river("R1", T + second * S, 1.0), at_s=second)
        if second == 1:
            feed(river("R2", T + 61 * S, 2.6, arrived_ms=T + second * S), at_s=second)
    assert [second for second, words in said.items() if words] == [4]
    assert step.counters.out_of_turn == 0


def test_one_that_is_due_takes_what_is_older_along_and_nothing_younger() -> None:
    _, feed = fed(SLOW)
    bodies = [
        river("R1", T + 10 * S, 1.0, id_="a", arrived_ms=T + 10 * S),
        river("R1", T + 5 * S, 1.9, id_="b", arrived_ms=T + 40 * S),
        river("R1", T + 20 * S, 2.6, id_="c", arrived_ms=T + 50 * S),
    ]
    assert feed(*bodies, at_s=50) == []
    assert feed(heartbeat(T + 71 * S), at_s=71) == ["level on LIMIT_REACHED", "level off BACK_TO_NORMAL"]


@pytest.mark.parametrize("again", [False, True])
def test_what_waited_is_judged_in_order_where_its_feed_does_not_wait_any_more(again: bool) -> None:
    step, feed = fed(SLOW)
    feed(
        river("R1", T + 10 * S, 1.0, id_="low", arrived_ms=T + 10 * S),
        river("R1", T + 5 * S, 1.9, id_="high", arrived_ms=T + 11 * S),
        at_s=11,
    )
    want = ["level on LIMIT_REACHED", "level off BACK_TO_NORMAL"]
    if again:
        assert told(step.use(PROFILE, T + 12 * S)) == want
        return
    other = DetectPartition(PROFILE, 0)
    for key, value in kept(step, {}).items():
        other.load(key, value)
    assert told(other.tick(T + 12 * S)) == want


def test_a_site_with_several_entries_in_the_registry_is_judged_as_any_other() -> None:
    """Every reading of such a site looks its limits up anew; they share one memory."""
    dated = msgspec.structs.replace(
        QUICK,
        centres=tuple(
            msgspec.structs.replace(
                centre,
                sites=tuple(
                    entry
                    for site in centre.sites
                    for entry in (
                        (
                            msgspec.structs.replace(site, valid_to="2027-06-01"),
                            msgspec.structs.replace(site, valid_from="2027-06-01"),
                        )
                        if site.id == "R1"
                        else (site,)
                    )
                ),
            )
            for centre in QUICK.centres
        ),
    )
    levels = (2.2, 1.0, 2.2, 1.0)
    bodies = [river("R1", T + n * 500, level, id_=f"{n}") for n, level in enumerate(levels)]
    said = []
    for profile in (QUICK, dated):
        step, feed = fed(profile)
        said.append(feed(*bodies, at_s=2) + told(step.tick(T + 6 * S)))
    assert said[0] == said[1] == ["level on LIMIT_REACHED", "level off BACK_TO_NORMAL"] * 2


def test_what_comes_after_its_turn_is_counted_and_judged_as_an_older_reading() -> None:
    step, feed = fed()
    feed(river("R1", T, 1.0), river("R1", T + 10 * S, 1.0), heartbeat(T + 13 * S), at_s=13)
    assert feed(river("R2", T + 5 * S, 2.6, arrived_ms=T + 13 * S), at_s=13) == []
    assert feed(heartbeat(T + 16 * S), at_s=16) == ["level on LIMIT_REACHED"]
    assert step.counters.out_of_turn == 1


def test_too_many_that_wait_are_judged_before_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_order, "HELD_MAX", 20)
    step, feed = fed(SLOW)
    said = feed(*(river("R1", T + n, 1.9, id_=f"{n:02}", arrived_ms=T + n) for n in range(25)), at_s=1)
    assert said == ["level on LIMIT_REACHED"]
    assert step.counters.hurried == 6


def kept(step: DetectPartition, checkpoint: dict[str, bytes]) -> dict[str, bytes]:
    for key, value in step.take_dirty():
        if value is None:
            checkpoint.pop(key, None)
        else:
            checkpoint[key] = value
    return checkpoint


def test_what_waits_survives_a_restart_once_and_leaves_the_checkpoint() -> None:
    step, feed = fed()
    feed(river("R1", T, 1.9), at_s=0)
    checkpoint = kept(step, {})
    assert [key for key in checkpoint if key.startswith("waiting/")] == ["waiting/0"]
    again = DetectPartition(QUICK, 0)
    for key, value in checkpoint.items():
        again.load(key, value)
    said = told(again.step([*records([b"", river("R1", T + 10 * S, 1.9)])[1:]], T + 10 * S))
    said += told(again.tick(T + 13 * S))
    assert said == ["level on LIMIT_REACHED"]
    assert [key for key in kept(again, checkpoint) if key.startswith("waiting/")] == []
    assert msgspec.json.decode(checkpoint["counters"], type=Counters).undecodable == 0


def test_what_waits_is_judged_by_the_rules_as_they_are_when_its_turn_comes() -> None:
    step, feed = fed()
    feed(river("R1", T, 1.9), at_s=0)
    without = msgspec.structs.replace(QUICK, rules=tuple(rule for rule in QUICK.rules if rule.id != "level"))
    step.use(without, T + S)
    assert told(step.tick(T + 3 * S)) == []
    step, feed = fed(without)
    feed(river("R1", T, 1.9), at_s=0)
    step.use(QUICK, T + S)
    # It was not waiting for anything: no rule wanted it.
    assert told(step.tick(T + 3 * S)) == []
    assert feed(river("R1", T + 10 * S, 1.9), river("R1", T + 13 * S, 1.9), at_s=13) == ["level on LIMIT_REACHED"]


def test_the_kinds_of_rules_that_look_back_take_swapped_readings_in_order() -> None:
    """Rate, n of m, count and anomaly see the same readings in the same order, whichever way they came."""
    profile = waiting_for(kinds_province.PROFILE, WAIT_S)
    times = range(0, 1_200, 20)
    events = [
        (T + s * S, river("R1", T + s * S, 1.0 + (s % 200) / 100, id_=f"r{s:04}", arrived_ms=T + (s + s * 7 % 50) * S))
        for s in times
    ] + [
        (T + s * S, crash(T + s * S, 1, id_=f"c{s:04}", arrived_ms=T + (s + s * 11 % 50) * S))
        for s in range(5, 600, 15)
    ]
    events += [(T + s * S, road(T + s * S, 9.0, id_=f"t{s:04}", arrived_ms=T + (s + s % 40) * S)) for s in times]
    end = [river("R1", T + 5_000 * S, 1.0, id_="end-a"), road(T + 5_000 * S, 50.0, id_="end-b")]

    def arrival(item: tuple[int, bytes]) -> str:
        return str(msgspec.json.decode(item[1])["recordedtime"])

    ordered = [body for _, body in sorted(events, key=lambda item: item[0])]
    arrived = [body for _, body in sorted(events, key=arrival)]
    assert ordered != arrived
    one_by_one: list[Any] = [(1, True, False)]
    want = signals_of(ordered + end, T + 5_100 * S, profile, one_by_one)
    assert len(want) >= 3
    assert want == signals_of(arrived + end, T + 5_100 * S, profile, [(7, True, True), (3, False, False)])
