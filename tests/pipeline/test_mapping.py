"""The declarative table: what it can say, and that its mistakes are found before use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ioc.domain.times import parse_rfc3339, rfc3339
from ioc.errors import BadInput, BadSettings
from ioc.pipeline.mapping import Mapper
from ioc.pipeline.mapping_pieces import instant_reader
from ioc.pipeline.mapping_table import Value, format_problems, path_steps
from ioc.pipeline.mapping_times import epoch_reader, local_reader, rfc3339_reader
from ioc.pipeline.mapping_values import reader
from tests.pipeline.made_up import FORMAT, centre, level, table


def mapper(format_table: dict[str, Any] | None = None) -> Mapper:
    return Mapper(centre(format_table), (106.5, 10.25, 107.85, 11.85))


def payload(native: dict[str, Any], format_table: dict[str, Any] | None = None) -> dict[str, Any]:
    return orjson.loads(mapper(format_table).plan(native).payload(native))  # type: ignore[no-any-return]


def refusal(native: dict[str, Any], format_table: dict[str, Any] | None = None) -> tuple[str, str]:
    with pytest.raises(BadInput) as refused:
        payload(native, format_table)
    return refused.value.code, refused.value.path


# What it can say ---------------------------------------------------------------------------------------------------


def test_nested_paths_lists_units_and_positions() -> None:
    native = level()
    plan = mapper().plan(native)
    assert (plan.type, plan.feed) == ("hydro.level", "water")
    assert plan.read_id(native) == "w-1:1"
    assert plan.read_time(native) == native["at"]
    assert plan.read_site(native) == "w-1"
    assert payload(native) == {"lon": 106.82, "lat": 10.95, "level_m": 3.048, "trend_m_h": 0.1524}


def test_conditions_lookups_odd_keys_and_times() -> None:
    native = {
        "what": "note",
        "meta": {"owner": "ALPHA", "v": 3, "kind": 7},
        "by": True,
        "odd.key": ["Hạ tầng"],
        "due": "2025-11-27 17:00",
    }
    assert payload(native) == {
        "channel": "app",
        "field": "Hạ tầng",
        "text": "",
        "due_at": "2025-11-27T10:00:00.000Z",
        "state": "received",
    }
    assert payload(native | {"by": 1})["channel"] == "phone"


def test_optional_values_may_be_absent_or_null() -> None:
    assert payload(level(values=[{"ft": 10.0}], where=None)) == {"level_m": 3.048}
    assert payload(level(values=[{"ft": 10.0}, {"ft": None}], where=None)) == {"level_m": 3.048}


@pytest.mark.parametrize(
    ("native", "expected"),
    [
        (level(meta__owner="BETA"), ("centre_mismatch", "meta.owner")),
        (level(meta__owner="alpha"), ("centre_mismatch", "meta.owner")),
        (level(meta__owner=None), ("schema", "meta.owner")),
        (level(meta__v=4), ("unsupported_version", "meta.v")),
        (level(meta__v="2"), ("unsupported_version", "meta.v")),
        (level(meta__v=2.0), ("unsupported_version", "meta.v")),
        (level(meta__v=None), ("schema", "meta.v")),
        (level(what="Level"), ("unknown_type", "")),
        (level(what=None), ("unknown_type", "")),
        (level(what=["level"]), ("unknown_type", "")),
        (level(what={"level": 1}), ("unknown_type", "")),
        (level(what="note"), ("unknown_type", "")),
        (level(values=[]), ("schema", "values[0].ft")),
        (level(values={"0": 1}), ("schema", "values[0].ft")),
        (level(values=[{"ft": "10"}]), ("schema", "values[0].ft")),
        (level(values=[{"ft": True}]), ("schema", "values[0].ft")),
        (level(values=[{"ft": 2**60}]), ("range", "values[0].ft")),
        (level(values=[{"ft": 500}]), ("range", "values[0].ft")),
        (level(where=[10.95, 106.82]), ("geo", "where")),
        (level(where=[106.82, 10.95, 4.0]), ("geo", "where")),
        (level(where=[106.82]), ("geo", "where")),
        (level(where="106.82,10.95"), ("geo", "where")),
        (level(where=["106.82", "10.95"]), ("geo", "where")),
    ],
)
def test_reasons_and_native_paths(native: dict[str, Any], expected: tuple[str, str]) -> None:
    assert refusal(native) == expected


def test_true_is_not_one() -> None:
    native = {"what": "note", "meta": {"owner": "ALPHA", "v": 2, "kind": True}, "by": 1, "odd.key": ["x"]}
    assert refusal(native)[0] == "unknown_type"


def test_unit_codes_in_the_record() -> None:
    fields = {"level_m": {"path": "v", "unit_path": "u", "units": {"FOT": "ft->m", "MTR": "same"}}}
    form = table(records=[FORMAT["records"][0] | {"fields": fields}, FORMAT["records"][1]])
    assert payload(level(v=10, u="FOT"), form) == {"level_m": 3.048}
    assert payload(level(v=10, u="MTR"), form) == {"level_m": 10.0}
    assert refusal(level(v=10, u="mtr"), form) == ("unit", "u")
    assert refusal(level(v=10), form) == ("unit", "u")
    assert refusal(level(v=10, u=["MTR"]), form) == ("unit", "u")


def test_too_big_records() -> None:
    with pytest.raises(BadInput) as refused:
        mapper().native(b"{" + b" " * 100_000 + b"}")
    assert refused.value.code == "too_big"


# Numbers and texts ---------------------------------------------------------------------------------------------------


@given(st.decimals(-99999, 99999, places=4))
def test_decimal_commas_are_exact(number: Any) -> None:
    read = reader(Value(path="x", number="decimal_comma"), "number")
    assert read({"x": str(number).replace(".", ",")}) == float(number)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        ",",
        "1,",
        ",5",
        "1.5",
        "1,2,3",
        "1.234,5",
        "+1",
        " 1",
        "1 ",
        "1e5",
        "nan",
        "inf",
        "1_0",
        "٣",
        "²",
        "--1",
        "9" * 25,
    ],
)
def test_other_ways_to_write_a_number_are_refused(text: str) -> None:
    read = reader(Value(path="x", number="decimal_comma"), "number")
    with pytest.raises(BadInput) as refused:
        read({"x": text})
    assert refused.value.code in ("schema", "range")


def test_whole_numbers_written_as_text() -> None:
    assert reader(Value(path="x", number="text"), "integer")({"x": "12"}) == 12


def test_minus_zero_becomes_zero() -> None:
    for value, native in ((Value(path="x"), -0.0), (Value(path="x", number="decimal_comma"), "-0,0")):
        assert str(reader(value, "number")({"x": native})) == "0.0"


def test_cutting_texts() -> None:
    urn = {"x": "urn:ngsi-ld:T:long-khanh:a:b"}
    assert reader(Value(path="x", split=":", item=3), "any")(urn) == "long-khanh"
    assert reader(Value(path="x", split=":", item=4), "any")(urn) == "a"
    assert reader(Value(path="x", split=":", item=4, rest=True), "any")(urn) == "a:b"
    for item, rest in ((6, False), (6, True)):
        with pytest.raises(BadInput, match="parts"):
            reader(Value(path="x", split=":", item=item, rest=rest), "any")(urn)


def test_paths() -> None:
    assert path_steps("a.b[0][12].c") == ("a", "b", 0, 12, "c")
    assert path_steps("date.@value") == ("date", "@value")


# Times ---------------------------------------------------------------------------------------------------------------


@given(st.integers(0, 4_000_000_000_000), st.sampled_from(["Z", "+07:00", "-11:30"]), st.integers(0, 9))
def test_rfc3339_agrees_with_the_standard_library(ms: int, zone: str, decimals: int) -> None:
    text = rfc3339(ms)[:19] + ("." + "123456789"[:decimals] if decimals else "") + zone
    read = rfc3339_reader()
    try:
        expected = parse_rfc3339(text[:19] + ("." + "123456789"[:decimals].ljust(6, "0")[:6]) + zone)
    except OverflowError:
        return
    if expected >= 0:
        assert read(text, "t") == expected
        assert read(text, "t") == expected  # from the cache
        assert read(rfc3339(ms), "t") == ms


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-24T03:00:00",
        "2026-11-24T03:00:00+25:00",
        "2026-11-24T03:00:00+7",
        "2026-11-24",
        "20261124T030000Z",
        "2026-13-24T03:00:00Z",
        "2026-02-30T03:00:00Z",
        "2026-11-24T24:00:00Z",
        "2026-11-24T03:00:61Z",
        "2026-11-24T03:00:00.Z",
        "2026-11-24T03:00:00.+12Z",
        "2026-11-24T03:00:00. 12Z",
        "2026-11-24T03:00:00.²12Z",
        "٢026-11-24T03:00:00.000Z",
        "now",
        "",
    ],
)
def test_no_guessing_at_times(text: str) -> None:
    read = rfc3339_reader()
    read("2026-11-24T03:00:00.000Z", "t")  # the prefix is known: it must not make the rest pass
    with pytest.raises(BadInput) as refused:
        read(text, "t")
    assert refused.value.code == "time"


TIMES = st.builds(
    lambda second, decimals, zone, cut: (second + decimals + zone)[: len(second + decimals + zone) - cut],
    st.sampled_from(["2026-11-24T03:00:00", "2026-11-24T03:00:59", "2026-11-24T03:00:60", "2026-11-24t03:00:5"]),
    st.sampled_from([".", ""]).flatmap(lambda point: st.text("0123456789", max_size=9).map(lambda more: point + more)),
    st.sampled_from(["Z", "z", "+07:00", "-00:30", "+25:00", "45678Z", ".123Z", ""]),
    st.sampled_from([0, 0, 0, 1, 5]),
)


def said_of(read: Callable[[str, str], object], text: str) -> object:
    try:
        return read(text, "t")
    except BadInput as refusal:
        return refusal.code


@settings(max_examples=300, deadline=None)
@given(st.lists(TIMES, min_size=1, max_size=12))
@example(["2026-11-24T03:00:00.12345678Z", "2026-11-24T03:00:0045678Z"])
@example(["2026-11-24T03:00:00.4567Z", "2026-11-24T03:00:00.123.4567Z"])
@example(["2026-11-24T03:00:00Z", "2026-11-24T03:00:00.123Z"])
def test_what_came_before_changes_no_reading_of_a_time(texts: list[str]) -> None:
    """A reader remembers seconds; a text is good or bad by itself."""
    used = rfc3339_reader()
    pieces = instant_reader(Value(path="at", time="rfc3339"), rfc3339_reader())
    for text in texts:
        expected = said_of(rfc3339_reader(), text)
        assert said_of(used, text) == expected
        try:
            found = pieces(text)
        except BadInput:  # then the careful way decides
            continue
        assert isinstance(expected, int)
        assert found == (expected, rfc3339(expected).encode())


def test_a_leap_second_is_the_next_second() -> None:
    assert rfc3339(rfc3339_reader()("2016-12-31T23:59:60Z", "t")) == "2017-01-01T00:00:00.000Z"
    assert rfc3339(rfc3339_reader()("2016-12-31T23:59:60.250Z", "t")) == "2017-01-01T00:00:00.250Z"


def test_local_times() -> None:
    read = local_reader("%d/%m/%Y %H:%M:%S", "Asia/Ho_Chi_Minh")
    assert rfc3339(read("24/11/2026 10:15:30", "t")) == "2026-11-24T03:15:30.000Z"
    for text in (
        "24/11/2026 10:15",
        "4/11/2026 10:15:30",
        "31/02/2026 10:15:30",
        "24/11/2026 25:15:30",
        "٢4/11/2026 10:15:30",
    ):
        with pytest.raises(BadInput) as refused:
            read(text, "t")
        assert refused.value.code == "time"


def test_counts_of_the_epoch() -> None:
    assert epoch_reader(1)(1_764_000_000_123, "t") == 1_764_000_000_123
    assert epoch_reader(1000)(1_764_000_000, "t") == 1_764_000_000_000
    for bad, code in (
        (-1, "range"),
        (10**18, "range"),
        (True, "schema"),
        ("1764000000123", "schema"),
        (None, "schema"),
    ):
        with pytest.raises(BadInput) as refused:
            epoch_reader(1)(bad, "t")
        assert refused.value.code == code


# Mistakes of the table -----------------------------------------------------------------------------------------------


def first_kind(**changes: Any) -> dict[str, Any]:
    return table(records=[FORMAT["records"][0] | changes, FORMAT["records"][1]])


def one_field(**value: Any) -> dict[str, Any]:
    return first_kind(fields=FORMAT["records"][0]["fields"] | {"level_m": value})


FIELD = "format.records[0].fields.level_m"
MISTAKES: list[tuple[str, dict[str, Any], str]] = [
    ("no kinds at all", table(records=[]), "format.records: at least one"),
    ("unknown record format", table(record="xml"), "format.record: invalid enum value 'xml'"),
    ("unknown key", table(colour="red"), "format.colour: no such key"),
    ("no centre check", table(centre=None), "format.centre: is missing"),
    ("no id", table(id=None), "format.records[0].id: is missing here and in the format"),
    ("unknown type", first_kind(type="hydro.depth"), "format.records[0].type: no such event type 'hydro.depth'"),
    ("feed that is not there", first_kind(feed="air"), "format.records[0]: feed 'air' with type hydro.level"),
    ("promise not kept", table(records=FORMAT["records"][:1]), "format.records: feed 'voices' promises feedback.1022"),
    ("no condition", first_kind(when={}), "format.records[0].when: only the last kind"),
    ("bad condition path", first_kind(when={"a..b": "x"}), "format.records[0].when.a..b: 'a..b' is not a path"),
    (
        "unknown field",
        first_kind(fields={"level_m": {"path": "x"}, "depth": {"path": "y"}}),
        "fields.depth: hydro.level",
    ),
    ("required field absent", first_kind(fields={}), "format.records[0].fields.level_m: is required"),
    ("required field optional", one_field(path="x", optional=True), f"{FIELD}: is required"),
    ("no source", one_field(number="plain"), f"{FIELD}: needs exactly one of path, value and template"),
    ("two sources", one_field(path="x", value=1), f"{FIELD}: needs exactly one"),
    ("bad path", one_field(path="a[x]"), f"{FIELD}.path: 'a[x]' is not a path"),
    ("unknown unit", one_field(path="x", convert="mm->km"), f"{FIELD}.convert: no such unit conversion 'mm->km'"),
    ("two conversions", one_field(path="x", convert="cm->m", factor=2.0), f"{FIELD}: has more than one"),
    ("units without path", one_field(path="x", units={"A": "same"}), f"{FIELD}.units: unit_path and units"),
    ("unknown unit code", one_field(path="x", unit_path="u", units={"A": "b"}), f"{FIELD}.units.A: no such unit"),
    ("wrong kind of value", one_field(path=7), f"{FIELD}.path: expected"),
    ("no time format", table(time={"path": "at"}), "format.time.time: is missing"),
    ("bad pattern", table(time={"path": "at", "time": "%d/%m/%y", "zone": "UTC"}), "format.time.time: %y is not known"),
    (
        "pattern too short",
        table(time={"path": "a", "time": "%d.%m.%Y", "zone": "UTC"}),
        "format.time.time: %H is missing",
    ),
    ("no zone", table(time={"path": "at", "time": "%d/%m/%Y %H:%M"}), "format.time.zone: is missing"),
    (
        "no such zone",
        table(time={"path": "a", "time": "rfc3339", "zone": "Moon/Base"}),
        "format.time.zone: no such time",
    ),
    ("bad template", table(id={"template": "abc"}), "format.id.template: names no path"),
    ("time for a number", one_field(path="x", time="rfc3339"), f"{FIELD}.time: hydro.level wants no text here"),
]


@pytest.mark.parametrize(("form", "words"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES])
def test_mistakes_are_found_before_use(form: dict[str, Any], words: str) -> None:
    problems = format_problems(centre(form))
    assert any(problem.startswith(words) or words in problem for problem in problems), problems
    with pytest.raises(BadSettings):
        mapper(form)


def test_the_good_table_has_no_mistakes() -> None:
    assert format_problems(centre()) == []


def test_kinds_without_a_shared_condition_are_tried_in_turn() -> None:
    form = first_kind(when={"other": "x"})
    made = mapper(form)
    assert made.plan(level(other="x")).type == "hydro.level"
    assert made.plan(level(what="note", meta__kind=7) | {"other": "y"}).type == "feedback.1022"
    assert refusal(level(other="z"), form)[0] == "unknown_type"


def test_all_mistakes_at_once() -> None:
    form = table(colour="red", record="xml", time={"path": "a..b"})
    assert len(format_problems(centre(form))) >= 2


NOTHING = ["", "   ", "\n\t", "\u200b", " \u200d\ufeff ", "\u00ad\u2060", "\u3000\u00a0"]


@pytest.mark.parametrize("text", NOTHING)
def test_a_required_text_with_nothing_to_see_is_empty(text: str) -> None:
    """Whatever its length in bytes: missing, empty and blank are the same."""
    note = {"what": "note", "meta": {"owner": "ALPHA", "v": 3, "kind": 7}, "by": True, "odd.key": [text]}
    code, path = refusal(note)
    assert (code, path) == ("control_char" if "\n" in text else "schema", "odd.key.0")
    changed = table()
    changed["records"][1]["fields"]["field"] = {"path": ["odd.key", 0], "split": ";"}
    assert refusal({**note, "odd.key": [f"{text};nước"]}, changed)[0] == code


@pytest.mark.parametrize("text", ["", "  ", "\u200b"])
def test_a_text_that_may_be_absent_may_be_empty(text: str) -> None:
    note = {"what": "note", "meta": {"owner": "ALPHA", "v": 3, "kind": 7}, "by": True, "odd.key": ["a"], "text": text}
    assert payload(note)["text"] == text
