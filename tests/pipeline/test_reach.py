"""How far intake has come decides what time it is; who of its workers was ahead makes no difference.

Each check is also shown to fail with a fault planted in the step.
"""

from __future__ import annotations

from itertools import count
from zlib import crc32

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.domain import detect_counters
from ioc.domain.alerts import Signal
from ioc.domain.detect_counters import Counters
from ioc.pipeline import heads, in_order
from ioc.pipeline.detect import DetectPartition
from ioc.pipeline.effects import Effects, InRecord
from ioc.pipeline.in_order import InOrder
from ioc.pipeline.reach import PATIENCE_MS, Reach
from ioc.pipeline.routes import Due, Feed
from ioc.wire import codec, progress
from ioc.wire.topics import RAW_PARTITIONS, Topics
from tests.pipeline.small_province import S, T, heartbeat, river
from tests.pipeline.test_alert_order import QUICK
from tests.pipeline.test_detect_determinism import (
    Item,
    Picture,
    closing,
    cuts,
    finds_a_counterexample,
    items,
    picture,
    run,
    timeline,
)

# ---- one centre --------------------------------------------------------------------------------------------------


def test_a_centre_was_read_as_far_as_the_slowest_of_its_partitions() -> None:
    reach = Reach(2)
    reach.wait_anew(T)
    assert reach.read_ms(T) == -1
    assert reach.tell(0, 500, T)
    assert reach.read_ms(T) == -1
    assert reach.tell(1, 300, T)
    assert reach.read_ms(T) == 300


def test_what_is_said_late_or_twice_changes_nothing() -> None:
    reach = Reach(1, since_ms=T)
    assert reach.tell(0, 500, T)
    assert not reach.tell(0, 500, T)
    assert not reach.tell(0, 400, T)
    assert reach.read_ms(T) == 500


def test_a_partition_of_which_nobody_speaks_is_left_out_after_a_while() -> None:
    reach = Reach(2, since_ms=T)
    reach.tell(0, 500, T)
    reach.tell(1, 300, T)
    reach.tell(0, 900, T + PATIENCE_MS - 1)
    assert reach.read_ms(T + PATIENCE_MS - 1) == 300
    assert reach.read_ms(T + PATIENCE_MS) == 900
    assert reach.read_ms(T + 2 * PATIENCE_MS) is None
    reach.tell(1, 300, T + PATIENCE_MS)
    assert reach.read_ms(T + PATIENCE_MS) == 900, "the same again is no sign of life"
    reach.tell(1, 301, T + PATIENCE_MS)
    assert reach.read_ms(T + PATIENCE_MS) == 301
    reach.tell(1, -1, T + 2 * PATIENCE_MS)
    assert reach.read_ms(T + 2 * PATIENCE_MS) == 301, "somebody took it over"


