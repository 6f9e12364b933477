"""Writes one function of generated Python, line by line; see :mod:`ioc.pipeline.mapping_fast`.

The text works on ``n``, the decoded native record. Whatever cannot be written as a literal stands in ``names``, the
globals of the generated module. Everything that comes from a table is written with ``repr``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ioc.pipeline.mapping_table import Value, path_steps

Path = str | list[str | int]


class Text:
    """The lines of one function so far.

    Args:
        prefix: begins the names of this function's objects.
        names: globals of the generated module, shared by its functions.
        kept: what functions of several modules share, by name.
    """

    def __init__(self, prefix: str, names: dict[str, Any], kept: dict[str, Any]) -> None:
        self._prefix, self._names, self._kept = prefix, names, kept
        self._lines: list[str] = []
        self._shared: dict[str, str] = {}
        self._count = 0

    def function(self, name: str, comment: str = "") -> str:
        """The whole function."""
        body = "\n".join(f"    {line}" for line in self._lines)
        return f"def {name}(n):{comment and '  # ' + comment}\n{body}\n"

    def say(self, *lines: str) -> None:
        """Add lines."""
        self._lines += lines

    def give_up_if(self, condition: str) -> None:
        """Leave the record to the careful way."""
        self.say(f"if {condition}:", "    return None")

    def name(self, thing: object) -> str:
        """A global that holds ``thing``."""
        name = f"{self._prefix}{len(self._names)}"
        self._names[name] = thing
        return name

    def kept(self, what: str, make: Callable[[], object]) -> str:
        """A global made once for all functions of this kind of record: a memory of pieces is not held twice."""
        name = f"{self._prefix}{what}"
        if name not in self._kept:
            self._kept[name] = make()
        self._names[name] = self._kept[name]
        return name

    def variable(self, expression: str) -> str:
        """A new variable with the value of ``expression``."""
        self._count += 1
        self.say(f"v{self._count} = {expression}")
        return f"v{self._count}"

    def share(self, expression: str) -> str:
        """A variable with the value of ``expression``, which is computed once; the variable must not be changed."""
        if expression.isidentifier() and expression != "None":
            return expression
        known = self._shared.get(expression)
        if known is None:
            known = self._shared[expression] = self.variable(expression)
        return known

    # What depends on the form of ``n``; a stencil has its own answers, see :mod:`ioc.pipeline.mapping_stencil`.

    def native(self) -> str:
        """Expression of the whole decoded record."""
        return "n"

    def fixed(self, value: Value) -> bool:
        """Whether the value is the same for all that this function reads, and has been looked at already."""
        return False

    def give_up_if_present(self, key: str) -> None:
        """Leave records with this key to the careful way."""
        self.give_up_if(f"{key!r} in n")

    def give_up_unless_id(self, variable: str, is_id: Callable[[str], object]) -> None:
        """Leave a record to the careful way whose id is none; raises for what is no text."""
        self.give_up_if(f"{self.name(is_id)}({variable}) is None")

    def give_up_unless_text(self, variable: str) -> None:
        """Leave a record to the careful way that has something else than a text there."""
        self.give_up_if(f"{variable}.__class__ is not str")

    def whole(self, path: Path) -> str | None:
        """Expression of a whole number 0 to 10¹⁵, where a form promises one; None: what it is must be looked at."""
        return None

    def written(self, path: Path) -> str | None:
        """Variable with a number as it is written, to look it up by; None: it is decoded already."""
        return None

    def looked_up(self, path: Path, *, optional: bool) -> str:
        """As :meth:`raw`, for what is only looked up in a memory of pieces, which holds clean texts alone."""
        return self.raw(path, optional=optional)

    def part(self, path: Path, mark: str, item: int, *, rest: bool) -> str:
        """Expression of one part of a text that is cut at a mark; only texts can be cut, anything else raises."""
        raw = self.raw(path, optional=False)
        return f"{self.share(f'{raw}.split({mark!r}, {item if rest else item + 1})')}[{item}]"

    def pair(self, path: Path, *, optional: bool) -> tuple[str, str, str, str]:
        """A list of two floats: condition that it is one, its two items, condition that it is absent (or empty)."""
        raw = self.raw(path, optional=optional)
        is_pair = f"{raw}.__class__ is list and len({raw}) == 2 and {raw}[0].__class__ is {raw}[1].__class__ is float"
        return is_pair, f"{raw}[0]", f"{raw}[1]", f"{raw} is None" if optional else ""

    def raw(self, path: Path, *, optional: bool) -> str:
        """Variable with what stands at a path; must not be changed.

        An absent optional value is None. For another one the text raises, and a null value still is None.
        """
        first, *steps = path_steps(path)
        here = self.share(f"n.get({first!r})" if optional else f"n[{first!r}]")
        for step in steps:
            if not optional:
                if isinstance(step, int):
                    self.give_up_if(f"{here}.__class__ is not list")
                here = self.share(f"{here}[{step!r}]")
            elif isinstance(step, int):
                here = self.share(f"{here}[{step}] if {here}.__class__ is list and len({here}) > {step} else None")
            else:  # only objects have .get; anything else raises
                here = self.share(f"{here}.get({step!r}) if {here} is not None else None")
        return here
