"""Client frames: what is let in, and the reason for what is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.errors import BadInput
from ioc.wire import inbound
from ioc.wire.frames import Auth, CommandFrame, Since, Subscribe

COMMAND: dict[str, Any] = {
    "t": "command",
    "command_id": "0b8c6f0e-1",
    "op": "ack",
    "alert_id": "A-0123456789abcdef",
    "expected_version": 3,
    "note": None,
}


def code_of(text: str) -> str:
    with pytest.raises(BadInput) as refused:
        inbound.parse(text)
    assert len(refused.value.detail) <= 300
    return refused.value.code


def test_the_three_frames() -> None:
    assert inbound.parse('{"t":"auth","ticket":"x","proto":1}') == Auth(ticket="x")
    assert inbound.parse('{"t":"subscribe"}') == Subscribe()
    subscribed = inbound.parse('{"t":"subscribe","channels":["wall"],"filter":{},"since":{"epoch":"e","pos":"p"}}')
    assert subscribed == Subscribe(since=Since(epoch="e", pos="p"))
    assert inbound.parse(json.dumps(COMMAND)) == CommandFrame(
        command_id="0b8c6f0e-1", op="ack", alert_id="A-0123456789abcdef", expected_version=3
    )


def test_fields_of_a_newer_version_are_ignored() -> None:
    assert inbound.parse('{"t":"auth","ticket":"x","later":[1,{"a":2}]}') == Auth(ticket="x")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "malformed"),
        ("{", "malformed"),
        ('{"t":"auth"} {"t":"auth"}', "malformed"),
        ('{"t":"auth","ticket":"x"}x', "malformed"),
        ('\ufeff{"t":"auth","ticket":"x"}', "malformed"),
        ("[]", "not_object"),
        ("null", "not_object"),
        ("3", "not_object"),
        ("[" * 100_000, "too_deep"),
        ('{"a":' * 17 + "1" + "}" * 17, "too_deep"),
        ('{"t":"auth","t":"subscribe","ticket":"x"}', "duplicate_key"),
        ('{"t":"subscribe","filter":{"a":1,"a":2}}', "duplicate_key"),
        ('{"t":"subscribe","filter":{"a":NaN}}', "range"),
        ('{"t":"subscribe","filter":{"a":-Infinity}}', "range"),
        ('{"t":"subscribe","filter":{"a":1e999}}', "range"),
        ('{"t":"subscribe","filter":{"a":9007199254740993}}', "range"),
        ('{"t":"subscribe","filter":{"a":' + "9" * 5000 + "}}", "range"),
        ('{"t":"auth","ticket":"\\ud800"}', "encoding"),
        ('{"t":"auth","ticket":"a\\u0000b"}', "control_char"),
        ('{"t":"auth","ticket":"a\\u001b[31mb"}', "control_char"),
        ("{}", "unknown_type"),
        ('{"t":"hello"}', "unknown_type"),
        ('{"t":["auth"]}', "unknown_type"),
        ('{"t":"Auth","ticket":"x"}', "unknown_type"),
        ('{"t":"auth"}', "schema"),
        ('{"t":"auth","ticket":""}', "schema"),
        ('{"t":"auth","ticket":"' + "x" * 129 + '"}', "schema"),
        ('{"t":"auth","ticket":7}', "schema"),
        ('{"t":"subscribe","since":{"epoch":"e"}}', "schema"),
    ],
)
def test_refused_with_a_reason(text: str, code: str) -> None:
    assert code_of(text) == code


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("command_id", "", "schema"),
        ("command_id", "x" * 65, "schema"),
        ("command_id", "a b", "schema"),
        ("alert_id", "../x", "schema"),
        ("op", "delete", "schema"),
        ("expected_version", True, "schema"),
        ("expected_version", "3", "schema"),
        ("expected_version", -1, "range"),
        ("note", "x" * 2_001, "schema"),
        ("note", 5, "schema"),
    ],
)
def test_a_command_is_checked_field_by_field(field: str, value: Any, code: str) -> None:
    assert code_of(json.dumps(COMMAND | {field: value})) == code


def test_a_note_is_nfc_and_may_have_lines() -> None:
    decomposed = "Bie\u0302n Ho\u0300a\nđã gọi"
    frame = inbound.parse(json.dumps(COMMAND | {"note": decomposed}))
    assert isinstance(frame, CommandFrame)
    assert frame.note == "Biên Hòa\nđã gọi"


def test_a_bracket_inside_a_text_is_no_level() -> None:
    frame = inbound.parse(json.dumps(COMMAND | {"note": '[{"' * 40}))
    assert isinstance(frame, CommandFrame)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
FIELDS = st.sampled_from(["t", "ticket", "channels", "filter", "since", "note", "op", "alert_id", "expected_version"])
TYPES = st.just({"t": "auth"}) | st.just({"t": "subscribe"}) | st.just(COMMAND)


@given(st.text() | JSON_VALUES.map(json.dumps))
def test_anything_else_is_refused_never_a_crash(text: str) -> None:
    with pytest.raises(BadInput):
        inbound.parse(text)


@given(TYPES, st.dictionaries(FIELDS, JSON_VALUES, max_size=3))
def test_odd_fields_are_refused_or_right_never_a_crash(base: dict[str, Any], odd: dict[str, Any]) -> None:
    try:
        frame = inbound.parse(json.dumps(base | odd))
    except BadInput:
        return
    if isinstance(frame, CommandFrame):
        assert type(frame.expected_version) is int
        assert 0 <= frame.expected_version <= inbound.INTEGER_MAX


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"op": "erase"}, "op"),
        ({"reason": "x" * 2001}, "reason"),
        ({"assignee": "x" * 65}, "assignee"),
        ({"agency": "a\nb"}, "agency"),
        ({"item": "x" * 65}, "item"),
        ({"for_s": -1}, "for_s"),
        ({"for_s": 1.5}, "for_s"),
        ({"review_ms": -1}, "review_ms"),
        ({"result": "fine"}, "result"),
        ({"once": "yes"}, "once"),
    ],
)
def test_fields_of_commands_are_bounded(more: dict[str, object], path: str) -> None:
    frame = COMMAND | {"op": "shelve"}
    assert isinstance(inbound.parse(json.dumps(frame)), CommandFrame)
    with pytest.raises(BadInput) as found:
        inbound.parse(json.dumps(frame | more))
    assert found.value.path == path
