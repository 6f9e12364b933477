"""A native record as the record of a drill at another time: what a replay does to real bytes, by the centre's format.

The fields are those that the format table names: ``[format.exercise]`` gets the id of the drill; the time of the record
and every other field that is declared as a time move by the same span. Everything else stays as it is, but for the way
in which JSON or a cell may be written (blanks, quotes).

Nothing leaves here that intake would take for live: each record is read again, by intake's own tables, before it is
given out. What cannot be marked is refused.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from msgspec import Struct

from ioc.domain.profile import Centre
from ioc.domain.times import from_ms
from ioc.errors import BadInput
from ioc.pipeline.mapping import Box, Plan, mapper_of
from ioc.pipeline.mapping_csv import Cells, CsvShape, Line
from ioc.pipeline.mapping_each import Element
from ioc.pipeline.mapping_table import FormatTable, RecordKind, Value, path_steps, read_table
from ioc.pipeline.mapping_times import ReadTime
from ioc.pipeline.mapping_values import Native, getter, read_time_of

_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)([Tt ])(\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_PARTS = {"Y": "%Y", "m": "%m", "d": "%d", "H": "%H", "M": "%M", "S": "%S"}


class Restamped(Struct, frozen=True, kw_only=True):
    """A record of the drill, and what it is about; of several lines, what the first one is about.

    ``site`` is the native id. ``time_ms`` is the time of the event after the move.
    """

    value: bytes
    id: str
    feed: str
    site: str
    type: str
    time_ms: int


class Restamper:
    """Moves records of one centre and marks them as of one drill.

    Args:
        centre: whose format the records have.
        box: of the territory, as intake has it.
        exercise: id of the drill.
        shift_ms: by how much times move; whole seconds.

    Raises:
        BadInput: the format has no field for a drill, or one that cannot be written; the sentence says which and why.
        ValueError: ``shift_ms`` is not in whole seconds.
    """

    def __init__(self, centre: Centre, box: Box | None, exercise: str, shift_ms: int) -> None:
        if shift_ms % 1000:
            raise ValueError("times move by whole seconds: some formats have no others")
        problems: list[str] = []
        table = read_table(centre, problems)
        if table is None:
            raise BadInput("format", centre.id, f"centre {centre.id}: its format is wrong: {problems[0]}")
        self._mapper = mapper_of(centre, box)
        self._csv = (table.csv or CsvShape()) if table.record == "csv" else None
        self._exercise, self._shift_ms = exercise, shift_ms
        self._mark = _mark_steps(centre.id, table)
        self._moves = [_moves(centre.id, table, record) for record in table.records]

    def __call__(self, value: bytes) -> Restamped:
        """One native record, moved and marked.

        Raises:
            BadInput: it cannot be read (the reason is intake's), or would not be read as one of the drill.
        """
        if self._csv is None:
            native = self._mapper.native(value)
            return self._checked(native, orjson.dumps(self._moved(native)))
        lines = [self._line(line) for line in self._mapper.lines(value)]
        head = f"{self._csv.delimiter.join(self._columns(lines[0][1]))}\n" if self._csv.header else ""
        body = "".join(self._row(cells) for _, cells in lines)
        first = lines[0][0]
        return self._checked(first, (head + body).encode())

    def _moved(self, native: Native) -> Native:
        number = self._mapper.plan(native).number
        for move in self._moves[number]:
            move(native, self._shift_ms)
        _put(native, self._mark, self._exercise)
        return native

    def _checked(self, native: Native, value: bytes) -> Restamped:
        """Read what was written as intake reads it.

        Raises:
            BadInput: it is not of the drill.
        """
        plan: Plan | None = None
        for again in self._natives(value):
            plan = self._mapper.plan(again)
            if self._mapper.exercise(again) != self._exercise:
                raise BadInput("exercise", "", f"would not be read as of drill {self._exercise}")
            plan.read_time(again)
        if plan is None:
            raise BadInput("exercise", "", "holds no event")
        plan = self._mapper.plan(native)
        return Restamped(
            value=value,
            id=str(plan.read_id(native)),
            feed=plan.feed,
            site=str(plan.read_site(native)),
            type=plan.type,
            time_ms=plan.read_time(native),
        )

    def _natives(self, value: bytes) -> list[Native]:
        if self._csv is None:
            return [self._mapper.native(value)]
        return [dict(line.native()) for line in self._mapper.lines(value)]

    # Lines of text ---------------------------------------------------------------------------------------------

    def _line(self, line: Line | Element) -> tuple[Native, Cells]:
        cells = dict(line.native())
        assert self._csv is not None
        names = self._csv.columns or tuple(next(csv.reader([line.text.split(b"\n")[0].decode()], **self._dialect())))
        native = self._moved(dict(cells))
        if str(self._mark[0]) not in names:
            raise BadInput("exercise", str(self._mark[0]), "the line has no such column, so it cannot be marked")
        null = self._csv.null[0] if self._csv.null else ""
        return native, {name: str(native.get(name, null)) for name in names}

    def _row(self, cells: Cells) -> str:
        out = io.StringIO()
        csv.writer(out, lineterminator="\n", **self._dialect()).writerow(cells.values())
        return out.getvalue()

    def _columns(self, cells: Cells) -> list[str]:
        return list(cells)

    def _dialect(self) -> dict[str, Any]:
        assert self._csv is not None
        quote = self._csv.quote
        return {
            "delimiter": self._csv.delimiter,
            "quotechar": quote or None,
            "quoting": csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        }


Move = Callable[[Native, int], None]


def _mark_steps(centre: str, table: FormatTable) -> tuple[str | int, ...]:
    """Where the id of a drill stands."""
    value, why = table.exercise, ""
    if value is None:
        why = "has no [format.exercise]"
    elif value.path is None:
        why = "makes the id of a drill from a constant or a template"
    elif value.lookup is not None or value.split is not None:
        why = "cuts or looks up the id of a drill"
    elif any(isinstance(step, int) for step in path_steps(value.path)):
        why = "has the id of a drill inside a list"
    if why or value is None or value.path is None:
        detail = f"centre {centre}: its format {why}, so its records cannot be marked as of a drill"
        raise BadInput("exercise", centre, f"{detail}; leave it out with --centre")
    return path_steps(value.path)


def _moves(centre: str, table: FormatTable, record: RecordKind) -> list[Move]:
    """How the times of one kind of record are moved."""
    time = record.time or table.time
    if time is None or time.path is None:
        detail = f"centre {centre}: the time of {record.type} is made of several fields, which cannot be written back"
        raise BadInput("exercise", centre, f"{detail}; leave it out with --centre")
    fields = record.fields.values()
    return [_move(time), *(_move(one) for one in fields if one.time is not None and one.split is None and one.path)]


def _move(value: Value) -> Move:
    get, steps = getter(value.path or ""), path_steps(value.path or "")
    read, write = read_time_of(value), _writer(value)

    def move(native: Native, shift_ms: int) -> None:
        found = get(native)
        if found is not None:
            _put(native, steps, write(found, shift_ms, read))

    return move


def _put(native: Native, steps: tuple[str | int, ...], value: object) -> None:
    """Set what stands at a path; objects on the way that are missing are made."""
    here: Any = native
    for step in steps[:-1]:
        if isinstance(step, str) and here.__class__ is dict and here.get(step).__class__ not in (dict, list):
            here[step] = {}
        here = here[step]
    here[steps[-1]] = value


Write = Callable[[Any, int, ReadTime], object]


def _writer(value: Value) -> Write:
    """The time that stands there, in the same way of writing, so many milliseconds later."""
    if value.time == "rfc3339":
        return _rfc3339
    if value.time in ("epoch_ms", "epoch_s"):
        unit_ms = 1 if value.time == "epoch_ms" else 1000
        return lambda found, shift_ms, read: _count(found, shift_ms // unit_ms, read)
    pattern, zone = value.time or "", ZoneInfo(value.zone or "UTC")

    def local(found: Any, shift_ms: int, read: ReadTime) -> str:
        ms = read(found, "") + shift_ms
        at = from_ms(ms).astimezone(zone)
        millis = f"{ms % 1000:03d}"
        return re.sub(r"%(.)", lambda part: millis if part[1] == "f" else at.strftime(_PARTS[part[1]]), pattern)

    return local


def _count(found: Any, shift: int, read: ReadTime) -> object:
    read(found, "")  # refuses what intake refuses
    return str(int(found) + shift) if isinstance(found, str) else found + shift


def _rfc3339(found: Any, shift_ms: int, read: ReadTime) -> str:
    read(found, "")
    match = _RFC3339.fullmatch(found)
    if match is None:
        raise BadInput("time", "", "is not a time such as 2026-11-24T03:00:00Z, with a zone")
    day, mark, clock, decimals, zone = match.groups()
    at = datetime.fromisoformat(f"{day}T{clock.replace(':60', ':59')}") + timedelta(milliseconds=shift_ms)
    return f"{at:%Y-%m-%d}{mark}{at:%H:%M:%S}{decimals or ''}{zone}"
