"""What a stencil is written with: the values of a sample record, and the lines that work on what stands in their place.

See :mod:`ioc.pipeline.mapping_stencil`, which says why what is read here is what a decoder would have read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

from ioc.pipeline.mapping_table import Value, path_steps
from ioc.pipeline.mapping_text import Path, Text

_TEXT = r'[^"\\\x00-\x1f]*+'
# A text that is looked up: a third quicker to match. A memory takes no text with backslash or control characters, so
# what is found there is as clean as what fits _TEXT.
_LOOKED_UP = r'[^"]*+'
_ID = r"[A-Za-z0-9][A-Za-z0-9._:~+-]{0,127}+"  # as ioc.pipeline.validate.is_id
# At most 15 digits before the point: exact as a whole number. Both decoders round decimals correctly.
_NUMBER = r"-?(?:0|[1-9][0-9]{0,14}+)(?:\.[0-9]{1,20}+)?+"
_TOKEN = re.compile(r'"([^"]*)"|[-+.0-9eE]+|true|false|null|[{}\[\],:]')
_WHOLE = r"(?:0|[1-9][0-9]{0,14}+)"
_WRITTEN = r"[-+.0-9eE]{1,24}+"  # for holes that are looked up by their text; the decoder reads it the first time
_WORDS = {"true": "True", "false": "False", "null": "None"}


class Unfit(Exception):
    """A form that no stencil can be made for."""


class NeedsRecord(Unfit):
    """A kind of record that is read from its decoded form alone."""


class _Piece(Struct, eq=False):
    """A value, or a part of it: fixed (``pinned``), read (``group``), or as it was until it differs."""

    text: str
    pattern: str
    group: str = ""
    pinned: bool = False


class _Leaf(Struct, eq=False):
    """A value in the sample, ``start <= … < end`` in its text."""

    kind: str  # text, number or word
    start: int
    end: int
    pieces: list[_Piece]
    mark: str = ""  # the pieces are what lies between these
    rest: int = -1  # the piece that holds all after it too


Steps = tuple[str | int, ...]


def _leaves(text: str) -> tuple[dict[Steps, _Leaf], set[Steps]]:
    """The values of a good JSON object without escapes by their path, and the paths of objects and lists."""
    tokens = list(_TOKEN.finditer(text))
    leaves: dict[Steps, _Leaf] = {}
    inner: set[Steps] = set()

    def walk(at: int, path: Steps) -> int:
        token = tokens[at]
        word = token[0]
        if word not in ("{", "["):
            kind = "text" if word[0] == '"' else "word" if word in _WORDS else "number"
            start, end = token.span(1) if kind == "text" else token.span()
            pattern = {"text": _TEXT, "number": _NUMBER, "word": word}[kind]
            leaves[path] = _Leaf(kind, start, end, [_Piece(text[start:end], pattern)])
            return at + 1
        inner.add(path)
        at, count = at + 1, 0
        while tokens[at][0] not in ("}", "]"):
            if word == "{":
                at = walk(at + 2, (*path, tokens[at][1]))
            else:
                at, count = walk(at, (*path, count)), count + 1
            at += tokens[at][0] == ","
        return at + 1

    walk(0, ())
    return leaves, inner


class StencilText(Text):
    """The lines of a stencil's function: they work on the text in the holes.

    Args:
        prefix, names, kept: as for :class:`Text`.
        text: the sample.
    """

    def __init__(self, prefix: str, names: dict[str, Any], kept: dict[str, Any], text: str) -> None:
        super().__init__(prefix, names, kept)
        self._text, self._holes = text, 0
        self._leaves, self._inner = _leaves(text)

    def pin(self, path: Path) -> None:
        """What stands there tells kinds apart: it is part of the form."""
        leaf = self._leaves.get(path_steps(path))
        if leaf is not None:
            leaf.pieces[0].pinned = True

    # What the generated lines ask for --------------------------------------------------------------------------

    def native(self) -> str:
        """There is no decoded record."""
        raise NeedsRecord

    def fixed(self, value: Value) -> bool:
        """A check that the sample passed is part of the form."""
        if value.path is None or value != Value(path=value.path, split=value.split, item=value.item, rest=value.rest):
            raise Unfit
        leaf = self._leaf(value.path)
        if value.split is None:
            (piece,) = leaf.pieces  # cut differently: unfit, and the caller takes any exception for it
        else:
            piece = self._cut(leaf, value.split, value.item, rest=value.rest)
        if piece.group:
            return False
        piece.pinned = True
        return True

    def give_up_if_present(self, key: str) -> None:
        """The form says which keys there are, and the sample was no drill."""
        if (key,) in self._leaves or (key,) in self._inner:
            raise Unfit

    def give_up_unless_id(self, variable: str, is_id: Callable[[str], object]) -> None:
        """When it fills a hole, only an id fits into that."""
        for leaf in self._leaves.values():
            for number, piece in enumerate(leaf.pieces):
                if piece.group == variable and leaf.kind == "text" and (not leaf.mark or number == leaf.rest):
                    piece.pattern = _ID
                    return
        super().give_up_unless_id(variable, is_id)

    def give_up_unless_text(self, variable: str) -> None:
        """A hole for a text holds one."""
        texts = [leaf for leaf in self._leaves.values() if leaf.kind == "text"]
        if not any(piece.group == variable for leaf in texts for piece in leaf.pieces):
            super().give_up_unless_text(variable)

    def whole(self, path: Path) -> str | None:
        """A hole for digits, when the sample has a whole number there."""
        leaf = self._leaves.get(path_steps(path))
        if leaf is None or leaf.kind != "number" or not re.fullmatch(_WHOLE, leaf.pieces[0].text):
            return None
        (piece,) = leaf.pieces
        if piece.group or piece.pinned:
            return None
        piece.pattern = _WHOLE
        return self.share(f"int({self._hole(piece)})")

    def written(self, path: Path) -> str | None:
        """The hole of a number."""
        leaf = self._leaves.get(path_steps(path))
        if leaf is None or leaf.kind != "number" or leaf.pieces[0].pinned:
            return None
        (piece,) = leaf.pieces
        if not piece.group:
            piece.pattern = _WRITTEN
        return self._hole(piece)

    def looked_up(self, path: Path, *, optional: bool) -> str:
        """The hole of a text, which may hold anything up to its end."""
        leaf = self._leaves.get(path_steps(path))
        if leaf is None or leaf.kind != "text" or leaf.mark or leaf.pieces[0].group or leaf.pieces[0].pinned:
            return self.raw(path, optional=optional)
        leaf.pieces[0].pattern = _LOOKED_UP
        return self._hole(leaf.pieces[0])

    def part(self, path: Path, mark: str, item: int, *, rest: bool) -> str:
        """A hole of its own."""
        leaf = self._leaf(path)
        if leaf.kind != "text" or len(mark) != 1:
            raise Unfit
        return self._hole(self._cut(leaf, mark, item, rest=rest))

    def pair(self, path: Path, *, optional: bool) -> tuple[str, str, str, str]:
        """A list of two numbers, or nothing."""
        steps = path_steps(path)
        if steps not in self._inner:
            return "False", "0", "0", f"{self.raw(path, optional=optional)} is None"
        x, y = (self.raw([*steps, n], optional=False) for n in (0, 1))
        if (*steps, 2) in self._leaves or (*steps, 2) in self._inner:
            raise Unfit
        return f"{x}.__class__ is {y}.__class__ is float", x, y, "False" if optional else ""

    def raw(self, path: Path, *, optional: bool) -> str:
        """The value of a hole, or None when the form has no such place."""
        leaf = self._leaves.get(path_steps(path))
        if leaf is None:
            if not optional or path_steps(path) in self._inner:
                raise Unfit
            return self.share("None")
        if leaf.kind == "word":
            return self.share(_WORDS[leaf.pieces[0].text])
        if leaf.mark:
            raise Unfit
        if leaf.pieces[0].pinned:
            if leaf.kind == "number":
                raise Unfit
            return self.share(repr(leaf.pieces[0].text))
        (piece,) = leaf.pieces
        if piece.pattern == _WRITTEN:
            piece.pattern = _NUMBER  # nobody looks at it again
        elif piece.pattern == _LOOKED_UP:
            piece.pattern = _TEXT
        hole = self._hole(piece)
        return hole if leaf.kind == "text" else self.share(f"float({hole}) if '.' in {hole} else int({hole})")

    def function(self, name: str, comment: str = "") -> str:
        """The whole function; what it matches is the global ``match``."""
        groups = "".join(f"{piece.group}, " for piece in self._pieces() if piece.group)
        body = "\n".join(f"    {line}" for line in self._lines)
        head = f"    m = match(text)\n    if m is None:\n        return None\n    {groups}= m.groups()\n"
        return f"def {name}(text):{comment and '  # ' + comment}\n{head}{body}\n"

    # The form --------------------------------------------------------------------------------------------------

    def form(self) -> tuple[str, ...]:
        """What two samples of one form have in common: what stands between the values, and how these are used."""
        return tuple(what if isinstance(what, str) else self._use(what) for what in self._layout())

    def spare(self) -> list[str]:
        """Values that nothing reads, in order."""
        return [piece.text for piece in self._pieces() if not piece.group and not piece.pinned]

    def pattern(self, differ: set[int]) -> str:
        """The regular expression; of the values that nothing reads, those in ``differ`` are holes."""
        parts, spare = [], 0
        for what in self._layout():
            if isinstance(what, str):
                parts.append(re.escape(what))
            elif what.group:
                parts.append(f"({what.pattern})")
            elif what.pinned:
                parts.append(re.escape(what.text))
            else:
                parts.append(what.pattern if spare in differ else re.escape(what.text))
                spare += 1
        return "".join(parts)

    @staticmethod
    def _use(piece: _Piece) -> str:
        return f"\0{piece.group}\0{piece.pattern}\0{piece.text if piece.pinned else ''}"

    def _layout(self) -> Iterator[str | _Piece]:
        at = 0
        for leaf in self._leaves.values():  # as they stand in the text
            yield self._text[at : leaf.start]
            for number, piece in enumerate(leaf.pieces):
                if number:
                    yield leaf.mark
                yield piece
            at = leaf.end
        yield self._text[at:]

    def _pieces(self) -> Iterator[_Piece]:
        return (piece for leaf in self._leaves.values() for piece in leaf.pieces)

    def _leaf(self, path: Path) -> _Leaf:
        leaf = self._leaves.get(path_steps(path))
        if leaf is None:
            raise Unfit
        return leaf

    def _cut(self, leaf: _Leaf, mark: str, item: int, *, rest: bool) -> _Piece:
        """The piece for one part; pieces lie between the marks, and the rest, if wanted, is one piece."""
        if not leaf.mark:
            if leaf.pieces[0].group or leaf.pieces[0].pinned:
                raise Unfit
            leaf.mark, word = mark, rf'[^"\\\x00-\x1f{re.escape(mark)}]*+'
            leaf.pieces = [_Piece(part, word) for part in leaf.pieces[0].text.split(mark)]
        if leaf.mark != mark or item >= len(leaf.pieces):
            raise Unfit
        if leaf.rest >= 0 and (leaf.rest != item if rest else leaf.rest <= item):
            raise Unfit
        if rest and leaf.rest < 0:
            after = leaf.pieces[item:]
            if any(piece.group or piece.pinned for piece in after):
                raise Unfit
            leaf.pieces[item:] = [_Piece(mark.join(piece.text for piece in after), _TEXT)]
            leaf.rest = item
        return leaf.pieces[item]

    def _hole(self, piece: _Piece) -> str:
        if piece.pinned:
            return self.share(repr(piece.text))
        if not piece.group:
            self._holes += 1
            piece.group = f"g{self._holes}"
        return piece.group
