"""Where in a TOML text a table, an entry or a key stands: tomllib reads values without lines, people need them.

Understands what the files of a profile are made of: headers ``[a.b]`` and ``[[a.b]]``, keys at the beginning of a line,
texts over several lines, inline tables. It is only used to point at a place, never to read a value.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_HEADER = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_.\"'-]+)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"\s*([A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')\s*(?:\.[^=]*)?=")
_INNER_KEY = re.compile(r"[{,]\s*([A-Za-z0-9_-]+)\s*=")
_SYNTAX = re.compile(r"\(at line (\d+), column \d+\)|\(at end of document\)")
_RULE = re.compile(r"rule (\S+): (.*)", re.DOTALL)
_TWICE = re.compile(r"(\w+)(?:: \w+)?: '(?:[^'/]*/)?([^'/]+?)(?: from [^']*)?' occurs twice")
_QUOTED = re.compile(r"'([^']+)'")
_WORD = re.compile(r"[a-z][a-z_0-9]*")
_NAMED = re.compile(r"(?<=\])\s\([^)]*\)")  # sites[3] (CAM-1).area: the id is for people


class Places:
    """The lines of one text, counted from 1."""

    def __init__(self, text: str) -> None:
        self.lines = text.splitlines()
        self._at: dict[str, int] = {}
        self._read()

    def of(self, path: str) -> int:
        """The line of ``rules[3].levels[1].limit``, or of the nearest place around it that is known; else 1."""
        while path:
            if path in self._at:
                return self._at[path]
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return 1

    def entry(self, table: str, key: str, value: str, nth: int = 0) -> str:
        """The path of the ``nth`` entry of a list of tables whose key has this text, or ``table`` if there is none."""
        found = [
            path
            for path, line in self._at.items()
            if path.startswith(f"{table}[")
            and path.endswith(f"].{key}")
            and path.count("[") == table.count("[") + 1
            and value in re.findall(r"[\"']([^\"']*)[\"']", self.lines[line - 1])
        ]
        return found[min(nth, len(found) - 1)].rpartition(".")[0] if found else table

    def inside(self, path: str, words: Sequence[str]) -> int | None:
        """The first line of the entry, its tables included, that holds one of the words as a key or in quotes."""
        own = [line for one, line in self._at.items() if one == path or one.startswith((f"{path}.", f"{path}["))]
        for word in words:
            for line in sorted(own):
                if re.search(rf"(^|[\s{{,.\"'\[]){re.escape(word)}([\"']|\s*[=\]])", self.lines[line - 1]):
                    return line
        return None

    def _read(self) -> None:
        counts: dict[str, int] = {}
        table, fence = "", ""
        for number, line in enumerate(self.lines, 1):
            if fence:
                if fence in line:
                    fence = ""
                continue
            header = _HEADER.match(line)
            if header is not None and "=" not in line.split("#")[0]:
                table = self._table(header[2], header[1] == "[[", counts)
                self._at.setdefault(table, number)
                continue
            key = _KEY.match(line)
            if key is not None:
                path = f"{table}.{key[1].strip(chr(34) + chr(39))}".lstrip(".")
                self._at.setdefault(path, number)
                for inner in _INNER_KEY.findall(line):
                    self._at.setdefault(f"{path}.{inner}", number)
            for mark in ('"""', "'''"):
                if line.count(mark) % 2:
                    fence = mark

    @staticmethod
    def _table(name: str, is_list: bool, counts: dict[str, int]) -> str:
        """The path of a header: ``rules.levels`` is inside the newest ``rules``."""
        path = ""
        parts = name.replace('"', "").replace("'", "").split(".")
        for i, part in enumerate(parts):
            path = f"{path}.{part}".lstrip(".")
            if i == len(parts) - 1 and is_list:
                counts[path] = counts.get(path, -1) + 1
                for deeper in [one for one in counts if one.startswith(f"{path}[{counts[path]}]")]:
                    del counts[deeper]
            if path in counts:
                path = f"{path}[{counts[path]}]"
        return path


def line_of(text: str, problem: str) -> int:
    """The line that a sentence of the rule check, of the table reader or of tomllib speaks about.

    Such sentences begin with a path (``rules[3].limit: …``) or with a rule (``rule hydro-level: …``), name what occurs
    twice in a list (``feeds: 'rain' occurs twice``), or end with ``(at line 3, column 5)``.
    """
    if syntax := _SYNTAX.search(problem):
        return int(syntax[1]) if syntax[1] else max(1, len(text.splitlines()))
    places = Places(text)
    if about := _RULE.match(problem):
        # An id that is used twice: the second one is the mistake.
        path = places.entry("rules", "id", about[1], nth=1 if "used twice" in about[2] else 0)
        words = [*_QUOTED.findall(about[2]), *(w for w in _WORD.findall(about[2]) if "_" in w)]
        words += [w for w in _WORD.findall(about[2]) if w in ("type", "group", "levels", "field")]
        return places.inside(path, words) or places.of(f"{path}.id")
    if twice := _TWICE.match(problem):
        for key in ("native_id", "id", "code", "indicator"):
            if (path := places.entry(twice[1], key, twice[2], nth=1)) != twice[1]:
                return places.of(path)
    return places.of(_NAMED.sub("", problem.partition(":")[0]))
