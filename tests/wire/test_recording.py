"""The file of a recording: what goes in comes out, and nothing that was cut off or changed is believed."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from ioc.errors import BadInput
from ioc.wire.recording import VERSION, End, Head, Message, Writer, message, read

HEAD = Head(
    version=VERSION, profile="p", from_="2026-11-24T03:00:00.000Z", to="2026-11-24T04:00:00.000Z",
    centres=("a",), made_by="ioc",
)  # fmt: skip


def file_of(messages: Sequence[Message], head: Head = HEAD) -> list[bytes]:
    writer = Writer()
    return [*(writer.line(one) for one in (head, *messages)), writer.end([{"rule": "r"}], {"x": 1})]


records = st.lists(st.tuples(st.one_of(st.none(), st.binary(max_size=20)), st.binary(max_size=60)), max_size=12)


@given(records)
def test_bytes_come_out_as_they_went_in(given_records: list[tuple[bytes | None, bytes]]) -> None:
    lines = file_of([message(n * 10, "a", key, value) for n, (key, value) in enumerate(given_records)])
    head, *middle, end = read(lines, "f")
    assert head == HEAD
    assert isinstance(end, End)
    assert (end.messages, end.expect, end.left_out) == (len(given_records), ({"rule": "r"},), {"x": 1})
    found = [(one.key_bytes, one.value_bytes) for one in middle if isinstance(one, Message)]
    assert found == [(key or b"", value) for key, value in given_records]


GOOD = file_of([message(n, "a", b"k", b'{"n": %d}' % n) for n in range(4)])


@given(st.integers(0, len(b"".join(GOOD)) - 2))
def test_a_file_that_was_cut_off_is_refused(length: int) -> None:
    whole = b"".join(GOOD)[:length]
    with pytest.raises(BadInput, match=r"f:\d+: "):
        list(read(whole.splitlines(keepends=True), "f"))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([GOOD[0], GOOD[2], *GOOD[1:2], *GOOD[3:]], "arrived before"),
        ([*GOOD[:2], *GOOD[3:]], "the file was changed"),
        ([*GOOD[:2], GOOD[2].replace(b"1}", b"7}"), *GOOD[3:]], "the file was changed"),
        (GOOD[1:], "begins with its one head"),
        ([*GOOD, GOOD[1]], "more after the end"),
        (
            file_of([], structs.replace(HEAD, version=9)),
            "is of version 9",
        ),
        ([b"hello\n"], "no line of a recording"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(lines: list[bytes], said: str) -> None:
    with pytest.raises(BadInput) as refused:
        list(read(lines, "f"))
    assert said in str(refused.value.detail)
    assert str(refused.value.detail).startswith("f:")
