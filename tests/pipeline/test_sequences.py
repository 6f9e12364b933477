"""Numbers of a source: what came before is dropped, another reading never is, and a restart of ours changes nothing."""

from __future__ import annotations

from collections import Counter

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from ioc.pipeline.intake import IntakePartition
from ioc.pipeline.sequences import MARKS_MAX, RECENT, Source
from ioc.wire.codec import decode_dead, decode_event, decode_feed
from tests.pipeline.made_up import NOW, centre, level, profile, record, table

S = 1_000
AHEAD_MS = 110 * S


def counted(partition: int = 0) -> IntakePartition:
    alpha = centre(table(id={"path": "uid"}))
    water = replace(alpha.feeds[0], sequence_types=("hydro.level",))
    return IntakePartition(profile(replace(alpha, feeds=(water, *alpha.feeds[1:]))), "alpha", partition)


class Sent(Struct, frozen=True):
    """A reading: its number, its own time, and when it first arrives; epoch milliseconds."""

    uid: str
    number: int
    time_ms: int
    arrival_ms: int


def took(step: IntakePartition, sent: Sent, arrival_ms: int | None = None) -> str | None:
    at_ms = sent.arrival_ms if arrival_ms is None else arrival_ms
    emits = step.step([record(level(sent.number, uid=sent.uid, at=sent.time_ms), at_ms=at_ms)], at_ms).emits
    return decode_event(emits[0].value or b"").id if emits and emits[0].topic == "events" else None


def test_one_reading_of_a_clock_ahead_hides_nothing_after_a_restart() -> None:
    step = counted()
    for n in range(1, 201):
        ahead_ms = AHEAD_MS if n == 200 else 0
        assert took(step, Sent(f"a{n}", n, NOW + n * 10 * S + ahead_ms, NOW + n * 10 * S + 500)) == f"a{n}"
    again = [Sent(f"b{n}", n, NOW + (200 + n) * 10 * S, NOW + (200 + n) * 10 * S + 500) for n in range(1, 41)]
    assert [took(step, sent) for sent in again] == [sent.uid for sent in again]
    assert [took(step, sent, again[-1].arrival_ms + S) for sent in again] == [None] * 40


def outcome(step: IntakePartition, number: int, uid: str, time_ms: int, feet: float, arrival_ms: int) -> str:
    """What became of a reading: event, silence, or the code of its dead letter."""
    native = level(number, uid=uid, at=time_ms, values=[{"ft": feet}])
    emits = step.step([record(native, at_ms=arrival_ms)], arrival_ms).emits
    if not emits:
        return "silence"
    return "event" if emits[0].topic == "events" else decode_dead(emits[0].value or b"").code


def test_a_used_id_of_a_clock_ahead_is_a_conflict_and_uses_up_no_number() -> None:
    step, ahead = counted(), NOW + 5 * S
    assert outcome(step, 1, "abc", ahead, 10.0, NOW) == "event"
    for _ in range(2):
        assert outcome(step, 2, "abc", ahead, 11.0, NOW) == "id_conflict"
        assert outcome(step, 1, "abc", ahead, 10.0, NOW) == "silence"
    assert (step.totals.events, step.totals.dead, step.totals.duplicates) == (1, 2, 2)
    assert outcome(step, 3, "xyz", ahead, 11.0, NOW) == "event"
    assert outcome(step, 2, "good", ahead, 11.0, NOW) == "event", "the number is still free"


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 12), st.sampled_from(["a", "b", "c"]), st.sampled_from([-2, -1, 1, 2]), st.booleans()),
        min_size=2,
        max_size=20,
    )
)
def test_only_what_was_an_event_before_is_dropped_in_silence(
    readings: list[tuple[int, str, int, bool]],
) -> None:
    step, events = counted(), set()
    for number, uid, late_s, high in readings:
        said = outcome(step, number, uid, NOW + late_s * S, 11.0 if high else 10.0, NOW)
        if said == "event":
            events.add((uid, late_s, high))
        assert said != "silence" or (uid, late_s, high) in events


