"""Strict JSON: what hostile bytes are called, and that nothing good is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.errors import BadInput
from ioc.pipeline.mapping_json import DEPTH_MAX, decode_object, nesting

BAD: list[tuple[str, bytes, str]] = [
    ("nothing", b"", "malformed"),
    ("blanks", b" \n\t ", "malformed"),
    ("cut off", b'{"a": 1', "malformed"),
    ("garbage after", b'{"a":1} x', "malformed"),
    ("two documents", b'{"a":1}{"b":2}', "malformed"),
    ("single quotes", b"{'a':1}", "malformed"),
    ("raw control character", b'{"a":"\x01"}', "malformed"),
    ("byte order mark", b"\xef\xbb\xbf{}", "malformed"),
    ("leading zero", b'{"a":01}', "malformed"),
    ("UTF-16", '{"a":1}'.encode("utf-16"), "encoding"),
    ("Latin-1", b'{"a":"\xe0"}', "encoding"),
    ("surrogate in bytes", b'{"a":"\xed\xa0\x80"}', "encoding"),
    ("half a surrogate pair", b'{"a":"\\ud800"}', "encoding"),
    ("list", b"[1,2]", "not_object"),
    ("text", b'"x"', "not_object"),
    ("number", b"7", "not_object"),
    ("null", b"null", "not_object"),
    ("not a number", b'{"a":NaN}', "not_finite"),
    ("infinity", b'{"a":-Infinity}', "not_finite"),
    ("too large for a double", b'{"a":1e999}', "not_finite"),
    ("5,000 digits", b'{"a":' + b"9" * 5000 + b"}", "range"),
    ("100,000 brackets", b"[" * 100_000, "too_deep"),
    ("17 levels", b'{"a":' * 17 + b"1" + b"}" * 17, "too_deep"),
    ("17 levels hidden behind brackets in texts", b'{"}}}]]":' * 17 + b"1" + b"}" * 17, "too_deep"),
    ("key twice", b'{"a":1,"a":2}', "duplicate_key"),
    ("key twice, same value", b'{"a":1,"a":1}', "duplicate_key"),
    ("key twice, deep inside", b'{"a":{"b":[{"c":1,"c":2}]}}', "duplicate_key"),
    ("key twice, one escaped", b'{"a":1,"\\u0061":2}', "duplicate_key"),
    ("key twice, a colon escaped to hide it", b'{"a":1,"a":"\\u003a"}', "duplicate_key"),
    ("key twice with blanks", b'{ "a" : 1 , "a" : 2 }', "duplicate_key"),
]


@pytest.mark.parametrize(("data", "code"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_hostile_bytes_have_a_reason(data: bytes, code: str) -> None:
    with pytest.raises(BadInput) as refused:
        decode_object(data)
    assert refused.value.code == code
    assert refused.value.detail


def test_sixteen_levels_are_allowed() -> None:
    data = b'{"a":' * DEPTH_MAX + b"1" + b"}" * DEPTH_MAX
    assert nesting(data) == DEPTH_MAX
    assert decode_object(data)


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs",))),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(exclude_categories=("Cs",))), inner)
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.text(st.characters(exclude_categories=("Cs",))), VALUES), st.booleans(), st.booleans())
def test_every_good_object_is_read_as_the_standard_library_reads_it(
    value: dict[str, Any], ascii_only: bool, pretty: bool
) -> None:
    data = json.dumps(value, ensure_ascii=ascii_only, indent=1 if pretty else None).encode()
    if nesting(data) <= DEPTH_MAX:
        assert decode_object(data) == value


@given(st.dictionaries(st.text(max_size=3), VALUES, min_size=1), st.data())
def test_a_key_twice_is_never_missed(value: dict[str, Any], data: st.DataObject) -> None:
    pairs = [(json.dumps(key), json.dumps(inner)) for key, inner in value.items()]
    pairs.append((data.draw(st.sampled_from(pairs))[0], json.dumps(data.draw(VALUES))))
    document = "{" + ",".join(f"{key}:{inner}" for key, inner in pairs) + "}"
    if nesting(document.encode()) <= DEPTH_MAX and "\\ud" not in document:
        with pytest.raises(BadInput, match="duplicate_key"):
            decode_object(document.encode())
