"""Lines of delimited text in one Kafka record → one native record per line, each with its own fate.

A line is what stands between two line ends (LF or CR LF); a quoted cell cannot hold one. So a missing quote spoils one
line and not the rest of the record. Names of columns come from the table, or from the first line of each record.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import NoReturn

from msgspec import Struct

from ioc.errors import BadInput

Cells = dict[str, str]
_BOM = b"\xef\xbb\xbf"
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]").search  # a tab may be the delimiter


class CsvShape(Struct, frozen=True, kw_only=True):
    """How lines of text are cut into named cells.

    Attributes:
        columns: names of the cells in their order; without them the first line of each record holds the names.
        header: the first line of each record holds the names; it must be equal to ``columns``, when those are given.
        delimiter: between cells; a single character.
        quote: around a cell that holds the delimiter, doubled inside; empty: there are no quotes.
        null: texts that mean "no value".
        lines_max: most lines of one record.
    """

    columns: tuple[str, ...] = ()
    header: bool = False
    delimiter: str = ","
    quote: str = '"'
    null: tuple[str, ...] = ("",)
    lines_max: int = 5000

    def mistakes(self) -> Iterator[tuple[str, str]]:
        """Key and sentence of everything that is wrong with it."""
        if not self.columns and not self.header:
            yield "columns", "is missing, and header is not true: the cells have no names"
        if len(set(self.columns)) != len(self.columns):
            yield "columns", "names a column twice"
        if len(self.delimiter) != 1 or self.delimiter in '\r\n"' or self.delimiter == self.quote:
            yield "delimiter", "must be one character that is no quote and no line end"
        if len(self.quote) > 1 or self.quote in ("\r", "\n"):
            yield "quote", "must be one character or empty"
        if not 1 <= self.lines_max <= 100_000:
            yield "lines_max", "must lie between 1 and 100,000"


class Line(Struct, frozen=True):
    """One line of a record: its cells, or why they cannot be read."""

    number: int  # from 1, in the record
    text: bytes  # by itself a complete record: with the line of names, where there is one
    cells: Cells | None
    refusal: BadInput | None = None

    def native(self) -> Cells:
        """The cells by name.

        Raises:
            BadInput: the refusal.
        """
        if self.cells is None:
            raise self.refusal or BadInput("malformed")
        return self.cells


def cut_lines(data: bytes, shape: CsvShape) -> list[Line]:
    """All lines of a record but empty ones and the one of names.

    Raises:
        BadInput: the record as a whole is of no use: ``malformed``, ``encoding``, ``too_big`` or ``duplicate_key``.
    """
    if data.startswith(_BOM):
        raise BadInput("malformed", "", "starts with a byte order mark")
    rows = [(number, row.removesuffix(b"\r")) for number, row in enumerate(data.split(b"\n"), 1)]
    rows = [(number, row) for number, row in rows if row]
    if len(rows) - shape.header > shape.lines_max:
        raise BadInput("too_big", "", f"{len(rows)} lines, at most {shape.lines_max} are allowed")
    columns, head = shape.columns, b""
    if shape.header:
        if not rows:
            raise BadInput("malformed", "", "holds no line of column names")
        named = rows.pop(0)[1]
        columns, head = _names(named, shape), named + b"\n"
    if not rows:
        raise BadInput("malformed", "", "holds no line of values")
    return [_line(number, row, head, columns, shape) for number, row in rows]


def _names(row: bytes, shape: CsvShape) -> tuple[str, ...]:
    names = tuple(_cells(row, shape))
    if len(set(names)) != len(names):
        raise BadInput("duplicate_key", "", "a column occurs twice in the first line")
    if shape.columns and names != shape.columns:
        raise BadInput("unsupported_version", "", f"the first line must be {shape.delimiter.join(shape.columns)}"[:300])
    return names


def _line(number: int, row: bytes, head: bytes, columns: tuple[str, ...], shape: CsvShape) -> Line:
    try:
        cells = _cells(row, shape)
        if len(cells) != len(columns):
            raise BadInput("malformed", "", f"line {number} has {len(cells)} cells, {len(columns)} are wanted")
    except BadInput as refusal:
        return Line(number, head + row, None, refusal)
    null = shape.null
    return Line(number, head + row, {name: c for name, c in zip(columns, cells, strict=True) if c not in null})


def _cells(row: bytes, shape: CsvShape) -> list[str]:
    try:
        text = row.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise BadInput("encoding", "", f"not UTF-8 at byte {exc.start} of the line") from None
    if not text.isprintable() and _CONTROL(text):
        raise BadInput("control_char", "", "the line holds a control character")
    if not shape.quote or shape.quote not in text:
        return text.split(shape.delimiter)
    try:
        return next(csv.reader([text], delimiter=shape.delimiter, quotechar=shape.quote, strict=True))
    except (csv.Error, StopIteration) as exc:
        _broken(str(exc))


def _broken(words: str) -> NoReturn:
    raise BadInput("malformed", "", f"a quote is not closed or stands inside a cell: {words}"[:300])
