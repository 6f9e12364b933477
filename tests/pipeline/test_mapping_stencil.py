"""Stencils: whatever fits one is what the careful way would have read; whatever does not is left alone."""

from __future__ import annotations

from functools import cache
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioc.domain.profile import Centre, Profile
from ioc.pipeline import mapping_pieces, mapping_stencil_text
from ioc.pipeline.effects import InRecord
from ioc.pipeline.intake import IntakePartition
from ioc.pipeline.mapping import Mapper, mapper_of
from ioc.pipeline.mapping_fast import Box, FastReader
from ioc.pipeline.mapping_stencil import (
    BYTES_MAX,
    COMMAS_MAX,
    KEY_BYTES_MAX,
    KEYS_MAX,
    LEARN_FREE,
    PER_KEY_MAX,
    STENCILS_MAX,
    Stencils,
)
from ioc.pipeline.mapping_table import FormatTable, read_table
from tests.pipeline import made_up, test_mapping_fast
from tests.pipeline.test_mapping_fast import START, careful, quick

CENTRES = ("bien-hoa", "long-khanh", "tinh", "beta")
DECODED_ALWAYS = {"bien-hoa": {1, 5}, "long-khanh": {1, 2, 5}, "tinh": {0}, "beta": {1}}  # kinds with free texts


def centre_of(name: str) -> tuple[Profile, Centre]:
    """As for the quick way, and the made-up centre with ids that a stencil can find."""
    if name != "beta":
        return test_mapping_fast.centre_of(name)
    profile = made_up.profile(made_up.centre(made_up.table(id={"path": "uid", "split": "|", "item": 1, "rest": True})))
    return profile, profile.centres[0]


@cache
def mapper(name: str) -> Mapper:
    profile, centre = centre_of(name)
    return mapper_of(centre, profile.geo_box)


@cache
def natives(name: str) -> tuple[bytes, ...]:
    if name != "beta":
        return test_mapping_fast.natives(name)
    return tuple(b'{"uid":"a|b-%d",%b' % (n, value[1:]) for n, value in enumerate(test_mapping_fast.natives("alpha")))


@cache
def shape(name: str) -> tuple[FormatTable, Box | None, dict[str, Any]]:
    profile, centre = centre_of(name)
    table = read_table(centre, [])
    assert table is not None
    return table, profile.geo_box, FastReader(table, profile.geo_box).kept


def fresh(name: str) -> Stencils:
    return Stencils(*shape(name))


def teach(stencils: Stencils, reader: Mapper, key: bytes | None, value: bytes) -> None:
    found = quick(reader, value)
    if found is not None:
        stencils.learn(key, value, found)


def key_of(name: str, value: bytes) -> bytes:
    """A key per kind of record, as a site has it."""
    found = quick(mapper(name), value)
    return b"kind %d" % found[0] if found is not None else b""


def said(stencils: Stencils, key: bytes | None, value: bytes) -> object:
    """As the intake calls it."""
    try:
        return stencils.read(key, value)
    except Exception:  # noqa: BLE001 - the contract of Stencils.read
        return None


@cache
def taught(name: str) -> tuple[Stencils, tuple[tuple[bytes, bytes], ...]]:
    """Stencils that know every well-formed record, and these with their keys."""
    stencils, keyed = fresh(name), tuple((key_of(name, value), value) for value in natives(name))
    for key, value in keyed + keyed:
        if said(stencils, key, value) is None:
            teach(stencils, mapper(name), key, value)
    return stencils, keyed


@pytest.mark.parametrize("name", CENTRES)
def test_a_form_that_came_before_is_read_from_its_text(name: str) -> None:
    stencils, keyed = taught(name)
    kinds = set()
    for key, value in keyed:
        found = said(stencils, key, value)
        if found is not None:
            assert found == careful(mapper(name), value)
            kinds.add(found[0])  # type: ignore[index]
    assert kinds == {quick(mapper(name), value)[0] for _, value in keyed} - DECODED_ALWAYS[name]  # type: ignore[index]


# Spoilt texts ------------------------------------------------------------------------------------------------------

