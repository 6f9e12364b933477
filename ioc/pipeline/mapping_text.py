"""Writes one function of generated Python, line by line; see :mod:`ioc.pipeline.mapping_fast`.

The text works on ``n``, the decoded native record. Whatever cannot be written as a literal stands in ``names``, the
globals of the generated module. Everything that comes from a table is written with ``repr``.
"""

from __future__ import annotations

from typing import Any

from ioc.pipeline.mapping_table import path_steps


class Text:
    """The lines of one function so far.

    Args:
        prefix: begins the names of this function's objects.
        names: globals of the generated module, shared by its functions.
    """

    def __init__(self, prefix: str, names: dict[str, Any]) -> None:
        self._prefix, self._names = prefix, names
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

    def variable(self, expression: str) -> str:
        """A new variable with the value of ``expression``."""
        self._count += 1
        self.say(f"v{self._count} = {expression}")
        return f"v{self._count}"

    def share(self, expression: str) -> str:
        """A variable with the value of ``expression``, which is computed once; the variable must not be changed."""
        known = self._shared.get(expression)
        if known is None:
            known = self._shared[expression] = self.variable(expression)
        return known

    def raw(self, path: str | list[str | int], *, optional: bool) -> str:
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
