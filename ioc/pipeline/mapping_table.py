"""The declarative table of a centre's native format: its shape, and every mistake that can be found before use.

The table stands in the centre's file under ``[format]``. ``docs/formats.md`` explains it with examples; the
docstrings below are the reference. :mod:`ioc.pipeline.mapping` turns a good table into functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Struct

from ioc.domain.catalogue import PAYLOADS
from ioc.domain.profile import Centre
from ioc.domain.tables import read_struct
from ioc.pipeline.mapping_csv import CsvShape
from ioc.pipeline.mapping_times import pattern_problem
from ioc.pipeline.validate import field_kinds, required_fields

Scalar = str | int | float | bool

UNITS: dict[str, tuple[float, float]] = {  # name → factor, offset: canonical = native × factor + offset
    "same": (1.0, 0.0),
    "mg_m3->ug_m3": (1000.0, 0.0),
    "ng_m3->ug_m3": (0.001, 0.0),
    "cm->m": (0.01, 0.0),
    "mm->m": (0.001, 0.0),
    "m->cm": (100.0, 0.0),
    "ft->m": (0.3048, 0.0),
    "cm->mm": (10.0, 0.0),
    "in->mm": (25.4, 0.0),
    "cm_h->m_h": (0.01, 0.0),
    "ft_h->m_h": (0.3048, 0.0),
    "m_s->km_h": (3.6, 0.0),
    "mph->km_h": (1.609344, 0.0),
    "knot->km_h": (1.852, 0.0),
    "percent->ratio": (0.01, 0.0),
    "ratio->percent": (100.0, 0.0),
    "per_min->per_h": (60.0, 0.0),
    "ms->s": (0.001, 0.0),
    "s->ms": (1000.0, 0.0),
    "kPa->bar": (0.01, 0.0),
    "min->s": (60.0, 0.0),
    "F->C": (5.0 / 9.0, -160.0 / 9.0),
}
NAMED_TIMES = ("rfc3339", "epoch_ms", "epoch_s")


class Value(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where one canonical value comes from and how it is read. Exactly one of path, value, template.

    Attributes:
        path: place in the native record: ``a.b[0].c``, or a list of keys and indices when a key holds a dot.
        value: a constant.
        template: text with native paths in braces, ``{ma_tram}:{so_thu_tu}``.
        split, item, rest: cut the text at ``split`` and take part ``item`` (from 0), with ``rest`` also all after.
        lookup: native code → canonical value; a code that is not listed is refused as ``enum``.
        number: how a number is written: ``plain`` JSON number, ``decimal_comma`` ("1,83") or ``text`` ("1.83").
        convert: name of a unit conversion; or ``factor`` and ``offset``.
        unit_path, units: place of a unit code and the conversion for each known code; another code is ``unit``.
        position: the value is a list of exactly longitude and latitude.
        time: ``rfc3339``, ``epoch_ms``, ``epoch_s`` or a pattern such as ``%d/%m/%Y %H:%M:%S`` (then with ``zone``).
        optional: an absent or null value is no mistake.
    """

    path: str | list[str | int] | None = None
    value: Scalar | None = None
    template: str | None = None
    split: str | None = None
    item: int = 0
    rest: bool = False
    lookup: dict[str, Scalar] | None = None
    number: Literal["plain", "decimal_comma", "text"] = "plain"
    convert: str | None = None
    factor: float | None = None
    offset: float = 0.0
    unit_path: str | None = None
    units: dict[str, str] | None = None
    position: bool = False
    time: str | None = None
    zone: str | None = None
    optional: bool = False


class Check(Struct, frozen=True, kw_only=True):
    """A value of the record that must be one of ``accept``; ``from_`` (key ``from``) says where it is."""

    from_: Value = msgspec.field(name="from")
    accept: list[Scalar]


class RecordKind(Struct, frozen=True, kw_only=True):
    """One kind of record: ``when`` (native path → value or list of values, all must hold) → event type and feed.

    ``id``, ``time``, ``site``, ``area`` and ``sequence`` may differ from those of the whole format. Only the last kind
    may have no condition: it takes what no other kind wanted.
    """

    when: dict[str, str | int | list[str | int]]
    type: str
    feed: str
    fields: dict[str, Value]
    id: Value | None = None
    time: Value | None = None
    site: Value | None = None
    area: Value | None = None
    sequence: Value | None = None


class FormatTable(Struct, frozen=True, kw_only=True):
    """The whole format of a centre: ``json`` one object per Kafka record, ``csv`` one or several lines of text.

    ``each`` is the path of a list whose elements are one event each, ``.`` for a record that is itself a list; such
    records take no part in drills.

    ``area`` names the place of an event, by code or by a name or alias of ``areas.toml``, inside the area of its site;
    without it an event belongs to the area of its site.
    """

    record: Literal["json", "csv"]
    centre: Check
    records: tuple[RecordKind, ...]
    csv: CsvShape | None = None
    each: str | None = None
    version: Check | None = None
    id: Value | None = None
    time: Value | None = None
    site: Value | None = None
    area: Value | None = None
    sequence: Value | None = None
    exercise: Value | None = None
    bytes_max: int = 262_144


