"""The desk's memory of answers: for the promised time whatever else comes, then the newest; never without end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.domain.alerts import LogEntry
from ioc.domain.matcher import Matcher
from ioc.domain.silences import mismatch
from ioc.pipeline import answer_book
from ioc.pipeline.answer_book import AnswerBook
from ioc.pipeline.answered import KEPT_MS
from tests.pipeline.small_province import T
from tests.pipeline.suppressed_room import create


def answer(number: int, at_ms: int, *, accepted: bool = False, note: str = "") -> LogEntry:
    command = create(number, Matcher(rules=("jam",)))
    return LogEntry(
        id=f"l-{number}", alert_id=command.silence_id, key="silence|", kind="command", what="silence", at_ms=at_ms,
        accepted=accepted, command_id=command.command_id, digest=command.digest, note=note or None,
    )  # fmt: skip


def filled(book: AnswerBook, numbers: range, at_ms: int, *, accepted: bool = False, note: str = "") -> None:
    for n in numbers:
        made = create(n, Matcher(rules=("jam",)))
        book.remember(made, answer(n, at_ms, accepted=accepted, note=note))


def known(book: AnswerBook, number: int) -> bool:
    asked = create(number, Matcher(rules=("jam",)))
    return book.again(asked, lambda: mismatch(asked, T)) is not None


@pytest.mark.parametrize("accepted", [True, False])
def test_for_ten_minutes_a_repeat_has_its_answer_however_many_others_came(accepted: bool) -> None:
    book = AnswerBook("@silence/answer/")
    filled(book, range(1), T, accepted=accepted)
    filled(book, range(1, 1_500), T + KEPT_MS - 1)
    assert known(book, 0)
    assert not any(value is None for value in book.take_dirty().values())
    filled(book, range(1_500, 1_501), T + KEPT_MS)
    assert known(book, 0) is accepted, "then the newest of each kind stay"


def test_what_had_an_effect_is_pushed_out_by_its_like_alone() -> None:
    book = AnswerBook("@silence/answer/")
    filled(book, range(1), T, accepted=True)
    filled(book, range(1, 1_500), T + 1)
    filled(book, range(1_500, 1_501), T + 2 * KEPT_MS)
    assert known(book, 0)
    filled(book, range(2_000, 2_000 + answer_book.EFFECTIVE_KEPT), T + 2 * KEPT_MS, accepted=True)
    assert not known(book, 0)


def test_beyond_its_size_the_oldest_without_effect_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_book, "BYTES_MAX", 20_000)
    book = AnswerBook("@silence/answer/")
    filled(book, range(3), T, accepted=True, note="x" * 400)
    filled(book, range(3, 40), T, note="x" * 400)
    left = [n for n in range(40) if known(book, n)]
    assert left[:3] == [0, 1, 2]
    assert left[3:] == list(range(left[3], 40))
    assert 3 < left[3] < 40
    filled(book, range(40, 100), T, accepted=True, note="x" * 400)
    assert not known(book, 0), "then the oldest with an effect"
    assert known(book, 99)


@given(st.lists(st.tuples(st.integers(0, 3 * KEPT_MS), st.booleans()), max_size=60), st.booleans())
def test_what_is_kept_is_the_same_after_a_restart(given_: list[tuple[int, bool]], restarts: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answer_book, "EFFECTIVE_KEPT", 5)
        patch.setattr(answer_book, "OTHERS_KEPT", 3)
        book, topic, at_ms = AnswerBook("@silence/answer/"), dict[str, bytes](), T
        for n, (later_ms, accepted) in enumerate(given_):
            at_ms += later_ms // 20
            filled(book, range(n, n + 1), at_ms, accepted=accepted)
            for key, value in book.take_dirty().items():
                if value is None:
                    del topic[key]
                else:
                    topic[key] = value
            if restarts:
                book = AnswerBook("@silence/answer/")
                for key in sorted(topic, reverse=True):
                    book.load(key, topic[key])
        young, total = 0, T
        for n, (later_ms, _) in enumerate(given_):
            total += later_ms // 20
            if at_ms - total < KEPT_MS:
                young += 1
                assert known(book, n), "within the promised time"
        assert len(topic) <= young + 8
