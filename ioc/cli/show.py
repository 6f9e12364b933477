"""Rows on the terminal or as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table
from rich.text import Text

WHOLE = ("id", "example")  # columns with ids, to be copied into the next command: other columns are folded first
OTHER_WIDTH = 8  # characters that a folded column keeps on a narrow terminal, which then wraps the line itself
PIPE_WIDTH = 100_000  # characters; more than any row has

Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON instead of a table.")]


def show(rows: Sequence[dict[str, Any]], columns: Sequence[str], as_json: bool, empty: str) -> None:
    """Print rows as a table, or as JSON lines in one array."""
    if as_json:
        print(json.dumps(list(rows), ensure_ascii=False))
    elif not rows:
        print(empty)
    else:
        _table(rows, columns)


def _table(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> None:
    """A terminal folds long cells; a file or a pipe gets one line per row, whatever its length. Nothing is cut."""
    table = Table(box=None, pad_edge=False)
    needed = 0
    for column in columns:
        whole = max(len(_text(row, column)) for row in rows) if column in WHOLE else None
        needed += whole or OTHER_WIDTH
        table.add_column(column, overflow="fold", min_width=whole, no_wrap=whole is not None)
    for row in rows:
        # Text, because what others wrote may look like markup.
        table.add_row(*(Text(_text(row, column)) for column in columns))
    console = Console() if sys.stdout.isatty() else Console(width=PIPE_WIDTH)
    console.width = max(console.width, needed)
    console.print(table)


def _text(row: dict[str, Any], column: str) -> str:
    return "" if row[column] is None else str(row[column])
