"""A job knows when its input was not read to its end, also when an open transaction hides the rest."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from stream_jobs import detect, job
from stream_jobs.job import LAG_MS, Job
from stream_jobs.read_out import Answer, ReadThrough
from stream_jobs.transport import BatchConsumer

T = 1_700_000_000_000
TICK_MS = 500
HOME = TP("events", 0)


def test_the_end_is_the_high_watermark_and_not_the_last_stable_offset() -> None:
    reads = ReadThrough()
    assert reads.look(Answer(T, 10, 10, 10)) == T
    assert reads.look(Answer(T + 9_000, 12, 10, 10)) == T
    assert reads.look(None) == T
    assert reads.look(Answer(T + 60_000, 12, 12, 12)) == T + 60_000


def test_who_never_meets_the_end_because_somebody_always_writes_is_not_behind() -> None:
    reads = ReadThrough()
    for n in range(100):
        at_ms = T + n * TICK_MS
        until_ms = reads.look(Answer(at_ms, 10 * n + 5, 10 * n, 10 * n))
        assert n < 2 or at_ms - until_ms <= 2 * TICK_MS


def test_a_broker_that_does_not_answer_says_nothing_new() -> None:
    reads = ReadThrough()
    assert {reads.look(Answer(T, 10, 10, 10)) for _ in range(20)} == {T}


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_nothing_that_was_there_is_unread(steps: list[tuple[int, bool, bool]]) -> None:
    """Somebody writes, transactions end or stay open, and the reader follows, is late, or is not asked."""
    reads, ends = ReadThrough(), [0]
    stable = position = 0
    for n, (written, closed, read) in enumerate(steps):
        ends.append(ends[-1] + written)
        stable = ends[-1] if closed else stable
        position = stable if read else position
        until = reads.look(Answer(n + 1, ends[-1], stable, position))
        assert position >= ends[until]


# ---- the job -----------------------------------------------------------------------------------------------------


class Rig:
    """A job with one partition, whose consumer's state and clock are set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_ms = T
        monkeypatch.setattr(job, "now_ms", lambda: self.now_ms)
        self.state = SimpleNamespace(highwater=10, lso=10, _position=10, timestamp=T)
        consumer: Any = object.__new__(BatchConsumer)
        consumer._handing_over = set()
        consumer._thread = SimpleNamespace(partition_states=lambda: {HOME: self.state})
        self.step = SimpleNamespace(lagging=False, tick=lambda _: None)
        owned = SimpleNamespace(
            live=True, generation=1, step=self.step, read_through=ReadThrough(),
            writer=SimpleNamespace(full=False, add_tick=lambda _: None),
        )  # fmt: skip
        self.job: Any = object.__new__(Job)
        self.job.spec, self.job.owned = detect.SPEC, {HOME: owned}
        self.job.app = SimpleNamespace(consumer=consumer)
        self.job._current = lambda _: True

    def lags(self, seconds: int, *, answers: bool = True) -> list[bool]:
        """Ticks for some time: is the step told that it lags?"""
        found = []
        for _ in range(seconds * 1000 // TICK_MS):
            self.now_ms += TICK_MS
            if answers:
                self.state.timestamp = self.now_ms
            self.job._tick()
            found.append(self.step.lagging)
        return found


def test_a_transaction_that_stays_open_on_the_input_is_lag_until_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(monkeypatch)
    assert not any(rig.lags(60))
    rig.state.highwater = 12  # written, and hidden
    lags = rig.lags(60)
    assert lags.index(True) == LAG_MS // TICK_MS
    assert all(lags[LAG_MS // TICK_MS :])
    rig.state.lso = rig.state._position = 12
    assert not any(rig.lags(10))


def test_a_broker_that_is_away_and_what_is_not_fetched_are_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(monkeypatch)
    rig.lags(2)
    assert rig.lags(20, answers=False)[-1]
    assert not any(rig.lags(2))
    rig.state.highwater = rig.state.lso = 1_000
    assert rig.lags(20)[-1]


def test_seen_an_end_at_the_last_stable_offset(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = BatchConsumer.answer

    def answer(self: BatchConsumer, tp: TP) -> Answer | None:
        said = honest(self, tp)
        return None if said is None else said._replace(high_watermark=said.stable_end)

    monkeypatch.setattr(BatchConsumer, "answer", answer)
    with pytest.raises(ValueError, match="True is not in list"):
        test_a_transaction_that_stays_open_on_the_input_is_lag_until_it_ends(monkeypatch)
