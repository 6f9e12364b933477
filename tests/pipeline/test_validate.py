"""Rules of the canonical event: ids, texts, places, times, payloads."""

from __future__ import annotations

import typing
import unicodedata

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc.domain.catalogue import PAYLOADS, RANGES
from ioc.errors import BadInput
from ioc.pipeline.validate import check_place, check_time, clean_text, encode_payload, field_kinds, good_id

BOX = (106.5, 10.25, 107.85, 11.85)


def code_of(call: typing.Callable[[], object]) -> str:
    with pytest.raises(BadInput) as refused:
        call()
    return refused.value.code


@pytest.mark.parametrize("bad", ["", " a", "a b", "é", 'a"b', "a\\b", "a\n", "-a", "x" * 129, "a\u200bb", "а"])
def test_ids_are_plain_ascii(bad: str) -> None:
    assert code_of(lambda: good_id(bad, "id")) == "id"


@pytest.mark.parametrize("bad", [None, 7, True, ["a"], {"a": 1}])
def test_ids_are_texts(bad: object) -> None:
    assert code_of(lambda: good_id(bad, "id")) == "schema"


@pytest.mark.parametrize("good", ["A", "BH-HYD-1", "urn:x:1.2_3~4+5", "x" * 128])
def test_good_ids_are_kept(good: str) -> None:
    assert good_id(good, "id") == good


def test_texts_become_nfc() -> None:
    decomposed = unicodedata.normalize("NFD", "Đà Nẵng")
    assert decomposed != "Đà Nẵng"
    assert clean_text(decomposed, "x", single_line=True) == "Đà Nẵng"
    assert clean_text(decomposed, "x", single_line=False) == "Đà Nẵng"


def test_names_lose_what_cannot_be_seen_and_prose_keeps_it() -> None:
    text = "Biên\u200b Hòa\u202e\u00ad\ufe0f"
    assert clean_text(text, "x", single_line=True) == "Biên Hòa"
    assert clean_text(text, "x", single_line=False) == text


@pytest.mark.parametrize("char", ["\x00", "\x1b", "\x7f", "\x85", "\r"])
def test_control_characters_are_refused(char: str) -> None:
    assert code_of(lambda: clean_text(f"a{char}b", "x", single_line=True)) == "control_char"
    assert code_of(lambda: clean_text(f"a{char}b", "x", single_line=False)) == "control_char"


def test_line_ends_belong_to_prose_only() -> None:
    assert clean_text("a\r\nb\tc\n", "x", single_line=False) == "a\nb\tc\n"
    assert code_of(lambda: clean_text("a\nb", "x", single_line=True)) == "control_char"


def test_stacks_of_marks_are_refused() -> None:
    assert code_of(lambda: clean_text("e" + "\u0334" * 9, "x", single_line=False)) == "combining"
    assert clean_text("e" + "\u0334" * 8, "x", single_line=False)


@given(st.text())
def test_a_clean_text_stays_as_it_is(text: str) -> None:
    for single_line in (True, False):
        try:
            once = clean_text(text, "x", single_line=single_line)
        except BadInput:
            continue
        assert clean_text(once, "x", single_line=single_line) == once


def test_times_are_judged_against_the_arrival() -> None:
    now = 1_764_000_000_000
    check_time(now + 120_000, now, "t")
    check_time(now - 86_400_000, now, "t")
    assert code_of(lambda: check_time(now + 120_001, now, "t")) == "future"
    assert code_of(lambda: check_time(now - 86_400_001, now, "t")) == "ancient"
    check_time(0, now, "t", any_past=True)
    assert code_of(lambda: check_time(now + 120_001, now, "t", any_past=True)) == "future"


@pytest.mark.parametrize(
    ("lon", "lat", "words"),
    [
        (10.95, 106.82, "swapped"),
        (0, 0, "outside"),
        (106.82, None, "both"),
        (None, 10.95, "both"),
        ("106.82", 10.95, "both"),
        (True, 10.95, "both"),
        (100.0, 10.95, "outside"),
    ],
)
def test_places_are_inside_and_the_right_way_round(lon: object, lat: object, words: str) -> None:
    with pytest.raises(BadInput, match=words) as refused:
        check_place(lon, lat, BOX, "p")
    assert refused.value.code == "geo"


def test_a_good_place_passes() -> None:
    assert check_place(106.82, 10.95, BOX, "p") == (106.82, 10.95)


@pytest.mark.parametrize(
    ("data", "code", "path"),
    [
        ({"level_m": 150.1}, "range", "muc"),
        ({"level_m": -5.1}, "range", "muc"),
        ({"level_m": True}, "schema", "muc"),
        ({"level_m": "1.83"}, "schema", "muc"),
        ({"level_m": None}, "schema", "muc"),
        ({}, "schema", ""),
        ({"level_m": 1.0, "colour": 3}, "schema", "colour"),
    ],
)
def test_payloads_are_checked_and_the_native_path_is_named(data: dict[str, object], code: str, path: str) -> None:
    with pytest.raises(BadInput) as refused:
        encode_payload("hydro.level", data, {"level_m": "muc"})
    assert refused.value.code == code
    if path != "colour":
        assert refused.value.path == path


def test_codes_and_lengths_have_their_own_reasons() -> None:
    assert code_of(lambda: encode_payload("traffic.incident", {"kind": "Accident"}, {})) == "enum"
    data = {"channel": "app", "field": "x" * 201}
    assert code_of(lambda: encode_payload("feedback.1022", data, {})) == "too_long"
    assert code_of(lambda: encode_payload("source.heartbeat", {"seq": 2**53 + 1}, {})) == "range"
    assert code_of(lambda: encode_payload("source.heartbeat", {"seq": 1e30}, {})) == "range"


def test_absent_values_stay_absent() -> None:
    assert encode_payload("hydro.level", {"level_m": 2}, {}) == b'{"level_m":2.0}'


def test_every_number_of_the_catalogue_has_a_plausible_range() -> None:
    for name in PAYLOADS:
        for field, (kind, _) in field_kinds(name).items():
            if kind in ("number", "integer") and field not in ("lon", "lat"):
                assert field in RANGES[name], f"{name}.{field} has no range"


@given(st.sampled_from(sorted(PAYLOADS)), st.data())
def test_what_passes_can_be_read_with_the_catalogue(name: str, data: st.DataObject) -> None:
    fields = field_kinds(name)
    anything = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5))
    drawn = data.draw(st.dictionaries(st.sampled_from(sorted(fields)), anything))
    try:
        encoded = encode_payload(name, drawn, {})
    except BadInput:
        return
    msgspec.json.decode(encoded, type=PAYLOADS[name])