FRAGMENTS = [
    *(
        b'"',
        b"\\",
        b"\\n",
        b"\\u0041",
        b"\\ud800",
        b"\x00",
        b"\n",
        b"\x1f",
        b"\x7f",
        b"\xff",
        b"\xed\xa0\x80",
        b"\xef\xbb\xbf",
    ),
    *(
        "Đường".encode(),
        b" ",
        b"\t",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b",,",
        b"null",
        b"true",
        b"false",
        b"NaN",
        b"Infinity",
    ),
    *(
        b"0",
        b"00",
        b"01",
        b"-0",
        b"-",
        b"+1",
        b".",
        b".5",
        b"5.",
        b"1.5",
        b"-1.5",
        b"1e5",
        b"1E400",
        b"1_0",
        b"0.0",
        b"-0.0",
    ),
    *(b"9007199254740993", b"99999999999999999999", b"1" * 30, b"0.1000000000000000055511151231257827", b"123456.5"),
    *(
        b'"id":"x",',
        b'"a":1,',
        b',"a":{"a":{}}',
        b'"value":1,',
        b'"value":"1",',
        b"urn:ngsi-ld:",
        b":",
        b"/",
        b"\xc2\xb2",
    ),
    *(
        b"x" * 129,
        b"9" * 400,
        b"[" * 20,
        b"2016-12-31T23:59:60.250Z",
        b"2025-11-24T16:00:00.123+07:00",
        b"24/11/2025 23:00:01",
    ),
    b"",
]


def spoil(value: bytes, data: st.DataObject) -> bytes:
    """A few cuts and insertions, most of them where a value begins or ends."""
    for _ in range(data.draw(st.integers(1, 3))):
        edges = [at for at, byte in enumerate(value) if byte in b'":,{}[]'] or [0]
        at = data.draw(st.sampled_from(edges)) + data.draw(st.integers(0, 1))
        gone = data.draw(st.sampled_from([0, 0, 1, 2, 4, 9]))
        put = data.draw(st.sampled_from(FRAGMENTS) | st.binary(max_size=3))
        value = value[:at] + put + value[at + gone :]
    return value


def agrees(name: str, stencils: Stencils, key: bytes, value: bytes) -> bool:
    found = said(stencils, key, value)
    if found is None:
        return True
    try:
        return found == careful(mapper(name), value)
    except Exception:  # noqa: BLE001 - a record that cannot be decoded at all
        return False


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(CENTRES), st.data())
def test_a_spoilt_text_is_read_as_the_careful_way_does_or_not_at_all(name: str, data: st.DataObject) -> None:
    stencils, keyed = taught(name)
    key, value = data.draw(st.sampled_from(keyed))
    assert agrees(name, stencils, key, spoil(value, data))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(CENTRES), st.data())
def test_whatever_is_learnt_it_holds_for_other_texts_too(name: str, data: st.DataObject) -> None:
    """Forms made from spoilt records, tried on other spoilt records."""
    stencils = fresh(name)
    values = [value for _, value in taught(name)[1]]
    tried = [
        spoil(data.draw(st.sampled_from(values)), data)
        if data.draw(st.booleans())
        else data.draw(st.sampled_from(values))
        for _ in range(data.draw(st.integers(2, 4)))
    ]
    for value in tried:
        teach(stencils, mapper(name), b"k", value)
        for other in tried:
            assert agrees(name, stencils, b"k", other)
            assert agrees(name, stencils, b"k", spoil(other, data))


SWITCH = [b'"so_thu_tu":%b,' % put for put in (b"07", b"1.0", b"-0", b"1e3", b"+5", b"9007199254740993", b"5,5", b"")]


@pytest.mark.parametrize("put", SWITCH)
def test_a_number_that_is_no_plain_one_does_not_fit(put: bytes) -> None:
    stencils, keyed = taught("bien-hoa")
    key, value = keyed[0]
    number = orjson.loads(value)["so_thu_tu"]
    spoilt = value.replace(b'"so_thu_tu":%d,' % number, put)
    assert spoilt != value
    assert said(stencils, key, spoilt) is None


