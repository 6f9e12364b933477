"""Where in a TOML text a table, an entry or a key stands: tomllib reads values without lines, people need them.

Understands what the files of a profile are made of: headers ``[a.b]`` and ``[[a.b]]``, keys at the beginning of a line,
texts, lists and inline tables, over several lines too. It is only used to point at a place, never to read a value, and
takes any text, also one that is no TOML.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_HEADER = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_.\"'-]+)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"\s*([A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')\s*(?:\.[^=]*)?=")
_INNER_KEY = re.compile(r"([A-Za-z0-9_-]+|\"[^\"\n]*\"|'[^'\n]*')\s*(?:\.[^=\n]*)?=")
_ONE_LINE = re.compile(r'"(?:\\.|[^"\\])*"?|' r"'[^']*'?")
DEPTH_MAX = 8  # lists and inline tables in each other; what lies deeper is pointed to by what holds it
_SYNTAX = re.compile(r"\(at line (\d+), column \d+\)|\(at end of document\)")
_RULE = re.compile(r"rule (\S+): (.*)", re.DOTALL)
_LEVEL = re.compile(r"level '([^']+)': (.*)", re.DOTALL)
_KEY_PATH = re.compile(r"([a-z_0-9]+(?:\[\d+\])?(?:\.[a-z_0-9]+(?:\[\d+\])?)*): ")  # match.kind[1]: …
_TWICE = re.compile(r"(\w+)(?:: \w+)?: '(?:[^'/]*/)?([^'/]+?)(?: from [^']*)?' occurs twice")
_QUOTED = re.compile(r"'([^']+)'")
_WORD = re.compile(r"[a-z][a-z_0-9]*")
_NAMED = re.compile(r"(?<=\])\s\([^)]*\)")  # sites[3] (CAM-1).area: the id is for people


class Places:
    """The lines of one text, counted from 1."""

    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")  # as tomllib counts them
        self._at: dict[str, int] = {}
        self._read()

    def of(self, path: str) -> int:
        """The line of ``rules[3].levels[1].limit``, or of the nearest place around it that is known; else 1."""
        while path:
            if path in self._at:
                return self._at[path]
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return 1

    def __contains__(self, path: str) -> bool:
        return path in self._at

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
        table, done = "", 0
        for number, line in enumerate(self.lines, 1):
            if number <= done:
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
                done = self._value(path, number, key.end())

    def _value(self, path: str, number: int, column: int) -> int:
        """Note where the entries of a list and the keys of inline tables stand; gives the line on which it ends."""
        held: list[tuple[str, str]] = []  # lists and tables around the place: bracket, path of what it is the value of
        indices: list[int] = []
        fresh = True  # an entry, or a key, begins here
        while number <= len(self.lines):
            line = self.lines[number - 1]
            while column < len(line):
                char = line[column]
                if char == "#":
                    break
                if char.isspace():
                    column += 1
                    continue
                if char in "]}":
                    if not held:
                        return number
                    held.pop()
                    indices.pop()
                    fresh, column = False, column + 1
                    path = held[-1][1] if held else path
                    if not held:
                        return number
                    continue
                if char == ",":
                    if held:
                        indices[-1] += 1
                    fresh, column = True, column + 1
                    continue
                if held and fresh:
                    bracket, around = held[-1]
                    fresh = False
                    if bracket == "[":
                        path = f"{around}[{indices[-1]}]"
                        self._note(path, number, len(held))
                    elif (key := _INNER_KEY.match(line, column)) is not None:
                        path = f"{around}.{key[1].strip(chr(34) + chr(39))}"
                        self._note(path, number, len(held))
                        column = key.end()
                        continue
                if char in "[{":
                    held.append((char, path if len(held) < DEPTH_MAX else ""))
                    indices.append(0)
                    fresh, column = True, column + 1
                elif char in "\"'":
                    number, column = self._text(number, column)
                    line = self.lines[number - 1]
                    fresh = False
                else:
                    column += 1
            if not held:
                return number
            number, column = number + 1, 0
        return len(self.lines)

    def _note(self, path: str, number: int, depth: int) -> None:
        if depth <= DEPTH_MAX:
            self._at.setdefault(path, number)

    def _text(self, number: int, column: int) -> tuple[int, int]:
        """Line and column behind a text; one that never ends runs to the end of its line, or of the whole."""
        line = self.lines[number - 1]
        mark = line[column : column + 3]
        if mark not in ('"""', "'''"):
            found = _ONE_LINE.match(line, column)
            return number, column + 1 if found is None else found.end()
        column += 3
        while True:
            at = line.find(mark, column)
            while mark == '"""' and at > 0 and _escaped(line, at):
                at = line.find(mark, at + 1)
            if at >= 0:
                return number, at + 3
            if number == len(self.lines):
                return number, len(line)
            number, column = number + 1, 0
            line = self.lines[number - 1]

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


def _escaped(line: str, at: int) -> bool:
    """Does an odd number of backslashes stand before this place?"""
    before = line[:at]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1


def deepest_line(text: str) -> int:
    """The line that opens the most lists and tables: where to look when a text is nested too deeply to be read."""
    opened = [line.count("[") + line.count("{") for line in text.split("\n")]
    return opened.index(max(opened)) + 1


def line_of(text: str, problem: str) -> int:
    """The line that a sentence of the rule check, of the table reader or of tomllib speaks about.

    Such sentences begin with a path (``rules[3].limit: …``) or with a rule (``rule hydro-level: …``), name what occurs
    twice in a list (``feeds: 'rain' occurs twice``), or end with ``(at line 3, column 5)``.
    """
    if syntax := _SYNTAX.search(problem):
        return int(syntax[1]) if syntax[1] else max(1, len(text.rstrip("\n").split("\n")))
    places = Places(text)
    if about := _RULE.match(problem):
        # An id that is used twice: the second one is the mistake.
        path = places.entry("rules", "id", about[1], nth=1 if "used twice" in about[2] else 0)
        rest, end = about[2], "id"
        level = _LEVEL.match(rest)
        if level is not None and (inner := places.entry(f"{path}.levels", "name", level[1])) in places:
            path, rest, end = inner, level[2], "name"
        place = _KEY_PATH.match(rest)
        if place is not None and (line := places.of(f"{path}.{place[1]}")) != places.of(path):
            return line
        words = [*_QUOTED.findall(rest), *(w for w in _WORD.findall(rest) if "_" in w)]
        words += [w for w in _WORD.findall(rest) if w in ("type", "group", "levels", "field")]
        return places.inside(path, words) or places.of(f"{path}.{end}")
    if twice := _TWICE.match(problem):
        for key in ("native_id", "id", "code", "indicator"):
            if (path := places.entry(twice[1], key, twice[2], nth=1)) != twice[1]:
                return places.of(path)
    return places.of(_NAMED.sub("", problem.partition(":")[0]))
