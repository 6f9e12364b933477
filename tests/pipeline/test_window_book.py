"""What planned windows hid, and which sources are out: any order of happenings, with restarts from the records."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ioc.domain.alerts import SourceTold
from ioc.domain.matcher import Matcher
from ioc.domain.planned import Opening
from ioc.domain.schedule import Hours
from ioc.pipeline.source_book import SourceBook
from ioc.pipeline.window_book import HID, WindowBook
from tests.domain.test_suppression import window
from tests.pipeline.small_province import PROFILE, T

WINDOWS = {name: window(name, target=Matcher(rules=("aqi",)), hours=(Hours(),)) for name in ("v", "w")}
HAPPENINGS = st.lists(
    st.one_of(
        st.tuples(st.just("open"), st.sets(st.sampled_from(["v", "w"]))),
        st.tuples(st.just("hid"), st.sampled_from(["v", "w"]), st.sampled_from(["A-1", "A-2", "A-3"])),
        st.tuples(st.just("restart")),
    ),
    max_size=30,
)


@given(HAPPENINGS)
def test_a_window_counts_what_it_hid_since_it_opened(happenings: list[Any]) -> None:
    book, hidden, records = WindowBook(), dict[str, set[str]](), dict[str, bytes]()
    for number, (what, *more) in enumerate(happenings):
        if what == "open":
            book.elapse([Opening(WINDOWS[name], None) for name in more[0]], T + number)
            hidden = {name: hidden.get(name, set()) for name in more[0]}
        elif what == "hid":
            book.hid(*more)
            if more[0] in hidden:
                hidden[more[0]].add(more[1])
        for key, value in book.take_dirty():
            if value is None:
                del records[key]
            else:
                records[key] = value
        if what == "restart":
            book = WindowBook()
            assert all(book.load(key, value) for key, value in records.items())
        assert {name: one.count for name, one in book.opened.items()} == {n: len(s) for n, s in hidden.items()}
        assert len([key for key in records if key.startswith(HID)]) == sum(map(len, hidden.values()))


SOURCES = [("", ""), ("river", ""), ("river", "R1"), ("rain", "")]
TOLD = st.lists(st.one_of(st.none(), st.tuples(st.sampled_from(SOURCES), st.booleans())), max_size=25)


@given(TOLD)
def test_sources_are_out_as_they_were_told_last_and_the_greater_says_it_of_the_smaller(said: list[Any]) -> None:
    book, out, records = SourceBook(PROFILE), set[tuple[str, str]](), dict[str, bytes]()
    for one in said:
        if one is None:
            book = SourceBook(PROFILE)
            assert all(book.load(key, value) for key, value in records.items())
        else:
            (feed, site), is_out = one
            told = SourceTold(
                key=f"x|north|{site or feed}", rule="x", centre="north", feed=feed, site=site, out=True,
                since_ms=T, out_ms=T,
            )  # fmt: skip
            book.take(replace(told, out=is_out))
            (out.add if is_out else out.discard)((feed, site))
        for key, value in book.take_dirty():
            if value is None:
                del records[key]
            else:
                records[key] = value
        covered = {(f, s) for f, s in out if f and (("", "") in out or (s and (f, "") in out))}
        assert {(shown.feed, shown.site) for shown in book.standing()} == out - covered
        assert len(records) == len(out)
