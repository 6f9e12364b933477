"""Everything that Long Khánh sends against the schema of this repository, ``docs/schemas/long-khanh.schema.json``."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from simulators.formats import encode
from simulators.programme import Programme
from simulators.scenario import load
from tests.simulators.golden_readings import readings
from tests.simulators.test_formats import dongnai, payloads, reading, sends

FILE = Path(__file__).resolve().parents[2] / "docs" / "schemas" / "long-khanh.schema.json"
FEEDS = {kind: feed for centre, feed, kind in sends() if centre == "long-khanh"}
GOLDEN = {one.type: orjson.loads(encode(dongnai(), one)[1]) for one in readings(dongnai(), "long-khanh")}
ONE_OF_TWO = {"RoadAlert", "CameraAlert"}  # forms of Alert
NOON_MS = 1_700_024_400_000


@cache
def schema() -> dict[str, Any]:
    return dict(json.loads(FILE.read_text(encoding="utf-8")))


@cache
def validator() -> Draft202012Validator:
    Draft202012Validator.check_schema(schema())
    return Draft202012Validator(schema())


def mistakes(entity: dict[str, Any]) -> list[str]:
    return [error.message for error in validator().iter_errors(entity)]


def test_every_type_of_the_city_has_its_part_of_the_schema_and_no_part_is_left_over() -> None:
    kinds = {name for name in schema()["$defs"] if name[0].isupper()} - ONE_OF_TWO
    assert set(GOLDEN) == set(FEEDS)
    assert {entity["type"] for entity in GOLDEN.values()} | {"Alert"} == kinds
    assert set(schema()["properties"]["type"]["enum"]) == kinds
    when = dongnai().centres[[c.id for c in dongnai().centres].index("long-khanh")].format["records"]
    assert {record["when"]["type"] for record in when} == kinds


@settings(max_examples=60, deadline=None)
@given(st.data())
@pytest.mark.parametrize("kind", sorted(FEEDS))
def test_every_payload_follows_the_schema(kind: str, data: st.DataObject) -> None:
    entity = orjson.loads(encode(dongnai(), reading("long-khanh", FEEDS[kind], kind, data.draw(payloads(kind))))[1])
    assert mistakes(entity) == []


def test_what_the_world_sends_follows_the_schema() -> None:
    played = Programme(dongnai(), load("live"), start_ms=NOON_MS, seed=2023)
    seen = set()
    for one in played.between(NOON_MS, NOON_MS + 1_800_000):
        if one.centre == "long-khanh" and (one.type, one.site) not in seen:
            seen.add((one.type, one.site))
            assert mistakes(orjson.loads(encode(dongnai(), one)[1])) == []
    assert {kind for kind, _ in seen} >= {"rain.gauge", "traffic.flow", "lighting.cabinet", "source.heartbeat"}


@pytest.mark.parametrize("kind", sorted(GOLDEN))
def test_a_planted_mistake_in_any_property_is_found(kind: str) -> None:
    good = GOLDEN[kind]
    assert mistakes(good) == []
    for wrong in spoilt(good):
        assert mistakes(wrong) != [], wrong
    assert mistakes(good | {"type": "NoSuchModel"}) != []
    assert mistakes(good | {"surplus": {"type": "Property", "value": 1}}) != []


def spoilt(good: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The entity with one thing wrong: a value of another type, a property of no kind, a needed one missing."""
    for name, held in good.items():
        if not isinstance(held, dict):
            yield {key: value for key, value in good.items() if key != name}
            continue
        inner = "object" if held["type"] == "Relationship" else "value"
        yield good | {name: copy.deepcopy(held) | {inner: None}}
        yield good | {name: held[inner]}
        yield good | {name: held | {"unitCode": "none"}}
