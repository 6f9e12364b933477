"""Rows on the terminal or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON instead of a table.")]


def show(rows: Sequence[dict[str, Any]], columns: Sequence[str], as_json: bool, empty: str) -> None:
    """Print rows as a table, or as JSON lines in one array."""
    if as_json:
        print(json.dumps(list(rows), ensure_ascii=False))
    elif not rows:
        print(empty)
    else:
        table = Table(*columns, box=None, pad_edge=False)
        for row in rows:
            table.add_row(*("" if row[c] is None else str(row[c]) for c in columns))
        Console().print(table)
