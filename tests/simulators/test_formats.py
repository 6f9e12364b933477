"""Native formats: reading → the centre's bytes → intake → the reading again, for every type of every centre."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

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
    if name == "plate_hash":
        return st.binary(min_size=32, max_size=32).map(bytes.hex)
    if name.endswith("_at"):
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
        return st.sampled_from(codes(kind, name))
    return WORDS.map(clean) if limit > 200 else WORDS.map(clean).filter(bool)


def codes(kind: str, name: str) -> tuple[str, ...]:
    """The codes of a payload field, from the catalogue."""
    hint = get_type_hints(PAYLOADS[kind])[name]
    options = [option for option in (hint, *get_args(hint)) if get_origin(option) is Literal]
    return get_args(options[0])


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
