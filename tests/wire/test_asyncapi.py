"""``docs/asyncapi.yaml`` against the code: its examples are real frames, and nothing that exists is missing in it.

The examples are written as one line of JSON each (which is YAML too), so that no YAML library is needed here.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from ioc.domain.alerts import Outcome
from ioc.domain.handling import OPS, RESULTS, SHIFT_S
from ioc.errors import BadInput
from ioc.wire import frames, inbound, session
from ioc.wire.close_codes import CloseCode

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "asyncapi.yaml").read_text()
EXAMPLES: list[dict[str, Any]] = [json.loads(found) for found in re.findall(r"^ +- payload: (\{.*\})$", TEXT, re.M)]
CLIENT = {struct.__struct_config__.tag for struct in get_args(frames.ClientFrame)}
SERVER = {struct.__struct_config__.tag for struct in get_args(frames.ServerFrame)}


def test_every_frame_has_an_example() -> None:
    assert {example["t"] for example in EXAMPLES} == CLIENT | SERVER


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["t"])
def test_an_example_is_a_frame_with_all_its_fields(example: dict[str, Any]) -> None:
    if example["t"] in CLIENT:
        frame: Any = inbound.parse(json.dumps(example))
        plain = json.loads(frames.encode_frame(frame))
        assert {name: plain[name] for name in example} == example
    else:
        frame = msgspec.json.decode(json.dumps(example), type=frames.ServerFrame)
        assert json.loads(frames.encode_frame(frame)) == example


def test_an_example_with_another_name_would_be_found() -> None:
    [beat, *_] = [example for example in EXAMPLES if example["t"] == "beat"]
    wrong = {name.replace("lag_s", "lag"): value for name, value in beat.items()}
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(json.dumps(wrong), type=frames.ServerFrame)


def test_every_entity_is_shown_with_all_its_fields() -> None:
    shown: dict[str, set[str]] = {}
    for example in EXAMPLES:
        for kind in ("alerts", "feeds", "readings", "minutes"):
            for entity in example.get(kind, ()):
                shown.setdefault(kind, set()).update(entity)
    for kind, struct in (
        ("alerts", frames.Alert),
        ("feeds", frames.FeedView),
        ("readings", frames.Reading),
        ("minutes", frames.Minute),
    ):
        assert shown[kind] == set(struct.__struct_fields__)


def test_every_close_code_outcome_and_limit_is_written_down() -> None:
    rows = set(re.findall(r"\d{4}", " ".join(re.findall(r"^ +\| ([\d, ]+) \|", TEXT, re.M))))
    assert {str(int(code)) for code in CloseCode} <= rows
    for outcome in get_args(Outcome):
        assert f"* `{outcome}`" in TEXT
    assert f"{inbound.FRAME_MAX_BYTES:,} bytes" in TEXT
    assert f"Within {session.AUTH_WITHIN_MS // 1000} s" in TEXT


def test_every_error_code_is_written_down() -> None:
    [codes] = re.findall(r"code:\n +enum: \[(.*)\]", TEXT)
    documented = set(codes.split(", "))
    sources = [Path(module.__file__ or "").read_text() for module in (inbound, session)]
    raised = {code for source in sources for code in re.findall(r'(?:BadInput\(|code=)"(\w+)"', source)}
    assert raised == documented


def test_the_documented_commands_are_the_only_ones() -> None:
    assert f"op: {{enum: [{', '.join(OPS)}]}}" in TEXT
    assert f"enum: [{', '.join(RESULTS)}]" in TEXT
    assert f"maximum: {SHIFT_S}" in TEXT
    with pytest.raises(BadInput):
        inbound.parse('{"t":"command","command_id":"c","op":"delete","alert_id":"A","expected_version":1}')
