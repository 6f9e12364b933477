"""A source whose clock is ahead: what it says is told at once, and the true readings after it count.

No reading was taken after it arrived. So the rules take it for one of its arrival, and the alerts are those of a source
whose clock goes right. The check is also shown to fail with faults planted in the step.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.domain.alerts import Signal
from ioc.domain.profile import Profile
from ioc.pipeline import in_order
from ioc.pipeline.detect import DetectPartition
from ioc.pipeline.in_order import InOrder
from ioc.pipeline.routes import Turn
from ioc.wire import codec
from tests.pipeline.small_province import PROFILE, S, T, heartbeat, records, river, road
from tests.pipeline.test_alert_order import QUICK, SLOW, fed, kept, told
from tests.pipeline.test_detect_determinism import closing, cuts, finds_a_counterexample, picture, run

# What, seconds after the one before, value, seconds that its clock is ahead.
Ahead = tuple[int, float, int, float]
items = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from([0, 0.5, 1, 7, 15, 40, 90]),
        st.integers(0, 3),
        st.sampled_from([0, 0, 0, 0.4, 2, 5, 30, 119]),
    ),
    min_size=2,
    max_size=20,
)
LEVELS = (1.0, 1.85, 2.02, 2.6)
Story = tuple[list[Ahead], list[tuple[int, bool, bool]]]


def stamped(given_items: list[Ahead], right: bool) -> tuple[list[bytes], int]:
    """Events in the order of their arrival, and when the last one came; ``right``: with clocks that go right."""
    arrived_ms, made = T, []
    for number, (what, later_s, value, ahead_s) in enumerate(given_items):
        arrived_ms += round(later_s * S)
        time_ms = arrived_ms + (int(ahead_s) if right else round(ahead_s * S))  # as many ms as it was ahead in s
        name = f"e{number:03d}"
        if what < 2:
            made.append(river(f"R{what + 1}", time_ms, LEVELS[value], id_=name, arrived_ms=arrived_ms))
        else:
            made.append(road(time_ms, 8.0 + 5 * value, id_=name, arrived_ms=arrived_ms))
    return made, arrived_ms


def signals_of(bodies: list[bytes], end_ms: int, profile: Profile, plan: list[tuple[int, bool, bool]]) -> object:
    end = closing([(end_ms, end_ms, b"")])
    return picture(run(records(bodies + end), plan, end_ms + 3_700 * S, profile))[0]


def clocks_make_no_difference(story: Story, profile: Profile) -> bool:
    """What is told by a step that believes every clock, of clocks that go right, against the step and the clocks."""
    given_items, plan = story
    bodies, end_ms = stamped(given_items, right=True)
    with pytest.MonkeyPatch.context() as context:
        context.setattr(in_order, "taken_ms", lambda time_ms, arrived_ms: time_ms)
        want = signals_of(bodies, end_ms, profile, [(1, True, False)])
    return want == signals_of(stamped(given_items, right=False)[0], end_ms, profile, plan)


@pytest.mark.parametrize("profile", [PROFILE, QUICK, SLOW])
@settings(max_examples=150, deadline=None)
@given(items, cuts)
def test_the_alerts_are_those_of_a_clock_that_goes_right(
    profile: Profile, given_items: list[Ahead], plan: list[tuple[int, bool, bool]]
) -> None:
    assert clocks_make_no_difference((given_items, plan), profile)


@pytest.mark.parametrize("profile", [PROFILE, QUICK])
@pytest.mark.parametrize("ahead_s", [0, 1, 5, 30, 110])
def test_one_reading_from_the_future_does_not_hide_the_true_ones_after_it(profile: Profile, ahead_s: int) -> None:
    _, feed = fed(profile)
    feed(river("R1", T, 1.0), at_s=0)
    feed(river("R1", T + ahead_s * S, 1.0, id_="ahead", arrived_ms=T), at_s=0)
    said: dict[int, list[str]] = {}
    for second in range(10, 60, 10):
        said[second] = feed(river("R1", T + second * S, 1.9), at_s=second)
        said[second + 4] = feed(heartbeat(T + (second + 4) * S), at_s=second + 4)
    assert [second for second, words in said.items() if words] == [10 if profile is PROFILE else 14]


def test_an_episode_that_begins_with_it_began_when_it_came_and_the_next_one_is_another() -> None:
    step, offsets = DetectPartition(PROFILE, 0), iter(range(9))

    def signals(body: bytes, at_s: int) -> list[Signal]:
        [record] = records([body])
        emits = step.step([record], T + at_s * S).emits
        assert next(offsets) < 9
        given = [codec.decode_alert_input(e.value) for e in emits if e.topic == "alert-inputs" and e.value]
        return [one for one in given if isinstance(one, Signal)]

    [on] = signals(river("R1", T + 100 * S, 1.9, id_="a", arrived_ms=T), 0)
    assert (on.since_ms, on.observed_ms) == (T + 100, T + 100)
    [off] = signals(river("R1", T + 10 * S, 1.0, id_="b"), 10)
    assert (off.state, off.since_ms) == ("off", T + 100)
    [again] = signals(river("R1", T + 20 * S, 1.9, id_="c"), 20)
    assert (again.state, again.since_ms) == ("on", T + 20 * S)


def test_a_heartbeat_from_the_future_dates_no_silence_into_it() -> None:
    from tests.pipeline.test_detect import HEARTBEATS, detect, signals, tick_for

    step = detect(HEARTBEATS)
    step.step(records([heartbeat(T + 100 * S, arrived_ms=T)]), T)
    [said] = signals(tick_for(step, T, 60 * S))
    assert said.since_ms == T


def test_what_waits_is_judged_so_after_a_restart_too() -> None:
    step, feed = fed(QUICK)
    feed(river("R1", T + 90 * S, 1.0, id_="ahead", arrived_ms=T), river("R1", T + S, 1.9, id_="b"), at_s=1)
    again = DetectPartition(QUICK, 0)
    for key, value in kept(step, {}).items():
        again.load(key, value)
    again.tick(T + S)
    assert told(again.tick(T + 5 * S)) == ["level on LIMIT_REACHED"]


# ---- the checks can fail -----------------------------------------------------------------------------------------


def differs(profile: Profile) -> Callable[[Story], bool]:
    return lambda story: not clocks_make_no_difference(story, profile)


@pytest.mark.parametrize("profile", [PROFILE, QUICK])
def test_seen_a_step_that_believes_every_clock(monkeypatch: pytest.MonkeyPatch, profile: Profile) -> None:
    monkeypatch.setattr(in_order, "taken_ms", lambda time_ms, arrived_ms: time_ms)
    assert finds_a_counterexample(st.tuples(items, cuts), differs(profile))


def test_seen_a_step_that_forgets_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_order, "taken_ms", min)
    assert finds_a_counterexample(st.tuples(items, cuts), differs(PROFILE))


def test_seen_a_step_that_drops_what_is_from_the_future(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = InOrder.put

    def put(self: InOrder, feed: object, turn: Turn, effects: object) -> None:
        if turn[0] <= turn[3]:
            honest(self, feed, turn, effects)  # type: ignore[arg-type]

    monkeypatch.setattr(InOrder, "put", put)
    assert finds_a_counterexample(st.tuples(items, cuts), differs(PROFILE))
