"""The same events give the same signals and the same final rollups, however they are cut, crashed or shuffled.

Each check is also shown to fail with a fault planted in the step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from ioc.domain.alerts import Signal
from ioc.domain.measures import Rollup
from ioc.domain.profile import Profile
from ioc.pipeline.detect import DetectPartition
from ioc.pipeline.effects import Emit, InRecord
from ioc.pipeline.lanes import Lane
from ioc.wire import codec
from tests.pipeline.small_province import PROFILE, S, T, crash, records, river, road

Item = tuple[int, int, int, int]  # (what, seconds after the one before, value, arrives so many seconds later)
Picture = tuple[dict[str, list[Signal]], dict[str, Rollup]]

items = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from([0, 1, 7, 15, 40, 90, 200, 400]),
        st.integers(0, 3),
        st.sampled_from([0, 0, 3, 20, 55]),
    ),
    min_size=2,
    max_size=24,
)
cuts = st.lists(st.tuples(st.integers(1, 6), st.booleans(), st.booleans()), min_size=1, max_size=8)
# The same search every time: a test of a test must not depend on luck.
SEARCH = settings(max_examples=3000, deadline=None, derandomize=True, phases=[Phase.generate])
LEVELS = (1.0, 1.85, 2.02, 2.6)


def make(item: Item, time_ms: int, number: int) -> tuple[int, int, bytes]:
    """(event time, arrival, event)."""
    what, _, value, late_s = item
    arrived_ms = time_ms + late_s * S
    name = f"e{number:03d}"
    if what < 2:
        body = river(f"R{what + 1}", time_ms, LEVELS[value], id_=name, arrived_ms=arrived_ms)
    elif what == 2:
        body = road(time_ms, 8.0 + 5 * value, id_=name, arrived_ms=arrived_ms)
    else:
        body = crash(time_ms, value, id_=name, arrived_ms=arrived_ms)
    return time_ms, arrived_ms, body


def timeline(given_items: list[Item]) -> list[tuple[int, int, bytes]]:
    at_ms, made = T, []
    for number, item in enumerate(given_items):
        at_ms += item[1] * S
        made.append(make(item, at_ms, number))
    return made


def by_arrival(events: list[tuple[int, int, bytes]]) -> list[InRecord]:
    return records([body for _, _, body in sorted(events, key=lambda e: e[1])])


def closing(events: list[tuple[int, int, bytes]]) -> list[bytes]:
    """Events long after, so that every window of the others is final."""
    end_ms = max(e[1] for e in events) + 3_600 * S
    return [river("R1", end_ms, 1.0, id_="end-a"), road(end_ms, 50.0, id_="end-b")]


def run(
    stream: list[InRecord], plan: list[tuple[int, bool, bool]], end_ms: int, profile: Profile = PROFILE
) -> list[Emit]:
    """Feed a stream, cut into batches by the plan: (how many, flush afterwards?, crash afterwards?).

    A crash loses what was not flushed and goes on from the checkpoint, as the shell does.
    """
    told: list[Emit] = []
    waiting: list[Emit] = []
    checkpoint: dict[str, bytes] = {}
    step, position, flushed = DetectPartition(profile, 0), 0, 0
    turn = 0
    while position < len(stream):
        size, flush, crash_now = plan[turn % len(plan)]
        turn += 1
        effects = step.step(stream[position : position + size], end_ms)
        waiting += effects.emits
        position += size
        if turn > 4 * len(stream):
            flush, crash_now = True, False  # enough crashes: let it come to an end
        if flush or position >= len(stream):
            for key, value in step.take_dirty():
                if value is None:
                    checkpoint.pop(key, None)
                else:
                    checkpoint[key] = value
            told, waiting, flushed = told + waiting, [], position
        if crash_now and position < len(stream):
            step, position, waiting = DetectPartition(profile, 0), flushed, []
            for key, value in checkpoint.items():
                step.load(key, value)
    return told + step.tick(end_ms).emits


def picture(emits: list[Emit]) -> Picture:
    signals: dict[str, list[Signal]] = {}
    rollups: dict[str, Rollup] = {}
    for emit in emits:
        assert emit.value is not None
        if emit.topic == "alert-inputs":
            signal = codec.decode_alert_input(emit.value)
            assert isinstance(signal, Signal)
            signals.setdefault(signal.key, []).append(signal)
        elif emit.topic == "rollups":
            rollup = codec.decode_rollup(emit.value)
            if rollup.key not in rollups or rollup.revision > rollups[rollup.key].revision:
                rollups[rollup.key] = rollup
    return signals, rollups


def cut_makes_no_difference(given_items: list[Item], plan: list[tuple[int, bool, bool]]) -> bool:
    events = timeline(given_items)
    stream = by_arrival(events)
    stream = records([r.value or b"" for r in stream] + closing(events))
    end_ms = max(e[1] for e in events) + 3_700 * S
    plain = picture(run(stream, [(1, True, False)], end_ms))
    whole = picture(run(stream, [(len(stream), True, False)], end_ms))
    return plain == whole == picture(run(stream, plan, end_ms))


@settings(max_examples=150, deadline=None)
@given(items, cuts)
def test_batches_and_crashes_make_no_difference(given_items: list[Item], plan: list[tuple[int, bool, bool]]) -> None:
    assert cut_makes_no_difference(given_items, plan)


def shuffle_makes_no_difference(given_items: list[Item]) -> bool:
    """Rollups: late within the grace, in another order, the same finals as in order of event time."""
    events = timeline(given_items)
    end_ms = max(e[1] for e in events) + 3_700 * S
    ordered = [body for _, _, body in sorted(events, key=lambda e: e[0])]
    arrived = [r.value or b"" for r in by_arrival(events)]
    _, want = picture(run(records(ordered + closing(events)), [(3, True, False)], end_ms))
    _, have = picture(run(records(arrived + closing(events)), [(3, True, False)], end_ms))
    oracle: dict[int, int] = {}
    for time_ms, _, _ in events:
        oracle[time_ms - time_ms % 60_000] = oracle.get(time_ms - time_ms % 60_000, 0) + 1
    counted: dict[int, int] = {}
    for rollup in have.values():
        if rollup.window_start_ms < end_ms - 200 * S:
            counted[rollup.window_start_ms] = counted.get(rollup.window_start_ms, 0) + rollup.n
    return want == have and counted == oracle


@settings(max_examples=150, deadline=None)
@given(items)
def test_order_within_the_grace_makes_no_difference_to_final_rollups(given_items: list[Item]) -> None:
    assert shuffle_makes_no_difference(given_items)


# ---- the checks can fail -----------------------------------------------------------------------------------------


def finds_a_counterexample(strategy: Any, condition: Callable[[Any], bool]) -> bool:
    try:
        find(strategy, condition, settings=SEARCH)
    except NoSuchExample:
        return False
    return True


def differs(pair: tuple[list[Item], list[tuple[int, bool, bool]]]) -> bool:
    return not cut_makes_no_difference(*pair)


def test_an_honest_step_has_no_counterexample_in_a_short_search() -> None:
    with pytest.raises(NoSuchExample):
        find(st.tuples(items, cuts), differs, settings=settings(max_examples=30, deadline=None))


def test_seen_a_rule_that_lets_time_pass_only_between_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = DetectPartition._catch_up

    def lapse(self: DetectPartition, effects: Any) -> None:
        for subject in list(self._watching.values()):
            honest(self, subject, effects)

    monkeypatch.setattr(DetectPartition, "_catch_up", lambda *_: None)
    monkeypatch.setattr(DetectPartition, "_lapse", lapse)
    assert finds_a_counterexample(st.tuples(items, cuts), differs)


def test_seen_state_that_is_not_in_the_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = DetectPartition.take_dirty
    monkeypatch.setattr(
        DetectPartition, "take_dirty", lambda self: [row for row in honest(self) if not row[0].startswith("object/")]
    )
    assert finds_a_counterexample(st.tuples(items, cuts), differs)


def test_seen_a_window_that_forgets_late_events(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Lane.add

    def add(self: Lane, time_ms: int, id_: str, value: float | None) -> Any:
        if self.clock.lateness(time_ms - time_ms % 60_000 + 60_000, 0) != "in_time":
            return None
        return honest(self, time_ms, id_, value)

    monkeypatch.setattr(Lane, "add", add)
    assert finds_a_counterexample(items, lambda given_items: not shuffle_makes_no_difference(given_items))
