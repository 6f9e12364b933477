"""One chain step after step, as values."""

from __future__ import annotations

from itertools import pairwise

import msgspec

from ioc.domain.desk import Summons
from ioc.domain.duty import Called, Chain, ChainStep
from ioc.domain.escalation import LATE_MS, Escalation, begin, decide, is_due, settle

T, S = 1_795_489_200_000, 1_000
CHAIN = Chain(
    id="c",
    steps=(ChainStep(wait_s=60, role="a"), ChainStep(wait_s=30, role="b"), ChainStep(wait_s=0, person="c")),
    repeat=1,
)
THERE = Called(whom=("An",), channels=("log",))
NOBODY = Called(reason="EMPTY_ROSTER")


def run(escalation: Escalation, now_ms: int, called: Called = THERE, last: Summons | None = None) -> list[Summons]:
    """Decide and carry out whatever is due."""
    done: list[Summons] = []
    while is_due(escalation, now_ms):
        escalation = decide(escalation, called, last, now_ms)
        last = escalation.owed
        assert last is not None
        assert not is_due(escalation, now_ms), "two steps are live"
        done.append(last)
        escalation = settle(escalation, last, now_ms)
    return done


def all_of(escalation: Escalation, late_ms: int) -> list[Summons]:
    """Carry out each step so long after it fell due."""
    done: list[Summons] = []
    while escalation.due_ms is not None:
        now_ms = escalation.due_ms + late_ms
        escalation = decide(escalation, THERE, done[-1] if done else None, now_ms)
        assert escalation.owed is not None
        done.append(escalation.owed)
        escalation = settle(escalation, done[-1], now_ms)
    return done


def test_due_times_follow_from_one_another_and_from_nothing_else() -> None:
    wanted = [(0, 0, 60), (0, 1, 90), (0, 2, 90), (1, 0, 150), (1, 1, 180), (1, 2, 180)]
    for late_ms in (0, 500, LATE_MS):
        found = all_of(begin(CHAIN, 1, T), late_ms)
        assert [(one.round, one.step, (one.at_ms - T) // S) for one in found] == wanted
        assert [one.number for one in found] == [1, 2, 3, 4, 5, 6]


def test_a_late_step_leaves_the_time_to_react_before_the_next() -> None:
    late_ms = LATE_MS + 1
    found = all_of(begin(CHAIN, 1, T), late_ms)
    assert [(one.round, one.step) for one in found] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert {one.reason for one in found} == {"STEP_LATE"}
    waits = [(two.at_ms - one.at_ms - late_ms) // S for one, two in pairwise(found)]
    assert waits == [30, 0, 60, 30, 0]
    stopped = run(begin(CHAIN, 1, T), T + 2 * 3600 * S)
    assert [(one.step, one.reason) for one in stopped] == [(0, "STEP_LATE")], "the others wait"


def test_who_is_called_instead_of_nobody_is_late_like_them_and_has_the_whole_wait() -> None:
    now_ms = T + 3600 * S
    first = decide(begin(CHAIN, 1, T), NOBODY, None, now_ms)
    second = settle(first, first.owed, now_ms)
    assert (second.step, second.due_ms) == (1, first.due_ms)
    decided = decide(second, THERE, first.owed, now_ms)
    assert decided.owed is not None
    assert decided.owed.reason == "STEP_LATE"
    round_of_nobody = run(begin(CHAIN, 1, T), now_ms, NOBODY)
    assert [(one.round, one.step) for one in round_of_nobody] == [(0, 0), (0, 1), (0, 2)]


def test_nothing_is_due_before_its_time_and_nothing_after_the_last_round() -> None:
    first = begin(CHAIN, 1, T)
    assert not is_due(first, T + 60 * S - 1)
    assert is_due(first, T + 60 * S)
    end = settle(decide(first, THERE, None, T + 60 * S), None, T + 60 * S)
    assert end.due_ms == first.due_ms, "not carried out yet"
    single = begin(Chain(id="one", steps=(ChainStep(wait_s=0, person="a"),)), 1, T)
    decided = decide(single, THERE, None, T)
    assert settle(decided, decided.owed, T).over


def test_an_empty_roster_goes_on_at_once_and_a_new_round_waits() -> None:
    found = run(begin(CHAIN, 1, T), T + 120 * S, NOBODY)
    assert [(one.round, one.step, (one.at_ms - T) // S) for one in found] == [
        *((0, 0, 60), (0, 1, 60), (0, 2, 60)),
        *((1, 0, 120), (1, 1, 120), (1, 2, 120)),
    ]
    assert {(one.reason, one.whom) for one in found} == {("EMPTY_ROSTER", ())}


def test_what_is_late_says_so() -> None:
    due_ms = T + 60 * S
    for late_ms, reason in ((0, "STEP_DUE"), (LATE_MS, "STEP_DUE"), (LATE_MS + 1, "STEP_LATE")):
        owed = decide(begin(CHAIN, 1, T), THERE, None, due_ms + late_ms).owed
        assert owed is not None
        assert (owed.reason, owed.at_ms, owed.began_ms) == (reason, due_ms, T)


def test_an_order_that_was_not_carried_out_keeps_its_number() -> None:
    before = Summons(number=4, step=0, round=0, at_ms=T)
    decided = decide(begin(CHAIN, 1, T), THERE, before, T + 60 * S)
    assert settle(decided, before, T + 60 * S) == decided == settle(decided, None, T + 60 * S)
    assert decided.owed is not None
    assert decided.owed.number == 5


def test_the_number_of_another_run_is_left_to_it() -> None:
    decided = decide(begin(CHAIN, 1, T), THERE, None, T + 60 * S)
    assert decided.owed is not None
    of_before = Summons(number=1, step=2, round=0, whom=("Bình",), at_ms=T - S)
    settled = settle(decided, of_before, T + 60 * S)
    assert settled.owed == msgspec.structs.replace(decided.owed, number=2)
    assert (settled.step, settled.due_ms) == (0, decided.due_ms), "left out"


def test_that_no_chain_fits_is_said_once() -> None:
    (only,) = run(begin(None, 4, T), T)
    assert (only.reason, only.whom, only.at_ms) == ("NO_CHAIN", (), T)
    assert begin(None, 4, T + S, only).over


def test_it_is_the_same_after_it_was_written_and_read() -> None:
    decided = decide(begin(CHAIN, 1, T), THERE, None, T + 60 * S)
    assert msgspec.json.decode(msgspec.json.encode(decided), type=Escalation) == decided
