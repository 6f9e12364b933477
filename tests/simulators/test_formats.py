"""Native formats: reading → the centre's bytes → intake → the reading again, for every type of every centre."""

from __future__ import annotations

import json
import os
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.adapters.profiles import load_profile
from ioc.domain.catalogue import PAYLOADS, RANGES
from ioc.domain.profile import Profile, Site
from ioc.domain.times import rfc3339
from ioc.errors import BadInput
from ioc.pipeline.effects import InRecord
from ioc.pipeline.intake import IntakePartition
from ioc.pipeline.validate import field_kinds, required_fields
from ioc.wire.codec import decode_dead, decode_event
from simulators.formats import encode
from simulators.readings import Reading

NOW = 1_764_000_000_000


@cache
def dongnai() -> Profile:
    return load_profile("dongnai-2023")


def sends() -> list[tuple[str, str, str]]:
    return [(c.id, feed.id, kind) for c in dongnai().centres for feed in c.feeds for kind in feed.types]


WORDS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), max_size=30)


def clean(text: str) -> str:
    """Texts that the intake does not change."""
    return "".join(c for c in unicodedata.normalize("NFC", text) if c.isprintable())


def field_values(kind: str, name: str) -> st.SearchStrategy[Any]:
    what, limit = field_kinds(kind)[name]
    if name == "due_at":
        return st.integers(NOW, NOW + 10**9).map(lambda ms: rfc3339(ms // 1000 * 1000))
    if what == "number":
        low, high = RANGES[kind][name]
        return st.decimals(max(low, -1e7), min(high, 1e7), places=3).map(float)
    if what == "integer":
        low, high = RANGES[kind][name]
        return st.integers(int(low), int(high))
    if what == "flag":
        return st.booleans()
    if what == "code":
        return st.sampled_from(CODES[kind, name])
    return WORDS.map(clean) if limit > 200 else WORDS.map(clean).filter(bool)


CODES = {
    ("traffic.incident", "kind"): ["accident", "breakdown", "wrong_way", "road_closed"],
    ("emergency.call", "number"): ["113", "114", "115"],
    ("feedback.1022", "channel"): ["phone", "app", "mail", "web"],
}


@st.composite
def payloads(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    names = [name for name in field_kinds(kind) if name not in ("lon", "lat")]
    required = required_fields(kind)
    chosen = [name for name in names if name in required or draw(st.booleans())]
    if not chosen:
        chosen = [draw(st.sampled_from(names))]
    data = {name: draw(field_values(kind, name)) for name in chosen}
    if draw(st.booleans()):
        data["lon"] = draw(st.decimals("106.6", "107.7", places=5).map(float))
        data["lat"] = draw(st.decimals("10.4", "11.7", places=5).map(float))
    return data


def site_of(centre: str, feed: str) -> Site:
    found = next(one for one in dongnai().centres if one.id == centre)
    return next(site for site in found.sites if site.feed == feed)


def reading(centre: str, feed: str, kind: str, data: dict[str, Any], time_ms: int = NOW, seq: int = 7) -> Reading:
    site = site_of(centre, feed)
    return Reading(
        centre=centre,
        feed=feed,
        site=site.id,
        area=site.area,
        type=kind,
        time_ms=time_ms,
        seq=seq,
        data=data,
        id=f"{centre}-{kind}-{time_ms}-{seq}",
    )


@settings(max_examples=60)
@given(st.data(), st.integers(-3_600_000, 100_000), st.integers(0, 2**53))
@pytest.mark.parametrize(("centre", "feed", "kind"), sends())
def test_there_and_back_again(centre: str, feed: str, kind: str, data: st.DataObject, shift_ms: int, seq: int) -> None:
    sent = reading(centre, feed, kind, data.draw(payloads(kind)), NOW + shift_ms, seq)
    key, value = encode(dongnai(), sent)
    step = IntakePartition(dongnai(), centre, 0)
    (emit,) = step.step([InRecord(0, NOW, key, value)], NOW).emits
    assert emit.topic == "events", decode_dead(emit.value or b"")
    event = decode_event(emit.value or b"")
    assert (event.id, event.centre, event.area, event.feed) == (sent.id, centre, sent.area, feed)
    assert (event.site, event.type, event.sequence) == (sent.site, kind, f"{seq:012d}")
    whole_seconds = centre == "bien-hoa"  # its clock shows no more
    assert event.time_ms == (sent.time_ms // 1000 * 1000 if whole_seconds else sent.time_ms)
    payload = PAYLOADS[kind]
    assert msgspec.json.decode(event.data, type=payload) == msgspec.convert(sent.data, payload)


def test_every_type_of_the_catalogue_is_sent_by_some_centre() -> None:
    assert {kind for _, _, kind in sends()} == set(PAYLOADS)


def test_the_three_formats_are_really_different() -> None:
    data = {"seq": 5, "lag_s": 0.25}
    natives = {
        centre: orjson.loads(encode(dongnai(), reading(centre, "heartbeat", "source.heartbeat", data))[1])
        for centre in dongnai().centre_ids
    }
    assert natives["bien-hoa"]["thoi_gian"] == "24/11/2025 23:00:00"
    assert natives["bien-hoa"]["tre_giay"] == "0,25"
    assert natives["long-khanh"]["value"] == {"type": "Property", "value": [5, 0.25]}
    assert natives["tinh"]["time"] == "2025-11-24T23:00:00.000+07:00"
    assert natives["tinh"]["data"] == {"thuTu": 5, "treMs": 250.0}
    shared = set.intersection(*(set(native) for native in natives.values()))
    assert shared == set()


def test_the_key_keeps_a_site_together() -> None:
    key, _ = encode(dongnai(), reading("bien-hoa", "hydro", "hydro.level", {"level_m": 1.83}))
    assert key == b"TV-BIENHOA"


def test_strangers_are_refused() -> None:
    good = reading("bien-hoa", "hydro", "hydro.level", {"level_m": 1.83})
    for bad in (
        msgspec.structs.replace(good, centre="vung-tau"),
        msgspec.structs.replace(good, site="NOWHERE"),
        msgspec.structs.replace(good, type="service.kpi"),
    ):
        with pytest.raises(BadInput):
            encode(dongnai(), bad)


# Long Khánh against the smart data models -------------------------------------------------------------------------

SCHEMAS = os.environ.get("IOC_TEST_SCHEMAS", "")
MODELS = {
    "traffic.flow": ("TrafficFlowObserved", {"intensity_veh_h": 900.0, "speed_km_h": 31.5, "congested": True}),
    "traffic.incident": ("RoadAccident", {"kind": "accident", "injured": 1, "text": "Va chạm"}),
    "air.quality": ("AirQualityObserved", {"pm25_ug_m3": 31.0, "co_ug_m3": 900.0}),
}
OTHER = ("traffic.incident", "Alert", {"kind": "road_closed", "lanes_blocked": 2})


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


@pytest.mark.skipif(not SCHEMAS, reason="IOC_TEST_SCHEMAS does not name a folder with the smart data models")
@pytest.mark.parametrize(
    ("kind", "model", "data"), [(kind, *row) for kind, row in MODELS.items()] + [OTHER], ids=lambda x: str(x)[:20]
)
def test_entities_follow_the_smart_data_models(kind: str, model: str, data: dict[str, Any]) -> None:
    from jsonschema import Draft202012Validator
    from referencing import Registry, Resource

    folder = Path(SCHEMAS) / "smart-data-models"
    registry: Any = Registry()
    for file in folder.glob("*.json"):
        resource = Resource.from_contents(json.loads(file.read_text(encoding="utf-8")))
        registry = registry.with_resource(resource.contents.get("$id", file.name), resource)
        for base in (
            "https://smart-data-models.github.io/data-models/",
            "https://smart-data-models.github.io/dataModel.Alert/",
            "https://raw.githubusercontent.com/smart-data-models/dataModel.Environment/master/",
        ):
            registry = registry.with_resource(base + file.name, resource)
    schema = json.loads((folder / f"{model}.schema.json").read_text(encoding="utf-8"))
    feed = next(feed for centre, feed, sent in sends() if centre == "long-khanh" and sent == kind)
    place = {"lon": 107.23951, "lat": 10.93399}
    entity = orjson.loads(encode(dongnai(), reading("long-khanh", feed, kind, data | place))[1])
    assert entity["type"] == model
    errors = [
        error.message for error in Draft202012Validator(schema, registry=registry).iter_errors(key_values(entity))
    ]
    assert errors == []
