"""What Long Khánh sends against the FIWARE smart data models whose names its entities bear.

Types without a model there are judged by the definitions that all models share, and all types by the schema of this
repository (``test_long_khanh_schema.py``), which needs no folder.

The schemas are not part of this repository: the test reads them from the folder ``IOC_SCHEMAS_DIR``, else from
``shared/schemas`` beside the repository, and is skipped where there is none. Nothing is fetched: every address that a
schema refers to is answered from that folder.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from simulators.formats import encode
from tests.simulators.golden_readings import readings
from tests.simulators.test_formats import dongnai, payloads, reading, sends

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("IOC_SCHEMAS_DIR") or ROOT.parent / "shared" / "schemas") / "smart-data-models"
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"no smart data models in {FOLDER}: name their folder in IOC_SCHEMAS_DIR"
)
MODELS = {  # event type → entity types that are smart data models with a schema in the folder
    "traffic.flow": {"TrafficFlowObserved"},
    "traffic.incident": {"RoadAccident", "Alert"},
    "traffic.violation": {"TrafficViolation"},
    "air.quality": {"AirQualityObserved"},
    "cctv.analytics": {"Alert"},
    "flood.spot": {"FloodMonitoring"},
    "health.dengue": {"MosquitoDensity"},
}
OWN = {  # entity types that no schema of the folder describes whole
    "rain.gauge": "WeatherObserved",
    "feedback.1022": "Open311ServiceRequest",
    "source.heartbeat": "Device",
    "lighting.cabinet": "StreetlightControlCabinet",
    "power.outage": "PowerOutageObserved",
    "water.pressure": "WaterNetworkObserved",
    "service.case": "PublicServiceCase",
}
COMMONS = ("common-schema.json#/definitions/GSMA-Commons", "common-schema.json#/definitions/Location-Commons")
BASES = {"rain.gauge": (*COMMONS, "weather-schema.json#/definitions/Weather-Commons")}  # others: COMMONS
FEEDS = {kind: feed for centre, feed, kind in sends() if centre == "long-khanh"}


def key_values(entity: dict[str, Any]) -> dict[str, Any]:
    """A normalised NGSI-LD entity reduced to key-values, which is what the schemas describe."""
    found: dict[str, Any] = {}
    for name, value in entity.items():
        if isinstance(value, dict) and "type" in value:
            value = value.get("value", value.get("object"))
            if isinstance(value, dict) and "@value" in value:
                value = value["@value"]
        found[name] = value
    return found


@cache
def registry() -> Any:
    known: Any = Registry()
    for file in sorted(FOLDER.glob("*.json")):
        resource = Resource.from_contents(json.loads(file.read_text(encoding="utf-8")))
        at = resource.contents.get("$id", file.name)
        environment = "https://raw.githubusercontent.com/smart-data-models/dataModel.Environment/master/"
        places = [(at, resource), (environment + file.name, resource), (f"urn:{file.name}", resource)]
        known = known.with_resources(places)
    return known


@cache
def validator(model: str) -> Draft202012Validator:
    schema = json.loads((FOLDER / f"{model}.schema.json").read_text(encoding="utf-8"))
    return Draft202012Validator(schema, registry=registry())


def mistakes(entity: dict[str, Any]) -> list[str]:
    return [error.message for error in validator(entity["type"]).iter_errors(key_values(entity))]


def base_mistakes(kind: str, entity: dict[str, Any]) -> list[str]:
    """Against what all smart data models, or all of the weather, have in common."""
    schema = {"allOf": [{"$ref": f"urn:{place}"} for place in BASES.get(kind, COMMONS)]}
    found = Draft202012Validator(schema, registry=registry()).iter_errors(key_values(entity))
    return [error.message for error in found]


def test_every_type_of_the_city_is_judged_or_known_to_have_no_model() -> None:
    assert set(FEEDS) == set(MODELS) | set(OWN)
    assert not set(MODELS) & set(OWN)
    with_schema = {file.name.removesuffix(".schema.json") for file in FOLDER.glob("*.schema.json")}
    assert not set(OWN.values()) & with_schema, "there is a schema for it now: judge it"
    sent = {one.type: orjson.loads(encode(dongnai(), one)[1])["type"] for one in readings(dongnai(), "long-khanh")}
    assert all(sent[kind] in models for kind, models in MODELS.items())
    assert {kind: sent[kind] for kind in OWN} == OWN


@settings(max_examples=40, deadline=None)
@given(st.data())
@pytest.mark.parametrize("kind", sorted(MODELS))
def test_entities_follow_the_smart_data_models(kind: str, data: st.DataObject) -> None:
    drawn = data.draw(payloads(kind))
    if kind == "air.quality":  # its model wants a place, and every station of the city has one
        drawn |= {"lon": 107.23951, "lat": 10.93399}
    entity = orjson.loads(encode(dongnai(), reading("long-khanh", FEEDS[kind], kind, drawn))[1])
    assert entity["type"] in MODELS[kind]
    assert mistakes(entity) == []


@settings(max_examples=20, deadline=None)
@given(st.data())
@pytest.mark.parametrize("kind", sorted(OWN))
def test_entities_without_a_model_follow_what_all_models_share(kind: str, data: st.DataObject) -> None:
    entity = orjson.loads(encode(dongnai(), reading("long-khanh", FEEDS[kind], kind, data.draw(payloads(kind))))[1])
    assert base_mistakes(kind, entity) == []


@pytest.mark.parametrize(
    ("kind", "name", "planted"),
    [
        ("rain.gauge", "location", {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [106.9]}}),
        ("rain.gauge", "temperature", {"type": "Property", "value": "31,5"}),
        ("feedback.1022", "description", {"type": "Property", "value": 7}),
    ],
)
def test_a_planted_mistake_in_what_all_models_share_is_found(kind: str, name: str, planted: dict[str, Any]) -> None:
    (good,) = (one for one in readings(dongnai(), "long-khanh") if one.type == kind)
    entity = orjson.loads(encode(dongnai(), good)[1])
    assert base_mistakes(kind, entity) == []
    assert base_mistakes(kind, entity | {name: planted}) != []


@pytest.mark.parametrize("model", ["TrafficViolation", "MosquitoDensity", "RoadAccident", "TrafficFlowObserved"])
def test_the_models_own_example_passes(model: str) -> None:
    example = json.loads((FOLDER / f"{model}.example-normalized.jsonld").read_text(encoding="utf-8"))
    assert mistakes(example) == []


@pytest.mark.parametrize(
    ("kind", "name", "planted"),
    [
        ("traffic.flow", "dateObserved", None),
        ("traffic.flow", "occupancy", {"type": "Property", "value": 21.5}),
        ("traffic.incident", "status", {"type": "Property", "value": "xong"}),
        ("traffic.violation", "equipmentId", {"type": "Property", "value": 4}),
        ("air.quality", "location", None),
        ("air.quality", "pm25", {"type": "Property", "value": "31,5"}),
        ("cctv.analytics", "category", {"type": "Property", "value": "camera"}),
        ("cctv.analytics", "subCategory", {"type": "Property", "value": "smoke"}),
        ("flood.spot", "currentLevel", {"type": "Property", "value": "0.2"}),
        ("health.dengue", "speciesTotal", {"type": "Property", "value": "3"}),
    ],
)
def test_a_planted_mistake_is_found(kind: str, name: str, planted: dict[str, Any] | None) -> None:
    (good,) = (one for one in readings(dongnai(), "long-khanh") if one.type == kind)
    entity = orjson.loads(encode(dongnai(), good)[1])
    assert mistakes(entity) == []
    assert name in entity
    entity[name] = planted
    if planted is None:
        del entity[name]
    assert mistakes(entity) != []