def test_old_numbers_of_a_clock_ahead_come_once() -> None:
    step = counted()
    sent = [Sent(f"a{n}", n, NOW + n * S + AHEAD_MS, NOW + n * S) for n in range(1, 301)]
    assert [took(step, one) for one in sent] == [one.uid for one in sent]
    assert [took(step, one, NOW + 400 * S) for one in sent] == [None] * 300


def test_a_restart_into_a_hole_hides_no_swapped_reading() -> None:
    """The old run began at 3: numbers 0 to 2 of the new one fall in that hole. And 2 comes with a later time than 3."""
    step = counted()
    for n in range(3, 1_000):
        assert took(step, Sent(f"a{n}", n, NOW + n * S, NOW + n * S))
    later = NOW + 2_000 * S
    again = [Sent(f"b{n}", n, later + t, later + 5 * S) for n, t in ((0, 0), (1, 1_000), (2, 3_000), (3, 2_500))]
    assert [took(step, sent) for sent in again] == ["b0", "b1", "b2", "b3"]
    last = Sent("b4", 4, later + 4_000, later + 6 * S)
    assert took(step, last) == "b4"
    assert [took(step, sent, later + 600 * S) for sent in [*again, last]] == [None] * 5
    assert [took(step, Sent(f"a{n}", n, NOW + n * S, later + 600 * S)) for n in range(3, 1_000)] == [None] * 997


def test_a_used_id_of_a_reading_in_a_hole_is_a_conflict_and_uses_up_no_number() -> None:
    step = counted()
    for n in range(3, 80):
        assert outcome(step, n, f"a{n}", NOW + n * S, 10.0, NOW + n * S) == "event"
    later = NOW + 200 * S
    assert outcome(step, 0, "abc", later, 10.0, later) == "event"
    for _ in range(2):
        assert outcome(step, 1, "abc", later, 11.0, later) == "id_conflict"
    assert outcome(step, 1, "good", later, 11.0, later) == "event"


@settings(max_examples=100, deadline=None)
@given(
    st.lists(  # runs of a device: first number, readings, which are lost for ever, where neighbours are swapped
        st.tuples(
            st.integers(0, 10),
            st.integers(1, 150),
            st.lists(st.integers(0, 149), max_size=12),
            st.lists(st.integers(0, 148), max_size=12),
        ),
        min_size=1,
        max_size=5,
    ),
    st.integers(0, 2),
)
@example([(0, 100, [5], []), (4, 10, [], [0])], 0)
def test_a_link_that_loses_and_swaps_costs_no_other_reading(
    runs: list[tuple[int, int, list[int], list[int]]], lag_s: int
) -> None:
    """The clock of the device is right, and its restarts are as they come: each reading that arrives counts."""
    step, now_ms = counted(), NOW
    everything: list[Sent] = []
    events: Counter[str | None] = Counter()
    for run, (first, count, lost, swapped) in enumerate(runs):
        sent = [Sent(f"{run}-{n}", first + n, now_ms + n * S, now_ms + (n + 1 + lag_s) * S) for n in range(count)]
        now_ms += count * S
        for at in swapped:
            sent[at : at + 2] = reversed(sent[at : at + 2])
        sent = [one for at, one in enumerate(sent) if at not in lost]
        everything += sent
        for one in sent:
            events[took(step, one)] += 1
    assert events == {one.uid: 1 for one in everything}


DEVICE = st.lists(
    st.tuples(
        st.sampled_from(["send"] * 6 + ["restart", "ahead", "right"]),
        st.sampled_from([1, 5, 70, 130]),  # so many readings
        st.integers(0, 3),  # readings are delivered again this often
        st.integers(0, 200),  # how far back
    ),
    min_size=1,
    max_size=14,
)


