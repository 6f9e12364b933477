"""How long history is kept: the text of the setting."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.domain.retention import DAYS_MAX, LEAST_DAYS, dump_keep, parse_keep

KEEP = st.dictionaries(st.sampled_from(sorted(LEAST_DAYS)), st.integers(3, DAYS_MAX)).map(lambda d: tuple(d.items()))


@given(KEEP)
def test_written_and_read_back_is_the_same(keep: tuple[tuple[str, int], ...]) -> None:
    assert parse_keep(dump_keep(keep)) == keep


def test_spaces_do_no_harm() -> None:
    assert parse_keep(" event = 90 ,, dead_letter=30 ") == (("event", 90), ("dead_letter", 30))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("event", "event: days must be a whole number from 3"),
        ("event=", "from 3 to 36500"),
        ("event=2", "from 3"),
        ("event=90.5", "whole number"),
        ("event=-5", "whole number"),
        ("event=٩٠", "whole number"),
        ("rollup=99999999999", "to 36500"),
        ("alert_log=400", "alert_log has no retention; it must be table=days of event, rollup"),
        ("=5", "nothing has no retention"),
        ("event=9,event=10", "event is there twice"),
    ],
)
def test_what_is_wrong_is_said(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_keep(text)


def test_all_problems_come_together() -> None:
    with pytest.raises(ValueError, match=r"alert has no retention.*; event: days"):
        parse_keep("alert=5,event=1")
