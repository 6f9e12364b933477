"""A centre's format table, compiled: native record → what a canonical event needs. Knows no sensor and no centre.

Made once at start. This is the careful way, which reads every record and says what is wrong with it; well-formed ones
usually go by :mod:`ioc.pipeline.mapping_fast`, made from the same table. A new centre with a format never seen before
is a new table, not new code.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec

from ioc.domain.profile import Centre
from ioc.errors import BadInput, BadSettings
from ioc.pipeline.mapping_csv import Line, cut_lines
from ioc.pipeline.mapping_each import Element, cut_elements
from ioc.pipeline.mapping_fast import FastReader, Found
from ioc.pipeline.mapping_json import decode_object
from ioc.pipeline.mapping_stencil import Stencils
from ioc.pipeline.mapping_table import Check, FormatTable, RecordKind, Scalar, Value, path_steps, read_table
from ioc.pipeline.mapping_values import Get, Native, getter, reader, shown_path, time_reader
from ioc.pipeline.validate import check_place, encode_payload, field_kinds, good_id

_PLACE = frozenset(("lon", "lat"))
Box = tuple[float, float, float, float]


class Plan:
    """How one kind of record is read.

    Attributes:
        type: event type; feed: id of the feed.
        read_id, read_time, read_site, read_area, read_sequence: functions of the native record.
        area_path, id_path, site_path, time_path: native places, for reasons.
    """

    __slots__ = (
        "_box",
        "_fields",
        "_paths",
        "_place_path",
        "_position",
        "area_path",
        "feed",
        "id_path",
        "number",
        "read_area",
        "read_id",
        "read_sequence",
        "read_site",
        "read_time",
        "site_path",
        "time_path",
        "type",
    )

    def __init__(self, table: FormatTable, number: int, box: Box | None) -> None:
        record = table.records[number]
        self.number, self.type, self.feed = number, record.type, record.feed
        id_value, time_value, site_value = (_own(name, record, table) for name in ("id", "time", "site"))
        self.id_path, self.time_path, self.site_path = map(shown_path, (id_value, time_value, site_value))
        self.read_id = _written(reader(id_value, "any"))
        self.read_time = time_reader(time_value)
        self.read_site = _written(reader(site_value, "any"))
        area = record.area or table.area
        self.read_area = reader(area, "any") if area is not None else None
        self.area_path = shown_path(area) if area is not None else ""
        sequence = record.sequence or table.sequence
        self.read_sequence = _sequence(sequence) if sequence is not None else None
        kinds = field_kinds(record.type)
        self._fields = tuple(
            (name, reader(value, *kinds[name])) for name, value in record.fields.items() if name != "position"
        )
        self._paths = {name: shown_path(value) for name, value in record.fields.items()}
        position = record.fields.get("position")
        self._position = _position(position) if position is not None else None
        self._place_path = self._paths.get("position") or self._paths.get("lon", "lon")
        self._box = box

    def payload(self, native: Native) -> bytes:
        """The canonical payload as JSON, fully checked.

        Raises:
            BadInput: with the native path.
        """
        data: dict[str, Any] = {}
        for name, get in self._fields:
            value = get(native)
            if value is not None:
                data[name] = value
        if len(data) <= 2 and not data.keys() - _PLACE:
            raise BadInput("schema", "", "no field of the payload has a value")
        if self._position is not None:
            place = self._position(native)
            if place is not None:
                data["lon"], data["lat"] = place
        if "lon" in data or "lat" in data:
            place = check_place(data.get("lon"), data.get("lat"), self._box, self._place_path)
            data["lon"], data["lat"] = place
        return encode_payload(self.type, data, self._paths)


class Mapper:
    """The compiled format of one centre.

    Attributes:
        plans: how its kinds of records are read, by their number.

    Raises:
        BadSettings: with every mistake of the table.
    """

    def __init__(self, centre: Centre, box: Box | None) -> None:
        problems: list[str] = []
        table = read_table(centre, problems, f"centre {centre.id}: format")
        if table is None:
            raise BadSettings(problems)
        self._bytes_max, self._csv = table.bytes_max, table.csv
        self._each: tuple[str, ...] | None = None
        if table.each is not None:
            self._each = tuple(map(str, path_steps(table.each))) if table.each != "." else ()
        # A record that is well formed, read the quick way. None or an exception: read it the careful way.
        fast = FastReader(table, box)
        self.quick: Callable[[Native], Found | None] = fast.read
        self.stencils = Stencils(table, box, fast.kept)  # before that, for records that are one object
        self._checks = [_check(table.centre, "centre_mismatch", "the record names another centre: ")]
        if table.version is not None:
            self._checks.append(_check(table.version, "unsupported_version", "unknown version of the format: "))
        self._exercise = reader(table.exercise, "any") if table.exercise is not None else None
        self._exercise_path = shown_path(table.exercise) if table.exercise is not None else ""
        self._marked = _mark(table.exercise)
        self.plans = tuple(Plan(table, number, box) for number in range(len(table.records)))
        self._kind, self._by_value = _dispatch(table, self.plans)

    @property
    def of_lines(self) -> bool:
        """Whether a record holds lines or a list, each line or element an event of its own."""
        return self._csv is not None or self._each is not None

    def native(self, data: bytes) -> Native:
        """The native record as a dictionary, when a record is one event.

        Raises:
            BadInput: ``too_big`` or a reason of the decoder.
        """
        self._check_size(data)
        return decode_object(data)

    def lines(self, data: bytes) -> list[Line] | list[Element]:
        """The lines of a record, or the elements of its list.

        Raises:
            BadInput: the record as a whole cannot be read.
        """
        self._check_size(data)
        if self._each is not None:
            return cut_elements(data, self._each)
        if self._csv is None:
            raise TypeError("a record is one object, not lines")
        return cut_lines(data, self._csv)

    def _check_size(self, data: bytes) -> None:
        if len(data) > self._bytes_max:
            raise BadInput("too_big", "", f"{len(data)} bytes, at most {self._bytes_max} are allowed")

    def plan(self, native: Native) -> Plan:
        """The plan for a record, after centre and version were checked.

        Raises:
            BadInput: ``centre_mismatch``, ``unsupported_version``, ``unknown_type`` or ``schema``.
        """
        for check in self._checks:
            check(native)
        kind = self._kind(native)
        # the class is part of the key: 1, 1.0 and true are equal in Python, but not the same code
        if kind.__class__ is str or kind.__class__ is int:
            for conditions, plan in self._by_value.get(kind, ()):
                for get, allowed in conditions:
                    found = get(native)
                    if not any(found.__class__ is one.__class__ and found == one for one in allowed):
                        break
                else:
                    return plan
        raise BadInput("unknown_type", "", f"no kind of record matches {str(kind)[:80]!r}")

    def exercise(self, native: Native) -> str | None:
        """Name of the drill that a record belongs to; None for the real thing."""
        if self._exercise is None:
            return None
        found = self._exercise(native)
        return None if found is None else good_id(found, self._exercise_path)

    def of_drill(self, native: Native) -> bool:
        """Whether a record carries the mark of a drill, a good one or not: a refused one is no live one either."""
        return self._marked(native)


def mapper_of(centre: Centre, box: Box | None) -> Mapper:
    """The mapper of a centre; the partitions of one process share it, and with it what it remembers of texts.

    Raises:
        BadSettings: with every mistake of the table.
    """
    return _shared(msgspec.json.encode(msgspec.structs.replace(centre, sites=())), box)


@lru_cache(maxsize=32)
def _shared(centre: bytes, box: Box | None) -> Mapper:
    return Mapper(msgspec.json.decode(centre, type=Centre), box)


Condition = tuple[Get, tuple[Scalar, ...]]
Plans = dict[str | int, list[tuple[tuple[Condition, ...], Plan]]]


def _dispatch(table: FormatTable, all_plans: tuple[Plan, ...]) -> tuple[Get, Plans]:
    """What tells the kinds apart at once, and for each of its values the plans with their other conditions.

    That is the path which all kinds have a condition on; without such a path all kinds are tried in their order.
    """
    shared = [path for path in table.records[0].when if all(path in record.when for record in table.records)]
    first = shared[0] if shared else None
    plans: Plans = {}
    for plan, record in zip(all_plans, table.records, strict=True):
        others: tuple[Condition, ...] = tuple(
            (getter(path), tuple(_list(allowed))) for path, allowed in record.when.items() if path != first
        )
        for value in _list(record.when[first]) if first is not None else [""]:
            plans.setdefault(value, []).append((others, plan))
    return (getter(first) if first is not None else lambda native: ""), plans


def _list(allowed: str | int | list[str | int]) -> list[str | int]:
    return allowed if isinstance(allowed, list) else [allowed]


def _own(name: str, record: RecordKind, table: FormatTable) -> Value:
    value: Value | None = getattr(record, name) or getattr(table, name)
    if value is None:
        raise BadSettings([f"format.{name}: is missing"])
    return value


def _check(check: Check, code: str, words: str) -> Callable[[Native], None]:
    get, path = reader(check.from_, "any"), shown_path(check.from_)
    accepted = {(one.__class__, one) for one in check.accept}  # with the class: 2, 2.0 and true are not one version
    texts = frozenset(one for one in check.accept if isinstance(one, str))

    def look(native: Native) -> None:
        found = get(native)
        if found.__class__ is str:
            if found in texts:
                return
        elif found.__class__ is not dict and found.__class__ is not list and (found.__class__, found) in accepted:
            return
        raise BadInput(code, path, f"{words}{str(found)[:80]!r}")

    return look


def _mark(value: Value | None) -> Callable[[Native], bool]:
    """Whether there is anything where the name of a drill stands."""
    if value is None:
        return lambda native: False
    if value.path is not None:
        get = getter(value.path)
        return lambda native: get(native) is not None
    read = reader(value, "any")

    def look(native: Native) -> bool:
        try:
            return read(native) is not None
        except BadInput:
            return False  # a part of the template is missing

    return look


def _sequence(value: Value) -> Get:
    """A whole number or a text of digits, at most 2⁵³."""
    get, path = reader(value, "any"), shown_path(value)

    def read(native: Native) -> int | None:
        found = get(native)
        if found is None:
            return None
        if found.__class__ is str and found.isdecimal() and found.isascii() and len(found) <= 20:
            found = int(found)
        if found.__class__ is not int:
            raise BadInput("schema", path, "must be a whole number")
        if not 0 <= found <= 2**53:
            raise BadInput("range", path, "must lie between 0 and 2^53")
        return found

    return read


def _written(read: Get) -> Get:
    """A whole number as a text: some senders number their stations and messages so."""

    def text(native: Native) -> Any:
        found = read(native)
        return str(found) if found.__class__ is int else found

    return text


def _position(value: Value) -> Callable[[Native], tuple[float, float] | None]:
    """A list of exactly longitude and latitude, as in GeoJSON; a height is refused, nobody knows its datum."""
    get, path = getter(value.path or ""), shown_path(value)

    def read(native: Native) -> tuple[float, float] | None:
        found = get(native)
        if found is None:
            if value.optional:
                return None
            raise BadInput("schema", path, "is missing or null")
        if found.__class__ is not list or len(found) != 2:
            raise BadInput("geo", path, "must be a list of exactly longitude and latitude")
        return found[0], found[1]

    return read