@settings(max_examples=100, deadline=None)
@given(DEVICE, st.booleans())
def test_whatever_a_device_does_each_of_its_readings_counts_once(
    acts: list[tuple[str, int, int, int]], interrupted: bool
) -> None:
    step, state = counted(), {}
    sent: list[Sent] = []
    events: Counter[str | None] = Counter()
    now_ms, number, ahead_ms = NOW, 0, 0
    begins = [0, 0]  # of runs; of those before the previous one nothing is known
    for act, count, times, back in acts:
        if act == "restart":
            number = 0
            begins.append(len(sent))
        elif act in ("ahead", "right"):
            ahead_ms = AHEAD_MS if act == "ahead" else 0
        for _ in range(count):
            now_ms, number = now_ms + 2 * S, number + 1
            one = Sent(f"u{len(sent)}", number, now_ms - 300 + ahead_ms, now_ms)
            sent.append(one)
            events[took(step, one)] += 1
        for one in sent[max(begins[-2], len(sent) - 1 - back) :: 7] * times:
            events[took(step, one, now_ms)] += 1
        if interrupted:
            state |= dict(step.take_dirty())
            step = counted()
            for key, value in state.items():
                if value is not None:
                    step.load(key, value)
    del events[None]
    assert events == {one.uid: 1 for one in sent}


def test_marks_are_bounded_and_name_the_time_of_old_numbers() -> None:
    source = Source("seq/x")
    for n in range(20_000):
        assert source.see(n, b"%d" % n, 0, NOW + n * S, NOW + n * S) == "new"
    assert len(source.run.marks) <= MARKS_MAX
    again = Source("seq/x")
    again.load(source.dump())
    for n in range(0, 19_000, 500):
        # What came under the number came at this time; what comes under it an hour later is something else.
        assert again.see(n, b"%d" % n, 0, NOW + n * S, NOW + 20_000 * S) == "presumed"
        assert NOW + n * S <= again.run.reached(n) <= NOW + (1.5 * n + 64) * S
    assert again.see(1, b"7", 0, NOW + 19_000 * S, NOW + 20_000 * S) == "unsure"


def test_a_restart_with_a_clock_before_the_old_run_is_proved_by_time_and_comes_once() -> None:
    """Numbers begin anew and the clock was set back to before the old run: nothing came under them at such times."""
    step = counted()
    for n in range(1, 301):
        assert took(step, Sent(f"a{n}", n, NOW + n * 10 * S, NOW + n * 10 * S + 500))
    later = NOW + 3_100 * S
    again = [Sent(f"b{n}", n, NOW - 3_600 * S + n * 10 * S, later + n * 10 * S) for n in range(1, 121)]
    assert [took(step, sent) for sent in again] == [sent.uid for sent in again]
    assert [took(step, sent, again[-1].arrival_ms + S) for sent in again] == [None] * 120


def test_a_restart_that_looks_like_a_delivery_of_old_readings_is_seen_in_the_feeds_health() -> None:
    step = counted()
    for n in range(1, 301):
        assert took(step, Sent(f"a{n}", n, NOW + n * 10 * S, NOW + n * 10 * S + 500))
    later = NOW + 3_100 * S
    for n in range(65, 75):  # the clock stands where it stood when the old run was there
        assert took(step, Sent(f"b{n}", n, NOW + n * 10 * S, later + n * 10 * S)) is None
    [health] = [decode_feed(e.value or b"") for e in step.tick(later + 750 * S).emits if e.key == b"alpha/water/0"]
    assert (health.state, health.presumed, health.duplicates) == ("duplicating", 10, 10)


def test_recent_numbers_are_known_by_id_and_not_presumed() -> None:
    step = counted()
    sent = [Sent(f"a{n}", n, NOW + n * 10 * S, NOW + n * 10 * S + 500) for n in range(1, 101)]
    assert all(took(step, one) for one in sent)
    assert [took(step, one, NOW + 1_010 * S) for one in sent[-20:]] == [None] * 20
    [health] = [decode_feed(e.value or b"") for e in step.tick(NOW + 1_012 * S).emits if e.key == b"alpha/water/0"]
    assert (health.presumed, health.duplicates) == (0, 20)