def test_the_check_sees_a_hole_that_takes_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted mistake: a text hole that lets escapes through, a number hole that lets zeros in front."""
    key, value = taught("bien-hoa")[1][0]
    site = orjson.loads(value)["ma_tram"].encode()
    escaped = value.replace(b'"ma_tram":"' + site, b'"ma_tram":"\\u0041' + site)
    zero = value.replace(b'"so_thu_tu":', b'"so_thu_tu":0')
    assert agrees("bien-hoa", taught("bien-hoa")[0], key, escaped)
    assert agrees("bien-hoa", taught("bien-hoa")[0], key, zero)
    monkeypatch.setattr(mapping_stencil_text, "_TEXT", '[^"]*+')
    monkeypatch.setattr(mapping_stencil_text, "_WHOLE", "[0-9]++")
    careless = fresh("bien-hoa")
    teach(careless, mapper("bien-hoa"), key, value)
    assert not agrees("bien-hoa", careless, key, escaped)
    assert not agrees("bien-hoa", careless, key, zero)


def kpi(unit: bytes) -> tuple[bytes, bytes]:
    key, value = next((key, value) for key, value in taught("tinh")[1] if b'"donVi":"%"' in value)
    return key, value.replace(b'"donVi":"%"', b'"donVi":"' + unit + b'"')


@pytest.mark.parametrize("guarded", [True, False])
def test_a_text_that_was_written_with_an_escape_is_not_found_without_one(
    guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is looked up may hold anything, and what is remembered may not; without the latter the check sees it."""
    if not guarded:
        monkeypatch.setattr(mapping_pieces, "_unclean", lambda text: None)
    mapper_of_its_own = Mapper(centre_of("tinh")[1], centre_of("tinh")[0].geo_box)
    stencils = mapper_of_its_own.stencils
    key, plain = kpi(b"m")
    for unit in (b"m", b"a\\\\b"):
        value = kpi(unit)[1]
        assert careful(mapper_of_its_own, value).__class__ is tuple
        teach(stencils, mapper_of_its_own, key, value)
    assert said(stencils, key, plain) == careful(mapper_of_its_own, plain)
    assert agrees_with(mapper_of_its_own, key, kpi(b"a\\b")[1]) == guarded


def agrees_with(reader: Mapper, key: bytes, value: bytes) -> bool:
    found = said(reader.stencils, key, value)
    return found is None or found == careful(reader, value)


# Learning ----------------------------------------------------------------------------------------------------------


def level(n: int, **more: object) -> bytes:
    """A good record of Biên Hòa with something beside what the table reads."""
    native = next(orjson.loads(v) for v in natives("bien-hoa") if b'"giao_thong"' in v)
    return orjson.dumps({**native, "ma_ban_tin": f"BH-{n}", **more})


def test_a_value_that_nobody_reads_becomes_a_hole_once_it_differs() -> None:
    stencils, reader = fresh("bien-hoa"), mapper("bien-hoa")
    teach(stencils, reader, b"k", level(1, pin="3,61"))
    assert said(stencils, b"k", level(2, pin="3,61")) == careful(reader, level(2, pin="3,61"))
    assert said(stencils, b"k", level(3, pin="3,59")) is None
    teach(stencils, reader, b"k", level(3, pin="3,59"))
    for n, pin in enumerate(("3,61", "3,02", "Đ", "")):
        assert said(stencils, b"k", level(n, pin=pin)) == careful(reader, level(n, pin=pin))
    assert said(stencils, b"k", level(5, pin=3.61)) is None, "a number is another form"
    assert said(stencils, b"k", level(6, pin="3,61", dien_tap="x")) is None, "a drill has a key more"


@pytest.mark.parametrize("where", [b"", b',"where":null'])
def test_a_form_without_a_position_is_learnt_too(where: bytes) -> None:
    stencils, reader = fresh("beta"), mapper("beta")
    records = [value.split(b',"where"')[0] + where + b"}" for value in natives("beta")[:2]]
    teach(stencils, reader, b"w-1", records[0])
    assert said(stencils, b"w-1", records[1]) == careful(reader, records[1])


