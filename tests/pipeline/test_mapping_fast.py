"""The quick way: it must take well-formed records, and for any record give what the careful way gives, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import cache
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.adapters.profiles import load_profile
from ioc.domain.profile import Centre, Profile
from ioc.domain.times import rfc3339
from ioc.errors import BadInput
from ioc.pipeline.effects import Emit, InRecord
from ioc.pipeline.intake import IntakePartition
from ioc.pipeline.mapping import Mapper, mapper_of
from ioc.pipeline.mapping_pieces import REMEMBERED_MAX, TEXT_MAX, Remembered
from simulators import feeds, formats
from simulators.feeds.base import Periodic
from simulators.readings import Reading
from tests.pipeline import made_up
from tests.simulators.golden_readings import readings

START = 1_764_000_000_000
CENTRES = ("bien-hoa", "long-khanh", "tinh", "alpha")


@cache
def province() -> Profile:
    return load_profile("dongnai-2023", with_rules=False)


def centre_of(name: str) -> tuple[Profile, Centre]:
    profile = made_up.profile() if name == "alpha" else province()
    return profile, next(centre for centre in profile.centres if centre.id == name)


@cache
def mapper(name: str) -> Mapper:
    profile, centre = centre_of(name)
    return mapper_of(centre, profile.geo_box)


@cache
def natives(name: str) -> tuple[bytes, ...]:
    """Well-formed records of every kind that a centre sends."""
    if name == "alpha":
        note = {
            "what": "note",
            "meta": {"owner": "ALPHA", "v": 3, "station": "v-1", "n": 7, "kind": 7},
            "at": made_up.NOW,
            "by": 1,
            "odd.key": ["Hạ tầng"],
            "text": "Đường ngập nước",
            "due": "2025-11-27 17:00",
        }
        return (*(orjson.dumps(made_up.level(n)) for n in range(9)), orjson.dumps(note))
    profile = province()
    world = feeds.world_of(profile, 1, start_ms=START)
    sources = feeds.build(profile, seed=1, centres=[name], rate=200.0)
    measured = [
        one for source in sources if isinstance(source, Periodic) for one in source.between(world, START, START + 2000)
    ]
    kinds: dict[str, list[Reading]] = {}
    for reading in measured + readings(profile, name):
        kinds.setdefault(reading.type, []).append(reading)
    return tuple(formats.encode(profile, reading)[1] for some in kinds.values() for reading in some[:12])


def careful(reader: Mapper, value: bytes) -> tuple[Any, ...] | str:
    """What the careful way makes of a record: the same seven values, or the reason."""
    try:
        native = reader.native(value)
        plan = reader.plan(native)
        event_id, time_ms = plan.read_id(native), plan.read_time(native)
        if reader.exercise(native) is not None:
            return "exercise"
        sequence = plan.read_sequence(native) if plan.read_sequence is not None else None
        data = plan.payload(native)
        return plan.number, event_id, time_ms, rfc3339(time_ms).encode(), plan.read_site(native), sequence, data
    except BadInput as refusal:
        return refusal.code


def quick(reader: Mapper, value: bytes) -> tuple[Any, ...] | None:
    """As the intake calls it: whatever the quick way cannot read is left to the careful one."""
    try:
        return reader.quick(reader.native(value))
    except Exception:  # noqa: BLE001 - the contract of FastReader.read
        return None


@pytest.mark.parametrize("name", CENTRES)
def test_well_formed_records_go_the_quick_way(name: str) -> None:
    reader = mapper(name)
    kinds = set()
    for value in natives(name):
        found = quick(reader, value)
        assert found is not None, value
        assert found == careful(reader, value)
        kinds.add(found[0])
    assert len(kinds) == (2 if name == "alpha" else len(readings(province(), name)))


# Spoilt records ----------------------------------------------------------------------------------------------------

SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**54), 2**54),
    st.sampled_from([0, 1, -1, 5, 113, 2**53, 10**30, 0.0, -0.0, 1.0, 1e-12, 1e308, 106.9, 10.9]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        [
            *("", "1", "1,5", "-0,0", "106,9", "10,9", "K", "C", "TN", "true", "113", "2025-11-24T16:00:00Z"),
            *("2025-11-24T16:00:00.123.5Z", "2016-12-31T23:59:60.250Z", "2025-11-24T16:00:00.123+07:00"),
            *("24/11/2025 23:00:01", "urn:ngsi-ld:Device:lk-cam-001", "a:b", "/tinh/x", "GT-01", "ALPHA", "w-1"),
            *("000000000012", "²", "1_0", "Đường ngập\nnước", "a\x00b", "a\u0301" * 3, "a" + "\u0301" * 12),
            *("   ", "\u200b", " \ufeff\u2060", "\u00a0"),
            *("x" * 201, "x" * 2001, "\u202eabc", "Ð"),
        ]
    ),
    st.text(max_size=6),
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["value", "type", "a", "coordinates", "unitCode"]), inner, max_size=3)
    ),
    max_leaves=4,
)


def places(native: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = native.items() if isinstance(native, dict) else enumerate(native) if isinstance(native, list) else ()
    return [found for key, value in inner for found in [(*path, key), *places(value, (*path, key))]]


def change(native: Any, path: tuple[Any, ...], value: Any, remove: bool) -> None:
    for step in path[:-1]:
        native = native[step]
    if remove:
        native.pop(path[-1])
    else:
        native[path[-1]] = value


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(CENTRES), st.data())
def test_a_spoilt_record_is_read_the_same_way_or_left_to_the_careful_one(name: str, data: st.DataObject) -> None:
    native = orjson.loads(data.draw(st.sampled_from(natives(name))))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(places(native)))
        change(native, path, data.draw(VALUES), data.draw(st.booleans()))
        if not places(native):
            break
    try:
        value = orjson.dumps(native)
    except TypeError:  # a whole number beyond 64 bits
        return
    found = quick(mapper(name), value)
    if found is not None:
        assert found == careful(mapper(name), value)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(CENTRES), st.data())
def test_with_and_without_the_quick_way_the_step_says_the_same(name: str, data: st.DataObject) -> None:
    profile, _ = centre_of(name)
    records = []
    for offset in range(data.draw(st.integers(1, 12))):
        value = data.draw(st.sampled_from(natives(name)))
        if data.draw(st.booleans()):
            native = orjson.loads(value)
            change(native, data.draw(st.sampled_from(places(native))), data.draw(SCALARS), data.draw(st.booleans()))
            try:
                value = orjson.dumps(native)
            except TypeError:
                continue
        records.append(InRecord(offset, START + 3000 + offset, b"k", value))
    one, other = IntakePartition(profile, name, 0), IntakePartition(profile, name, 0)
    other._quickly = lambda *everything: False  # type: ignore[method-assign]
    emits: list[list[Emit]] = [step.step(records, START + 5000).emits for step in (one, other)]
    assert emits[0] == emits[1]
    assert one.take_dirty() == other.take_dirty()
    assert one.tick(START + 70_000) == other.tick(START + 70_000)


def test_one_and_true_are_never_mixed_up_by_what_is_remembered() -> None:
    reader = mapper("alpha")
    for value in (1, True, 1.0, 1):
        native = orjson.loads(natives("alpha")[-1]) | {"by": value}
        found = quick(reader, orjson.dumps(native))
        assert found is None or found == careful(reader, orjson.dumps(native))
    level = made_up.level(3)
    for version in (2, 2.0, True, "2"):
        native = deepcopy(level)
        native["meta"]["v"] = version
        assert (quick(reader, orjson.dumps(native)) is not None) == (version.__class__ is int)


def test_the_memory_of_pieces_is_bounded_and_keeps_what_is_fixed() -> None:
    made: list[str] = []
    make: Callable[[str], bytes] = lambda text: (made.append(text), text.encode())[1]  # noqa: E731
    memory = Remembered(make, {None: b"absent"})
    for number in range(3 * REMEMBERED_MAX):
        assert memory[str(number)] == str(number).encode()
        assert len(memory) <= REMEMBERED_MAX
    assert memory[None] == b"absent"
    assert len(made) == 3 * REMEMBERED_MAX


def test_a_long_text_is_made_anew_each_time() -> None:
    memory = Remembered(str.encode)
    for length in (0, 1, TEXT_MAX, TEXT_MAX + 1, 80_000):
        assert memory["x" * length] == b"x" * length
    assert max(map(len, memory)) == TEXT_MAX
    assert len(memory) == 3
    pairs: Remembered[str] = Remembered("".join)  # longitude and latitude may be texts
    for pair in (("1", "2"), ("1", "2" * (TEXT_MAX + 1)), ("1" * (TEXT_MAX + 1), "2")):
        assert pairs[pair] == "".join(pair)
    assert list(pairs) == [("1", "2")]


@pytest.mark.parametrize("text", ["a\\b", "a\nb", "\x00", "\x1f", "\t"])
def test_a_memory_takes_no_text_that_json_writes_with_an_escape(text: str) -> None:
    memory: Remembered[bytes] = Remembered(str.encode)
    pairs: Remembered[str] = Remembered("".join)
    for key, of in ((text, memory), (("1", text), pairs), ((text, "1"), pairs)):
        with pytest.raises(BadInput):
            of[key]
        assert not of
    assert memory['Đường "5"\x7f'] == 'Đường "5"\x7f'.encode()


def test_the_generated_text_can_be_read() -> None:
    from ioc.pipeline.mapping_fast import FastReader
    from ioc.pipeline.mapping_table import read_table

    profile, centre = centre_of("bien-hoa")
    table = read_table(centre, [])
    assert table is not None
    source = FastReader(table, profile.geo_box).source
    assert "def k0(n):  # traffic.flow" in source
    assert "n['ma_ban_tin']" in source
    assert source.count("def ") == len(table.records) + 1


@pytest.mark.parametrize("site", [None, 7, 1.5, True, ["GT-01"]])
def test_a_site_that_is_no_text_is_left_to_the_careful_way(site: object) -> None:
    native = orjson.loads(natives("bien-hoa")[0]) | {"ma_tram": site}
    (emit,) = (
        IntakePartition(province(), "bien-hoa", 0).step([InRecord(0, START, b"k", orjson.dumps(native))], START).emits
    )
    assert quick(mapper("bien-hoa"), orjson.dumps(native)) is None
    assert emit.topic == "dead"
    assert orjson.loads(emit.value or b"")["code"] in ("schema", "unknown_source")
