"""The quick way for well-formed records: a format table written out as Python and compiled once.

:mod:`ioc.pipeline.mapping` reads any record with any mistake and says what is wrong; that costs a call or two per
field. Nearly all records are in order, and for those the same table is turned into straight code: one function per
kind of record, made of look-ups and class checks, whose results are pieces of canonical JSON. ``FastReader.source`` is
the text.

The contract, held by property tests: for any decoded record ``read`` gives exactly what the careful way gives, or
None, or raises any exception; in the last two cases the careful way decides. No reason is ever given here. So each line
may be stricter than the careful way, and never more lenient.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from types import CodeType
from typing import Any

from ioc.pipeline.mapping_payload import write_payload
from ioc.pipeline.mapping_pieces import instant_reader
from ioc.pipeline.mapping_table import FormatTable, Value, path_steps
from ioc.pipeline.mapping_text import Text
from ioc.pipeline.mapping_values import getter, read_time_of, reader, time_reader
from ioc.pipeline.validate import EXACT_INT_MAX, is_id

Native = dict[str, Any]
Box = tuple[float, float, float, float]
# number of the kind of record, id, time, its canonical text, native site, sequence, payload
Found = tuple[int, str, int, bytes, str, int | None, bytes]


class FastReader:
    """The compiled table.

    Attributes:
        source: the generated text.
        read: native record → :data:`Found`; None when the careful way must decide.
    """

    def __init__(self, table: FormatTable, box: Box | None) -> None:
        names: dict[str, Any] = {}
        self.kept: dict[str, Any] = {}  # memories of pieces, which stencils share
        quick = [(kind.area or table.area) is None for kind in table.records]  # places by name go the careful way
        parts = []
        for number, kind in enumerate(table.records):
            if quick[number]:
                text = Text(f"k{number}_", names, self.kept)
                write_kind(text, number, table, box)
                parts.append(text.function(f"k{number}", kind.type))
        self.source = "\n\n".join([*parts, _dispatch(table, quick, names)])
        exec(_compiled(self.source), names)
        self.read: Callable[[Native], Found | None] = names["read"]


@lru_cache(maxsize=64)
def _compiled(source: str) -> CodeType:
    return compile(source, "<format table>", "exec")


def _dispatch(table: FormatTable, quick: list[bool], names: dict[str, Any]) -> str:
    """``read``: kinds are tried in their order, their conditions exactly as the careful way tests them."""
    text = Text("r", names, {})
    for number, kind in enumerate(table.records):
        tests = [_condition(text, path, allowed) for path, allowed in kind.when.items()]
        then = f"k{number}(n)" if quick[number] else "None"
        text.say(f"if {' and '.join(tests) or 'True'}:", f"    return {then}")
    text.say("return None")
    return text.function("read")


def _condition(text: Text, path: str, allowed: str | int | list[str | int]) -> str:
    values = allowed if isinstance(allowed, list) else [allowed]
    steps = path_steps(path)
    found = text.share(f"n.get({steps[0]!r})" if len(steps) == 1 else f"{text.name(getter(path))}(n)")
    if len(values) == 1 and isinstance(values[0], str):
        return f"{found} == {values[0]!r}"
    if all(isinstance(value, str) for value in values):
        return f"{found} in {text.name(frozenset(values))}"
    # with the class: 1, 1.0 and true are equal in Python, but not the same code
    return f"({found}.__class__, {found}) in {text.name(frozenset((value.__class__, value) for value in values))}"


def write_kind(text: Text, number: int, table: FormatTable, box: Box | None) -> None:
    """Write the lines that read one kind of record."""
    kind = table.records[number]
    _check(text, table.centre.from_, table.centre.accept)
    if table.version is not None:
        _check(text, table.version.from_, table.version.accept)
    if table.exercise is not None:
        if table.exercise.path is None:
            text.say("return None  # every record is of a drill")
        else:
            text.give_up_if_present(str(path_steps(table.exercise.path)[0]))
    event_id = text.share(_envelope(text, kind.id or table.id))
    text.give_up_unless_id(event_id, is_id)
    time_ms, time_text = _time(text, kind.time or table.time)
    site = text.share(_envelope(text, kind.site or table.site))
    text.give_up_unless_text(site)
    sequence = _sequence(text, kind.sequence or table.sequence)
    data = write_payload(text, kind, box)
    text.say(f"return {number}, {event_id}, {time_ms}, {time_text}, {site}, {sequence}, {data}")


def _envelope(text: Text, value: Value | None) -> str:
    """Expression of a value that is read as it is: id, site, centre, version."""
    assert value is not None, "the table was checked"
    if value.path is None or value != Value(path=value.path, split=value.split, item=value.item, rest=value.rest):
        return text.share(f"{text.name(reader(value, 'any'))}({text.native()})")
    if value.split is None:
        return text.raw(value.path, optional=False)
    return text.part(value.path, value.split, value.item, rest=value.rest)


def _check(text: Text, value: Value, accept: list[Any]) -> None:
    if text.fixed(value):
        return
    found = text.share(_envelope(text, value))
    if all(isinstance(one, str) for one in accept):
        text.give_up_if(f"{found} not in {text.name(frozenset(accept))}")
    else:
        text.give_up_if(
            f"({found}.__class__, {found}) not in {text.name(frozenset((one.__class__, one) for one in accept))}"
        )


def _as_is(time_ms: Any, _path: str) -> int:
    return time_ms  # type: ignore[no-any-return]


def _time(text: Text, value: Value | None) -> tuple[str, str]:
    assert value is not None, "the table was checked"
    if value.path is None:
        ms, instant = time_reader(value), instant_reader(Value(path="-", time="epoch_ms"), _as_is)
        found = text.share(f"{text.name(instant)}({text.name(ms)}({text.native()}))")
    else:
        instant_name = text.kept("time", lambda: instant_reader(value, read_time_of(value)))
        # Within a text, what a time is written with is neither backslash nor control character, or it is looked up.
        found = text.share(f"{instant_name}({text.looked_up(value.path, optional=False)})")
    return f"{found}[0]", f"{found}[1]"


def _sequence(text: Text, value: Value | None) -> str:
    """A whole number or a text of digits, as the careful way takes it."""
    if value is None:
        return "None"
    if value != Value(path=value.path, optional=value.optional) or value.path is None:
        raw, optional = text.share(f"{text.name(reader(value, 'any'))}({text.native()})"), value.optional
    else:
        whole = text.whole(value.path)
        if whole is not None:
            return whole
        raw, optional = text.raw(value.path, optional=value.optional), value.optional
    number = text.variable(raw)
    text.say(
        f"if {number}.__class__ is str and len({number}) <= 20 and {number}.isdecimal() and {number}.isascii():",
        f"    {number} = int({number})",
        f"if {number}.__class__ is not int or not 0 <= {number} <= {EXACT_INT_MAX}:",
        f"    if {number} is not None:" if optional else "    if True:",
        "        return None",
    )
    return number