def test_what_is_learnt_is_bounded() -> None:
    stencils, reader = fresh("bien-hoa"), mapper("bien-hoa")
    for n in range(3 * LEARN_FREE):
        teach(stencils, reader, b"k%d" % (n % 7), level(n, **{f"x{n}": 1}))
    assert stencils._learnt <= LEARN_FREE + 1
    assert max(map(len, stencils._by_kind)) == STENCILS_MAX
    assert max(map(len, stencils._by_key.values())) <= PER_KEY_MAX
    last = stencils._by_kind[0][-1]
    for n in range(KEYS_MAX + 5):
        stencils._remember(b"%d" % n, last)
        assert len(stencils._by_key) <= KEYS_MAX


@pytest.mark.parametrize(
    "extra", [[7] * 8_000, {f"x{n}": n for n in range(2_000)}, "x" * (BYTES_MAX + 1), [1] * (COMMAS_MAX + 1)]
)
def test_no_form_is_made_of_a_big_record(extra: object) -> None:
    """A list of 8,000 numbers that differ would hold the partition up for seconds, while their holes are compiled."""
    stencils, reader = fresh("bien-hoa"), mapper("bien-hoa")
    for n in range(2):
        value = level(n, x=extra)
        assert quick(reader, value) is not None, "the record itself is good"
        teach(stencils, reader, b"k", value)
    assert not any(stencils._by_kind)
    assert (stencils._missed, stencils._learnt) == (0, 0), "it uses up nothing of what others may learn"


def test_a_long_key_is_not_remembered() -> None:
    stencils, reader = fresh("bien-hoa"), mapper("bien-hoa")
    long, longest_known = b"k" * (KEY_BYTES_MAX + 1), b"k" * KEY_BYTES_MAX
    for key in (long, longest_known, None):
        teach(stencils, reader, key, level(1))
    assert list(stencils._by_key) == [longest_known, None]
    assert said(stencils, long, level(2)) is None
    assert said(stencils, longest_known, level(2)) == said(stencils, None, level(2)) == careful(reader, level(2))


def test_a_record_just_small_enough_is_learnt() -> None:
    stencils, reader = fresh("bien-hoa"), mapper("bien-hoa")
    plain = level(1, x=[])
    value = level(1, x=[1] * (COMMAS_MAX - plain.count(b",") + 1))
    assert value.count(b",") == COMMAS_MAX
    teach(stencils, reader, b"k", value)
    assert said(stencils, b"k", value) == careful(reader, value)
    value = level(1, y="")
    value = level(1, y="x" * (BYTES_MAX - len(value)))
    teach(stencils, reader, b"k", value)
    assert said(stencils, b"k", value) == careful(reader, value)


def test_a_record_that_is_too_big_or_comes_under_another_key_is_not_tried() -> None:
    stencils, reader = fresh("bien-hoa"), mapper("bien-hoa")
    teach(stencils, reader, b"k", level(1, pin="a"))
    teach(stencils, reader, b"k", level(2, pin="b"))
    assert said(stencils, b"k", level(3, pin="x" * 1000)) is not None
    assert said(stencils, b"k", level(3, pin="x" * 300_000)) is None
    assert said(stencils, b"other", level(4, pin="a")) is None
    assert said(stencils, b"k", level(4, pin="a") + b" ") is None


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(CENTRES), st.data())
def test_with_and_without_stencils_the_step_says_the_same(name: str, data: st.DataObject) -> None:
    profile, centre = centre_of(name)
    keyed = taught(name)[1]
    records = []
    for offset in range(data.draw(st.integers(1, 16))):
        key, value = data.draw(st.sampled_from(keyed))
        if data.draw(st.integers(0, 2)) == 0:
            value = spoil(value, data)
        records.append(InRecord(offset, START + 3000 + offset, key, value))
    one, two, three = (IntakePartition(profile, centre.id, 0) for _ in range(3))
    two._usual = lambda key, data, arrival: None  # type: ignore[method-assign]
    three._quickly = lambda *everything: False  # type: ignore[method-assign]
    steps = (one, two, three)
    for part in (records[:5], records[5:]):
        emits = [step.step(part, START + 5000).emits for step in steps]
        assert emits[0] == emits[1] == emits[2]
        dirty = [step.take_dirty() for step in steps]
        assert dirty[0] == dirty[1] == dirty[2]
    health = [step.tick(START + 70_000) for step in steps]
    assert health[0] == health[1] == health[2]