def read_table(centre: Centre, problems: list[str], where: str = "format") -> FormatTable | None:
    """The table of a centre, with every mistake appended to ``problems`` as ``where.key: sentence``.

    Returns:
        The table, or None when there was a mistake.
    """
    before = len(problems)
    table = read_struct(FormatTable, centre.format, where, problems)
    if table is None:
        return None
    if table.record == "csv":
        table = _of_texts(table)
        _check_cells(table, where, problems)
    elif table.csv is not None:
        problems.append(f"{where}.csv: the records are not csv")
    _check_each(table, where, problems)
    _check_value(table.centre.from_, f"{where}.centre.from", problems)
    if table.version is not None:
        _check_value(table.version.from_, f"{where}.version.from", problems)
    for name in _ENVELOPE:
        value = getattr(table, name)
        if value is not None:
            _check_value(value, f"{where}.{name}", problems, time=name == "time")
    if not table.records:
        problems.append(f"{where}.records: at least one kind of record is needed")
    promised = {(feed.id, kind) for feed in centre.feeds for kind in feed.types}
    for i, record in enumerate(table.records):
        _check_record(table, record, promised, f"{where}.records[{i}]", problems)
    made = {(record.feed, record.type) for record in table.records}
    problems += [
        f"{where}.records: feed '{feed}' promises {kind}, but no record kind makes it"
        for feed, kind in sorted(promised - made)
    ]
    return table if len(problems) == before else None


def _check_record(
    table: FormatTable, record: RecordKind, promised: set[tuple[str, str]], where: str, problems: list[str]
) -> None:
    if not record.when and record is not table.records[-1]:
        problems.append(f"{where}.when: only the last kind of record may have no condition")
    problems += [f"{where}.when.{path}: {said}" for path in record.when if (said := path_problem(path))]
    for name in ("id", "time", "site"):
        own = getattr(record, name)
        if own is None and getattr(table, name) is None:
            problems.append(f"{where}.{name}: is missing here and in the format")
        elif own is not None:
            _check_value(own, f"{where}.{name}", problems, time=name == "time")
    for name in ("area", "sequence"):
        own = getattr(record, name)
        if own is not None:
            _check_value(own, f"{where}.{name}", problems)
    if record.type not in PAYLOADS:
        problems.append(f"{where}.type: no such event type '{record.type}'; known are {', '.join(sorted(PAYLOADS))}")
        return
    if (record.feed, record.type) not in promised:
        problems.append(f"{where}: feed '{record.feed}' with type {record.type} is not among the centre's feeds")
    kinds = field_kinds(record.type)
    given = set(record.fields)
    for name, value in record.fields.items():
        place = f"{where}.fields.{name}"
        if name == "position":
            given |= {"lon", "lat"}
            if not value.position:
                problems.append(f"{place}: must have position = true")
        elif name not in kinds:
            problems.append(f"{place}: {record.type} has no such field; it has {', '.join(sorted(kinds))}")
            continue
        _check_value(value, place, problems, time=value.time is not None)
        if table.record == "csv" and name in kinds and kinds[name][0] == "flag" and value.path and not value.lookup:
            problems.append(f"{place}: needs a lookup from texts to true and false, cells hold texts")
        if name in required_fields(record.type) and value.optional:
            problems.append(f"{place}: is required by {record.type}, so it cannot be optional")
        if value.time is not None and (name not in kinds or kinds[name][0] != "text"):
            problems.append(f"{place}.time: {record.type} wants no text here")
    problems += [
        f"{where}.fields.{name}: is required by {record.type} and missing"
        for name in sorted(required_fields(record.type) - given)
    ]


def _of_texts(table: FormatTable) -> FormatTable:
    """A table for cells: all of them hold texts, hence numbers and counts of the epoch are written ones."""

    def written(value: Value | None) -> Any:
        plain = value is not None and value.number == "plain"
        return msgspec.structs.replace(value, number="text") if value is not None and plain else value

    records = tuple(
        msgspec.structs.replace(
            record, time=written(record.time), fields={name: written(value) for name, value in record.fields.items()}
        )
        for record in table.records
    )
    return msgspec.structs.replace(table, csv=table.csv or CsvShape(), time=written(table.time), records=records)


def _check_each(table: FormatTable, where: str, problems: list[str]) -> None:
    if table.each is None:
        return
    if table.record == "csv":
        problems.append(f"{where}.each: lines of text hold no lists")
    if table.each != "." and ("[" in table.each or path_problem(table.each)):
        problems.append(f"{where}.each: must be a path of keys such as a.b, or . for a record that is itself a list")
    if table.exercise is not None:
        problems.append(f"{where}.exercise: records with lists (each) take no part in drills")


