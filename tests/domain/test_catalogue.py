"""The catalogue of event types: complete, consistent, and without a field that could hold a person."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from ioc.domain.catalogue import MEASURE, PAYLOADS, RANGES
from ioc.domain.payloads import Located, TrafficViolation
from ioc.domain.titles import NAMES
from ioc.errors import BadInput
from ioc.pipeline.validate import encode_payload, field_kinds
from simulators.feeds.base import TYPE_CODES

PROPOSED = {
    "feedback.1022", "emergency.call", "traffic.flow", "traffic.incident", "traffic.violation", "cctv.analytics",
    "air.quality", "hydro.level", "hydro.tide", "rain.gauge", "flood.spot", "power.outage", "water.pressure",
    "lighting.cabinet", "service.case", "service.kpi", "social.mention", "forest.fire_level", "health.dengue",
    "cyber.soc", "ecommerce.kpi", "source.heartbeat",
}  # fmt: skip
PERSONAL = re.compile(r"plate(?!_hash)|name|phone|person|address|birth|author|citizen|passport|cccd|cmnd|email")


def test_the_twenty_two_types_and_the_link_to_the_population_database() -> None:
    assert set(PAYLOADS) == PROPOSED | {"population.link"}
    assert set(PAYLOADS) == set(RANGES) == set(MEASURE) == set(TYPE_CODES)
    assert len(set(TYPE_CODES.values())) == len(TYPE_CODES)


@pytest.mark.parametrize("kind", sorted(PAYLOADS))
def test_every_number_has_a_plausible_range_and_every_payload_a_description(kind: str) -> None:
    numbers = {name for name, (what, _) in field_kinds(kind).items() if what in ("number", "integer")}
    assert set(RANGES[kind]) == numbers - {"lon", "lat"}
    assert all(low < high for low, high in RANGES[kind].values())
    assert MEASURE[kind] is None or MEASURE[kind] in numbers
    assert PAYLOADS[kind].__doc__
    assert PAYLOADS[kind].__doc__ != Located.__doc__


def personal(payload: type[msgspec.Struct]) -> set[str]:
    return {field.name for field in msgspec.structs.fields(payload) if PERSONAL.search(field.name)}


def test_no_payload_has_a_field_for_a_plate_or_a_person() -> None:
    assert {kind: personal(payload) for kind, payload in PAYLOADS.items() if personal(payload)} == {}
    planted = msgspec.defstruct("Planted", [("plate", str), ("driver_name", str), ("plate_hash", str)])
    assert personal(planted) == {"plate", "driver_name"}


@pytest.mark.parametrize("plate", ["60A-123.45", "60a12345", "0" * 63, "G" * 64, "0" * 64 + "\n"])
def test_a_plate_is_refused_and_only_its_keyed_hash_passes(plate: str) -> None:
    data: dict[str, Any] = {"rule": "speeding", "speed_km_h": 92.0, "limit_km_h": 60.0}
    with pytest.raises(BadInput) as refused:
        encode_payload("traffic.violation", data | {"plate_hash": plate}, {})
    assert plate not in str(refused.value)
    good = encode_payload("traffic.violation", data | {"plate_hash": "0f" * 32}, {})
    assert msgspec.json.decode(good, type=TrafficViolation).plate_hash == "0f" * 32


def test_payload_fields_do_not_hide_words_that_every_title_has() -> None:
    """``value``, ``unit``, ``number`` of the older types mean the same thing there."""
    hidden = {(kind, name) for kind in PAYLOADS for name in field_kinds(kind) if name in NAMES}
    assert hidden == {("service.kpi", "value"), ("service.kpi", "unit")}
