"""Records that hold a list of readings: each element has its own fate, as a line has."""

from __future__ import annotations

import base64
from copy import deepcopy
from typing import Any

import orjson
import pytest

from ioc.pipeline.effects import InRecord
from ioc.pipeline.intake import IntakePartition
from ioc.pipeline.mapping_samples import check_samples, cut_file
from ioc.pipeline.mapping_table import format_problems
from ioc.wire.codec import decode_dead, decode_event
from tests.pipeline.made_up import FORMAT, NOW, centre, profile


def table(each: str, inner: str) -> dict[str, Any]:
    made = deepcopy(FORMAT)
    del made["exercise"], made["sequence"]
    made["each"] = each
    made["id"], made["time"] = {"path": f"{inner}id"}, {"path": f"{inner}at", "time": "epoch_ms"}
    made["records"][0]["fields"] = {"level_m": {"path": f"{inner}ft", "convert": "ft->m"}}
    return made


NESTED = table("data.readings", "data.readings.")
OUTSIDE = {"what": "level", "meta": {"owner": "ALPHA", "v": 2, "station": "w-1"}}


def nested(*readings: object) -> bytes:
    return orjson.dumps({**OUTSIDE, "data": {"unit": "ft", "readings": list(readings)}})


def reading(n: object, **changes: Any) -> dict[str, Any]:
    return {"id": n, "at": NOW - 1000, "ft": 10.0, **changes}


def outcome(format_table: dict[str, Any], value: bytes) -> list[str]:
    step = IntakePartition(profile(centre(format_table)), "alpha", 0)
    return [
        decode_event(one.value or b"").id
        if one.topic == "events"
        else "{0.code} {0.line} {0.path}".format(decode_dead(one.value or b""))
        for one in step.step([InRecord(5, NOW, b"w-1", value)], NOW).emits
    ]


def test_each_element_is_an_event_or_a_dead_letter_of_its_own() -> None:
    said = outcome(NESTED, nested(reading("a"), reading("b", ft="wet"), reading("a"), 7, reading("c")))
    assert said == ["a", "schema 2 data.readings.ft", "schema 4 data.readings.id", "c"]


def test_a_list_as_the_record() -> None:
    rows = [{**deepcopy(OUTSIDE), **reading("a")}, "x", {**deepcopy(OUTSIDE), **reading("b", ft=None)}]
    said = outcome(table(".", ""), orjson.dumps(rows))
    assert said == ["a", "not_object 2 ", "schema 3 ft"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (nested(), "schema None data.readings"),
        (orjson.dumps(OUTSIDE), "schema None data.readings"),
        (orjson.dumps({**OUTSIDE, "data": [1]}), "schema None data.readings"),
        (b"[1]", "not_object None "),
        (b'{"a":1', "malformed None "),
        (nested(*range(5_001)), "too_big None data.readings"),
    ],
)
def test_a_record_without_a_list_is_refused_as_a_whole(value: bytes, said: str) -> None:
    assert outcome(NESTED, value) == [said]


def test_a_record_that_should_be_a_list() -> None:
    assert outcome(table(".", ""), b'{"a":1}') == ["schema None "]
    assert outcome(table(".", ""), b'[{"a":1,"a":2}]') == ["duplicate_key None a"]


def test_what_a_letter_keeps_is_a_record_by_itself() -> None:
    step = IntakePartition(profile(centre(NESTED)), "alpha", 0)
    emits = step.step([InRecord(5, NOW, b"w-1", nested(reading("a"), reading("b", ft="wet")))], NOW).emits
    letter = decode_dead(emits[1].value or b"")
    assert letter.id == "raw.alpha/0/5/2"
    assert base64.b64decode(letter.sample_b64) == nested(reading("b", ft="wet"))


def test_whole_numbers_are_ids_and_stations() -> None:
    assert outcome(NESTED, nested(reading(17), reading(17), reading(True), reading(1.0))) == [
        "17",
        "schema 3 data.readings.id",
        "schema 4 data.readings.id",
    ]


def test_mistakes_of_the_table_are_found() -> None:
    for wrong in ("a[0]", "", "a..b"):
        assert any("each: must be a path" in one for one in format_problems(centre({**NESTED, "each": wrong})))
    drilled = {**NESTED, "exercise": {"path": "drill", "optional": True}}
    assert any("exercise: records with lists" in one for one in format_problems(centre(drilled)))
    assert not format_problems(centre(NESTED))


def test_samples_are_shown_by_element_and_a_file_of_json_lines_by_line() -> None:
    one = profile(centre(NESTED))
    results = check_samples(one, "alpha", [nested(reading("a"), reading("b", ft="wet"))])
    assert [(result.line, result.good) for result in results] == [(1, True), (2, False)]
    file = nested(reading("a")) + b"\n\n" + nested(reading("b")) + b"\r\n{broken\n"
    assert [line for line, _ in cut_file(centre(NESTED), file)] == [1, 3, 4]
    assert cut_file(centre(NESTED), b"{\n}\n") == [(None, b"{\n}\n")]
    assert cut_file(centre(NESTED), b"{broken\n{}\n") == [(None, b"{broken\n{}\n")]
