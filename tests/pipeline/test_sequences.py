"""Numbers of a source: what came before is dropped, another reading never is, and a restart of ours changes nothing."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from ioc.pipeline.intake import IntakePartition
from ioc.pipeline.sequences import MARKS_MAX, Source
from ioc.wire.codec import decode_event
from tests.pipeline.made_up import NOW, centre, level, profile, record, table

S = 1_000
AHEAD_MS = 110 * S


def counted() -> IntakePartition:
    alpha = centre(table(id={"path": "uid"}))
    water = replace(alpha.feeds[0], sequence_types=("hydro.level",))
    return IntakePartition(profile(replace(alpha, feeds=(water, *alpha.feeds[1:]))), "alpha", 0)


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


def test_old_numbers_of_a_clock_ahead_come_once() -> None:
    step = counted()
    sent = [Sent(f"a{n}", n, NOW + n * S + AHEAD_MS, NOW + n * S) for n in range(1, 301)]
    assert [took(step, one) for one in sent] == [one.uid for one in sent]
    assert [took(step, one, NOW + 400 * S) for one in sent] == [None] * 300


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
        assert source.see(n, n, 0, NOW + n * S, NOW + n * S) == "new"
    assert len(source.run.marks) <= MARKS_MAX
    again = Source("seq/x")
    again.load(source.dump())
    for n in range(0, 19_000, 500):
        # What came under the number came at this time; what comes under it an hour later is something else.
        assert again.see(n, n, 0, NOW + n * S, NOW + 20_000 * S) == "duplicate"
        assert NOW + n * S <= again.run.reached(n) <= NOW + (1.5 * n + 64) * S
    assert again.see(1, 7, 0, NOW + 19_000 * S, NOW + 20_000 * S) == "unsure"
