"""A list of readings in one JSON record → one native record per element, each with its own fate, as lines have.

The native record of an element is the whole record with the element where the list stood, so what stands outside the
list (the station, the time of sending) is read for each of them. A record that is itself a list has nothing outside.
"""

from __future__ import annotations

from typing import Any

import orjson

from ioc.errors import BadInput
from ioc.pipeline.mapping_json import decode_list, decode_object

ELEMENTS_MAX = 5_000  # as many as lines of text, unless these are told otherwise


class Element:
    """One element of a record's list; ``number`` from 1."""

    __slots__ = ("_outside", "_steps", "_value", "number")

    def __init__(self, number: int, value: Any, outside: dict[str, Any], steps: tuple[str, ...]) -> None:
        self.number, self._value, self._outside, self._steps = number, value, outside, steps

    def native(self) -> dict[str, Any]:
        """The native record of this element.

        Raises:
            BadInput: ``not_object``, for an element of a record that is itself a list.
        """
        if self._steps:
            return _put(self._outside, self._steps, self._value)
        if self._value.__class__ is not dict:
            raise BadInput("not_object", "", f"element {self.number} of the list is not an object")
        return self._value

    @property
    def text(self) -> bytes:
        """By itself a complete record: with this element alone in the list."""
        return orjson.dumps(_put(self._outside, self._steps, [self._value]) if self._steps else [self._value])


def cut_elements(data: bytes, steps: tuple[str, ...]) -> list[Element]:
    """All elements of the list that stands at ``steps``, or that the record is.

    Raises:
        BadInput: the record as a whole is of no use: a reason of the decoder, ``schema`` or ``too_big``.
    """
    path = ".".join(steps)
    outside: dict[str, Any] = {}
    if not steps:
        found: Any = decode_list(data)
    else:
        found = outside = decode_object(data)
        for step in steps:
            found = found.get(step) if found.__class__ is dict else None
    if found.__class__ is not list or not found:
        raise BadInput("schema", path, "must be a list of at least one reading")
    if len(found) > ELEMENTS_MAX:
        raise BadInput("too_big", path, f"{len(found)} elements, at most {ELEMENTS_MAX} are allowed")
    return [Element(number, value, outside, steps) for number, value in enumerate(found, 1)]


def _put(outside: dict[str, Any], steps: tuple[str, ...], value: Any) -> dict[str, Any]:
    """A copy with ``value`` at ``steps``; what is beside the way is shared."""
    made = {**outside}
    here = made
    for step in steps[:-1]:
        here[step] = {**here[step]}
        here = here[step]
    here[steps[-1]] = value
    return made