def test_what_is_delivered_again_from_a_run_that_is_forgotten_is_no_proof_of_a_restart() -> None:
    step = counted()
    runs = [
        [Sent(f"{run}{n}", n, NOW + (at + n) * 10 * S, NOW + (at + n) * 10 * S + 500) for n in range(1, 201)]
        for at, run in ((0, "a"), (300, "b"), (600, "c"))
    ]
    assert all(took(step, one) for run in runs for one in run)
    assert [took(step, one, NOW + 9_000 * S) for one in runs[0][:120]] == [None] * 120


def test_a_checkpoint_without_earliest_times_proves_nothing() -> None:
    source = Source("seq/x")
    for n in range(1, 301):
        source.see(n, b"%d" % n, 0, NOW + n * S, NOW + n * S)
    record = msgspec.msgpack.decode(source.dump())
    run = record[2]
    record = [*record[:2], [*run[:7], [mark[:2] for mark in run[7]]], None]
    old = Source("seq/x")
    old.load(msgspec.msgpack.encode(record))
    assert source.see(5, b"9", 0, NOW - 60 * S, NOW + 400 * S) == "unsure"
    assert old.see(5, b"9", 0, NOW - 60 * S, NOW + 400 * S) == "presumed"


@settings(max_examples=200, deadline=None)
@example([(64, 0), (128, 0), (64, 0), (1, -2), (0, 0), (0, 0)], [1])
@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(-300, 0)), min_size=1, max_size=150),
    st.lists(st.integers(0, 149), max_size=60),
)
def test_nothing_that_came_is_ever_taken_for_a_restart(sent: list[tuple[int, int]], again: list[int]) -> None:
    """Numbers in any order, event times in any order: what a number let in comes in by it no second time, as long as
    its run is the running one or the one before. For what is unproved the memory of ids decides."""
    source, by_id = Source("seq/x"), set()
    runs: list[list[tuple[int, int, int]]] = [[], []]
    for at, (number, lag) in enumerate(sent):
        now_ms, restarts = NOW + at * S, source.restarts
        of_previous = source.previous is not None and now_ms + lag * S <= source.boundary_ms
        if source.unproved(number, now_ms + lag * S):
            by_id.add(at)
        verdict = source.see(number, b"%d" % at, 0, now_ms + lag * S, now_ms)
        if source.restarts > restarts:
            runs.append([])
        if verdict == "new":
            runs[-2 if of_previous else -1].append((number, at, now_ms + lag * S))
        source.load(source.dump())
    known = [*runs[-2], *runs[-1]]
    for at in again:
        number, id_, time_ms = known[at % len(known)]
        allowed = ("duplicate", "presumed", "unsure") if id_ in by_id else ("duplicate", "presumed")
        assert source.see(number, b"%d" % id_, 0, time_ms, NOW + 1_000 * S) in allowed


def test_a_used_id_under_the_next_number_is_a_conflict_and_uses_up_no_number() -> None:
    """Of the last 64 numbers, the id tells whatever the number says: first the usual way, then any other."""
    step = counted()
    assert outcome(step, 1, "abc", NOW, 10.0, NOW) == "event"
    assert outcome(step, 2, "abc", NOW, 11.0, NOW) == "id_conflict"
    assert outcome(step, 2, "abc", NOW + S, 10.0, NOW + S) == "id_conflict", "another time is another content"
    assert outcome(step, 9, "abc", NOW, 11.0, NOW) == "id_conflict", "a number that was jumped to"
    assert outcome(step, 0, "abc", NOW - S, 11.0, NOW) == "id_conflict", "a number in a hole"
    assert (step.totals.events, step.totals.dead, step.totals.duplicates) == (1, 4, 0)
    assert outcome(step, 2, "good", NOW + S, 11.0, NOW + S) == "event", "the number is still free"


