"""The checkers find what they are there to find."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.books import balance, raised_twice, read_ledger


def test_exact_books_are_exact() -> None:
    assert balance(["a/1", "a/2"], ["a/2", "a/1"]).exact


def test_a_lost_event_is_found() -> None:
    books = balance(["a/1", "a/2"], ["a/1"])
    assert not books.exact
    assert books.missing == ("a/2",)


def test_a_doubled_event_is_found() -> None:
    assert balance(["a/1"], ["a/1", "a/1"]).doubled == ("a/1",)


def test_the_same_id_at_two_centres_is_two_events() -> None:
    assert balance(["a/1", "b/1"], ["a/1", "b/1"]).exact


def test_an_event_that_was_stored_but_not_acknowledged_is_no_fault() -> None:
    assert balance(["a/1"], ["a/1", "a/2"]).exact


def test_an_alert_raised_twice_is_found() -> None:
    assert raised_twice([("A-1", "raised"), ("A-1", "acked"), ("A-1", "raised"), ("A-2", "raised")]) == ("A-1",)


def test_a_torn_ledger_line_is_not_an_acknowledgement(tmp_path: Path) -> None:
    file = tmp_path / "ledger"
    file.write_text('{"id":"1","centre":"a","t_ack_ms":5}\n{"id":"2","cen')
    assert read_ledger(file) == ["a/1"]