def test_a_clock_that_was_put_right_is_heard_and_takes_nothing_back() -> None:
    reach = Reach(1, since_ms=T)
    assert reach.tell(0, T + 60_000, T)
    for second in range(1, 60):
        assert not reach.tell(0, T + second * S, T + second * S)
        assert reach.read_ms(T + second * S) == T + 60_000, second
    assert (reach.spoken_ms, reach.heard_ms) == (T + 59 * S, {0: T + 59 * S})
    for second in range(60, 60 + PATIENCE_MS // S):
        assert not reach.tell(0, T + 59 * S, T + second * S)
    assert reach.spoken_ms == T + 59 * S, "the same again is no sign of life, also below what was told"
    assert reach.read_ms(T + 59 * S + PATIENCE_MS) is None


def test_after_a_restart_the_same_again_is_no_sign_of_life_either() -> None:
    reach = Reach(1, told={0: T}, since_ms=T)
    assert not reach.tell(0, T, T + S)
    assert reach.spoken_ms == -1
    assert not reach.tell(0, T - S, T + S)
    assert reach.spoken_ms == T + S


def test_who_did_not_listen_takes_nobody_for_gone() -> None:
    reach = Reach(2, since_ms=T)
    reach.tell(0, 500, T)
    reach.tell(1, 300, T)
    reach.wait_anew(T + 60_000)
    assert reach.read_ms(T + 60_000) == 300
    assert reach.read_ms(T + 60_000 + PATIENCE_MS) is None


def told(effects: Effects) -> list[str]:
    given = [codec.decode_alert_input(e.value) for e in effects.emits if e.topic == "alert-inputs" and e.value]
    return [f"{one.rule} {one.state} {one.reason}" for one in given if isinstance(one, Signal)]


# ---- the step ----------------------------------------------------------------------------------------------------


class Fed:
    """A step, and how to give it events and what intake says, at a time."""

    def __init__(self, step: DetectPartition) -> None:
        self.step, self._offsets = step, count()

    def __call__(self, *bodies: bytes, at_s: float, read_s: dict[int, float] | None = None) -> list[str]:
        given = [InRecord(next(self._offsets), 0, None, body) for body in bodies]
        if read_s is not None:
            read = {n: T + round(s * S) for n, s in read_s.items()}
            given.append(InRecord(next(self._offsets), 0, progress.KEY, says(read)))
        return told(self.step.step(given, T + round(at_s * S)))


def says(read_ms: dict[int, int]) -> bytes:
    return progress.encode(progress.Progress(read_ms={"north": read_ms}))


def everyone(second: float) -> dict[int, float]:
    return {n: second for n in range(RAW_PARTITIONS)}


OF_HEARTBEATS = Topics("", ()).partition("events", b"north/731/heartbeat")


def fed(partition: int = 0) -> Fed:
    feed = Fed(DetectPartition(QUICK, partition))
    feed(at_s=0, read_s=everyone(0))
    return feed


def test_a_reading_waits_for_the_slowest_and_not_for_what_else_arrives() -> None:
    feed = fed()
    assert feed(river("R1", T, 1.9), at_s=0) == []
    assert feed(heartbeat(T + 9_000), at_s=9, read_s=everyone(9) | {3: 1}) == []
    assert feed(at_s=9, read_s={3: 2.2}) == []
    assert feed(at_s=9, read_s={3: 2.25}) == ["level on LIMIT_REACHED"]


def test_what_a_slow_worker_brings_later_is_judged_in_its_place() -> None:
    feed = fed()
    assert feed(river("R1", T + 2_000, 1.0, id_="b"), at_s=2, read_s={0: 30, 1: 30, 2: 30}) == []
    assert feed(river("R1", T, 1.9, id_="a", arrived_ms=T + 1_000), at_s=30) == []
    assert feed(at_s=30, read_s=everyone(30)) == ["level on LIMIT_REACHED", "level off BACK_TO_NORMAL"]


def test_windows_stay_open_for_what_a_slow_worker_has_still_to_bring() -> None:
    """It is ten minutes behind the others; nothing it brings is too late for that."""
    feed = fed()
    feed(*(river("R1", T + n * 60 * S, 1.0) for n in range(10)), at_s=600, read_s=everyone(600) | {2: 0})
    feed(*(river("R2", T + n * 60 * S, 1.0) for n in range(10)), at_s=600, read_s=everyone(600))
    assert feed.step.counters.too_late == 0


def test_a_centre_whose_records_are_not_read_yet_is_not_silent() -> None:
    feed = fed(OF_HEARTBEATS)
    feed(heartbeat(T), at_s=0, read_s=everyone(1))
    step = feed.step
    for second in range(1, 200):
        at_ms = T + second * S
        if second % 5 == 0:
            assert feed(at_s=second, read_s=everyone(1)) == []
        assert told(step.tick(at_ms)) == [], second
    said = {n: feed(at_s=n, read_s=everyone(n)) + told(step.tick(T + n * S)) for n in range(200, 232)}
    assert {n: words for n, words in said.items() if words} == {230: ["silent on NO_HEARTBEAT"]}


def test_when_no_worker_of_intake_is_left_no_centre_is_called_silent() -> None:
    """Its heartbeats may be in the queue; that intake is silent is an alert of its own."""
    feed = fed(OF_HEARTBEATS)
    feed(heartbeat(T), at_s=0, read_s=everyone(1))
    assert [word for second in range(1, 300) for word in told(feed.step.tick(T + second * S))] == []


def test_a_worker_that_is_gone_does_not_hold_up_the_others_for_ever() -> None:
    feed = fed()
    feed(river("R1", T + 1_000, 1.9), at_s=1)
    said: dict[int, list[str]] = {}
    for second in range(2, 40):
        said[second] = feed(at_s=second, read_s={0: second, 1: second, 2: second})
    assert [second for second, words in said.items() if words] == [PATIENCE_MS // S]


def test_how_far_the_bus_was_read_survives_a_restart() -> None:
    feed = fed()
    feed(river("R1", T, 1.9), at_s=0, read_s=everyone(1))
    checkpoint = {key: value for key, value in feed.step.take_dirty() if value is not None}
    for rows in (list(checkpoint.items()), list(checkpoint.items())[::-1]):
        again = Fed(DetectPartition(QUICK, 0))
        for key, value in rows:
            again.step.load(key, value)
        assert told(again.step.tick(T + 5 * S)) == []
        assert again(at_s=5, read_s={0: 5, 1: 5, 2: 5}) == []
        assert again(at_s=5, read_s={3: 5}) == ["level on LIMIT_REACHED"]


def test_new_rules_do_not_change_how_far_the_bus_was_read() -> None:
    feed = fed()
    feed(river("R1", T, 1.9), at_s=0, read_s=everyone(1))
    assert told(feed.step.use(QUICK, T + S)) == []
    assert feed(at_s=3, read_s=everyone(3)) == ["level on LIMIT_REACHED"]


def test_what_intake_says_is_no_event_and_asks_for_no_flush() -> None:
    step = DetectPartition(QUICK, 0)
    record = InRecord(0, 0, progress.KEY, says(dict.fromkeys(range(RAW_PARTITIONS), T)))
    assert step.step([record], T).idle
    assert step.counters.records == 0
    assert not step.step([InRecord(1, 0, None, heartbeat(T))], T).idle
    assert not step.step([InRecord(2, 0, progress.KEY, b"{")], T).idle
    assert step.counters.undecodable == 1


# ---- who was ahead makes no difference ---------------------------------------------------------------------------

merges = st.lists(st.tuples(st.integers(0, RAW_PARTITIONS - 1), st.integers(1, 9)), min_size=1, max_size=12)


def merged(parts: list[list[tuple[int, bytes]]], order: list[tuple[int, int]], end_ms: int) -> list[InRecord]:
    """Events of the raw partitions, (arrival, event), read in turns as ``order`` says, and after each what is true."""
    given: list[tuple[bytes | None, bytes]] = [(progress.KEY, says(dict.fromkeys(range(RAW_PARTITIONS), -1)))]
    left, turn = [list(part) for part in parts], 0
    while any(left):
        part, many = order[turn % len(order)]
        turn += 1
        part = next(n for n in [*range(part, RAW_PARTITIONS), *range(part)] if left[n])
        took, left[part] = left[part][:many], left[part][many:]
        given += [(None, body) for _, body in took]
        read = {n: end_ms for n in range(RAW_PARTITIONS) if not left[n]}
        given.append((progress.KEY, says({part: took[-1][0] - 1} | read)))
    return [InRecord(n, 0, key, value) for n, (key, value) in enumerate(given)]


def who_was_ahead_makes_no_difference(
    given_items: list[Item], order: list[tuple[int, int]], plan: list[tuple[int, bool, bool]]
) -> bool:
    """Readings of every partition come in the order of arrival, however late; against one reader of all."""
    events = sorted(timeline(given_items), key=lambda e: e[1])
    end_ms = max(e[1] for e in events) + 3_700 * S
    parts: list[list[tuple[int, bytes]]] = [[] for _ in range(RAW_PARTITIONS)]
    for _, arrived_ms, body in events:
        parts[crc32(msgspec.json.decode(body)["source"].encode()) % RAW_PARTITIONS].append((arrived_ms, body))
    end = [InRecord(1_000_000, 0, progress.KEY, says(dict.fromkeys(range(RAW_PARTITIONS), end_ms - 100 * S)))]
    end += [InRecord(1_000_001 + n, 0, None, body) for n, body in enumerate(closing(events))]
    end += [InRecord(1_000_009, 0, progress.KEY, says(dict.fromkeys(range(RAW_PARTITIONS), end_ms)))]
    alone = [[(arrived_ms, body) for _, arrived_ms, body in events], *([[]] * (RAW_PARTITIONS - 1))]
    quiet_ms = end_ms - 200 * S
    want = seen([*merged(alone, [(0, 1)], quiet_ms), *end], [(1, True, False)], end_ms)
    return want == seen([*merged(parts, order, quiet_ms), *end], plan, end_ms)


def seen(stream: list[InRecord], plan: list[tuple[int, bool, bool]], end_ms: int) -> Picture:
    return picture(run(stream, plan, end_ms, QUICK))


@settings(max_examples=300, deadline=None)
@given(items, merges, cuts)
def test_who_was_ahead_makes_no_difference(
    given_items: list[Item], order: list[tuple[int, int]], plan: list[tuple[int, bool, bool]]
) -> None:
    assert who_was_ahead_makes_no_difference(given_items, order, plan)


def differs(found: tuple[list[Item], list[tuple[int, int]], list[tuple[int, bool, bool]]]) -> bool:
    return not who_was_ahead_makes_no_difference(*found)


def test_seen_a_head_that_follows_the_fastest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reach, "read_ms", lambda self, now_ms: max(self.told.values(), default=-1))
    assert finds_a_counterexample(st.tuples(items, merges, cuts), differs)


def test_seen_a_step_that_takes_along_what_arrived_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = InOrder.come_due

    def come_due(self: InOrder, head_ms: int, effects: Effects) -> None:
        for feed in {feed for _, _, feed, _ in self._dues}:
            at_ms = min(feed.dues, default=0)
            feed.held = [(*turn[:3], min(turn[3], at_ms), *turn[4:]) for turn in feed.held]  # type: ignore[misc]
            feed.fresh = [(*turn[:3], min(turn[3], at_ms), *turn[4:]) for turn in feed.fresh]  # type: ignore[misc]
        honest(self, head_ms, effects)

    monkeypatch.setattr(InOrder, "come_due", come_due)
    assert finds_a_counterexample(st.tuples(items, merges, cuts), differs)


def test_seen_a_clock_that_is_ahead_of_what_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = InOrder.pass_by

    def pass_by(self: InOrder, feed: Feed, time_ms: int, arrived_ms: int) -> Due:
        feed.clock.observe(time_ms, arrived_ms)
        return honest(self, feed, time_ms, arrived_ms)

    monkeypatch.setattr(InOrder, "pass_by", pass_by)

    def fails() -> bool:
        feed = fed()
        feed(*(river("R1", T + n * 60 * S, 1.0) for n in range(10)), at_s=600, read_s=everyone(600) | {2: 0})
        feed(*(river("R2", T + n * 60 * S, 1.0) for n in range(10)), at_s=600, read_s=everyone(600))
        return feed.step.counters.too_late > 0

    assert fails()


def test_the_bounds_are_what_the_documents_say() -> None:
    assert (PATIENCE_MS, heads.QUIET_MS, in_order.STEP_MS) == (20_000, 5_000, 250)


def test_what_was_counted_is_told_when_it_changed_and_not_too_often() -> None:
    feed = fed()
    step = feed.step

    def counted(at_s: float) -> list[Counters]:
        emits = step.tick(T + round(at_s * S)).emits
        return [detect_counters.decode(e.value or b"") for e in emits if e.key == detect_counters.key_of(0)]

    assert counted(1) == []
    feed(river("R1", T, 1.0), b"{", at_s=2)
    assert counted(3) == [Counters(records=2, undecodable=1)]
    feed(river("R1", T + S, 1.0, id_="b"), at_s=4)
    assert counted(5) == []
    assert counted(13) == [Counters(records=3, undecodable=1)]
    assert counted(30) == []


def test_a_partition_that_is_hours_behind_costs_a_bounded_record() -> None:
    """The feed has a step of 250 ms for every arrival; a day of it must fit into a record of the checkpoint."""
    feed = fed()
    hours = 20
    bodies = [river("R1", T + n * S, 1.0, id_=f"{n:05}") for n in range(0, hours * 3600, 10)]
    for at in range(0, len(bodies), 500):
        feed(*bodies[at : at + 500], at_s=hours * 3600, read_s=everyone(hours * 3600) | {3: 0})
    rows = dict(feed.step.take_dirty())
    assert 10_000 < len(rows["feed/north/731/river"] or b"") < 200_000
    assert feed(at_s=hours * 3600, read_s={3: hours * 3600}) == []
    [watched] = [one for one in feed.step._board.feeds.values() if one.feed == "river"]
    assert watched.clock.arrived_ms == T + (hours * 3600 - 10) * S
    assert watched.judged.mark_ms is not None
    assert watched.judged.mark_ms >= T + (hours * 3600 - 120) * S


def test_a_clock_that_is_ahead_moves_nobody_into_the_future() -> None:
    feed = fed()
    feed(river("R1", T + 1_000, 1.0), at_s=1, read_s=everyone(3_600))
    assert feed.step._heads.of("north").head_ms == T + S
    assert feed(river("R1", T + 2_000, 1.9), at_s=2) == []
    assert feed(at_s=5, read_s=everyone(3_601)) == ["level on LIMIT_REACHED"]


def test_a_centre_that_left_the_profile_is_forgotten() -> None:
    step = DetectPartition(QUICK, 0)
    step.load("reach/elsewhere", b'{"partitions":4,"told":{}}')
    assert ("reach/elsewhere", None) in step.take_dirty()


def test_steps_that_wait_are_the_same_after_a_restart() -> None:
    feed = fed()
    feed(river("R1", T, 1.0), river("R2", T + 3_000, 1.0), at_s=3, read_s=everyone(2))
    checkpoint = {key: value for key, value in feed.step.take_dirty() if value is not None}
    again = Fed(DetectPartition(QUICK, 0))
    for key, value in checkpoint.items():
        again.step.load(key, value)
    for step in (feed.step, again.step):
        step.tick(T + 3 * S)
    kept = [
        {to: (d.newest_ms, d.arrived_ms, d.passed_ms) for to, d in one.dues.items()}
        for one in (feed.step._board.feeds["north/731/river"], again.step._board.feeds["north/731/river"])
    ]
    assert len(kept[0]) == 2
    assert kept[0] == kept[1]