def test_a_used_id_with_the_same_content_under_another_number_is_dropped_for_good() -> None:
    step = counted()
    assert outcome(step, 1, "abc", NOW, 10.0, NOW) == "event"
    assert [outcome(step, n, "abc", NOW, 10.0, NOW) for n in (2, 2, 5)] == ["silence"] * 3
    for n in range(6, 100):
        assert outcome(step, n, f"a{n}", NOW + n * S, 10.0, NOW + n * S) == "event"
    assert outcome(step, 2, "abc", NOW, 10.0, NOW + 100 * S) == "silence", "the number was used up by it"
    assert (step.totals.events, step.totals.duplicates) == (95, 4)


def test_an_id_is_known_for_64_numbers_and_survives_our_restart() -> None:
    step, state = counted(), {}
    for n in range(1, 65):
        assert outcome(step, n, f"a{n}", NOW + n * S, 10.0, NOW + n * S) == "event"
    state = {key: value for key, value in step.take_dirty() if value is not None}
    step = counted()
    for key, value in state.items():
        step.load(key, value)
    for n in (2, 33, 64):
        assert outcome(step, 65, f"a{n}", NOW + 65 * S, 11.0, NOW + 65 * S) == "id_conflict"
    assert outcome(step, 65, "b", NOW + 65 * S, 11.0, NOW + 65 * S) == "event"
    assert outcome(step, 66, "a1", NOW + 66 * S, 11.0, NOW + 66 * S) == "event", "65 numbers before: forgotten"


def test_ids_that_a_device_makes_of_its_counter_come_again_after_its_restart() -> None:
    step = counted()
    for n in range(1, 201):
        assert outcome(step, n, f"x-{n}", NOW + n * S, 10.0, NOW + n * S) == "event"
    for n in range(1, 61):
        assert outcome(step, n, f"x-{n}", NOW + (200 + n) * S, 11.0, NOW + (200 + n) * S) == "event"


def test_a_checkpoint_of_the_earlier_layout_is_read() -> None:
    """It held no greatest ids: its ids are known by their numbers, until other ones came."""
    source = Source("seq/x")
    for n in range(1, 101):
        source.see(n, b"a%03d" % n, n, NOW + n * S, NOW + n * S)
    record = msgspec.msgpack.decode(source.dump())
    old = Source("seq/x")
    old.load(msgspec.msgpack.encode([*record[:2], record[2][:9], *record[3:]]))
    assert old.see(90, b"a090", 90, NOW + 90 * S, NOW + 101 * S) == "duplicate"
    assert old.see(90, b"a090", 91, NOW + 90 * S, NOW + 101 * S) == "conflict"
    assert old.see(101, b"a101", 1, NOW + 101 * S, NOW + 101 * S) == "new"
    assert old.see(102, b"a101", 2, NOW + 102 * S, NOW + 102 * S) == "conflict"


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([1] * 8 + [2, 70]), st.integers(0, 90)), max_size=300))
def test_of_the_last_64_numbers_every_id_is_known(moves: list[tuple[int, int]]) -> None:
    """Ids that grow, shrink and come again: those of the last 64 numbers are known, those of others may be."""
    source, known, ever, high = Source("seq/x"), {}, set(), 0
    for at, (step, name) in enumerate(moves):
        event_id = b"u%d" % (at if name > 80 else 7 * name)
        verdict = source.see(high + step, event_id, at, NOW + at * S, NOW + at * S)
        recent = {one for one, number in known.items() if number > high - RECENT}
        assert verdict == "conflict" if event_id in recent else verdict in ("new", "conflict")
        assert verdict == "new" or event_id in ever
        if verdict == "new":
            high += step
            known[event_id] = high
            ever.add(event_id)
        source.load(source.dump())