def _check_cells(table: FormatTable, where: str, problems: list[str]) -> None:
    shape = table.csv or CsvShape()
    problems += [f"{where}.csv.{key}: {said}" for key, said in shape.mistakes()]
    for place, path in _paths(table, where):
        if len(path) != 1 or not isinstance(path[0], str):
            problems.append(f"{place}: a cell has no inside; give the name of a column")
        elif shape.columns and path[0] not in shape.columns:
            problems.append(f"{place}: there is no column '{path[0]}'")


def _paths(table: FormatTable, where: str) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """Every native place that a table names, with where it does so."""
    values: list[tuple[str, Value | None]] = [(f"{where}.centre.from", table.centre.from_)]
    values.append((f"{where}.version.from", table.version.from_ if table.version else None))
    values += [(f"{where}.{name}", getattr(table, name)) for name in _ENVELOPE]
    for i, record in enumerate(table.records):
        values += [(f"{where}.records[{i}].{name}", getattr(record, name)) for name in _ENVELOPE[:-1]]
        values += [(f"{where}.records[{i}].fields.{name}", value) for name, value in record.fields.items()]
        yield from ((f"{where}.records[{i}].when.{path}", path_steps(path)) for path in record.when)
    for place, value in values:
        if value is not None:
            texts = re.findall(r"\{([^{}]*)\}", value.template or "") + [value.unit_path] * bool(value.unit_path)
            yield from ((place, path_steps(path)) for path in [value.path, *texts] if path)


_ENVELOPE = ("id", "time", "site", "area", "sequence", "exercise")


def _check_value(value: Value, where: str, problems: list[str], *, time: bool = False) -> None:
    problems += [f"{where}{key and '.' + key}: {said}" for key, said in _mistakes(value, time)]


def _mistakes(value: Value, time: bool) -> Iterator[tuple[str, str]]:
    if sum(source is not None for source in (value.path, value.value, value.template)) != 1:
        yield "", "needs exactly one of path, value and template"
    if isinstance(value.path, str) and (said := path_problem(value.path)):
        yield "path", said
    if isinstance(value.path, list) and not value.path:
        yield "path", "is empty"
    if value.template is not None:
        names = re.findall(r"\{([^{}]*)\}", value.template)
        if not names:
            yield "template", "names no path in braces"
        for said in filter(None, map(path_problem, names)):
            yield "template", said
    if value.split == "":
        yield "split", "is empty"
    if value.convert is not None and _unit(value.convert) not in UNITS:
        yield "convert", f"no such unit conversion '{value.convert}'; known are {', '.join(UNITS)}"
    if (value.unit_path is None) != (value.units is None):
        yield "units", "unit_path and units belong together"
    for code, name in (value.units or {}).items():
        if _unit(name) not in UNITS:
            yield f"units.{code}", f"no such unit conversion '{name}'; known are {', '.join(UNITS)}"
    if sum(x is not None for x in (value.convert, value.factor, value.units)) > 1:
        yield "", "has more than one of convert, factor and units"
    if time and value.time is None:
        yield "time", f"is missing: one of {', '.join(NAMED_TIMES)} or a pattern"
    if value.time is not None and value.time not in NAMED_TIMES:
        if (said := pattern_problem(value.time)) is not None:
            yield "time", said
        if value.zone is None:
            yield "zone", "is missing: a local time needs the name of its zone, for instance Asia/Ho_Chi_Minh"
    if value.zone is not None and (said := zone_problem(value.zone)):
        yield "zone", said


def _unit(name: str) -> str:
    return name.translate(_UNIT_SIGNS).replace("→", "->")


_UNIT_SIGNS = str.maketrans({" ": None, "°": None, "/": "_", "³": "3", "µ": "u", "μ": "u"})


def conversion(name: str) -> tuple[float, float]:
    """Factor and offset of a named conversion; ``→`` is ``->``, ``km/h`` is ``km_h``, ``°F`` is ``F``."""
    return UNITS[_unit(name)]


def path_problem(path: str) -> str | None:
    """What is wrong with a path text, None when it is good."""
    if re.fullmatch(r"[^.\[\]{}]+(\[\d{1,3}\])*(\.[^.\[\]{}]+(\[\d{1,3}\])*)*", path):
        return None
    return f"'{path}' is not a path such as a.b[0].c"


def path_steps(path: str | list[str | int]) -> tuple[str | int, ...]:
    """Keys and indices of a good path."""
    if isinstance(path, list):
        return tuple(path)
    return tuple(int(index) if index else key for key, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path))


def zone_problem(zone: str) -> str | None:
    """What is wrong with the name of a time zone, None when it is known here."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f"no such time zone '{zone}' on this machine (package tzdata holds them)"
    return None


def format_problems(centre: Centre) -> list[str]:
    """Every mistake in a centre's format, empty when it is good."""
    problems: list[str] = []
    read_table(centre, problems)
    return problems
