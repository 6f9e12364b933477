"""Values that a person has put on a site: the simulated readings keep them for a while, so that an injected value
is not contradicted by the next reading.

One JSON file under the data folder, ``sim/overrides.json``: ``{"centre/site": {field: value, "until_ms": …}}``. Written
whole and moved into place; writers take a lock, readers need none.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any

import msgspec
import orjson
from msgspec import structs

from simulators.readings import Reading

DEFAULT_HOLD_S = 120.0
SITES_MAX = 1000  # more than any profile has; the oldest go first
RELOAD_MS = 500  # how often a reader looks at the file's stamp

Table = dict[str, dict[str, Any]]


def path_in(data_dir: Path) -> Path:
    """Where the table lives."""
    return data_dir / "sim" / "overrides.json"


def hold(path: Path, site: str, fields: dict[str, Any], until_ms: int, now_ms: int) -> None:
    """Put ``fields`` on ``site`` (``centre/site``) until ``until_ms``; entries that have ended are dropped on the way.

    An entry of the same site is replaced. A damaged file is replaced, too: it holds nothing worth keeping.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with (path.parent / "overrides.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        table = {name: entry for name, entry in read(path).items() if entry["until_ms"] > now_ms and name != site}
        table[site] = {**fields, "until_ms": until_ms}
        while len(table) > SITES_MAX:
            table.pop(next(iter(table)))
        fresh = path.with_suffix(".new")
        fresh.write_bytes(orjson.dumps(table))
        fresh.replace(path)


def release(path: Path, site: str) -> None:
    """Take the entry of a site back."""
    with (path.parent / "overrides.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        table = {name: entry for name, entry in read(path).items() if name != site}
        fresh = path.with_suffix(".new")
        fresh.write_bytes(orjson.dumps(table))
        fresh.replace(path)


def read(path: Path) -> Table:
    """The table as it stands; empty when there is no file or it is not such a table."""
    try:
        raw = path.read_bytes()
        table = msgspec.json.decode(raw, type=dict[str, dict[str, Any]])
    except (FileNotFoundError, msgspec.DecodeError):
        return {}
    return {site: entry for site, entry in table.items() if isinstance(entry.get("until_ms"), int)}


def apply(table: Table, reading: Reading, now_ms: int) -> Reading:
    """The reading with the held values of its site; only fields that the reading has are replaced."""
    entry = table.get(f"{reading.centre}/{reading.site}")
    if entry is None or entry["until_ms"] <= now_ms:
        return reading
    held = {name: value for name, value in entry.items() if name in reading.data}
    return structs.replace(reading, data={**reading.data, **held}) if held else reading


class Overrides:
    """Reader of the table for the player: looks for a new file twice a second at most."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._table: Table = {}
        self._stamp: tuple[int, int] | None = None
        self._looked_ms = -RELOAD_MS

    def apply(self, reading: Reading, now_ms: int) -> Reading:
        """See :func:`apply`; ``now_ms`` is wall clock."""
        if not -RELOAD_MS < now_ms - self._looked_ms < RELOAD_MS:
            self._looked_ms = now_ms
            self._look()
        return apply(self._table, reading, now_ms) if self._table else reading

    def _look(self) -> None:
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            self._table, self._stamp = {}, None
            return
        stamp = (found.st_mtime_ns, found.st_ino)
        if stamp != self._stamp:
            self._table, self._stamp = read(self._path), stamp
